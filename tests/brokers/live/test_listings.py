"""Listings: read once, shared by all accounts of a venue, kept on disk; and where an account's calls go."""

from __future__ import annotations

import gc
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from exitplan.brokers.live import listings
from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.listings import forget_listings
from exitplan.brokers.live.opening import open_live_account
from exitplan.brokers.protocol import Done
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import CredentialsMissing, FileIsInvalid, UsageError
from tests.brokers.live.accounts import VENUES, Opened, Watch, holding, open_account, open_account_by, sell
from tests.brokers.live.conftest import Opener
from tests.venues.fronts import new_credentials
from tests.venues.venue import utc_now


def kept(tmp_path: Path) -> Path:
    """Return the one file in which listings are kept."""
    (found,) = (tmp_path / "markets").iterdir()
    return found


def calls_of_another_process(opened: Opened, **account: Any) -> int:
    """Read the account as a new process would, and tell how often the venue was asked for its listings."""
    forget_listings()
    opened.forget_calls()
    assert len(open_account(opened.handle, **account).read_account().positions) == 2
    return len(opened.calls("markets"))


def test_another_process_takes_listings_from_disk_and_reads_the_same(opened: Opened) -> None:
    before = opened.broker.read_account()
    forget_listings()
    opened.forget_calls()
    after = open_account(opened.handle).read_account()
    assert opened.calls("markets") == []
    assert (after.markets, after.positions, after.open_orders) == (before.markets, before.positions, before.open_orders)


def test_another_process_trades_with_listings_from_disk(opened: Opened) -> None:
    forget_listings()
    broker = open_account(opened.handle)
    broker.read_account()
    (outcome,) = broker.place_orders([sell(quantity="1.5")])
    assert isinstance(outcome, Done)
    assert outcome.report.filled == Decimal("1.5")


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"7", b"null", b'{"ccxt": "0"}', b"\xff\xfe", b'{"markets": {}}'],
)
def test_a_damaged_cache_is_no_cache_and_is_written_anew(opened: Opened, tmp_path: Path, damage: bytes) -> None:
    kept(tmp_path).write_bytes(damage)
    assert calls_of_another_process(opened) > 0
    assert calls_of_another_process(opened) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"markets": ["X"]},
        {"markets": []},
        {"markets": [{"id": 1}]},
        {"markets": None},
        {"read_at": "soon"},
        {"ccxt": "4.0.0"},
    ],
)
def test_a_cache_of_another_form_or_another_ccxt_is_no_cache(opened: Opened, tmp_path: Path, change: Any) -> None:
    document = json.loads(kept(tmp_path).read_bytes())
    kept(tmp_path).write_text(json.dumps({**document, **change}))
    assert calls_of_another_process(opened) > 0
    assert calls_of_another_process(opened) == 0


def test_a_cache_that_was_cut_off_is_no_cache(opened: Opened, tmp_path: Path) -> None:
    whole = kept(tmp_path).read_bytes()
    kept(tmp_path).write_bytes(whole[: len(whole) // 2])
    assert calls_of_another_process(opened) > 0


def test_a_folder_that_cannot_be_written_costs_calls_and_nothing_else(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "file"))
    assert calls_of_another_process(opened) > 0
    assert calls_of_another_process(opened) > 0


def test_listings_are_believed_for_an_hour(opened: Opened) -> None:
    watch = Watch()
    broker = open_account_by(watch, opened.handle)
    opened.forget_calls()
    watch.ahead += timedelta(minutes=59)
    broker.read_account()
    assert opened.calls("markets") == []
    watch.ahead += timedelta(minutes=2)
    broker.read_account()
    assert opened.calls("markets") != []


def test_listings_of_a_future_that_a_clock_invented_are_read_anew(kraken: Opened) -> None:
    watch = Watch(timedelta(hours=5))
    broker = open_account_by(watch, kraken.handle)
    broker.read_account()
    kraken.forget_calls()
    watch.ahead = timedelta(hours=6)
    broker.read_account()
    assert kraken.calls("markets") != []
    kraken.forget_calls()
    open_account(kraken.handle)._listings()
    assert kraken.calls("markets") != []


def test_no_secret_is_in_the_cache(opened: Opened, tmp_path: Path) -> None:
    text = kept(tmp_path).read_text()
    credentials = opened.handle.credentials
    assert credentials.key not in text
    assert not [line for line in credentials.secret.splitlines() if line in text]


@pytest.mark.parametrize("venue", VENUES)
def test_with_a_base_url_every_address_of_the_client_is_there(open_at: Opener, venue: str) -> None:
    opened = open_at(venue, holding("AAA/USD"))
    base = f"{opened.handle.base_url}/behind/a/proxy/"
    exchange = open_account(opened.handle, base_url=base)._exchange
    addresses = exchange.urls["api"].values()
    assert all(str(address).startswith(f"{opened.handle.base_url}/behind/a/proxy") for address in addresses)


def test_a_sandbox_has_addresses_of_its_own_and_moves_no_real_money(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "API_SECRET"):
        monkeypatch.setenv(f"DEMO_{name}", "made-up-and-long-enough")
    block = {"id": "demo", "venue": "binance", "quote": "USDT", "credentials": "env:DEMO"}
    real = open_live_account(block, Path(), utc_now)
    play = open_live_account({**block, "sandbox": True}, Path(), utc_now)
    assert (real.capabilities.live, play.capabilities.live) == (True, False)
    assert "testnet" in play._exchange.urls["api"]["private"]
    assert "testnet" not in real._exchange.urls["api"]["private"]
    assert play._exchange.session is not real._exchange.session
    assert play._exchange.bucket is not real._exchange.bucket
    assert play._shelf._path != real._shelf._path


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_a_venue_without_a_sandbox_says_so(venue: str) -> None:
    connection = Connection(venue=venue, clock=utc_now, sandbox=True)
    with pytest.raises(UsageError, match=f"{venue} has no sandbox") as raised:
        open_exchange(dialect_of(venue), connection)
    assert raised.value.exit_code == 64


@pytest.mark.parametrize(
    ("name", "hint"),
    [("krakn", "did you mean `kraken`?"), ("papr", "did you mean `paper`?"), ("xyzzy", "exitplan venues lists them")],
)
def test_a_venue_that_there_is_not_is_told_with_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"there is no venue `{name}`") as raised:
        open_live_account({"id": "demo", "venue": name, "quote": "USD"}, Path(), utc_now)
    assert raised.value.hint == hint


def test_an_account_without_credentials_is_told_how_to_name_them() -> None:
    with pytest.raises(CredentialsMissing, match="names no credentials"):
        open_live_account({"id": "demo", "venue": "kraken", "quote": "USD"}, Path(), utc_now)


def test_a_kind_of_market_that_there_is_not_is_told(kraken: Opened) -> None:
    with pytest.raises(FileIsInvalid, match="no markets of type 'sopt'"):
        open_account(kraken.handle, market_types=["sopt"])


def test_an_option_on_which_it_depends_how_long_an_order_may_arrive_cannot_be_set() -> None:
    block = {"id": "demo", "venue": "binance", "quote": "USDT", "credentials": "env:LOOPBACK"}
    made_up = {"LOOPBACK_API_KEY": "made-up-key", "LOOPBACK_API_SECRET": "made-up-secret"}
    with mock.patch.dict("os.environ", made_up):
        open_live_account({**block, "options": {"defaultMarginMode": "isolated"}}, Path(), utc_now)
        with pytest.raises(FileIsInvalid, match="the option recvWindow is set by exitplan itself at binance"):
            open_live_account({**block, "options": {"recvWindow": 60_000}}, Path(), utc_now)


# --- sharing ---


@pytest.mark.parametrize("venue", VENUES)
def test_fifty_accounts_of_a_venue_share_markets_and_connections(open_at: Opener, venue: str) -> None:
    opened = open_at(venue, holding("AAA/USD"))
    brokers = [open_account(opened.handle, credentials=new_credentials(venue)) for _ in range(50)]
    for broker in brokers:
        broker._listings()
    assert len({id(broker._exchange.markets) for broker in brokers}) == 1
    assert len({id(broker._exchange.session) for broker in brokers}) == 1
    assert len({id(broker._exchange.bucket) for broker in brokers}) == (1 if venue == "binance" else 50)


def test_no_cookie_of_one_account_is_kept_for_another(kraken: Opened) -> None:
    kraken.handle.venue.headers["Set-Cookie"] = "session=of-this-account; Path=/"
    kraken.broker.read_account()
    assert list(open_account(kraken.handle)._exchange.session.cookies) == []


def test_another_account_of_a_venue_takes_little_memory(kraken: Opened) -> None:
    kept = [kraken.broker]
    tracemalloc.start()
    try:
        for _ in range(4):
            kept.append(open_account(kraken.handle, credentials=new_credentials("kraken")))
            kept[-1]._listings()
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken / 4 < 2_000_000


def test_accounts_behind_one_key_share_its_limits_and_its_turn_and_others_do_not(kraken: Opened) -> None:
    same, other = open_account(kraken.handle), open_account(kraken.handle, credentials=new_credentials("kraken"))
    mine = kraken.broker._exchange
    assert (same._exchange.bucket is mine.bucket, same._exchange.turn is mine.turn) == (True, True)
    assert (other._exchange.bucket is mine.bucket, other._exchange.turn is mine.turn) == (False, False)


def test_accounts_read_at_the_same_time_ask_for_the_listings_once(open_at: Opener) -> None:
    opened = open_at("coinbase", holding("AAA/USD"))
    brokers = [open_account(opened.handle) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert [len(read.positions) for read in pool.map(lambda broker: broker.read_account(), brokers)] == [1] * 8
    assert opened.paths("markets").count("crypto") == 1
    assert len(listings._LOADED) == 1
