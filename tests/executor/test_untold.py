"""Alerts that wait in the journal for their file: none is forgotten before it is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from exitplan.executor.store.untold import Told, raise_untold, tell_later
from tests.builders import NOW

TABLE = "CREATE TABLE untold_alerts (number INTEGER PRIMARY KEY, document BLOB NOT NULL)"


def test_an_alert_that_cannot_be_written_stays_in_the_journal(tmp_path: Path) -> None:
    in_the_way, alerts = tmp_path / "data", tmp_path / "data" / "alerts.jsonl"
    in_the_way.write_text("")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(TABLE)
        tell_later(db, Told("approval-1", "APPROVAL_WAITING", None, {"request": "1"}), NOW)
        raise_untold(db, alerts, "desk")
        assert db.execute("SELECT count(*) FROM untold_alerts").fetchone() == (1,)
        in_the_way.unlink()
        raise_untold(db, alerts, "desk")
        assert db.execute("SELECT count(*) FROM untold_alerts").fetchone() == (0,)
    assert alerts.read_text().count('"alert_id":"approval-1"') == 1
