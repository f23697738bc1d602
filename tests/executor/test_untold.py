"""Alerts that wait in the journal for their file: none is forgotten before it is written."""

from __future__ import annotations

from pathlib import Path

from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.untold import Told, raise_untold, tell_later
from tests.builders import NOW


def test_an_alert_that_cannot_be_written_stays_in_the_journal(tmp_path: Path) -> None:
    store = FileStore.of(tmp_path / "data", "desk")
    with store.open_tables(may_begin=True) as tables:
        with tables.writing():
            tell_later(tables, Told("approval-1", "APPROVAL_WAITING", None, {"request": "1"}), NOW)
        store.folder.alerts.mkdir()
        raise_untold(tables, store)
        assert tables.execute("SELECT count(*) FROM untold_alerts").fetchone() == (1,)
        store.folder.alerts.rmdir()
        raise_untold(tables, store)
        assert tables.execute("SELECT count(*) FROM untold_alerts").fetchone() == (0,)
    assert store.folder.alerts.read_text().count('"alert_id":"approval-1"') == 1
