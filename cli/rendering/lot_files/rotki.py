"""Trades in the form of rotki's generic trades CSV.

Its importer (rotkehlchen/data_import/importers/rotki_trades.py) reads these columns by name, takes the time in
milliseconds since 1970, an empty fee as none, and a location that it does not know as ``external``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from exitplan.cli.rendering.lot_files.figures import csv_bytes, swap_of, whole_figure
from exitplan.executor.lots.accounts import AccountLots
from exitplan.ruleset.model.values import is_derivative

HEADINGS = (
    *("Location", "Spend Currency", "Receive Currency", "Receive Amount", "Spend Amount"),
    *("Fee", "Fee Currency", "Description", "Timestamp"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def rotki_bytes(accounts: Sequence[AccountLots]) -> bytes:
    """Write the spot trades of accounts; derivatives have no place in this form."""
    return csv_bytes(HEADINGS, (row for lots in accounts for row in _rows(lots)))


def _rows(lots: AccountLots) -> Iterator[tuple[str, ...]]:
    for symbol, trade in lots.trades:
        swap = None if is_derivative(symbol) else swap_of(symbol, trade)
        if swap is None:
            continue
        yield (
            lots.venue,
            swap.sent_coin,
            swap.received_coin,
            whole_figure(swap.received),
            whole_figure(swap.sent),
            whole_figure(swap.fee),
            swap.fee_coin or "",
            f"{trade.side} {symbol} of {lots.account}{swap.rebate}",
            str((trade.at - _EPOCH) // _MILLISECOND),
        )
