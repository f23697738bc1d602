"""From ccxt's unified shapes to exitplan's nouns; a reply that does not hold what it must raises BadReply. Pure.

The shapes are those of https://docs.ccxt.com/#/?id=order-structure and the sections beside it; amounts come as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from exitplan.brokers.protocol import OrderReport, OrderStatus
from exitplan.ruleset.model.cost_basis import Trade
from exitplan.ruleset.model.order_view import kind_of
from exitplan.ruleset.model.snapshot import Market, OpenOrder, OrderSide, Position, Side
from exitplan.ruleset.model.values import EXACT, ZERO

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_TRADE = 1_230_768_000_000  # 2009: nothing was traded before, so an earlier time says that there is none
_NUMBER = re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,2})?", re.ASCII)
"""What venues write as an amount; anything longer is no amount, and would be slow to compute with."""
_STATUSES: Mapping[str, OrderStatus] = {
    "open": "open",
    "closed": "closed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "expired": "cancelled",
    "rejected": "rejected",
}
_SIDE_NAMES = ("posSide", "positionSide", "position_side", "positionIdx")
_SIDES: Mapping[str, Side] = {"long": "long", "1": "long", "short": "short", "2": "short"}
"""How venues name the side of a position: in words, bybit by numbers; ``net``, ``both`` and 0 are no side."""
_CLOSING = ("closePosition", "closeOrder", "closeOnTrigger", "is_close", "is_reduce_only")
_BIDS, _ASKS = ("bidPx", "bid1Price", "highest_bid"), ("askPx", "ask1Price", "lowest_ask")
"""What okx, bybit and gate call the sides of the book, and leave blank where there is no order."""
_OBJECTS = frozenset({dict})
_DECIMAL_PLACES, _TICK_SIZE = 2, 4  # ccxt's precision modes; the third, significant digits, is no fixed step


class BadReply(Exception):
    """A venue's reply does not hold what it must, so it answers nothing."""


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """What an account holds of one currency, and what it owes of it.

    ``staked`` is held beside ``free`` and ``locked``, and not sellable. ``debt`` is what was borrowed, with its
    interest; it is subtracted nowhere else.
    """

    currency: str
    free: Decimal
    locked: Decimal
    staked: Decimal = ZERO
    debt: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Everything held of it; what is owed is not taken off."""
        return EXACT.add(EXACT.add(self.free, self.locked), self.staked)

    def plus(self, other: VenueBalance) -> VenueBalance:
        """Add another balance of the same currency."""
        return VenueBalance(
            self.currency,
            EXACT.add(self.free, other.free),
            EXACT.add(self.locked, other.locked),
            EXACT.add(self.staked, other.staked),
            EXACT.add(self.debt, other.debt),
        )


@dataclass(frozen=True, slots=True)
class Ticker:
    """The prices of one market: None is what the venue did not say, 0 that it has none."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing at all, which answers no question."""
        return self.bid is None and self.ask is None and self.last is None


def amount_of(value: object) -> Decimal | None:
    """Read an amount or a price; None where the venue says nothing. Raises BadReply for what is no number."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else _amount_text(value)
    if _NUMBER.fullmatch(text) is None:
        raise BadReply(f"{text[:40]!r} is no number")
    return Decimal(text)


def fee_rate_of(value: object) -> Decimal | None:
    """Read a fee as a share of the value; None where the venue says nothing, or what can be no fee."""
    try:
        rate = amount_of(value)
    except BadReply:  # an account is not unreadable for want of a fee
        return None
    return rate if rate is not None and 0 <= rate < 1 else None


def _amount_text(value: object) -> str:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        raise BadReply("where an amount belongs stands something else")
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        raise BadReply("a number without end") from None


def time_of(milliseconds: object) -> datetime | None:
    """Read a time in milliseconds since 1970; None where the venue says nothing."""
    number = amount_of(milliseconds)
    if number is None or number < _FIRST_TRADE:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(number * 1000))
    except OverflowError:
        raise BadReply(f"{number} is no time") from None


def balance_of(currency: str, entry: Mapping[str, Any]) -> VenueBalance:
    """Read one currency of a balance: two of free, used and total tell the third; ``debt`` is beside them.

    Where the three disagree, as where what is free is told for a whole wallet of collateral, the total is what is held.
    """
    free, used, total, debt = (amount_of(entry.get(name)) for name in ("free", "used", "total", "debt"))
    if free is None and total is None:
        raise BadReply(f"the balance of {currency} has no amount")
    if free is None:
        free = EXACT.subtract(total or ZERO, used or ZERO)
    if used is None:
        used = ZERO if total is None else EXACT.subtract(total, free)
    elif total is not None and total != EXACT.add(free, used):
        free = min(free, max(total, ZERO))
        used = EXACT.subtract(total, free)
    return balance_and_debt(currency, free, used, abs(debt or ZERO))


def balance_and_debt(currency: str, free: Decimal, locked: Decimal, debt: Decimal) -> VenueBalance:
    """Make a balance of what is held and what is owed of it.

    Where the sum is below zero, nothing is held: the venue has taken a debt off already, and it is the same debt that
    it may name beside. So it counts once.
    """
    total = EXACT.add(free, locked)
    return (
        VenueBalance(currency, free, locked, debt=debt)
        if total >= 0
        else VenueBalance(currency, ZERO, ZERO, ZERO, max(debt, -total))
    )


def balances_of(reply: Mapping[str, Any]) -> list[VenueBalance]:
    """Read every currency of a unified balance."""
    if not isinstance(reply.get("total"), Mapping) or not reply.get("info"):
        raise BadReply("the reply holds no balances")
    return [balance_of(currency, _object(reply[currency])) for currency in reply["total"] if currency in reply]


def order_type_of(order: Mapping[str, Any]) -> str:
    """Name an order's type by exitplan's words; only what surely is one is called ``limit`` or ``market``."""
    word = str(order.get("type") or "").lower().replace("-", "_").replace(" ", "_")
    if amount_of(order.get("triggerPrice")):
        return "stop" if word in {"market", "stop", "stop_market", "stop_loss"} else "stop_limit"
    return kind_of(word) or word or "unknown"


def open_order_of(order: Mapping[str, Any]) -> OpenOrder:
    """Read a resting order."""
    name, filled = _order_id(order), amount_of(order.get("filled")) or ZERO
    quantity = amount_of(order.get("amount"))
    if quantity is None:  # an order by cost: what is left of it is all that is known
        quantity = EXACT.add(filled, amount_of(order.get("remaining")) or ZERO)
    return OpenOrder(
        id=name,
        symbol=_symbol(order),
        side=_side(order),
        type=order_type_of(order),
        quantity=quantity,
        filled=filled,
        price=amount_of(order.get("price")) or None,
        trigger_price=amount_of(order.get("triggerPrice")) or None,
        created_at=time_of(order.get("timestamp")),
        client_order_id=order.get("clientOrderId") or None,
        reduce_only=_is_reduce_only(order),
        position_side=position_side_of(order),
        holds_nothing=order.get("holdsNothing") is True,
    )


def position_side_of(order: Mapping[str, Any]) -> Side | None:
    """Read which side of a contract an order belongs to; None where only one can be held, or nothing is said."""
    if ":" not in str(order.get("symbol")):
        return None
    info = order.get("info") if isinstance(order.get("info"), Mapping) else {}
    names = (order.get("positionSide"), *((info or {}).get(name) for name in _SIDE_NAMES))
    sides = (_SIDES.get(str(name).lower()) for name in names if name is not None)
    return next((side for side in sides if side is not None), None)


def _is_reduce_only(order: Mapping[str, Any]) -> bool:
    """Read whether an order can only make its position smaller, also where it closes all of it."""
    info = order.get("info") if isinstance(order.get("info"), Mapping) else {}
    return any(str(word).lower() == "true" for word in (order.get("reduceOnly"), *map((info or {}).get, _CLOSING)))


def report_of(order: Mapping[str, Any], quantity: Decimal | None = None) -> OrderReport:
    """Read what a venue tells of an order.

    Raises BadReply where it is no longer open and nothing is said of what it filled.
    """
    filled, asked = amount_of(order.get("filled")), amount_of(order.get("amount"))
    # A word that is not known here may mean anything; only what is filled to the end is surely closed.
    otherwise: OrderStatus = "closed" if asked and filled is not None and filled >= asked else "open"
    status = _STATUSES.get(str(order.get("status") or "open"), otherwise)
    asked = quantity if asked is None else asked
    if filled is None:
        remaining = amount_of(order.get("remaining"))
        filled = EXACT.subtract(asked, remaining) if asked is not None and remaining is not None else None
    if filled is None and status in {"closed", "cancelled"}:
        raise BadReply("an order that is no longer open says nothing of what it filled")
    fee = _object(order.get("fee") or {})
    return OrderReport(
        order_id=_order_id(order),
        client_order_id=order.get("clientOrderId") or None,
        symbol=str(order.get("symbol") or ""),
        side=_side(order),
        type=str(order.get("type") or ""),
        status=status,
        quantity=asked if asked is not None else filled or ZERO,
        filled=filled or ZERO,
        average_price=amount_of(order.get("average")) or None,
        fee=amount_of(fee.get("cost")),
        fee_currency=fee.get("currency") or None,
        price=amount_of(order.get("price")) or None,
        trigger_price=amount_of(order.get("triggerPrice")) or None,
        reduce_only=order.get("reduceOnly") is True,
        created_at=time_of(order.get("timestamp")),
        updated_at=time_of(order.get("lastUpdateTimestamp") or order.get("lastTradeTimestamp")),
    )


def position_of(entry: Mapping[str, Any], market: Mapping[str, Any]) -> Position | None:
    """Read a derivative's position, in contracts; None where the venue lists one that is closed."""
    contracts = amount_of(entry.get("contracts"))
    if contracts is None:
        raise BadReply(f"the position of {entry.get('symbol')} has no size")
    if contracts == 0:
        return None
    symbol, side = _symbol(entry), entry.get("side") or ("long" if contracts > 0 else "short")
    if side not in ("long", "short"):
        raise BadReply(f"the position of {symbol} is neither long nor short")
    size = amount_of(entry.get("contractSize")) or amount_of(market.get("contractSize")) or Decimal(1)
    return Position(
        symbol=symbol,
        side="short" if side == "short" else "long",
        quantity=abs(contracts),
        contract_size=size,
        entry_price=amount_of(entry.get("entryPrice")) or None,
        opened_at=time_of(entry.get("timestamp")),
    )


def ticker_of(entry: Mapping[str, Any]) -> Ticker:
    """Read the prices of one market; a side of the book that the venue writes as empty is 0."""
    info = entry.get("info") if isinstance(entry.get("info"), Mapping) else {}
    bid, ask = (
        ZERO if price is None and any((info or {}).get(name) == "" for name in names) else price
        for price, names in ((amount_of(entry.get("bid")), _BIDS), (amount_of(entry.get("ask")), _ASKS))
    )
    last = amount_of(entry.get("last"))
    return Ticker(bid, ask, amount_of(entry.get("price")) if last is None else last)


def trade_of(entry: Mapping[str, Any]) -> Trade:
    """Read one execution of ours."""
    quantity, price, at = amount_of(entry.get("amount")), amount_of(entry.get("price")), time_of(entry.get("timestamp"))
    if quantity is None or price is None or at is None:
        raise BadReply("a trade has no amount, price or time")
    fee, order = _object(entry.get("fee") or {}), entry.get("order")
    cost, currency = amount_of(fee.get("cost")), fee.get("currency") or None
    return Trade(_side(entry), quantity, price, at, cost, currency, None if not order else str(order))


def market_of(market: Mapping[str, Any], precision_mode: int) -> Market:
    """Read a listing, without prices: steps, minimums, maximums and whether it trades; 0 is no maximum."""
    limits, precision = _object(market.get("limits") or {}), _object(market.get("precision") or {})
    return Market(
        active=market.get("active") is not False,
        amount_step=_step(precision.get("amount"), precision_mode),
        price_step=_step(precision.get("price"), precision_mode),
        min_amount=amount_of(_object(limits.get("amount") or {}).get("min")) or None,
        min_notional=amount_of(_object(limits.get("cost") or {}).get("min")) or None,
        inverse=market.get("inverse") is True,
        max_amount=amount_of(_object(limits.get("amount") or {}).get("max")) or None,
        max_notional=amount_of(_object(limits.get("cost") or {}).get("max")) or None,
        market_max_amount=amount_of(_object(limits.get("market") or {}).get("max")) or None,
    )


def only_mappings(reply: object, what: str) -> list[Mapping[str, Any]]:
    """Hold a reply to be a list of objects."""
    # A list and dicts first: to ask for any Iterable or Mapping takes ten times as long.
    if isinstance(reply, list) or (isinstance(reply, Iterable) and not isinstance(reply, str | Mapping)):
        entries = list(reply)
        if set(map(type, entries)) <= _OBJECTS or all(isinstance(entry, Mapping) for entry in entries):
            return entries
    raise BadReply(f"the reply is no list of {what}")


def _step(value: object, mode: int) -> Decimal | None:
    number = amount_of(value)
    if number is None or mode not in {_TICK_SIZE, _DECIMAL_PLACES}:
        return None
    if mode == _DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(number))
    return number if number > 0 else None


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict | Mapping):
        raise BadReply("where an object belongs stands something else")
    return value


def _symbol(entry: Mapping[str, Any]) -> str:
    symbol = entry.get("symbol")
    if not symbol or not isinstance(symbol, str):
        raise BadReply("an order or position without a symbol")
    return symbol


def _order_id(order: Mapping[str, Any]) -> str:
    name = order.get("id")
    if not name:
        raise BadReply("an order without an id")
    return str(name)


def _side(order: Mapping[str, Any]) -> OrderSide:
    if order.get("side") not in ("buy", "sell"):
        raise BadReply("an order or trade without a side")
    return "buy" if order["side"] == "buy" else "sell"
