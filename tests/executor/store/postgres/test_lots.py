"""Lots of an account that is kept in a database are those of one kept in files."""

from __future__ import annotations

from exitplan.executor.lots.accounts import account_lots
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import stores_in
from tests.executor.conftest import Stage
from tests.executor.lots.test_account_lots import TWO_HELD, sold, tracked_and_over_cap


def test_the_fills_of_a_database_realise_what_those_of_files_do(on_stage: Stage, postgres_database: Database) -> None:
    scene = on_stage(tracked_and_over_cap(), parameters=TWO_HELD, account_id="lots")
    scene.store_of = stores_in(postgres_database)
    scene.apply()
    for ask in (True, False):
        assert sold(account_lots(scene.open(), ask=ask)) == [("100", "8000", "2000")]
