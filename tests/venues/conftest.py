"""Venues on loopback, each test with its own account, and ccxt clients that share their markets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.venues.builders import demo_account
from tests.venues.clients import Client, connect
from tests.venues.server import Handle, serving
from tests.venues.venue import utc_now

Opener = Callable[..., tuple[Handle, Client]]


@dataclass
class MovedClock:
    """Real time, moved at will."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture(scope="session")
def loaded() -> Callable[[str], Client]:
    """Return clients with the demo account's markets, loaded once."""
    clients: dict[str, Client] = {}

    def client(name: str) -> Client:
        if name not in clients:
            with serving(name, demo_account(utc_now())) as handle:
                clients[name] = connect(handle, options=_OPTIONS[name])
                clients[name].load_markets()
                clients[name].session.close()
        return clients[name]

    return client


@pytest.fixture
def open_venue(loaded: Callable[[str], Client]) -> Iterator[Opener]:
    """Serve an account, the demo one if none is given, and connect to it."""
    with ExitStack() as stack:

        def opened(name: str, **more: Any) -> tuple[Handle, Client]:
            account = more.pop("account", None) or demo_account(utc_now())
            handle = stack.enter_context(serving(name, account, **more))
            client = connect(handle, loaded(name), options=_OPTIONS[name], timeout=5_000)
            stack.callback(client.session.close)
            return handle, client

        yield opened


_OPTIONS: dict[str, dict[str, Any]] = {
    "kraken": {},
    "coinbase": {"fetchBalance": "v3PrivateGetBrokerageAccounts"},
    "bybit": {
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "fetchMarkets": {"types": ["spot", "linear"]},
        "fetchOrder": {"acknowledged": True},
    },
    "binance": {
        "fetchMarkets": {"types": ["spot", "linear"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "fetchOpenOrders": {"warnWithoutSymbol": False},
    },
}
"""What our own clients are opened with."""


@pytest.fixture
def kraken(open_venue: Opener) -> tuple[Handle, Client]:
    return open_venue("kraken")


@pytest.fixture
def coinbase(open_venue: Opener) -> tuple[Handle, Client]:
    return open_venue("coinbase")


@pytest.fixture
def bybit(open_venue: Opener) -> tuple[Handle, Client]:
    return open_venue("bybit")


@pytest.fixture
def binance(open_venue: Opener) -> tuple[Handle, Client]:
    return open_venue("binance")
