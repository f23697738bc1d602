"""Gate's kinds of accounts: classic ones with a wallet for each kind of market, unified ones with one for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitplan.brokers.live.dialect import Exchange
from exitplan.brokers.live.parsing import BadReply, VenueBalance, amount_of, balance_of, only_mappings
from exitplan.ruleset.model.values import ZERO

_CLASSIC_KEY, _UNIFIED_KEY = "1", "2"
_CLASSIC = "classic"
_UNIFIED_MODES = frozenset({"single_currency", "multi_currency", "portfolio"})


def is_unified(exchange: Exchange) -> bool:
    """Return which kind of account it is; ccxt takes a question that failed for a classic one.

    The key tells of the older kind of unified account alone, the mode of all:
    https://www.gate.com/docs/developers/apiv4/en/#unifiedmodeset. Raises BadReply for a kind that nobody knows here.
    """
    with exchange.turn:
        if exchange.options.get("unifiedAccount") is None:
            key = str((exchange.privateAccountGetDetail().get("key") or {}).get("mode"))
            if key not in {_CLASSIC_KEY, _UNIFIED_KEY}:
                raise BadReply("the venue does not say whether the account is a unified one")
            exchange.options["unifiedAccount"] = key == _UNIFIED_KEY or _mode(exchange) != _CLASSIC
        return bool(exchange.options["unifiedAccount"])


def _mode(exchange: Exchange) -> str:
    mode = exchange.privateUnifiedGetUnifiedMode().get("mode")
    if mode not in {_CLASSIC, *_UNIFIED_MODES}:
        raise BadReply(f"exitplan does not know accounts in the mode {mode} at Gate")
    return str(mode)


def unified_balances(exchange: Exchange) -> list[VenueBalance]:
    """Read a unified account, in any of its modes; raises BadReply where it is in none of them."""
    reply = exchange.privateUnifiedGetAccounts()
    if reply.get("mode") not in {None, "", *_UNIFIED_MODES}:
        raise BadReply(f"this is an account in the mode {reply['mode']}, which was a unified one before")
    entries = only_mappings(reply["balances"].values(), "balances")
    names = [str(exchange.safe_currency_code(name)) for name in reply["balances"]]
    return [_unified_balance(name, entry) for name, entry in zip(names, entries, strict=True)]


def _unified_balance(currency: str, entry: Mapping[str, Any]) -> VenueBalance:
    """Read one currency of a unified account.

    ``available`` is without what is frozen and what isolated contracts hold; where the venue tells the balance that
    cross margin has, more of it may back positions. What is owed was borrowed, or is a balance below zero.
    Source: https://www.gate.com/docs/developers/apiv4/en/#unifiedaccount.
    """
    names = ("available", "freeze", "cross_balance", "iso_balance", "borrowed", "negative_liab", "total_liab")
    available, frozen, cross, isolated, borrowed, below, owed = (amount_of(entry.get(name)) for name in names)
    if available is None or frozen is None:
        raise BadReply(f"the balance of {currency} has no amount")
    total = (cross or available + frozen) + (isolated or ZERO)
    debt = max(abs(borrowed or ZERO) + max(abs(below or ZERO), -total), abs(owed or ZERO))
    return balance_of(currency, {"free": available, "used": frozen, "total": total, "debt": debt})
