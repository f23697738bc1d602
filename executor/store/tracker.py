"""The position tracker: which positions a strategy has registered, and the file it is kept in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import orjson
from msgspec.structs import replace

from exitplan.brokers.private_files import OWN, make_private_folder
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import DataFolderUnusable, UsageError
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_reading import tracker_from_document
from exitplan.ruleset.model.snapshot_writing import tracker_to_document
from exitplan.ruleset.model.values import plain, time_text, unified_symbol
from exitplan.ruleset.model.visible import with_escapes
from exitplan.schemas.documents import load_document, parse_document

Document = dict[str, Any]
_LOCK_SECONDS = 10
_LEAST = len('{"positions":{}}')


class Digits:
    """A number of the file, digit by digit as its writer wrote it; no dataclass, which orjson would write as one."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Tracker(Protocol):
    """What exitplan asks of a position tracker."""

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot the tracker's records; raises FileIsInvalid where they cannot be read."""
        ...

    def update(
        self, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
    ) -> None:
        """Replace records, or remove them where a change is None; ``records`` are all that were known before."""
        ...


class OwnTracker(Tracker, Protocol):
    """The tracker that is kept with an account's data; ``place`` says where, for messages."""

    @property
    def place(self) -> str:
        """Where it is kept."""
        ...

    def records(self) -> dict[str, TrackerRecord]:
        """Return its records by unified symbol, none where there is no tracker yet; raises FileIsInvalid."""
        ...

    def take_over(self, source: Path) -> int:
        """Take the file of another tracker in place of none, or one that registers nothing; gives how many records.

        Raises FileIsInvalid for a broken file, UsageError where there are other records already, DataFolderUnusable.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrackerFile:
    """The tracker that is a file; where it ``may_be_blank``, one without any content has no records."""

    path: Path
    may_be_blank: bool = False

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot the file's records."""
        if self.may_be_blank and is_blank(self.path):
            return replace(snapshot, tracker={})
        return with_tracker(snapshot, self.path)

    def update(
        self, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
    ) -> None:
        """Change records of the file."""
        update_tracker(self.path, records, changes, now)

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self.path)

    def records(self) -> dict[str, TrackerRecord]:
        """Return the records of the file."""
        return load_records(self.path) if self.path.exists() else {}

    def take_over(self, source: Path) -> int:
        """Copy another tracker's file."""
        return take_over_tracker(source, self.path)


def is_blank(path: Path) -> bool:
    """Check whether a tracker's file is there and says nothing: no byte, or an empty JSON object."""
    try:
        return path.stat().st_size < _LEAST and path.read_bytes().strip() in {b"", b"{}"}
    except OSError:
        return False


def with_tracker(snapshot: Snapshot, path: Path) -> Snapshot:
    """Return the snapshot the tracker's records.

    The file is the tracker where it exists; until it does, the records that a paper account or recording brings along
    are. Raises FileIsInvalid for a broken file.
    """
    return replace(snapshot, tracker=load_records(path)) if path.exists() else snapshot


def load_records(path: Path) -> dict[str, TrackerRecord]:
    """Load the records of a tracker's file by unified symbol; raises FileIsInvalid for a broken one."""
    return records_of(load_document(path, "tracker"))


def records_of(document: Mapping[str, Any]) -> dict[str, TrackerRecord]:
    """Read the records of a tracker's document, which is sound, by unified symbol."""
    return tracker_from_document({symbol: with_zone(record) for symbol, record in document["positions"].items()})


def records_in(content: bytes, name: str) -> dict[str, TrackerRecord]:
    """Read the records of a tracker's content by unified symbol; raises FileHasProblems, calling it by a name.

    A round reads an account's three times: what was read just now is not taken apart anew.
    """
    return dict(_read_records(content, name))


@lru_cache(maxsize=512)
def _read_records(content: bytes, name: str) -> Mapping[str, TrackerRecord]:
    return records_of(parse_document(content, "tracker", name))


def with_zone(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record whose time of entry has a zone: other writers note local time without one."""
    opened = record.get("first_entry_time")
    if not isinstance(opened, str):
        return dict(record)
    moment = datetime.fromisoformat(opened)
    return {**record, "first_entry_time": opened if moment.tzinfo else time_text(moment.astimezone(UTC))}


def update_tracker(
    path: Path, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
) -> None:
    """Replace records of the tracker's file, or remove them where a change is None.

    All else in the file stays as its other writers wrote it, names and numbers included. Where there is no file yet,
    ``records`` go into it first. Raises FileIsInvalid for a broken file, DataFolderUnusable.
    """
    with changed_tracker(path, now, lambda: tracker_to_document(records)) as positions:
        replace_records(positions, changes)


def replace_records(positions: Document, changes: Mapping[str, TrackerRecord | None]) -> None:
    """Replace records among the positions of a tracker's document, or remove them where a change is None."""
    names = {unified_symbol(name): name for name in positions}
    for symbol, record in changes.items():
        name = names.get(symbol, symbol)
        positions.pop(name, None)
        if record is not None:
            positions[name] = tracker_to_document({symbol: record})[symbol]


def take_over_tracker(source: Path, target: Path) -> int:
    """Copy a tracker's file to where there is none, or one that registers nothing; gives the number of its records.

    Raises FileIsInvalid for a broken file, UsageError where the target has records already, DataFolderUnusable.
    """
    with _writing(target):
        records = load_records(source)
        ensure_no_others(load_records(target) if target.exists() else {}, records, str(target))
        write_atomically(target, source.read_bytes())
    return len(records)


def ensure_no_others(present: Mapping[str, TrackerRecord], taken: Mapping[str, TrackerRecord], place: str) -> None:
    """Raise UsageError where a tracker has other records than those that are to be taken over."""
    if present not in ({}, taken):
        raise UsageError(f"{place} has records already", hint="put the two together by hand, or take its records out")


@contextmanager
def changed_tracker(path: Path, now: datetime, before: Callable[[], Document] = dict) -> Iterator[Document]:
    """Hand out the positions of the tracker's file to be changed in the block, then write the file.

    One writer at a time, among threads and processes; where the block raises, nothing is written. Numbers are
    :class:`Digits`, as they stand. ``before`` gives what a file that is not there yet holds.
    Raises FileIsInvalid for a broken file, DataFolderUnusable.
    """
    with _writing(path):
        if path.exists() and not is_blank(path):
            load_document(path, "tracker")
            document = read_with_digits(path.read_bytes())
        else:
            document = {"positions": before()}
        yield document["positions"]
        document["last_updated"] = time_text(now)
        write_atomically(path, write_with_digits(document))


def read_with_digits(content: bytes) -> Document:
    """Read a tracker's document with its numbers as they stand."""
    document: Document = json.loads(content, parse_float=Digits, parse_int=Digits)
    return document


def write_with_digits(document: Document) -> bytes:
    """Write a tracker's document with its numbers as they stood."""
    return with_escapes(orjson.dumps(document, _as_number, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Hold the lock beside the tracker's file."""
    from filelock import FileLock  # noqa: PLC0415 - who only reads locks nothing

    lock = path.with_name(f".{path.name}.lock")
    try:
        make_private_folder(lock.parent)
        held = FileLock(lock, mode=OWN)
        held.acquire(timeout=_LOCK_SECONDS)
    except OSError as error:  # a lock that is not given in time is one too
        raise DataFolderUnusable(f"cannot lock {lock}: {error.strerror or error}") from error
    try:
        yield
    finally:
        held.release()


def _as_number(value: object) -> orjson.Fragment:
    # A record's own keys may hold numbers with a fraction; whoever wrote them reads them as numbers, digit by digit.
    if isinstance(value, Digits):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    raise TypeError(f"{value!r} has no place in a JSON file")
