"""Read and plan many accounts in one process: ``python -m bench.fleet_http.worker kraken 1000 5 0.05 48``.

The arguments are the venue, accounts, positions of each, seconds of latency and threads. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from msgspec.structs import replace

from bench.fleet_http.account import records
from bench.live.venue import CREDENTIALS, venue_apart
from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.opening import connection_of
from exitplan.brokers.venues import dialect_of
from exitplan.cli.main import collect_seldom
from exitplan.fleet.levels import PostgresLevels
from exitplan.fleet.schema import BUCKETS
from exitplan.fleet.venues import venues_of_fleet
from exitplan.ruleset.engine.rulebook import Rulebook, rulebook_of
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from exitplan.schemas.policies import load_policy, shipped_policy
from tests.postgres.server import temporary_server


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a cycle of accounts took: wall, our CPU and the venue's in seconds, calls, and queries for rate limits.

    ``megabytes`` are the most memory that the process has had, with ccxt and the markets of the venue.
    """

    accounts: int
    seconds: float
    cpu: float
    venue_cpu: float
    calls: int
    queries: int
    megabytes: float


def open_accounts(venue: str, base_url: str, count: int, environ: dict[str, str]) -> list[LiveBroker]:
    """Open accounts that differ in their keys; the first has the one that the venue knows."""
    block: dict[str, Any] = {"id": "platform", "venue": venue, "quote": "USD", "base_url": base_url}
    block["rate_limit"] = {"burst": 1_000_000, "per_second": 1_000_000}
    connection, dialect = connection_of(block, _utc_now), dialect_of(venue)
    key, secret = environ[f"{CREDENTIALS}_API_KEY"], environ[f"{CREDENTIALS}_API_SECRET"].replace("\\n", "\n")
    keys = [key, *(f"{key}{number:05d}" for number in range(1, count))]
    return [
        LiveBroker(dialect, connection, Credentials("env:BENCH", Secret(key), Secret(secret)), "platform", "USD")
        for key in keys
    ]


def plan(broker: LiveBroker, rulebook: Rulebook, tracker: dict[str, Any]) -> None:
    """Read and plan one account; raises RuntimeError where anything is to be done."""
    snapshot = replace(broker.read_account(), tracker=tracker)
    seen = Observation.of(snapshot, rulebook.policy, Progress(), snapshot.taken_at)
    draft = draft_plan(PlanInput(rulebook, snapshot, snapshot.taken_at, Progress(), seen=seen))
    if draft.actions:
        raise RuntimeError(f"an account is not quiet: {draft.actions}")


def measure(venue: str, count: int, positions: int, latency: float, threads: int) -> Cycle:
    """Time a cycle of all accounts after one that is not counted."""
    with levels_in_postgres() as levels, tempfile.TemporaryDirectory(prefix="exitplan-bench-") as folder:
        os.environ["EXITPLAN_CACHE_DIR"] = folder
        with venue_apart(venue, positions, "bench.fleet_http.venue") as loopback:
            brokers = open_accounts(venue, loopback.base_url, count, loopback.environment)
            rulebook = rulebook_of(load_policy(shipped_policy("default")).policy)
            tracker = records(positions, _utc_now())
            plan(brokers[0], rulebook, tracker)
            work = partial(plan, rulebook=rulebook, tracker=tracker)
            with ThreadPoolExecutor(threads) as pool:
                for _ in pool.map(work, brokers):  # fees are asked for once a day, and are not counted
                    pass
                loopback.next(latency)
                levels.queries = 0
                wall, cpu = time.perf_counter(), time.process_time()
                for _ in pool.map(work, brokers):
                    pass
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            traffic = loopback.next()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cycle(count, wall, cpu, traffic.cpu, sum(traffic.calls.values()), levels.queries, most)


@contextmanager
def levels_in_postgres() -> Iterator[PostgresLevels]:
    """Keep the levels of rate limits in a server of our own, as a fleet does."""
    with temporary_server() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE SCHEMA exitplan")
            connection.execute(BUCKETS)
        with venues_of_fleet(server.url()) as levels:
            yield levels


def _utc_now() -> datetime:
    return datetime.now(UTC)


def main(words: Sequence[str]) -> dict[str, Any]:
    """Measure one case, and give its figures by name."""
    venue, count, positions, latency, threads = words
    collect_seldom()
    return asdict(measure(venue, int(count), int(positions), float(latency), int(threads)))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:]), indent=1))
