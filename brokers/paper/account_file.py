"""The paper account file: a snapshot with the venue's own notes under ``paper``.

The file is the account: it is read again whenever it changed, also by hand or by another process, and written
before the venue answers, so that no answer is ever forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import orjson

from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.brokers.paper.notes import Notes, notes_from_document, notes_to_document
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.storage import locked, replace_file
from exitplan.brokers.paper.times import start_now
from exitplan.ruleset.errors import AccountUnreadable, DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot, snapshot_from_document, snapshot_to_document
from exitplan.ruleset.model.values import plain
from exitplan.schemas.documents import parse_document

DEMO = Path(__file__).with_name("demo-account.json")
"""The account shipped to try exitplan on."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account a file is: the account's id, and its quote currency where the account file names one."""

    account: str
    quote: str | None = None


class PaperFile:
    """One paper account on disk."""

    def __init__(self, path: Path, owner: Owner, options: PaperOptions, start_from: Path | None = None) -> None:
        self.path = path
        self._owner = owner
        self._options = options
        self._start_from = start_from
        self._guard = threading.RLock()
        self._known: tuple[bytes, MatchingEngine] | None = None

    def read(self, now: datetime) -> Snapshot:
        """Read the account as of now. Raises what :meth:`ask` raises."""
        return self.ask(now, lambda engine: engine.snapshot(now))

    def ask(self, now: datetime, question: Callable[[MatchingEngine], Result]) -> Result:
        """Ask the account something; the first question starts it where there is a recording to start from.

        Where the folder cannot be written the copy stays in memory, so that planning needs no right to write.
        Raises AccountUnreadable, and FileIsInvalid for a file that is no account.
        """
        with self._guard:
            if self._start_from is None or self._is_there():
                return question(self._load())
            try:
                return self.change(now, lambda engine: (question(engine), False))
            except DataFolderUnusable:
                return question(self._started(now))

    def change(self, now: datetime, alter: Callable[[MatchingEngine], tuple[Result, bool]]) -> Result:
        """Alter the account under its lock.

        The second part of what ``alter`` answers says whether there is a change to keep.

        Raises DataFolderUnusable where the change cannot be kept, AccountIsLocked, AccountUnreadable,
        FileIsInvalid.
        """
        with self._guard, locked(self.path):
            started = not self._is_there()
            engine = self._started(now) if started else self._load()
            self._known = None  # until it is on disk, what alter does is not known
            result, changed = alter(engine)
            if changed or started:
                self._save(engine, now)
        return result

    def _is_there(self) -> bool:
        try:
            return self.path.exists()
        except OSError as problem:
            raise _unreadable(self.path, problem) from problem

    def _load(self) -> MatchingEngine:
        content = _content_of(self.path)
        if self._known is None or self._known[0] != content:
            document = parse_document(content, "snapshot", str(self.path))
            self._known = (content, self._engine(document, self.path))
        return self._known[1]

    def _started(self, now: datetime) -> MatchingEngine:
        if self._start_from is None:
            raise AccountUnreadable(
                f"the paper account {self.path} does not exist",
                hint="set `start_from` under the account's options to a recorded snapshot, or to demo",
            )
        document = parse_document(_content_of(self._start_from), "snapshot", str(self._start_from))
        return self._engine(start_now(document, now), self._start_from)

    def _engine(self, document: Mapping[str, Any], path: Path) -> MatchingEngine:
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
        return MatchingEngine(snapshot, notes, self._options)

    def _save(self, engine: MatchingEngine, now: datetime) -> None:
        document = snapshot_to_document(engine.snapshot(now))
        document["paper"] = notes_to_document(engine.notes())
        content = self._written(document)
        # A recording may hold numbers too long to be written out; better refused now than never readable again.
        parse_document(content, "snapshot", str(self.path))
        replace_file(self.path, content)
        self._known = (content, engine)

    def _written(self, document: Mapping[str, Any]) -> bytes:
        try:
            return orjson.dumps(document, _as_text, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError as problem:
            raise FileIsInvalid(f"{self.path} holds what cannot be written back: {problem}") from problem


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
