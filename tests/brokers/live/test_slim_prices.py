"""Only the prices that are read are worked out of a ticker; they are the ones that ccxt would give."""

from __future__ import annotations

from datetime import UTC, datetime

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.parsing import ticker_of
from exitplan.brokers.venues import dialect_of

NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
CLIENT = open_exchange(dialect_of("kraken"), Connection(venue="kraken", clock=lambda: NOW))
NAMES = ("bid", "ask", "last", "close", "open", "average", "change", "percentage")
TOLD = st.sampled_from([None, "", "0", "0.0", "0E-8", "1e-8", "1.5", "2", "-3", "7.25"])


@given(st.dictionaries(st.sampled_from(NAMES), TOLD))
def test_the_prices_are_those_of_ccxt_but_for_zeros_which_stay(told: dict[str, str | None]) -> None:
    ours, theirs = (ticker_of(one) for one in (CLIENT.safe_ticker(dict(told)), ccxt.kraken.safe_ticker(CLIENT, told)))
    assert [price or None for price in (ours.bid, ours.ask)] == [theirs.bid, theirs.ask]
    if ours.last != 0:
        assert ours.last == theirs.last


@pytest.mark.parametrize("name", ["bid", "ask", "last"])
def test_a_price_of_zero_is_an_answer_and_a_price_that_is_not_told_is_none(name: str) -> None:
    assert getattr(ticker_of(CLIENT.safe_ticker({name: "0.00000"})), name) == 0
    assert getattr(ticker_of(CLIENT.safe_ticker({name: None})), name) is None


def test_what_is_not_read_is_not_worked_out() -> None:
    told = {"bid": "99", "ask": "101", "last": "100", "close": "100", "open": "50", "change": None}
    assert CLIENT.safe_ticker(dict(told))["change"] is None
