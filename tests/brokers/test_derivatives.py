"""Derivatives on paper: positions on both sides, profit in cash, reduce-only."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.ruleset.model.snapshot import Cash, Position, Side, TrackerRecord
from tests.brokers.accounts import NOW, cash, d, done, engine, limit, order, position, reason, snapshot

LINEAR = "BTC/USDT:USDT"
INVERSE = "BTC/USD:BTC"


def held(symbol: str, side: Side, entry: str | None, quantity: str = "10", size: str = "0.01") -> Position:
    known = None if entry is None else d(entry)
    return Position(symbol, side, d(quantity), contract_size=d(size), entry_price=known)


def holding(*positions: Position, **options: object) -> MatchingEngine:
    return engine(snapshot(positions=positions), **options)


@pytest.mark.parametrize(
    ("side", "exit_side", "entry", "profit"),
    [
        ("long", "sell", "40000", "1000"),
        ("short", "buy", "60000", "1000"),
        ("short", "buy", "45000", "-500"),
        ("long", "sell", None, "0"),
    ],
)
def test_closing_brings_the_profit(side: Side, exit_side: str, entry: str | None, profit: str) -> None:
    venue = holding(held(LINEAR, side, entry))
    done(venue.place(order(exit_side, "10", LINEAR, reduce_only=True), NOW))
    assert cash(venue)[0] == 1000 + d(profit)
    assert position(venue, LINEAR, side) is None


def test_the_tracker_knows_the_entry_price_where_the_venue_does_not() -> None:
    account = snapshot(positions=(held(LINEAR, "long", None),), tracker={LINEAR: TrackerRecord(entry_price=d("40000"))})
    venue = engine(account)
    done(venue.place(order("sell", "5", LINEAR), NOW))
    assert cash(venue)[0] == d("1500")


def test_an_inverse_contract_is_worth_its_size_in_quote() -> None:
    venue = holding(held(INVERSE, "long", "40000", size="100"), taker_fee="0.001")
    report = done(venue.place(order("sell", "10", INVERSE, reduce_only=True), NOW))
    assert report.fee == d("1")
    assert cash(venue)[0] == d("1249")


def test_the_fee_is_on_the_value_not_on_the_profit() -> None:
    venue = holding(held(LINEAR, "long", "50000"), taker_fee="0.001")
    assert done(venue.place(order("sell", "10", LINEAR), NOW)).fee == d("5")


def test_both_sides_of_a_symbol_are_closed_by_name() -> None:
    venue = holding(held(LINEAR, "long", "50000"), held(LINEAR, "short", "50000"))
    done(venue.place(order("buy", "10", LINEAR, reduce_only=True, position_side="short"), NOW))
    assert position(venue, LINEAR, "short") is None
    assert position(venue, LINEAR, "long") is not None


def test_an_order_never_turns_a_position_over() -> None:
    venue = holding(held(LINEAR, "short", "50000"))
    assert reason(venue.place(order("buy", "11", LINEAR, reduce_only=True), NOW)) == "reduce-only"
    assert reason(venue.place(order("buy", "11", LINEAR), NOW)) == "insufficient-balance"


def test_a_resting_reduction_locks_the_contracts() -> None:
    venue = holding(held(LINEAR, "short", "50000"))
    done(venue.place(limit("buy", "4", "45000", symbol=LINEAR, reduce_only=True), NOW))
    short = position(venue, LINEAR, "short")
    assert short is not None
    assert short.locked == d("4")
    assert cash(venue) == (d("1000"), d("0"))


def test_a_short_that_is_reported_negative_has_its_size() -> None:
    venue = holding(held(LINEAR, "short", "60000", quantity="-10"))
    done(venue.place(order("buy", "10", LINEAR, reduce_only=True), NOW))
    assert cash(venue)[0] == d("2000")


def test_opening_needs_the_value_free_and_costs_the_fee() -> None:
    venue = engine(snapshot(cash=Cash(d("51000"))), taker_fee="0.001")
    done(venue.place(order("sell", "1", LINEAR), NOW))
    assert position(venue, LINEAR, "short") == Position(LINEAR, "short", d("1"), entry_price=d("50000"), opened_at=NOW)
    assert cash(venue) == (d("50950"), d("0"))


def test_a_loss_beyond_the_money_is_covered_and_noted() -> None:
    venue = holding(held(LINEAR, "long", "70000"))
    report = done(venue.place(order("sell", "10", LINEAR, reduce_only=True), NOW))
    (closed,) = venue.notes().closed_orders
    assert report.status == "closed"
    assert cash(venue)[0] == 0
    assert [(fill.cash, fill.covered) for fill in closed.fills] == [(d("-2000"), d("1000"))]


def test_buying_back_a_spot_short_pays_its_value() -> None:
    venue = engine(snapshot(positions=(Position("ETH/USD", "short", d("2")),)))
    done(venue.place(order("buy", "2"), NOW))
    assert position(venue, "ETH/USD", "short") is None
    assert cash(venue)[0] == Decimal(798)
