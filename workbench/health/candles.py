"""Rows out of daily candles: what was known at each close, and whether the price fell within the days after it."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.health.arithmetic import DIGITS
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.market_data import VOLATILITY_DAYS
from exitplan.ruleset.model.values import ONE, ZERO, parse_decimal, parse_moment, to_micro, unified_symbol
from exitplan.workbench.health.rows import Question, Row

_COLUMNS = ("time", "symbol", "open", "high", "low", "close", "volume")
_REQUIRED = ("time", "close")
_FORM = "the first line names the columns: time and close, and symbol where there are several; low is used where it is"


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed day: its end counts as the moment at which it is known; ``low`` is the close where none is told."""

    at: datetime
    close: Decimal
    low: Decimal


def read_candles(text: str, name: str, symbol: str) -> dict[str, list[Candle]]:
    """Read daily candles by symbol, each in the order of time; ``symbol`` is theirs where the table names none.

    Raises FileIsInvalid with the line and column of what is wrong.
    """
    lines = csv.reader(io.StringIO(text))
    reader = _Reader(name, tuple(word.strip().lower() for word in next(lines, [])))
    reader.check_head()
    candles: dict[str, dict[datetime, Candle]] = {}
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        own, candle = reader.candle(number, line, symbol)
        if candle.at in candles.setdefault(own, {}):
            raise FileIsInvalid(f"{name}:{number}: the day {candle.at:%Y-%m-%d} of {own} is there twice")
        candles[own][candle.at] = candle
    return {own: [days[at] for at in sorted(days)] for own, days in candles.items()}


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    columns: tuple[str, ...]

    def check_head(self) -> None:
        for column in self.columns:
            if column not in _COLUMNS:
                hint = did_you_mean(column, _COLUMNS) or _FORM
                raise FileIsInvalid(f"{self.name}:1: unknown column {column!r}", hint=hint)
        for column in _REQUIRED:
            if column not in self.columns:
                raise FileIsInvalid(f"{self.name}:1: there is no column {column!r}", hint=_FORM)

    def candle(self, number: int, line: Sequence[str], symbol: str) -> tuple[str, Candle]:
        cells = dict(zip(self.columns, (cell.strip() for cell in line), strict=False))
        if len(line) != len(self.columns):
            raise FileIsInvalid(f"{self.name}:{number}: {len(line)} cells, and {len(self.columns)} columns")
        close = self._price(number, "close", cells["close"])
        low = self._price(number, "low", cells["low"]) if cells.get("low") else close
        try:
            at = parse_moment(cells["time"])
        except ValueError:
            raise self._wrong(number, "time", f"{cells['time']!r} is no time", "write a date: 2026-02-18") from None
        return unified_symbol(cells.get("symbol") or symbol), Candle(at, close, low)

    def _price(self, number: int, column: str, cell: str) -> Decimal:
        try:
            price = parse_decimal(cell)
        except ValueError:
            raise self._wrong(number, column, f"{cell!r} is no price") from None
        if price <= 0:
            raise self._wrong(number, column, f"a price above 0 is expected, found {cell}")
        return price

    def _wrong(self, number: int, column: str, message: str, hint: str | None = None) -> FileIsInvalid:
        where = self.columns.index(column) + 1
        return FileIsInvalid(f"{self.name}:{number}: column {where} ({column}): {message}", hint=hint)


def rows_of_candles(candles: Mapping[str, Sequence[Candle]], question: Question) -> Iterator[Row]:
    """Yield a row for each close that has enough days before it, and all the question's days after it."""
    if "fall" in question.bad_ends:
        for symbol, days in candles.items():
            yield from _rows_of(symbol, days, question)


def _rows_of(symbol: str, days: Sequence[Candle], question: Question) -> Iterator[Row]:
    with localcontext(DIGITS):
        closes = [day.close.ln() for day in days]
        squares = [(later - earlier) ** 2 for earlier, later in itertools.pairwise(closes)]
        window = sum(squares[:VOLATILITY_DAYS], ZERO)
        left = ONE - question.fall
        for at in range(VOLATILITY_DAYS, len(days) - question.days):
            volatility = (max(window, ZERO) / VOLATILITY_DAYS).sqrt()
            ahead = days[at + 1 : at + 1 + question.days]
            facts: Facts = {"volatility_1d": to_micro(volatility), "side": "long"}
            is_bad = min(day.low for day in ahead) <= days[at].close * left
            yield Row(symbol, days[at].at, ahead[-1].at, question.values(facts), is_bad)
            window += squares[at] - squares[at - VOLATILITY_DAYS]
