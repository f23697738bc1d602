"""Move a recorded account in time, so that its ages are what they were when it was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from exitplan.ruleset.model.values import parse_time, time_text


def start_now(document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Copy a snapshot document with all its times moved so that it was taken now."""
    return shift_times(document, now - parse_time(document["taken_at"]))


def shift_times(document: Mapping[str, Any], delta: timedelta) -> dict[str, Any]:
    """Copy a snapshot document with every text that reads as a time moved by delta.

    A time that would leave the calendar stays where it is.
    """
    return {key: _shifted(value, delta) for key, value in document.items()}


def _shifted(value: object, delta: timedelta) -> object:
    if isinstance(value, str):
        return _shifted_text(value, delta)
    if isinstance(value, Mapping):
        return shift_times(value, delta)
    return [_shifted(entry, delta) for entry in value] if isinstance(value, list) else value


def _shifted_text(text: str, delta: timedelta) -> str:
    try:
        return time_text(parse_time(text) + delta)
    except (ValueError, OverflowError):
        return text
