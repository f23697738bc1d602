"""Clients that are cast of one mould have what they change each for themselves, and none changes what they share."""

from __future__ import annotations

import tracemalloc
from copy import deepcopy
from typing import Any

import pytest

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.moulds import _SHARED
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.venues import dialect_of
from tests.brokers.live.accounts import VENUES, open_account, priced, sell
from tests.brokers.live.conftest import Opener
from tests.builders import NOW, position, snapshot

KNOWN = ("alpaca", "binance", "bybit", "coinbase", "gate", "kraken", "kucoin", "okx")


def client(venue: str, key: str | None = None, **more: Any) -> Any:
    credentials = Credentials("env:X", Secret(key), Secret(f"secret of {key}")) if key else None
    return open_exchange(dialect_of(venue), Connection(venue=venue, clock=lambda: NOW, credentials=credentials, **more))


@pytest.mark.parametrize("venue", KNOWN)
def test_no_client_has_a_collection_that_another_one_may_change(venue: str) -> None:
    one, other = vars(client(venue, "one")), vars(client(venue, "other"))
    assert one.keys() - {"session", "turn", "bucket", "dialect", "clock"} == other.keys() - {
        "session", "turn", "bucket", "dialect", "clock"
    }  # fmt: skip
    assert not [name for name, value in one.items() if isinstance(value, dict | list) and value is other[name]]


@pytest.mark.parametrize("venue", KNOWN)
def test_nothing_of_an_account_gets_into_the_next_one(venue: str) -> None:
    one = client(venue, "KEY-OF-ONE")
    one.options["SPILT"], one.headers["SPILT"], one.balance["SPILT"] = 1, 1, 1
    one.last_http_response = one.markets = "SPILT"
    other = client(venue)
    assert "KEY-OF-ONE" not in repr(vars(other)) + repr(vars(type(other)))
    assert "SPILT" not in repr(vars(other)) + repr(vars(type(other)))
    assert not [secret for secret in (other.apiKey, other.secret, other.password) if secret]


def test_other_options_or_another_place_are_another_mould() -> None:
    kinds = {
        type(client("kraken", **more))
        for more in ({}, {}, {"options": {"x": 1}}, {"options": {"x": 2}}, {"base_url": "http://a.test"})
    }
    assert len(kinds) == 4
    assert client("kraken", base_url="http://a.test").urls["api"]["public"].startswith("http://a.test")


@pytest.mark.parametrize("venue", VENUES)
def test_what_clients_share_is_as_it_was_after_reading_and_trading(open_at: Opener, venue: str) -> None:
    opened = open_at(venue, snapshot(position("AAA/USD", 10), markets={"AAA/USD": priced()}))
    exchange = opened.broker._exchange
    before = {name: deepcopy(getattr(exchange, name)) for name in _SHARED if hasattr(exchange, name)}
    opened.broker.read_account()
    opened.place_one(sell())
    opened.broker.read_account()
    open_account(opened.handle).read_account()
    assert {name: getattr(exchange, name) for name in before} == before


def test_a_redactor_that_is_asked_late_knows_all_the_same() -> None:
    redact = Redactor(Credentials("env:X", Secret("a-key-of-ours-12345"), Secret("a-secret-of-ours-12345")))
    assert redact("it says a-secret-of-ours-12345") == "it says [redacted]"


def test_a_thousand_clients_of_a_venue_take_some_tens_of_megabytes() -> None:
    clients = [client("binance", "first")]
    tracemalloc.start()
    clients += [client("binance", f"key {number}") for number in range(100)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / 100 < 30_000
