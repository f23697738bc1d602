"""Open orders as a program's own broker tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exitplan.brokers.duck_typed.holdings import entries_of
from exitplan.brokers.duck_typed.values import amount_of, first_amount, moment_of, symbol_of
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.order_view import kind_of
from exitplan.ruleset.model.snapshot import OpenOrder, OrderSide
from exitplan.ruleset.model.values import EXACT

_FIRST_YEAR = 2009
"""Nothing was traded before, so an earlier time says that there is none."""
_IDS = ("order_id", "id", "txid")
"""What orders call their id."""


@dataclass(frozen=True, slots=True)
class Resting:
    """An open order with the id as its owner gave it; ``told_id`` is None for one that cannot be named."""

    order: OpenOrder
    told_id: object


def read_orders(reply: object) -> list[Resting]:
    """Read a list of open orders.

    Raises AccountUnreadable where it is no list, tells an id twice, or a time that is none: such an order may be stale.
    """
    orders: dict[str, Resting] = {}
    for number, entry in enumerate(entries_of(reply, "get_open_orders"), start=1):
        told_id = next((entry[key] for key in _IDS if entry.get(key) is not None), None)
        name = f"order.{number}.without.id" if told_id is None else str(told_id)
        if name in orders:
            raise AccountUnreadable(f"get_open_orders tells the order {name} twice")
        orders[name] = Resting(_order(name, entry), told_id)
    return list(orders.values())


def _order(name: str, entry: Mapping[str, object]) -> OpenOrder:
    quantity, price = _size(entry)
    return OpenOrder(
        id=name,
        symbol=symbol_of(entry.get("symbol") or entry.get("pair")) or "UNKNOWN",
        side=_side(entry),
        type=_type(entry),
        quantity=quantity,
        price=price,
        trigger_price=first_amount(entry, "trigger_price", "stop_price") or None,
        created_at=_created_at(name, entry),
        reduce_only=entry.get("reduce_only") is True,
    )


def _size(entry: Mapping[str, object]) -> tuple[Decimal, Decimal | None]:
    """Return quantity and price whose product is the value that is told, to the last digit."""
    quantity, price = amount_of(entry.get("quantity")), amount_of(entry.get("price"))
    value = first_amount(entry, "value", "size_usd")
    known = quantity is not None and quantity > 0
    if value is None:
        return (quantity, price) if quantity is not None and known else (Decimal(1), price)
    if quantity is not None and known and price is not None and EXACT.multiply(quantity, price) == value:
        return quantity, price
    return Decimal(1), value


def _side(entry: Mapping[str, object]) -> OrderSide:
    """Return the side; an order that does not tell counts as a buy, which no exit cancels to make way for itself."""
    return "sell" if str(entry.get("side")).casefold() == "sell" else "buy"


def _type(entry: Mapping[str, object]) -> str:
    """Return the kind of order: limit where it does not tell."""
    word = entry.get("type")
    return "limit" if word is None else kind_of(str(word)) or "other"


def _created_at(name: str, entry: Mapping[str, object]) -> datetime | None:
    """Return when an order was made; None where that is left out, blank, zero or 1970."""
    text = entry.get("created_at")
    if text in {None, "", 0, "0"}:
        return None
    moment = moment_of(text)
    if moment is None:
        raise AccountUnreadable(f"the order {name} says that it was created at {text!r}, which is no time")
    return None if moment.year < _FIRST_YEAR else moment
