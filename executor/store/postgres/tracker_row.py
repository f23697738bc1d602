"""The position tracker of an account as a row: the document of a tracker's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.failures import told
from exitplan.executor.store.tracker import (
    Document,
    ensure_no_others,
    load_records,
    read_with_digits,
    records_of,
    replace_records,
    write_with_digits,
)
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord, tracker_to_document
from exitplan.ruleset.model.values import time_text
from exitplan.schemas.documents import parse_document

_EMPTY = b'{"positions":{}}'
_BEGIN = "INSERT INTO exitplan.trackers (account, document) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_LOOK = b"SELECT document FROM exitplan.trackers WHERE account = $1"
_LOCK = "SELECT document FROM exitplan.trackers WHERE account = %s FOR UPDATE"
_PUT = (
    "INSERT INTO exitplan.trackers (account, document) VALUES (%s, %s)"
    " ON CONFLICT (account) DO UPDATE SET document = excluded.document"
)


@dataclass(frozen=True, slots=True)
class TrackerRow:
    """The port of a tracker over the row of one account."""

    database: Database
    account: str

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot the row's records; until there is a row, those that it brings along stay."""
        content = self.content()
        return snapshot if content is None else replace(snapshot, tracker=records_of(self._sound(content)))

    def update(
        self, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
    ) -> None:
        """Change records of the row, one writer at a time; where there is none yet, ``records`` go into it first."""
        with self.database.connection() as connection, connection.transaction():
            is_new = connection.execute(_BEGIN, (self.account, _EMPTY)).rowcount == 1
            content = _locked(connection, self.account)
            self._sound(content)
            document = read_with_digits(content)
            if is_new:
                document["positions"] = tracker_to_document(records)
            replace_records(document["positions"], changes)
            document["last_updated"] = time_text(now)
            connection.execute(_PUT, (self.account, write_with_digits(document)))

    @property
    def place(self) -> str:
        """Where the row is."""
        return f"the tracker of {self.account} in {self.database.place}"

    def records(self) -> dict[str, TrackerRecord]:
        """Return the records of the row."""
        content = self.content()
        return {} if content is None else records_of(self._sound(content))

    def take_over(self, source: Path) -> int:
        """Take the content of a tracker's file, one writer at a time."""
        taken, content = load_records(source), source.read_bytes()
        with self.database.connection() as connection, connection.transaction():
            connection.execute(_BEGIN, (self.account, _EMPTY))
            present = _locked(connection, self.account)
            ensure_no_others(records_of(self._sound(present)), taken, self.place)
            connection.execute(_PUT, (self.account, content))
        return len(taken)

    def content(self) -> bytes | None:
        """Return the document as a file would hold it; None where there is none."""
        with told(self.database.place), self.database.session(self.account) as connection:
            row = connection.run(_LOOK, (self.account,)).fetchone()
        return None if row is None else bytes(row[0])

    def _sound(self, content: bytes) -> Document:
        return parse_document(content, "tracker", self.place)


def _locked(connection: psycopg.Connection[Any], account: str) -> bytes:
    """Return what is in the row now, and keep others from writing it until the transaction ends."""
    row = connection.execute(_LOCK, (account,)).fetchone()
    return _EMPTY if row is None else bytes(row[0])
