"""Bybit: https://bybit-exchange.github.io/docs/v5/error."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: codes("110072 170141 12141"),
        RefusalReason.INSUFFICIENT_BALANCE: codes(
            "110004 110006 110007 110012 110014 110044 110045 110051 110052 110053 170033 170034 170131 170223 170226"
        ),
        RefusalReason.BELOW_MIN_NOTIONAL: codes("110094 170140"),
        RefusalReason.BELOW_MIN_AMOUNT: ("170136",),
        RefusalReason.ABOVE_MAX_AMOUNT: codes("170124 170135 170341 170381 170382"),
        RefusalReason.AMOUNT_STEP: codes("12137 170137 170148"),
        RefusalReason.PRICE_STEP: ("170134",),
        RefusalReason.INVALID_PRICE: codes(
            "30208 30209 110003 110120 110121 170132 170133 170192 170193 170194 170203 170204 170371 170372"
        ),
        RefusalReason.TRIGGER_SIDE: codes("110092 110093"),
        RefusalReason.NO_PRICE: ("110118",),
        RefusalReason.UNKNOWN_SYMBOL: codes("170121 170221"),
        RefusalReason.MARKET_INACTIVE: codes("110063 110066 110070 110074 170151 170157 170159 170206"),
        RefusalReason.REDUCE_ONLY: ("110017",),
        RefusalReason.ORDER_CLOSED: codes("110008 110010 170139 170142 170190"),
        RefusalReason.UNKNOWN_ORDER: codes("110001 170143 170213"),
        RefusalReason.PERMISSION_DENIED: codes(
            "-2015 10003 10004 10005 10007 10008 10009 10010 10020 10024 10027 10028 10029 33004 110065 110067 110068 "
            "110069 110123 110125 110132 170209 170219 170224 170241"
        ),
        RefusalReason.UNSUPPORTED: codes("170145 170217 170227"),
        RefusalReason.RATE_LIMITED: codes("10006 10018 10429 170005 170222"),
        RefusalReason.OTHER: codes(
            "10001 10017 110009 110011 110016 110020 110021 110022 110023 110032 110034 110040 110042 110057 110090 "
            "170105 170115 170116 170117 170130 170201 170202 170210 170218 170228 170229 170810"
        ),
    },
    # The venue timed out or broke inside, has taken the order in, is still at it, or has seen the request before.
    unknown=codes(
        "-1 429 5004 10000 10002 10014 10016 110079 131201 170001 170007 170032 170035 170144 170146 170147 170149 "
        "170150 170191 170212 170234 3400214"
    ),
)
