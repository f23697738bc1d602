"""One worker of the bench: opens its part of the accounts once, and does a cycle each time that it is told to.

``python -m bench.fleet.worker URL FIRST STEP ACCOUNTS SELLS`` reads numbers of cycles from its input, and answers each
with a line of JSON.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.fleet.world import World, account_of, name_of
from exitplan.executor.accounts.account import Account
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.cycle import run_shard
from exitplan.fleet.figures import ShardFigures

SHARD = 150
"""Accounts of a shard."""


class QuietWorld(World):
    """A world in which nobody has anything to sell."""

    def sells(self, number: int) -> bool:  # noqa: ARG002 - as its base
        """Say no."""
        return False


def shards_of(first: int, step: int, accounts: int) -> Iterator[range]:
    """Give the numbers of the accounts of every ``step``-th shard."""
    for begin in range(first * SHARD, accounts, step * SHARD):
        yield range(begin, min(begin + SHARD, accounts))


def run_cycle(database: Database, shards: Sequence[Sequence[Account]]) -> dict[str, float]:
    """Do a cycle of all shards, and measure it."""
    figures, cpu = ShardFigures(), time.process_time()
    for accounts in shards:
        figures += run_shard(accounts, ShardBatch(database), lambda _: None, lambda: False)
    if figures.states.get("CLEAN", 0) != figures.accounts or figures.lost:
        raise RuntimeError(f"not every account was CLEAN: {figures.document} {figures.failures}")
    spent = time.process_time() - cpu
    return {"accounts": figures.accounts, "orders": figures.orders, "cpu": spent, "rss": rss_mb()}


def rss_mb() -> float:
    """Return the peak memory of this process, in MB."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    told = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)
    return told if told is not None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Serve until the input ends."""
    gc.set_threshold(50_000, 20, 100)  # as a child of a worker does
    url, first, step, accounts, sells = sys.argv[1], *map(int, sys.argv[2:6])
    database, world = open_database(url), World() if sells else QuietWorld()
    shards = [
        [account_of(number, world, PostgresStore(database, name_of(number))) for number in numbers]
        for numbers in shards_of(first, step, accounts)
    ]
    gc.freeze()  # likewise
    print(json.dumps({"rss": rss_mb()}), flush=True)
    for line in sys.stdin:
        world.cycle = int(line)
        print(json.dumps(run_cycle(database, shards)), flush=True)
    database.close()


if __name__ == "__main__":
    main()
