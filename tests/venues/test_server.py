"""The server of a venue on loopback, where many come and go in one process."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import pytest

from exitplan.brokers.live.listings import forget_listings
from tests.brokers.live.accounts import account_at, holding
from tests.venues.builders import demo_account
from tests.venues.server import serving
from tests.venues.venue import utc_now


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_nothing_stays_open_of_a_venue_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path))

    def opened() -> int:
        with account_at("coinbase", holding("AAA/USD")) as there:
            there.broker.read_account()
        forget_listings()
        gc.collect()  # ccxt's clients know themselves
        return len(list(Path("/proc/self/fd").iterdir()))

    assert opened() == opened() == opened()


def test_a_venue_ends_though_a_client_is_still_connected() -> None:
    with serving("kraken", demo_account(utc_now())) as handle:
        port = int(handle.base_url.rpartition(":")[2])
        clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(8)]
    for client in clients:
        assert not _told(client)
        client.close()


def _told(client: socket.socket) -> bytes:
    try:
        return client.recv(1)
    except ConnectionResetError:
        return b""
