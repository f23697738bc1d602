"""Equity: cash, spot positions with a price, and the unrealised profit of derivatives."""

from __future__ import annotations

import pytest

from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import actions, facts, guards, market, plan_of, position, price_missing, record, snapshot

PERP = "BTC/USD:USD"
INVERSE = "BTC/USD:BTC"


def equity(account: Snapshot) -> str:
    found: str = plan_of(account)["snapshot"]["equity"]
    return found


def test_cash_free_and_locked_counts() -> None:
    assert equity(snapshot(cash="948.00", locked_cash="52.00")) == "1000"


def test_spot_positions_count_with_their_value() -> None:
    assert equity(snapshot(position(), position("BBB/USD", 5))) == "11500"


@pytest.mark.parametrize("listed", [None, market(None), market(100, price_status="unavailable"), market("0")])
def test_a_spot_position_without_a_price_adds_nothing(listed: None) -> None:
    assert equity(snapshot(position(), position("BBB/USD"), markets={"BBB/USD": listed})) == "11000"


def test_untradeable_and_protected_positions_are_part_of_it() -> None:
    account = snapshot(position(), position("BBB/USD"), markets={"BBB/USD": market(100, active=False)})
    assert plan_of(account, protect=[{"symbol": "AAA/USD"}])["snapshot"]["equity"] == "12000"


def test_a_spot_short_counts_against_it() -> None:
    assert equity(snapshot(position(side="short"))) == "9000"


def test_a_position_in_another_currency_counts_at_its_rate() -> None:
    assert equity(snapshot(position("AAA/EUR"), rates={"EUR": "1.08"})) == "11080"


@pytest.mark.parametrize(("side", "expected"), [("long", "10200"), ("short", "9800")])
def test_a_derivative_counts_with_its_profit_alone(side: str, expected: str) -> None:
    account = snapshot(
        position(PERP, 2, side="long" if side == "long" else "short", contract_size="0.1", entry=49_000),
        markets={PERP: market(50_000)},
    )
    assert equity(account) == expected


def test_the_venue_s_entry_price_goes_before_the_tracker_s_in_equity() -> None:
    held = position(PERP, 1, entry=90)
    assert equity(snapshot(held, tracked={PERP: record(entry=50)})) == "10010"


def test_but_in_the_facts_the_tracker_s_goes_first() -> None:
    held = position(PERP, 1, entry=90)
    assert facts(plan_of(snapshot(held, tracked={PERP: record(entry=50)})), PERP)["pnl_pct"] == "1.000000"


@pytest.mark.parametrize("entry", [None, "0", "-5"])
def test_the_tracker_s_entry_price_serves_where_the_venue_has_none(entry: str | None) -> None:
    held = position(PERP, 1, entry=entry)
    assert equity(snapshot(held, tracked={PERP: record(entry=50)})) == "10050"


def test_without_entry_or_price_a_derivative_adds_nothing() -> None:
    assert equity(snapshot(position(PERP))) == "10000"
    assert equity(snapshot(position(PERP, entry=50), markets={PERP: market(None)})) == "10000"


def test_an_inverse_contract_s_profit_is_relative_to_its_entry() -> None:
    held = position(INVERSE, 10, contract_size=100, entry=40_000)
    assert equity(snapshot(held, markets={INVERSE: market(50_000, inverse=True)})) == "10250"


@pytest.mark.parametrize("cash", ["-1000", "-1500"])
def test_without_equity_there_is_no_share_and_no_sale_of_value(cash: str) -> None:
    plan = plan_of(snapshot(position(), cash=cash))
    assert "account_pct" not in facts(plan)
    assert actions(plan) == [("unwind", "AAA/USD", "2.5", "legacy")]
    assert guards(plan)["max_run_pct"] is False


def test_without_equity_nothing_of_value_may_be_sold_and_nothing_is() -> None:
    account = snapshot(position(), cash=-1000, tracked=["AAA/USD"])
    assert guards(plan_of(account))["max_run_pct"] is True


def test_without_equity_what_has_no_price_counts_with_its_last_one_and_is_refused() -> None:
    plan = plan_of(snapshot(position(), cash=-1000, markets={"AAA/USD": market(None)}), price_missing(30))
    assert actions(plan) == [("close", "AAA/USD", "10", "zombie")]
    assert guards(plan)["max_run_pct"] is False
