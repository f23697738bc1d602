"""One durable commit for the orders that go out together, with the outcomes of those before them: as on files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from exitplan.executor.store.postgres.connection import Queued, StoreConnection
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.migrations import create_journal
from exitplan.executor.store.postgres.postgres_store import stores_in
from tests.builders import position, snapshot
from tests.executor.scene import stage
from tests.postgres.fixtures import empty
from tests.postgres.server import temporary_server
from tools.postgres import Server

FEW, MANY = 3, 12


def run(database: Database, folder: Path, orders: int, at_once: int) -> None:
    """Send so many orders for an account of its own."""
    folder.mkdir()
    scene = stage(folder, snapshot(*(position(f"A{number:02}/USD", 100) for number in range(orders))))
    scene.store_of = stores_in(database)
    scene.trouble.at_once = at_once
    assert scene.apply().exit_code == 0
    assert len(scene.fills()) == orders


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give what is sent to the server past the driver's cursors."""
    sent: list[bytes] = []
    queue = StoreConnection.queue

    def noting(connection: StoreConnection, sql: bytes, *further: Any) -> Queued:
        sent.append(sql)
        return queue(connection, sql, *further)

    monkeypatch.setattr(StoreConnection, "queue", noting)
    return sent


def test_the_claim_and_the_beginning_of_a_run_wait_for_no_disk(
    postgres_database: Database, tmp_path: Path, sent: list[bytes]
) -> None:
    empty(postgres_database)
    sent.clear()
    run(postgres_database, tmp_path / "one", 1, 1)
    writes = [sql for sql in sent if sql.startswith((b"COMMIT", b"SET LOCAL", b"UPDATE origin", b"INSERT INTO runs"))]
    assert writes[:5] == [writes[0], b"UPDATE origin SET writer = $1", b"COMMIT", writes[0], writes[4]]
    assert (writes[0], writes[4][:16]) == (b"SET LOCAL synchronous_commit = off", b"INSERT INTO runs")
    assert writes[5:] == [b"COMMIT"] * 4  # of the run; before the order, after it, and in the end


@pytest.mark.parametrize("at_once", [1, 3])
def test_orders_that_go_out_together_cost_one_commit(
    postgres_database: Database, tmp_path: Path, sent: list[bytes], at_once: int
) -> None:
    commits = []
    for orders in (FEW, MANY):
        empty(postgres_database)  # this may ask something as well, by whichever connection lies idle
        sent.clear()
        run(postgres_database, tmp_path / str(orders), orders, at_once)
        commits.append(sent.count(b"COMMIT"))
    assert commits[1] - commits[0] == (MANY - FEW) / at_once


@pytest.mark.usefixtures("postgres_server")  # skipped where there is none; this one needs a server to itself
def test_the_server_flushes_its_log_no_more_often_than_that(tmp_path: Path) -> None:
    def flushes(server: Server) -> int:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            row = connection.execute("SELECT wal_sync FROM pg_stat_wal").fetchone()
        assert row is not None
        return int(row[0])

    counted = []
    with temporary_server(wal_writer_delay="10s") as server:  # nothing is flushed beside it
        for orders in (FEW, MANY):
            with open_database(server.url()) as database:
                create_journal(database)
                empty(database)
            before = flushes(server)
            with open_database(server.url()) as database:
                run(database, tmp_path / str(orders), orders, 1)
            counted.append(flushes(server) - before)
    own = 2  # an alert of the larger account, and what the server writes for itself
    assert counted[1] - counted[0] <= MANY - FEW + own
