"""The file of an order journal: its tables by version, and how it is opened, upgraded and checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from exitplan.brokers.private_files import create_private, keep_private, make_private_folder
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.port import StoreBroken, StoreUnusable
from exitplan.executor.store.sqlite_tables import SqliteTables
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid

_FIRST = """
CREATE TABLE plans (
    plan_id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, document BLOB NOT NULL, added_at TEXT NOT NULL, ended_at TEXT
) STRICT;
CREATE TABLE intents (
    plan_id TEXT NOT NULL REFERENCES plans, action_id TEXT NOT NULL, number INTEGER NOT NULL,
    status TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, fence INTEGER,
    quantity TEXT, sent_at TEXT, held_before TEXT, filled TEXT, order_id TEXT, message TEXT, settled_at TEXT,
    PRIMARY KEY (plan_id, action_id)
) STRICT;
CREATE TABLE attempts (
    plan_id TEXT NOT NULL, action_id TEXT NOT NULL, attempt INTEGER NOT NULL, sent_at TEXT NOT NULL, quantity TEXT NOT
    NULL, outcome TEXT, filled TEXT, order_id TEXT, message TEXT, settled_at TEXT,
    PRIMARY KEY (plan_id, action_id, attempt)
) STRICT;
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY, plan_id TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, exit_code INTEGER,
    state TEXT, pid INTEGER NOT NULL, host TEXT NOT NULL, summary BLOB
) STRICT;
CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), document BLOB NOT NULL, exported_sha256 TEXT) STRICT;
"""

_FILLS = """
CREATE TABLE fills (
    plan_id TEXT NOT NULL, action_id TEXT NOT NULL, attempt INTEGER NOT NULL, order_id TEXT,
    quantity TEXT NOT NULL, average_price TEXT, fee TEXT, fee_currency TEXT, told_at TEXT NOT NULL,
    PRIMARY KEY (plan_id, action_id, attempt)
) STRICT;
"""

_ORIGIN = """
ALTER TABLE state ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE TABLE origin (only INTEGER PRIMARY KEY CHECK (only = 1), journal_id TEXT NOT NULL) STRICT;
INSERT INTO origin VALUES (1, lower(hex(randomblob(8))));
CREATE TABLE accepted_orders (client_order_id TEXT PRIMARY KEY) STRICT;
"""

_WRITER = """
ALTER TABLE origin ADD COLUMN writer INTEGER NOT NULL DEFAULT 0;
CREATE TABLE state_changes (number INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;
"""

_APPROVALS = """
CREATE TABLE requests (
    request_id TEXT PRIMARY KEY, content TEXT NOT NULL, plan_id TEXT NOT NULL, document BLOB NOT NULL,
    reasons BLOB NOT NULL, people INTEGER NOT NULL, asked_at TEXT NOT NULL, standing TEXT NOT NULL,
    changed_at TEXT NOT NULL, replaced_by TEXT, until TEXT
) STRICT;
CREATE TABLE votes (
    number INTEGER PRIMARY KEY, request_id TEXT NOT NULL REFERENCES requests, vote TEXT NOT NULL, person TEXT NOT NULL,
    why TEXT, at TEXT NOT NULL, plan_id TEXT NOT NULL, prices BLOB NOT NULL
) STRICT;
"""

_INCIDENTS = """
CREATE TABLE incidents (
    incident_id TEXT PRIMARY KEY, ladder TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    opened_at TEXT NOT NULL, since TEXT NOT NULL, waits_from TEXT NOT NULL, step INTEGER NOT NULL,
    repeats INTEGER NOT NULL, told_at TEXT, told TEXT NOT NULL, reason TEXT, resumed INTEGER NOT NULL,
    ended_at TEXT, ended_how TEXT
) STRICT;
CREATE TABLE incident_acks (
    number INTEGER PRIMARY KEY, incident_id TEXT NOT NULL REFERENCES incidents, by_whom TEXT NOT NULL, at TEXT NOT NULL,
    why TEXT NOT NULL, until TEXT, is_undone INTEGER NOT NULL
) STRICT;
CREATE TABLE troubles (
    kind TEXT NOT NULL, subject TEXT NOT NULL, first_seen TEXT NOT NULL, PRIMARY KEY (kind, subject)
) STRICT;
CREATE TABLE untold_alerts (number INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;
"""

_AUDIT = """
ALTER TABLE runs ADD COLUMN actor TEXT;
ALTER TABLE attempts ADD COLUMN run INTEGER;
CREATE TABLE pruned_orders (client_order_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""

# What a statement of both stores has to find without looking into documents, or at where SQLite puts a row.
_PORTABLE = """
ALTER TABLE intents ADD COLUMN client_order_id TEXT;
WITH named AS MATERIALIZED (SELECT plan_id, key AS action_id, value FROM plans, json_each(orders_of(document)))
UPDATE intents SET client_order_id = named.value FROM named
WHERE named.plan_id = intents.plan_id AND named.action_id = intents.action_id;
CREATE INDEX intents_by_order ON intents (client_order_id);
UPDATE attempts SET run = (
    SELECT max(run_id) FROM runs
    WHERE runs.plan_id = attempts.plan_id AND julianday(started_at) <= julianday(attempts.sent_at)
) WHERE run IS NULL;
ALTER TABLE requests ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE requests SET number = rowid;
ALTER TABLE incidents ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE incidents SET number = rowid;
"""

# What an account's journal holds of the plans of its group; the whole of such a plan is in the leader's alone.
_GROUPS = """
CREATE TABLE group_runs (
    group_plan TEXT PRIMARY KEY, group_name TEXT NOT NULL, plan_id TEXT NOT NULL, leader TEXT NOT NULL,
    standing TEXT NOT NULL, began_at TEXT NOT NULL, ended_at TEXT, document BLOB
) STRICT;
CREATE TABLE group_steps (
    number INTEGER PRIMARY KEY, group_plan TEXT NOT NULL REFERENCES group_runs, at TEXT NOT NULL, step TEXT NOT NULL,
    document BLOB NOT NULL
) STRICT;
"""

_UPGRADES = (_FIRST, _FILLS, _ORIGIN, _WRITER, _APPROVALS, _INCIDENTS, _AUDIT, _PORTABLE, _GROUPS)
"""What leads from each version of the journal to the next, beginning with an empty file."""

SCHEMA_VERSION = len(_UPGRADES)


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open (or create) a journal in write-ahead mode with full synchronisation.

    Raises FileIsInvalid for a file that is no journal or of a later version, DataFolderUnusable where it cannot be
    opened, or is used in the block and fails.
    """
    with opened(path) as tables:
        yield Journal(tables, staying_in_place(path))


@contextmanager
def opened(path: Path, *, is_checked: bool = True, may_begin: bool = True) -> Iterator[SqliteTables]:
    """Open the file for the time of the block, in write-ahead mode with full synchronisation.

    Where there is none it is created, unless it must not begin. Its pages are looked through, unless ``is_checked`` is
    false: for what a run checks anyway before it sends. Raises FileIsInvalid for a file that is no journal or of a
    later version, DataFolderUnusable where it cannot be opened.
    """
    connection: sqlite3.Connection | None = None
    doing = "open"
    if may_begin:
        _make_private(path)
    try:
        connection = _connected(path, may_begin=may_begin)
        prepare(connection, path, is_checked=is_checked)
        doing = "use"
        yield SqliteTables(connection)
    except (sqlite3.OperationalError, StoreUnusable) as error:
        raise DataFolderUnusable(f"cannot {doing} the journal {path}: {error}") from error
    except (sqlite3.DatabaseError, StoreBroken) as error:
        raise FileIsInvalid(
            f"{path}: the journal is damaged: {error}",
            hint="restore it from a backup, or look at the venue's orders before starting a new one",
        ) from error
    finally:
        if connection is not None:
            connection.close()


def _make_private(path: Path) -> None:
    try:
        make_private_folder(path.parent)
        create_private(path)
    except OSError as error:
        raise DataFolderUnusable(f"cannot open the journal {path}: {error.strerror or error}") from error
    for suffix in ("", "-wal", "-shm"):  # SQLite gives to new ones of these the mode of the first
        keep_private(path.with_name(path.name + suffix))


def _connected(path: Path, *, may_begin: bool) -> sqlite3.Connection:
    if may_begin:
        return sqlite3.connect(path, isolation_level=None, timeout=10)
    place = f"{path.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(place, isolation_level=None, timeout=10, uri=True)


def staying_in_place(path: Path) -> Callable[[], None]:
    """Return a check that raises DataFolderUnusable once another file, or none, is at a path: all could be lost.

    SQLite writes into a file that was moved or removed as if nothing was.
    """
    there = _file_at(path)

    def check() -> None:
        if there is None or _file_at(path) != there:
            raise DataFolderUnusable(
                f"the journal {path} was moved, removed or replaced",
                hint="put the folder back where it was; if it is lost, first look at the orders at the venue",
            )

    return check


def _file_at(path: Path) -> tuple[int, int] | None:
    """Identify the file at a path; None where there is none that can be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def has_table(db: sqlite3.Connection, name: str) -> bool:
    """Check whether a journal has a table, which it may be too old for."""
    asked = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return db.execute(asked, (name,)).fetchone() is not None


def prepare(connection: sqlite3.Connection, path: Path, *, is_checked: bool = True) -> None:
    """Set a journal up for durable commits, bring it to this version, and check it; raises FileIsInvalid."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _upgrade(connection, path)
        if is_checked:
            _ensure_sound(connection, path)
    except UnicodeDecodeError as error:  # SQLite quotes the broken bytes in its message
        raise sqlite3.DatabaseError("its schema cannot be read") from error


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    version = _version_of(connection)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise FileIsInvalid(
            f"{path}: the journal is of version {version}; this exitplan knows up to {SCHEMA_VERSION}",
            hint="use the exitplan that wrote it, or a later one",
        )
    steps = " ".join(_UPGRADES[version:])
    connection.create_function("orders_of", 1, _orders_of)
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    except sqlite3.OperationalError:
        connection.rollback()
        if _version_of(connection) != SCHEMA_VERSION:  # else another process was faster
            raise


def _orders_of(document: bytes) -> str:
    """Return the client order ids of a plan by action as JSON; none of one that is broken, as whoever reads it says."""
    try:
        orders = {action["id"]: action["client_order_id"] for action in orjson.loads(document)["actions"]}
    except (ValueError, KeyError, TypeError):
        orders = {}
    return orjson.dumps(orders, option=orjson.OPT_NON_STR_KEYS).decode()


def _version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _ensure_sound(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise FileIsInvalid(
            f"{path}: the journal is damaged: {verdict}", hint="nothing was sent; restore it from a backup"
        )
