"""Any exchange of which exitplan knows nothing more than ccxt does: what ccxt leaves open is told, never guessed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from exitplan.brokers.live.dialect import Dialect, Exchange, Fee, MarketType, Order, Traits
from exitplan.brokers.live.parsing import BadReply, VenueBalance, amount_of, balances_of, fee_rate_of, only_mappings
from exitplan.ruleset.model.values import ZERO

_APART = ("trigger", "trailing")
"""What ccxt wants to be told of orders for a list of their own, where a venue has one."""
_STOP_ORDERS = "stop orders"
_HTX = "htx"
_HTX_PARTS = {
    "trade": "free",
    "frozen": "locked",
    "lock": "staked",
    "bank": "staked",
    "loan": "debt",
    "interest": "debt",
}
"""What the parts of a spot balance at HTX are to us.

https://huobiapi.github.io/docs/spot/v1/en/#get-account-balance-of-a-specific-account
"""


class AnyVenue(Dialect):
    """A venue in ccxt's unified calls alone.

    ``_answered`` is the question that a thread had answered last, ``_questions`` are those that wallets are told by.
    """

    traits: ClassVar[Traits] = Traits(
        venue="",
        title="any other ccxt exchange",
        limits_known=(
            "Stop orders in a list of their own, as at bitget and htx, are not read: the account is then never CLEAN.",
            "A venue that tells open orders of one market at a time alone, as mexc does, is not read at all.",
            "A wallet that is told for several market types is counted once.",
            "When a position of derivatives was opened is not known.",
            "A venue without daily candles tells no volatility; of contracts neither volume nor depth is known.",
            "Sub-accounts, margin accounts and what is in earn or the like are not seen.",
        ),
    )

    def __init__(self) -> None:
        self._answered = threading.local()
        self._questions: dict[MarketType, str | None] = {}

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold a reply to be one, and note the question."""
        self._answered.path = urlsplit(url).path
        return super().validate_reply(url, reply)

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read every currency that a wallet holds."""
        reply = exchange.fetch_balance(self.of_type(market_type))
        self._questions[market_type] = getattr(self._answered, "path", None)
        if exchange.id == _HTX and market_type == "spot":
            return _balances_by_parts(exchange, ((reply.get("info") or {}).get("data") or {}).get("list"))
        return balances_of(reply)

    def distinct_wallets(
        self, wallets: Mapping[MarketType, Sequence[VenueBalance]]
    ) -> Mapping[MarketType, Sequence[VenueBalance]]:
        """Leave out a wallet that was told before: the same question got the same answer, whatever ccxt asked for."""
        distinct: dict[MarketType, Sequence[VenueBalance]] = {}
        for kind, wallet in wallets.items():
            same = (known for known, balances in distinct.items() if balances == wallet)
            if not any(self._questions[known] == self._questions[kind] for known in same):
                distinct[kind] = wallet
        return distinct

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read resting orders of one kind of market; some venues tell of all kinds whatever is asked."""
        if market_type == "spot" and _has(exchange, market_type, "symbolRequired"):
            from ccxt.base.errors import NotSupported  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

            raise NotSupported(f"{exchange.id} tells open orders of one market at a time, so nobody can read them all")
        return _of_kind(exchange, super().read_open_orders(exchange, market_type), market_type)

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read positions of one kind of market; what ccxt gives as their time is at many venues that of a change."""
        positions = _of_kind(exchange, super().read_positions(exchange, market_type), market_type)
        return [{**position, "timestamp": None} for position in positions]

    def taker_fee(self, exchange: Exchange, symbol: str) -> Fee | None:
        """Return what ccxt has of the market: the venue's list price, which an account may pay less than."""
        market = exchange.markets.get(symbol) or {}
        rate = fee_rate_of(market.get("taker")) if market.get("percentage") is True else None
        return None if rate is None else Fee(rate, is_listed=True)

    def unread(self, exchange: Exchange, market_types: Sequence[MarketType]) -> tuple[str, ...]:
        """Name stop orders where the venue has a list of their own."""
        apart = any(_has(exchange, kind, name) for kind in market_types for name in _APART)
        return (_STOP_ORDERS,) if apart else ()


def _has(exchange: Exchange, market_type: MarketType, feature: str) -> bool:
    """Check what ccxt says of the open orders of a venue; it says nothing of some."""
    kinds = (None,) if market_type == "spot" else ("linear", "inverse")
    return any(exchange.feature_value_by_type(market_type, kind, "fetchOpenOrders", feature) for kind in kinds)


def _balances_by_parts(exchange: Exchange, entries: object) -> list[VenueBalance]:
    """Read a spot balance of HTX, where ccxt knows two of its parts; raises BadReply for a part that nobody knows."""
    balances: dict[str, VenueBalance] = {}
    for entry in only_mappings(entries, "balances"):
        part, amount = str(entry.get("type")), amount_of(entry.get("balance")) or ZERO
        name, currency = _HTX_PARTS.get(part), exchange.safe_currency_code(entry.get("currency"))
        if name is None and amount:
            raise BadReply(f"{exchange.id} tells of {currency} as {part!r}, which exitplan does not know")
        known = balances.get(currency, VenueBalance(currency, ZERO, ZERO))
        if name is not None:
            balances[currency] = replace(known, **{name: getattr(known, name) + abs(amount)})
    return list(balances.values())


def _of_kind(exchange: Exchange, entries: Iterable[Order], market_type: MarketType) -> list[Order]:
    """Return what is about one kind of market, or about none that is listed."""
    kinds = {symbol: market["type"] for symbol, market in exchange.markets.items()}
    return [entry for entry in entries if kinds.get(str(entry.get("symbol")), market_type) == market_type]
