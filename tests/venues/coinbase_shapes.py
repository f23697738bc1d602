"""Coinbase's JSON for products, accounts, orders and fills, and its words for refusals."""

from __future__ import annotations

import uuid
from decimal import Decimal

from exitplan.brokers.paper.orders import PaperOrder, money_fee, sum_exactly
from exitplan.brokers.protocol import OrderReport, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO, plain, time_text
from tests.venues.venue import Execution
from tests.venues.wire import Document

_UNKNOWN = "UNKNOWN_FAILURE_REASON"
REFUSALS = {
    RefusalReason.MARKET_INACTIVE: ("ORDER_ENTRY_DISABLED", "PREVIEW_ORDER_ENTRY_DISABLED"),
    RefusalReason.INVALID_QUANTITY: (_UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    RefusalReason.AMOUNT_STEP: ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION"),
    RefusalReason.BELOW_MIN_AMOUNT: (_UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    RefusalReason.BELOW_MIN_NOTIONAL: (_UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    RefusalReason.ABOVE_MAX_AMOUNT: (_UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
    RefusalReason.ABOVE_MAX_NOTIONAL: (_UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE"),
    RefusalReason.INVALID_PRICE: ("INVALID_LIMIT_PRICE", "PREVIEW_INVALID_LIMIT_PRICE"),
    RefusalReason.PRICE_STEP: ("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION"),
    RefusalReason.TRIGGER_SIDE: (_UNKNOWN, "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
    RefusalReason.NO_PRICE: ("INVALID_NO_LIQUIDITY", "PREVIEW_INVALID_NO_LIQUIDITY"),
    RefusalReason.INSUFFICIENT_BALANCE: ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
    RefusalReason.UNSUPPORTED: ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG"),
}
"""Coinbase's words for what the matching engine refuses: the reason, and the preview's."""

_STATUS = {"open": "OPEN", "closed": "FILLED", "cancelled": "CANCELLED"}


def new_uuid(name: str) -> str:
    """Return a thing the id that it has at every call."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def product_id(symbol: str) -> str:
    return symbol.replace("/", "-")


def amount(value: Decimal, currency: str) -> Document:
    return {"value": plain(value), "currency": currency}


def product_document(symbol: str, market: Market) -> Document:
    base, quote = symbol.split("/")
    readable = market.price_status in {None, "ok"}
    return {
        "product_id": product_id(symbol),
        "price": plain(market.last) if readable and market.last is not None else "",
        "price_percentage_change_24h": "0",
        "volume_24h": "1000",
        "base_increment": plain(market.amount_step or Decimal("1e-8")),
        "quote_increment": plain(market.price_step or Decimal("1e-8")),
        "price_increment": plain(market.price_step or Decimal("1e-8")),
        "quote_min_size": plain(market.min_notional or ZERO),
        "quote_max_size": plain(market.max_notional or Decimal(150_000_000)),
        "base_min_size": plain(market.min_amount or ZERO),
        "base_max_size": plain(market.max_amount or Decimal(10**12)),
        "base_name": base,
        "quote_name": quote,
        "is_disabled": False,
        "status": "online" if market.active else "delisted",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": not market.active,
        "auction_mode": False,
        "view_only": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "display_name": product_id(symbol),
        "product_venue": "CBE",
    }


def price_book(symbol: str, market: Market, now: str) -> Document:
    """Return the top of a book; a side that the account's file does not know is where the last trade was."""
    sides = {"bids": market.bid, "asks": market.ask}
    prices = {name: market.last if price is None else price for name, price in sides.items()}
    levels = {name: [{"price": plain(price), "size": "1"}] if price else [] for name, price in prices.items()}
    return {"product_id": product_id(symbol), **levels, "time": now}


def account_document(currency: str, quote: str, free: Decimal, held: Decimal, created: str) -> Document:
    return {
        "uuid": new_uuid(f"account {currency}"),
        "name": f"{currency} Wallet",
        "currency": currency,
        "available_balance": amount(free, currency),
        "default": True,
        "active": True,
        "created_at": created,
        "updated_at": created,
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if currency == quote else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": amount(held, currency),
        "retail_portfolio_id": new_uuid("portfolio"),
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def wallet_document(currency: str, total: Decimal) -> Document:
    """Return a balance as the older API does: one number, with what is held and staked in it."""
    return {
        "id": new_uuid(f"account {currency}"),
        "name": f"{currency} Wallet",
        "primary": False,
        "type": "wallet",
        "currency": {"code": currency, "name": currency, "exponent": 8, "type": "crypto"},
        "balance": {"amount": plain(total), "currency": currency},
        "resource": "account",
    }


def configuration(order: PaperOrder) -> Document:
    """Describe what was asked for."""
    size = {"base_size": plain(order.quantity)}
    limit = {"limit_price": plain(order.price or ZERO)}
    if order.trigger_price is not None:
        direction = "STOP_DIRECTION_STOP_UP" if order.side == "buy" else "STOP_DIRECTION_STOP_DOWN"
        stop = {"stop_price": plain(order.trigger_price), "stop_direction": direction}
        return {"stop_limit_stop_limit_gtc": size | limit | stop}
    if order.price is not None:
        return {"limit_limit_gtc": size | limit | {"post_only": False}}
    return {"market_market_ioc": size}


def order_document(order: PaperOrder, asked: Document | None) -> Document:
    """Return an order; what was filled before the account came here is told at its own price."""
    earlier = order.earlier * (order.price or order.trigger_price or ZERO)
    value = sum_exactly(fill.quantity * fill.price for fill in order.fills) + earlier
    fees = money_fee(order.fills)
    types = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP", "stop_limit": "STOP_LIMIT"}
    rests = order.type != "market"
    return {
        "order_id": new_uuid(order.id),
        "product_id": product_id(order.symbol),
        "user_id": new_uuid("user"),
        "order_configuration": asked or configuration(order),
        "side": order.side.upper(),
        "client_order_id": order.client_order_id or new_uuid(f"client id of {order.id}"),
        "status": _STATUS[order.status],
        "time_in_force": "GOOD_UNTIL_CANCELLED" if rests else "IMMEDIATE_OR_CANCEL",
        "created_time": time_text(order.created_at) if order.created_at else "1970-01-01T00:00:00Z",
        "completion_percentage": plain((order.filled / order.quantity * 100).quantize(Decimal("0.01"))),
        "filled_size": plain(order.filled),
        "average_filled_price": plain(value / order.filled if order.filled else ZERO),
        "fee": "",
        "number_of_fills": str(len(order.fills)),
        "filled_value": plain(value),
        "pending_cancel": False,
        "size_in_quote": False,
        "total_fees": plain(fees),
        "size_inclusive_of_fees": False,
        "total_value_after_fees": plain(value - fees if order.side == "sell" else value + fees),
        "trigger_status": "STOP_PENDING" if order.fires_above is not None else "INVALID_ORDER_TYPE",
        "order_type": types.get(order.type, "MARKET"),
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": order.status != "open",
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "User requested cancel" if order.status == "cancelled" else "",
        "last_fill_time": time_text(order.fills[-1].at) if order.fills else None,
    }


def fill_document(trade: Execution) -> Document:
    return {
        "entry_id": new_uuid(f"entry {trade.id}"),
        "trade_id": new_uuid(f"trade {trade.id}"),
        "order_id": new_uuid(trade.order),
        "trade_time": time_text(trade.at),
        "trade_type": "FILL",
        "price": plain(trade.price),
        "size": plain(trade.quantity),
        "commission": plain(trade.fee),
        "product_id": product_id(trade.symbol),
        "sequence_timestamp": time_text(trade.at),
        "liquidity_indicator": "MAKER" if trade.maker else "TAKER",
        "size_in_quote": False,
        "user_id": new_uuid("user"),
        "side": trade.side.upper(),
    }


def taken_document(report: OrderReport, asked: Document) -> Document:
    """Answer an order that was taken; nothing is said of its status."""
    order = {
        "order_id": new_uuid(report.order_id),
        "product_id": product_id(report.symbol),
        "side": report.side.upper(),
        "client_order_id": report.client_order_id,
    }
    return {"success": True, "success_response": order, "order_configuration": asked}


def words_of(refused: Refused) -> tuple[str, str]:
    """Return why an order is refused: the reason, and the preview's."""
    return REFUSALS.get(refused.reason, (_UNKNOWN, "UNKNOWN_PREVIEW_FAILURE_REASON"))


def preview_document(asked: Document, against: str | None) -> Document:
    """Return what an order would come to, and what is against it."""
    sizes: Document = next(iter(asked.values()), {})
    return {
        "order_total": "0",
        "commission_total": "0",
        "errs": [] if against is None else [against],
        "warning": [],
        "quote_size": str(sizes.get("quote_size", "0")),
        "base_size": str(sizes.get("base_size", "0")),
        "best_bid": "0",
        "best_ask": "0",
        "is_max": False,
        "preview_id": "" if against else new_uuid("preview"),
    }


def refused_document(reason: str, preview: str, message: str, asked: Document) -> Document:
    error = {"error": reason, "message": message, "error_details": "", "preview_failure_reason": preview}
    return {"success": False, "error_response": error, "order_configuration": asked}
