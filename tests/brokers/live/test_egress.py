"""Requests leave by the way out that an account names, and each way has limits of its own where addresses count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.egress import Egress, egress_of
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import AccountUnreadable, FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import open_account
from tests.brokers.live.conftest import Opener
from tests.brokers.live.test_proxies import Proxy, serving_proxy
from tests.builders import NOW
from tests.venues.server import Exchange


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The addresses that the venue sees."""
    seen, setup = set[str](), Exchange.setup

    def noted(self: Exchange) -> None:
        seen.add(self.client_address[0])
        setup(self)

    monkeypatch.setattr(Exchange, "setup", noted)
    return seen


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving_proxy() as started:
        yield started


def by(name: str, **route: str) -> Mapping[str, Any]:
    return {"egress": name, "route": route}


def test_requests_leave_by_the_address_that_is_named(open_at: Opener, account: Snapshot, addresses: set[str]) -> None:
    opened = open_at("kraken", account, broker=by("second", source_address="127.0.0.2")).ready()
    assert addresses == {"127.0.0.2"}
    open_account(opened.handle).read_account()
    assert addresses == {"127.0.0.1", "127.0.0.2"}


def test_requests_go_through_the_proxy_that_is_named_and_not_that_of_the_environment(
    open_at: Opener, account: Snapshot, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    opened = open_at("kraken", account, broker=by("far", proxy=f"http://127.0.0.1:{proxy.port}"))
    opened.broker.read_account()
    assert len(proxy.requests) == len(opened.calls())


def test_an_address_goes_past_the_proxy_of_the_environment(
    open_at: Opener, account: Snapshot, addresses: set[str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    open_at("kraken", account, broker=by("second", source_address="127.0.0.2")).ready()
    assert (addresses, proxy.requests) == ({"127.0.0.2"}, [])


def test_an_address_that_this_machine_has_not_makes_the_account_unreadable(open_at: Opener, account: Snapshot) -> None:
    opened = open_at("kraken", account, broker=by("gone", source_address="192.0.2.1"))
    with pytest.raises(AccountUnreadable):
        opened.broker.read_account()
    assert opened.calls() == []


def bucket_of(venue: str, key: str, egress: str) -> Any:
    credentials = Credentials("env:X", Secret(key), Secret("secret"))
    connection = Connection(
        venue=venue, clock=lambda: NOW, credentials=credentials, base_url="http://e.test", egress=Egress(egress)
    )
    return open_exchange(dialect_of(venue), connection).bucket


def test_each_way_out_has_a_bucket_where_the_venue_counts_by_address() -> None:
    assert bucket_of("binance", "one", "a") is bucket_of("binance", "other", "a")
    assert len({id(bucket_of("binance", "one", egress)) for egress in ("", "a", "b")}) == 3


def test_a_key_has_one_bucket_by_whichever_way_it_is_used() -> None:
    assert bucket_of("kraken", "one", "a") is bucket_of("kraken", "one", "b")


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"route": {"proxy": "http://p.test:1"}}, "route"),
        (by("a"), "route"),
        (by("a", proxy="http://p.test:1", source_address="10.0.0.1"), "route"),
        (by("a", source_address="10.0.0.256"), "route.source_address"),
        (by("a", source_address="0.0.0.0"), "route.source_address"),  # noqa: S104 - to be refused
        (by("a", proxy="http://name:word@p.test:1"), "route.proxy"),
        (by("a", proxy="socks5://p.test:1"), "route.proxy"),
        (by("a", proxy="http://p.test:99999"), "route.proxy"),
        (by("a", proxy="http://p.test/path"), "route.proxy"),
    ],
)
def test_a_way_out_that_is_none_is_refused_without_repeating_it(block: Mapping[str, Any], place: str) -> None:
    with pytest.raises(FileIsInvalid, match=f"^{place} of the account main: ") as error:
        egress_of({"id": "main", **block})
    assert error.value.hint
    assert "word" not in f"{error.value} {error.value.hint}".replace("password", "")
