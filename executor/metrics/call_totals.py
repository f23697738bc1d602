"""Count calls to venues, for as long as a project lasts: in memory while a command is at work, then in ``calls.db``.

Counting a call takes a microsecond; they are added to the file at the end of a command, or when somebody asks for
them. Nothing depends on the file: where it cannot be written the figures are lost, and where it is damaged they begin
anew. It holds no symbol, no id and no secret.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from exitplan.brokers.attempts import attempt
from exitplan.brokers.call_log import Call, listening
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.metrics.endpoints import endpoint_of
from exitplan.executor.metrics.registry import LATENCY_BUCKETS

if TYPE_CHECKING:
    import sqlite3

LOGGER = logging.getLogger("exitplan.venue")
MOST_ENDPOINTS = 200
"""Of one venue; further ones are counted together."""
_OTHER = "other"
_PATIENCE = 0.5
"""Seconds that another process may take to add its own."""
_TABLE = """
CREATE TABLE IF NOT EXISTS figures (
    name TEXT NOT NULL, venue TEXT NOT NULL, endpoint TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (name, venue, endpoint, label)
) STRICT, WITHOUT ROWID
"""
_ADD = """
INSERT INTO figures VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name, venue, endpoint, label) DO UPDATE SET value = value + excluded.value
"""


class CallFigure(NamedTuple):
    """What one figure is about: ``calls`` by outcome, ``bucket`` by its number, ``seconds``, ``waits``, ``waited``."""

    name: str
    venue: str
    endpoint: str
    label: str = ""


Figures = dict[CallFigure, float]


class CallTotals:
    """The calls of this process that are not in the file yet, and the file."""

    def __init__(self, path: Path) -> None:
        """Start with none; ``path`` is made when there is something to add to it."""
        self.path = path
        self._lock = Lock()
        self._new: Figures = {}
        self._endpoints: dict[str, set[str]] = {}

    def count(self, call: Call) -> None:
        """Count one call; whatever thread it comes from."""
        with self._lock:
            endpoint = self._known(call.venue, endpoint_of(call.name))
            figures = {
                CallFigure("calls", call.venue, endpoint, call.outcome): 1.0,
                CallFigure("bucket", call.venue, endpoint, str(bisect_left(LATENCY_BUCKETS, call.seconds))): 1.0,
                CallFigure("seconds", call.venue, endpoint): call.seconds,
                CallFigure("waits", call.venue, endpoint): float(call.waited > 0),
                CallFigure("waited", call.venue, endpoint): call.waited,
            }
            _add(self._new, figures)

    def save(self) -> None:
        """Add what is new to the file; where that cannot be done it stays in memory."""
        self._saved()

    def read(self) -> Figures:
        """Return the totals of all processes, with what is new here."""
        known = self._saved()
        with self._lock:
            _add(known, self._new)
        return known

    def _saved(self) -> Figures:
        """Add what is new to the file, and return what it holds."""
        import sqlite3  # noqa: PLC0415 - `exitplan --help` needs none of it

        with self._lock:
            try:
                return self._exchange()
            except (OSError, sqlite3.OperationalError) as problem:
                LOGGER.debug("%s cannot be used: %s", self.path, problem)
            except sqlite3.DatabaseError as problem:
                LOGGER.debug("%s starts again from zero: %s", self.path, problem)
                return attempt(self._begun_anew, lambda _: {})
            return {}

    def _exchange(self) -> Figures:
        from exitplan.brokers.private_files import create_private, make_private_folder  # noqa: PLC0415 - as above

        if not self._new and not self.path.exists():
            return {}
        make_private_folder(self.path.parent)
        create_private(self.path)
        with closing(_opened(self.path)) as db:
            known = _figures(db)
            for figure in known:
                self._endpoints.setdefault(figure.venue, set()).add(figure.endpoint)
            if self._new:
                db.execute("BEGIN IMMEDIATE")
                db.execute(_TABLE)
                db.executemany(_ADD, [(*self._bounded(figure), value) for figure, value in self._new.items()])
                known = _figures(db)
                db.execute("COMMIT")
                self._new.clear()
        return known

    def _begun_anew(self) -> Figures:
        """Take a damaged file away, with what SQLite keeps beside it, and begin another one."""
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            path.unlink(missing_ok=True)
        return self._exchange()

    def _bounded(self, figure: CallFigure) -> CallFigure:
        return figure._replace(endpoint=self._known(figure.venue, figure.endpoint))

    def _known(self, venue: str, endpoint: str) -> str:
        """Return the endpoint, or what stands for those that are too many."""
        endpoints = self._endpoints.setdefault(venue, set())
        if endpoint not in endpoints and len(endpoints) >= MOST_ENDPOINTS:
            return _OTHER
        endpoints.add(endpoint)
        return endpoint


def _add(to: Figures, more: Mapping[CallFigure, float]) -> None:
    for figure, value in more.items():
        to[figure] = to.get(figure, 0.0) + value


def _opened(path: Path) -> sqlite3.Connection:
    import sqlite3  # noqa: PLC0415 - as above

    db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)
    db.execute("PRAGMA synchronous = OFF")  # a power cut may cost the figures; a command waits for no disk
    return db


def _figures(db: sqlite3.Connection) -> Figures:
    has_table = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'figures'").fetchone()
    rows = db.execute("SELECT name, venue, endpoint, label, value FROM figures") if has_table else ()
    return {CallFigure(*row[:4]): row[4] for row in rows}


_OF_THIS_PROCESS: dict[Path, CallTotals] = {}


def call_totals(data: Path) -> CallTotals:
    """Return the call totals of a data folder; the same ones in all of this process."""
    path = DataFolder(data, data).calls.absolute()
    return _OF_THIS_PROCESS.setdefault(path, CallTotals(path))


@contextmanager
def counting_calls(data: Path) -> Iterator[CallTotals]:
    """Count every call to a venue within the block, and add them to the data folder's when it ends."""
    totals = call_totals(data)
    with listening(totals.count):
        try:
            yield totals
        finally:
            totals.save()
