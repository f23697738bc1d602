"""The checks of a clean account in words: what each is called, what it has found, and what fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from exitplan.ruleset.planning.plan_types import (
    CheckReport,
    PositionCount,
    RegisteredPositions,
    StaleOrders,
    ZombiePositions,
)
from exitplan.ruleset.planning.words import counted

Check = PositionCount | ZombiePositions | RegisteredPositions | StaleOrders
_MOST_NAMED = 4
_LONGEST_ID = 12
_ID_END = 4
CHECK_NAMES = {
    "position_count": "within the cap",
    "zombie_positions": "no zombies",
    "registered_positions": "all registered",
    "stale_orders": "no stale orders",
}
"""The four checks, as what holds where they pass."""
CHECK_FAILURES = {
    "position_count": "too many positions",
    "zombie_positions": "zombies",
    "registered_positions": "unregistered positions",
    "stale_orders": "stale orders",
}
"""The four checks, as what is wrong where they fail."""


class FurtherCheck(Struct, frozen=True, gc=False):
    """A check beside the four, shown only where it fails: its name, what fails, and what it has found."""

    label: str
    failure: str
    failing: Callable[[CheckReport], Sequence[str]]


def short_id(order_id: str) -> str:
    """Shorten a long id to its two ends: ids that follow each other differ in the last digits only."""
    return order_id if len(order_id) <= _LONGEST_ID else f"{order_id[:_ID_END]}..{order_id[-_ID_END:]}"


def _surprise(checks: CheckReport) -> Sequence[str]:
    return () if checks.balance_surprise is None else (checks.balance_surprise,)


def _short(orders: Sequence[str]) -> Sequence[str]:
    return [short_id(order) for order in orders]


FURTHER = (
    FurtherCheck("prices agree", "prices that contradict each other", lambda checks: checks.implausible),
    FurtherCheck("no debts", "debts", lambda checks: checks.debts),
    FurtherCheck("orders are judged", "orders of unknown age or kind", lambda checks: _short(checks.unjudged_orders)),
    FurtherCheck(
        "nothing reopens", "orders that open again what is closed", lambda checks: _short(checks.reopening_orders)
    ),
    FurtherCheck("paid in money", "proceeds that are no money", lambda checks: checks.proceeds),
    FurtherCheck("balance as left", "a balance that nobody expected", _surprise),
    FurtherCheck("all was read", "what exitplan cannot read at this venue", lambda checks: checks.unread),
)
"""The checks beside the four."""


def failures(checks: CheckReport) -> str:
    """Name what keeps the account from being clean."""
    failed = [failure for name, failure in CHECK_FAILURES.items() if not getattr(checks.checks, name).passed]
    failed += ["positions that could not be judged"] if checks.deferred else []
    return ", ".join([*failed, *(further.failure for further in FURTHER if further.failing(checks))])


def found_by(check: Check) -> str:
    """Return what one check found."""
    if isinstance(check, PositionCount):
        return f"{check.current:,} of {check.max:,}"
    if isinstance(check, ZombiePositions):
        return named(check.symbols) or "none"
    if isinstance(check, RegisteredPositions):
        under_way = f"; {len(check.unwinding):,} unwinding" if check.unwinding else ""
        return f"{check.registered:,}" if check.passed else f"not {named(check.unregistered)}{under_way}"
    if not check.stale:
        return f"none of {counted(check.total, 'order')}"
    return f"{len(check.stale):,} of {check.total:,}: {named(_short(check.stale))}"


def named(names: Sequence[str]) -> str:
    """List names, of many the first few."""
    rest = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def check_notes(checks: CheckReport) -> list[tuple[str, str]]:
    """Return what is worth a note beside the checks: its label, and whom it is about."""
    dust = checks.checks.zombie_positions.tolerated_dust
    notes = [("tolerated dust", dust), ("could not be judged", checks.deferred)]
    return [(label, named(keys)) for label, keys in notes if keys]
