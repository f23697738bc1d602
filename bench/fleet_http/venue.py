"""A venue for many accounts in its own process: ``python -m bench.fleet_http.venue kraken 5``.

Each reply is made once, by the front of tests/venues that checks its signature, and is then sent again to whoever
asks the same: all accounts hold the same, and the venue is not what is measured. It is spoken to over its pipes as
:mod:`bench.live.venue` is.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from email.utils import formatdate
from typing import cast

from bench.fleet_http.account import quiet_account
from bench.live import venue as live
from tests.venues.door import Door
from tests.venues.server import serving
from tests.venues.wire import Reply, Request

_VOLATILE = re.compile(rb"(?:timestamp|signature|nonce|recvWindow)=[^& ]*&?")
_END = b"\r\n\r\n"


class Replay:
    """The replies of one venue by what was asked, each made once."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.latency = 0.0
        self.calls: Counter[str] = Counter()
        self._known: dict[tuple[bytes, bytes], tuple[str, bytes]] = {}

    def reply_to(self, head: bytes, body: bytes) -> bytes:
        """Return the bytes of the reply to a request."""
        line = head[: head.index(b"\r\n")]
        asked = (_VOLATILE.sub(b"", line), _VOLATILE.sub(b"", body))
        known = self._known.get(asked)
        if known is None:
            known = self._known[asked] = self._made(head, body)
        path, reply = known
        self.calls[path] += 1
        return b"HTTP/1.1 200 OK\r\nDate: %s\r\n%s" % (formatdate(usegmt=True).encode(), reply)

    def _made(self, head: bytes, body: bytes) -> tuple[str, bytes]:
        line, *fields = head.decode().split("\r\n")
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        headers = dict(_field(field) for field in fields)
        reply = self.door.answer(Request(method, path, query, headers, body))
        if reply is None or reply.status != 200:
            raise RuntimeError(f"{line}: {reply}")
        return path.rpartition("/")[2], _wire(reply)


def _field(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.lower(), value.strip()


def _wire(reply: Reply) -> bytes:
    return b"Content-Type: application/json\r\nContent-Length: %d%s%s" % (len(reply.body), _END, reply.body)


class Talk(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, replay: Replay) -> None:
        self.replay, self.buffer = replay, b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write to."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer a request once all of it is there, after the time that it is on its way."""
        self.buffer += data
        end = self.buffer.find(_END)
        if end < 0:
            return
        head, length = self.buffer[:end], 0
        at = head.lower().find(b"content-length:")
        if at >= 0:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        start = end + len(_END)
        if len(self.buffer) < start + length:
            return
        body, self.buffer = self.buffer[start : start + length], self.buffer[start + length :]
        reply = self.replay.reply_to(head, body)
        if self.replay.latency:
            asyncio.get_running_loop().call_later(self.replay.latency, self._send, reply)
        else:
            self._send(reply)

    def _send(self, reply: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(reply)


def main() -> None:
    """Serve until stdin ends."""
    venue, positions = sys.argv[1], int(sys.argv[2])
    with serving(venue, quiet_account(venue, positions, datetime.now(UTC))) as handle:
        replay, loop = Replay(Door(handle.front, handle.venue)), asyncio.new_event_loop()
        server = loop.run_until_complete(loop.create_server(lambda: Talk(replay), "127.0.0.1", 0, backlog=1024))
        threading.Thread(target=loop.run_forever, daemon=True).start()
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        _say({"base_url": base_url, "environment": handle.credentials.environment(live.CREDENTIALS)})
        cpu = time.process_time()
        for line in sys.stdin:
            now = time.process_time()
            calls, replay.calls = replay.calls, Counter()
            replay.latency = float(line)
            _say({"calls": calls, "cpu": now - cpu})
            cpu = now
    os._exit(0)


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
