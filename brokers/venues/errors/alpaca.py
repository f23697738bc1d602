"""Alpaca: https://docs.alpaca.markets/docs/working-with-orders: few codes, each for much that its words tell apart."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.UNKNOWN_ORDER: ("40410000",),
        RefusalReason.PERMISSION_DENIED: codes("40110000 40310100"),
        RefusalReason.RATE_LIMITED: ("42910000",),
        RefusalReason.OTHER: codes("40010000 40010001 40310000 42210000"),
    },
    words={
        "client_order_id must be unique": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
        "client_order_id already exists": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
        "is already in": RefusalReason.ORDER_CLOSED,
        "cannot be cancel": RefusalReason.ORDER_CLOSED,
        "is not cancelable": RefusalReason.ORDER_CLOSED,
        "is not tradable": RefusalReason.MARKET_INACTIVE,
        "is not active": RefusalReason.MARKET_INACTIVE,
        "cost basis must be": RefusalReason.BELOW_MIN_NOTIONAL,
        "minimal amount": RefusalReason.BELOW_MIN_NOTIONAL,
        "minimal qty": RefusalReason.BELOW_MIN_AMOUNT,
        "insufficient": RefusalReason.INSUFFICIENT_BALANCE,
        "not enough": RefusalReason.INSUFFICIENT_BALANCE,
        "orders are rejected by user request": RefusalReason.PERMISSION_DENIED,
        "restricted": RefusalReason.PERMISSION_DENIED,
        "not allowed": RefusalReason.PERMISSION_DENIED,
        "not authorized": RefusalReason.PERMISSION_DENIED,
        "day trading": RefusalReason.PERMISSION_DENIED,
        "liquidation only": RefusalReason.PERMISSION_DENIED,
        "not eligible": RefusalReason.PERMISSION_DENIED,
        "sub-penny increment": RefusalReason.PRICE_STEP,
        "decimal places": RefusalReason.PRICE_STEP,
        "stop price must be": RefusalReason.TRIGGER_SIDE,
        "stop_price must be": RefusalReason.TRIGGER_SIDE,
        "invalid symbol": RefusalReason.UNKNOWN_SYMBOL,
        "could not find asset": RefusalReason.UNKNOWN_SYMBOL,
        "asset not found": RefusalReason.UNKNOWN_SYMBOL,
        '" not found': RefusalReason.UNKNOWN_SYMBOL,
        "order not found": RefusalReason.UNKNOWN_ORDER,
    },
)
