"""Acknowledge incidents: a person takes one, so that its ladder waits. A run at work is not disturbed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from exitplan.executor.escalation.climbing import Ack, Incident
from exitplan.executor.escalation.incidents import open_incidents
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.language.problems import nearest


def acknowledge(stores: Mapping[str, AccountStore], incident_id: str, ack: Ack) -> tuple[str, Incident]:
    """Note a person's word on an open incident of one of the accounts; returns the account and the incident before.

    Raises UsageError where there is no such incident, it is over, or there is nothing to take back, and what
    keeps a journal from being read where it may be in that one.
    """
    account, incident = _find(stores, incident_id)
    if ack.is_undone and not incident.is_silenced(ack.at):
        raise UsageError(f"nobody has acknowledged the incident {incident_id}", hint="there is nothing to take back")
    with open_incidents(stores[account]) as file:
        file.acknowledge(incident.id, ack)
    step = "incident_ack_undone" if ack.is_undone else "incident_acknowledged"
    note(RUN, step, account=account, incident=incident.id, by=ack.by, until=ack.until, why=ack.why)
    return account, incident


def _find(stores: Mapping[str, AccountStore], incident_id: str) -> tuple[str, Incident]:
    """Find an open incident by its id or the beginning of it.

    One journal that cannot be read hides no incident of another.
    """
    known: dict[str, tuple[str, Incident]] = {}
    ended: dict[str, Incident] = {}
    problem: ExitplanError | None = None
    for account, store in stores.items():
        try:
            known |= {one.id: (account, one) for one in incidents_in(store)}
            ended |= {one.id: one for one in incidents_in(store, ended=True)}
        except ExitplanError as error:
            problem = error
    meant = [one for one in known if one == incident_id] or [one for one in known if one.startswith(incident_id)]
    if len(meant) == 1:
        return known[meant[0]]
    if problem is not None:
        raise problem
    if meant:
        raise UsageError(f"{incident_id!r} is the beginning of several ids", hint=f"which one: {', '.join(meant)}?")
    raise _no_such(incident_id, known, ended)


def _no_such(incident_id: str, known: Collection[str], ended: Mapping[str, Incident]) -> UsageError:
    if incident_id in ended:
        return UsageError(f"the incident {incident_id} has ended: {ended[incident_id].ended_how}")
    if not known:
        return UsageError(f"there is no incident {incident_id!r}; none is open", hint="see exitplan incidents --ended")
    near = nearest(incident_id, known)
    hint = f"did you mean {near!r}?" if near else f"the open incidents are {', '.join(known)}"
    return UsageError(f"there is no incident {incident_id!r}", hint=hint)
