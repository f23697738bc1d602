"""The paper account file: a snapshot with the venue's own notes under ``paper``.

The file is the account: it is read again whenever it changed, also by hand or by another process. What changes it is
on disk before the venue answers, so that no answer is ever forgotten: in a log beside the file, which the next reading
of the account folds into it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import orjson
from msgspec.structs import replace

from exitplan.brokers.paper.change_log import ChangeLog, Pending, hash_of
from exitplan.brokers.paper.changes import Change, RecordingEngine
from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.brokers.paper.notes import Notes, notes_from_document, notes_to_document
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.storage import AccountLock, replace_file, unusable
from exitplan.brokers.paper.times import start_now
from exitplan.ruleset.errors import AccountIsLocked, AccountUnreadable, DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.model.values import plain
from exitplan.schemas.documents import parse_document

DEMO = Path(__file__).with_name("demo-account.json")
"""The account shipped to try exitplan on."""

MOST_LOGGED = 2 * 2**20
"""Bytes of a log, some 8,000 changes, after which the file is written whole also between two readings."""

PATIENT_READS = 3
"""Readings of a file and its log after which two that do not fit are nobody's work under way."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account a file is: the account's id, and its quote currency where the account file names one."""

    account: str
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The account in memory, and where it is on disk: the file's content, and the bytes of a log beside it.

    ``fits`` is false where the log was written under other options than these.
    """

    stamp: tuple[object, ...]
    engine: MatchingEngine
    content: bytes
    logged: int = 0
    fits: bool = True


class PaperFile:
    """One paper account on disk: a file, and while it changes a log of what the file does not show yet."""

    def __init__(self, path: Path, owner: Owner, options: PaperOptions, start_from: Path | None = None) -> None:
        self.path = path
        self._place = Path(os.path.realpath(path))  # one lock and one log, by whatever link the file is reached
        self._log = ChangeLog(self._place)
        self._lock = AccountLock(self._place)
        self._owner = owner
        self._options = options
        self._start_from = start_from
        self._guard = threading.RLock()
        self._known: Known | None = None

    def read(self, now: datetime) -> Snapshot:
        """Read the account as of now, and let the file show it. Raises what :meth:`ask` raises."""
        with self._guard:
            snapshot = self.ask(now, lambda engine: engine.snapshot(now))
            if self._known is not None and self._known.logged:
                self._fold(now)
        return snapshot

    def ask(self, now: datetime, question: Callable[[MatchingEngine | RecordingEngine], Result]) -> Result:
        """Ask the account something; the first question starts it where there is a recording to start from.

        Where the folder cannot be written the copy stays in memory, so that planning needs no right to write.
        Raises AccountUnreadable, and FileIsInvalid for a file that is no account.
        """
        with self._guard:
            if self._start_from is None or self._is_there():
                return question(self._load().engine)
            try:
                return self.change(now, question)
            except DataFolderUnusable:
                return question(self._started(now))

    def change(self, now: datetime, alter: Callable[[RecordingEngine], Result]) -> Result:
        """Alter the account under its lock; what changed is on disk before this returns.

        Raises DataFolderUnusable where the change cannot be kept, AccountIsLocked, AccountUnreadable,
        FileIsInvalid.
        """
        with self._guard, self._lock.held():
            known = self._known_or_started(now)
            self._known = None  # until it is on disk, what alter does is not known
            recording = RecordingEngine(known.engine)
            result = alter(recording)
            self._known = self._keep(known, recording.changes, now) if recording.changes else known
        return result

    def _known_or_started(self, now: datetime) -> Known:
        """Return the account, started where it is not there, and whole in its file where the log is another's."""
        if not self._is_there():
            return self._save(self._started(now), now, logged=0)
        known = self._load()
        if known.fits and known.logged < MOST_LOGGED:
            return known
        return self._save(known.engine, now, known.logged)

    def _keep(self, known: Known, changes: Sequence[Change], now: datetime) -> Known:
        if known.logged:
            logged = self._log.add(known.logged, changes)
        else:
            # A recording may hold numbers too long to be written out; better refused now than never readable again.
            self._document(known.engine, now)
            logged = self._log.begin(known.content, self._options, changes)
        return Known(self._stamp(), known.engine, known.content, logged)

    def _fold(self, now: datetime) -> None:
        """Let the file show what the log holds, if nobody else is at work and the folder can be written."""
        with suppress(AccountIsLocked, DataFolderUnusable, FileIsInvalid), self._lock.held(patience=0):
            known = self._load()
            if known.logged:
                self._known = self._save(known.engine, now, known.logged)

    def _is_there(self) -> bool:
        try:
            return self.path.exists()
        except OSError as problem:
            raise _unreadable(self.path, problem) from problem

    def _load(self) -> Known:
        for _ in range(PATIENT_READS):
            stamp = self._stamp()
            if self._known is not None and self._known.stamp == stamp:
                return self._known
            pending = self._pending()
            content = _content_of(self.path)
            if pending is None or hash_of(content) in {pending.base, pending.becomes}:
                self._known = self._replayed(stamp, content, pending)
                return self._known
        raise AccountUnreadable(
            f"{self.path} was changed by hand while {self._log.path} held changes of a run that was cut off",
            hint="put the file back as it was, or remove the log to go on without those changes",
        )

    def _replayed(self, stamp: tuple[object, ...], content: bytes, pending: Pending | None) -> Known:
        if self._known is not None and self._known.content == content and pending is None and not self._known.logged:
            return Known(stamp, self._known.engine, content)
        document = parse_document(content, "snapshot", str(self.path))
        if pending is None or pending.becomes == hash_of(content):
            return Known(stamp, self._engine(document, self.path, self._options), content)
        engine = self._engine(document, self.path, pending.options)
        for change in pending.changes:
            change.repeat(engine)
        if pending.options == self._options or not pending.changes:
            return Known(stamp, engine, content, pending.size)
        engine = MatchingEngine(engine.snapshot(pending.changes[-1].at), engine.notes(), self._options)
        return Known(stamp, engine, content, pending.size, fits=False)

    def _pending(self) -> Pending | None:
        try:
            return self._log.read()
        except OSError as problem:
            raise _unreadable(self._log.path, problem) from problem

    def _stamp(self) -> tuple[object, ...]:
        """Return what tells whether the file or its log has changed."""
        try:
            there = self.path.stat()
            return there.st_ino, there.st_mtime_ns, there.st_size, self._log.size()
        except OSError:
            return (object(),)  # never the same as another

    def _started(self, now: datetime) -> MatchingEngine:
        if self._start_from is None:
            raise AccountUnreadable(
                f"the paper account {self.path} does not exist",
                hint="set `start_from` under the account's options to a recorded snapshot, or to demo",
            )
        if not self._start_from.exists():
            raise AccountUnreadable(
                f"{self._start_from}, which the paper account {self.path} starts from, does not exist",
                hint="`start_from` under the account's options is a recorded snapshot, or demo",
            )
        document = parse_document(_content_of(self._start_from), "snapshot", str(self._start_from))
        return self._engine(start_now(document, now), self._start_from, self._options)

    def _engine(self, document: Mapping[str, Any], path: Path, options: PaperOptions) -> MatchingEngine:
        try:
            snapshot, notes = snapshot_from_document(document), _notes_of(document)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as problem:
            raise FileIsInvalid(f"{path}: the paper venue's own notes are broken: {problem!r}") from problem
        if self._owner.quote not in {None, snapshot.quote}:
            raise FileIsInvalid(
                f"{path} is an account in {snapshot.quote}, the account file says {self._owner.quote}",
                hint=f"write `quote: {snapshot.quote}` in the account file",
            )
        snapshot = replace(snapshot, account=self._owner.account, venue="paper")
        return MatchingEngine(snapshot, notes, options)

    def _save(self, engine: MatchingEngine, now: datetime, logged: int) -> Known:
        """Write the whole account to its file; a log goes, since the file shows all of it."""
        content = self._document(engine, now)
        if logged:
            self._log.close(logged, content)
        else:
            self._remove_log()
        replace_file(self.path, content)
        self._remove_log()
        return Known(self._stamp(), engine, content)

    def _remove_log(self) -> None:
        try:
            self._log.remove()
        except OSError as problem:
            raise unusable(self._log.path, problem) from problem

    def _document(self, engine: MatchingEngine, now: datetime) -> bytes:
        """Return the account as its file; raises FileIsInvalid for one that could not be read again."""
        document = snapshot_to_document(engine.snapshot(now))
        document["paper"] = notes_to_document(engine.notes())
        try:
            content = orjson.dumps(document, _as_text, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError as problem:
            raise FileIsInvalid(f"{self.path} holds what cannot be written back: {problem}") from problem
        parse_document(content, "snapshot", str(self.path))
        return content


def _notes_of(document: Mapping[str, Any]) -> Notes:
    return notes_from_document(document.get("paper") or {})


def _as_text(value: object) -> str:
    # A tracker's own keys may hold numbers with a fraction, which are read as decimals.
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{value!r} has no place in a JSON file")


def _content_of(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a named pipe would be waited for
            raise AccountUnreadable(f"the paper account {path} is no regular file")
        return path.read_bytes()
    except FileNotFoundError as problem:
        raise AccountUnreadable(
            f"the paper account {path} does not exist",
            hint="set `start_from` under the account's options to a recorded snapshot, or to demo",
        ) from problem
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: OSError) -> AccountUnreadable:
    return AccountUnreadable(f"{path} cannot be read: {problem.strerror or problem}")
