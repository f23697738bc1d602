"""Make a journal as an earlier version has left it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_SEVEN = """
DROP TABLE group_steps;
DROP TABLE group_runs;
DROP INDEX intents_by_order;
ALTER TABLE intents DROP COLUMN client_order_id;
ALTER TABLE requests DROP COLUMN number;
ALTER TABLE incidents DROP COLUMN number;
UPDATE attempts SET run = NULL;
PRAGMA user_version = 7;
"""


def to_version_seven(journal: Path) -> None:
    """Take out what versions 8 and 9 have brought; attempts carry no run, as those of version 6 and before."""
    with closing(sqlite3.connect(journal)) as db:
        db.executescript(_SEVEN)
