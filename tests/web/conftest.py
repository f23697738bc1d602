"""A project with a dashboard, in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.visit import Desk, set_up


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return set_up(tmp_path)
