"""Leases as rows: one holder each, for as long as it renews, and nobody after it is mistaken for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from exitplan.brokers.identity import Identity
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.postgres import holders, leases
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.leases import Lease
from exitplan.executor.store.postgres.migrations import create_journal
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.ruleset.errors import AccountIsLocked, FileIsInvalid
from tests.builders import NOW
from tests.postgres.fixtures import empty
from tests.postgres.server import temporary_server
from tools.postgres import Server

LIVE = Identity("binance", "production", "the fingerprint of a key")
SHORT = 0.6
"""How long leases last here, in seconds."""


@pytest.fixture
def url(postgres_database: Database) -> str:
    empty(postgres_database)
    return postgres_database.url


@pytest.fixture
def keeping(url: str) -> Iterator[Callable[[], Database]]:
    """Open the database as another process would."""
    made: list[Database] = []

    def keep() -> Database:
        made.append(open_database(url, lease_seconds=SHORT))
        return made[-1]

    yield keep
    for database in made:
        database.close()


def take(database: Database, *names: str) -> Lease:
    return database.leases.take(names, "it is in use")


def hang(database: Database, patch: pytest.MonkeyPatch) -> None:
    """Let a keeper renew nothing any more."""
    patch.setattr(database.leases, "_renew", lambda: None)


def test_one_holds_it_and_the_next_has_a_higher_number(keeping: Callable[[], Database]) -> None:
    one, other = keeping(), keeping()
    lease = take(one, "a")
    with pytest.raises(AccountIsLocked, match=rf"it is in use by process {os.getpid()} on .* since 20.*Z") as refused:
        take(other, "a")
    assert refused.value.exit_code == 7
    lease.release()
    assert (lease.fence, take(other, "a").fence) == (1, 2)


def test_it_is_renewed_for_as_long_as_its_holder_lives(keeping: Callable[[], Database]) -> None:
    one, other = keeping(), keeping()
    lease = take(one, "a")
    time.sleep(1.5 * SHORT)
    lease.ensure()
    with pytest.raises(AccountIsLocked):
        take(other, "a")


def test_of_several_all_are_taken_or_none(keeping: Callable[[], Database]) -> None:
    one, other = keeping(), keeping()
    take(one, "b")
    with pytest.raises(AccountIsLocked):
        take(other, "a", "b", "c")
    assert [other.leases.holder(name) is None for name in "abc"] == [True, False, True]
    assert take(one, "a", "c").fences == {"a": 1, "c": 1}


def test_one_that_is_not_renewed_ends_and_its_holder_notices_first(
    keeping: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = keeping(), keeping()
    hang(one, monkeypatch)
    lease = take(one, "a")
    taken, is_trusted = None, True
    while taken is None:
        is_trusted = lease.seconds_left > 0
        with suppress(AccountIsLocked):
            taken = take(other, "a")
    assert (taken.fence, is_trusted) == (2, False)
    with pytest.raises(FileIsInvalid, match="the lease of a has ended while this process was held up"):
        lease.ensure()


def test_the_holder_that_was_replaced_does_not_get_it_back_by_renewing(
    keeping: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = keeping(), keeping()
    lease = take(one, "a")
    other.leases.break_lease("a")
    taken = take(other, "a")
    one.leases._renew()
    with pytest.raises(FileIsInvalid):
        lease.ensure()
    lease.release()
    taken.ensure()
    assert other.leases.holder("a") is not None


def test_what_is_written_under_a_lease_that_ended_is_refused_by_the_database(
    keeping: Callable[[], Database], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(keeping(), "desk")
    with store.lease(NOW), store.open_journal() as journal:
        journal.put_state({"unwind_progress": {}})
        hang(store.database, monkeypatch)
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE exitplan.leases SET until = clock_timestamp()")
        with pytest.raises(FileIsInvalid, match="has ended while this process was held up"):
            journal.put_state({"unwind_progress": {}, "failed_exits": {"AAA/USD": 1}})
    assert store.read_state().failed_exits == {}


def test_a_dead_holder_of_this_machine_is_replaced_at_once(keeping: Callable[[], Database], url: str) -> None:
    code = (
        "import os, sys; from exitplan.executor.store.postgres.database import open_database;"
        "open_database(sys.argv[1], lease_seconds=600).leases.take(['a', 'b'], 'x'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True)
    database = keeping()
    assert database.leases.holder("a") is None
    assert take(database, "a").fence == 2
    assert take(database, "b").fence == 2


def test_a_holder_of_another_machine_counts_as_one_that_lives(
    keeping: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = keeping(), keeping()
    holders.this_process.cache_clear()
    monkeypatch.setattr(holders, "_system", lambda: "a b")
    take(one, "a")
    holders.this_process.cache_clear()
    monkeypatch.undo()
    with pytest.raises(AccountIsLocked):
        take(other, "a")


def test_a_process_that_cannot_be_told_is_never_taken_for_dead() -> None:
    assert not any(map(holders.has_died, ("", "x", "x y", "another machine 99999999 1")))


def test_a_process_id_that_is_used_anew_is_not_the_process_that_had_it() -> None:
    own = holders._process(os.getpid())
    assert (holders.has_died(own), holders.has_died(own.rpartition(" ")[0] + " 1")) == (False, True)


def test_clocks_of_workers_play_no_part(keeping: Callable[[], Database], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = keeping(), keeping()
    lease = take(one, "a")
    clock = leases._clock
    monkeypatch.setattr(leases, "_clock", lambda: clock() + 1e9)
    with pytest.raises(AccountIsLocked):
        take(other, "a")
    ours = take(other, "b")
    assert SHORT / 2 < ours.seconds_left < SHORT
    monkeypatch.undo()
    lease.ensure()


def test_taking_it_again_after_the_answer_was_lost_is_no_clash(keeping: Callable[[], Database]) -> None:
    database = keeping()
    with database.session("") as connection:
        first = database.leases._taken_one(connection, "a", "token")
        assert (first, database.leases._taken_one(connection, "a", "token")) == ({"a": 1}, {"a": 2})


def test_leases_outlive_that_the_server_ends_their_session(keeping: Callable[[], Database]) -> None:
    one = keeping()
    lease = take(one, "a")
    with one.connection() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                           " AND datname = current_database()")  # fmt: skip
    time.sleep(1.5 * SHORT)
    lease.ensure()


def test_what_could_not_be_given_back_is_when_the_database_is_there_again(postgres_server: Server) -> None:
    with temporary_server() as server, open_database(server.url(), lease_seconds=6) as database:
        create_journal(database)
        lease = take(database, "a")
        server.stop()
        lease.release()
        server.start()
        until = time.monotonic() + 5
        while database.leases.holder("a") is not None and time.monotonic() < until:
            time.sleep(0.05)
        assert take(database, "a").fence == 2


def test_who_trades_an_account_from_files_on_this_machine_keeps_the_database_out_and_the_other_way_round(
    postgres_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(postgres_database)
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))
    here, there = FileStore.of(tmp_path / "data", "desk"), PostgresStore(postgres_database, "other")
    with there.trading_lease(LIVE, NOW):
        assert not (tmp_path / "cache").exists()  # an account that was never in files needs none
    for one, another in ((here, there), (there, here)):
        told = pytest.raises(AccountIsLocked, match="is in use by process")
        with one.trading_lease(LIVE, NOW), told, another.trading_lease(LIVE, NOW):
            pass
    with there.trading_lease(LIVE, NOW):
        pass
