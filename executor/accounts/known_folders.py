"""In which data folder a live account was last worked on, so that one that begins anew elsewhere is noticed.

The notes are in the cache folder of the user, and may be lost: they only serve to warn.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import orjson

from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.registry import PAPER
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError

_IDENTITY = ("venue", "credentials", "base_url", "sandbox")
"""What tells a live account from others, whatever its id and file; a reference to credentials holds none."""


def note_folder(account: Account) -> None:
    """Note where a live account has its journal; nothing where it has none yet, or no note can be taken."""
    if not _is_noted(account) or not account.folder.journal.exists():
        return
    path = _note(account)
    content = orjson.dumps({"account": account.id, "data": str(account.folder.root.resolve())})
    with suppress(OSError, ExitplanError):
        if not path.exists() or path.read_bytes() != content:
            write_atomically(path, content)


def former_folder(account: Account) -> DataFolder | None:
    """Return where a live account was worked on last, where that is another data folder with a journal in it."""
    if not _is_noted(account):
        return None
    try:
        note = orjson.loads(_note(account).read_bytes())
        former = DataFolder.of(Path(note["data"]), str(note["account"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    is_other = former.path.resolve() != account.folder.path.resolve()
    return former if is_other and former.journal.exists() else None


def ensure_history(account: Account) -> None:
    """Raise DataFolderUnusable for a live account that was worked on in its data folder and has no journal there now.

    A person who looks on is warned instead: to begin anew is theirs to say.
    """
    if not _is_noted(account) or account.folder.journal.exists():
        return
    try:
        note = orjson.loads(_note(account).read_bytes())
        known = DataFolder.of(Path(note["data"]), str(note["account"]))
    except (OSError, ValueError, KeyError, TypeError):
        return
    if known.path.resolve() == account.folder.path.resolve():
        raise DataFolderUnusable(
            f"the journal of {account.id} in {account.folder.path.absolute()} is gone: what was sent is not known",
            hint="put the data folder back, or a backup: exitplan restore; to begin anew, "
            f"run exitplan verify --account {account.id} by hand",
        )


def _is_noted(account: Account) -> bool:
    """Check whether it matters where an account has its data: it is live, and has it in files."""
    return account.venue != PAPER and isinstance(account.store, FileStore)


def _note(account: Account) -> Path:
    block = account.loaded.account or {}
    identity = orjson.dumps([str(block.get(name) or "") for name in _IDENTITY])
    return cache_folder() / "folders" / f"{hashlib.sha256(identity).hexdigest()[:24]}.json"
