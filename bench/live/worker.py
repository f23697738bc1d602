"""Measure plan and apply at one venue: ``python -m bench.live.worker kraken 50 batch 0 0.05 0.1`` prints a JSON list.

Each latency gets a venue and an account of its own, and a first plan that is not counted: markets are cached then,
connections are open, and the code is warm. Garbage is collected as seldom as in the command line.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bench.live.account import cancels_of, closes_of, write_files
from bench.live.venue import Loopback, venue_apart
from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.credentials import read_credentials
from exitplan.brokers.live.dialect import Dialect, Exchange, tickers_of
from exitplan.brokers.live.opening import connection_of
from exitplan.brokers.live.parsing import Ticker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.brokers.venues import dialect_of
from exitplan.cli.main import collect_seldom
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.plan import plan_account
from exitplan.ruleset.planning.checks import AccountState

Result = TypeVar("Result")
MODES = ("batch", "one by one")
_PLANS = 3
"""How often a plan is made; the quickest counts. It can be applied only once."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What one phase took: wall, our own CPU and the venue's, in seconds, and requests by the end of their path."""

    seconds: float
    cpu: float
    venue_cpu: float
    calls: Mapping[str, int]


def measure(venue: str, positions: int, mode: str, latency: float) -> dict[str, Timed]:
    """Time a plan and its application; raises RuntimeError if the account is not clean afterwards."""
    with venue_apart(venue, positions) as loopback, tempfile.TemporaryDirectory(prefix="exitplan-bench-") as folder:
        os.environ |= {**loopback.environment, "EXITPLAN_CACHE_DIR": folder}
        now = datetime.now(UTC)
        file = write_files(Path(folder), venue, loopback.base_url, positions, now)
        account = open_account(AccountRequest(clock=_utc_now, account=str(file), data=Path(folder) / "data"))
        if mode != "batch":
            account = one_by_one(account)
        plan_account(account)
        plans = [_timed(loopback, latency, lambda: plan_account(account).plan) for _ in range(_PLANS)]
        planned, plan = min(plans, key=lambda found: found[1].seconds)
        if len(planned.actions) != closes_of(positions) + cancels_of(positions):
            raise RuntimeError("the plan is another one than expected")
        result, apply = _timed(loopback, latency, lambda: apply_plan(account, planned))
        if result.exit_code or result.checks is None or result.checks.state is not AccountState.CLEAN:
            raise RuntimeError(f"the plan was not applied: {result.to_document()}")
    return {"plan": plan, "apply": apply}


def one_by_one(account: Account) -> Account:
    """Return the account with a broker that neither batches nor works side by side."""
    block = account.loaded.account or {}
    credentials = read_credentials(str(block["credentials"]), account.file.parent, os.environ)
    broker = LiveBroker(
        _singly(dialect_of(account.venue)), connection_of(block, account.clock), credentials, account.id, account.quote
    )
    return replace(account, broker=RetryingBroker(broker, time.sleep))


def _singly(dialect: Dialect) -> Dialect:
    ours = type(dialect)
    parts = {
        "traits": replace(ours.traits, writes_at_once=1, cancel_batch=0, serialize_private=True),
        "reads_all_tickers": lambda _self, _exchange: False,
        "read_ticker": _read_ticker,
        "find_many": Dialect.find_many,
    }
    made: Dialect = type(f"{ours.__name__}OneByOne", (ours,), parts)()
    return made


def _read_ticker(_self: Dialect, exchange: Exchange, symbol: str) -> Ticker:
    return tickers_of(exchange.fetch_tickers([symbol]))[symbol]


def _timed(loopback: Loopback, latency: float, act: Callable[[], Result]) -> tuple[Result, Timed]:
    loopback.next(latency)
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    traffic = loopback.next()
    return result, Timed(wall, cpu, traffic.cpu, dict(traffic.calls))


def _utc_now() -> datetime:
    return datetime.now(UTC)


def main(words: Sequence[str]) -> list[dict[str, Any]]:
    """Measure the import of ccxt, then every requested latency."""
    venue, positions, mode, *latencies = words
    collect_seldom()
    before = time.perf_counter()
    import ccxt  # noqa: F401, PLC0415 - timed

    imported = time.perf_counter() - before
    return [
        {"import": imported, "latency": float(latency)}
        | {phase: asdict(timed) for phase, timed in measure(venue, int(positions), mode, float(latency)).items()}
        for latency in latencies
    ]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
