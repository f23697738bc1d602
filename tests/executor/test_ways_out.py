"""A plan that guards refuse says what was too much, by figures that show it, and what helps against it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.executor.apply.staleness import ensure_not_refused
from exitplan.ruleset.errors import RefusedByGuard
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import Given, market, position, price_missing, record, snapshot, typed_plan_of

NARROWER = "narrow it with --target, --exclude or --rule, or set another limit under guards in the policy"
REPAY = "what is sold has to be a share of equity, and equity is not known: repay debts, or wait for prices"
PRICED = position("CCC/USD", 30)
"""It is unwound by 750, of 13,000 with the cash."""


def refused(account: Snapshot, progress: Progress | None = None, **guards: Given) -> tuple[str, str]:
    """Give what is said of a plan that guards refuse, and what helps."""
    policy = {**guards.pop("policy", {}), "guards": {name: Decimal(limit) for name, limit in guards.items()}}
    with pytest.raises(RefusedByGuard) as refusal:
        ensure_not_refused(typed_plan_of(account, progress, **policy))
    return str(refusal.value).removeprefix("the plan is refused by "), str(refusal.value.hint)


def test_what_nobody_can_price_may_be_kept_and_what_is_protected_is_not_named() -> None:
    symbols = ("AAA/USD", "BBB/USD", "CCC/USD", "DDD/USD")
    gone = {"AAA/USD": None, "BBB/USD": market(None), "DDD/USD": None}
    said, way_out = refused(
        snapshot(*map(position, symbols), markets=gone),
        max_zombie_pct="0.5",
        policy={"protect": [{"symbol": "DDD/USD"}]},
    )
    assert said == "max_zombie_pct: 67 % is above 50 %"
    kept = "[{symbol: AAA/USD, reason: delisted}, {symbol: BBB/USD, reason: delisted}]"
    assert way_out == f"keep what nobody can price: write in the account's policy protect: {kept}"


def test_an_order_that_is_too_large_is_kept_by_its_name_only_where_nobody_can_value_it() -> None:
    assert refused(snapshot(PRICED), max_order_value=1) == ("max_order_value (CCC/USD): 750 is above 1", NARROWER)
    blind = snapshot(
        position("BBB/USD"), PRICED, markets={"BBB/USD": market(None)}, tracked={"BBB/USD": record(entry=None)}
    )
    said, way_out = refused(blind, price_missing(60, key="BBB/USD"), max_order_value=900, max_run_pct=1)
    assert said == "max_order_value (BBB/USD): 1000 is above 900"
    kept = "protect: [{symbol: BBB/USD, reason: ...}]"
    assert way_out == f"keep it: write in the account's policy {kept}; or {NARROWER}"


def test_a_share_of_an_equity_that_is_not_known_asks_for_the_equity() -> None:
    indebted = snapshot(PRICED, cash=0, debt=10_000)
    assert refused(indebted, max_run_pct=1) == ("max_run_pct: its value cannot be computed", REPAY)
    assert refused(indebted, max_run_pct=1, max_actions=0)[1] == f"{NARROWER}; {REPAY}"
    assert refused(snapshot(PRICED), max_run_pct="0.01") == ("max_run_pct: 5.8 % is above 1 %", NARROWER)
    unquoted = refused(snapshot(PRICED), max_run_pct="0.01", max_spread_pct="0.1")
    assert unquoted == (
        "max_run_pct: 5.8 % is above 1 %; max_spread_pct (CCC/USD has no bid and ask): its value cannot be computed",
        NARROWER,
    )


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("0.05", "5.8 % is above 5 %"),
        ("0.0576923", "5.8 % is above 5.76923 %"),
    ],
)
def test_a_share_is_rounded_for_people(limit: str, told: str) -> None:
    assert refused(snapshot(PRICED), max_run_pct=limit)[0] == f"max_run_pct: {told}"


@pytest.mark.parametrize(("quantity", "told"), [("10.008", "1.0008"), ("10.004", "1.0004")])
def test_a_share_that_looks_like_its_limit_when_it_is_rounded_is_told_in_full(quantity: str, told: str) -> None:
    """Of an equity of 25,000 a quarter of the position is sold: 250.2 and 250.1."""
    owned = position(quantity=quantity)
    account = snapshot(owned, cash=str(25_000 - 100 * Decimal(quantity)))
    assert refused(account, max_run_pct="0.01")[0] == f"max_run_pct: {told} % is above 1 %"
