"""The stage of the executor's tests, for what needs no process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.executor.conftest import Stage
from tests.executor.scene import Scene, stage


@pytest.fixture
def on_stage(tmp_path: Path) -> Stage:
    def set_scene(*args: object, **changes: object) -> Scene:
        return stage(tmp_path, *args, **changes)  # type: ignore[arg-type] # passed through

    return set_scene
