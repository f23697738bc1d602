"""One writer an account: a file lock that dies with its holder, and a note of who holds it."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path

import orjson

from exitplan.brokers.identity import Identity
from exitplan.brokers.live.cache import CACHE_VARIABLE, cache_folder
from exitplan.brokers.private_files import OWN, ensure_ours, keep_private, make_private_folder
from exitplan.executor.logs import JOURNAL, note
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import AccountIsLocked, DataFolderUnusable
from exitplan.ruleset.model.values import time_text


@contextmanager
def account_lease(lock: Path, account: str, now: datetime) -> Iterator[None]:
    """Hold the account's lease for the time of the block.

    The operating system gives the lock free when its holder dies, so a dead holder's lease is simply taken. Raises
    AccountIsLocked, naming the holder, where another process has it.
    """
    hint = "wait for it to end: the lock ends with its process; if it hangs, use `exitplan unlock`"
    with _held(lock, account, now, f"the account {account} is in use", hint):
        yield


@contextmanager
def watch_lease(lock: Path, now: datetime) -> Iterator[None]:
    """Hold the lock of whoever watches the accounts of a data folder; raises AccountIsLocked where another one does."""
    taken, hint = "the accounts are already watched", "a project has one watcher: stop the other one first"
    with _held(lock, lock.name, now, taken, hint):
        yield


def staying_in_place(lock: Path) -> Callable[[], None]:
    """Return a check of a lock that is held: it raises DataFolderUnusable once another file, or none, is in its place.

    Who works on in a data folder that was moved away would begin a new one, without any history.
    """
    there = lock.stat()

    def check() -> None:
        with suppress(PermissionError):
            is_same = lock.exists() and lock.stat().st_ino == there.st_ino and lock.stat().st_dev == there.st_dev
            if not is_same:
                raise DataFolderUnusable(
                    f"the data folder {lock.parent.absolute()} was moved away or replaced while it was worked in",
                    hint="put it back, then start again: without its journal all accounts would begin anew",
                )

    return check


@contextmanager
def _held(lock: Path, name: str, now: datetime, taken: str, hint: str) -> Iterator[None]:
    """Hold a lock for the time of the block, with a note of who does; raises AccountIsLocked, DataFolderUnusable."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - who only reads locks nothing

    try:
        make_private_folder(lock.parent)
        keep_private(lock)
        held = FileLock(lock, mode=OWN)
        held.acquire(blocking=False)
    except Timeout as error:
        raise AccountIsLocked(f"{taken}{_holder(lock)}", hint=hint) from error
    except OSError as error:
        raise DataFolderUnusable(f"cannot lock {lock}: {error.strerror or error}") from error
    try:
        note(JOURNAL, "lease_taken", level=logging.DEBUG, account=name)
        write_atomically(_note(lock), _note_text(now), is_durable=False)
        yield
    finally:
        with suppress(OSError):  # it may be gone; in a folder that has become read-only it stays, and means nothing
            _note(lock).unlink()
        held.release()
        note(JOURNAL, "lease_released", level=logging.DEBUG, account=name)


def machine_lock(identity: Identity) -> Path | None:
    """Return the lock that whoever trades on a live account holds on this machine, whatever its data folder.

    It is told by venue, address and key; None where the key is not known, or there is none.
    """
    name = venue_account(identity)
    return None if name is None else cache_folder() / "locks" / f"{name}.lock"


def venue_account(identity: Identity) -> str | None:
    """Name an account at its venue, whatever it is called here; None where its key is not known, or there is none."""
    if identity.key is None:
        return None
    return hashlib.sha256(orjson.dumps([identity.venue, identity.address, identity.key])).hexdigest()[:24]


@contextmanager
def trading_lease(lock: Path, identity: Identity, account: str, now: datetime) -> Iterator[None]:
    """Hold the account's lease, and its lock on this machine, for the time of the block; raises as account_lease."""
    elsewhere = machine_lock(identity)
    if elsewhere is not None:
        try:
            ensure_ours(elsewhere.parent)
        except OSError as error:
            raise DataFolderUnusable(
                f"cannot lock the account for this machine in {elsewhere.parent}: {error.strerror or error}",
                hint=f"nothing was sent; let {CACHE_VARIABLE} name a folder that is yours alone",
            ) from error
    with (
        account_lease(lock, account, now),
        nullcontext() if elsewhere is None else account_lease(elsewhere, account, now),
    ):
        yield


def holder_of(lock: Path) -> str | None:
    """Return who holds an account's lease, in words; None where nobody does. Raises DataFolderUnusable."""
    if not lock.exists():
        return None
    from filelock import FileLock, Timeout  # noqa: PLC0415 - as above

    try:
        with FileLock(lock, mode=OWN).acquire(blocking=False):
            return None
    except Timeout:
        return _holder(lock).strip()
    except OSError as error:
        raise DataFolderUnusable(f"cannot look at {lock}: {error.strerror or error}") from error


def seems_held_by(lock: Path, pid: int, host: str) -> bool:
    """Check by its note whether a process of this machine holds a lease and lives; the lock is not touched.

    For telling people: asking the lock itself would, for a moment, keep away whoever wants to take it.
    """
    try:
        who = orjson.loads(_note(lock).read_bytes())
        if (who["pid"], who["host"], host) != (pid, host, socket.gethostname()):
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True  # it lives, and is somebody else's
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def seems_held(lock: Path) -> str | None:
    """Return who holds a lease by its note, in words; None where nobody does. The lock is not touched, as above.

    A holder on another machine cannot be looked at, and counts as one that lives.
    """
    try:
        who = orjson.loads(_note(lock).read_bytes())
        is_here = who["host"] == socket.gethostname()
        held = not is_here or seems_held_by(lock, who["pid"], who["host"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        held = True
    return _holder(lock).strip() if held else None


def break_lease(lock: Path) -> str | None:
    """Take an account's lock away from whoever holds it; gives who that was, None where nobody did.

    The last resort, for a holder that hangs: a dead one has lost its lock already. Should the holder wake up, its next
    order fails, because the journal takes orders of the newest run only. Raises DataFolderUnusable.
    """
    who = holder_of(lock)
    if who is not None:
        note(JOURNAL, "lease_broken", level=logging.WARNING, lock=str(lock), holder=who)
        lock.unlink(missing_ok=True)
        _note(lock).unlink(missing_ok=True)
    return who


def _note(lock: Path) -> Path:
    return lock.with_suffix(".holder.json")


def _note_text(now: datetime) -> bytes:
    who = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time_text(now),
        "command": " ".join(Path(part).name for part in sys.argv[:2]),
    }
    return orjson.dumps(who, option=orjson.OPT_APPEND_NEWLINE)


def _holder(lock: Path) -> str:
    try:
        who = orjson.loads(_note(lock).read_bytes())
        return f" by process {who['pid']} on {who['host']} since {who['since']} ({who['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return " by another process"
