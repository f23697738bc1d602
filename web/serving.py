"""Serve the dashboard: where it listens, by which names it is known, and what is refused because it would be unsafe."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from exitplan.brokers.protocol import Clock
from exitplan.executor.metrics.serving import Address, parse_address
from exitplan.executor.store.file_store import files_below
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.web.app import make_app
from exitplan.web.connections import Connection
from exitplan.web.given import Given
from exitplan.web.observed import accounts_of
from exitplan.web.security.proxy import SECRET_VARIABLE, SHORTEST, ProxyRule
from exitplan.web.security.users_file import UsersFile

if TYPE_CHECKING:  # a dashboard of files needs none of it
    from exitplan.fleet.place import FleetPlace

_PUBLIC = re.compile(r"https://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?/?")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for, as typed: ``certificate`` and ``key`` are files, ``secret`` is the proxy's."""

    listen: str = "127.0.0.1:8800"
    public_url: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    proxy_header: str | None = None
    secret: str = ""
    no_login: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where is listened, by which hosts it is asked for, and how it is known to people."""

    address: Address
    hosts: frozenset[str]
    url: str
    is_https: bool
    files: Mapping[str, Path]


def proxy_of(wish: Wish) -> ProxyRule | None:
    """Return how people are known through a proxy; raises UsageError where its secret is missing or short."""
    if wish.proxy_header is None:
        return None
    if wish.no_login:
        raise UsageError("--proxy-header and --no-login cannot be used together")
    if not _HEADER.fullmatch(wish.proxy_header):
        raise UsageError(f"--proxy-header {wish.proxy_header!r} is no header", hint="such as X-Forwarded-User")
    if len(wish.secret) < SHORTEST:
        raise UsageError(
            f"--proxy-header needs a secret that the proxy shows, of {SHORTEST} characters or more",
            hint=f"set {SECRET_VARIABLE} here, and let the proxy send it; docs/dashboard.md shows how",
        )
    return ProxyRule(wish.proxy_header, wish.secret)


def address_of(wish: Wish) -> Address:
    """Return where to listen; raises UsageError for what others could reach, read or pretend to be."""
    address = parse_address("--listen", wish.listen, anywhere=True)
    if (wish.certificate is None) is not (wish.key is None):
        raise UsageError("--certificate and --key go together", hint="name both files")
    if wish.no_login and not (address.is_loopback and wish.public_url is None and not wish.behind_proxy):
        raise UsageError(
            "without log-in the dashboard is for this machine alone",
            hint="leave out --no-login and make users, or listen on 127.0.0.1 without --public-url",
        )
    if wish.public_url is not None and not _PUBLIC.fullmatch(wish.public_url):
        raise UsageError(
            f"--public-url {wish.public_url!r} is not https://HOST or https://HOST:PORT",
            hint="beyond this machine passwords go over TLS alone",
        )
    _ensure_sealed(wish, address)
    return address


def _ensure_sealed(wish: Wish, address: Address) -> None:
    """Raise UsageError where passwords would go in the clear, or nobody knows by which name it is reached."""
    is_sealed = wish.certificate is not None or wish.behind_proxy
    if not address.is_loopback and not is_sealed:
        raise UsageError(
            f"--listen {wish.listen} can be reached by other machines, and passwords would go in the clear",
            hint="name --certificate and --key, or --behind-proxy where only a proxy that speaks TLS reaches it",
        )
    if wish.public_url is None and (wish.behind_proxy or not address.is_loopback):
        raise UsageError("which address do people open?", hint="name it: --public-url https://exitplan.example.org")
    if wish.public_url is not None and not is_sealed:
        raise UsageError(
            "--public-url is https, and nothing here speaks TLS",
            hint="add --behind-proxy where a proxy does, or --certificate and --key",
        )


def place_of(wish: Wish, address: Address) -> Place:
    """Return by which names an address that is listened on is known."""
    files = {"certificate": wish.certificate, "key": wish.key}
    has_tls = wish.certificate is not None
    if wish.public_url is not None:
        url = wish.public_url.rstrip("/")
        hosts = frozenset({_host("https", url.removeprefix("https://"))})
        return Place(address, hosts, url, is_https=True, files=_named(files))
    scheme = "https" if has_tls else "http"
    hosts = frozenset(_host(scheme, f"{name}:{address.port}") for name in _LOOPBACK)
    return Place(address, hosts, f"{scheme}://{address}", is_https=has_tls, files=_named(files))


def _host(scheme: str, host: str) -> str:
    """Return a host as browsers write it: without the port that goes without saying."""
    return host.removesuffix(":443" if scheme == "https" else ":80")


def _named(files: Mapping[str, Path | None]) -> dict[str, Path]:
    return {name: path for name, path in files.items() if path is not None}


def application(
    wish: Wish, place: Place, users: Path, data: Path, root: Path, clock: Clock, fleet: FleetPlace | None = None
) -> Starlette:
    """Make the application of a project, or of a ``fleet``, whose ``data`` has the dashboard's own files alone.

    Raises FileIsInvalid for a broken file of users, UsageError.
    """
    proxy, known = proxy_of(wish), None if wish.no_login else UsersFile(users)
    if known is not None and not known.read():
        raise UsageError(f"{users} has no users", hint="make the first one: exitplan users add NAME --role admin")
    given = Given(
        root=root,
        data=data,
        store_of=files_below(data) if fleet is None else fleet.store_of,
        clock=clock,
        users=known,
        hosts=place.hosts,
        accounts=accounts_of(root, fleet),
        is_https=place.is_https,
        proxy=proxy,
        fleet=fleet,
    )
    return make_app(given)


@contextmanager
def listening(address: Address) -> Iterator[tuple[socket.socket, Address]]:
    """Listen for the time of the block; gives the address with its port. Raises ExitplanError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
            listener.listen(128)
        except OSError as problem:
            raise ExitplanError(
                f"cannot listen on {address}: {problem.strerror or problem}", hint="name another address or port"
            ) from problem
        yield listener, Address(address.host, listener.getsockname()[1])


@contextmanager
def serving(app: ASGIApp, place: Place, listener: socket.socket) -> Iterator[Thread]:
    """Serve for the time of the block, in a thread of its own that is given; streams are cut off at the end.

    Headers that say who is behind a proxy are not believed. Raises ExitplanError for a certificate that is none.
    """
    try:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=500,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
            ssl_certfile=place.files.get("certificate"),
            ssl_keyfile=place.files.get("key"),
        )
        config.load()
    except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
        raise ExitplanError(f"the certificate or its key cannot be used: {problem}") from problem
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="dashboard")
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join()
