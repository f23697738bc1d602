"""Binance: https://developers.binance.com/docs/binance-spot-api-docs/errors, and /derivatives for USD-M futures."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.BELOW_MIN_NOTIONAL: ("-4164",),
        RefusalReason.BELOW_MIN_AMOUNT: codes("-4003 -4004"),
        RefusalReason.ABOVE_MAX_AMOUNT: ("-4005",),
        RefusalReason.AMOUNT_STEP: codes("-1111 -4023"),
        RefusalReason.PRICE_STEP: ("-4014",),
        RefusalReason.INVALID_PRICE: codes("-4001 -4002 -4006 -4007 -4013 -4016 -4024 -4131 -4183 -4210 -4211"),
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: ("-4116",),
        RefusalReason.REDUCE_ONLY: codes("-2022 -4118"),
        RefusalReason.TRIGGER_SIDE: ("-2021",),
        # No orders in the book, none that could fill it, none at the best price.
        RefusalReason.NO_PRICE: codes("-1112 -2020 -5041"),
        RefusalReason.INSUFFICIENT_BALANCE: codes("-2018 -2019 -2024 -2028 -4050 -4051"),
        RefusalReason.UNKNOWN_SYMBOL: ("-1121",),
        RefusalReason.MARKET_INACTIVE: ("-4141",),
        RefusalReason.UNKNOWN_ORDER: codes("-2011 -2013"),
        RefusalReason.PERMISSION_DENIED: codes(
            "-1002 -1011 -1022 -1099 -2008 -2014 -2015 -2017 -4087 -4088 -4400 -4401 -4402"
        ),
        RefusalReason.UNSUPPORTED: codes("-1020 -2026 -4120 -5025"),
        RefusalReason.RATE_LIMITED: codes("-1003 -1015"),
        RefusalReason.OTHER: codes(
            "-1013 -1014 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1114 -1115 -1116 -1117 -1118 -1119 -1120 "
            "-1127 -1128 -1130 -2010 -2023 -2025 -2027 -4015 -4045 -4060 -4061 -4062 -5021 -5022"
        ),
    },
    # The venue timed out or broke inside, or finds the request too old, as it does one that is delivered twice.
    unknown=codes("-1000 -1001 -1004 -1006 -1007 -1008 -1010 -1016 -1021 -5028"),
    words={
        "liquidity is less": RefusalReason.NO_PRICE,
        "NOTIONAL": RefusalReason.BELOW_MIN_NOTIONAL,
        "LOT_SIZE": RefusalReason.AMOUNT_STEP,
        "PERCENT_PRICE": RefusalReason.INVALID_PRICE,
        "PRICE_FILTER": RefusalReason.PRICE_STEP,
        "insufficient balance": RefusalReason.INSUFFICIENT_BALANCE,
        "Duplicate order sent.": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
        "would trigger immediately": RefusalReason.TRIGGER_SIDE,
        "Market is closed.": RefusalReason.MARKET_INACTIVE,
        "not supported for this symbol": RefusalReason.UNSUPPORTED,
        "for this account.": RefusalReason.PERMISSION_DENIED,
        "Unknown order sent.": RefusalReason.UNKNOWN_ORDER,
    },
)
