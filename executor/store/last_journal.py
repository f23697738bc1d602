"""By which journal a live account was last traded, noted beside its lock on this machine.

A backup that brings journal and state file back together is noticed by it, and a data folder that was emptied.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import orjson

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.files import write_atomically
from exitplan.executor.store.journal_values import JournalMark
from exitplan.executor.store.lease import machine_lock
from exitplan.ruleset.errors import FileIsInvalid


def ensure_newest_traded(folder: DataFolder, identity: Identity, mark: JournalMark) -> None:
    """Raise FileIsInvalid where the account was traded from this folder by another journal, or by this one later on."""
    note = _note(identity)
    try:
        told = orjson.loads(note.read_bytes()) if note else {}
        last, place = JournalMark(str(told["journal"]), int(told["revision"])), Path(str(told["folder"]))
    except (OSError, ValueError, KeyError, TypeError):
        return  # nobody has noted one, or the note is lost: the state file and the venue are asked as well
    is_here = place == folder.path.resolve()
    if not mark.follows(last) and (is_here or mark.journal == last.journal):
        raise FileIsInvalid(
            f"{folder.journal} is older than the journal that the account was last traded by, or another one",
            hint="put the newest journal.db back, with its journal.db-wal; if it is lost, look at the orders at the"
            " venue, then go on with: exitplan accept-balance",
        )


def note_journal(folder: DataFolder, identity: Identity, mark: JournalMark) -> None:
    """Note by which journal an account is about to be traded; raises DataFolderUnusable."""
    note = _note(identity)
    if note is not None:
        write_atomically(note, orjson.dumps({**asdict(mark), "folder": str(folder.path.resolve())}))


def _note(identity: Identity) -> Path | None:
    lock = machine_lock(identity)
    return None if lock is None else lock.with_suffix(".journal.json")
