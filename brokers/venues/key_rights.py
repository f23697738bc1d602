"""What a key may do, as venues tell it: the question of each, and how its answer is read.

Gate and Alpaca do not tell a key of its own rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from exitplan.brokers.inspection import FUTURES, READ, SPOT, TRADE, WITHDRAW, KeyRights
from exitplan.brokers.live.parsing import BadReply

Exchange = Any
"""A ccxt client, which has no types of its own."""

_BINANCE = {
    "enableReading": READ,
    "enableSpotAndMarginTrading": SPOT,
    "enableFutures": FUTURES,
    "enableWithdrawals": WITHDRAW,
    "enableMargin": "borrow on margin",
    "enableVanillaOptions": "options",
    "enableInternalTransfer": "transfer",
    "permitsUniversalTransfer": "transfer",
    "enablePortfolioMarginTrading": "portfolio margin",
}
_BYBIT = {"Spot": SPOT, "ContractTrade": FUTURES, "Derivatives": FUTURES, "Exchange": READ}
_OKX = {"read_only": READ, "trade": TRADE, "withdraw": WITHDRAW}
_COINBASE = {"can_view": READ, "can_trade": TRADE, "can_transfer": WITHDRAW}
_KRAKEN = {
    **dict.fromkeys(("query-funds", "query-open-trades", "query-closed-trades", "query-ledger"), READ),
    **dict.fromkeys(("export-data", "access-websockets"), READ),
    **dict.fromkeys(("modify-trades", "close-trades"), TRADE),
    "withdraw-funds": WITHDRAW,
}
_KUCOIN = {
    "General": READ,
    "Trade": TRADE,
    "Spot": SPOT,
    "Futures": FUTURES,
    "Transfer": WITHDRAW,
    "Withdrawal": WITHDRAW,
    "InnerTransfer": "transfer",
}


def read_key_rights(venue: str, exchange: Exchange) -> KeyRights | None:
    """Ask a venue what the key may do; None where it does not tell. Raises BadReply, and what ccxt raises."""
    question = TELLING.get(venue)
    return None if question is None else question(exchange)


def _binance(exchange: Exchange) -> KeyRights:
    """Ask Binance.

    https://developers.binance.com/docs/wallet/account/api-key-permission
    """
    reply = _of(exchange.sapiGetAccountApiRestrictions(), "enableWithdrawals")
    return KeyRights(_flags(reply, _BINANCE), bool(reply.get("ipRestrict")))


def _bybit(exchange: Exchange) -> KeyRights:
    """Ask Bybit.

    https://bybit-exchange.github.io/docs/v5/user/apikey-info
    """
    reply = _of(_of(exchange.privateGetV5UserQueryApi(), "result")["result"], "permissions")
    bound = [address for address in reply.get("ips") or () if address != "*"]
    if str(reply.get("readOnly")) == "1":
        return KeyRights(frozenset({READ}), bool(bound))
    rights = {READ}
    for kind, details in reply["permissions"].items():
        if kind == "Wallet":
            rights |= {WITHDRAW if str(detail) == "Withdraw" else "transfer" for detail in details or ()}
        elif details:
            rights.add(_BYBIT.get(str(kind), str(kind)))
    return KeyRights(frozenset(rights), bool(bound))


def _okx(exchange: Exchange) -> KeyRights:
    """Ask OKX.

    https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-account-configuration
    """
    entries = _of(exchange.privateGetAccountConfig(), "data")["data"]
    reply = _of(entries[0] if entries else None, "perm")
    return KeyRights(_named(str(reply["perm"]).split(","), _OKX), bool(reply.get("ip")) if "ip" in reply else None)


def _coinbase(exchange: Exchange) -> KeyRights:
    """Ask Coinbase.

    https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/data-api/get-api-key-permissions
    """
    return KeyRights(_flags(_of(exchange.v3PrivateGetBrokerageKeyPermissions(), "can_view"), _COINBASE))


def _kraken(exchange: Exchange) -> KeyRights:
    """Ask Kraken.

    https://docs.kraken.com/api-reference/account-data/get-api-key-info
    """
    reply = _of(_of(exchange.privatePostGetApiKeyInfo(), "result")["result"], "permissions")
    bound = reply.get("ipAllowlist")
    return KeyRights(_named(reply["permissions"], _KRAKEN), bool(bound) if isinstance(bound, list) else None)


def _kucoin(exchange: Exchange) -> KeyRights:
    """Ask KuCoin.

    https://www.kucoin.com/docs-new/rest/account-info/account-funding/get-apikey-info
    """
    reply = _of(_of(exchange.privateGetUserApiKey(), "data")["data"], "permission")
    rights = _named(str(reply["permission"]).split(","), _KUCOIN)
    return KeyRights(rights, bool(reply.get("ipWhitelist")))


TELLING: Mapping[str, Callable[[Exchange], KeyRights]] = {
    "binance": _binance,
    "bybit": _bybit,
    "okx": _okx,
    "coinbase": _coinbase,
    "kraken": _kraken,
    "kucoin": _kucoin,
}
"""The venues that tell a key of its rights, each with how it is asked."""


def _of(reply: object, name: str) -> Mapping[str, Any]:
    """Return an object that has a key; raises BadReply."""
    if not isinstance(reply, Mapping) or reply.get(name) is None:
        raise BadReply(f"the rights of the key have no {name}")
    return reply


def _flags(reply: Mapping[str, Any], names: Mapping[str, str]) -> frozenset[str]:
    return frozenset(right for name, right in names.items() if reply.get(name) is True)


def _named(words: object, names: Mapping[str, str]) -> frozenset[str]:
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise BadReply("the rights of the key are no list")
    named = [str(word).strip() for word in words]
    return frozenset(names.get(word, word) for word in named if word)
