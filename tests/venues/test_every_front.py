"""What holds at each venue on loopback, in its own words."""

from __future__ import annotations

import ccxt
import pytest

from tests.venues.conftest import Opener
from tests.venues.fronts import FRONTS

every_front = pytest.mark.parametrize("venue", FRONTS)
with_stops = pytest.mark.parametrize("venue", ["kraken", "binance"])
SYMBOL = "SOL/USD"


@every_front
def test_a_key_that_may_only_read_is_not_let_write(open_venue: Opener, venue: str) -> None:
    handle, client = open_venue(venue)
    handle.venue.read_only = True
    refusal = ccxt.AuthenticationError if venue == "binance" else ccxt.PermissionDenied
    with pytest.raises(refusal, match="-2015" if venue == "binance" else "ermission|denied|PERMISSION"):
        client.create_order(SYMBOL, "market", "sell", 1)
    assert client.fetch_balance()["SOL"]["total"] == "18"


@with_stops
def test_stops_rest_until_their_trigger_is_reached(open_venue: Opener, venue: str) -> None:
    handle, client = open_venue(venue)
    stop = client.create_order(SYMBOL, "market", "sell", 1, None, {"stopLossPrice": 130})
    limit = client.create_order("ETH/USD", "limit", "sell", 0.1, 2390, {"stopLossPrice": 2400})
    told = client.fetch_order(stop["id"], SYMBOL)
    assert (told["status"], float(told["stopLossPrice"] or told["triggerPrice"])) == ("open", 130)
    handle.venue.tick(SYMBOL, bid=129, ask=130, last=129)
    assert client.fetch_order(stop["id"], SYMBOL)["status"] == "closed"
    assert client.fetch_order(limit["id"], "ETH/USD")["status"] == "open"


@pytest.mark.parametrize(("venue", "word"), [("kraken", "validate"), ("binance", "test")])
def test_rehearsing_an_order_places_none(open_venue: Opener, venue: str, word: str) -> None:
    handle, client = open_venue(venue)
    client.create_order(SYMBOL, "market", "sell", 1, None, {word: True})
    assert handle.venue.every_order()[-1].id.startswith("demo")


@pytest.mark.parametrize(("venue", "ended"), [("kraken", "canceled"), ("binance", "expired"), ("bybit", "canceled")])
def test_an_order_that_is_immediate_or_cancelled_does_not_rest(open_venue: Opener, venue: str, ended: str) -> None:
    _, client = open_venue(venue)
    placed = client.create_order(SYMBOL, "limit", "sell", 1, 150, {"timeInForce": "IOC"})
    assert client.fetch_order(placed["id"], SYMBOL)["status"] == ended
