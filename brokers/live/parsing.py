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
from exitplan.ruleset.model.snapshot import Market, OpenOrder, OrderSide, Position
from exitplan.ruleset.model.values import EXACT, ZERO

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
_DECIMAL_PLACES, _TICK_SIZE = 2, 4  # ccxt's precision modes; the third, significant digits, is no fixed step


class BadReply(Exception):
    """A venue's reply does not hold what it must, so it answers nothing."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one currency; ``staked`` is held beside ``free`` and ``locked``, and not sellable."""

    currency: str
    free: Decimal
    locked: Decimal
    staked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Everything held of it."""
        return EXACT.add(EXACT.add(self.free, self.locked), self.staked)


@dataclass(frozen=True, slots=True)
class Ticker:
    """The prices of one market."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None


def amount_of(value: object) -> Decimal | None:
    """Read an amount or a price; None where the venue says nothing. Raises BadReply for what is no number."""
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        raise BadReply("where an amount belongs stands something else")
    try:
        text = str(value)
    except ValueError:  # an integer of thousands of digits
        raise BadReply("a number without end") from None
    if _NUMBER.fullmatch(text) is None:
        raise BadReply(f"{text[:40]!r} is no number")
    return Decimal(text)


def time_of(milliseconds: object) -> datetime | None:
    """Read a time in milliseconds since 1970; None where the venue says nothing."""
    number = amount_of(milliseconds)
    if number is None or number <= 0:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(number * 1000))
    except OverflowError:
        raise BadReply(f"{number} is no time") from None


def balance_of(currency: str, entry: Mapping[str, Any]) -> Balance:
    """Read one currency of a balance: two of free, used and total tell the third."""
    free, used, total = (amount_of(entry.get(name)) for name in ("free", "used", "total"))
    if free is None and total is None:
        raise BadReply(f"the balance of {currency} has no amount")
    if free is None:
        free = EXACT.subtract(total or ZERO, used or ZERO)
    if used is None:
        used = ZERO if total is None else EXACT.subtract(total, free)
    return Balance(currency, free, used)


def balances_of(reply: Mapping[str, Any]) -> list[Balance]:
    """Read every currency of a unified balance."""
    if not isinstance(reply.get("total"), Mapping) or not reply.get("info"):
        raise BadReply("the reply holds no balances")
    return [balance_of(currency, _object(reply[currency])) for currency in reply["total"] if currency in reply]


def order_type_of(order: Mapping[str, Any]) -> str:
    """Name an order's type by exitplan's words; only what surely is one is called ``limit`` or ``market``."""
    word = str(order.get("type") or "").lower().replace("-", "_").replace(" ", "_")
    if amount_of(order.get("triggerPrice")):
        return "stop" if word in {"market", "stop", "stop_market", "stop_loss"} else "stop_limit"
    if word in {"limit", "market"}:
        return word
    if word in {"limit_maker", "post_only", "ioc", "fok"}:
        return "limit"
    return word or "unknown"


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
        reduce_only=order.get("reduceOnly") is True,
    )


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
    """Read the prices of one market."""
    return Ticker(
        amount_of(entry.get("bid")), amount_of(entry.get("ask")), amount_of(entry.get("last") or entry.get("price"))
    )


def trade_of(entry: Mapping[str, Any]) -> Trade:
    """Read one execution of ours."""
    quantity, price, at = amount_of(entry.get("amount")), amount_of(entry.get("price")), time_of(entry.get("timestamp"))
    if quantity is None or price is None or at is None:
        raise BadReply("a trade has no amount, price or time")
    fee = _object(entry.get("fee") or {})
    return Trade(_side(entry), quantity, price, at, amount_of(fee.get("cost")) or ZERO, fee.get("currency") or None)


def market_of(market: Mapping[str, Any], precision_mode: int, ticker: Ticker | None) -> Market:
    """Read a listing: steps, minimums and whether it trades, with the prices of now."""
    limits, precision = _object(market.get("limits") or {}), _object(market.get("precision") or {})
    ticker = ticker or Ticker()
    return Market(
        active=market.get("active") is not False,
        amount_step=_step(precision.get("amount"), precision_mode),
        price_step=_step(precision.get("price"), precision_mode),
        min_amount=amount_of(_object(limits.get("amount") or {}).get("min")) or None,
        min_notional=amount_of(_object(limits.get("cost") or {}).get("min")) or None,
        bid=ticker.bid,
        ask=ticker.ask,
        last=ticker.last,
        inverse=market.get("inverse") is True,
    )


def only_mappings(reply: object, what: str) -> list[Mapping[str, Any]]:
    """Hold a reply to be a list of objects."""
    if isinstance(reply, Iterable) and not isinstance(reply, str | Mapping):
        entries = list(reply)
        if all(isinstance(entry, Mapping) for entry in entries):
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
    if not isinstance(value, Mapping):
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
