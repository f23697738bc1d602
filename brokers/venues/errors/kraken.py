"""Kraken: https://docs.kraken.com/api/docs/guides/spot-errors."""

from __future__ import annotations

from exitplan.brokers.live.errors import ErrorTable
from exitplan.brokers.protocol import RefusalReason

ERRORS = ErrorTable(
    refused={
        RefusalReason.INSUFFICIENT_BALANCE: (
            "EOrder:Insufficient funds",
            "EOrder:Insufficient margin",
            "EOrder:Margin level too low",
        ),
        RefusalReason.DUPLICATE_CLIENT_ORDER_ID: ("EOrder:Duplicate client order id",),
        RefusalReason.BELOW_MIN_AMOUNT: (
            "EOrder:Order minimum not met",
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        RefusalReason.BELOW_MIN_NOTIONAL: ("EOrder:Cost minimum not met",),
        RefusalReason.INVALID_PRICE: ("EOrder:Invalid price", "EGeneral:Invalid arguments:price"),
        RefusalReason.PRICE_STEP: ("EOrder:Tick size check failed",),
        RefusalReason.UNKNOWN_SYMBOL: (
            "EGeneral:Invalid arguments:pair",
            "EQuery:Invalid asset pair",
            "EQuery:Unknown asset",
            "EQuery:Unknown asset pair",
        ),
        RefusalReason.MARKET_INACTIVE: (
            "EService:Market in cancel_only mode",
            "EService:Market in post_only mode",
            "EService:Market in limit_only mode",
            "EService:Market in reduce_only mode",
        ),
        RefusalReason.UNKNOWN_ORDER: ("EOrder:Unknown order",),
        RefusalReason.REDUCE_ONLY: ("EOrder:Reduce only:No position exists",),
        RefusalReason.PERMISSION_DENIED: (
            "EAPI:Invalid key",
            "EAPI:Invalid signature",
            "EGeneral:Permission denied",
            "EAccount:Invalid permissions",
            "EAuth:Account temporary disabled",
            "EAuth:Account unconfirmed",
            "EOrder:Trading agreement required",
            "ESession:Invalid session",
            "ETrade:User Locked",
        ),
        RefusalReason.UNSUPPORTED: ("EGeneral:Unknown method",),
        RefusalReason.RATE_LIMITED: (
            "EAPI:Rate limit exceeded",
            "EAuth:Rate limit exceeded",
            "EAuth:Too many requests",
            "EGeneral:Temporary lockout",
            "EGeneral:Too many requests",
            "EOrder:Domain rate limit exceeded",
            "EOrder:Rate limit exceeded",
            "EService:Throttled",
        ),
        RefusalReason.OTHER: (
            "EBM:limit exceeded",
            "EGeneral:Invalid arguments",
            "EOrder:Cannot open opposing position",
            "EOrder:Cannot open position",
            "EOrder:Invalid order",
            "EOrder:Margin allowance exceeded",
            "EOrder:Margin position size exceeded",
            "EOrder:Orders limit exceeded",
            "EOrder:Positions limit exceeded",
            "EOrder:Post only order",
            "EOrder:Scheduled orders limit exceeded",
            "EOrder:Unknown position",
            "ETrade:Invalid request",
        ),
    },
    # The venue broke inside, finds the request too old, as it does one that is delivered twice, or cancelled what was
    # left of an order that was filled in part.
    unknown=(
        "EAPI:Invalid nonce",
        "EDatabase:Internal error",
        "EGeneral:Internal error",
        "EOrder:Reduce only:Position is closed",
        "EService:Busy",
        "EService:Deadline elapsed",
        "EService:Timeout",
        "EService:Unavailable",
    ),
)
