"""What rules may ask of a position."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Side
from tests.builders import (
    NOW,
    A,
    B,
    C,
    Given,
    ago,
    facts,
    failed,
    judged,
    market,
    plan_of,
    position,
    record,
    snapshot,
    unwound,
)


def facts_of(*positions: Given, **account: Given) -> dict[str, Any]:
    return facts(plan_of(snapshot(*(positions or (position(),)), **account)))


@pytest.mark.parametrize(
    ("quantity", "price", "shown"),
    [("1", "0.0000019", "0.000001"), ("1", "0.00000099", "0.000000"), ("3", "33.3333333", "99.999999")],
)
def test_numbers_are_rounded_toward_minus_infinity(quantity: str, price: str, shown: str) -> None:
    assert facts_of(position(quantity=quantity), markets={"AAA/USD": market(price)})["value_usd"] == shown


def test_a_loss_is_rounded_down_too() -> None:
    found = facts_of(position(entry=3), markets={"AAA/USD": market(2)})
    assert found["pnl_pct"] == "-0.333334"


@pytest.mark.parametrize(("side", "gain"), [("long", "-0.200000"), ("short", "0.200000")])
def test_the_sign_of_a_profit_is_turned_for_a_short(side: Side, gain: str) -> None:
    account = snapshot(position("BTC/USD:USD", side=side, entry=125), cash=100_000)
    assert facts(plan_of(account), "BTC/USD:USD", side)["pnl_pct"] == gain


def test_the_share_comes_from_the_exact_value() -> None:
    # 0.0000019 / 0.00019 is 0.01 exactly; from the fact value_usd (0.000001) it would be 0.005.
    found = facts_of(position(quantity=1), markets={"AAA/USD": market("0.0000019")}, cash="0.0001881")
    assert found["account_pct"] == "0.010000"


def test_the_share_is_rounded_down_so_a_hair_below_one_percent_is_dust() -> None:
    account = snapshot(position(quantity="0.99999999"), tracked=["AAA/USD"], cash="9900.00000001")
    plan = plan_of(account)
    assert facts(plan)["account_pct"] == "0.009999"
    assert judged(plan) == (C, "zombie.dust")


@pytest.mark.parametrize(("cash", "category"), [("9900", A), ("9900.01", C)])
def test_one_percent_exactly_is_no_dust(cash: str, category: str) -> None:
    assert judged(plan_of(snapshot(position(quantity=1), tracked=["AAA/USD"], cash=cash)))[0] == category


def test_what_cannot_be_known_is_absent() -> None:
    found = facts_of(markets={"AAA/USD": market(None)})
    absent = {"value_usd", "account_pct", "pnl_pct", "age_minutes", "position_source", "strategy"}
    assert absent.isdisjoint(found)


def test_the_tracker_s_texts_are_facts() -> None:
    found = facts_of(tracked=["AAA/USD"])
    assert (found["position_source"], found["strategy"]) == ("nija_strategy", "APEX_v7.1")


@pytest.mark.parametrize("source", ["nija_strategy", "apex_strategy"])
def test_a_strategy_s_position_is_aligned(source: str) -> None:
    assert judged(plan_of(snapshot(position(), tracked={"AAA/USD": record(source)}))) == (A, None)


@pytest.mark.parametrize("source", ["manual", "NIJA_STRATEGY", "", None])
def test_a_position_of_somebody_else_is_legacy(source: str | None) -> None:
    plan = plan_of(snapshot(position(), tracked={"AAA/USD": record(source)}))
    assert facts(plan)["opened_by_strategy"] is False
    assert judged(plan) == (B, "legacy.external")


@pytest.mark.parametrize(
    ("source", "stop", "written", "expected"),
    [
        ("nija_strategy", None, None, True),
        ("manual", 50, None, True),
        ("manual", None, None, False),
        ("manual", None, True, True),
        ("nija_strategy", 50, False, False),
    ],
)
def test_exit_logic_is_what_the_record_says_else_a_strategy_or_a_stop(
    source: str, stop: int | None, written: bool | None, expected: bool
) -> None:
    records = {"AAA/USD": record(source, stop=stop, exit_logic=written)}
    assert facts_of(tracked=records)["has_exit_logic"] is expected


def test_a_strategy_s_position_without_exit_logic_is_legacy() -> None:
    plan = plan_of(snapshot(position(), tracked={"AAA/USD": record(exit_logic=False)}))
    assert judged(plan) == (B, "legacy.no-exit-logic")


def test_an_untracked_position_has_no_exit_logic() -> None:
    assert facts_of()["has_exit_logic"] is False


@pytest.mark.parametrize(("recorded", "reported"), [(None, None), (0, None), (None, -1), (0, 0)])
def test_an_entry_price_must_be_above_zero(recorded: int | None, reported: int | None) -> None:
    account = snapshot(position(entry=reported), tracked={"AAA/USD": record(entry=recorded)})
    assert judged(plan_of(account)) == (C, "zombie.no-entry-price")


def test_the_venue_s_entry_price_serves_where_the_tracker_has_none() -> None:
    found = facts_of(position(entry=80), tracked={"AAA/USD": record(entry=None)})
    assert (found["has_entry_price"], found["pnl_pct"]) == (True, "0.250000")


def test_an_untracked_position_without_entry_price_is_legacy_and_no_zombie() -> None:
    assert judged(plan_of(snapshot(position()))) == (B, "legacy.untracked")


def test_age_is_counted_from_the_venue_s_time_else_from_the_record_s() -> None:
    old = {"AAA/USD": record(opened=ago(90))}
    assert facts_of(position(opened_at=ago(30)), tracked=old)["age_minutes"] == "30.000000"
    assert facts_of(tracked=old)["age_minutes"] == "90.000000"


def test_age_is_exact_to_a_millionth_of_a_minute_and_rounded_down() -> None:
    assert facts_of(position(opened_at=ago(1 / 60)))["age_minutes"] == "0.016666"


def test_a_position_from_the_future_has_a_negative_age() -> None:
    assert facts_of(position(opened_at=ago(-1)))["age_minutes"] == "-1.000000"
    assert ago(-1) > NOW


@pytest.mark.parametrize(("quantity", "locked"), [("0", "0"), ("-1", "0"), ("1", "1.00000001"), ("0", "0.1")])
def test_a_quantity_that_cannot_be_is_a_mismatch(quantity: str, locked: str) -> None:
    plan = plan_of(snapshot(position(quantity=quantity, locked=locked), tracked=["AAA/USD"]))
    assert judged(plan) == (C, "zombie.api-mismatch")


def test_all_of_it_locked_is_no_mismatch() -> None:
    assert facts_of(position(locked=10))["api_mismatch"] is False


@pytest.mark.parametrize(
    ("symbol", "quantity", "mismatch"),
    [("X/USD:USD", "-2", False), ("X/USD:USD", "2", False), ("X/USD:USD", "0", True), ("X/USD", "-2", True)],
)
def test_a_derivative_short_may_be_reported_as_negative(symbol: str, quantity: str, mismatch: bool) -> None:
    account = snapshot(position(symbol, quantity, side="short"))
    assert facts(plan_of(account), symbol, "short")["api_mismatch"] is mismatch


@pytest.mark.parametrize(
    ("listed", "sellable"),
    [
        (market(100), True),
        (market(100, step="10"), True),
        (market(100, step="10.1"), False),
        (market(100, step="4", min_amount=8), True),
        (market(100, step="4", min_amount="8.1"), False),
        (market(100, step="4", min_notional=800), True),
        (market(100, step="4", min_notional="800.01"), False),
        (market(100, step=None, min_amount=None, min_notional=None), True),
        (market(None, min_notional=10**9), True),
        (market(100, active=False), False),
        (None, False),
    ],
)
def test_sellable_is_what_rounds_down_to_what_the_venue_takes(listed: None, sellable: bool) -> None:
    assert facts_of(markets={"AAA/USD": listed})["sellable"] is sellable


def test_a_step_of_zero_is_no_step() -> None:
    assert facts_of(position(quantity="0.123456789"), markets={"AAA/USD": market(100, step="0")})["sellable"] is True


def test_progress_is_told_in_facts() -> None:
    assert facts(plan_of(snapshot(position()), unwound(2, "0.5625", 10)))["unwind_cycle"] == "2.000000"
    assert facts(plan_of(snapshot(position()), failed(AAA=3)))["failed_exits"] == "3.000000"
    assert facts_of()["unwind_cycle"] == facts_of()["failed_exits"] == "0.000000"


def test_the_category_is_among_the_facts_shown() -> None:
    assert facts_of()["category"] == B
