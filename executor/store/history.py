"""Look back: past runs, what is under way, and clearing an escalation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from exitplan.executor.accounts.account import Account
from exitplan.executor.approvals.book import open_book
from exitplan.executor.escalation.climbing import Incident
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.plan import read_state
from exitplan.executor.store.audit import open_past
from exitplan.executor.store.group_rows import GroupRow, open_group_run
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.state import (
    State,
    ensure_newest,
    known_state,
    state_from_file,
    state_to_document,
)
from exitplan.ruleset.model.values import meant_symbol, time_text


def past_runs(account: Account) -> list[dict[str, Any]]:
    """Return the account's runs, the newest first; none where it never had any.

    ``done`` and ``refused`` count the actions; those of a run without an end are what the journal has of it.
    ``under_way`` is true for a run that is at work on this machine now. Raises FileIsInvalid where there are none, and
    the state is of a journal that is lost.
    """
    with open_past(account.store) as journal:
        if journal is None:
            return []
        runs = journal.runs()
        newest = max((run["run"] for run in runs), default=0)

        def under_way(run: Mapping[str, Any]) -> bool:
            is_open = run["run"] == newest and run["ended_at"] is None
            return is_open and account.store.is_held_by(run["pid"], run["host"])

        known = [{**run, **_counts(run, journal), "under_way": under_way(run)} for run in runs]
    voters = _voters(account)
    return [{**run, "approved_by": voters.get(run["plan_id"], [])} for run in known]


def _voters(account: Account) -> dict[str, list[dict[str, str]]]:
    """Return who has approved plans that waited for it, and when, by plan."""
    with open_book(account.store) as book:
        return {
            request.plan_id: [{"person": vote.person, "at": time_text(vote.at)} for vote in request.approvers]
            for request in book.requests("applied")
        }


def _counts(run: Mapping[str, Any], journal: Journal) -> dict[str, int]:
    if run["summary"] is not None:
        statuses = [outcome["status"] for outcome in run["summary"].get("outcomes", [])]
    else:  # it was killed, or is at work: what it has sent carries its number
        sent = journal.intents(run["plan_id"]).values()
        statuses = [intent.status for intent in sent if intent.fence == run["run"]]
    return {status: statuses.count(status) for status in ("done", "refused")}


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What exitplan remembers of an account, the ids of the plans that a run left open, and the open incidents.

    ``group_run`` is the plan of its group that it takes part in and that has not ended.
    """

    account: str
    venue: str
    open_plans: tuple[str, ...]
    state: State
    incidents: tuple[Incident, ...] = ()
    group_run: GroupRow | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The status in its JSON form: the state, with the account and the plans before it."""
        head: dict[str, Any] = {"account": self.account, "venue": self.venue, "open_plans": list(self.open_plans)}
        head["incidents"] = [incident.id for incident in self.incidents]
        group = self.group_run
        head["group_run"] = None if group is None else {"group": group.group_name, "group_plan": group.group_plan}
        return {**head, **state_to_document(self.state)}


def account_status(account: Account) -> AccountStatus:
    """Return what is remembered of an account; nothing is asked of its venue."""
    waiting: tuple[str, ...] = ()
    group: GroupRow | None = None
    if account.store.has_journal():
        with account.store.open_journal() as journal:
            waiting = tuple(journal.open_plan_ids())
            group = open_group_run(journal) if waiting else None
    return AccountStatus(account.id, account.venue, waiting, read_state(account), incidents_in(account.store), group)


def retry(account: Account, symbol: str) -> str | None:
    """Clear the failures and the escalation of a position, so that its exit is tried again.

    Returns the symbol as the state has it, None where there was nothing to clear. Raises AccountIsLocked.
    """
    with _writing(account) as journal:
        state = account.store.take_state(journal)
        keys = {*state.failed_exits, *state.escalated}
        wanted = meant_symbol(symbol, keys if "#" in symbol else {key.partition("#")[0] for key in keys})

        def other(key: str) -> bool:
            return wanted not in {key, key.partition("#")[0]}

        kept = replace(
            state,
            failed_exits={key: count for key, count in state.failed_exits.items() if other(key)},
            escalated={key: entry for key, entry in state.escalated.items() if other(key)},
        )
        _replace_state(account, journal, kept)
    return wanted if kept != state else None


def import_state(account: Account) -> State:
    """Take in the state file as it was edited by hand: it becomes the journal's state.

    What it says of a verification, or of the account at the venue, is not taken in.

    Raises FileIsInvalid where the file is missing or broken, AccountIsLocked.
    """
    edited = state_from_file(account.folder.state)
    with _writing(account) as journal:
        known = known_state(journal)
        bound = edited.bound if known is None else known.bound
        edited = replace(edited.unverified, bound=bound)
        _replace_state(account, journal, edited)
    return edited


def restore_state(account: Account) -> State:
    """Write the state file anew from the journal, over whatever edit is there.

    Raises AccountIsLocked, FileIsInvalid where the file knows more than the journal.
    """
    path = account.folder.state
    with _writing(account) as journal:
        ensure_newest(journal, path)
        known = known_state(journal)
        state = known or State()
        if known is None:
            journal.put_state(state_to_document(state))
        account.store.export_state(journal, state, over_edits=True)
    return state


@contextmanager
def _writing(account: Account) -> Iterator[Journal]:
    """Open the account's journal under its lease, and claim it."""
    with account.store.lease(account.clock()), account.store.open_journal() as journal:
        journal.claim()
        yield journal


def _replace_state(account: Account, journal: Journal, state: State) -> None:
    journal.put_state(state_to_document(state))
    account.store.export_state(journal, state, over_edits=True)
