"""Bybit, https://bybit-exchange.github.io/docs/v5/intro: one unified trading account, orders 50 a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from exitplan.brokers.live.dialect import (
    Dialect,
    Exchange,
    MarketType,
    Order,
    Traits,
    pages_by_cursor,
    side_by_side,
)
from exitplan.brokers.live.failures import exceptions_for, is_not_found
from exitplan.brokers.live.parsing import BadReply, VenueBalance, amount_of, balances_of, only_mappings
from exitplan.brokers.protocol import OrderReference, OrderRequest, RefusalReason
from exitplan.brokers.venues.conversions import told_by
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO, is_derivative

_WINDOW = 5
_PAGE = 50
_EXECUTIONS = 100
_SETTLED_IN = ("USDT", "USDC")
_MUST_LIST = ("/order/realtime", "/order/history", "/position/list", "/wallet-balance", "/tickers", "/execution/list")
_REFUSALS = {
    "110072": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
    "170141": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
    "12141": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
    "110094": RefusalReason.BELOW_MIN_NOTIONAL,
    "170140": RefusalReason.BELOW_MIN_NOTIONAL,
    "170136": RefusalReason.BELOW_MIN_AMOUNT,
    "170137": RefusalReason.AMOUNT_STEP,
    "170134": RefusalReason.PRICE_STEP,
    "170121": RefusalReason.UNKNOWN_SYMBOL,
    "110017": RefusalReason.REDUCE_ONLY,
    "110008": RefusalReason.ORDER_CLOSED,
    "110010": RefusalReason.ORDER_CLOSED,
    "170139": RefusalReason.ORDER_CLOSED,
    "170142": RefusalReason.ORDER_CLOSED,
    "170190": RefusalReason.ORDER_CLOSED,
    "170143": RefusalReason.UNKNOWN_ORDER,
}
_UNCLEAR = (
    "10000",
    "10016",
    "5004",
    "170001",
    "170007",
    "170032",
    "170035",
    "170146",
    "170147",
    "170191",
    "170234",
    "131201",
)
"""The venue timed out, or broke, inside: ccxt calls some of these refusals, but the order may have been taken."""
HISTORY_WEEKS = 40
"""How far back executions are read."""
_PARTLY_FILLED = "PartiallyFilledCanceled"


class Bybit(Dialect):
    """Spot, and linear swaps and futures, in the unified trading account of Bybit."""

    traits: ClassVar[Traits] = Traits(
        venue="bybit",
        title="Bybit",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="clientOrderId",
        # A request may be signed up to a second ahead of the venue's clock.
        receive_window=_WINDOW + 1,
        writes_at_once=10,
        cancel_batch=10,
        triggers_apart=True,
        history_by_symbol=False,
        stop_market=True,
        stop_limit=True,
        fee_asset="MNT",
        convert=True,
        unified_wallet=True,
        # 50 a second in ccxt's units, which stand for the venue's own limits a second and key: 20 orders or 10 reads.
        burst=50.0,
        refill=50.0,
        options={
            "recvWindow": _WINDOW * 1000,
            # The account is taken for a unified one: to ask costs two calls, and permissions that exitplan needs not.
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
            "unifiedMarginStatus": 6,
        },
        permissions="Read-Write with Unified Trading: Orders and Positions, Spot Trade; Exchange for conversions."
        " Never: Withdrawal, Account Transfer.",
        limits_known=(
            "What is borrowed is read; accounts that are not unified ones are unreadable.",
            "Only the unified trading account is read: what is in the funding account or in Earn is not seen.",
            "Futures and swaps are the linear ones, settled in USDT or USDC; inverse ones are not read.",
            "The venue keeps the states of orders for good in its history, which lags behind by some seconds.",
            "Cancelling a stop on the spot market takes two calls where another program has made it.",
        ),
    )

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        kinds = (["spot"] if "spot" in market_types else []) + (["linear"] if set(market_types) - {"spot"} else [])
        return {
            "options": {**self.traits.options, "fetchMarkets": {"types": kinds}},
            "exceptions": {"exact": exceptions_for(_REFUSALS, _UNCLEAR)},
        }

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold every reply to have its result, and questions for lists to have them."""
        wrong, path = super().validate_reply(url, reply), urlsplit(url).path
        result = reply.get("result") if isinstance(reply, dict) else None
        if wrong is not None or not isinstance(result, dict):
            return wrong or "it holds no result"
        if path.endswith(_MUST_LIST) and not isinstance(result.get("list"), list):
            return "it holds no list"
        if path.endswith("/wallet-balance") and not result["list"]:
            return "it holds no account"
        if path.endswith("/wallet-balance") and (kind := _unknown_account(result["list"])):
            return f"exitplan does not know accounts of the kind {kind}"
        return None

    def of_type(self, market_type: MarketType) -> dict[str, Any]:
        """Turn a question to the spot market or to linear contracts."""
        return {"type": "spot"} if market_type == "spot" else {"type": "swap", "subType": "linear"}

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read the unified account; what is borrowed on the spot market is in the wallet, and owed.

        A wallet below zero is owed as well; the amount borrowed that the venue names beside it is the same debt.
        """
        reply = exchange.fetch_balance(self.of_type(market_type))
        balances = {balance.currency: balance for balance in balances_of(reply)}
        accounts = only_mappings(((reply.get("info") or {}).get("result") or {}).get("list"), "accounts")
        for entry in (coin for account in accounts for coin in only_mappings(account.get("coin"), "coins")):
            currency = str(exchange.safe_currency_code(entry.get("coin")))
            names = ("walletBalance", "spotBorrow", "borrowAmount", "accruedInterest")
            wallet, spot, borrowed, interest = (amount_of(entry.get(name)) for name in names)
            below = max(-(wallet or ZERO), ZERO)
            if spot is None:
                debt = max((borrowed or ZERO) + (interest or ZERO), below)
            else:
                debt = spot + (interest or ZERO) + below
            balances[currency] = replace(balances[currency], debt=debt)
        return list(balances.values())

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:
        """Take the venue's maximums for limit and for market orders, which are not the same."""
        lots = (market.get("info") or {}).get("lotSizeFilter") or {}
        at_limit = amount_of(lots.get("maxLimitOrderQty")) or listing.max_amount
        at_market = amount_of(lots.get("maxMarketOrderQty") or lots.get("maxMktOrderQty")) or listing.market_max_amount
        return replace(listing, max_amount=at_limit, market_max_amount=at_market)

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read all pages of resting orders; one list holds also those that wait for a trigger."""
        if market_type == "spot":
            return _orders(exchange, "OrderRealtime", {"category": "spot"})
        tasks = [
            partial(_orders, exchange, "OrderRealtime", {"category": "linear", "settleCoin": coin})
            for coin in _SETTLED_IN
        ]
        resting = [order for orders in side_by_side(tasks) for order in orders]
        return [order for order in resting if exchange.market(order["symbol"])["type"] == market_type]

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read all pages of positions; of the symbols of which both sides may be held, orders have to name the side."""

        def positions(coin: str) -> list[Mapping[str, Any]]:
            return _listed(exchange.privateGetV5PositionList, {"category": "linear", "settleCoin": coin, "limit": 200})

        entries = [entry for page in side_by_side([partial(positions, coin) for coin in _SETTLED_IN]) for entry in page]
        parsed = [exchange.parse_position(entry) for entry in entries]
        exchange.options["hedged"] = {position["symbol"] for position in parsed if position.get("hedged")}
        return [
            position
            for position in parsed
            if exchange.safe_market(position["symbol"], None, None, "contract")["type"] in {market_type, None}
        ]

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:  # noqa: ARG002 - one list for all
        """Read executions of all spot markets, week by week as the venue wants it, newest first.

        ccxt would end a week after 1,000 of them without a word.
        """
        week, end = 7 * 86_400_000, exchange.milliseconds()
        asked = {"category": "spot", "execType": "Trade", "limit": _EXECUTIONS}
        for _ in range(HISTORY_WEEKS):
            span = {"startTime": end - week, "endTime": end}
            entries = _listed(exchange.privateGetV5ExecutionList, {**asked, **span})
            yield [exchange.parse_trade(entry, _market_of(exchange, entry, "spot")) for entry in entries]
            end -= week

    # --- writing ---

    def side_parameters(self, exchange: Exchange, request: OrderRequest) -> dict[str, Any]:
        """Name the position, symbol by symbol: one coin's contracts may be held on both sides, another's on one only.

        ccxt does it as well, but leaves ``reduceOnly`` out then, which a close must say:
        https://bybit-exchange.github.io/docs/v5/order/create-order
        """
        if request.symbol not in (exchange.options.get("hedged") or ()):
            return {}
        side = request.position_side or ("long" if request.side == "sell" else "short")
        return {"positionIdx": {"long": 1, "short": 2}[side]}

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:
        """Cancel an order; of those that wait for a trigger, the spot market has two kinds."""
        if not is_trigger or is_derivative(reference.symbol):
            return exchange.cancel_order(reference.order_id, reference.symbol)
        for kind in ("tpslOrder", "StopOrder"):
            try:
                return exchange.cancel_order(reference.order_id, reference.symbol, {"orderFilter": kind})
            except Exception as error:
                if kind == "StopOrder" or not is_not_found(error):
                    raise
        return None

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[str | None]:
        """Cancel up to 10 orders, of each category in a call of its own; each has an answer of its own."""
        answers: dict[str, str | None] = {}
        for category in ("spot", "linear"):
            chunk = [reference for reference in references if is_derivative(reference.symbol) == (category == "linear")]
            if chunk:
                answers |= _cancelled(exchange, category, chunk)
        return [answers[str(reference.order_id)] for reference in references]

    # --- looking up ---

    @property
    def finds_triggers(self) -> bool:
        """Orders of all kinds are in one list, though each kind is cancelled in its own way."""
        return True

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:  # noqa: ARG002 - one list
        """Ask for an order by its id among those of now, then in the history."""
        order = self._newest(exchange, symbol, {"orderId": order_id})
        if order is None:
            from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - ccxt is loaded only where it is used

            raise OrderNotFound(f"bybit knows no order {order_id}")
        return order

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for an order by our id among those of now, then in the history."""
        return self._newest(exchange, reference.symbol, {"orderLinkId": reference.client_order_id})

    def _newest(self, exchange: Exchange, symbol: str, asked: Mapping[str, Any]) -> Order | None:
        category = "linear" if is_derivative(symbol) else "spot"
        ((key, wanted),) = asked.items()
        for place in ("OrderRealtime", "OrderHistory"):
            orders = _orders(exchange, place, {"category": category, "symbol": exchange.market_id(symbol), **asked})
            if any(order["info"].get(key) != wanted for order in orders):
                raise BadReply("the venue tells of another order than was asked for")
            if orders:
                return max(orders, key=lambda order: int(order.get("timestamp") or 0))
        return None

    def conversion_of(self, reply: object) -> Mapping[str, Any]:
        """Read a conversion; the reply that it was taken comes before it is done."""
        return told_by(super().conversion_of(reply), "exchangeStatus", finished="success", refused="failure")


def _unknown_account(accounts: list[Any]) -> str | None:
    """Name the kind of an account that is not a unified one; None where all are."""
    kinds = [str(entry.get("accountType", "UNIFIED")) for entry in accounts if isinstance(entry, dict)]
    return next((kind for kind in kinds if kind != "UNIFIED"), None)


def _listed(ask: Callable[[Mapping[str, Any]], Order], asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Read all pages of a list."""

    def page(cursor: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
        result = ask({**asked, **({"cursor": cursor} if cursor else {})}).get("result") or {}
        entries = only_mappings(result.get("list"), "entries")
        # The last page has a cursor as well, which leads to an empty one.
        return entries, result.get("nextPageCursor") if len(entries) == asked["limit"] else None

    return pages_by_cursor(page)


def _orders(exchange: Exchange, place: str, asked: Mapping[str, Any]) -> list[Order]:
    entries = _listed(getattr(exchange, f"privateGetV5{place}"), {**asked, "limit": _PAGE})
    kind = "spot" if asked["category"] == "spot" else "contract"
    return [_order(exchange, entry, kind) for entry in entries]


def _order(exchange: Exchange, entry: Mapping[str, Any], kind: str) -> Order:
    """Read an order of a kind of market, which ccxt guesses wrong; one cancelled half-way is not closed to the end."""
    order: Order = exchange.parse_order(entry, _market_of(exchange, entry, kind))
    return {**order, "status": "canceled"} if entry.get("orderStatus") == _PARTLY_FILLED else order


def _market_of(exchange: Exchange, entry: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Find the market of an entry; a spot market and a contract may have one name."""
    market: Mapping[str, Any] = exchange.safe_market(entry.get("symbol"), None, None, kind)
    return market


def _cancelled(exchange: Exchange, category: str, references: Sequence[OrderReference]) -> dict[str, str | None]:
    """Cancel orders of one category: the reply has their ids in one list, what became of them in another."""
    asked = [
        {"symbol": exchange.market_id(reference.symbol), "orderId": reference.order_id} for reference in references
    ]
    reply = exchange.privatePostV5OrderCancelBatch({"category": category, "request": asked})
    orders = only_mappings((reply.get("result") or {}).get("list"), "orders")
    results = only_mappings((reply.get("retExtInfo") or {}).get("list"), "results")
    if [entry.get("orderId") for entry in orders] != [reference.order_id for reference in references] or len(
        orders
    ) != len(results):
        raise BadReply("the reply does not tell of every order")
    return {
        str(reference.order_id): None if str(entry.get("code")) == "0" else str(entry.get("msg"))
        for reference, entry in zip(references, results, strict=True)
    }
