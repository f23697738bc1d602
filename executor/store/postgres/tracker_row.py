"""The position tracker of an account as a row: the document of a tracker's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from exitplan.executor.store.postgres.connection import in_transaction
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.failures import told
from exitplan.executor.store.postgres.records import Lent
from exitplan.executor.store.tracker import (
    ensure_no_others,
    load_records,
    read_with_digits,
    records_in,
    replace_records,
    write_with_digits,
)
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_writing import tracker_to_document
from exitplan.ruleset.model.values import time_text

_EMPTY = b'{"positions":{}}'
_LOOK = b"SELECT document FROM exitplan.trackers WHERE account = $1"
_BEGIN = b"INSERT INTO exitplan.trackers (account, document) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_LOCK = _LOOK + b" FOR UPDATE"
_PUT = (
    b"INSERT INTO exitplan.trackers (account, document) VALUES ($1, $2)"
    b" ON CONFLICT (account) DO UPDATE SET document = excluded.document"
)


class Change(Protocol):
    """Makes the new content of a row from the one that is there, or was just begun."""

    def __call__(self, content: bytes, *, is_new: bool) -> bytes:
        """Return it."""
        ...


@dataclass(frozen=True, slots=True)
class TrackerRow:
    """The port of a tracker over the row of one account; ``lent`` gives the connection."""

    database: Database
    account: str
    lent: Lent

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot the row's records; until there is a row, those that it brings along stay."""
        content = self.content()
        return snapshot if content is None else replace(snapshot, tracker=records_in(content, self.place))

    def update(
        self, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
    ) -> None:
        """Change records of the row, one writer at a time; where there is none yet, ``records`` go into it first.

        It is not waited for the disk: what a run ends with is committed after it, durably, in the same log.
        """

        def changed(content: bytes, *, is_new: bool) -> bytes:
            document = read_with_digits(content)
            if is_new:
                document["positions"] = tracker_to_document(records)
            replace_records(document["positions"], changes)
            document["last_updated"] = time_text(now)
            return write_with_digits(document)

        self._change(changed, is_durable=False)

    @property
    def place(self) -> str:
        """Where the row is."""
        return f"the tracker of {self.account} in {self.database.place}"

    def records(self) -> dict[str, TrackerRecord]:
        """Return the records of the row."""
        content = self.content()
        return {} if content is None else records_in(content, self.place)

    def take_over(self, source: Path) -> int:
        """Take the content of a tracker's file, one writer at a time."""
        taken, brought = load_records(source), source.read_bytes()

        def replaced(content: bytes, *, is_new: bool) -> bytes:  # noqa: ARG001 - an empty one is as good as none
            ensure_no_others(records_in(content, self.place), taken, self.place)
            return brought

        self._change(replaced, is_durable=True)
        return len(taken)

    def content(self) -> bytes | None:
        """Return the document as a file would hold it; None where there is none."""
        with told(self.database.place), self.lent() as connection:
            row = connection.run(_LOOK, (self.account,)).fetchone()
        return None if row is None else bytes(row[0])

    def _change(self, change: Change, *, is_durable: bool) -> None:
        """Put what a function makes of the row, while others are kept from it."""
        with told(self.database.place), self.lent() as connection, in_transaction(connection, is_durable=is_durable):
            begun = connection.queue(_BEGIN, (self.account, _EMPTY))
            content = bytes((connection.run(_LOCK, (self.account,)).fetchone() or (_EMPTY,))[0])
            records_in(content, self.place)  # nothing is written over one that is broken
            is_new = begun.rows is not None and begun.rows.rowcount == 1
            connection.queue(_PUT, (self.account, change(content, is_new=is_new)))
