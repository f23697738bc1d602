"""An honest split: what is evaluated is later than what was trained on, and of other symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.health.model import Training
from exitplan.workbench.health.rows import Row, Rows

_TIME_TRAINED = Decimal("0.7")
_HELD_OUT = 4
"""One symbol of so many is kept for the evaluation."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to train on, of which every outcome was known by ``cut``; from then on those of other symbols to test on.

    ``held_out`` is empty where there is one symbol only: then time alone separates the two.
    """

    train: Rows
    test: Rows
    cut: datetime
    held_out: tuple[str, ...]


def split(rows: Rows, seed: int) -> Split:
    """Split rows by time and by symbols; raises UsageError where there are too few for both."""
    if not rows.rows:
        raise UsageError("there is nothing to train on", hint="give --snapshots, --candles or --simulate")
    cut = _cut(rows)
    held_out = _held_out(rows.symbols, seed)
    train = [row for row in rows.rows if row.known_by < cut and row.symbol not in held_out]
    test = [row for row in rows.rows if row.at >= cut and (not held_out or row.symbol in held_out)]
    for name, part in (("train on", train), ("test on", test)):
        if len({row.is_bad for row in part}) < 2:  # noqa: PLR2004 - good ones and bad ones
            raise UsageError(
                f"there are too few rows to {name}: {len(part)}, {sum(row.is_bad for row in part)} of them bad",
                hint="give more days, more symbols, or --simulate N",
            )
    return Split(rows.only(train), rows.only(test), cut, held_out)


def unseen(rows: Rows, training: Training) -> Rows:
    """Return the rows that a model cannot have seen: later than its training, of symbols that it was not trained on."""
    trained = set(training.symbols) if training.held_out else set[str]()
    return rows.only(row for row in rows.rows if row.at >= training.end and row.symbol not in trained)


def _cut(rows: Rows) -> datetime:
    """Return the moment before which seven tenths of all rows are."""
    return rows.rows[min(int(len(rows.rows) * _TIME_TRAINED), len(rows.rows) - 1)].at


def _held_out(symbols: Sequence[str], seed: int) -> tuple[str, ...]:
    """Draw the symbols that are not trained on, by chance but always the same ones."""
    drawn = sorted(symbols, key=lambda symbol: blake2b(f"{seed}|{symbol}".encode(), digest_size=8).digest())
    count = 0 if len(symbols) == 1 else max(len(symbols) // _HELD_OUT, 1)
    return tuple(sorted(drawn[:count]))


def trained_symbols(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the symbols of rows, sorted."""
    return tuple(sorted({row.symbol for row in rows}))
