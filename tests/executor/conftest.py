"""Give tests a folder of their own and a stage to set a scene on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.executor.scene import Scene, stage

Stage = Callable[..., Scene]


@pytest.fixture(autouse=True)
def _fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave files in the system's cache: what dies in these tests are processes, never the machine."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is kept for all data folders of a user in the test's own folder."""
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def on_stage(tmp_path: Path) -> Stage:
    def set_scene(*args: object, **changes: object) -> Scene:
        return stage(tmp_path, *args, **changes)  # type: ignore[arg-type] # passed through

    return set_scene
