"""Answer who scrapes: ``/metrics``, and ``/-/healthy`` for whoever asks whether somebody is there."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from exitplan.executor.logs import RUN, note
from exitplan.executor.metrics.collector import Collects, registry_of
from exitplan.ruleset.errors import ExitplanError, UsageError

_LONGEST_REQUEST = 10
"""Seconds that somebody may take to say what they want."""
_HIGHEST_PORT = 65535
Respond = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where is listened: a host and a port; port 0 stands for any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the address as it is written in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(option: str, text: str, *, anywhere: bool = False) -> Address:
    """Read ``HOST:PORT``; raises UsageError, also where others could reach it and that was not said."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > _HIGHEST_PORT or "/" in host:
        raise UsageError(f"{option} {text} is not HOST:PORT", hint=f"for example {option} 127.0.0.1:9464")
    address = Address(host, int(port))
    if not (address.is_loopback or anywhere):
        raise UsageError(
            f"{option} {text} can be reached by other machines: they would see what your accounts hold",
            hint=f"use {option} 127.0.0.1:{port}, or add --anywhere if a firewall or proxy protects it",
        )
    return address


class _Server(ThreadingMixIn, WSGIServer):
    """Each answer in a thread of its own, so that nobody who is slow keeps others waiting."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as its base
        """Log that somebody has hung up or asked for nonsense: there is no one to tell."""
        note(RUN, "scrape_failed", level=logging.DEBUG)


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _LONGEST_REQUEST

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base
        """Log nothing to stderr."""


@contextmanager
def serve(address: Address, collector: Collects) -> Iterator[Address]:
    """Serve metrics for the time of the block, in a thread of its own; gives the address with its port.

    Raises ExitplanError where nobody can listen there.
    """
    kind = _SixServer if ":" in address.host else _Server
    try:
        server = make_server(address.host, address.port, _app(collector), server_class=kind, handler_class=_Handler)
    except OSError as problem:
        raise ExitplanError(
            f"cannot listen on {address}: {problem.strerror or problem}", hint="name another address or port"
        ) from problem
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield Address(address.host, server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _app(collector: Collects) -> Callable[[Mapping[str, Any], Respond], Iterable[bytes]]:
    metrics = make_wsgi_app(registry_of(collector))

    def answer(environ: Mapping[str, Any], respond: Respond) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, respond)  # type: ignore[no-any-return] # untyped
        healthy = path == "/-/healthy"
        respond("200 OK" if healthy else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"exitplan is there.\n" if healthy else b"Ask for /metrics or /-/healthy.\n"]

    return answer
