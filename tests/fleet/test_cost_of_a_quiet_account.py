"""What a quiet account costs beyond its planning: counted in calls and bytes, which a busy machine does not change."""

from __future__ import annotations

import tracemalloc

from bench.fleet.world import World, account_of, name_of
from bench.work import count_calls
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.cycle import run_shard
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.planning.plan import write_plan
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from tests.fleet.shards import Shard, ToldWorld

MOST_CALLS = 900
"""Functions called for a further account in a cycle, on top of those of observing, deciding and writing the plan."""
MOST_BYTES = 5_000
"""Memory of an account at rest, which shares its policy and its markets."""


def calls_of_planning(shard: Shard) -> int:
    """Count the calls of planning all accounts of a shard."""
    snapshots = [account.broker.read_account() for account in shard.accounts]
    policy, rulebook = shard.account(0).loaded.policy, shard.account(0).rulebook
    progress = [account.store.read_state().progress for account in shard.accounts]

    def plan() -> None:
        for snapshot, done in zip(snapshots, progress, strict=True):
            seen = Observation.of(snapshot, policy, done, snapshot.taken_at)
            given = PlanInput(rulebook, snapshot, snapshot.taken_at, done, seen=seen)
            write_plan(given, draft_plan(given), {})

    plan()
    return count_calls(plan)


def test_a_quiet_account_costs_little_beyond_its_planning(database: Database) -> None:
    counts = []
    for size in (14, 28):
        shard = Shard(database, ToldWorld(), first=0, size=size)
        accounts = shard.accounts
        shard.cycle(accounts=accounts)
        shard.world.cycle += 1
        calls = count_calls(lambda: run_shard(accounts, ShardBatch(database), lambda _: None, lambda: False))  # noqa: B023 - called at once
        counts.append(calls - calls_of_planning(shard))
    assert (counts[1] - counts[0]) / 14 < MOST_CALLS


def test_an_account_at_rest_is_light(database: Database) -> None:
    world = World()
    account_of(0, world, PostgresStore(database, name_of(0)))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        accounts = [account_of(number, world, PostgresStore(database, name_of(number))) for number in range(1_000)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(accounts) < MOST_BYTES
