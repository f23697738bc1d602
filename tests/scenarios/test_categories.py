"""Phase 1: the first rule that matches decides, every match is recorded."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from exitplan.ruleset.model.snapshot import Market, Snapshot
from tests.builders import (
    DEFERRED,
    A,
    B,
    C,
    Node,
    actions,
    blocked,
    guards,
    judged,
    market,
    plan_of,
    position,
    price_missing,
    record,
    shown,
    snapshot,
)

SYMBOLS = ("AAA/USD", "BBB/USD", "CCC/USD", "DDD/USD")


def holding(count: int, *, unpriced: int = 0, unlisted: int = 0) -> Snapshot:
    markets: dict[str, Market | None] = dict.fromkeys(SYMBOLS[:unpriced], market(None))
    markets |= dict.fromkeys(SYMBOLS[unpriced : unpriced + unlisted])
    return snapshot(*map(position, SYMBOLS[:count]), markets=markets, tracked=SYMBOLS)


def test_where_no_rule_matches_the_position_is_aligned() -> None:
    plan = plan_of(snapshot(position(), tracked=["AAA/USD"]))
    assert judged(plan) == (A, None)
    assert shown(plan)["matched"] == []
    assert plan["actions"] == []


def test_every_match_is_recorded_in_the_order_of_the_policy() -> None:
    plan = plan_of(snapshot(position(quantity="0.001", locked=1)))
    assert judged(plan) == (C, "zombie.api-mismatch")
    assert shown(plan)["matched"] == [
        "zombie.api-mismatch", "zombie.dust", "legacy.untracked", "legacy.external", "legacy.no-exit-logic",
    ]  # fmt: skip


def test_an_outage_does_not_make_zombies() -> None:
    down = market(100, price_status="unavailable")
    account = snapshot(*map(position, SYMBOLS), markets=dict.fromkeys(SYMBOLS, down))
    plan = plan_of(account)
    assert {judged(plan, symbol)[0] for symbol in SYMBOLS} == {DEFERRED}
    assert plan["actions"] == plan["blocked"] == []
    assert guards(plan)["max_zombie_pct"] is True


def test_a_deferred_position_is_never_sold_even_where_an_exit_rule_matches() -> None:
    exits = [{"id": "all", "when": {"symbol": {"exists": True}}, "action": "close"}]
    account = snapshot(position(), markets={"AAA/USD": market(100, price_status="unavailable")})
    plan = plan_of(account, exits=exits)
    assert plan["actions"] == plan["blocked"] == []


@pytest.mark.parametrize(("unpriced", "unlisted"), [(3, 0), (0, 3), (1, 2)])
def test_more_zombies_for_want_of_a_price_or_market_than_half_refuse_the_plan(unpriced: int, unlisted: int) -> None:
    plan = plan_of(holding(4, unpriced=unpriced, unlisted=unlisted))
    assert guards(plan)["max_zombie_pct"] is False
    assert plan["actions"] or plan["blocked"]


@pytest.mark.parametrize(
    "when",
    [
        {"value_usd": {"exists": False}},
        {"not": {"account_pct": {"gte": 0}}},
        {"tracked": True, "not": {"value_usd": {"gt": 0}}},
    ],
)
def test_a_rule_of_one_s_own_that_reads_the_missing_value_counts_as_well(when: Node) -> None:
    rules = [{"id": "own", "category": C, "when": when}]
    assert guards(plan_of(holding(4, unpriced=3), classification=rules))["max_zombie_pct"] is False
    assert guards(plan_of(holding(4, unpriced=2), classification=rules))["max_zombie_pct"] is True


def test_a_result_that_is_missing_for_want_of_a_price_counts_where_the_entry_is_known() -> None:
    rules = [{"id": "own", "category": C, "when": {"pnl_pct": {"exists": False}}}]
    account = holding(3, unpriced=3)
    assert guards(plan_of(account, classification=rules))["max_zombie_pct"] is False
    given = replace(account, tracker=dict.fromkeys(SYMBOLS, record(entry=None)))
    assert guards(plan_of(given, classification=rules))["max_zombie_pct"] is True


def test_a_rule_that_would_hold_with_a_price_as_well_does_not_count() -> None:
    when = {"any": [{"tracked": True}, {"value_usd": {"exists": False}}]}
    plan = plan_of(holding(4, unpriced=4), classification=[{"id": "own", "category": C, "when": when}])
    assert guards(plan)["max_zombie_pct"] is True


def test_half_of_them_exactly_do_not() -> None:
    assert guards(plan_of(holding(4, unpriced=1, unlisted=1)))["max_zombie_pct"] is True


@pytest.mark.parametrize(("held", "ok"), [(1, True), (2, True), (3, False)])
def test_the_guard_needs_three_positions(held: int, ok: bool) -> None:
    assert guards(plan_of(holding(held, unpriced=held)))["max_zombie_pct"] is ok


def test_the_deciding_rule_counts_not_the_missing_price() -> None:
    # Without a price, but zombies for a negative price and for a wrong quantity.
    markets = dict.fromkeys(SYMBOLS[:3], market("-1"))
    account = snapshot(*map(position, SYMBOLS[:2]), position("CCC/USD", "-1"), markets=markets)
    assert guards(plan_of(account))["max_zombie_pct"] is True


def test_dust_and_zombies_without_entry_price_do_not_count() -> None:
    account = snapshot(
        *(position(symbol, "0.001") for symbol in SYMBOLS[:2]),
        position("CCC/USD"),
        tracked={"CCC/USD": record(entry=0)},
    )
    assert guards(plan_of(account))["max_zombie_pct"] is True


def test_deferred_positions_are_among_all_positions_but_no_zombies() -> None:
    down = market(100, price_status="unavailable")
    markets = {"AAA/USD": market(None), "BBB/USD": market(None), "CCC/USD": down, "DDD/USD": down}
    assert guards(plan_of(snapshot(*map(position, SYMBOLS), markets=markets)))["max_zombie_pct"] is True


def test_protected_positions_are_not_among_all_positions() -> None:
    plan = plan_of(holding(4, unpriced=2), protect=[{"symbol": "DDD/USD"}])
    assert guards(plan)["max_zombie_pct"] is False


def test_the_limit_is_the_policy_s() -> None:
    account = holding(4, unpriced=3)
    assert guards(plan_of(account, guards={"max_zombie_pct": 1}))["max_zombie_pct"] is True
    assert guards(plan_of(holding(4, unpriced=1), guards={"max_zombie_pct": 0}))["max_zombie_pct"] is False


def test_above_the_whole_account_is_the_wrong_size() -> None:
    # Debt in cash: the position is worth more than the account.
    plan = plan_of(snapshot(position(), tracked=["AAA/USD"], cash=-1))
    assert judged(plan) == (B, "legacy.wrong-size")


def test_the_whole_account_exactly_is_not() -> None:
    assert judged(plan_of(snapshot(position(), tracked=["AAA/USD"], cash=0))) == (A, None)


def test_a_zombie_without_a_price_on_a_trading_market_is_tried_once_the_price_is_missing_long_enough() -> None:
    account = snapshot(position(), markets={"AAA/USD": market(None)})
    assert blocked(plan_of(account)) == {"AAA/USD": ("no-price-yet", False)}
    plan = plan_of(account, price_missing(30))
    assert actions(plan) == [("close", "AAA/USD", "10", "zombie")]
    assert plan["actions"][0]["est_value"] is None
    assert all(guards(plan).values())


def test_a_zombie_the_venue_does_not_list_is_escalated() -> None:
    plan = plan_of(snapshot(position(), markets={"AAA/USD": None}))
    assert blocked(plan) == {"AAA/USD": ("no-market", True)}
