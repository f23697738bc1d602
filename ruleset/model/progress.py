"""What earlier runs have left to remember: unwinds under way and exits that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from exitplan.ruleset.model.values import parse_time, plain, time_text


@dataclass(frozen=True, slots=True)
class UnwindProgress:
    """How far the unwind of one position has come.

    ``cycle`` counts the cycles done, ``remaining_pct`` is the fraction of ``initial_quantity`` they may leave.
    """

    cycle: int
    remaining_pct: Decimal
    initial_quantity: Decimal
    started_at: datetime
    last_cycle_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Unwinds and failed exits of an account, by position key (``BTC/USD``, ``BTC/USD#short``)."""

    unwinds: Mapping[str, UnwindProgress] = field(default_factory=dict)
    failed_exits: Mapping[str, int] = field(default_factory=dict)


def progress_from_document(document: Mapping[str, Any]) -> Progress:
    """Read the progress out of a state file's JSON form; only ``unwind_progress`` is required."""
    return Progress(
        unwinds={_key(name): _unwind(entry) for name, entry in document["unwind_progress"].items()},
        failed_exits={_key(name): int(count) for name, count in (document.get("failed_exits") or {}).items()},
    )


def progress_to_document(unwinds: Mapping[str, UnwindProgress]) -> dict[str, Any]:
    """Write unwinds as a state file's ``unwind_progress``, sorted by position."""
    return {name: _unwind_document(unwind) for name, unwind in sorted(unwinds.items())}


def _key(name: str) -> str:
    symbol, mark, side = name.partition("#")
    return (symbol if "/" in symbol else symbol.replace("-", "/", 1)) + mark + side


def _unwind(entry: Mapping[str, Any]) -> UnwindProgress:
    last = entry.get("last_cycle_at")
    return UnwindProgress(
        cycle=int(entry["cycle"]),
        remaining_pct=Decimal(entry["remaining_pct"]),
        initial_quantity=Decimal(entry["initial_quantity"]),
        started_at=parse_time(entry["started_at"]),
        last_cycle_at=None if last is None else parse_time(last),
    )


def _unwind_document(unwind: UnwindProgress) -> dict[str, Any]:
    return {
        "cycle": unwind.cycle,
        "remaining_pct": plain(unwind.remaining_pct),
        "initial_quantity": plain(unwind.initial_quantity),
        "started_at": time_text(unwind.started_at),
        "last_cycle_at": None if unwind.last_cycle_at is None else time_text(unwind.last_cycle_at),
    }
