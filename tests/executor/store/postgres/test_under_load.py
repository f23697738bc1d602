"""A server that crashes and restarts under load loses nothing that it has acknowledged."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from exitplan.executor.store.postgres.database import open_database
from exitplan.executor.store.postgres.migrations import create_journal
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.store.state import State
from exitplan.ruleset.errors import AccountIsLocked, DataFolderUnusable, FileIsInvalid
from tests.builders import NOW
from tests.postgres.server import temporary_server
from tools.postgres import Server

WRITERS, CRASHES = 4, 2


@dataclass
class Told:
    """What one writer was told of its changes: how many were acknowledged, and of how many nothing is known."""

    done: int = 0
    unclear: int = 0


def one_more(state: State) -> State:
    return state.counting(total_positions_cleaned=1)


def test_whatever_was_acknowledged_is_there_after_crashes(postgres_server: Server) -> None:
    stop = threading.Event()

    def write(store: PostgresStore) -> Told:
        told = Told()
        while not stop.is_set():
            try:
                store.change_state(one_more, NOW)
                told.done += 1
            except (DataFolderUnusable, FileIsInvalid):
                told.unclear += 1
            except AccountIsLocked:  # by this very process: its lease could not be given back
                time.sleep(0.05)
        return told

    with temporary_server() as server, open_database(server.url(), lease_seconds=0.6) as database:
        create_journal(database)
        stores = [PostgresStore(database, f"desk {number}") for number in range(WRITERS)]
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, store) for store in stores]
            for number in range(CRASHES):
                time.sleep(0.4)
                (server.stop if number % 2 else server.kill)()
                server.start()
            time.sleep(0.8)  # longer than a lease lasts that could not be given back
            stop.set()
            told = [writer.result() for writer in writers]
        kept = [store.read_state().metrics.total_positions_cleaned for store in stores]
    assert all(one.done <= count <= one.done + one.unclear for one, count in zip(told, kept, strict=True))
    assert all(one.done > CRASHES for one in told)
