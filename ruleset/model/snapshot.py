"""An account at one instant: the input of every plan.

Everything downstream is a pure function of (policy, snapshot, progress, now). :mod:`.snapshot_reading` and
:mod:`.snapshot_writing` convert from and to the JSON form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, get_args

from msgspec import Struct, field

from exitplan.ruleset.model.market_data import (
    NO_DATA,
    MarketData,
)
from exitplan.ruleset.model.values import (
    EXACT,
    ONE,
    TWO,
    ZERO,
)

Side = Literal["long", "short"]
OrderSide = Literal["buy", "sell"]
PriceBasis = Literal["last", "mid", "one_side"]
PriceStatus = Literal["ok", "missing", "unavailable", "implausible"]
Part = Literal["positions", "open_orders"]
PARTS: frozenset[str] = frozenset(get_args(Part))
FORMAT_VERSION = 1

T = TypeVar("T")


def written(default: T) -> T:
    """Return the default of a field that the JSON form has all the same; one with another default is left out there."""
    return field(default_factory=lambda: default)


class Cash(Struct, frozen=True, gc=False):
    """Money in one currency: ``locked`` is what open buy orders hold, ``debt`` what is owed of it."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    debt: Decimal = ZERO


class Position(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """What an account holds of one symbol on one side.

    ``quantity`` is in base units (spot) or contracts; ``locked`` is the part of it that open orders hold.
    ``contract_size`` is base units per contract, 1 for spot. ``asset`` is what is held where the symbol does not say:
    None means the symbol's base currency. ``debt`` is what is owed of it, in base units.
    """

    symbol: str
    side: Side
    quantity: Decimal
    locked: Decimal = written(ZERO)
    contract_size: Decimal = written(ONE)
    entry_price: Decimal | None = written(None)
    opened_at: datetime | None = written(None)
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


class OpenOrder(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
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
    filled: Decimal = written(ZERO)
    price: Decimal | None = written(None)
    trigger_price: Decimal | None = written(None)
    created_at: datetime | None = written(None)
    client_order_id: str | None = written(None)
    reduce_only: bool = written(default=False)
    position_side: Side | None = None
    holds_nothing: bool = False

    @property
    def remaining(self) -> Decimal:
        """What may still be filled, in the position's units; nothing where more was filled than was asked for."""
        return max(self.quantity - self.filled, ZERO)


class Market(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A venue's listing of one symbol: whether it trades, its steps and minimums, and its prices.

    ``min_notional`` and ``max_notional`` are in the market's own quote currency. ``max_amount`` is the largest quantity
    of an order, ``market_max_amount`` that of a market order. A ``bid`` or ``ask`` of None was not asked for; 0 says
    that the venue has none. ``price_status`` None means: ``ok`` where a price is there. For an ``inverse`` market a
    contract is worth ``contract_size`` in quote; an option is never one, whatever its venue calls it. ``taker_fee`` is
    the share of its value that the venue takes of a market order of this account: 0.001 is 0.1 %. None is not known;
    ``fee_is_listed`` says that it is the venue's list price, and not the account's own. ``data`` is what was asked for
    beyond that.
    """

    active: bool = written(default=True)
    amount_step: Decimal | None = written(None)
    price_step: Decimal | None = written(None)
    min_amount: Decimal | None = written(None)
    min_notional: Decimal | None = written(None)
    bid: Decimal | None = written(None)
    ask: Decimal | None = written(None)
    last: Decimal | None = written(None)
    price_status: PriceStatus | None = written(None)
    inverse: bool = written(default=False)
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


class TrackerRecord(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """What the position tracker knows of a symbol; ``extra`` keeps the keys that exitplan has no use for.

    A record with a ``side`` registers the position on that side only.
    """

    entry_price: Decimal | None = written(None)
    quantity: Decimal | None = written(None)
    position_source: str | None = written(None)
    strategy: str | None = written(None)
    first_entry_time: datetime | None = written(None)
    stop_price: Decimal | None = written(None)
    exit_logic: bool | None = None
    side: Side | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Conversion(Struct, frozen=True, gc=False):
    """The terms on which a venue converts a symbol's base currency into the account's quote currency.

    ``cost_pct`` is the fraction of the mark value that it takes: 0.02 is 2 %. Quantities are in base units; None means
    no limit.
    """

    cost_pct: Decimal
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None


class Snapshot(Struct, frozen=True, gc=False):
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
