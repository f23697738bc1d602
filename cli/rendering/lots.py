"""What an account's sales realised, lot by lot: tables for people, a document for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.lot_files.figures import figure, summed
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.screen import heading, section, titled, words
from exitplan.executor.lots.accounts import AccountLots, OpenLot, PositionLots, Total
from exitplan.ruleset.model.lots import Lot, Realised
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.words import clock_time, counted, exact, money


def lots_parts(lots: AccountLots) -> Iterator[RenderableType | None]:
    """Draw the lots of one account."""
    since = "" if lots.since is None else f" since {clock_time(lots.since)}"
    yield heading(f"{lots.account} at {lots.venue}, by {lots.method}", f"until {clock_time(lots.until)}{since}")
    sold = lots.realised
    yield (
        section("Sold", counted(len(sold), "part of a lot", "parts of lots"), _sold_table(lots))
        if sold
        else words("Nothing was sold.")
    )
    open_ = [one for position in lots.positions for one in position.open]
    yield section("Open", counted(len(open_), "lot"), _open_table(lots)) if open_ else None
    yield section("Together", "each currency by itself", _totals_table(lots)) if lots.totals else None
    yield Text("\n").join(words(note) for note in notes_of(lots))


def _sold_table(lots: AccountLots) -> Table:
    table = titled(
        *("when", "position", "quantity", "opened", "bought at", "sold at", "cost", "brought in", "gain", "net", "in"),
        justify="llrlrrrrrrl",
    )
    for part in lots.realised:
        lot = part.lot
        table.add_row(
            words(_day(part.at)),
            words(_name(lot), "bold"),
            words(exact(lot.quantity)),
            words("?" if lot.opened_at is None else _day(lot.opened_at)),
            *(words(text) for text in (_price(lot.price), _price(part.price), _cost(lot, part.currency))),
            words(money(part.proceeds)),
            _gain(part.gain),
            _gain(part.net),
            words(part.currency or "?"),
        )
    return table


def _open_table(lots: AccountLots) -> Table:
    table = titled(
        *("position", "quantity", "opened", "at", "cost", "worth", "unrealised", "in", "known from"),
        justify="lrlrrrrll",
    )
    for position in lots.positions:
        for one in position.open:
            lot, currency = one.lot, one.currency or one.lot.currency
            table.add_row(
                words(_name(lot), "bold"),
                words(exact(lot.quantity)),
                words("?" if lot.opened_at is None else _day(lot.opened_at)),
                *(words(text) for text in (_price(lot.price), _cost(lot, currency), money(one.worth))),
                _gain(one.unrealised),
                words(currency or "?"),
                words({"trade": "its trades", "record": "a noted price"}.get(lot.source, "nothing"), "dim"),
            )
    return table


def _totals_table(lots: AccountLots) -> Table:
    table = titled("in", "cost", "brought in", "gain", "net", "unknown", "unrealised", justify="lrrrrrr")
    for total in lots.totals:
        table.add_row(
            words(total.currency, "bold"),
            words(money(total.cost)),
            words(money(total.proceeds)),
            _gain(total.gain),
            _gain(total.net),
            words(f"{total.unknown:,}" if total.unknown else ""),
            _gain(total.unrealised),
        )
    return table


def _name(lot: Lot) -> str:
    return lot.symbol if lot.side == "long" else f"{lot.symbol} short"


def _day(moment: Any) -> str:  # noqa: ANN401 - an aware time
    return f"{moment:%Y-%m-%d}"


def _cost(lot: Lot, currency: str | None) -> str:
    """Write what a lot cost, with its currency where that is another one than that of the sale."""
    return money(lot.cost, "" if lot.currency in {None, currency} else str(lot.currency))


def _price(price: Decimal | None) -> str:
    return "?" if price is None else exact(Decimal(figure(price)))


def _gain(amount: Decimal | None) -> Text:
    if amount is None:
        return Text("?", "dim")
    return words(f"{'+' if amount > 0 else ''}{money(amount)}", "green" if amount > 0 else "red" if amount < 0 else "")


def notes_of(lots: AccountLots) -> Iterator[str]:
    """Say what is not known, and why."""
    if not lots.was_asked:
        yield "The venue was not asked: lots are as journal and tracker know them, and nothing is valued."
    elif lots.is_complete is None:
        yield f"{lots.venue} tells no trades: lots are what the tracker or the account notes of a whole position."
    elif not lots.is_complete:
        yield f"{lots.venue} has older trades than those that were read: what they opened has no known cost."
    if lots.unpriced:
        yield f"Of {counted(lots.unpriced, 'fill')} no price is known: what they realised is not known."
    came = _amounts((position.asset, position.appeared) for position in lots.positions)
    if came:
        yield f"No trade explains {came}: what that cost is not known (deposits, rewards?)."
    left = _amounts((position.asset, position.departed) for position in lots.positions)
    if left:
        yield f"Left without being sold here: {left} (withdrawn, spent on fees?)."
    if any(part.gain is not None and part.net is None for part in lots.realised):
        yield "Net is unknown where a fee was not told (a noted price has none) or was taken in a third coin."


def _amounts(found: Iterable[tuple[str, tuple[Lot, ...]]]) -> str:
    sums = [(asset, summed(lot.quantity for lot in lots)) for asset, lots in found if lots]
    return ", ".join(f"{exact(quantity)} {asset}" for asset, quantity in sums)


def _cells(lots: AccountLots) -> list[Text | str]:
    unknown = sum(total.unknown for total in lots.totals)
    sums = " + ".join(money(total.gain, total.currency) for total in lots.totals if total.proceeds)
    open_ = sum(len(position.open) for position in lots.positions)
    return [lots.method, f"{len(lots.realised):,}", sums, f"{unknown:,}" if unknown else "", f"{open_:,}"]


def lots_document(lots: AccountLots) -> dict[str, Any]:
    """Return the lots of one account in their JSON form."""
    return {
        "account": lots.account,
        "venue": lots.venue,
        "quote": lots.quote,
        "method": lots.method,
        "since": None if lots.since is None else time_text(lots.since),
        "until": time_text(lots.until),
        "asked_venue": lots.was_asked,
        "complete_history": lots.is_complete,
        "unpriced": lots.unpriced,
        "totals": [_total_document(total) for total in lots.totals],
        "positions": [_position_document(position) for position in lots.positions],
        "notes": list(notes_of(lots)),
    }


def _total_document(total: Total) -> dict[str, Any]:
    amounts = {name: _maybe(getattr(total, name)) for name in ("cost", "proceeds", "gain", "net", "unrealised")}
    return {"currency": total.currency, **amounts, "unknown": total.unknown}


def _position_document(position: PositionLots) -> dict[str, Any]:
    return {
        "asset": position.asset,
        "side": position.side,
        "has_history": position.has_history,
        "sold": [_sold_document(part) for part in position.realised],
        "open": [_open_document(one) for one in position.open],
        "unexplained": [plain(lot.quantity) for lot in position.appeared],
        "left": [plain(lot.quantity) for lot in position.departed],
    }


def _lot_document(lot: Lot) -> dict[str, Any]:
    return {
        "lot": lot.number,
        "symbol": lot.symbol,
        "source": lot.source,
        "quantity": plain(lot.quantity),
        "opened_at": None if lot.opened_at is None else time_text(lot.opened_at),
        "entry_price": _maybe(lot.price),
        "cost": _maybe(lot.cost),
        "cost_currency": lot.currency,
    }


def _sold_document(part: Realised) -> dict[str, Any]:
    amounts = {name: _maybe(getattr(part, name)) for name in ("price", "proceeds", "gain", "net")}
    known = {**amounts, "fees": _maybe(part.fee), "currency": part.currency}
    return {**_lot_document(part.lot), "at": time_text(part.at), **known, "order_id": part.reference}


def _open_document(one: OpenLot) -> dict[str, Any]:
    known = {"mark": _maybe(one.mark), "worth": _maybe(one.worth), "unrealised": _maybe(one.unrealised)}
    return {**_lot_document(one.lot), **known, "currency": one.currency}


def _maybe(value: Decimal | None) -> str | None:
    return None if value is None else figure(value)


LOTS: TableSpec[AccountLots] = TableSpec(
    ("method", "parts sold", "gain", "unknown", "open lots"), "lrrrr", _cells, lots_document
)
"""How the lots of several accounts are shown."""
