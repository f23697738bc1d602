"""An account at one instant: the input of every plan.

Everything downstream is a pure function of (policy, snapshot, progress, now). The data classes are what the rest of the
house works with; :func:`snapshot_from_document` and :func:`snapshot_to_document` convert from and to the JSON form,
whose shape ``schemas/snapshot.schema.json`` describes and checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from exitplan.ruleset.model.market_data import (
    NO_DATA,
    MarketData,
    market_data_from_document,
    market_data_to_document,
)
from exitplan.ruleset.model.values import (
    EXACT,
    ONE,
    TWO,
    ZERO,
    parse_decimal,
    parse_time,
    plain,
    time_text,
    unified_symbol,
)

Side = Literal["long", "short"]
OrderSide = Literal["buy", "sell"]
PriceBasis = Literal["last", "mid", "one_side"]
PriceStatus = Literal["ok", "missing", "unavailable", "implausible"]
Part = Literal["positions", "open_orders"]
PARTS: frozenset[str] = frozenset(get_args(Part))
FORMAT_VERSION = 1

_SELDOM_TOLD = ("max_amount", "max_notional", "market_max_amount", "taker_fee")


@dataclass(frozen=True, slots=True)
class Cash:
    """Money in one currency: ``locked`` is what open buy orders hold, ``debt`` what is owed of it."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    debt: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of one symbol on one side.

    ``quantity`` is in base units (spot) or contracts; ``locked`` is the part of it that open orders hold.
    ``contract_size`` is base units per contract, 1 for spot. ``asset`` is what is held where the symbol does not say:
    None means the symbol's base currency. ``debt`` is what is owed of it, in base units.
    """

    symbol: str
    side: Side
    quantity: Decimal
    locked: Decimal = ZERO
    contract_size: Decimal = ONE
    entry_price: Decimal | None = None
    opened_at: datetime | None = None
    asset: str | None = None
    debt: Decimal = ZERO

    @property
    def key(self) -> str:
        """The name under which progress is kept: the symbol, for a short with ``#short`` behind it."""
        return position_key(self.symbol, self.side)

    @property
    def exit_side(self) -> OrderSide:
        """The side of an order that reduces this position."""
        return "sell" if self.side == "long" else "buy"


def position_key(symbol: str, side: str) -> str:
    """Return the name of a position within its account: ``BTC/USD`` for a long, ``BTC/USD#short`` for a short."""
    return symbol if side == "long" else f"{symbol}#short"


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A resting order as the venue reports it; ``filled`` is the part of ``quantity`` that has been filled.

    ``position_side`` is the position it belongs to, where the account may hold both sides of a symbol.
    ``holds_nothing`` says that no balance is locked for it: some venues lock none until a stop is triggered, and of a
    pair in which one cancels the other (OCO) one order holds for both.
    """

    id: str
    symbol: str
    side: OrderSide
    type: str
    quantity: Decimal
    filled: Decimal = ZERO
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    created_at: datetime | None = None
    client_order_id: str | None = None
    reduce_only: bool = False
    position_side: Side | None = None
    holds_nothing: bool = False

    @property
    def remaining(self) -> Decimal:
        """What may still be filled, in the position's units."""
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Market:
    """A venue's listing of one symbol: whether it trades, its steps and minimums, and its prices.

    ``min_notional`` and ``max_notional`` are in the market's own quote currency. ``max_amount`` is the largest quantity
    of an order, ``market_max_amount`` that of a market order. A ``bid`` or ``ask`` of None was not asked for; 0 says
    that the venue has none. ``price_status`` None means: ``ok`` where a price is there. For an ``inverse`` market a
    contract is worth ``contract_size`` in quote. ``taker_fee`` is the share of its value that the venue takes of a
    market order of this account: 0.001 is 0.1 %. None is not known; ``fee_is_listed`` says that it is the venue's
    list price, and not the account's own. ``data`` is what was asked for beyond that.
    """

    active: bool = True
    amount_step: Decimal | None = None
    price_step: Decimal | None = None
    min_amount: Decimal | None = None
    min_notional: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    price_status: PriceStatus | None = None
    inverse: bool = False
    max_amount: Decimal | None = None
    max_notional: Decimal | None = None
    market_max_amount: Decimal | None = None
    taker_fee: Decimal | None = None
    fee_is_listed: bool = False
    data: MarketData = NO_DATA

    def mark(self, side: Side = "long") -> tuple[Decimal | None, PriceBasis | None]:
        """Return the mark price and where it comes from: last, else the mid, else the side that an exit would hit."""
        if self.last is not None and self.last > 0:
            return self.last, "last"
        bid = self.bid if self.bid is not None and self.bid > 0 else None
        ask = self.ask if self.ask is not None and self.ask > 0 else None
        if bid is not None and ask is not None:
            return EXACT.divide(EXACT.add(bid, ask), TWO), "mid"
        exit_price = bid if side == "long" else ask
        return (None, None) if exit_price is None else (exit_price, "one_side")


@dataclass(frozen=True, slots=True)
class TrackerRecord:
    """What the position tracker knows of a symbol; ``extra`` keeps the keys that exitplan has no use for.

    A record with a ``side`` registers the position on that side only.
    """

    entry_price: Decimal | None = None
    quantity: Decimal | None = None
    position_source: str | None = None
    strategy: str | None = None
    first_entry_time: datetime | None = None
    stop_price: Decimal | None = None
    exit_logic: bool | None = None
    side: Side | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversion:
    """The terms on which a venue converts a symbol's base currency into the account's quote currency.

    ``cost_pct`` is the fraction of the mark value that it takes: 0.02 is 2 %. Quantities are in base units; None means
    no limit.
    """

    cost_pct: Decimal
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One account at one instant.

    ``other_cash`` is money in other currencies than the account's quote, by currency. ``rates`` gives units of the
    account's quote currency for one unit of another currency, ``conversions`` by symbol the terms of the conversions
    that were asked for. ``share_of`` is the amount that ``account_pct`` is a share of, where whoever told of the
    account has said so; None means managed equity. ``unread`` names what could not be asked and is therefore not known
    to be empty, stop orders, say: the account is UNKNOWN.
    """

    account: str
    venue: str
    quote: str
    taken_at: datetime
    cash: Cash = field(default_factory=Cash)
    positions: tuple[Position, ...] = ()
    open_orders: tuple[OpenOrder, ...] = ()
    markets: Mapping[str, Market] = field(default_factory=dict)
    tracker: Mapping[str, TrackerRecord] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    other_cash: Mapping[str, Cash] = field(default_factory=dict)
    share_of: Decimal | None = None
    unread: tuple[str, ...] = ()

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol that is held or has an open order."""
        held = {position.symbol for position in self.positions}
        return frozenset(held | {order.symbol for order in self.open_orders})

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that are always told, and could not be asked this time: nothing is concluded from their absence."""
        return tuple(part for part in self.unread if part in PARTS)


def snapshot_from_document(document: Mapping[str, Any]) -> Snapshot:
    """Build a snapshot from its JSON form.

    The document is taken to have passed ``snapshot.schema.json``; a broken one raises KeyError, TypeError or
    ValueError.
    """
    return Snapshot(
        account=document["account"],
        venue=document["venue"],
        quote=document["quote"],
        taken_at=parse_time(document["taken_at"]),
        cash=_cash(document.get("cash") or {}),
        positions=tuple(_position(entry) for entry in document.get("positions") or ()),
        open_orders=tuple(_open_order(entry) for entry in document.get("open_orders") or ()),
        markets={unified_symbol(symbol): _market(entry) for symbol, entry in (document.get("markets") or {}).items()},
        tracker=tracker_from_document(document.get("tracker") or {}),
        rates={currency: parse_decimal(rate) for currency, rate in (document.get("rates") or {}).items()},
        conversions={
            unified_symbol(symbol): _conversion(entry) for symbol, entry in (document.get("conversions") or {}).items()
        },
        other_cash={currency: _cash(entry) for currency, entry in (document.get("other_cash") or {}).items()},
        share_of=_decimal(document.get("share_of")),
        unread=tuple(document.get("unread") or ()),
    )


def tracker_from_document(records: Mapping[str, Any]) -> dict[str, TrackerRecord]:
    """Build the tracker's records from their JSON form, {SYMBOL: record}."""
    return {unified_symbol(symbol): tracker_record(record) for symbol, record in records.items()}


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


def tracker_to_document(tracker: Mapping[str, TrackerRecord]) -> dict[str, Any]:
    """Write the tracker's records in their JSON form, sorted by symbol."""
    return {symbol: _record_document(record) for symbol, record in sorted(tracker.items())}


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
        price=_decimal(entry.get("price")),
        trigger_price=_decimal(entry.get("trigger_price")),
        created_at=_time(entry.get("created_at")),
        client_order_id=entry.get("client_order_id"),
        reduce_only=entry.get("reduce_only") is True,
        position_side=entry.get("position_side"),
        holds_nothing=entry.get("holds_nothing") is True,
    )


def _market(entry: Mapping[str, Any]) -> Market:
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
        inverse=entry.get("inverse") is True,
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
