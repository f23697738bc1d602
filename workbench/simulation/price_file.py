"""Prices out of a table: a column of times, a column a market, and a column of paths where there are several."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.snapshot import PriceStatus
from exitplan.ruleset.model.values import MICRO, meant_symbol, parse_decimal, parse_moment
from exitplan.workbench.simulation.paths import Quote, Timing

STATUSES: Mapping[str, PriceStatus] = {
    "missing": "missing", "unavailable": "unavailable", "implausible": "implausible",
}  # fmt: skip
_TIME, _PATH = "time", "path"
_START = parse_moment("2000-01-01")
_ANY_MOMENT = timedelta(days=3650)
"""After the start, moments: nobody writes so many minutes."""
_HOLDS = timedelta(days=1)
_FORM = "the first line names the columns: time, a symbol each, and path where there are several"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: when, from the start of its path, and what is quoted from then on."""

    at: timedelta
    quotes: Mapping[str, Quote]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Paths out of a table; a price holds until the next one, and the first row of a path is its start."""

    rows: tuple[tuple[Row, ...], ...]

    @property
    def count(self) -> int:
        """How many paths there are."""
        return len(self.rows)

    def path(self, number: int, timing: Timing) -> Iterator[Mapping[str, Quote]]:
        """Return what is quoted at each moment of a path, counted from 0."""
        left = list(self.rows[number])
        for moment in timing.moments:
            quotes: dict[str, Quote] = {}
            while left and left[0].at <= moment:
                quotes.update(left.pop(0).quotes)
            yield quotes


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    columns: Sequence[str]

    def wrong(self, line: int, column: int, message: str, hint: str | None = None) -> FileIsInvalid:
        named = f" ({self.columns[column]})" if column < len(self.columns) else ""
        return FileIsInvalid(f"{self.name}:{line}: column {column + 1}{named}: {message}", hint=hint)

    def time(self, line: int, column: int, text: str) -> timedelta:
        """Read a time: minutes, or a moment."""
        try:
            return timedelta(microseconds=int(parse_decimal(text) * 60 * MICRO))
        except (ValueError, OverflowError):
            pass
        try:
            return parse_moment(text) - _START
        except ValueError:
            raise self.wrong(
                line, column, f"{text!r} is no time", "write minutes, or a moment such as 2026-02-18T22:00:00Z"
            ) from None

    def quote(self, line: int, column: int, text: str) -> Quote:
        """Read a price, or why there is none."""
        if text in STATUSES:
            return STATUSES[text]
        try:
            price = parse_decimal(text)
        except ValueError:
            price = Decimal(0)
        if price <= 0:
            hint = f"write a number above 0, or {', '.join(STATUSES)}; an empty field leaves the price as it was"
            raise self.wrong(line, column, f"{text!r} is no price", hint)
        return price


def read_prices(text: str, name: str, symbols: Collection[str]) -> PriceTable:
    """Read a table of prices; ``symbols`` are the markets of the account.

    Raises FileIsInvalid with the line and the column of what is wrong.
    """
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        return _read(lines, name, symbols)
    except csv.Error as problem:
        raise FileIsInvalid(f"{name}:{lines.line_num}: this is not a table: {problem}", hint=_FORM) from problem


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """What markets cost over time, out of a table; a price holds until the next one, the last for a day."""

    rows: Mapping[str, Sequence[tuple[datetime, Quote]]]

    def price(self, symbol: str, moment: datetime) -> Decimal | None:
        """Return what a market cost at a moment; None where the table does not say."""
        rows = self.rows.get(symbol, ())
        place = bisect_right(rows, moment, key=lambda row: row[0])
        if not place or (place == len(rows) and moment - rows[-1][0] > _HOLDS):
            return None
        found = rows[place - 1][1]
        return found if isinstance(found, Decimal) else None


def read_price_history(text: str, name: str) -> PriceHistory:
    """Read a table of prices at moments that have been; raises FileIsInvalid, also for minutes or several paths."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        paths = _paths_in(lines, name, None)
    except csv.Error as problem:
        raise FileIsInvalid(f"{name}:{lines.line_num}: this is not a table: {problem}", hint=_FORM) from problem
    if len(paths) > 1:
        raise FileIsInvalid(f"{name}: there are several paths, and only one has been", hint="leave the column path out")
    rows: dict[str, list[tuple[datetime, Quote]]] = {}
    for row in next(iter(paths.values())):
        if row.at < _ANY_MOMENT:
            raise FileIsInvalid(f"{name}: its times are in minutes", hint="write moments, such as 2026-02-18T22:00:00Z")
        for symbol, quoted in row.quotes.items():
            rows.setdefault(symbol, []).append((_START + row.at, quoted))
    return PriceHistory(rows)


def _read(lines: Iterator[list[str]], name: str, symbols: Collection[str]) -> PriceTable:
    paths = _paths_in(lines, name, symbols)
    return PriceTable(tuple(tuple(Row(row.at - rows[0].at, row.quotes) for row in rows) for rows in paths.values()))


def _paths_in(lines: Iterator[list[str]], name: str, symbols: Collection[str] | None) -> Mapping[str, list[Row]]:
    """Read the rows of each path; without ``symbols`` each column is the market that it names."""
    header = [field.strip() for field in next(lines, [])]
    reader = _Reader(name, header)
    if _TIME not in header:
        raise FileIsInvalid(f"{name}:1: there is no column {_TIME!r}", hint=_FORM)
    symbols = header if symbols is None else symbols
    markets = {column: _symbol(reader, column, symbols) for column in range(len(header)) if _is_market(header[column])}
    if not markets or len({*markets.values()}) < len(markets) or header.count(_TIME) > 1 or header.count(_PATH) > 1:
        raise FileIsInvalid(f"{name}:1: a column is there twice, or no market is", hint=_FORM)
    paths: dict[str, list[Row]] = {}
    for number, cells in enumerate(lines, start=2):
        fields = [cell.strip() for cell in cells]
        if any(fields):
            row = _row(reader, number, fields, markets)
            own = paths.setdefault(fields[header.index(_PATH)] if _PATH in header else "", [])
            if own and row.at < own[-1].at:
                raise reader.wrong(number, header.index(_TIME), "it is before the time of the row above")
            own.append(row)
    if not paths:
        raise FileIsInvalid(f"{name}: the table has no row", hint=_FORM)
    return paths


def _is_market(column: str) -> bool:
    return column not in {_TIME, _PATH}


def _symbol(reader: _Reader, column: int, symbols: Collection[str]) -> str:
    symbol = meant_symbol(reader.columns[column], symbols)
    if symbol not in symbols:
        hint = did_you_mean(symbol, sorted(symbols)) or f"known are {', '.join(sorted(symbols))}"
        raise reader.wrong(1, column, "the account has no such market", hint)
    return symbol


def _row(reader: _Reader, line: int, fields: Sequence[str], markets: Mapping[int, str]) -> Row:
    if len(fields) != len(reader.columns):
        raise FileIsInvalid(f"{reader.name}:{line}: {len(fields)} fields for {len(reader.columns)} columns")
    at = reader.columns.index(_TIME)
    quotes = {
        symbol: reader.quote(line, column, fields[column]) for column, symbol in markets.items() if fields[column]
    }
    return Row(reader.time(line, at, fields[at]), quotes)
