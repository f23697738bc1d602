"""Tend the incidents of an account: after each run and verification, and whenever somebody watches it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from exitplan.brokers.clock_offset import TOLD
from exitplan.executor.accounts.account import Account
from exitplan.executor.escalation.climbing import Incident, Situation, Trouble, tend_incidents
from exitplan.executor.escalation.clock import compare_clocks
from exitplan.executor.escalation.incidents import IncidentFile, open_incidents
from exitplan.executor.escalation.troubles import Sighting, find_sightings
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.port import AccountStore


@contextmanager
def tended_after(account: Account, *, only_failures: bool = False) -> Iterator[None]:
    """Tend the account's incidents after the block, also where it fails; with ``only_failures`` only then."""
    try:
        yield
    except Exception:
        tend(account, account.clock())
        raise
    if not only_failures:
        tend(account, account.clock())


def tend(account: Account, now: datetime) -> tuple[Incident, ...]:
    """Open, climb and end the incidents of an account by what its journal says; returns those that are open.

    A clock that is off the venue's is told here too. It never ends a run: what goes wrong here is logged, and the next
    tending makes up for it.
    """
    try:
        return _tended(account, now)
    except Exception as error:  # noqa: BLE001 - the run that this follows has ended, and its outcome stands
        note(RUN, "incidents_not_tended", level=logging.ERROR, account=account.id, message=str(error))
        return ()


def _tended(account: Account, now: datetime) -> tuple[Incident, ...]:
    ladders, offset = account.rulebook.policy.escalation, account.clock_offset
    is_right = offset is None or offset.problem(TOLD) is None
    if is_right and not ladders and not account.store.may_have_incidents():
        return ()
    if not account.store.has_journal():
        return ()  # nothing was ever remembered of it
    with open_incidents(account.store) as file:
        compare_clocks(account, file, now)
        if not ladders and not file.has_work():
            return ()
        found = find_sightings(account)
        with file.changing():
            before = file.open()
            tended = tend_incidents(ladders, before, _situation(account, now, found, file))
            file.put(tended, before, now)
        for incident in tended.incidents:
            _log(account, incident, before)
        file.raise_untold(account.store)
    return tended.open


def _situation(
    account: Account, now: datetime, found: dict[str, list[Sighting] | None], file: IncidentFile
) -> Situation:
    unread = [kind for kind, sightings in found.items() if sightings is None]
    sightings = [(kind, one) for kind, those in found.items() for one in those or ()]
    first = file.first_seen([(kind, one.subject) for kind, one in sightings], now, unread)
    troubles = [
        Trouble(kind, one.subject, one.since or first[kind, one.subject], one.failures, one.is_given_up, one.reason)
        for kind, one in sightings
    ]
    interval = timedelta(seconds=int(account.rulebook.policy.unwind_interval_minutes * 60))
    return Situation(account.id, now, troubles, unread, interval, file.count())


def _log(account: Account, incident: Incident, before: tuple[Incident, ...]) -> None:
    known = {one.id: one for one in before}
    if incident.ended_at is not None:
        note(RUN, "incident_ended", account=account.id, incident=incident.id, how=incident.ended_how)
    elif incident.id not in known:
        note(
            RUN,
            "incident_opened",
            level=logging.WARNING,
            account=account.id,
            incident=incident.id,
            about=incident.kind,
            subject=incident.subject,
        )


def incidents_in(store: AccountStore, *, ended: bool = False) -> tuple[Incident, ...]:
    """Return the open incidents of an account as they were tended last, else those that have ended, the newest first.

    Raises FileIsInvalid for a damaged journal, DataFolderUnusable.
    """
    if not store.has_journal():
        return ()
    with open_incidents(store) as file:
        return file.ended() if ended else file.open()
