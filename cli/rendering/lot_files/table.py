"""Lots as a table for spreadsheets: a row for each part of a lot that was sold, and each that is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exitplan.cli.rendering.lot_files.figures import csv_bytes, figure, whole_figure
from exitplan.executor.lots.accounts import AccountLots, OpenLot, PositionLots
from exitplan.ruleset.model.lots import Lot, Realised
from exitplan.ruleset.model.values import time_text

HEADINGS = (
    *("account", "venue", "method", "kind", "asset", "symbol", "side", "lot", "source", "quantity"),
    *("opened_at", "entry_price", "cost", "cost_currency"),
    *("closed_at", "price", "proceeds", "currency", "gain", "fees", "net", "order"),
)


def table_bytes(accounts: Sequence[AccountLots]) -> bytes:
    """Write the lots of accounts, those that were sold first; what is not known is left blank."""
    rows = (row for lots in accounts for position in lots.positions for row in _rows(lots, position))
    return csv_bytes(HEADINGS, rows)


def _rows(lots: AccountLots, position: PositionLots) -> Iterator[tuple[str, ...]]:
    about = (lots.account, lots.venue, lots.method)
    for part in position.realised:
        yield (*about, "sold", position.asset, *_lot(part.lot), *_sale(part))
    for one in position.open:
        yield (*about, "open", position.asset, *_lot(one.lot), *_now(one))
    for lot in position.departed:
        yield (*about, "left", position.asset, *_lot(lot), *[""] * 8)


def _lot(lot: Lot) -> tuple[str, ...]:
    opened = "" if lot.opened_at is None else time_text(lot.opened_at)
    costs = (figure(lot.price), figure(lot.cost), lot.currency or "")
    return (lot.symbol, lot.side, str(lot.number), lot.source, whole_figure(lot.quantity), opened, *costs)


def _sale(part: Realised) -> tuple[str, ...]:
    amounts = (figure(part.gain), figure(part.fee), figure(part.net))
    known = (figure(part.price), figure(part.proceeds), part.currency or "")
    return (time_text(part.at), *known, *amounts, part.reference or "")


def _now(one: OpenLot) -> tuple[str, ...]:
    currency = one.currency or one.lot.currency or ""
    return ("", figure(one.mark), figure(one.worth), currency, figure(one.unrealised), "", "", "")
