"""What all tests of venues share: listings in a folder that goes away, and rate limits that nobody has used up."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.brokers.live import buckets


@pytest.fixture(autouse=True)
def _listings_of_this_test_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path))


@pytest.fixture(autouse=True)
def _limits_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_BUCKETS", {})
