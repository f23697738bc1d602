"""A server on the loopback that takes what apprise sends as JSON, and fails as long as it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Receiver:
    """What arrived, by the path that it was sent to."""

    port: int = 0
    got: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    let_go: Event = field(default_factory=Event)

    def url(self, name: str) -> str:
        return f"json://127.0.0.1:{self.port}/{name}"

    def at(self, name: str) -> list[dict[str, str]]:
        return [message for message, path in zip(self.got, self.paths, strict=True) if path == f"/{name}"]


@contextmanager
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = self.path.strip("/")
            if name in received.hanging:
                received.let_go.wait(20)
            is_ok = name not in received.failing
            if is_ok:
                received.got.append(body)
                received.paths.append(f"/{name}")
            self.send_response(200 if is_ok else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        received.port = server.server_address[1]
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield received
        received.let_go.set()
        server.shutdown()
