"""Two durable commits an order, and one for those that go out together: as on files."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import stores_in
from exitplan.executor.store.postgres.tables import PostgresTables
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import position, snapshot
from tests.executor.scene import stage
from tests.postgres.fixtures import empty


def zombies(count: int) -> Snapshot:
    return snapshot(*(position(f"Z{number:02}/USD", 100) for number in range(count)))


def commits_of(database: Database, folder: Path, count: int, at_once: int, patch: pytest.MonkeyPatch) -> int:
    """Count what the journal commits in a run of so many orders."""
    empty(database)
    folder.mkdir()
    scene = stage(folder, zombies(count), options={"writes_at_once": at_once} if at_once > 1 else {})
    scene.store_of = stores_in(database)
    plan, counted, execute = scene.plan(), list[str](), PostgresTables.execute

    def counting(tables: PostgresTables, sql: str, values: tuple[object, ...] = ()) -> object:
        counted.extend([sql] if sql == "COMMIT" else [])
        return execute(tables, sql, values)

    with patch.context() as patched:
        patched.setattr(PostgresTables, "execute", counting)
        assert scene.apply(plan).exit_code == 0
    assert len(scene.fills()) == count
    return len(counted)


def test_orders_one_after_the_other_cost_two_commits_each_with_what_goes_before(
    postgres_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = commits_of(postgres_database, tmp_path / "few", 3, 1, monkeypatch)
    many = commits_of(postgres_database, tmp_path / "many", 9, 1, monkeypatch)
    assert many - few <= 2 * 6
