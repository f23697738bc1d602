"""What a child of a real worker does in the bench: the accounts of a shard in the simulated world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.fleet.worker import SHARD, QuietWorld
from bench.fleet.world import World, account_of, name_of
from exitplan.executor.accounts.account import Account
from exitplan.executor.store.postgres.database import open_database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.batch.writing import ShardLease
from exitplan.fleet.cycle import run_shard
from exitplan.fleet.runner.performing import Means, ShardTask


class SimulatedShards:
    """Works on shards of the simulated world; the tick is its cycle."""

    def __init__(self, means: Means) -> None:
        """Open the database."""
        self._database = open_database(means.url)
        self._world = World() if means.settings["sells"] else QuietWorld()
        self._count = int(means.settings["accounts"])

    def accounts(self, task: ShardTask) -> Sequence[Account]:
        """Return the accounts of a shard; shards are numbered from 1."""
        self._world.cycle = task.tick
        first = (task.shard - 1) * SHARD
        numbers = range(first, min(first + SHARD, self._count))
        accounts = [account_of(n, self._world, PostgresStore(self._database, name_of(n))) for n in numbers]
        return [account for account in accounts if task.wants(account.id)]

    def perform(
        self,
        task: ShardTask,
        accounts: Sequence[Account],
        at_work: Callable[[int], None],
        stopped: Callable[[], bool],
    ) -> Mapping[str, Any]:
        """Give the accounts their rounds."""
        batch = ShardBatch(self._database, lease=ShardLease(f"shard:{task.shard}", task.fence))
        return run_shard(accounts, batch, at_work, stopped).document


def make_performer(means: Means) -> SimulatedShards:
    """Make the performer of a child."""
    return SimulatedShards(means)
