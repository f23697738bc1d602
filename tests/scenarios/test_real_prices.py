"""A price has to be plausible, and no price is no reason to hurry."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.ruleset.model.progress import MissingPrice, Progress
from exitplan.ruleset.model.snapshot import Market, Side
from exitplan.ruleset.planning.plan import Document
from tests.builders import (
    DEFERRED,
    Amount,
    B,
    C,
    actions,
    ago,
    blocked,
    facts,
    failed,
    guards,
    judged,
    market,
    only_action,
    plan_of,
    position,
    price_missing,
    record,
    snapshot,
)


def priced(listed: Market, quantity: Amount = 10, side: Side = "long") -> Document:
    return plan_of(snapshot(position(quantity=quantity, side=side), markets={"AAA/USD": listed}))


def marked(listed: Market, quantity: Amount = 10) -> tuple[str | None, str | None, str]:
    """Return value, basis and status of a position at a market."""
    known = facts(priced(listed, quantity))
    return known.get("value_usd"), known.get("price_basis"), known["price_status"]


@pytest.mark.parametrize(
    ("last", "basis"), [("89.1", "last"), ("89.09999999", "mid"), ("111.1", "last"), ("111.10000001", "mid")]
)
def test_a_last_price_further_outside_bid_and_ask_than_the_gap_is_not_taken(last: str, basis: str) -> None:
    assert marked(market(last, bid=99, ask=101))[1] == basis


def test_an_ignored_last_price_is_told_and_the_mid_is_the_value() -> None:
    plan = priced(market(2500, bid=99, ask=101))
    assert facts(plan)["value_usd"] == "1000.000000"
    assert [(warning["kind"], warning["symbol"]) for warning in plan["warnings"]] == [("ignored-last-price", "AAA/USD")]


@pytest.mark.parametrize(("ask", "status"), [("150", "ok"), ("150.00000001", "implausible")])
def test_a_spread_wider_than_five_gaps_is_no_price(ask: str, status: str) -> None:
    # (150 - 90) / 120 is one half.
    assert marked(market(100, bid=90, ask=ask))[2] == status


@pytest.mark.parametrize(("bid", "status"), [("110", "ok"), ("111.11", "ok"), ("111.12", "implausible")])
def test_a_bid_above_the_ask_by_more_than_the_gap_of_it_is_no_price(bid: str, status: str) -> None:
    assert marked(market(105, bid=bid, ask="101.01"))[2] == status


@pytest.mark.parametrize(
    ("side", "listed", "status"),
    [
        ("long", market(100, bid=0, ask=101), "implausible"),
        ("long", market(None, bid=0, ask=101), "implausible"),
        ("long", market(100, bid=0), "implausible"),
        ("long", market(100, bid=99, ask=0), "ok"),
        ("short", market(100, bid=99, ask=0), "implausible"),
        ("long", market(0, bid=0, ask=0), "missing"),
        ("long", market(100, bid=None), "ok"),
    ],
)
def test_an_empty_exit_side_beside_any_other_price_is_no_price(side: Side, listed: Market, status: str) -> None:
    assert facts(priced(listed, side=side), side=side)["price_status"] == status


def test_what_does_not_trade_is_not_held_against_its_book() -> None:
    assert marked(market(100, bid=0, ask=0, active=False)) == ("1000.000000", "last", "ok")


@pytest.mark.parametrize(("quantity", "status"), [("0.0399", "ok"), ("0.04", "implausible")])
def test_what_is_dust_at_the_highest_of_the_three_is_exempt(quantity: str, status: str) -> None:
    assert marked(market(1, bid="0.1", ask=25), quantity)[2] == status


@pytest.mark.parametrize(("ask", "status"), [("0.00000002", "ok"), ("0.00000003", "implausible")])
def test_a_gap_of_one_price_step_contradicts_nothing(ask: str, status: str) -> None:
    assert marked(market(None, bid="0.00000001", ask=ask, price_step="0.00000001"), 10**9)[2] == status


def test_one_step_of_a_coarse_market_is_no_gap_and_the_last_price_stays() -> None:
    listed = market("0.00000003", bid="0.00000001", ask="0.00000002", price_step="0.00000001")
    assert marked(listed, 10**9) == ("30.000000", "last", "ok")


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize(
    ("last", "bid", "ask"),
    [(None, "0.000001", "0.00004"), (None, "0.00004", "0.00001"), ("0.00004", 0, 0)],
)
def test_a_step_above_the_prices_themselves_is_wrong_and_excuses_no_gap(
    last: Amount | None, bid: Amount, ask: Amount, side: Side
) -> None:
    plan = priced(market(last, bid=bid, ask=ask, price_step="0.01"), 10**9, side)
    assert facts(plan, side=side)["price_status"] == "implausible"


def test_nor_does_it_excuse_a_far_last_price() -> None:
    assert marked(market("0.004", bid="0.00003", ask="0.00004", price_step="0.01"), 10**6)[1] == "mid"


def test_an_implausible_position_is_deferred_without_value_and_never_clean() -> None:
    plan = plan_of(snapshot(position(), markets={"AAA/USD": market(25, bid="0.0001", ask=30)}, tracked=["AAA/USD"]))
    assert judged(plan) == (DEFERRED, "deferred.price-implausible")
    assert actions(plan) == []
    assert plan["snapshot"]["equity"] == "10000"
    assert (plan["checks"]["state"], plan["checks"]["implausible"]) == ("NEEDS_CLEANUP", ["AAA/USD"])


def test_protecting_an_implausible_position_makes_the_account_clean() -> None:
    account = snapshot(position(), markets={"AAA/USD": market(25, bid="0.0001", ask=30)})
    assert plan_of(account, protect=[{"symbol": "AAA/USD"}])["checks"]["state"] == "CLEAN"


def test_an_implausible_airdrop_makes_no_dust_of_strategy_positions() -> None:
    drop = {"DROP/USD": market(25, bid="0.0001", ask=30)}
    account = snapshot(position(), position("DROP/USD", 10**9), markets=drop, tracked=["AAA/USD"])
    assert actions(plan_of(account)) == []
    assert plan_of(account)["snapshot"]["managed_equity"] == "11000"


def test_an_implausible_position_is_not_counted_by_the_cap_and_does_not_switch_it_off() -> None:
    held = [position(), position("BBB/USD", 20), position("DROP/USD", 10**6)]
    account = snapshot(*held, markets={"DROP/USD": market(25, bid=0)}, tracked=["AAA/USD", "BBB/USD"])
    assert actions(plan_of(account, max_positions=2)) == []
    assert actions(plan_of(account, max_positions=1)) == [("close", "AAA/USD", "10", "over-cap")]


def test_a_mark_from_one_side_alone_values_but_makes_no_dust() -> None:
    plan = plan_of(snapshot(position(quantity="0.05"), markets={"AAA/USD": market(None, bid=100)}))
    assert facts(plan)["value_usd"] == "5.000000"
    assert judged(plan) == (B, "legacy.untracked")


@pytest.mark.parametrize(("quantity", "state"), [("0.009", "CLEAN"), ("0.02", "NEEDS_CLEANUP")])
def test_a_small_one_of_one_side_that_nobody_takes_is_tolerated_like_dust(quantity: str, state: str) -> None:
    plan = plan_of(snapshot(position(quantity=quantity), markets={"AAA/USD": market(None, bid=100, min_amount=1)}))
    assert plan["checks"]["state"] == state


def test_and_the_cap_counts_it_as_little_as_dust() -> None:
    crumb = {"AAA/USD": market(None, bid=100, min_amount=1)}
    account = snapshot(position(quantity="0.009"), position("BBB/USD"), tracked=["BBB/USD"], markets=crumb)
    assert actions(plan_of(account, max_positions=1)) == []
    counting = plan_of(account, max_positions=1, cap={"count_untradeable": True})
    assert actions(counting) == [("close", "BBB/USD", "10", "over-cap")]


NO_PRICE = {"AAA/USD": market(None)}


@pytest.mark.parametrize(("minutes", "tried"), [(29, False), (29.999, False), (30, True), (31, True)])
def test_a_zombie_without_a_price_is_tried_when_it_has_been_missing_long_enough(minutes: float, tried: bool) -> None:
    plan = plan_of(snapshot(position(), markets=NO_PRICE), price_missing(minutes))
    assert bool(actions(plan)) is tried
    assert blocked(plan) == ({} if tried else {"AAA/USD": ("no-price-yet", False)})


def test_whatever_rule_decided_a_zombie_without_a_price_waits() -> None:
    plan = plan_of(snapshot(position(), markets={"AAA/USD": market(None, bid=-1)}))
    assert judged(plan) == (C, "zombie.api-mismatch")
    assert blocked(plan) == {"AAA/USD": ("no-price-yet", False)}


def test_it_is_tried_once() -> None:
    progress = Progress(failed_exits=failed(AAA=1).failed_exits, price_missing=price_missing(60).price_missing)
    assert blocked(plan_of(snapshot(position(), markets=NO_PRICE), progress)) == {
        "AAA/USD": ("attempts-exhausted", True)
    }


def test_a_price_that_came_back_ends_the_waiting() -> None:
    assert facts(plan_of(snapshot(position()), price_missing(60)))["price_missing_minutes"] == "0.000000"


def test_the_guards_count_the_last_price_seen_at_its_rate() -> None:
    progress = Progress(price_missing={"AAA/EUR": MissingPrice(ago(60), Decimal(700))})
    account = snapshot(position("AAA/EUR"), markets={"AAA/EUR": market(None)}, rates={"EUR": 2})
    plan = plan_of(account, progress, guards={"max_order_value": 13_999})
    assert only_action(plan)["est_value"] is None
    assert guards(plan)["max_order_value"] is guards(plan)["max_run_pct"] is False


def test_else_the_entry_price() -> None:
    plan = plan_of(
        snapshot(position(entry=70), markets=NO_PRICE), price_missing(60, None), guards={"max_order_value": 700}
    )
    assert guards(plan)["max_order_value"] is True
    assert actions(plan) == [("close", "AAA/USD", "10", "zombie")]


@pytest.mark.parametrize("belt", [{}, {"price_collar_pct": Decimal("0.02")}, {"max_spread_pct": Decimal("0.02")}])
def test_where_no_value_is_known_or_a_belt_is_on_nothing_is_sold(belt: dict[str, Decimal]) -> None:
    progress = price_missing(60, 100 if belt else None)
    plan = plan_of(snapshot(position(), markets=NO_PRICE), progress, guards=belt)
    assert blocked(plan) == {"AAA/USD": ("no-value", True)}


def test_blocked_names_the_first_reason_and_locked_goes_before_no_price_yet() -> None:
    plan = plan_of(snapshot(position(locked=10), tracked={"AAA/USD": record()}, markets=NO_PRICE))
    assert blocked(plan) == {"AAA/USD": ("locked", True)}
