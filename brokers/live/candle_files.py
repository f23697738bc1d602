"""Candles that were told, kept on disk: what is over does not change, and every process of a user may read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from exitplan.brokers.live.market_replies import Candle
from exitplan.brokers.paper.storage import replace_file
from exitplan.brokers.private_files import ensure_ours
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import parse_decimal, parse_time, plain, time_text


@dataclass(frozen=True, slots=True)
class Told:
    """Candles of a market as a venue told them; all that begin before ``end`` are over.

    ``most`` is how many were asked for.
    """

    end: datetime
    most: int
    candles: tuple[Candle, ...]

    def serves(self, end: datetime, most: int) -> bool:
        """Check whether they answer a question for so many candles up to a moment."""
        return self.end == end and self.most >= most


@dataclass(frozen=True, slots=True)
class CandleFiles:
    """The candles of one place in a folder, a file for each market and name; a damaged file is as good as none."""

    folder: Path
    place: str

    def read(self, symbol: str, name: str) -> Told | None:
        """Return what was kept; None where nothing was, or it cannot be read or trusted."""
        path = self._path(symbol, name)
        try:
            if not path.exists():
                return None
            ensure_ours(path.parent)  # prices that another user wrote would decide what is sold
            document = orjson.loads(path.read_bytes())
            candles = tuple(_candle(entry) for entry in document["candles"])
            return Told(parse_time(document["end"]), int(document["most"]), candles)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
            return None

    def keep(self, symbol: str, name: str, told: Told) -> None:
        """Keep what was told in the place of what was there; where that cannot be, it is asked for again."""
        path = self._path(symbol, name)
        entries = [_entry(candle) for candle in told.candles]
        content = orjson.dumps({"end": time_text(told.end), "most": told.most, "candles": entries})
        try:
            ensure_ours(path.parent)
            replace_file(path, content)
        except (DataFolderUnusable, OSError):
            return

    def _path(self, symbol: str, name: str) -> Path:
        return self.folder / quote(self.place, safe="") / quote(symbol, safe="") / f"{name}.json"


def _entry(candle: Candle) -> list[Any]:
    volume = None if candle.volume is None else plain(candle.volume)
    return [int(candle.begins_at.timestamp()), plain(candle.opened), plain(candle.closed), volume]


def _candle(entry: Sequence[Any]) -> Candle:
    second, opened, closed, volume = entry
    return Candle(
        datetime.fromtimestamp(int(second), UTC),
        parse_decimal(opened),
        parse_decimal(closed),
        None if volume is None else parse_decimal(volume),
    )
