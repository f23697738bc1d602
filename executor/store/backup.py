"""Copy what exitplan remembers of an account, as of one moment, also while a run is at work on it."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from exitplan.brokers.private_files import create_private, make_private_folder
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.files import write_atomically
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.state import known_state, state_bytes
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, FileIsInvalid


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that is whole and was checked: the folder, its files, the runs in its journal, and the journal's hash."""

    folder: Path
    files: tuple[str, ...]
    runs: int
    journal_sha256: str


def back_up(folder: DataFolder, into: Path) -> Backup:
    """Copy journal, state, tracker and alerts below ``into``, where they lie as in a data folder.

    The journal is as of one moment, and the state is what that journal holds; orders that are under way then are known
    to both as being sent. What is there already is never written over. Raises ExitplanError where there is no journal,
    or a copy is there; FileIsInvalid for a damaged journal, DataFolderUnusable where the copy cannot be written.
    """
    if not folder.journal.exists():
        raise ExitplanError(f"{folder.journal} is not there: no run was made yet", hint="there is nothing to keep")
    target = DataFolder(into / folder.path.relative_to(folder.root), into)
    present = [path for path in (target.journal, target.state, target.tracker, target.alerts) if path.exists()]
    if present:
        raise ExitplanError(f"{present[0]} is there already", hint="name a new folder: a copy is never written over")
    with copied_journal(folder.journal, target.journal) as copy:
        with open_journal(copy) as journal:
            known, runs, mark = known_state(journal), len(journal.runs()), journal.mark()
        as_one_file(copy)
        content = copy.read_bytes()
        if known is not None:
            write_atomically(target.state, state_bytes(known, mark))
        for source, place in ((folder.tracker, target.tracker), (folder.alerts, target.alerts)):
            if source.exists():
                write_atomically(place, _read(source))
        write_atomically(target.journal, content)  # last: where it is there, all of the copy is
    files = tuple(path.name for path in (target.journal, target.state, target.tracker, target.alerts) if path.exists())
    return Backup(target.path, files, runs, hashlib.sha256(content).hexdigest())


@contextmanager
def copied_journal(journal: Path, target: Path) -> Iterator[Path]:
    """Copy a journal with SQLite's backup, which sees one moment of it; the copy is gone after the block."""
    try:
        make_private_folder(target.parent)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            copy = Path(folder) / journal.name
            create_private(copy)
            with closing(sqlite3.connect(journal, timeout=10)) as source, closing(sqlite3.connect(copy)) as destination:
                source.backup(destination)  # in one step: runs may write meanwhile, and none of it is in the copy
            yield copy
    except sqlite3.OperationalError as error:
        raise DataFolderUnusable(f"{journal} cannot be copied: {error}") from error
    except sqlite3.DatabaseError as error:
        raise FileIsInvalid(
            f"{journal}: the journal is damaged: {error}", hint="nothing was kept; restore an earlier copy"
        ) from error
    except OSError as error:
        raise DataFolderUnusable(f"{target.parent} cannot be written: {error.strerror or error}") from error


def as_one_file(copy: Path) -> None:
    """Put all of a copied journal into its one file, with no log beside it, and look at all of it once more."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise FileIsInvalid(f"the copy of the journal is damaged: {verdict}", hint="nothing was kept")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileIsInvalid(f"{path} cannot be read: {error.strerror or error}") from error
