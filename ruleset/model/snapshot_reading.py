"""Snapshots from their JSON form, whose shape ``schemas/snapshot.schema.json`` describes and checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import ValidationError, convert

from exitplan.ruleset.model.market_data import market_data_from_document
from exitplan.ruleset.model.snapshot import Cash, Conversion, Market, OpenOrder, Position, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import ONE, ZERO, is_option, parse_decimal, parse_time, unified_symbol

_LENGTH_OF_TIME = len("2026-02-18T22:00:00Z")


def snapshot_from_document(document: Mapping[str, Any]) -> Snapshot:
    """Build a snapshot from its JSON form.

    The document has to have passed ``snapshot.schema.json``: what has not may raise KeyError, TypeError or ValueError,
    or be read as something else.
    """
    return Snapshot(
        account=document["account"],
        venue=document["venue"],
        quote=document["quote"],
        taken_at=parse_time(document["taken_at"]),
        cash=_cash(document.get("cash") or {}),
        positions=_positions(document.get("positions") or ()),
        open_orders=_open_orders(document.get("open_orders") or ()),
        markets=_markets(document.get("markets") or {}),
        tracker=tracker_from_document(document.get("tracker") or {}),
        rates={currency: parse_decimal(rate) for currency, rate in (document.get("rates") or {}).items()},
        conversions={
            unified_symbol(symbol): _conversion(entry) for symbol, entry in (document.get("conversions") or {}).items()
        },
        other_cash={currency: _cash(entry) for currency, entry in (document.get("other_cash") or {}).items()},
        share_of=_decimal(document.get("share_of")),
        unread=tuple(document.get("unread") or ()),
    )


# --- lists, each in one step where exitplan itself could have written all that is in it ---


def _positions(entries: Sequence[Mapping[str, Any]]) -> tuple[Position, ...]:
    if _are_usual(entries, "opened_at"):
        with suppress(ValidationError):
            positions = convert(entries, tuple[Position, ...])
            if _are_unified(position.symbol for position in positions):
                return positions
    return tuple(map(_position, entries))


def _open_orders(entries: Sequence[Mapping[str, Any]]) -> tuple[OpenOrder, ...]:
    if _are_usual(entries, "created_at"):
        with suppress(ValidationError):
            orders = convert(entries, tuple[OpenOrder, ...])
            if _are_unified(order.symbol for order in orders) and not any(map(_has_price_of_zero, orders)):
                return orders
    return tuple(map(_open_order, entries))


def _markets(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Market]:
    if _are_unified(entries):
        with suppress(ValidationError):
            markets = convert(entries, dict[str, Market])
            if not (any(map(_has_maximum_of_zero, markets.values())) or any(map(is_option, entries))):
                return markets
    return {(name := unified_symbol(symbol)): _market(name, entry) for symbol, entry in entries.items()}


def tracker_from_document(records: Mapping[str, Any]) -> dict[str, TrackerRecord]:
    """Build the tracker's records from their JSON form, {SYMBOL: record}."""
    has_own_extra = any("extra" in record for record in records.values())  # its key, and not the struct's field
    if not has_own_extra and _are_unified(records) and _are_usual(records.values(), "first_entry_time"):
        with suppress(ValidationError):
            return convert(records, dict[str, TrackerRecord])
    return {unified_symbol(symbol): tracker_record(record) for symbol, record in records.items()}


def _are_unified(symbols: Iterable[str]) -> bool:
    names = list(symbols)
    together = " ".join(names)
    has_separator = "-" in together or "_" in together
    if not has_separator and len(together.split()) == len(names):  # as it is with nearly every account
        return True
    return all(unified_symbol(name) == name for name in names)


def _are_usual(entries: Iterable[Mapping[str, Any]], time: str) -> bool:
    """Check that all times are whole seconds of UTC; others are not read alike in one step."""
    return all(
        (moment := entry.get(time)) is None or (len(moment) == _LENGTH_OF_TIME and moment[-1] == "Z")
        for entry in entries
    )


def _has_price_of_zero(order: OpenOrder) -> bool:
    """Check for a price that is none: 0, or less."""
    return any(price is not None and price <= 0 for price in (order.price, order.trigger_price))


def _has_maximum_of_zero(market: Market) -> bool:
    """Check for a maximum that is none."""
    return ZERO in (market.max_amount, market.max_notional, market.market_max_amount)


# --- one entry at a time: keys that are null or unknown, symbols with a dash, any time ---


def tracker_record(document: Mapping[str, Any]) -> TrackerRecord:
    """Build one tracker record; unknown keys are kept in ``extra``."""
    known = dict(document)
    opened = known.pop("first_entry_time", None)
    return TrackerRecord(
        entry_price=_decimal(known.pop("entry_price", None)),
        quantity=_decimal(known.pop("quantity", None)),
        position_source=known.pop("position_source", None),
        strategy=known.pop("strategy", None),
        first_entry_time=None if opened is None else parse_time(opened),
        stop_price=_decimal(known.pop("stop_price", None)),
        exit_logic=known.pop("exit_logic", None),
        side=known.pop("side", None),
        extra=known,
    )


def _decimal(value: str | int | Decimal | None) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    return parse_decimal(value) if isinstance(value, str) else Decimal(value)


def _price(value: str | None) -> Decimal | None:
    """Read the price of an order; 0, and less, is none."""
    price = _decimal(value)
    return price if price is not None and price > 0 else None


def _time(value: str | None) -> datetime | None:
    return None if value is None else parse_time(value)


def _cash(entry: Mapping[str, Any]) -> Cash:
    return Cash(*(_decimal(entry.get(name)) or ZERO for name in ("free", "locked", "debt")))


def _position(entry: Mapping[str, Any]) -> Position:
    return Position(
        symbol=unified_symbol(entry["symbol"]),
        side=entry.get("side") or "long",
        quantity=parse_decimal(entry["quantity"]),
        locked=_decimal(entry.get("locked")) or ZERO,
        contract_size=ONE if entry.get("contract_size") is None else parse_decimal(entry["contract_size"]),
        entry_price=_decimal(entry.get("entry_price")),
        opened_at=_time(entry.get("opened_at")),
        asset=entry.get("asset"),
        debt=_decimal(entry.get("debt")) or ZERO,
    )


def _open_order(entry: Mapping[str, Any]) -> OpenOrder:
    return OpenOrder(
        id=entry["id"],
        symbol=unified_symbol(entry["symbol"]),
        side=entry["side"],
        type=entry["type"],
        quantity=parse_decimal(entry["quantity"]),
        filled=_decimal(entry.get("filled")) or ZERO,
        price=_price(entry.get("price")),
        trigger_price=_price(entry.get("trigger_price")),
        created_at=_time(entry.get("created_at")),
        client_order_id=entry.get("client_order_id"),
        reduce_only=entry.get("reduce_only") is True,
        position_side=entry.get("position_side"),
        holds_nothing=entry.get("holds_nothing") is True,
    )


def _market(symbol: str, entry: Mapping[str, Any]) -> Market:
    active = entry.get("active")
    return Market(
        active=True if active is None else active,
        amount_step=_decimal(entry.get("amount_step")),
        price_step=_decimal(entry.get("price_step")),
        min_amount=_decimal(entry.get("min_amount")),
        min_notional=_decimal(entry.get("min_notional")),
        bid=_decimal(entry.get("bid")),
        ask=_decimal(entry.get("ask")),
        last=_decimal(entry.get("last")),
        price_status=entry.get("price_status"),
        inverse=entry.get("inverse") is True and not is_option(symbol),
        max_amount=_decimal(entry.get("max_amount")) or None,
        max_notional=_decimal(entry.get("max_notional")) or None,
        market_max_amount=_decimal(entry.get("market_max_amount")) or None,
        taker_fee=_decimal(entry.get("taker_fee")),
        fee_is_listed=entry.get("fee_is_listed") is True,
        data=market_data_from_document(entry),
    )


def _conversion(entry: Mapping[str, Any]) -> Conversion:
    return Conversion(
        cost_pct=parse_decimal(entry["cost_pct"]),
        min_quantity=_decimal(entry.get("min_quantity")),
        max_quantity=_decimal(entry.get("max_quantity")),
    )
