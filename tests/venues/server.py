"""A venue on loopback over HTTP, and the control endpoint beside it.

``GET /__control`` tells the log, what went wrong and the account; ``POST /__control`` takes any of ``faults`` {sort:
[fault, ...]}, ``latency``, ``prices`` {symbol: {bid, ask, last}}, ``read_only`` and ``clear`` (``faults``, ``log``).
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exitplan.brokers.live.client import forget_connections
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.protocol import Clock
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from tests.venues.door import Door
from tests.venues.faults import read_fault
from tests.venues.fronts import account_at, open_front, options_of
from tests.venues.venue import Execution, Venue, utc_now
from tests.venues.wire import Credentials, Document, Front, Reply, Request, Sort, in_json

CONTROL = "/__control"


class Listener(ThreadingHTTPServer):
    """Serves one door; knows its open connections, so that it can end them."""

    daemon_threads = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, door: Door) -> None:
        self.door = door
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Exchange)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; whatever else broke is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def end(self) -> None:
        self.door.closing.set()
        self.shutdown()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Exchange(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.door.closing.is_set():  # it was accepted just before, and would be waited for without end
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def _exchange(self) -> None:
        reply = self._answer(self._read())
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in {**self.server.door.venue.headers, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = _exchange  # noqa: N815 - the base class looks for these names

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, parts.query, headers, body)

    def _answer(self, request: Request) -> Reply | None:
        door = self.server.door
        if request.path != CONTROL:
            return door.answer(request)
        return in_json(control(door.venue, json.loads(request.body) if request.body else {}))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the venue's own time, which goes into the headers of each reply."""
        return formatdate(self.server.door.venue.now().timestamp() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: the venue has a log of its own."""


def control(venue: Venue, wishes: Mapping[str, Any]) -> Document:
    """Do what is wished, and tell log, faults and account as they are then."""
    with venue.lock:
        for name in wishes.get("clear", ()):
            venue.log.clear() if name == "log" else venue.faults.clear()
        for sort, faults in wishes.get("faults", {}).items():
            venue.faults.plan(sort, *(read_fault(entry) for entry in faults))
        venue.latency = float(wishes.get("latency", venue.latency))
        venue.read_only = bool(wishes.get("read_only", venue.read_only))
        for symbol, prices in wishes.get("prices", {}).items():
            venue.tick(symbol, **prices)
        venue.arrive()
        return {
            "log": [asdict(call) | {"at": call.at.isoformat()} for call in venue.log],
            "met": dict(venue.faults.met),
            "waiting": {sort.value: len(venue.faults.queue(sort)) for sort in Sort},
            "under_way": len(venue.faults.under_way),
            "hidden": sum(until > venue.now() for until in venue.faults.hidden.values()),
            "snapshot": snapshot_to_document(venue.snapshot()),
        }


@dataclass(frozen=True, slots=True)
class Handle:
    """A venue that listens."""

    base_url: str
    front: Front
    venue: Venue

    @property
    def credentials(self) -> Credentials:
        return self.front.credentials


@contextmanager
def serving(
    front: str,
    snapshot: Snapshot,
    *,
    clock: Clock = utc_now,
    options: PaperOptions | None = None,
    latency: float = 0.0,
    port: int = 0,
    file: Path | None = None,
    past: Sequence[Execution] = (),
    staked: Mapping[str, Decimal] | None = None,
    page_size: int | None = None,
    credentials: Credentials | None = None,
) -> Iterator[Handle]:
    """Serve an account as a venue of :data:`FRONTS` until the block ends; it listens when the block begins.

    ``staked`` are further balances under the venue's own codes; ``page_size`` makes its pages smaller than they are.
    """
    manners = options_of(front, options or PaperOptions(), snapshot)
    venue = Venue(account_at(front, snapshot), manners, clock, latency, file, past)
    opened = open_front(front, venue, staked or {}, page_size, credentials)
    server = Listener(port, Door(opened, venue))
    listener = threading.Thread(target=server.serve_forever, args=(0.02,), name=f"{front} on loopback")
    listener.start()
    base_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield Handle(base_url, opened, venue)
    finally:
        server.end()
        listener.join()
        forget_connections(base_url)  # another venue may get the port
