"""The position tracker's file: which positions a strategy has registered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from executor.files import write_atomically
from ruleset.snapshot import Snapshot, TrackerRecord, tracker_from_document, tracker_to_document
from ruleset.values import plain, time_text, unified_symbol
from schemas.documents import load_document


def with_tracker(snapshot: Snapshot, path: Path) -> Snapshot:
    """Give the snapshot the tracker's records.

    The file is the tracker where it exists; until it does, the records that a paper account or recording brings along
    are. Raises FileIsInvalid for a broken file.
    """
    if not path.exists():
        return snapshot
    return replace(snapshot, tracker=tracker_from_document(load_document(path, "tracker")["positions"]))


def update_tracker(
    path: Path, records: Mapping[str, TrackerRecord], changes: Mapping[str, TrackerRecord | None], now: datetime
) -> None:
    """Replace records of the tracker's file, or remove them where a change is None.

    All else in the file stays as its other writers wrote it, names and numbers included. Where there is no file yet,
    ``records`` go into it first. Raises FileIsInvalid for a broken file, DataFolderUnusable.
    """
    if path.exists():
        load_document(path, "tracker")
        document = json.loads(path.read_text("utf-8-sig"), parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    else:
        document = {"positions": tracker_to_document(records)}
    positions: dict[str, Any] = document["positions"]
    names = {unified_symbol(name): name for name in positions}
    for symbol, record in changes.items():
        name = names.get(symbol, symbol)
        positions.pop(name, None)
        if record is not None:
            positions[name] = tracker_to_document({symbol: record})[symbol]
    document["last_updated"] = time_text(now)
    write_atomically(path, orjson.dumps(document, _as_number, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _as_number(value: object) -> orjson.Fragment:
    # A record's own keys may hold numbers with a fraction; whoever wrote them reads them as numbers, digit by digit.
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    raise TypeError(f"{value!r} has no place in a JSON file")
