"""The mark that a verification could not be remembered: while it is there, an earlier one opens no gate.

It is a file in the account's folder or, where that cannot be written, in the cache folder of the user. The next
verification that is remembered lifts it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.private_files import ensure_ours
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import time_text

RESTORED = "it was restored from a backup"
"""How the mark begins that a restore leaves."""
_LONGEST = 500


def mark_gate_closed(folder: DataFolder, reason: str, now: datetime) -> None:
    """Let no earlier verification open the gate of an account; raises DataFolderUnusable where no mark can be made."""
    content = f"{reason} ({time_text(now.replace(microsecond=0))})\n".encode()
    beside, elsewhere = _places(folder)
    with suppress(DataFolderUnusable):
        if folder.path.is_dir():  # one that was moved away may come back
            write_atomically(beside, content)
            return
    try:
        ensure_ours(elsewhere.parent)  # where another user could take the mark away, there is none
    except OSError as error:
        raise DataFolderUnusable(f"cannot write {elsewhere}: {error.strerror or error}") from error
    write_atomically(elsewhere, content)


def lift_mark(folder: DataFolder) -> None:
    """Take the mark away, since a later verification is in the journal; raises DataFolderUnusable."""
    for place in _places(folder):
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise DataFolderUnusable(f"cannot remove {place}: {error.strerror or error}") from error


def find_mark(folder: DataFolder) -> str | None:
    """Return what the mark says; None where there is none. A place that cannot be looked at counts as one."""
    for place in _places(folder):
        try:
            return place.read_bytes()[:_LONGEST].decode(errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return f"{place} cannot be looked at: {error.strerror or error}"
    return None


def restored_mark(folder: DataFolder) -> str | None:
    """Return what the mark says of a restore, which no verification has followed yet; None where there was none."""
    mark = find_mark(folder)
    return mark if mark is not None and mark.startswith(RESTORED) else None


def _places(folder: DataFolder) -> tuple[Path, Path]:
    name = hashlib.sha256(str(folder.path.resolve()).encode()).hexdigest()[:24]
    return folder.path / "gate-closed", cache_folder() / "gates" / name
