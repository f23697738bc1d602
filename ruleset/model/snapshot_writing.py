"""Snapshots in their JSON form: amounts as text, in a fixed order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from exitplan.ruleset.model.hashing import digest_of, sorted_json
from exitplan.ruleset.model.market_data import market_data_to_document
from exitplan.ruleset.model.records import Document
from exitplan.ruleset.model.snapshot import (
    FORMAT_VERSION,
    Cash,
    Conversion,
    Market,
    OpenOrder,
    Position,
    Snapshot,
    TrackerRecord,
)
from exitplan.ruleset.model.values import plain, time_text

T = TypeVar("T")
_SELDOM_TOLD = ("max_amount", "max_notional", "market_max_amount", "taker_fee")


def snapshot_to_document(snapshot: Snapshot) -> dict[str, Any]:
    """Format a snapshot as its JSON document, amounts as text, in a fixed order.

    Keys that most accounts have no use for are left out where they say nothing: ``other_cash``, ``conversions``,
    ``share_of``, ``unread``, and ``asset``, ``debt``, sides, ``holds_nothing``, maximums, fees and market data.
    """
    conversions = {symbol: _conversion_document(terms) for symbol, terms in sorted(snapshot.conversions.items())}
    other_cash = {currency: _cash_document(cash) for currency, cash in sorted(snapshot.other_cash.items())}
    return {
        "format_version": FORMAT_VERSION,
        "account": snapshot.account,
        "venue": snapshot.venue,
        "quote": snapshot.quote,
        "taken_at": time_text(snapshot.taken_at),
        "cash": _cash_document(snapshot.cash),
        "positions": [_position_document(position) for position in snapshot.positions],
        "open_orders": [_order_document(order) for order in snapshot.open_orders],
        "markets": {symbol: _market_document(market) for symbol, market in sorted(snapshot.markets.items())},
        "tracker": tracker_to_document(snapshot.tracker),
        "rates": {currency: plain(rate) for currency, rate in sorted(snapshot.rates.items())},
        **({"conversions": conversions} if conversions else {}),
        **({"other_cash": other_cash} if other_cash else {}),
        **({} if snapshot.share_of is None else {"share_of": plain(snapshot.share_of)}),
        **({"unread": list(snapshot.unread)} if snapshot.unread else {}),
    }


def snapshot_sha256(snapshot: Snapshot) -> str:
    """Hash the JSON form of a snapshot."""
    hashed = hashlib.sha256()
    try:
        for piece in _sorted_pieces(snapshot):
            hashed.update(piece)
    except TypeError:  # what can only be hashed as a whole
        return digest_of(snapshot_to_document(snapshot))
    return hashed.hexdigest()


def _sorted_pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """Write the JSON form of a snapshot as it is hashed, piece by piece."""
    rest = snapshot_to_document(replace(snapshot, positions=(), open_orders=(), markets={}, tracker={}))
    opening = b"{"
    for name, value in sorted(rest.items()):
        yield b'%s"%s":' % (opening, name.encode())
        yield from _LISTS[name](snapshot) if name in _LISTS else (sorted_json(value),)
        opening = b","
    yield b"}"


def _listed(entries: Sequence[T], document: Callable[[T], Document]) -> Iterator[bytes]:
    """Write entries as a list, so many at a time."""
    separator = b"["
    for start in range(0, len(entries), _AT_ONCE):
        some = entries[start : start + _AT_ONCE]
        text = _in_one_step(some)
        yield separator
        yield b",".join(_one(entry, document) for entry in some) if text is None else text[1:-1]
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _named(entries: Mapping[str, T], document: Callable[[T], Document]) -> Iterator[bytes]:
    """Write entries by their names, so many at a time."""
    names, separator = sorted(entries), b"{"
    for start in range(0, len(names), _AT_ONCE):
        some = {name: entries[name] for name in names[start : start + _AT_ONCE]}
        text = _in_one_step(some)
        yield separator
        if text is None:
            yield b",".join(sorted_json(name) + b":" + _one(entry, document) for name, entry in some.items())
        else:
            yield text[1:-1]
        separator = b","
    yield b"{}" if separator == b"{" else b"}"


def _one(entry: T, document: Callable[[T], Document]) -> bytes:
    """Write one entry."""
    return _in_one_step(entry) or sorted_json(document(entry))


def _in_one_step(entries: object) -> bytes | None:
    """Write entries from their fields alone; None where a value may have to be written otherwise than it is kept."""
    try:
        text = _FIELDS.encode(entries)
    except (TypeError, ValueError, OverflowError):  # half a surrogate, or what only a tracker's own keys hold
        return None
    return None if _is_doubtful(text) else text


def _is_doubtful(text: bytes) -> bool:
    """Check for a text with escapes, a field with a form of its own, a number that is not plain, and times elsewhere.

    Not plain are exponents, zeros below zero or at the end of a fraction, and what is no number.
    """
    has_own_form = b"\\" in text or b'"extra":{' in text or b'"data":{' in text or b'"debt":"0' in text
    is_no_plain_number = b"E+" in text or b"E-" in text or b'"-0' in text or b"NaN" in text or b"Infinity" in text
    return has_own_form or is_no_plain_number or bool(_ZEROS.search(text) or _OFFSET.search(text))


_AT_ONCE = 500
_FIELDS = msgspec.json.Encoder(order="sorted")
_ZEROS, _OFFSET = re.compile(rb'\.\d*0"'), re.compile(rb':\d\d"')  # as one it would be three times as slow
_LISTS: Mapping[str, Callable[[Snapshot], Iterator[bytes]]] = {
    "positions": lambda snapshot: _listed(snapshot.positions, _position_document),
    "open_orders": lambda snapshot: _listed(snapshot.open_orders, _order_document),
    "markets": lambda snapshot: _named(snapshot.markets, _market_document),
    "tracker": lambda snapshot: _named(snapshot.tracker, _record_document),
}
"""What is long in a long snapshot."""


def tracker_to_document(tracker: Mapping[str, TrackerRecord]) -> dict[str, Any]:
    """Write the tracker's records in their JSON form, sorted by symbol."""
    return {symbol: _record_document(record) for symbol, record in sorted(tracker.items())}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else time_text(value)


def _cash_document(cash: Cash) -> dict[str, Any]:
    debt = {"debt": plain(cash.debt)} if cash.debt else {}
    return {"free": plain(cash.free), "locked": plain(cash.locked), **debt}


def _position_document(position: Position) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "side": position.side,
        "quantity": plain(position.quantity),
        "locked": plain(position.locked),
        "contract_size": plain(position.contract_size),
        "entry_price": _text(position.entry_price),
        "opened_at": _moment(position.opened_at),
        **({} if position.asset is None else {"asset": position.asset}),
        **({"debt": plain(position.debt)} if position.debt else {}),
    }


def _order_document(order: OpenOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "price": _text(order.price),
        "trigger_price": _text(order.trigger_price),
        "quantity": plain(order.quantity),
        "filled": plain(order.filled),
        "created_at": _moment(order.created_at),
        "reduce_only": order.reduce_only,
        **({} if order.position_side is None else {"position_side": order.position_side}),
        **({"holds_nothing": True} if order.holds_nothing else {}),
    }


def _market_document(market: Market) -> dict[str, Any]:
    return {
        "active": market.active,
        "amount_step": _text(market.amount_step),
        "price_step": _text(market.price_step),
        "min_amount": _text(market.min_amount),
        "min_notional": _text(market.min_notional),
        "bid": _text(market.bid),
        "ask": _text(market.ask),
        "last": _text(market.last),
        "price_status": market.price_status,
        "inverse": market.inverse,
        **{name: plain(told) for name in _SELDOM_TOLD if (told := getattr(market, name)) is not None},
        **({"fee_is_listed": True} if market.fee_is_listed else {}),
        **market_data_to_document(market.data),
    }


def _conversion_document(terms: Conversion) -> dict[str, Any]:
    return {
        "cost_pct": plain(terms.cost_pct),
        "min_quantity": _text(terms.min_quantity),
        "max_quantity": _text(terms.max_quantity),
    }


def _record_document(record: TrackerRecord) -> dict[str, Any]:
    return {
        **record.extra,
        "entry_price": _text(record.entry_price),
        "quantity": _text(record.quantity),
        "position_source": record.position_source,
        "strategy": record.strategy,
        "first_entry_time": _moment(record.first_entry_time),
        "stop_price": _text(record.stop_price),
        **({} if record.exit_logic is None else {"exit_logic": record.exit_logic}),
        **({} if record.side is None else {"side": record.side}),
    }
