"""Put a copy of a journal in the place of the one that is there: whole or not at all, and keep what was there."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from exitplan.brokers.private_files import OWN
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.backup import as_one_file
from exitplan.executor.store.files import write_atomically
from exitplan.executor.store.journal_file import has_table, open_journal
from exitplan.executor.store.state import State, export_state, known_state, state_to_document
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import time_text

SKIPPED = "not sent: the journal was put back from a backup"
_PIECE = 2**20
_WITH_JOURNAL = ("", "-wal", "-shm")


def make_ready(copy: Path, present: Path | None, accepted: Collection[str], now: datetime) -> None:
    """Let a copied journal go on where the present one stands: as another journal, that knows what was sent since.

    ``accepted`` are the orders that a person knows of. What an open plan of it had not sent is never sent from it, and
    no verification in it stands. ``present`` is the journal that it comes in the place of, None where none can be read.
    """
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        writer, kept = (0, set[str]()) if present is None else _known_to(present)
        moment = time_text(now)
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "UPDATE origin SET journal_id = lower(hex(randomblob(8))), writer = max(writer, ?) + 1",
            (writer,),  # whoever hangs with the present one open is no writer of this one
        )
        names = [(name,) for name in sorted({*accepted, *kept})]
        db.executemany("INSERT OR IGNORE INTO accepted_orders VALUES (?)", names)
        db.execute(
            "UPDATE intents SET status = 'skipped', message = ?, settled_at = ? WHERE status = 'planned'"
            " AND plan_id IN (SELECT plan_id FROM plans WHERE ended_at IS NULL)",
            (SKIPPED, moment),
        )
        db.execute(
            "UPDATE plans SET ended_at = ? WHERE ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM intents"
            " WHERE plan_id = plans.plan_id AND status IN ('sending', 'needs_human'))",
            (moment,),
        )
        if has_table(
            db, "requests"
        ):  # whoever said no, or yes, since the backup was made did not say it to this journal
            db.execute(
                "UPDATE requests SET standing = 'withdrawn', changed_at = ? WHERE standing = 'waiting'", (moment,)
            )
        if has_table(db, "group_runs"):  # the other accounts of the group have gone on, or are to end their parts
            db.execute("UPDATE group_runs SET standing = 'ended', ended_at = ? WHERE standing <> 'ended'", (moment,))
        db.execute("COMMIT")
    with open_journal(copy) as journal:
        state = known_state(journal) or State()
        journal.put_state(state_to_document(state.unverified))


def _known_to(present: Path) -> tuple[int, set[str]]:
    """Return the number of a journal's newest writer, and the orders that it knows from no plan."""
    with closing(sqlite3.connect(present, timeout=10)) as db:
        (writer,) = db.execute("SELECT writer FROM origin").fetchone()
        kept = db.execute("SELECT client_order_id FROM accepted_orders UNION SELECT client_order_id FROM pruned_orders")
        return int(writer), {name for (name,) in kept}


def keep_aside(folder: DataFolder, now: datetime) -> Path | None:
    """Copy an account's files into a new folder beside them; None where there are none. Raises DataFolderUnusable."""
    journals = [folder.journal.with_name(folder.journal.name + suffix) for suffix in _WITH_JOURNAL]
    present = [path for path in (*journals, folder.state, folder.tracker, folder.alerts) if path.exists()]
    if not present:
        return None
    name = f"before-restore-{now:%Y%m%dT%H%M%S}Z"
    taken = sum(1 for _ in folder.path.glob(f"{name}*"))
    aside = folder.path / (f"{name}-{taken + 1}" if taken else name)
    for path in present:
        write_atomically(aside / path.name, _pieces(path))
    return aside


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def put_in_place(copy: Path, folder: DataFolder, *, is_sound: bool) -> None:
    """Replace an account's journal by a copy, then write the state file from it; raises DataFolderUnusable.

    Killed at whatever point, either journal is there, whole; a state file that is not of it is noticed by whoever
    comes next. ``is_sound`` tells whether the journal in place can be read: then readers may have it open.
    """
    try:
        if is_sound:  # one transaction, which is rolled back by whoever opens the file after a crash
            with (
                closing(sqlite3.connect(copy)) as source,
                closing(sqlite3.connect(folder.journal, timeout=10)) as place,
            ):
                place.execute("PRAGMA synchronous = FULL")
                source.backup(place)
        else:
            as_one_file(copy)
            for suffix in _WITH_JOURNAL[1:]:  # a log of the old one would be taken for one of the new
                folder.journal.with_name(folder.journal.name + suffix).unlink(missing_ok=True)
            write_atomically(folder.journal, _pieces(copy))
            with suppress(OSError):
                folder.journal.chmod(OWN)
    except (OSError, sqlite3.OperationalError) as error:
        raise DataFolderUnusable(
            f"{folder.journal} cannot be replaced: {error}", hint="the old one is still there; try again"
        ) from error
    with open_journal(folder.journal) as journal:
        known = known_state(journal)
        assert known is not None  # noqa: S101 - it was made ready with one
        export_state(journal, known, folder.state, over_edits=True)
