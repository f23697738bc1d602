"""The position tracker's file: which positions a strategy has registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import orjson

from executor.files import write_atomically
from ruleset.snapshot import Snapshot, TrackerRecord, tracker_from_document, tracker_to_document
from ruleset.values import time_text
from schemas.documents import load_document


def with_tracker(snapshot: Snapshot, path: Path) -> Snapshot:
    """Give the snapshot the tracker's records.

    The file is the tracker where it exists; until it does, the records that a paper account or recording brings along
    are. Raises FileIsInvalid for a broken file.
    """
    if not path.exists():
        return snapshot
    return replace(snapshot, tracker=tracker_from_document(load_document(path, "tracker")["positions"]))


def save_tracker(path: Path, records: Mapping[str, TrackerRecord], now: datetime) -> None:
    """Replace the tracker's file; raises DataFolderUnusable."""
    document = {"positions": tracker_to_document(records), "last_updated": time_text(now)}
    write_atomically(path, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str))
