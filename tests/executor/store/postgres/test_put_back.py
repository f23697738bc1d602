"""A database that was put back from a backup knows less than the venue: that is noticed before anything is sent."""

from __future__ import annotations

import subprocess

import pytest

from exitplan.executor.accept_balance import accept_balance
from exitplan.executor.store.postgres.database import open_database
from exitplan.executor.store.postgres.postgres_store import stores_in
from exitplan.ruleset.errors import OutcomeUnknown
from tests.executor.conftest import Stage
from tests.executor.scene import legacy
from tests.executor.store.postgres.conftest import Ground


@pytest.mark.parametrize("runs_before", [0, 1])
def test_orders_that_were_sent_after_the_backup_stop_the_account(
    ground: Ground, on_stage: Stage, runs_before: int
) -> None:
    ground.set_up()
    scene = on_stage(legacy())
    with open_database(ground.url) as database:
        scene.store_of = stores_in(database)
        scene.verify()
        for _ in range(runs_before):
            scene.apply()
    backup = _dump(ground)
    with open_database(ground.url) as database:
        scene.store_of = stores_in(database)
        scene.clock.advance(3600)
        assert scene.apply().exit_code == 0
    held = scene.held()
    _restore(ground, backup)
    with open_database(ground.url) as database:
        scene.store_of = stores_in(database)
        scene.clock.advance(3600)
        with pytest.raises(OutcomeUnknown, match=r"a run is missing|does not know"):
            scene.apply()
        assert scene.held() == held
        accept_balance(scene.open())
        assert scene.apply().exit_code == 0


def _dump(ground: Ground) -> bytes:
    words = [str(ground.server.binaries / "pg_dump"), "-n", "exitplan", "-n", "exitplan_account", ground.url]
    return subprocess.run(words, check=True, capture_output=True).stdout


def _restore(ground: Ground, backup: bytes) -> None:
    ground.run("DROP SCHEMA exitplan_account CASCADE", "DROP SCHEMA exitplan CASCADE")
    psql = ground.server.binaries / "psql"
    subprocess.run([psql, "-q", "-v", "ON_ERROR_STOP=1", ground.url], input=backup, check=True, capture_output=True)
