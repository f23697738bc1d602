"""One venue in its own process: ``python -m bench.live.venue kraken 50``, so that its work is not counted as ours.

The first line on stdout tells where it listens and its credentials. Then each line on stdin is a latency in seconds: it
holds from then on, and a line is answered with what there was since the last one. It ends with its stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from bench.live.account import made_account
from tests.venues.server import Handle, serving
from tests.venues.wire import Reply, Request

CREDENTIALS = "BENCH"
"""What the variables with the venue's credentials begin with."""
_PRICES = frozenset({"Ticker", "products", "best_bid_ask"})


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a venue saw: requests by the end of their path, and the CPU seconds that it took to answer them."""

    calls: Counter[str]
    cpu: float


@dataclass(frozen=True, slots=True)
class Loopback:
    """A venue that listens in another process."""

    base_url: str
    environment: dict[str, str]
    wishes: IO[str]
    answers: IO[str]

    def next(self, latency: float = 0.0) -> Traffic:
        """Return the traffic since the last call; from now on each request takes ``latency`` more seconds."""
        self.wishes.write(f"{latency}\n")
        self.wishes.flush()
        answer = json.loads(self.answers.readline())
        return Traffic(Counter(answer["calls"]), answer["cpu"])


@contextmanager
def venue_apart(venue: str, positions: int, module: str = "bench.live.venue") -> Iterator[Loopback]:
    """Serve the account of the benchmark from another process until the block ends."""
    command = [sys.executable, "-m", module, venue, str(positions)]
    with subprocess.Popen(  # noqa: S603 - Python itself
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the venue has no pipes")
        told = json.loads(process.stdout.readline())
        yield Loopback(told["base_url"], told["environment"], process.stdin, process.stdout)
        process.stdin.close()


def main() -> None:
    """Serve until stdin ends."""
    venue, positions = sys.argv[1], int(sys.argv[2])
    with serving(venue, made_account(venue, positions, datetime.now(UTC))) as handle:
        _remember_prices(handle)
        _say({"base_url": handle.base_url, "environment": handle.credentials.environment(CREDENTIALS)})
        cpu = time.process_time()
        for line in sys.stdin:
            now = time.process_time()
            _say({"calls": _take_log(handle), "cpu": now - cpu})
            handle.venue.latency = float(line)
            cpu = time.process_time()
    sys.stdout.flush()
    os._exit(0)  # idle connections of clients would keep their threads


def _remember_prices(handle: Handle) -> None:
    """Write each list of prices once: they do not move here, and a venue has them ready."""
    act, known = handle.front.act, dict[str, Reply]()

    def answer(request: Request) -> Reply:
        if request.path.rpartition("/")[2] not in _PRICES:
            return act(request)
        place = f"{request.path}?{request.query}"
        if place not in known:
            known[place] = act(request)
        return known[place]

    handle.front.act = answer  # type: ignore[method-assign] # the front of this one venue


def _take_log(handle: Handle) -> dict[str, int]:
    with handle.venue.lock:
        found = Counter(f"{call.method} {call.path.rpartition('/')[2]}" for call in handle.venue.log)
        handle.venue.log.clear()
    return dict(found)


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
