"""Requests go through the proxy that the environment names; its password is in no message, and netrc in no request."""

from __future__ import annotations

import base64
import http.client
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.protocol import Done, Unknown
from exitplan.ruleset.errors import AccountUnreadable, UsageError
from tests.brokers.live.accounts import Opened, open_account, sell
from tests.brokers.live.conftest import Opener

PASSWORD = "proxy-password"  # noqa: S105 - of a proxy that lives for one test
HOSTS = itertools.count()
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass
class Proxy:
    """What a proxy was asked for, and by which headers."""

    port: int
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    wants_a_password: bool = False

    @property
    def address(self) -> str:
        return f"http://name:{PASSWORD}@127.0.0.1:{self.port}"


@contextmanager
def serving_proxy() -> Iterator[Proxy]:
    """Forward plain requests, and refuse tunnels."""

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            proxy.requests.append((f"{self.command} {self.path}", dict(self.headers)))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if proxy.wants_a_password:
                self.answer(407, b"<html>no</html>")
                return
            target = urlsplit(self.path)
            assert target.hostname is not None
            connection = http.client.HTTPConnection(target.hostname, target.port)
            path = target.path + (f"?{target.query}" if target.query else "")
            kept = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
            connection.request(self.command, path, body, kept)
            reply = connection.getresponse()
            content = reply.read()
            connection.close()
            self.answer(reply.status, content)

        do_POST = do_GET  # noqa: N815 - the names of http.server

        def do_CONNECT(self) -> None:
            proxy.requests.append((f"CONNECT {self.path}", dict(self.headers)))
            self.answer(403, b"")

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    server.daemon_threads = True
    proxy = Proxy(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away the proxies of whoever runs the tests, and leave a netrc that names every host."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "netrc").write_text("default login somebody password netrc-password\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture(name="proxy")
def started_proxy() -> Iterator[Proxy]:
    with serving_proxy() as started:
        yield started


def read_and_write(opened: Opened) -> None:
    opened.broker.read_account()
    assert isinstance(opened.place_one(sell()), Done)


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_every_request_goes_through_the_proxy(
    open_at: Opener, account: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, venue: str, name: str
) -> None:
    monkeypatch.setenv(name, proxy.address)
    opened = open_at(venue, account)
    read_and_write(opened)
    assert len(proxy.requests) == len(opened.calls())
    assert all(opened.handle.base_url in line for line, _ in proxy.requests)
    # The proxy is told its own password; the venue's headers are those that we signed.
    name_and_password = base64.b64encode(f"name:{PASSWORD}".encode()).decode()
    for _, headers in proxy.requests:
        assert headers["Proxy-Authorization"] == f"Basic {name_and_password}"
        assert not headers.get("Authorization", "").startswith("Basic")


@pytest.mark.parametrize("exempt", ["127.0.0.1", "localhost,127.0.0.0/8", "*"])
def test_a_venue_that_no_proxy_names_is_asked_directly(
    open_at: Opener, account: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setenv("NO_PROXY", exempt)
    read_and_write(open_at("kraken", account))
    assert proxy.requests == []


def test_https_goes_through_a_tunnel_and_one_that_is_refused_says_so_without_the_password(
    kraken: Opened, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    broker = open_account(elsewhere(kraken, "https://tunnel.test"))
    with pytest.raises(AccountUnreadable) as caught:
        broker.read_account()
    assert {line for line, _ in proxy.requests} == {"CONNECT tunnel.test:443"}
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"


def test_a_proxy_that_wants_a_password_is_no_venue_that_refuses_the_key(
    open_at: Opener, account: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    opened = open_at("kraken", account).ready()
    proxy.wants_a_password = True
    with pytest.raises(AccountUnreadable) as caught:
        opened.broker.read_account()
    assert type(caught.value) is AccountUnreadable
    assert isinstance(opened.place_one(sell()), Unknown)


def test_after_a_proxy_that_is_gone_an_order_is_unknown(
    open_at: Opener, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        opened = open_at("kraken", account).ready()
    outcome = opened.place_one(sell())
    assert isinstance(outcome, Unknown)
    assert PASSWORD not in outcome.message


@pytest.mark.parametrize(
    "wrong",
    [
        "socks5://name:proxy-password@127.0.0.1:1080",
        "http://name:proxy-password@",
        "http://name:proxy-password@127.0.0.1:99999",
        "http://name:proxy-password@127.0.0.1:port",
        "http://name:proxy/password@127.0.0.1:3128",
        "http://name:proxy-password@[127.0.0.1:3128",
    ],
)
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_a_proxy_that_is_none_is_refused_before_anything_is_asked(
    kraken: Opened, monkeypatch: pytest.MonkeyPatch, wrong: str, name: str
) -> None:
    host = f"venue{next(HOSTS)}.test"  # which proxy an address has is found once in a process
    monkeypatch.setenv(name, wrong)
    with pytest.raises(UsageError) as caught:
        open_account(elsewhere(kraken, f"https://{host}"))
    assert f"the proxy for {host} ({name})" in str(caught.value)
    assert "password@127" not in f"{caught.value} {caught.value.__cause__}"
    monkeypatch.setenv("no_proxy", host)
    open_account(elsewhere(kraken, f"https://{host}"))


def elsewhere(opened: Opened, base_url: str) -> Any:
    """Return the same venue, told to be at another address."""

    class Elsewhere:
        front, credentials = opened.handle.front, opened.handle.credentials

    Elsewhere.base_url = base_url  # type: ignore[attr-defined] # what a Handle has
    return Elsewhere


@pytest.mark.parametrize("text", ["http://name:p%40ss@h:1/", "cannot reach https://token@proxy.test:3128 now"])
def test_what_stands_before_the_host_of_an_address_is_taken_out(text: str) -> None:
    cleaned = Redactor(Credentials("env:K", Secret("some-key"), Secret("some-secret")))(text)
    assert "p%40ss" not in cleaned
    assert "token" not in cleaned
    assert "[redacted]@" in cleaned
