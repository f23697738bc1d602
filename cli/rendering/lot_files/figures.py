"""Figures as files of other tools hold them: plain decimals, and what a trade moved."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from exitplan.cli.rendering.cells import spreadsheet_cell
from exitplan.ruleset.model.cost_basis import PRICE_DIGITS, Trade
from exitplan.ruleset.model.values import EXACT, ZERO, base_of, plain, quote_of


@dataclass(frozen=True, slots=True)
class Swap:
    """What a trade on a spot market moved: so much of one coin for so much of another, and a fee beside them.

    The fee is None where nobody told it, or there was none. A rebate is in what was moved; one in a third coin has no
    place, and is told in ``rebate``.
    """

    sent: Decimal
    sent_coin: str
    received: Decimal
    received_coin: str
    fee: Decimal | None
    fee_coin: str | None
    rebate: str = ""


def swap_of(symbol: str, trade: Trade) -> Swap | None:
    """Return what a trade moved; None where its symbol names no two coins."""
    base, quote = base_of(symbol), quote_of(symbol)
    if quote is None:
        return None
    paid = EXACT.multiply(trade.quantity, trade.price)
    is_buy = trade.side == "buy"
    sent, sent_coin = (paid, quote) if is_buy else (trade.quantity, base)
    received, received_coin = (trade.quantity, base) if is_buy else (paid, quote)
    swap = Swap(sent, sent_coin, received, received_coin, trade.fee or None, trade.fee_currency if trade.fee else None)
    return swap if trade.fee is None or trade.fee >= 0 else _with_rebate(swap, -trade.fee)


def _with_rebate(swap: Swap, rebate: Decimal) -> Swap:
    """Return a trade whose fee was paid to the account."""
    coin, swap = swap.fee_coin, replace(swap, fee=None, fee_coin=None)
    if coin == swap.received_coin:
        return replace(swap, received=EXACT.add(swap.received, rebate))
    if coin == swap.sent_coin:
        return replace(swap, sent=EXACT.subtract(swap.sent, rebate))
    return replace(swap, rebate=f", and a rebate of {plain(rebate)} {coin or 'an unknown coin'}")


def figure(value: Decimal | None) -> str:
    """Write a figure with at most 18 digits, without exponent; nothing where it is not known."""
    return "" if value is None else plain(PRICE_DIGITS.plus(value))


def whole_figure(value: Decimal | None) -> str:
    """Write an amount with all its digits."""
    return "" if value is None else plain(value)


def csv_bytes(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Write a table in which nothing is a formula."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(headings)
    table.writerows([spreadsheet_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def summed(amounts: Iterable[Decimal]) -> Decimal:
    """Add up exactly."""
    with localcontext(EXACT):
        return sum(amounts, ZERO)
