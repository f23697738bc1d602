"""What the paper venue remembers beyond a snapshot: the ``paper`` object of a paper account file.

``next_order_id`` numbers the next order. ``open_orders`` {order id: ...} keeps of each open order what a
snapshot has no place for: ``position_side``, ``fires_above``, ``hold`` {cash, quantity}, ``fills`` and ``updated_at``.
``closed_orders`` are whole orders, oldest first, so that a look-up by client id survives a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from exitplan.brokers.paper.orders import Fill, Hold, PaperOrder
from exitplan.ruleset.model.snapshot import OrderSide, Side
from exitplan.ruleset.model.values import ZERO, parse_decimal, parse_time, plain, time_text

HISTORY = 10_000
"""Closed orders that are remembered; the oldest go first."""


_SIDES: Mapping[str, Side] = {"long": "long", "short": "short"}
_ORDER_SIDES: Mapping[str, OrderSide] = {"buy": "buy", "sell": "sell"}
_ENDINGS: Mapping[str, Literal["closed", "cancelled"]] = {"closed": "closed", "cancelled": "cancelled"}


@dataclass(frozen=True, slots=True)
class OpenNote:
    """What the venue remembers of an open order."""

    position_side: Side
    fires_above: bool | None
    hold: Hold
    fills: tuple[Fill, ...]
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notes:
    """The venue's memory; empty for an account that was recorded elsewhere."""

    next_order_id: int = 1
    open_orders: Mapping[str, OpenNote] = field(default_factory=dict)
    closed_orders: tuple[PaperOrder, ...] = ()


def notes_from_document(document: Mapping[str, Any]) -> Notes:
    """Read the ``paper`` object of an account file; a broken one raises KeyError, TypeError or ValueError."""
    return Notes(
        next_order_id=int(document.get("next_order_id", 1)),
        open_orders={str(name): _open_note(note) for name, note in (document.get("open_orders") or {}).items()},
        closed_orders=tuple(_order(entry) for entry in document.get("closed_orders") or ()),
    )


def notes_to_document(notes: Notes) -> dict[str, Any]:
    """Write the ``paper`` object of an account file."""
    return {
        "next_order_id": notes.next_order_id,
        "open_orders": {name: _open_note_document(note) for name, note in notes.open_orders.items()},
        "closed_orders": [_order_document(order) for order in notes.closed_orders[-HISTORY:]],
    }


def _open_note(entry: Mapping[str, Any]) -> OpenNote:
    hold = entry["hold"]
    return OpenNote(
        position_side=_SIDES[entry["position_side"]],
        fires_above=entry["fires_above"],
        hold=Hold(parse_decimal(hold["cash"]), parse_decimal(hold["quantity"])),
        fills=tuple(_fill(fill) for fill in entry["fills"]),
        updated_at=_maybe_time(entry["updated_at"]),
    )


def _open_note_document(note: OpenNote) -> dict[str, Any]:
    return {
        "position_side": note.position_side,
        "fires_above": note.fires_above,
        "hold": {"cash": plain(note.hold.cash), "quantity": plain(note.hold.quantity)},
        "fills": [_fill_document(fill) for fill in note.fills],
        "updated_at": _moment(note.updated_at),
    }


def _fill(entry: Mapping[str, Any]) -> Fill:
    return Fill(
        quantity=parse_decimal(entry["quantity"]),
        price=parse_decimal(entry["price"]),
        fee=parse_decimal(entry["fee"]),
        cash=parse_decimal(entry["cash"]),
        at=parse_time(entry["at"]),
        covered=parse_decimal(entry.get("covered", "0")),
        fee_currency=entry.get("fee_currency"),
    )


def _fill_document(fill: Fill) -> dict[str, Any]:
    covered = {"covered": plain(fill.covered)} if fill.covered else {}
    return {
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "cash": plain(fill.cash),
        "at": time_text(fill.at),
        **covered,
        **({"fee_currency": fill.fee_currency} if fill.fee_currency else {}),
    }


def _order(entry: Mapping[str, Any]) -> PaperOrder:
    return PaperOrder(
        id=str(entry["id"]),
        client_order_id=entry["client_order_id"],
        symbol=entry["symbol"],
        side=_ORDER_SIDES[entry["side"]],
        type=entry["type"],
        status=_ENDINGS[entry["status"]],
        quantity=parse_decimal(entry["quantity"]),
        earlier=parse_decimal(entry["earlier"]),
        price=_maybe_decimal(entry["price"]),
        trigger_price=_maybe_decimal(entry["trigger_price"]),
        position_side=_SIDES[entry["position_side"]],
        reduce_only=entry["reduce_only"],
        created_at=_maybe_time(entry["created_at"]),
        updated_at=_maybe_time(entry["updated_at"]),
        fills=tuple(_fill(fill) for fill in entry["fills"]),
    )


def _order_document(order: PaperOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "status": order.status,
        "quantity": plain(order.quantity),
        "earlier": plain(order.earlier or ZERO),
        "price": _amount(order.price),
        "trigger_price": _amount(order.trigger_price),
        "position_side": order.position_side,
        "reduce_only": order.reduce_only,
        "created_at": _moment(order.created_at),
        "updated_at": _moment(order.updated_at),
        "fills": [_fill_document(fill) for fill in order.fills],
    }


def _maybe_decimal(text: str | None) -> Decimal | None:
    return None if text is None else parse_decimal(text)


def _maybe_time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else time_text(value)
