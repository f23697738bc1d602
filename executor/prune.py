"""Take out of a journal what nothing needs any more: old runs, with their plans, orders and fills.

What stays whatever its age: plans that are open and what is unresolved, the newest run, and the run since which the
account was not CLEAN when the kept time began, from which the report counts. Of what goes the ids stay: no plan is
applied again, and no order of it is unknown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.report import clean_times
from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.port import AccountStore, Tables
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.values import parse_time

_ROW = 200
"""Bytes that a row takes beside its documents, about."""

_UNUSED = 256
"""Pages without content for which a journal is written anew although nothing goes."""

_ENDED = (
    "SELECT plan_id, ended_at FROM plans WHERE ended_at IS NOT NULL AND length(document) > 2"
    " AND NOT EXISTS (SELECT 1 FROM intents WHERE plan_id = plans.plan_id AND status IN ('sending', 'needs_human'))"
)
_MEASURE = (
    "SELECT length(document), (SELECT count(*) FROM runs WHERE runs.plan_id = plans.plan_id),"
    " (SELECT coalesce(sum(length(summary)), 0) FROM runs WHERE runs.plan_id = plans.plan_id),"
    " (SELECT count(*) FROM attempts WHERE attempts.plan_id = plans.plan_id) FROM plans WHERE plan_id = ?"
)
_APPLIED = "SELECT request_id FROM requests WHERE plan_id = ? AND standing = 'applied'"
_TAKE_OUT = (
    f"DELETE FROM votes WHERE request_id IN ({_APPLIED})",  # noqa: S608 - our own words
    "DELETE FROM requests WHERE plan_id = ? AND standing = 'applied'",
    *(f"DELETE FROM {table} WHERE plan_id = ?" for table in ("attempts", "fills", "intents", "runs")),  # noqa: S608 - as above
)

Export = Callable[[Iterator[dict[str, Any]]], None]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went out of a journal, and by how many bytes it is smaller; of a dry run, and of a database, about."""

    before: datetime
    plans: int = 0
    runs: int = 0
    orders: int = 0
    bytes: int = 0


def prune(
    store: AccountStore,
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
    if not store.has_journal():
        return Pruned(before)
    with store.lease(now):
        with store.open_journal() as journal, _damage_told(store.place):
            if not dry_run:
                journal.claim()
            runs = list(reversed(journal.runs()))
            going = journal.read_beside(partial(_going, runs=runs, before=before))
            pruned = journal.read_beside(partial(_measured, going=going, before=before))
            if export is not None:
                export(entry for entry in audit_trail(store) if entry["plan"]["plan_id"] in going)
            if going and not dry_run:
                journal.write_beside(partial(_take_out, going=going))
        if isinstance(store, FileStore) and not dry_run:
            return replace(pruned, bytes=_give_room_back(store.folder.journal, pruned))
    return pruned


@contextmanager
def _damage_told(place: str) -> Iterator[None]:
    """Tell what cannot be read in a journal as damage."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise FileIsInvalid(f"{place}: the journal is damaged: {error}", hint="restore it from a backup") from error


def _going(db: Tables, runs: Sequence[Mapping[str, Any]], before: datetime) -> Sequence[str]:
    """Return the plans that go with all that is theirs; ``runs`` are all of the account, the oldest first."""
    earlier = [run for run in runs if parse_time(run["started_at"]) < before]
    since = clean_times(earlier, before).open_since
    kept = {run["plan_id"] for run in runs if parse_time(run["ended_at"] or run["started_at"]) >= before}
    kept |= {run["plan_id"] for run in earlier if since is not None and parse_time(run["started_at"]) == since}
    kept |= {runs[-1]["plan_id"]} if runs else set()
    ended = db.execute(_ENDED).fetchall()
    return sorted(plan for plan, at in ended if plan not in kept and parse_time(at) < before)


def _measured(db: Tables, going: Collection[str], before: datetime) -> Pruned:
    runs = orders = size = 0
    for plan in going:
        ((document, count, summaries, sent),) = db.execute(_MEASURE, (plan,))
        runs, orders = runs + count, orders + sent
        size += document + int(summaries) + _ROW * (count + 3 * sent)
    return Pruned(before, len(going), runs, orders, size)


def _take_out(db: Tables, going: Sequence[str]) -> None:
    """Keep of each plan its id, its hash, and the ids of the orders that were sent."""
    for plan in going:
        ((document,),) = db.execute("SELECT document FROM plans WHERE plan_id = ?", (plan,))
        sent = {action for (action,) in db.execute("SELECT action_id FROM attempts WHERE plan_id = ?", (plan,))}
        names = [(one["client_order_id"],) for one in orjson.loads(document)["actions"] if one["id"] in sent]
        db.executemany("INSERT INTO pruned_orders (client_order_id) VALUES (?) ON CONFLICT DO NOTHING", names)
        for statement in _TAKE_OUT:
            db.execute(statement, (plan,))
        db.execute("UPDATE plans SET document = ? WHERE plan_id = ?", (b"{}", plan))


def _give_room_back(path: Path, pruned: Pruned) -> int:
    """Write the file of a journal anew, without the room that is unused; returns how many bytes that were."""
    size = _size(path)
    try:
        with closing(_connected(path)) as db:
            (unused,) = db.execute("PRAGMA freelist_count").fetchone()
            if not pruned.plans and unused < _UNUSED:
                return 0
            db.execute("VACUUM")  # also of what went before, where there was no room for it then
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise DataFolderUnusable(
            f"{path} cannot be pruned: {error}",
            hint="the journal is intact; free as much disk space as it takes, then try again",
        ) from error
    except sqlite3.DatabaseError as error:
        raise FileIsInvalid(f"{path}: the journal is damaged: {error}", hint="restore it from a backup") from error
    return max(size - _size(path), 0)


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=10, isolation_level=None)


def _size(path: Path) -> int:
    places = (path, path.with_name(path.name + "-wal"))
    return sum(place.stat().st_size for place in places if place.exists())
