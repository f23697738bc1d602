"""What nothing needs any more leaves the database of a fleet, while workers are at work."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft7Validator

from exitplan.executor.store.history import past_runs
from exitplan.executor.store.postgres.database import Database
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.pruning import PrunedFleet, prune_fleet
from exitplan.fleet.registry import Registry
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp
from tests.fleet.shards import Shard, ToldWorld
from tests.postgres.fixtures import empty

_first = itertools.count(7, 70)
DAY = timedelta(days=1)


@pytest.fixture
def shard(database: Database) -> Shard:
    """Three accounts that have sold something in each of three cycles, a day apart, and are alone in the database."""
    empty(database)
    shard = Shard(database, ToldWorld(), first=next(_first))
    shard.world.selling = {shard.first + place for place in range(shard.size)}
    for _ in range(3):
        shard.cycle()
        shard.world.later += DAY
    return shard


def pruned(shard: Shard, **more: Any) -> PrunedFleet:
    fleet = FleetPlace(Registry(shard.database), shard.database)
    return prune_fleet(fleet, shard.world.now(), shard.world.now(), **more)


def runs(shard: Shard) -> list[list[int]]:
    return [[run["run"] for run in past_runs(account)] for account in shard.accounts]


def test_old_runs_go_and_accounts_in_use_stay_until_the_next_time(shard: Shard) -> None:
    with shard.account(1).store.lease(shard.world.now()):
        would = pruned(shard, dry_run=True)
        assert runs(shard) == [[3, 2, 1]] * 3
        did = pruned(shard)
    assert (did.accounts, did.runs, did.orders, did.in_use, did.problems) == (2, 4, 4, 1, [])
    assert (would.accounts, would.runs, would.orders, would.bytes) == (2, 4, 4, did.bytes)
    assert runs(shard) == [[3], [3, 2, 1], [3]]
    assert (pruned(shard).runs, pruned(shard).runs) == (2, 0)


def test_what_is_gone_is_not_unknown_and_the_account_goes_on(shard: Shard) -> None:
    account = shard.account(0)
    asked = "SELECT client_order_id FROM exitplan.intents WHERE account = %s ORDER BY sent_at"
    names = [name for (name,) in shard.ask(asked, account.id)]
    pruned(shard)
    with account.store.open_journal() as journal:
        assert journal.unknown_orders([*names, "xp0000000000000000"]) == ["xp0000000000000000"]
    assert shard.cycle().kinds == {"applied": 3}
    assert runs(shard)[0] == [4, 3]


def test_a_damaged_journal_is_told_and_keeps_no_other_from_being_pruned(shard: Shard) -> None:
    account = shard.account(0).id
    shard.ask("UPDATE exitplan.runs SET started_at = 'soon' WHERE account = %s RETURNING 1", account)
    done = pruned(shard)
    assert (done.accounts, [name for name, _ in done.problems]) == (2, [account])


def test_alerts_go_once_they_are_old_were_taken_in_and_no_rollout_looks_back_at_them(shard: Shard) -> None:
    store, now = shard.account(0).store, shard.world.now()
    for at in (now - DAY, now):
        store.raise_alert("EXIT_FAILED", at, {"symbol": "AAA/USD"})
    assert pruned(shard, dry_run=True).alerts == 1
    shard.ask("INSERT INTO exitplan.outbox_started VALUES (1, 0) RETURNING 1")
    assert pruned(shard).alerts == 0
    shard.ask(
        "INSERT INTO exitplan.outbox_cursors VALUES ('', 9223372036854775807, 9223372036854775807, 0) RETURNING 1"
    )
    begin_rollout(shard, "running", now - 2 * DAY)
    assert pruned(shard).alerts == 0
    shard.ask("DELETE FROM exitplan.rollouts RETURNING 1")
    assert (pruned(shard).alerts, pruned(shard).alerts, shard.alerts(0)) == (1, 0, ["EXIT_FAILED"])


def begin_rollout(shard: Shard, standing: str, at: Any) -> None:
    shard.ask(
        "INSERT INTO exitplan.rollouts (policy, name, scope, stages, hold, max_failures, accounts, standing, looked_at,"
        " looked_at_here, started_at, ended_at) VALUES ('', '', '', '{1}', '1 hour', 0, 1, %s, %s, %s, %s, %s)"
        " RETURNING 1",
        *(standing, at, at, at, None if standing == "running" else at),
    )


def test_rollouts_that_were_over_go_with_what_they_did(shard: Shard) -> None:
    for standing, ago in (("done", 1), ("aborted", 1), ("running", 1), ("done", -1)):
        begin_rollout(shard, standing, shard.world.now() - ago * DAY)
    log = "INSERT INTO exitplan.rollout_log (rollout, at, who, what) SELECT rollout, now(), '', ''"
    shard.ask(f"{log} FROM exitplan.rollouts RETURNING 1")
    assert pruned(shard).rollouts == 2
    assert shard.ask("SELECT count(*) FROM exitplan.rollout_log") == [(2,)]


def test_the_command_says_what_went(shard: Shard) -> None:
    line = ("fleet", "prune", "--older-than", "2026-02-20", "--data", shard.database.url)
    assert "Would remove 6 runs with 6 orders of 3 accounts" in xp(*line, "--dry-run").out
    document = xp(*line, "--json").json
    Draft7Validator(ANSWERS["fleet-prune"]()).validate(document)
    assert (document["runs"], document["problems"]) == (6, [])
    assert "Nothing to remove: nothing ended before" in xp(*line).out
