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
        RefusalReason.INVALID_PRICE: codes("-4001 -4002 -4006 -4007 -4013 -4016 -4024 -4131 -4183 -4184 -4210 -4211"),
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: ("-4116",),
        RefusalReason.REDUCE_ONLY: codes("-2022 -4118"),
        RefusalReason.TRIGGER_SIDE: codes("-2021 -4142"),
        # No orders in the book, none that could fill it, none at the best price.
        RefusalReason.NO_PRICE: codes("-1112 -2020 -5041"),
        RefusalReason.INSUFFICIENT_BALANCE: codes("-2018 -2019 -2024 -2028 -4050 -4051"),
        RefusalReason.UNKNOWN_SYMBOL: codes("-1121 -1126 -4144"),
        RefusalReason.MARKET_INACTIVE: codes("-4140 -4141 -5024"),
        RefusalReason.UNKNOWN_ORDER: ("-2013",),
        RefusalReason.PERMISSION_DENIED: codes(
            "-1002 -1011 -1022 -1099 -1109 -2008 -2014 -2015 -2017 -4087 -4088 -4109 -4192 -4202 -4400 -4401 "
            "-4402 -4403"
        ),
        RefusalReason.UNSUPPORTED: codes("-1020 -2026 -4120 -5025"),
        RefusalReason.RATE_LIMITED: codes("-1003 -1015"),
        RefusalReason.OTHER: codes(
            "-1013 -1014 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1110 -1113 -1114 -1115 -1116 -1117 "
            "-1118 -1119 -1120 -1122 -1127 -1128 -1130 -1131 -1134 -1135 -1136 -1145 -1182 -1220 -2010 -2011 "
            "-2023 -2025 -2027 -2039 -4015 -4045 -4055 -4060 -4061 -4062 -4135 -4136 -4137 -4138 -4139 -5021 "
            "-5022"
        ),
    },
    # The venue timed out or broke inside, or finds the request too old, as it does one that is delivered twice.
    unknown=codes("-1000 -1001 -1004 -1006 -1007 -1008 -1010 -1016 -1021 -5028"),
    words={
        "liquidity is": RefusalReason.NO_PRICE,
        "QTY is zero or less": RefusalReason.BELOW_MIN_NOTIONAL,
        "NOTIONAL": RefusalReason.BELOW_MIN_NOTIONAL,
        "LOT_SIZE": RefusalReason.AMOUNT_STEP,
        "PERCENT_PRICE": RefusalReason.INVALID_PRICE,
        "PRICE_FILTER": RefusalReason.PRICE_STEP,
        "insufficient": RefusalReason.INSUFFICIENT_BALANCE,
        "Duplicate order sent.": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
        "would trigger immediately": RefusalReason.TRIGGER_SIDE,
        "Market is closed.": RefusalReason.MARKET_INACTIVE,
        "not support": RefusalReason.UNSUPPORTED,
        "Unsupported": RefusalReason.UNSUPPORTED,
        "this account": RefusalReason.PERMISSION_DENIED,
        "This account": RefusalReason.PERMISSION_DENIED,
        "trading is not enabled": RefusalReason.PERMISSION_DENIED,
        "Unknown order sent.": RefusalReason.UNKNOWN_ORDER,
        "CANCEL_REJECTED": RefusalReason.UNKNOWN_ORDER,
    },
)
