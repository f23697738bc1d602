"""The trading gate: whether a bot may start trading on an account now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exitplan.brokers.identity import Identity
from exitplan.executor.apply.manual_resolution import unresolved_in
from exitplan.executor.apply.staleness import CLOCK_TOLERANCE
from exitplan.executor.store.group_rows import open_group_run
from exitplan.executor.store.port import AccountStore
from exitplan.executor.store.state import State
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.checks import AccountState

DEFAULT_MAX_AGE = timedelta(hours=1)
"""How old a verification may be where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Whether trading may start and why; ``state`` and ``verified_at`` are those of the last verification."""

    open: bool
    reason: str
    state: AccountState | None
    verified_at: datetime | None


def trading_gate(
    where: AccountStore | State,
    max_age: timedelta,
    now: datetime,
    policy_sha256: str | None = None,
    identity: Identity | None = None,
) -> GateAnswer:
    """Open only where the last verification found the account CLEAN, and is at most ``max_age`` old.

    ``policy_sha256`` is the account's own policy as it is now, ``identity`` the account at its venue: a verification
    under another policy, or with parameters set over it, or of another account opens nothing. The venue is not
    contacted. A state that cannot be read, was edited by hand or is not in the journal keeps the gate closed; so do a
    verification that could not be remembered or lies in the future, a halt, a run that is under way or was cut off, and
    an order whose outcome is unknown. Where the clock went backwards, the verification opens nothing later either.
    Raises nothing of its own.
    """
    try:
        state, reason = (where, None) if isinstance(where, State) else _recorded(where, identity, now)
    except ExitplanError as error:
        return GateAnswer(open=False, reason=f"the state cannot be read: {error}", state=None, verified_at=None)
    reason = reason or _obstacle(state, max_age, now) or (None if identity is None else _foreignness(state, identity))
    if reason is None and policy_sha256 is not None and state.verified_policy != policy_sha256:
        reason = "it was verified under another policy, or other parameters, than the account has now"
    said = f"the account was CLEAN at {_time_or_unknown(state.last_verified_at)}"
    return GateAnswer(reason is None, reason or said, state.account_state, state.last_verified_at)


def _recorded(store: AccountStore, identity: Identity | None, now: datetime) -> tuple[State, str | None]:
    """Return the state in the journal, and what keeps the gate closed whatever it says."""
    if not store.has_journal():
        store.ensure_journal()
        return State(), None
    state = store.read_state()
    at = state.last_verified_at
    if at is not None and at > now + CLOCK_TOLERANCE:  # it must not open anything either once that moment has come
        said = f"the last verification, at {_to_the_second(at)}, lies in the future"
        store.mark_gate_closed(f"{said}: the clock went backwards", now)
    return state, _standstill(store, identity)


def _foreignness(state: State, identity: Identity) -> str | None:
    """Return why a verification is not one of this account; None where it is."""
    if state.bound is None:
        return "it was verified by an exitplan that did not note which account at the venue it is"
    difference = state.bound.difference(identity)
    return None if difference is None else f"another account was verified: {difference}"


def _standstill(store: AccountStore, identity: Identity | None) -> str | None:
    """Return what keeps exitplan itself from going on with an account; None where nothing does."""
    halted = store.find_halt()
    if halted is not None:
        return str(halted.error())
    holder = store.seems_held(identity)
    if holder is not None:
        return f"the account is in use {holder}"
    mark = store.find_mark()
    if mark is not None:
        return f"verify it anew: {mark}"
    with store.open_journal() as journal:
        waiting, open_plans = len(unresolved_in(journal)), journal.open_plan_ids()
        group = open_group_run(journal) if open_plans else None
    if waiting:
        return f"the outcome of {waiting} of its orders is not known yet"
    if group is not None:
        return f"{group.text}; {group.hint}"
    return f"the plan {open_plans[0]} was not applied to its end" if open_plans else None


def _obstacle(state: State, max_age: timedelta, now: datetime) -> str | None:
    """Return what keeps the gate closed; None where nothing does."""
    known, at = state.account_state, state.last_verified_at
    if known is None or at is None:
        return "the account was never verified"
    if known is not AccountState.CLEAN:
        return f"the account was {known.value} when it was last verified, at {_to_the_second(at)}"
    if at > now:
        return f"the last verification, at {_to_the_second(at)}, lies in the future: a clock is wrong"
    if now - at > max_age:
        return f"the last verification, at {_to_the_second(at)}, is older than {max_age}"
    return None


def _time_or_unknown(at: datetime | None) -> str:
    return "an unknown time" if at is None else _to_the_second(at)


def _to_the_second(at: datetime) -> str:
    return time_text(at.replace(microsecond=0))


def gate_document(answer: GateAnswer, age: timedelta) -> dict[str, Any]:
    """Write an answer in its JSON form, with how old a verification may be."""
    return {
        "open": answer.open,
        "reason": answer.reason,
        "state": None if answer.state is None else answer.state.value,
        "verified_at": None if answer.verified_at is None else time_text(answer.verified_at),
        "max_age_seconds": int(age.total_seconds()),
    }
