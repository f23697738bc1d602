"""Bybit, https://bybit-exchange.github.io/docs/v5/intro: one unified trading account, orders 50 a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Any, ClassVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from exitplan.brokers.live.dialect import (
    Dialect,
    Exchange,
    Failed,
    MarketType,
    Order,
    Traits,
    pages_by_cursor,
    side_by_side,
)
from exitplan.brokers.live.errors import ErrorTable, text_in
from exitplan.brokers.live.failures import unless_missing
from exitplan.brokers.live.parsing import (
    BadReply,
    VenueBalance,
    amount_of,
    balance_and_debt,
    only_mappings,
)
from exitplan.brokers.live.past_orders import past_orders_in
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders
from exitplan.brokers.rehearsal import NotChecked
from exitplan.brokers.venues.conversions import told_by
from exitplan.brokers.venues.errors.bybit import ERRORS
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO, is_derivative

_WINDOW = 5
_PAGE = 50
_EXECUTIONS = 100
_SETTLED_IN = ("USDT", "USDC")
_MUST_LIST = ("/order/realtime", "/order/history", "/position/list", "/wallet-balance", "/tickers", "/execution/list")
HISTORY_WEEKS = 40
"""How far back executions are read."""
_PARTLY_FILLED = "PartiallyFilledCanceled"
_CHECKED_MODES = frozenset({"REGULAR_MARGIN", "PORTFOLIO_MARGIN"})
"""The margin modes in which the venue checks orders: cross and portfolio margin."""
_ANOTHER_KIND = "accountType only support"
"""How the venue refuses to tell of the wallet of a classic account; it names the kinds that there are then."""
_OF_POSITION = frozenset({"TakeProfit", "StopLoss", "TrailingStop"})
"""Stops that the venue keeps for a position; those for a part of one are called Partial."""


class Bybit(Dialect):
    """Spot, and linear swaps and futures, in the unified trading account of Bybit."""

    errors: ClassVar[ErrorTable] = ERRORS
    check_addresses: ClassVar[tuple[str, ...]] = ("/order/pre-check",)
    traits: ClassVar[Traits] = Traits(
        venue="bybit",
        title="Bybit",
        candle_unit="base",
        book_levels=100,
        address="https://api.bybit.com",
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
        past_orders="account",
        past_page=_PAGE,
        convert=True,
        unified_wallet=True,
        tells_fees=True,
        rehearses=("swap", "future"),
        loopback=("spot", "swap"),
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
            "A key reads the account that it was made in: the main account, or one sub-account.",
            "Only the unified trading account is read: what is in the funding account or in Earn is not seen.",
            "Orders of trading bots, and TWAP and chase orders, are not seen; what they hold counts as locked.",
            "Futures and swaps are the linear ones, settled in USDT or USDC; inverse ones are not read.",
            "The venue keeps the states of orders for good in its history, which lags behind by some seconds.",
            "Cancelling a stop on the spot market takes two calls where another program has made it.",
            "Orders of contracts are checked without placing them in cross and portfolio margin mode, not in isolated.",
        ),
    )

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        kinds = (["spot"] if "spot" in market_types else []) + (["linear"] if set(market_types) - {"spot"} else [])
        return {
            "options": {**self.traits.options, "fetchMarkets": {"types": kinds}},
        }

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read the code that every reply has; 0 is an answer."""
        code = text_in(reply, "retCode") or text_in(reply, "ret_code")
        if code is None:
            return None
        return () if code == "0" else (code,)

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

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:  # noqa: ARG002 - one wallet
        """Read the unified account; raises BadReply for an account of another kind."""
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

        try:
            reply = exchange.privateGetV5AccountWalletBalance({"accountType": "UNIFIED"})
        except BaseError as error:
            if _ANOTHER_KIND in str(error):
                raise BadReply("this is no unified trading account; exitplan reads no other kind at Bybit") from error
            raise
        accounts = only_mappings(reply["result"]["list"], "accounts")
        coins = [coin for account in accounts for coin in only_mappings(account.get("coin"), "coins")]
        return [_balance(exchange, coin) for coin in coins]

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:
        """Take the venue's maximums for limit and for market orders, which are not the same."""
        lots = (market.get("info") or {}).get("lotSizeFilter") or {}
        at_limit = amount_of(lots.get("maxLimitOrderQty")) or listing.max_amount
        at_market = amount_of(lots.get("maxMarketOrderQty") or lots.get("maxMktOrderQty")) or listing.market_max_amount
        return replace(listing, max_amount=at_limit, market_max_amount=at_market)

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read all pages of resting orders; one list holds also those that wait for a trigger."""
        if market_type == "spot":
            return [_spot_order(order) for order in _orders(exchange, "OrderRealtime", {"category": "spot"})]
        tasks = [
            partial(_orders, exchange, "OrderRealtime", {"category": "linear", "settleCoin": coin})
            for coin in _SETTLED_IN
        ]
        resting = [_of_whole_position(order) for orders in side_by_side(tasks) for order in orders]
        return [order for order in resting if exchange.market(order["symbol"])["type"] == market_type]

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read all pages of positions; of the symbols of which both sides may be held, orders have to name the side."""

        def positions(coin: str) -> list[Mapping[str, Any]]:
            return _listed(exchange.privateGetV5PositionList, {"category": "linear", "settleCoin": coin, "limit": 200})

        entries = [entry for page in side_by_side([partial(positions, coin) for coin in _SETTLED_IN]) for entry in page]
        parsed = [exchange.parse_position(entry) for entry in entries]
        exchange.options["hedged"] = {position["symbol"] for position in parsed if position.get("hedged")}
        return [
            _opened(position)
            for position in parsed
            if exchange.safe_market(position["symbol"], None, None, "contract")["type"] in {market_type, None}
        ]

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:
        """Read the rate of each market: https://bybit-exchange.github.io/docs/v5/account/fee-rate."""
        reply = exchange.privateGetV5AccountFeeRate({"category": "spot" if market_type == "spot" else "linear"})
        entries = only_mappings(reply["result"]["list"], "rates")
        return {str(entry["symbol"]): str(entry["takerFeeRate"]) for entry in entries}

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

    def read_past_orders(
        self,
        exchange: Exchange,
        market_type: MarketType,
        since: int,
        symbols: Sequence[str],  # noqa: ARG002 - one list for all
    ) -> PastOrders:
        """Read the newest 50 orders since a time, of spot or of the contracts that are settled in each coin."""
        linear = [{"category": "linear", "settleCoin": coin} for coin in _SETTLED_IN]

        def of(kind: Mapping[str, str]) -> PastOrders:
            reply = exchange.privateGetV5OrderHistory({**kind, "startTime": since, "limit": _PAGE})
            return past_orders_in(only_mappings(reply["result"]["list"], "orders"), "orderLinkId", _PAGE)

        kinds = [{"category": "spot"}] if market_type == "spot" else linear
        return reduce(PastOrders.plus, side_by_side([partial(of, kind) for kind in kinds]))

    # --- writing ---

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> NotChecked | None:
        """Have the venue work out the margin that an order of contracts would take, in the modes in which it does that.

        The id in its answer is one that the order would have: nothing is placed.
        https://bybit-exchange.github.io/docs/v5/order/pre-check-order
        """
        if request.trigger_price is not None:
            return NotChecked("Bybit checks no orders that wait for a trigger")
        mode = exchange.privateGetV5AccountInfo()["result"].get("marginMode")
        if mode not in _CHECKED_MODES:
            return NotChecked(f"Bybit checks orders in cross and portfolio margin mode, and not in {mode}")
        exchange.privatePostV5OrderPreCheck(exchange.create_order_request(*self.order_of(exchange, request)))
        return None

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
        cancel = partial(exchange.cancel_order, reference.order_id, reference.symbol)
        cancelled = unless_missing(partial(cancel, {"orderFilter": "tpslOrder"}))
        return cancel({"orderFilter": "StopOrder"}) if cancelled is None else cancelled

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[Failed | None]:
        """Cancel up to 10 orders, of each category in a call of its own; each has an answer of its own."""
        answers: dict[str, Failed | None] = {}
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


def _balance(exchange: Exchange, coin: Mapping[str, Any]) -> VenueBalance:
    """Read one coin of the unified account.

    What was borrowed to trade spot, or by hand, is in the wallet and owed: the equity is walletBalance - spotBorrow and
    the profit of contracts. What contracts lost beyond the wallet takes it below zero, and is owed as well; the venue's
    ``borrowAmount`` is all of that, and what open positions lose, which is counted with the positions.
    Source: https://bybit-exchange.github.io/docs/v5/account/wallet-balance.
    """
    currency = str(exchange.safe_currency_code(coin.get("coin")))
    wallet = amount_of(coin.get("walletBalance"))
    if wallet is None:
        raise BadReply(f"the balance of {currency} has no amount")
    spot, borrowed, interest = (amount_of(coin.get(name)) for name in ("spotBorrow", "borrowAmount", "accruedInterest"))
    # Margin of contracts may be backed by other coins as well, so more than there is of this one.
    used = sum((amount_of(coin.get(name)) or ZERO for name in ("locked", "totalOrderIM", "totalPositionIM")), ZERO)
    locked, below = min(used, max(wallet, ZERO)), max(-wallet, ZERO)
    owed = max(borrowed or ZERO, below) if spot is None else spot + below
    return balance_and_debt(currency, wallet - locked, locked, owed + (interest or ZERO))


def _opened(position: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read when a position was opened; ccxt takes the time of the first one ever in its symbol for that.

    Source: https://bybit-exchange.github.io/docs/v5/position, ``createdTime`` and ``openTime``.
    """
    return {**position, "timestamp": position["info"].get("openTime")}


def _spot_order(order: Order) -> Order:
    """Read a resting order of the spot market; of those that wait for a trigger, only one kind locks nothing till then.

    Source: https://bybit-exchange.github.io/docs/v5/order/create-order, ``orderFilter``.
    """
    info = order["info"]
    waits = info.get("orderStatus") == "Untriggered" and info.get("stopOrderType") == "Stop"
    return {**order, "holdsNothing": waits}


def _of_whole_position(order: Order) -> Order:
    """Read a stop for all of a position as one without a quantity: the venue adjusts that to the position.

    Source: https://bybit-exchange.github.io/docs/v5/position/trading-stop.
    """
    info = order["info"]
    if info.get("tpslMode") != "Full" or info.get("stopOrderType") not in _OF_POSITION:
        return order
    return {**order, "amount": "0", "reduceOnly": True}


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


def _cancelled(exchange: Exchange, category: str, references: Sequence[OrderReference]) -> dict[str, Failed | None]:
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
        str(reference.order_id): None
        if str(entry.get("code")) == "0"
        else ERRORS.outcome(str(entry.get("code")), str(entry.get("msg")))
        for reference, entry in zip(references, results, strict=True)
    }
