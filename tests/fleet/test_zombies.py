"""A worker that was held up wakes when another one has its accounts: nothing it still says or sends counts.

Each safety that sees to that is played against its own worst moment, with it and without.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from exitplan.executor.store.journal import Journal
from exitplan.executor.store.postgres import leases
from exitplan.executor.store.postgres.connection import LEASE_SECONDS, Queued, StoreConnection
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.verify import verify_account
from exitplan.fleet.batch import shard_batch
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.batch.writing import ShardLease, write_alerts
from exitplan.fleet.cycle import run_shard
from exitplan.fleet.figures import ShardFigures
from exitplan.ruleset.errors import FileIsInvalid
from tests.chaos.fleet.mutants import MUTANTS
from tests.fleet.shards import Shard

_PUT_LEASE = (
    "INSERT INTO exitplan.leases AS l VALUES (%s, 'another', '', '', 0, '', 1, now(), now() + interval '1 minute')"
    " ON CONFLICT (name) DO UPDATE SET token = 'another', fence = l.fence + 1, until = excluded.until RETURNING fence"
)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Take a safety out; none where none is named."""
    return lambda safety: MUTANTS[safety].install(monkeypatch) if safety else None


def taken(shard: Shard, name: str) -> int:
    """Have another worker take a lease, and return its number."""
    return int(shard.ask(_PUT_LEASE, name)[0][0])


@pytest.mark.parametrize(("safety", "remembered"), [("", 0), ("no fence", 3)])
def test_of_a_shard_that_another_has_taken_meanwhile_nothing_is_kept(
    shard: Shard, without: Callable[[str], None], safety: str, remembered: int
) -> None:
    name = f"shard:{shard.first}"
    lease = ShardLease(name, taken(shard, name))

    def take_it_away(place: int) -> None:
        if place == 2:
            taken(shard, name)

    without(safety)
    figures = run_shard(shard.accounts, ShardBatch(shard.database, lease=lease), take_it_away, lambda: False)
    assert (figures.remembered, figures.lost) == (remembered, 3 - remembered)


def test_whoever_has_the_shard_while_a_zombie_commits_leaves_those_accounts_to_the_next_cycle(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held up after the lease was looked at and before the commit: the accounts are locked by then."""
    shard.cycle()
    name = f"shard:{shard.first}"
    lease = ShardLease(name, taken(shard, name))
    meanwhile: list[ShardFigures] = []

    def held_up(*asked: Any) -> None:
        write_alerts(*asked)
        if not meanwhile:
            monkeypatch.setattr(shard_batch, "write_alerts", write_alerts)
            other = ShardLease(name, taken(shard, name))
            meanwhile.append(shard.cycle(ShardBatch(shard.database, lease=other)))

    monkeypatch.setattr(shard_batch, "write_alerts", held_up)
    zombie = shard.cycle(ShardBatch(shard.database, lease=lease))
    assert [(one.remembered, one.lost) for one in (zombie, *meanwhile, shard.cycle())] == [(3, 0), (0, 3), (3, 0)]


@pytest.mark.parametrize(("safety", "lost"), [("", 1), ("no swap", 0)])
def test_over_what_was_verified_meanwhile_no_older_answer_is_written(
    shard: Shard, without: Callable[[str], None], safety: str, lost: int
) -> None:
    shard.cycle()

    def verify(place: int) -> None:
        if place == 2:
            verify_account(shard.account(0))

    without(safety)
    figures = run_shard(shard.accounts, ShardBatch(shard.database), verify, lambda: False)
    assert (figures.lost, figures.remembered) == (lost, 3 - lost)


@pytest.mark.parametrize(("safety", "sent"), [("", 0), ("no own clock", 1)])
def test_an_order_in_the_journal_is_not_sent_once_its_lease_has_ended(
    shard: Shard, without: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, safety: str, sent: int
) -> None:
    """Held up between the commit and the send, so that no question to the database would tell."""
    clock, begin = leases._clock, Journal.begin_sending
    shard.world.selling = {shard.first}

    def held_up(journal: Journal, *asked: Any) -> Any:
        begun = begin(journal, *asked)
        taken(shard, f"account:{shard.account(0).id}")
        monkeypatch.setattr(leases, "_clock", lambda: clock() + LEASE_SECONDS)
        return begun

    monkeypatch.setattr(Journal, "begin_sending", held_up)
    without(safety)
    shard.cycle()
    assert shard.world.orders == sent
    asked = "SELECT status FROM exitplan.intents WHERE account = %s"
    assert ("sending",) in shard.ask(asked, shard.account(0).id)  # whoever comes next looks it up


@pytest.mark.parametrize(("safety", "sent"), [("", 0), ("no halt", 1)])
def test_a_halt_is_seen_before_anything_is_sent(
    shard: Shard, without: Callable[[str], None], safety: str, sent: int
) -> None:
    shard.world.selling = {shard.first + 1}

    def halt(place: int) -> None:
        if place == 1:
            shard.account(1).store.halt("at once", shard.world.now())

    without(safety)
    assert run_shard(shard.accounts, ShardBatch(shard.database), halt, lambda: False).orders == sent


def test_what_a_zombie_commits_is_there_before_whoever_comes_next_reads(
    shard: Shard, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held up after the lease was looked at and before the commit: the next one waits, and then the zombie is out."""
    account, now = shard.account(0).id, shard.world.now()
    zombie, queue, clock, is_last = PostgresStore(database, account), StoreConnection.queue, leases._clock, Event()

    def queued(connection: StoreConnection, sql: bytes, *given: Any) -> Queued:
        if sql == b"COMMIT" and is_last.is_set():
            is_last.clear()
            queue(connection, b"SELECT pg_advisory_xact_lock(1)")
        return queue(connection, sql, *given)

    def count_waiting() -> int:
        return len(shard.ask("SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"))

    def write_late() -> None:
        with zombie.lease(now), zombie.open_journal() as journal:
            journal.put_state({"unwind_progress": {}})
            is_last.set()
            journal.put_state({"unwind_progress": {}, "failed_exits": {"AAA/USD": 1}})
            zombie.ensure_leased(journal)  # as before a send

    with open_database(database.url) as other, ThreadPoolExecutor(2) as threads, other.connection() as holding:
        next_one = PostgresStore(other, account)
        holding.execute("SELECT pg_advisory_lock(1)")
        monkeypatch.setattr(StoreConnection, "queue", queued)
        late = threads.submit(write_late)
        while not count_waiting():
            assert not late.done()
        next_one.break_lease()
        monkeypatch.setattr(leases, "_clock", lambda: clock() + LEASE_SECONDS)
        with next_one.lease(now), next_one.open_journal() as journal:
            claimed = threads.submit(journal.claim)
            while count_waiting() < 2:
                assert not claimed.done()
            holding.execute("SELECT pg_advisory_unlock(1)")
            claimed.result(10)
            assert next_one.load_state(journal).failed_exits == {"AAA/USD": 1}
        with pytest.raises(FileIsInvalid, match=r"has ended while this process was held up|taken over by another run"):
            late.result(10)
