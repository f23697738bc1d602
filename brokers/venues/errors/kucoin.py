"""KuCoin: https://www.kucoin.com/docs-new/error-code, spot and futures."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable, codes
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: codes("102426 126033 126044 300018"),
        RefusalReason.INSUFFICIENT_BALANCE: codes(
            "102421 126013 130105 130203 130301 200004 200005 210021 230003 300003 330008"
        ),
        RefusalReason.BELOW_MIN_NOTIONAL: codes("126003 600100 600101"),
        RefusalReason.BELOW_MIN_AMOUNT: ("102435",),
        RefusalReason.ABOVE_MAX_AMOUNT: ("102434",),
        RefusalReason.INVALID_PRICE: codes("102429 126022 126029 126030 300007 300011 300012 400330 400370 400760"),
        RefusalReason.ORDER_CLOSED: ("100004",),
        RefusalReason.UNKNOWN_ORDER: codes("102436 126043 order_not_exist"),
        RefusalReason.REDUCE_ONLY: ("300009",),
        RefusalReason.UNKNOWN_SYMBOL: codes("100003 400000 400600 900001"),
        RefusalReason.MARKET_INACTIVE: codes("126004 126006 126007 126009 126010 126015 200001 300002 300015 600203"),
        RefusalReason.PERMISSION_DENIED: codes(
            "401 40010 101030 112010 126005 126047 126048 200009 400001 400003 400004 400005 400006 400007 400200 "
            "400303 400401 400500 411100"
        ),
        RefusalReason.UNSUPPORTED: codes(
            "403 404 405 415 126001 126021 126027 126028 126045 126046 130106 400008 404000 415000"
        ),
        # 200002 was once told of a market that takes no cancels, which passes as well.
        RefusalReason.RATE_LIMITED: codes("429 1015 200002 429000"),
        RefusalReason.OTHER: codes(
            "400 100001 102411 102427 126002 126011 126042 200003 300000 300001 300004 300005 "
            "300014 300016 330005 330012 400100 400350 400400 401000"
        ),
    },
    # The venue timed out or broke inside, is still at it, or finds the request too old, as one delivered twice.
    unknown=codes("500 503 102428 126038 126039 126041 230005 400002 408000 500000"),
    words={
        "clientOidDuplicated": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
        "Funds below the minimum requirement": RefusalReason.BELOW_MIN_NOTIONAL,
        "below the minimum requirement": RefusalReason.BELOW_MIN_AMOUNT,
        "Order size increment invalid": RefusalReason.AMOUNT_STEP,
        "rder not exist": RefusalReason.UNKNOWN_ORDER,
        "order_not_exist": RefusalReason.UNKNOWN_ORDER,
        "The order does not exist": RefusalReason.UNKNOWN_ORDER,
        "orderNotExist": RefusalReason.UNKNOWN_ORDER,
        "Unsupported trading pair": RefusalReason.UNKNOWN_SYMBOL,
        "Exceeded the access frequency": RefusalReason.RATE_LIMITED,
        "require more permission": RefusalReason.PERMISSION_DENIED,
        "Balance insufficient": RefusalReason.INSUFFICIENT_BALANCE,
        "account.available.amount": RefusalReason.INSUFFICIENT_BALANCE,
    },
)
