"""Take out of a journal what nothing needs any more: old runs, with their plans, orders and fills.

What stays whatever its age: plans that are open and what is unresolved, the newest run, and the run since which the
account was not CLEAN when the kept time began, from which the report counts. Of what goes the ids stay: no plan is
applied again, and no order of it is unknown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.report import clean_times
from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import has_table, open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.values import parse_time

_ROW = 200
"""Bytes that a row takes beside its documents, about."""

_UNUSED = 256
"""Pages without content for which a journal is written anew although nothing goes."""

Export = Callable[[Iterator[dict[str, Any]]], None]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went out of a journal, and by how many bytes it is smaller; of a dry run about."""

    before: datetime
    plans: int = 0
    runs: int = 0
    orders: int = 0
    bytes: int = 0


def prune(
    account: str,
    folder: DataFolder,
    before: datetime,
    now: datetime,
    *,
    dry_run: bool = False,
    export: Export | None = None,
) -> Pruned:
    """Take runs out of an account's journal whose plan had ended before a time.

    ``export`` gets the runs that go before anything does. Raises AccountIsLocked, FileIsInvalid for a damaged journal,
    DataFolderUnusable where it cannot be written; what is written then is whole.
    """
    if not folder.journal.exists():
        return Pruned(before)
    with account_lease(folder.lock, account, now):
        with open_journal(folder.journal) as journal:
            with _damage_told(folder.journal):
                going = _going(journal, folder.journal, before)
            if not dry_run and going:
                journal.claim()
        with _damage_told(folder.journal):
            pruned = _measured(folder.journal, going, before)
        if export is not None:
            export(entry for entry in audit_trail(FileStore(account, folder)) if entry["plan"]["plan_id"] in going)
        if dry_run:
            return pruned
        freed = _take_out(folder.journal, sorted(going))
    return Pruned(before, pruned.plans, pruned.runs, pruned.orders, freed)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Tell what cannot be read in a journal as damage; that it cannot be used at all goes on as it is."""
    try:
        yield
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        raise FileIsInvalid(f"{path}: the journal is damaged: {error}", hint="restore it from a backup") from error


def _going(journal: Journal, path: Path, before: datetime) -> frozenset[str]:
    """Return the plans that go with all that is theirs."""
    runs = list(reversed(journal.runs()))
    earlier = [run for run in runs if parse_time(run["started_at"]) < before]
    since = clean_times(earlier, before).open_since
    kept = {run["plan_id"] for run in runs if parse_time(run["ended_at"] or run["started_at"]) >= before}
    kept |= {run["plan_id"] for run in earlier if since is not None and parse_time(run["started_at"]) == since}
    kept |= {runs[-1]["plan_id"]} if runs else set()
    with closing(_connected(path)) as db:
        ended = db.execute(
            "SELECT plan_id, ended_at FROM plans WHERE ended_at IS NOT NULL AND length(document) > 2"
            " AND NOT EXISTS (SELECT 1 FROM intents WHERE plan_id = plans.plan_id"
            " AND status IN ('sending', 'needs_human'))"
        ).fetchall()
    return frozenset(plan for plan, at in ended if plan not in kept and parse_time(at) < before)


def _measured(path: Path, going: frozenset[str], before: datetime) -> Pruned:
    plans = runs = orders = size = 0
    with closing(_connected(path)) as db:
        for plan in going:
            (document,) = db.execute("SELECT length(document) FROM plans WHERE plan_id = ?", (plan,)).fetchone()
            count, summaries = db.execute(
                "SELECT count(*), total(length(summary)) FROM runs WHERE plan_id = ?", (plan,)
            ).fetchone()
            (sent,) = db.execute("SELECT count(*) FROM attempts WHERE plan_id = ?", (plan,)).fetchone()
            plans, runs, orders = plans + 1, runs + count, orders + sent
            size += document + int(summaries) + _ROW * (count + 3 * sent)
    return Pruned(before, plans, runs, orders, size)


def _take_out(path: Path, going: Sequence[str]) -> int:
    """Take plans out, in one transaction, then give the room back; returns how many bytes that were."""
    size = _size(path)
    try:
        with _damage_told(path), closing(_connected(path)) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            for plan in going:
                _take_out_plan(db, plan)
            db.execute("COMMIT")
            (unused,) = db.execute("PRAGMA freelist_count").fetchone()
            if not going and unused < _UNUSED:
                return 0
            db.execute("VACUUM")  # also of what went before, where there was no room for it then
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise DataFolderUnusable(
            f"{path} cannot be pruned: {error}",
            hint="the journal is intact; free as much disk space as it takes, then try again",
        ) from error
    return max(size - _size(path), 0)


def _take_out_plan(db: sqlite3.Connection, plan: str) -> None:
    """Keep of a plan its id, its hash, and the ids of the orders that were sent."""
    (document,) = db.execute("SELECT document FROM plans WHERE plan_id = ?", (plan,)).fetchone()
    sent = {action for (action,) in db.execute("SELECT DISTINCT action_id FROM attempts WHERE plan_id = ?", (plan,))}
    names = [(one["client_order_id"],) for one in orjson.loads(document)["actions"] if one["id"] in sent]
    db.executemany("INSERT OR IGNORE INTO pruned_orders VALUES (?)", names)
    if has_table(db, "requests"):
        applied = "SELECT request_id FROM requests WHERE plan_id = ? AND standing = 'applied'"
        db.execute(f"DELETE FROM votes WHERE request_id IN ({applied})", (plan,))  # noqa: S608 - our own words
        db.execute("DELETE FROM requests WHERE plan_id = ? AND standing = 'applied'", (plan,))
    for table in ("attempts", "fills", "intents", "runs"):
        db.execute(f"DELETE FROM {table} WHERE plan_id = ?", (plan,))  # noqa: S608 - our own words
    db.execute("UPDATE plans SET document = CAST('{}' AS BLOB) WHERE plan_id = ?", (plan,))


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=10, isolation_level=None)


def _size(path: Path) -> int:
    places = (path, path.with_name(path.name + "-wal"))
    return sum(place.stat().st_size for place in places if place.exists())
