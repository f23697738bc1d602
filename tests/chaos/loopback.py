"""A live venue in a process of its own: it outlives the clients that are killed, and what they have sent arrives."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from exitplan.brokers.paper.options import PaperOptions
from exitplan.ruleset.model.snapshot import Snapshot
from tests.chaos.process import Child, fork
from tests.chaos.wire import WireFile
from tests.venues.faults import Fault, fault
from tests.venues.fronts import new_credentials
from tests.venues.server import CONTROL, serving
from tests.venues.wire import Credentials

PATIENCE = 10.0
"""Seconds for a venue to begin to listen, and to answer."""

CLIENT_SECONDS = 1
"""How long a client waits for an answer, in real time."""
HELD = 1.25
"""Really held, beyond the patience of the client; any other time passes at once."""
WINDOWS: Mapping[str, int] = {"kraken": 5, "coinbase": 120, "binance": 5, "bybit": 5}
"""Seconds for which a venue accepts a request after it was signed: by a deadline, its window, or a token's life."""


def named_fault(name: str, window: int) -> Fault:
    """Give what goes wrong by a name of ours, by the venue's window; any other name is the fault's own."""
    known = {
        "rate_limited": fault("rate_limited", seconds=0.01),  # this rest is a real one
        "unexecuted": fault("html", executed=False),
        "late": fault("delayed", seconds=window * 0.6),
        "just_in_time": fault("delayed", seconds=window * 0.97),
        "too_late": fault("delayed", seconds=window * 1.5),
        "slow": fault("slow", seconds=4),
        "stuck": fault("stuck", seconds=4),
        "vanished": fault("vanished", seconds=window + 2),
        "timed_out": fault("slow", seconds=HELD),
        "held": fault("stuck", seconds=HELD),
        "lingers": fault("lingers", seconds=0.7),
        "bad_gateway": fault("error_after", status=502),
        "gateway_timeout": fault("error_before", status=504),
        "submitted": fault("unclear", words="170035 Submitted to the system for processing!"),
        "broke_inside": fault("unclear", words="10016 Server error."),
        "timed_out_inside": fault("unclear", words="170007 Timeout waiting for response from backend server."),
    }
    return known.get(name) or fault(name)


_WITHOUT_END = 10**9
"""A limit of weights that no experiment reaches."""


@cache
def credentials_at(venue: str) -> Credentials:
    """Make one key pair for all accounts at a venue."""
    return new_credentials(venue)


@dataclass(frozen=True, slots=True)
class Loopback:
    """A venue that listens."""

    child: Child
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def control(self) -> dict[str, Any]:
        """Let arrive what is due, and ask the venue how things are."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", CONTROL)
            told: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return told

    def end(self) -> None:
        os.kill(self.child.pid, signal.SIGKILL)
        self.child.wait()


def start(
    venue: str,
    account: Snapshot,
    options: PaperOptions,
    wire: WireFile,
    faults: Mapping[str, Sequence[str]],
    root: Path | None = None,
) -> Loopback:
    """Start a venue that keeps its account in a folder, that of its wire unless told; what is printed goes there."""
    credentials_at(venue)  # the clients are to know the same ones
    root, parent = root or wire.path.parent, os.getpid()
    place = root / "port"

    def serve() -> None:
        _print_to(root / "venue-errors")
        with serving(
            venue,
            account,
            clock=wire.true_time,
            options=options,
            file=root / "paper.json",
            credentials=credentials_at(venue),
        ) as handle:
            handle.venue.wait = lambda seconds: time.sleep(HELD) if seconds == HELD else wire.advance(seconds)
            gate: Any = getattr(handle.front, "gate", None)
            gate.clock = wire.true_time
            # The venue's minutes are played, a client's rests are real: a minute that is used up would be waited for.
            for name in ("weights", "futures_weights"):
                if weights := getattr(handle.front, name, None):
                    weights.limit, weights.is_told = _WITHOUT_END, False
            for sort, names in faults.items():
                handle.venue.faults.plan(sort, *(named_fault(name, WINDOWS[venue]) for name in names))
            handle.venue.save()
            _tell(place, handle.base_url.rpartition(":")[2])
            while os.getppid() == parent:
                time.sleep(0.2)

    child = fork(serve, root / "venue-errors")
    until = time.monotonic() + PATIENCE
    while not place.exists():
        if time.monotonic() > until:
            raise AssertionError(f"the venue does not listen: {(root / 'venue-errors').read_text()}")
        time.sleep(0.001)
    return Loopback(child, int(place.read_text()))


def _print_to(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 2)
    os.close(file)


def _tell(place: Path, port: str) -> None:
    beside = place.with_suffix(".new")
    beside.write_text(port)
    beside.replace(place)
