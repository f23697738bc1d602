"""Coinbase: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/create-order.

The venue puts ``PREVIEW_`` before a reason where it looks at an order before it takes it in; here it is left out.
"""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.INSUFFICIENT_BALANCE: codes(
            "INSUFFICIENT_FUND INSUFFICIENT_FUNDS INSUFFICIENT_FUNDS_FOR_FUTURES INSUFFICIENT_LEDGER_BALANCE "
            "INVALID_LEDGER_BALANCE"
        ),
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: ("DUPLICATE_CLIENT_ORDER_ID",),
        RefusalReason.BELOW_MIN_AMOUNT: codes("INVALID_BASE_SIZE_TOO_SMALL"),
        RefusalReason.BELOW_MIN_NOTIONAL: codes(
            "INVALID_QUOTE_SIZE_TOO_SMALL NOTIONAL_SIZE_BREACHES_FRACTIONAL_MINIMUM ORDER_ENTRY_MIN_NOTIONAL"
        ),
        RefusalReason.ABOVE_MAX_AMOUNT: codes("INVALID_BASE_SIZE_TOO_LARGE"),
        RefusalReason.ABOVE_MAX_NOTIONAL: codes("INVALID_QUOTE_SIZE_TOO_LARGE"),
        RefusalReason.AMOUNT_STEP: codes("INVALID_SIZE_PRECISION INVALID_QUOTE_SIZE_PRECISION"),
        RefusalReason.PRICE_STEP: codes(
            "INVALID_PRICE_PRECISION INVALID_LIMIT_PRICE_PRECISION INVALID_STOP_PRICE_PRECISION "
            "INVALID_STOP_TRIGGER_PRICE_PRECISION"
        ),
        RefusalReason.INVALID_PRICE: codes(
            "INVALID_LIMIT_PRICE INVALID_LIMIT_PRICE_POST_ONLY INVALID_PRICE_TOO_LARGE INVALID_STOP_PRICE "
            "BREACHED_PRICE_LIMIT LIMIT_PRICE_TOO_FAR_FROM_MARKET LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY "
            "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL STOP_PRICE_ABOVE_LIMIT_PRICE STOP_PRICE_BELOW_LIMIT_PRICE "
            "STOP_TRIGGER_PRICE_OUT_OF_BOUNDS"
        ),
        RefusalReason.TRIGGER_SIDE: codes("STOP_PRICE_ABOVE_LAST_TRADE_PRICE STOP_PRICE_BELOW_LAST_TRADE_PRICE"),
        RefusalReason.NO_PRICE: codes("INVALID_NO_LIQUIDITY MISSING_MARKET_TRADE_DATA MISSING_PRODUCT_PRICE_BOOK"),
        RefusalReason.UNKNOWN_SYMBOL: codes("INVALID_PRODUCT_ID"),
        RefusalReason.MARKET_INACTIVE: codes(
            "NOT_ALLOWED_BY_MARKET_STATE ORDER_ENTRY_DISABLED PRODUCT_TRADING_HALTED TRADING_DISABLED "
            "UNTRADABLE_PRODUCT"
        ),
        RefusalReason.PERMISSION_DENIED: codes(
            "PERMISSION_DENIED GEOFENCING_RESTRICTION INELIGIBLE_PAIR invalid_scope revoked_token"
        ),
        RefusalReason.RATE_LIMITED: codes(
            "RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED rate_limit_exceeded resource_exhausted"
        ),
        RefusalReason.UNSUPPORTED: codes(
            "UNSUPPORTED_ORDER_CONFIGURATION UNSUPPORTED_ORDER_TYPE INVALID_UNSUPPORTED_INSTRUMENT"
        ),
        RefusalReason.OTHER: codes(
            "INVALID_ARGUMENT INVALID_REQUEST INVALID_SIDE INVALID_ORDER_CONFIG BREACHED_RISK_LIMIT IN_LIQUIDATION "
            "COMMANDER_REJECTED_NEW_ORDER COMPLIANCE_PURCHASE_LIMIT_EXCEEDED MAX_DAILY_VOLUME_NOTIONAL_BREACHED "
            "NON_NUMERIC_ORDER_SIZE invalid_request param_required validation_error"
        ),
    },
    # The venue broke inside, does not say what went wrong, or finds a token too old, as of a request delivered twice.
    unknown=codes(
        "UNKNOWN_FAILURE_REASON UNKNOWN INTERNAL DEADLINE_EXCEEDED ABORTED CANCELLED UNAVAILABLE RISK_PROXY_FAILURE "
        "UNAUTHENTICATED authentication_error expired_token internal_server_error invalid_token unauthorized"
    ),
)
