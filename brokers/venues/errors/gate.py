"""Gate: https://www.gate.com/docs/developers/apiv4/en/#label-list."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.ORDER_CLOSED: codes("ORDER_CLOSED ORDER_CANCELLED ORDER_FINISHED"),
        RefusalReason.UNKNOWN_ORDER: codes("ORDER_NOT_FOUND CLIENT_ID_NOT_FOUND AUTO_ORDER_NOT_FOUND"),
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: codes("REPEATED_CREATION"),
        RefusalReason.INSUFFICIENT_BALANCE: codes(
            "BALANCE_NOT_ENOUGH FUTURES_BALANCE_NOT_ENOUGH MARGIN_BALANCE_NOT_ENOUGH INSUFFICIENT_AVAILABLE "
            "QUANTITY_NOT_ENOUGH"
        ),
        RefusalReason.BELOW_MIN_AMOUNT: codes("AMOUNT_TOO_LITTLE SIZE_TOO_SMALL"),
        RefusalReason.ABOVE_MAX_AMOUNT: codes("AMOUNT_TOO_MUCH SIZE_TOO_LARGE"),
        RefusalReason.AMOUNT_STEP: codes("INVALID_PRECISION"),
        RefusalReason.INVALID_PRICE: codes(
            "PRICE_TOO_DEVIATED PRICE_THRESHOLD_EXCEEDED PRICE_OVER_LIQUIDATION PRICE_OVER_BANKRUPT"
        ),
        RefusalReason.REDUCE_ONLY: codes("POSITION_EMPTY INCREASE_POSITION"),
        RefusalReason.TRIGGER_SIDE: codes("AUTO_TRIGGER_PRICE_LESS_LAST AUTO_TRIGGER_PRICE_GREATE_LAST"),
        RefusalReason.UNKNOWN_SYMBOL: codes("INVALID_CURRENCY INVALID_CURRENCY_PAIR CONTRACT_NOT_FOUND"),
        RefusalReason.MARKET_INACTIVE: codes("CONTRACT_IN_DELISTING"),
        RefusalReason.PERMISSION_DENIED: codes(
            "AUTHENTICATION_FAILED INVALID_CREDENTIALS INVALID_KEY INVALID_SIGNATURE IP_FORBIDDEN READ_ONLY FORBIDDEN "
            "MISSING_REQUIRED_HEADER ACCOUNT_LOCKED SUB_ACCOUNT_LOCKED TRADE_RESTRICTED"
        ),
        RefusalReason.RATE_LIMITED: codes("TOO_FAST TOO_MANY_REQUESTS"),
        RefusalReason.OTHER: codes(
            "INVALID_PARAM_VALUE INVALID_PROTOCOL INVALID_ARGUMENT INVALID_REQUEST_BODY MISSING_REQUIRED_PARAM "
            "BAD_REQUEST POC_FILL_IMMEDIATELY ORDER_POC_IMMEDIATE TOO_MANY_ORDERS RISK_LIMIT_EXCEEDED "
            "LIQUIDATE_IMMEDIATELY POSITION_IN_LIQUIDATION POSITION_IN_CLOSE"
        ),
    },
    # The venue broke inside, or finds the request too old, as it does one that is delivered twice.
    unknown=codes("INTERNAL SERVER_ERROR TOO_BUSY REQUEST_EXPIRED"),
    words={
        "too small": RefusalReason.BELOW_MIN_NOTIONAL,
        "The minimum is": RefusalReason.BELOW_MIN_NOTIONAL,
    },
)
