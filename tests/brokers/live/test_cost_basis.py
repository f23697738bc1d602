"""What positions cost, rebuilt from the venue's trade history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.snapshot import Position
from tests.brokers.live.accounts import VENUES, Opened
from tests.brokers.live.conftest import Opener
from tests.builders import market, position, snapshot
from tests.venues.builders import bought
from tests.venues.faults import fault
from tests.venues.venue import Execution

BY_SYMBOL = ("binance",)
"""Venues that tell trades of one symbol at a time, and so nothing of what moved in other markets."""
every_venue = pytest.mark.parametrize("venue", VENUES)


def sold(symbol: str, quantity: int, price: int, days: float) -> Execution:
    return replace(bought(symbol, quantity, price, days), side="sell", id=f"sale of {symbol} {days} days ago")


def held_with(open_at: Opener, venue: str, *positions: Position, past: Sequence[Execution], **more: Any) -> Opened:
    markets = more.pop("markets", None)
    return open_at(venue, snapshot(*positions, markets=markets), past=past, **more).ready()


def basis_of(opened: Opened, *symbols: str) -> dict[str, tuple[Any, int]]:
    """Return entry price and age in whole days."""
    read = opened.broker.read_account()
    wanted = [position for position in read.positions if not symbols or position.symbol in symbols]
    opened.forget_calls()
    found = opened.broker.read_cost_basis(wanted)
    return {symbol: (one.entry_price, days_since(one, read.taken_at)) for symbol, one in found.items()}


def days_since(basis: CostBasis, now: Any) -> int:
    days: int = round((now - basis.opened_at) / timedelta(days=1))
    return days


@every_venue
def test_trades_that_explain_what_is_held_tell_its_average_price_and_its_age(open_at: Opener, venue: str) -> None:
    past = [bought("AAA/USD", 4, 50, 30), bought("AAA/USD", 6, 100, 10), bought("BBB/USD", 5, 7, 3)]
    opened = held_with(open_at, venue, position("AAA/USD", 10), position("BBB/USD", 5), past=past)
    assert basis_of(opened) == {"AAA/USD": (80, 30), "BBB/USD": (7, 3)}
    calls = {"bybit": 5, "binance": 2}  # bybit tells of a week at a time, binance of a symbol
    assert len(opened.calls()) == calls.get(venue, 1)


@every_venue
def test_a_position_that_was_closed_and_opened_anew_counts_from_then(open_at: Opener, venue: str) -> None:
    past = [bought("AAA/USD", 10, 50, 30), sold("AAA/USD", 10, 60, 20), bought("AAA/USD", 10, 90, 2)]
    assert basis_of(held_with(open_at, venue, position(), past=past)) == {"AAA/USD": (90, 2)}


@every_venue
def test_a_deposit_is_not_explained_and_left_out(open_at: Opener, venue: str) -> None:
    past = [bought("AAA/USD", 4, 50, 30), bought("BBB/USD", 5, 7, 3)]
    opened = held_with(open_at, venue, position("AAA/USD", 10), position("BBB/USD", 5), past=past)
    assert basis_of(opened) == {"BBB/USD": (7, 3)}


ELSEWHERE = {"AAA/USD": market(), "AAA/EUR": market(), "CCC/AAA": market(), "EUR/USD": market()}


@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue not in BY_SYMBOL])
@pytest.mark.parametrize("other", ["AAA/EUR", "CCC/AAA"])
def test_an_asset_that_moved_in_another_market_since_is_not_explained(open_at: Opener, venue: str, other: str) -> None:
    past = [bought("AAA/USD", 10, 50, 300), sold(other, 10, 60, 200), bought(other, 10, 90, 2)]
    opened = held_with(open_at, venue, position("AAA/USD", 10), past=past, markets=ELSEWHERE)
    assert basis_of(opened, "AAA/USD") == {}


@every_venue
def test_what_moved_in_another_market_before_takes_nothing_from_the_explanation(open_at: Opener, venue: str) -> None:
    past = [bought("AAA/EUR", 10, 50, 300), sold("AAA/EUR", 10, 60, 200), bought("AAA/USD", 10, 90, 2)]
    opened = held_with(open_at, venue, position("AAA/USD", 10), past=past, markets=ELSEWHERE)
    assert basis_of(opened, "AAA/USD") == {"AAA/USD": (90, 2)}


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_a_trade_of_long_ago_is_found_on_a_later_page(open_at: Opener, venue: str) -> None:
    noise = [bought("BBB/USD", 1, 7, 1 + number / 100) for number in range(120)]
    past = [*noise, bought("AAA/USD", 10, 50, 300)]
    opened = held_with(open_at, venue, position("AAA/USD"), position("BBB/USD", 120), past=past, page_size=50)
    assert basis_of(opened, "AAA/USD") == {"AAA/USD": (50, 300)}
    assert len(opened.calls()) == (1 if venue in BY_SYMBOL else 3)


def test_a_trade_of_long_ago_is_found_in_its_week(open_at: Opener) -> None:
    past = [bought("AAA/USD", 10, 50, 270)]
    opened = held_with(open_at, "bybit", position("AAA/USD"), past=past)
    assert basis_of(opened) == {"AAA/USD": (50, 270)}
    assert len(opened.calls()) == 39


@every_venue
def test_no_more_pages_are_read_than_it_takes(open_at: Opener, venue: str) -> None:
    past = [bought("BBB/USD", 1, 7, 1 + number / 100) for number in range(120)]
    opened = held_with(open_at, venue, position("BBB/USD", 30), past=past, page_size=50)
    opened.broker.read_cost_basis([position("BBB/USD", 50)])
    assert len(opened.calls()) == 1


@every_venue
@pytest.mark.parametrize("kind", ["lost_before", "error_before", "html", "empty", "cut", "bare"])
def test_a_history_that_cannot_be_read_is_no_history(open_at: Opener, venue: str, kind: str) -> None:
    opened = held_with(open_at, venue, position(), past=[bought("AAA/USD", 10, 50, 30)])
    opened.plan_faults("reads", fault(kind))
    with pytest.raises(AccountUnreadable, match="the trade history could not be read"):
        opened.broker.read_cost_basis([position()])


@every_venue
def test_a_second_page_that_cannot_be_read_makes_no_guess_from_the_first(open_at: Opener, venue: str) -> None:
    page = 1000 if venue in BY_SYMBOL else 50
    past = [bought("AAA/USD", 1, 7, 1 + number / 100) for number in range(page + 30)]
    opened = held_with(open_at, venue, position(quantity=page + 30), past=past, page_size=page)
    opened.plan_faults("reads", "none", "error_before")
    with pytest.raises(AccountUnreadable):
        opened.broker.read_cost_basis([position(quantity=page + 30)])


def test_a_trade_that_moves_to_the_next_page_meanwhile_counts_once(
    open_at: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = [bought("AAA/USD", 1, 7, 1 + number / 100) for number in range(60)]
    opened = held_with(open_at, "kraken", position(quantity=60), position("BBB/USD"), past=past)
    venue, ask = opened.handle.venue, opened.broker._dialect.trade_pages

    def pages(*asked: Any) -> Any:
        for page in ask(*asked):
            yield page
            venue.past = [bought("BBB/USD", 1, 7, 0.5), *venue.past]

    monkeypatch.setattr(opened.broker._dialect, "trade_pages", pages)
    found = opened.broker.read_cost_basis([position(quantity=60)])
    assert found["AAA/USD"].entry_price == 7


def test_nothing_is_asked_where_nothing_is_held(opened: Opened) -> None:
    assert opened.broker.read_cost_basis([]) == {}
    assert opened.calls() == []
