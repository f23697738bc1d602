"""Kraken's names for things, and its JSON for listings, orders and trades."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from decimal import Decimal

from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.orders import PaperOrder, money_fee, sum_exactly
from exitplan.brokers.protocol import OrderReport, OrderType, RefusalReason
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO, plain
from tests.venues.venue import Execution
from tests.venues.wire import Document

_NAMES = {
    "BTC": ("XXBT", "XBT"),
    "DOGE": ("XXDG", "XDG"),
    "ETC": ("XETC", "ETC"),
    "ETH": ("XETH", "ETH"),
    "LTC": ("XLTC", "LTC"),
    "LUNA": ("LUNA2", "LUNA2"),
    "LUNC": ("LUNA", "LUNA"),
    "XLM": ("XXLM", "XLM"),
    "XMR": ("XXMR", "XMR"),
    "XRP": ("XXRP", "XRP"),
    "ZEC": ("XZEC", "ZEC"),
    "CAD": ("ZCAD", "CAD"),
    "EUR": ("ZEUR", "EUR"),
    "GBP": ("ZGBP", "GBP"),
    "USD": ("ZUSD", "USD"),
}
"""Assets that kraken names otherwise, those of its first years with a prefix: code -> (id, altname)."""

REFUSALS = {
    RefusalReason.UNKNOWN_SYMBOL: "EQuery:Unknown asset pair",
    RefusalReason.MARKET_INACTIVE: "EService:Market in cancel_only mode",
    RefusalReason.INVALID_QUANTITY: "EGeneral:Invalid arguments:volume",
    RefusalReason.AMOUNT_STEP: "EGeneral:Invalid arguments:volume",
    RefusalReason.BELOW_MIN_AMOUNT: "EGeneral:Invalid arguments:volume minimum not met",
    RefusalReason.ABOVE_MAX_AMOUNT: "EGeneral:Invalid arguments:volume",
    RefusalReason.ABOVE_MAX_NOTIONAL: "EGeneral:Invalid arguments:volume",
    RefusalReason.BELOW_MIN_NOTIONAL: "EOrder:Cost minimum not met",
    RefusalReason.INVALID_PRICE: "EGeneral:Invalid arguments:price",
    RefusalReason.PRICE_STEP: "EOrder:Tick size check failed",
    RefusalReason.TRIGGER_SIDE: "EOrder:Invalid price:Invalid price argument",
    RefusalReason.NO_PRICE: "EService:Market in post_only mode",
    RefusalReason.INSUFFICIENT_BALANCE: "EOrder:Insufficient funds",
    RefusalReason.REDUCE_ONLY: "EOrder:Reduce only:No position exists",
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: "EOrder:Duplicate client order id",
    RefusalReason.UNKNOWN_ORDER: "EOrder:Unknown order",
    RefusalReason.ORDER_CLOSED: "EOrder:Unknown order",
    RefusalReason.UNSUPPORTED: "EGeneral:Invalid arguments:ordertype",
}
"""Kraken's words for what the matching engine refuses; the duplicate's are not documented."""

TYPES: Mapping[str, OrderType] = {
    "market": "market",
    "limit": "limit",
    "stop-loss": "stop",
    "stop-loss-limit": "stop_limit",
}
_KRAKEN_TYPES: Mapping[str, str] = {ours: theirs for theirs, ours in TYPES.items()}


def asset_id(code: str) -> str:
    return _NAMES.get(code, (code, code))[0]


def asset_name(code: str) -> str:
    return _NAMES.get(code, (code, code))[1]


def pair_name(symbol: str) -> str:
    base, quote = symbol.split("/")
    return asset_name(base) + asset_name(quote)


def pair_id(symbol: str) -> str:
    """Return the key of a pair: both ids where both have a prefix (but for dogecoin), else both names."""
    base, quote = symbol.split("/")
    prefixed = all(asset_id(code) != asset_name(code) for code in (base, quote)) and base != "DOGE"
    return asset_id(base) + asset_id(quote) if prefixed else pair_name(symbol)


def kraken_id(letter: str, name: str) -> str:
    """Return an order or a trade an id as kraken's look: ``OEKVV2-IH52O-TPL6GZ``."""
    digits = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
    return f"{letter}{digits[:5]}-{digits[5:10]}-{digits[10:16]}"


def _decimals(step: Decimal | None) -> int:
    exponent = (step or Decimal("1e-8")).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 8


def asset_document(code: str) -> Document:
    return {
        "aclass": "currency",
        "altname": asset_name(code),
        "decimals": 10,
        "display_decimals": 5,
        "status": "enabled",
    }


def pair_document(symbol: str, market: Market, options: PaperOptions) -> Document:
    base, quote = symbol.split("/")
    document = {
        "altname": pair_name(symbol),
        "wsname": f"{asset_name(base)}/{asset_name(quote)}",
        "aclass_base": "currency",
        "base": asset_id(base),
        "aclass_quote": "currency",
        "quote": asset_id(quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": _decimals(market.price_step),
        "lot_decimals": _decimals(market.amount_step),
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, float(options.taker_fee * 100)]],
        "fees_maker": [[0, float(options.maker_fee * 100)]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "tick_size": plain(market.price_step or Decimal("1e-8")),
        "status": "online" if market.active else "cancel_only",
    }
    minimums = {"ordermin": market.min_amount, "costmin": market.min_notional}
    return document | {name: plain(least) for name, least in minimums.items() if least is not None}


def ticker_document(market: Market) -> Document:
    """Return the prices of a market; a side that the account's file does not know is where the last trade was."""
    sides = (market.last if price is None else price for price in (market.bid, market.ask))
    last, bid, ask = (plain(price or ZERO) for price in (market.last, *sides))
    return {
        "a": [ask, "1", "1.000"],
        "b": [bid, "1", "1.000"],
        "c": [last, "0.10000000"],
        "v": ["1.00000000", "10.00000000"],
        "p": [last, last],
        "t": [1, 10],
        "l": [last, last],
        "h": [last, last],
        "o": last,
    }


def in_words(order: PaperOrder | OrderReport) -> str:
    """Format an order as kraken does: ``sell 0.28000000 ETHUSD @ stop loss 2000 -> limit 1990``."""
    trigger, limit = plain(order.trigger_price or ZERO), plain(order.price or ZERO)
    words = {
        "limit": f"limit {limit}",
        "stop": f"stop loss {trigger}",
        "stop_limit": f"stop loss {trigger} -> limit {limit}",
    }
    return f"{order.side} {order.quantity:.8f} {pair_name(order.symbol)} @ {words.get(order.type, 'market')}"


def description(order: PaperOrder) -> Document:
    """Describe an order; of a stop ``price`` is the trigger and ``price2`` the limit."""
    trigger, limit = order.trigger_price, order.price
    price, price2 = (trigger, limit) if trigger is not None else (limit, None)
    return {
        "pair": pair_name(order.symbol),
        "type": order.side,
        "ordertype": _KRAKEN_TYPES.get(order.type, "market"),
        "price": plain(price or ZERO),
        "price2": plain(price2 or ZERO),
        "leverage": "none",
        "order": in_words(order),
        "close": "",
    }


def order_document(order: PaperOrder, *, trades: bool) -> Document:
    """Return an order; what was filled before the account came here is told at its own price."""
    earlier = order.earlier * (order.price or order.trigger_price or ZERO)
    cost = sum_exactly(fill.quantity * fill.price for fill in order.fills) + earlier
    fee = money_fee(order.fills)
    document: Document = {
        "refid": None,
        "userref": None,
        "status": "canceled" if order.status == "cancelled" else order.status,
        "opentm": order.created_at.timestamp() if order.created_at else 0,
        "starttm": 0,
        "expiretm": 0,
        "descr": description(order),
        "vol": f"{order.quantity:.8f}",
        "vol_exec": f"{order.filled:.8f}",
        "cost": plain(cost),
        "fee": plain(fee),
        "price": plain(cost / order.filled if order.filled else ZERO),
        "stopprice": plain(order.trigger_price or ZERO),
        "limitprice": "0.00000",
        "misc": "",
        "oflags": "fciq",
    }
    if order.client_order_id is not None:
        document["cl_ord_id"] = order.client_order_id
    if order.status != "open":
        document["reason"] = "User requested" if order.status == "cancelled" else None
        document["closetm"] = order.updated_at.timestamp() if order.updated_at else 0
    if trades:
        document["trades"] = [kraken_id("T", f"{order.id}-{number}") for number in range(len(order.fills))]
    return document


def trade_document(trade: Execution) -> Document:
    return {
        "ordertxid": kraken_id("O", trade.order),
        "postxid": kraken_id("T", f"position of {trade.id}"),
        "pair": pair_id(trade.symbol),
        "time": trade.at.timestamp(),
        "type": trade.side,
        "ordertype": _KRAKEN_TYPES.get(trade.type, "market"),
        "price": plain(trade.price),
        "cost": plain(trade.price * trade.quantity),
        "fee": plain(trade.fee),
        "vol": plain(trade.quantity),
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "maker": trade.maker,
    }
