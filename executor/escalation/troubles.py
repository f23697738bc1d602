"""Find what is wrong with an account now, in its journal and state; its venue is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.manual_resolution import unresolved_in
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.state import State, known_state
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.language.escalation import ESCALATION_KINDS
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.checks import AccountState

UNREADABLE = "its state cannot be read"


class _NobodyKnows(Exception):
    """Whether something is wrong cannot be told at the moment."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that is wrong now; without ``since`` it counts from when it was first seen."""

    subject: str
    since: datetime | None = None
    failures: int = 0
    is_given_up: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What is remembered of an account."""

    account: Account
    journal: Journal
    state: State


def find_sightings(account: Account) -> dict[str, list[Sighting] | None]:
    """Return what is wrong by its kind; None where nobody can find out. The state file is not looked at.

    An account of which nothing can be found out is not CLEAN.
    """
    try:
        with account.store.open_journal() as journal:
            state = known_state(journal) or State()
            remembered = _Remembered(account, journal, state)
            return {kind: _found(_FINDERS[kind], remembered) for kind in ESCALATION_KINDS}
    except (ExitplanError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return {**dict.fromkeys(ESCALATION_KINDS), "not_clean": [Sighting(account.id, reason=UNREADABLE)]}


def _found(find: Callable[[_Remembered], Iterator[Sighting]], remembered: _Remembered) -> list[Sighting] | None:
    try:
        return list(find(remembered))
    except (_NobodyKnows, ExitplanError, KeyError):  # such as a plan of another version
        return None


def _failed_zombies(remembered: _Remembered) -> Iterator[Sighting]:
    state = remembered.state
    for key in sorted({*state.failed_exits, *state.escalated}):
        is_zombie = (state.classified.get(key) or {}).get("category") == Category.ZOMBIE_LEGACY.value
        given_up = state.escalated.get(key)
        if is_zombie or given_up is not None:
            failures = state.failed_exits.get(key, 0)
            said = f"failed exits: {failures}"
            reason = said if given_up is None else str(given_up.get("reason") or said)
            yield Sighting(key, None, failures, given_up is not None, reason)


def _unknown_orders(remembered: _Remembered) -> Iterator[Sighting]:
    """Find orders that nobody can settle; while a run at work has some under way, nobody can say which these are."""
    unresolved = unresolved_in(remembered.journal)
    at_work = _run_at_work(remembered) if unresolved else None
    if at_work is not None and any(intent.fence == at_work and intent.status == "sending" for *_, intent in unresolved):
        raise _NobodyKnows
    for _, action, intent in unresolved:
        reason = f"{action.kind} {action.symbol} {plain(action.quantity)}"
        yield Sighting(action.client_order_id, intent.sent_at, intent.attempt, reason=reason)


def _run_at_work(remembered: _Remembered) -> int | None:
    """Return the number of the run that is at work on this machine now; None where none is."""
    newest = next(iter(remembered.journal.runs()), None)
    if newest is None or newest["ended_at"] is not None:
        return None
    is_held = remembered.account.store.is_held_by(newest["pid"], newest["host"])
    return int(newest["run"]) if is_held else None


def _unwinds(remembered: _Remembered) -> Iterator[Sighting]:
    for key, unwind in sorted(remembered.state.unwinds.items()):
        reason = f"cycles done: {unwind.cycle}"
        yield Sighting(key, unwind.last_cycle_at or unwind.started_at, reason=reason)


def _not_clean(remembered: _Remembered) -> Iterator[Sighting]:
    mark, known = remembered.account.store.find_mark(), remembered.state.account_state
    if mark is not None or known is not AccountState.CLEAN:
        yield Sighting(remembered.account.id, reason=mark or (known or AccountState.UNKNOWN).value)


_FINDERS: Mapping[str, Callable[[_Remembered], Iterator[Sighting]]] = {
    "zombie_exit_failed": _failed_zombies,
    "order_unknown": _unknown_orders,
    "unwind_stalled": _unwinds,
    "not_clean": _not_clean,
}
