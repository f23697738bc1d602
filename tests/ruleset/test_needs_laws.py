"""What nobody asks the venue for could not have changed anything."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.engine.data_requirements import positions_needing_basis, positions_needing_conversion
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Position, Snapshot
from exitplan.ruleset.model.values import is_derivative
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from tests.builders import NOW
from tests.ruleset.accounts_strategy import accounts, book, cases, moments, prices

OPEN: dict[str, Any] = {"max_positions": 10_000}
RANKED: list[dict[str, Any]] = [
    {"max_positions": most, "cap": {"scope": scope, "rank_by": ranks}}
    for most, scope, ranks in (
        (2, "all", ["pnl_pct"]),
        (3, "legacy", ["oldest", "value_usd"]),
        (0, "all", ["value_usd"]),
    )
]
WINNERS = {"id": "winners", "category": "ZOMBIE_LEGACY", "when": {"not": {"pnl_pct": {"lte": 0}}}}
OLD = {"id": "old", "when": {"tracked": False, "age_minutes": {"gt": 60}}, "action": "close"}
UNAGED = {"id": "unaged", "when": {"any": [{"age_minutes": {"exists": False}}, {"tracked": True}]}, "action": "unwind"}
LOSERS_STAY = {"when": {"not": {"pnl_pct": {"gt": 0}}}, "do": "sell"}
POLICIES: list[dict[str, Any]] = [
    OPEN,
    {**OPEN, "classification": [WINNERS]},
    {**OPEN, "exits": [OLD, UNAGED]},
    {**OPEN, "base": "conservative"},
    {**OPEN, "never": [LOSERS_STAY]},
    {"max_positions": 2},
    *RANKED,
]


def outcomes(rules: Rulebook, account: Snapshot) -> list[tuple[Any, ...]]:
    draft = draft_plan(PlanInput(rules, account, NOW))
    return [
        (found.key, found.category, found.rule, None if found.is_deferred else found.exit, forbidden(draft, found.key))
        for found in draft.decisions
    ]


def needing_basis(rules: Rulebook, account: Snapshot) -> tuple[Position, ...]:
    return positions_needing_basis(
        rules.policy, Observation.of(account, rules.policy, Progress(), NOW).account.positions
    )


def forbidden(draft: Draft, key: str) -> bool:
    blocked = draft.exits[key].blocked
    return blocked is not None and blocked.reason == "invariant"


def answered(found: Position, price: Decimal, moment: datetime | None) -> Position:
    entry = found.entry_price if found.entry_price and found.entry_price > 0 else price
    return replace(found, entry_price=entry, opened_at=found.opened_at or moment)


@given(accounts(), st.sampled_from(POLICIES), prices, moments)
def test_a_basis_that_is_not_needed_changes_no_outcome(
    account: Snapshot, changes: dict[str, Any], price: Decimal, moment: datetime | None
) -> None:
    rules = book(changes)
    needed = {found.key for found in needing_basis(rules, account)}
    told = [
        found
        if found.key in needed or is_derivative(found.symbol) or found.symbol not in account.markets
        else answered(found, price, moment)
        for found in account.positions
    ]
    assert outcomes(rules, replace(account, positions=tuple(told))) == outcomes(rules, account)


@given(accounts(), st.sampled_from(POLICIES))
def test_no_basis_is_asked_for_what_is_known(account: Snapshot, changes: dict[str, Any]) -> None:
    told = replace(account, positions=tuple(answered(found, Decimal(9), NOW) for found in account.positions))
    assert needing_basis(book(changes), told) == ()


@given(cases())
def test_terms_that_are_not_asked_for_change_no_plan(case: tuple[Rulebook, Snapshot, Progress]) -> None:
    rules, account, progress = case
    asked = {found.symbol for found in positions_needing_conversion(rules, account, progress, NOW)}
    few = {symbol: terms for symbol, terms in account.conversions.items() if symbol in asked}
    plans = [
        draft_plan(PlanInput(rules, replace(account, conversions=known), NOW, progress))
        for known in (few, account.conversions)
    ]
    assert plans[0].actions == plans[1].actions
