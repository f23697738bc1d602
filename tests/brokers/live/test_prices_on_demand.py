"""Of the prices of all markets those are read that somebody asks for, and they are the ones that ccxt would give."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.dialect import tickers_of
from exitplan.brokers.live.parsing import BadReply, Ticker, amount_of
from exitplan.brokers.live.prices import TickersOnDemand
from exitplan.brokers.venues import dialect_of

NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
TOLD = {
    "XXBTZUSD": {"a": ["101", "1", "1.0"], "b": ["99", "1", "1.0"], "c": ["100", "0.1"], "v": ["1", "2"], "o": "98"},
    "SOLUSD": {
        "a": ["0.00000", "0", "0"],
        "b": ["0.00000", "0", "0"],
        "c": ["20.50", "1"],
        "p": ["20", "21"],
        "o": "0",
    },
}


@pytest.fixture
def kraken() -> Any:
    exchange = open_exchange(dialect_of("kraken"), Connection(venue="kraken", clock=lambda: NOW))
    names = {"BTC/USD": "XXBTZUSD", "SOL/USD": "SOLUSD", "ADA/USD": "ADAUSD"}
    exchange.set_markets([market_of(exchange, symbol, name) for symbol, name in names.items()])
    return exchange


def market_of(exchange: Any, symbol: str, name: str) -> Any:
    base, _, quote = symbol.partition("/")
    spot = {"id": name, "symbol": symbol, "base": base, "quote": quote, "type": "spot", "spot": True, "active": True}
    return exchange.safe_market_structure({**spot, "baseId": base, "quoteId": quote, "info": {}})


def tickers(exchange: Any, told: Any) -> Any:
    exchange.publicGetTicker = lambda *_: {"error": [], "result": told}
    return dialect_of("kraken").read_tickers(exchange, "spot")


def test_the_prices_at_kraken_are_those_of_ccxt(kraken: Any) -> None:
    found = tickers(kraken, TOLD)
    assert dict(found) == tickers_of(kraken.fetch_tickers())
    assert found["SOL/USD"] == Ticker(Decimal(0), Decimal(0), Decimal("20.50"))
    assert len(found) == 2
    assert [symbol in found for symbol in ("BTC/USD", "ADA/USD", "DOT/USD")] == [True, False, False]


@pytest.mark.parametrize("wrong", [{"a": ["much"]}, {"v": ["x", "y"], "p": ["x", "y"]}, "no ticker", None])
def test_a_market_that_is_told_wrongly_says_nothing_and_the_others_have_their_prices(kraken: Any, wrong: Any) -> None:
    found = tickers(kraken, {**TOLD, "ADAUSD": wrong})
    assert found["ADA/USD"].is_silent
    assert found["BTC/USD"].last == 100


@pytest.mark.parametrize("told", [{}, [], None])
def test_no_prices_at_all_are_no_answer(kraken: Any, told: Any) -> None:
    with pytest.raises(BadReply):
        tickers(kraken, told)


def test_a_price_is_read_once_and_only_where_it_is_asked_for(kraken: Any) -> None:
    read = []

    def reading(entry: str, market: Any) -> Ticker:
        read.append(market["symbol"])
        return Ticker(last=amount_of(entry))

    found = TickersOnDemand(kraken, {"XXBTZUSD": "100", "SOLUSD": "20"}, reading)
    assert [found["SOL/USD"].last, found["SOL/USD"].last] == [20, 20]
    assert read == ["SOL/USD"]
