"""Gate, https://www.gate.com/docs/developers/apiv4/en/: classic and unified accounts, triggers in their own list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial, reduce
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from exitplan.brokers.live.dialect import (
    FEES,
    MAX_PAGES,
    Dialect,
    Exchange,
    Failed,
    Fee,
    MarketType,
    Order,
    Traits,
    side_by_side,
    tickers_of,
)
from exitplan.brokers.live.errors import ErrorTable, text_in
from exitplan.brokers.live.failures import unless_missing
from exitplan.brokers.live.parsing import (
    BadReply,
    Ticker,
    VenueBalance,
    amount_of,
    balances_of,
    fee_rate_of,
    only_mappings,
)
from exitplan.brokers.live.past_orders import past_orders_in, past_orders_since
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders
from exitplan.brokers.venues.errors.gate import ERRORS
from exitplan.brokers.venues.gate_accounts import is_unified, unified_balances
from exitplan.brokers.venues.gate_orders import (
    MISSING,
    OURS,
    PAGE,
    WORKING,
    cancel_outcomes,
    closes_all,
    fired_by,
    known_order,
    open_spot_orders,
    open_swap_orders,
    side_that_closes,
    waiting_spot_orders,
    waiting_swap_orders,
    working_swap_orders,
)
from exitplan.brokers.venues.two_lists import in_either_list
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import is_derivative

T = TypeVar("T")

_FILLS = 1000
_MONTH = 30 * 86_400
_REMEMBERED = timedelta(minutes=30)
"""How long a closed order is surely found by its client id."""
_LISTS = re.compile(r"/spot/(accounts|open_orders|my_trades|tickers)$|/futures/\w+/(positions|tickers)$")
_NO_ANSWER = frozenset({"code", "error", "message"})
"""What an answer holds more than."""
_ORDERS = re.compile(r"/(spot|futures/\w+)/(orders|price_orders)$")


class Gate(Dialect):
    """Spot and swaps in a classic or a unified account at Gate."""

    errors: ClassVar[ErrorTable] = ERRORS
    traits: ClassVar[Traits] = Traits(
        venue="gate",
        title="Gate",
        candle_unit="contracts",
        book_levels=100,
        address="https://api.gateio.ws",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="text",
        # The venue takes no request that was signed a minute ago.
        receive_window=60,
        writes_at_once=10,
        cancel_batch=20,
        triggers_apart=True,
        stop_limit=True,
        buys_by_cost=True,
        fee_asset="GT",
        past_orders="account",
        past_page=PAGE,
        tells_fees=True,
        # 200 requests in 10 seconds to an address of the API; orders of spot are 10 a second and market.
        burst=100.0,
        refill=20.0,
        options={"createOrder": {"expiration": _MONTH}, "unifiedAccount": None},
        permissions=(
            "Spot trade, Account (read only) and Unified account (read only); Perpetual futures for swaps. "
            "Wallet (read only) where fees are to be expected. Never: Withdraw, more of Wallet."
        ),
        limits_known=(
            "Classic accounts are read, and unified ones in each mode, with what is borrowed in them.",
            "A key reads the account that it was made in: the main account, or one sub-account.",
            "Client order ids have at most 28 characters, and nothing says that the venue keeps them unique.",
            "Stops are stop-limit orders, end by themselves after 30 days, and may lose our id on the way.",
            "Only the spot (or unified) and the futures account are read: not funding, margin, Earn or staked.",
            "A write is too old for the venue a minute after it was signed, so what is unknown stays so for that long.",
            "Swaps in one-way mode only; dated futures are not read.",
            "Trailing stops and chase orders of swaps are not read: while there are any, the account is never CLEAN.",
            "Conversion of dust is not offered.",
        ),
    )

    # --- the client ---

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        kinds = list(market_types)
        return {
            "options": {**self.traits.options, "fetchMarkets": {"types": kinds}, "marketTypes": kinds},
        }

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read the label that an error has, and no answer."""
        label = text_in(reply, "label")
        if label is not None and isinstance(reply, dict) and reply.get("succeeded") is not True:
            return (label,)
        is_bare = isinstance(reply, dict) and set(reply) <= _NO_ANSWER
        return () if status < 300 and not is_bare else None  # noqa: PLR2004 - HTTP

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold lists to be lists and balances to have theirs; ccxt reads nothing where they are missing."""
        wrong, parts = super().validate_reply(url, reply), urlsplit(url)
        is_list = _LISTS.search(parts.path) or (_ORDERS.search(parts.path) and "status=" in parts.query)
        if wrong is None and is_list and not isinstance(reply, list):
            return "it is no list"
        if wrong is None and parts.path.endswith("/unified/accounts") and not _holds(reply, "balances", dict):
            return "it holds no balances"
        if wrong is None and re.search(r"/futures/\w+/accounts$", parts.path) and not _holds(reply, "total"):
            return "it holds no total"
        return wrong

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read a wallet; a unified account has one for all kinds of markets."""
        if is_unified(exchange):
            is_first = market_type == exchange.options["marketTypes"][0]
            return unified_balances(exchange) if is_first else []
        if market_type == "spot":
            return balances_of(exchange.fetch_balance({"type": "spot"}))
        replies = _of_each_settlement(
            exchange, market_type, lambda settle: [exchange.fetch_balance({"type": market_type, "settle": settle})]
        )
        return [balance for reply in replies for balance in balances_of(reply)]

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read resting orders and those that wait for their trigger, all pages of both."""
        if market_type == "spot":
            account = "unified" if is_unified(exchange) else "spot"
            lists = [partial(open_spot_orders, exchange, account), partial(waiting_spot_orders, exchange, {})]
            entries = [entry for answer in side_by_side(lists) for entry in answer]
        else:
            entries = _of_each_settlement(exchange, market_type, partial(_swap_orders, exchange))
        return [known_order(order) for order in exchange.parse_orders(entries)]

    def unread(self, exchange: Exchange, market_types: Sequence[MarketType]) -> tuple[str, ...]:  # noqa: ARG002 - of swaps
        """Name the kinds of swap orders that move by themselves, where there are any, or nobody could tell."""
        told = exchange.options.get("working", {}).values()
        return tuple(kind for kind in WORKING if any(working[kind] for working in told))

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read positions in every currency that contracts are settled in."""

        def ask(settle: str) -> list[Mapping[str, Any]]:
            asked = {"type": market_type, "settle": settle}
            entries = only_mappings(exchange.fetch_positions(None, asked), "positions")
            if any(_side_of(entry) for entry in entries):
                exchange.options["hedged"] = True
            return [{**entry, "side": _side_of(entry) or entry.get("side")} for entry in entries]

        positions = _of_each_settlement(exchange, market_type, ask)
        exchange.options["sides"] = {entry["symbol"]: entry["side"] for entry in positions}
        return positions

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:
        """Read the account's rates, of spot the lower one where it pays in the venue's coin; one answer has all.

        https://www.gate.com/docs/developers/apiv4/en/#query-personal-trading-fees
        """
        if market_type != exchange.options["marketTypes"][0]:
            return {}
        told = exchange.privateWalletGetFee()
        spot = told["gt_taker_fee" if told.get("gt_discount") is True else "taker_fee"]
        return {"spot": str(spot), "swap": str(told.get("futures_taker_fee"))}

    def taker_fee(self, exchange: Exchange, symbol: str) -> Fee | None:
        """Find the rate of a kind of market in the one answer."""
        told = (exchange.options.get(FEES) or {}).get(exchange.options["marketTypes"][0]) or {}
        rate = fee_rate_of(told.get(str((exchange.markets.get(symbol) or {}).get("type"))))
        return None if rate is None else Fee(rate)

    def correct_order(self, exchange: Exchange, order: Order) -> Order:
        """Name the side of an order that closes a position, and the side of a contract where both may be held.

        The venue tells that by direction and reduce-only alone.
        """
        if closes_all(order) and side_that_closes(order) is None:
            held = exchange.options["sides"].get(order["symbol"])
            order = {**order, "side": "buy" if held == "short" else "sell"}
        if not is_derivative(str(order.get("symbol"))) or not exchange.options.get("hedged"):
            return order
        closes = bool(order.get("reduceOnly") or (order.get("info") or {}).get("is_reduce_only"))
        return {**order, "positionSide": "long" if (order.get("side") == "buy") != closes else "short"}

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:
        """Take the venue's maximums, which ccxt leaves out or has for margin only."""
        info = market.get("info") or {}
        if not market.get("spot"):
            return replace(listing, market_max_amount=amount_of(info.get("market_order_size_max")) or None)
        most, value = (amount_of(info.get(name)) or None for name in ("max_base_amount", "max_quote_amount"))
        return replace(listing, max_amount=most, max_notional=value)

    def read_tickers(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, Ticker]:
        """Read the prices of all markets of a type, of contracts in every currency that they are settled in."""
        if market_type == "spot":
            return tickers_of(exchange.fetch_tickers(None, {"type": "spot"}))
        asked = [{"type": market_type, "settle": settle} for settle in _settlements(exchange, market_type)]
        replies = side_by_side([partial(exchange.fetch_tickers, None, one) for one in asked])
        return {symbol: ticker for reply in replies for symbol, ticker in tickers_of(reply).items()}

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of a symbol month by month, the longest span that the venue answers for."""
        market, until = exchange.market(symbol), exchange.seconds()
        for _ in range(MAX_PAGES):
            for page in range(1, MAX_PAGES):
                span = {"from": until - _MONTH, "to": until, "limit": _FILLS, "page": page}
                reply = exchange.privateSpotGetMyTrades({"currency_pair": market["id"], **span})
                yield exchange.parse_trades(only_mappings(reply, "trades"), market)
                if len(reply) < _FILLS:
                    break
            until -= _MONTH

    def read_past_orders(
        self,
        exchange: Exchange,
        market_type: MarketType,
        since: int,
        symbols: Sequence[str],  # noqa: ARG002 - one list for all
    ) -> PastOrders:
        """Read the newest 100 orders that are over, in one list of spot and one for each currency of settlement.

        Contracts are listed without regard to a time.
        """
        asked = {"status": "finished", "limit": PAGE}
        if market_type == "spot":
            page = only_mappings(exchange.privateSpotGetOrders({**asked, "from": since // 1000}), "orders")
            return _ours(past_orders_in(page, "text", PAGE))

        def of(settle: str) -> list[PastOrders]:
            page = only_mappings(exchange.privateFuturesGetSettleOrders({**asked, "settle": settle}), "orders")
            return [_ours(past_orders_since(page, "text", "finish_time", since // 1000, PAGE))]

        return reduce(PastOrders.plus, _of_each_settlement(exchange, market_type, of), PastOrders())

    # --- writing ---

    def create(self, exchange: Exchange, request: OrderRequest) -> Order:
        """Send an order once."""
        is_unified(exchange)
        return known_order(super().create(exchange, request))

    def order_parameters(self, request: OrderRequest) -> dict[str, Any]:
        """Put what the venue wants before our id; ccxt leaves it out where an id begins with a t."""
        parameters = super().order_parameters(request)
        return {**parameters, "text": f"{OURS}{parameters['text']}"} if "text" in parameters else parameters

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:
        """Cancel one order, in whichever list it is."""
        is_unified(exchange)

        def do(waits: bool) -> object:  # noqa: FBT001 - as in_either_list has it
            return super(Gate, self).cancel(exchange, reference, is_trigger=waits)

        return in_either_list(do, is_trigger=is_trigger)

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[Failed | None]:
        """Cancel up to 20 orders in one call for spot, and in one for each currency that contracts are settled in."""
        outcomes: dict[str, str | None] = {}
        markets = {str(reference.order_id): exchange.market(reference.symbol) for reference in references}
        spot = [{"currency_pair": market["id"], "id": name} for name, market in markets.items() if market["spot"]]
        if spot:
            outcomes.update(cancel_outcomes(exchange.privateSpotPostCancelBatchOrders(spot)))
        for settle in sorted({str(market["settleId"]) for market in markets.values() if not market["spot"]}):
            names = [name for name, market in markets.items() if market["settleId"] == settle]
            outcomes.update(
                cancel_outcomes(exchange.privateFuturesPostSettleBatchCancelOrders([{"settle": settle}, *names]))
            )
        if set(markets) - set(outcomes):
            raise BadReply("the reply does not tell of every order")
        labels = [
            self._cancel_waiting(exchange, reference)
            if outcomes[str(reference.order_id)] == MISSING
            else outcomes[str(reference.order_id)]
            for reference in references
        ]
        return [None if label is None else self.errors.outcome(label, "") for label in labels]

    def trigger_parameters(self, is_trigger: bool) -> dict[str, Any]:  # noqa: FBT001 - as the base
        """Turn to the list of orders that wait for a trigger."""
        return {"trigger": True} if is_trigger else {}

    # --- looking up ---

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:
        """Ask for one order by its id, in whichever list it is; for a trigger that was reached, what it set off."""
        is_unified(exchange)

        def ask(waits: bool) -> Order:  # noqa: FBT001 - as in_either_list has it
            order = known_order(super(Gate, self).find(exchange, order_id, symbol, is_trigger=waits))
            fired = fired_by(order) if waits else None
            return order if fired is None else {**ask_plainly(fired), "id": order_id}

        def ask_plainly(name: str) -> Order:
            return known_order(super(Gate, self).find(exchange, name, symbol, is_trigger=False))

        return in_either_list(ask, is_trigger=is_trigger)

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for an order by our id, then look through the lists of those that are over and those that wait.

        The venue answers for our ids for a while only. Raises BadReply where an order without an id may be the one.
        """
        is_unified(exchange)
        name = f"{OURS}{reference.client_order_id}"
        order = unless_missing(
            lambda: self._checked(exchange.fetch_order(None, reference.symbol, {"text": name}), reference)
        )
        if order is not None:
            return order
        return self._among_waiting(exchange, reference) or self._among_closed(exchange, reference)

    def _cancel_waiting(self, exchange: Exchange, reference: OrderReference) -> str | None:
        """Cancel what is in no list of resting orders: it may wait for a trigger."""
        from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

        try:
            self.cancel(exchange, reference, is_trigger=True)
        except OrderNotFound:
            return MISSING
        return None

    @staticmethod
    def _checked(reply: Mapping[str, Any], reference: OrderReference) -> Order:
        order = known_order(reply)
        if order.get("clientOrderId") != reference.client_order_id:
            raise BadReply("the venue tells of another order than was asked for")
        return order

    @staticmethod
    def _among_waiting(exchange: Exchange, reference: OrderReference) -> Order | None:
        market = exchange.market(reference.symbol)
        if is_derivative(reference.symbol):
            entries = waiting_swap_orders(exchange, market["settleId"])
        else:
            entries = waiting_spot_orders(exchange, {"market": market["id"]})
        orders = [known_order(order) for order in exchange.parse_orders(entries)]
        orders = [order for order in orders if order.get("symbol") == reference.symbol]
        for order in orders:
            if order.get("clientOrderId") == reference.client_order_id:
                return order
        since = 0 if reference.since is None else int(reference.since.timestamp() * 1000) - 60_000
        if any(not order.get("clientOrderId") and int(order.get("timestamp") or since) >= since for order in orders):
            raise BadReply("an order that waits for its trigger carries no id, and may be the one that was asked for")
        return None

    @staticmethod
    def _among_closed(exchange: Exchange, reference: OrderReference) -> Order | None:
        """Look through orders that are over, where the venue may have forgotten that they carried our id."""
        now, sent = exchange.seconds(), 0 if reference.since is None else int(reference.since.timestamp())
        if now - sent < _REMEMBERED.total_seconds():
            return None
        market, since = exchange.market(reference.symbol), max(sent - 60, 0)
        ask, asked = exchange.privateSpotGetOrders, {"currency_pair": market["id"], "from": since}
        if is_derivative(reference.symbol):
            ask = exchange.privateFuturesGetSettleOrders
            asked = {"contract": market["id"], "settle": market["settleId"]}
        asked = {**asked, "status": "finished", "limit": PAGE}
        for page in range(MAX_PAGES):
            turn = {"offset": page * PAGE} if is_derivative(reference.symbol) else {"page": page + 1}
            entries = only_mappings(ask({**asked, **turn}), "orders")
            orders = [known_order(order) for order in exchange.parse_orders(entries, market)]
            ours = [order for order in orders if order.get("clientOrderId") == reference.client_order_id]
            if ours:
                return ours[0]
            if len(entries) < PAGE or min(int(order.get("timestamp") or 0) for order in orders) < since * 1000:
                return None
        raise BadReply("the pages do not end")


def _ours(told: PastOrders) -> PastOrders:
    """Take the venue's prefix off client order ids; the words without it are the venue's own."""
    names = [name.removeprefix(OURS) for name in told.client_order_ids if name.startswith(OURS)]
    return PastOrders(frozenset(names), told.is_complete)


def _side_of(position: Mapping[str, Any]) -> str | None:
    """Read the side of a position in dual mode; None in one-way mode."""
    mode = str((position.get("info") or {}).get("mode") or "")
    return mode.removeprefix("dual_") if mode in {"dual_long", "dual_short"} else None


def _swap_orders(exchange: Exchange, settle: str) -> list[Mapping[str, Any]]:
    """Read swap orders settled in one currency, and note what there is besides."""
    entries = open_swap_orders(exchange, settle)
    exchange.options.setdefault("working", {})[settle] = working_swap_orders(exchange, settle)
    return entries


def _settlements(exchange: Exchange, market_type: MarketType) -> list[str]:
    if market_type != "swap":
        raise BadReply("dated futures at Gate are not read")
    return sorted({str(market["settleId"]) for market in exchange.markets.values() if market["type"] == market_type})


def _of_each_settlement(exchange: Exchange, market_type: MarketType, ask: Callable[[str], list[T]]) -> list[T]:
    """Ask in every currency that contracts are settled in; a futures account that was never opened holds nothing."""

    def ask_one(settle: str) -> list[T]:
        from ccxt.base.errors import AccountNotEnabled  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

        try:
            return ask(settle)
        except AccountNotEnabled as error:
            if "USER_NOT_FOUND" not in str(error):
                raise
            return []

    answers = side_by_side([partial(ask_one, settle) for settle in _settlements(exchange, market_type)])
    return [entry for answer in answers for entry in answer]


def _holds(reply: object, key: str, kind: type = object) -> bool:
    return isinstance(reply, dict) and reply.get(key) is not None and isinstance(reply[key], kind)
