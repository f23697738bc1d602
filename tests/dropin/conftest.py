"""What the tests of the Python API share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave files in the system's cache: no machine dies in these tests."""
    monkeypatch.setattr("os.fsync", lambda _: None)
