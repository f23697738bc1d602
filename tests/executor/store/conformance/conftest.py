"""The kinds of stores that the laws are held against; another kind is one entry more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from exitplan.executor.store.file_store import files_below, folder_of
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.store.postgres.postgres_store import PostgresStore, stores_in
from exitplan.executor.store.postgres.records import alerts_in
from exitplan.ruleset.model.snapshot import Snapshot
from tests.executor.scene import Scene, stage
from tests.postgres.fixtures import empty

Alerts = list[dict[str, Any]]
Stage = Callable[..., Scene]


@dataclass(frozen=True)
class Ground:
    """Where stores of one kind are: how to find an account's, as another process would, and how to read its alerts."""

    store_of: StoreOpener
    alerts: Callable[[AccountStore], Alerts]


def _files(request: pytest.FixtureRequest) -> Ground:
    folder: Path = request.getfixturevalue("tmp_path")
    return Ground(files_below(folder / "data"), _alerts_of_file)


def _alerts_of_file(store: AccountStore) -> Alerts:
    path = folder_of(store).alerts
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _postgres(request: pytest.FixtureRequest) -> Ground:
    database = request.getfixturevalue("postgres_database")
    empty(database)
    return Ground(stores_in(database), _alerts_in_rows)


def _alerts_in_rows(store: AccountStore) -> Alerts:
    assert isinstance(store, PostgresStore)
    return [alert for _, alert in alerts_in(store.database, store.account, 0)]


KINDS: Mapping[str, Callable[[pytest.FixtureRequest], Ground]] = {"files": _files, "postgres": _postgres}


@pytest.fixture(params=list(KINDS))
def ground(request: pytest.FixtureRequest) -> Ground:
    return KINDS[request.param](request)


@pytest.fixture
def store_of(ground: Ground) -> StoreOpener:
    return ground.store_of


@pytest.fixture
def store(store_of: StoreOpener) -> AccountStore:
    return store_of("desk")


@pytest.fixture
def again(store_of: StoreOpener) -> AccountStore:
    """The same account's store, as another process has it."""
    return store_of("desk")


@pytest.fixture
def on_stage(ground: Ground, tmp_path: Path) -> Stage:
    """Set a scene whose account is kept in the store."""

    def set_scene(account: Snapshot, **changes: Any) -> Scene:
        scene = stage(tmp_path, account, account_id="desk", **changes)
        scene.store_of = ground.store_of
        return scene

    return set_scene
