"""Trades in the form of Koinly's universal CSV template.

Columns, UTC dates and the label ``realized gain`` for what derivatives brought in or cost are those of its help pages
"How to create a custom CSV file with your data" and "Futures and perpetuals PNL transactions". A fee stands by itself
and is in neither amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from exitplan.cli.rendering.lot_files.figures import csv_bytes, figure, swap_of, whole_figure
from exitplan.executor.lots.accounts import AccountLots
from exitplan.ruleset.model.lots import Realised
from exitplan.ruleset.model.values import is_derivative

HEADINGS = (
    *("Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount", "Fee Currency"),
    *("Net Worth Amount", "Net Worth Currency", "Label", "Description", "TxHash"),
)
GAIN = "realized gain"
_NO_WORTH = ("", "")


def koinly_bytes(accounts: Sequence[AccountLots]) -> bytes:
    """Write the spot trades of accounts, and what their derivatives realised, in the order of time."""
    rows = sorted((row for lots in accounts for row in (*_trades(lots), *_gains(lots))), key=lambda row: row[0])
    return csv_bytes(HEADINGS, rows)


def _trades(lots: AccountLots) -> Iterator[tuple[str, ...]]:
    for symbol, trade in lots.trades:
        swap = None if is_derivative(symbol) else swap_of(symbol, trade)
        if swap is None:
            continue
        yield (
            _date(trade.at),
            *(whole_figure(swap.sent), swap.sent_coin, whole_figure(swap.received), swap.received_coin),
            *(whole_figure(swap.fee), swap.fee_coin or "", *_NO_WORTH),
            *("", f"{trade.side} {symbol} of {lots.account}{swap.rebate}", trade.order_id or ""),
        )


def _gains(lots: AccountLots) -> Iterator[tuple[str, ...]]:
    for part in lots.realised:
        if not is_derivative(part.lot.symbol) or not part.gain or part.currency is None:
            continue
        amount = (figure(abs(part.gain)), part.currency)
        moved = ("", "", *amount) if part.gain > 0 else (*amount, "", "")
        yield (_date(part.at), *moved, "", "", *_NO_WORTH, GAIN, _about(lots, part), part.reference or "")


def _about(lots: AccountLots, part: Realised) -> str:
    return f"{whole_figure(part.lot.quantity)} {part.lot.symbol} ({part.lot.side}) of {lots.account}, before fees"


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
