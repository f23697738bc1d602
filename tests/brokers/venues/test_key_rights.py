"""What a key may do, in the recorded form of each venue that tells it."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.brokers.inspection import KeyRights
from exitplan.brokers.venues import KNOWN
from exitplan.brokers.venues.key_rights import TELLING
from tests.brokers.venues.recorded import MADE_UP_WORDS, Replies, at_venue

BINANCE = {
    "ipRestrict": False,
    "createTime": 1698645219000,
    "enableReading": True,
    "enableWithdrawals": True,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": True,
    "permitsUniversalTransfer": True,
    "enableVanillaOptions": False,
    "enableSpotAndMarginTrading": True,
}
BYBIT = {
    "id": "13770661",
    "readOnly": 0,
    "permissions": {
        "ContractTrade": [],
        "Spot": ["SpotTrade"],
        "Wallet": ["AccountTransfer", "Withdraw"],
        "Options": [],
        "BlockTrade": ["BlockTrade"],
    },
    "ips": ["*"],
}
KRAKEN = {"permissions": ["query-funds", "query-open-trades", "modify-trades", "withdraw-funds"], "ipAllowlist": []}
KUCOIN = {"apiVersion": 3, "permission": "General,Spot,InnerTransfer", "ipWhitelist": "203.0.113.7"}
CASES: list[tuple[str, str, Any, set[str], bool | None]] = [
    (
        *("binance", "GET /sapi/v1/account/apiRestrictions", BINANCE),
        *({"read", "spot", "futures", "transfer", "withdraw"}, False),
    ),
    (
        *("bybit", "GET /v5/user/query-api", {"retCode": 0, "retMsg": "", "result": BYBIT}),
        *({"read", "spot", "transfer", "withdraw", "BlockTrade"}, False),
    ),
    (
        *("bybit", "GET /v5/user/query-api"),
        {"retCode": 0, "retMsg": "", "result": {**BYBIT, "readOnly": 1, "ips": ["203.0.113.7"]}},
        *({"read"}, True),
    ),
    (
        *("okx", "GET /api/v5/account/config"),
        {"code": "0", "msg": "", "data": [{"uid": "1", "perm": "read_only,trade", "ip": ""}]},
        *({"read", "trade"}, False),
    ),
    (
        *("coinbase", "GET /api/v3/brokerage/key_permissions"),
        {"can_view": True, "can_trade": True, "can_transfer": True, "portfolio_type": "DEFAULT"},
        *({"read", "trade", "withdraw"}, None),
    ),
    (
        *("kraken", "POST /0/private/GetApiKeyInfo", {"error": [], "result": KRAKEN}),
        *({"read", "trade", "withdraw"}, False),
    ),
    (
        *("kucoin", "GET /api/v1/user/api-key", {"code": "200000", "data": KUCOIN}),
        *({"read", "spot", "transfer"}, True),
    ),
]


@pytest.mark.parametrize(("venue", "question", "reply", "rights", "is_bound"), CASES)
def test_a_venue_tells_what_a_key_may_do(
    venue: str, question: str, reply: Any, rights: set[str], is_bound: bool | None
) -> None:
    with at_venue(venue, Replies({question: reply}), password=MADE_UP_WORDS) as recorded:
        told = recorded.broker.inspect()
        assert (told.rights, told.problem) == (KeyRights(frozenset(rights), is_bound), None)


def test_every_known_venue_tells_or_is_told_as_silent() -> None:
    assert set(KNOWN) - set(TELLING) == {"alpaca", "gate"}
    with at_venue("gate", Replies({})) as recorded:
        assert recorded.broker.inspect().rights is None
        assert recorded.sent == []


@pytest.mark.parametrize("reply", [{"code": "200000", "data": {}}, {"code": "200000", "data": None}, []])
def test_a_reply_without_rights_is_no_answer(reply: Any) -> None:
    with at_venue("kucoin", Replies({"GET /api/v1/user/api-key": reply}), password=MADE_UP_WORDS) as recorded:
        told = recorded.broker.inspect()
        assert told.rights is None
        assert "the rights of the key" in str(told.problem)


def test_only_what_nobody_needs_for_these_markets_is_unneeded() -> None:
    rights = KeyRights(frozenset({"read", "spot", "futures", "withdraw", "transfer"}))
    assert rights.unneeded(frozenset({"spot"})) == ("futures", "transfer")
    assert rights.unneeded(frozenset({"spot", "swap"})) == ("transfer",)
