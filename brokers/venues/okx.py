"""OKX, https://www.okx.com/docs-v5/en/: one trading account for all, stops in lists of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial, reduce
from typing import Any, ClassVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from exitplan.brokers.live.dialect import (
    MAX_PAGES,
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
from exitplan.brokers.live.parsing import BadReply, VenueBalance, amount_of, balance_of, fee_rate_of, only_mappings
from exitplan.brokers.live.past_orders import past_orders_in
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders
from exitplan.brokers.rehearsal import NotChecked
from exitplan.brokers.venues.conversions import told_by
from exitplan.brokers.venues.errors.okx import ERRORS
from exitplan.brokers.venues.two_lists import in_either_list
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO

_WINDOW = 30
_PAGE = 100
_KINDS: Mapping[MarketType, str] = {"spot": "SPOT", "swap": "SWAP", "future": "FUTURES"}
_TRADED_AS: Mapping[MarketType, tuple[str, ...]] = {
    "spot": ("SPOT", "MARGIN"),
    "swap": ("SWAP",),
    "future": ("FUTURES",),
}
"""The kinds of orders in each kind of market: an order of the spot market that may borrow is one of margin."""
_ALL_KINDS = frozenset({"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"})
_LEVELS = frozenset({"1", "2", "3", "4"})
"""The account modes: spot, futures, multi-currency margin and portfolio margin."""
_OF_CONTRACTS = {"USDT": "takerU", "USDC": "takerUSDC"}
_RATES: Mapping[MarketType, Mapping[str, str]] = {
    "spot": {"USDT": "taker", "USDC": "takerUSDC", "USD": "takerUSDC"},
    "swap": _OF_CONTRACTS,
    "future": _OF_CONTRACTS,
}
"""Under which name a rate stands, by what markets are paid in."""
_FUTURES_MODE = "2"
_WAITING = ("conditional,oco", "trigger", "move_order_stop")
"""The lists of orders that wait for a trigger; the venue gives no two of them at once, but the first pair."""
_BY_PARTS = ("iceberg", "twap", "chase")
"""The lists of orders that send others from time to time; what is left of one, the venue does not tell."""
_CHECKED_MODES = frozenset({"3", "4"})
"""The account modes in which the venue checks orders: multi-currency and portfolio margin."""
_CHECKED_BY = ("instId", "tdMode", "side", "posSide", "ordType", "sz", "px", "reduceOnly", "tgtCcy")
"""What of an order its check takes."""
_AT_MARKET = "-1"
_BEING_CANCELLED = "51410"
_BATCH = "/trade/cancel-batch-orders"
_DOLLARS = frozenset({"USDT", "USDC", "USD"})
"""Quote currencies in which a maximum in dollars means what it says."""
_NEVER_TRIGGERED = {"live", "pause", "canceled", "order_failed"}


class Okx(Dialect):
    """Spot, swaps and futures in the trading account of OKX."""

    errors: ClassVar[ErrorTable] = ERRORS
    check_addresses: ClassVar[tuple[str, ...]] = ("/trade/order-precheck",)
    traits: ClassVar[Traits] = Traits(
        venue="okx",
        title="OKX",
        candle_unit="base",
        book_levels=100,
        address="https://www.okx.com",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="clOrdId",
        # A request may be signed up to 30 seconds ahead of the venue's clock, and its end is told by the same clock.
        receive_window=2 * _WINDOW,
        writes_at_once=20,
        cancel_batch=20,
        triggers_apart=True,
        stop_market=True,
        stop_limit=True,
        convert=True,
        unified_wallet=True,
        past_orders="account",
        past_page=_PAGE,
        needs_password=True,
        tells_fees=True,
        rehearses=("spot", "swap", "future"),
        # The limits hold for each address of the API by itself; this is the tightest of those that are used at once.
        burst=20.0,
        refill=10.0,
        options={"createOrder": "privatePostTradeOrder", "fetchOrder": {"method": "privateGetTradeOrder"}},
        permissions="Read and Trade. Never: Withdraw.",
        limits_known=(
            "The key has a passphrase, which is named when it is made.",
            "Only the trading account is read: what is in the funding account or in Earn is not seen.",
            "Client order ids are letters and digits only, and unique among open orders only.",
            "A write is too old for the venue 30 seconds after it was signed.",
            "Iceberg, TWAP and chase orders are not read: while there are any, the account is never CLEAN.",
            "Orders of trading bots are not seen; what they hold counts as locked.",
            "What is borrowed is read; isolated margin of coins, and any in futures mode, makes an account unreadable.",
            "A key reads the account that it was made in: the main account, or one sub-account.",
            "The venue names no least value of an order, only a least amount.",
            "Orders are checked without placing them in multi-currency and portfolio margin mode alone.",
        ),
    )

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        return {
            "options": {**self.traits.options, "fetchMarkets": {"types": list(market_types)}},
        }

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read the codes of a reply's entries, which say more than its own; 0 is an answer.

        A reply may have the code 0 and an entry that is refused; of a batch each order has an answer of its own.
        """
        code, data = text_in(reply, "code"), reply.get("data") if isinstance(reply, dict) else None
        if code is None:
            return None
        entries = data if isinstance(data, list) else []
        if entries and urlsplit(url).path.endswith(_BATCH):
            return ()
        told = [text_in(entry, "sCode") for entry in entries]
        refused = tuple(one for one in told if one is not None and one != "0")
        return refused or (() if code == "0" else (code,))

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold every reply to have its list of data, and that for balances to have some account in it."""
        wrong = super().validate_reply(url, reply)
        if wrong is not None:
            return wrong
        if not isinstance(reply, dict) or not isinstance(reply.get("data"), list):
            return "it holds no data"
        if urlsplit(url).path.endswith("/account/balance") and not isinstance(_details(reply), list):
            return "it holds no balances"
        return None

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:  # noqa: ARG002 - one wallet
        """Read the trading account: what is available, what is frozen by orders, positions and bots, what is owed.

        Raises BadReply where there are margin positions of coins whose holdings and debts are told elsewhere.
        """
        if _level(exchange) == _FUTURES_MODE:
            _refuse_margin_positions(exchange)
        reply = exchange.privateGetAccountBalance()
        return [_balance(exchange, entry) for entry in only_mappings(_details(reply), "balances")]

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:
        """Take the venue's maximums: of contracts in contracts; of the spot market those at market are in USDT."""
        info = market.get("info") or {}
        names = ("maxLmtSz", "maxMktSz", "maxLmtAmt", "maxMktAmt")
        limit, at_market, *values = (amount_of(info.get(name)) or None for name in names)
        if not market.get("spot"):
            return replace(listing, max_amount=limit, max_notional=None, market_max_amount=at_market)
        most = [value for value in (at_market, *values) if value is not None and market.get("quote") in _DOLLARS]
        return replace(listing, max_amount=limit, max_notional=min(most, default=None), market_max_amount=None)

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read all pages of resting orders, and of the orders that wait for a trigger, which are in other lists."""
        kinds = _TRADED_AS[market_type]
        tasks: list[Callable[[], list[Order]]] = [
            partial(_pages, exchange, exchange.privateGetTradeOrdersPending, kinds, {}, "ordId")
        ]
        tasks += [
            partial(_pages, exchange, exchange.privateGetTradeOrdersAlgoPending, kinds, {"ordType": which}, "algoId")
            for which in (*_WAITING, *_BY_PARTS)
        ]
        lists = side_by_side(tasks)
        working = [name for name, orders in zip(_BY_PARTS, lists[-len(_BY_PARTS) :], strict=True) if orders]
        exchange.options.setdefault("working", {})[market_type] = working
        return [order for orders in lists[: -len(_BY_PARTS)] for order in orders]

    def unread(self, exchange: Exchange, market_types: Sequence[MarketType]) -> tuple[str, ...]:
        """Name the kinds of orders that are there and send others from time to time."""
        working = exchange.options["working"]
        return tuple(f"{name} orders" for name in _BY_PARTS if any(name in working[kind] for kind in market_types))

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:
        """Read the rates of the account by groups of markets, and by the currency that is paid in where there are none.

        https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-fee-rates
        """
        told = exchange.privateGetAccountTradeFee({"instType": _KINDS[market_type]})["data"][0]
        groups = {f"group {entry['groupId']}": entry["taker"] for entry in told.get("feeGroup") or ()}
        names = {name: told[key] for name, key in _RATES[market_type].items() if told.get(key)}
        return {name: str(rate) for name, rate in {**names, **groups}.items()}

    def fee_in(self, rates: Mapping[str, str], market: Mapping[str, Any]) -> Decimal | None:
        """Find the rate of a market's group, else that of its currency; what the venue takes it writes as negative."""
        paid_in = market.get("quote") if market.get("spot") else market.get("settle")
        rate = rates.get(f"group {(market.get('info') or {}).get('groupId')}", rates.get(str(paid_in)))
        return None if rate is None else fee_rate_of(rate.removeprefix("-") if rate.startswith("-") else f"-{rate}")

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read positions; where one may hold both sides of a symbol, orders have to name the side."""
        kind = {"instType": _KINDS[market_type]}
        positions = only_mappings(exchange.fetch_positions(None, kind), "positions")
        if any(position.get("hedged") for position in positions):
            exchange.options["hedged"] = True
        modes = {position["symbol"]: position.get("marginMode") for position in positions}
        exchange.options["marginModes"] = {**exchange.options.get("marginModes", {}), **modes}
        return positions

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of three months, 100 a page, newest first."""
        asked: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            page = only_mappings(exchange.fetch_my_trades(symbol, None, _PAGE, asked), "trades")
            yield page
            if len(page) < _PAGE:
                return
            asked = {"after": min((trade["info"]["billId"] for trade in page), key=int)}

    def read_past_orders(
        self,
        exchange: Exchange,
        market_type: MarketType,
        since: int,
        symbols: Sequence[str],  # noqa: ARG002 - one list for all
    ) -> PastOrders:
        """Read the newest 100 orders of each kind since a time."""

        def of(kind: str) -> PastOrders:
            reply = exchange.privateGetTradeOrdersHistory({"instType": kind, "begin": since, "limit": str(_PAGE)})
            return past_orders_in(only_mappings(reply["data"], "orders"), "clOrdId", _PAGE)

        return reduce(PastOrders.plus, side_by_side([partial(of, kind) for kind in _TRADED_AS[market_type]]))

    # --- writing ---

    def create(self, exchange: Exchange, request: OrderRequest) -> Order:
        """Send an order, with the time after which the matching engine shall no longer take it.

        ccxt knows no such header, so the request is signed and sent step by step.
        """
        order = exchange.create_order_request(*self.order_of(exchange, request))
        path, cost = ("trade/order", 1 / 3) if request.trigger_price is None else ("trade/order-algo", 1.0)
        exchange.throttle(cost)
        signed = exchange.sign(path, ["private"], "POST", order)
        headers = {**signed["headers"], "expTime": str(exchange.milliseconds() + _WINDOW * 1000)}
        data = only_mappings(exchange.fetch(signed["url"], "POST", headers, signed["body"]).get("data"), "orders")
        if not data or not (data[0].get("ordId") or data[0].get("algoId")):
            raise BadReply("the reply names no order")
        taken: Order = exchange.parse_order(data[0], exchange.market(request.symbol))
        return {**taken, "clientOrderId": request.client_order_id}

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> NotChecked | None:
        """Have the venue work out what the account would be after an order, in the modes in which it does that.

        https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-order-precheck
        """
        if request.trigger_price is not None:
            return NotChecked("OKX checks no orders that wait for a trigger")
        if _level(exchange) not in _CHECKED_MODES:
            return NotChecked("OKX checks orders in multi-currency and portfolio margin mode, and not in the account's")
        order = exchange.create_order_request(*self.order_of(exchange, request))
        asked = {name: order[name] for name in _CHECKED_BY if name in order}
        told = only_mappings(exchange.privatePostTradeOrderPrecheck(asked).get("data"), "checks")
        if not told or any(entry.get("ordId") for entry in told):
            raise BadReply("the reply does not say what the account would be after the order")
        return None

    def side_parameters(self, exchange: Exchange, request: OrderRequest) -> dict[str, Any]:
        """Repeat what the position has: the margin mode, and that both sides may be held."""
        mode = exchange.options.get("marginModes", {}).get(request.symbol)
        return {**({} if mode is None else {"tdMode": mode}), **super().side_parameters(exchange, request)}

    def order_parameters(self, request: OrderRequest) -> dict[str, Any]:
        """Return our id to orders that wait for a trigger under the name that they are looked up by."""
        parameters = super().order_parameters(request)
        if request.trigger_price is not None and request.client_order_id is not None:
            parameters["algoClOrdId"] = request.client_order_id
        return parameters

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:
        """Cancel an order, in whichever list it is: no two have the same id."""
        cancel = super().cancel
        return in_either_list(lambda waits: cancel(exchange, reference, is_trigger=waits), is_trigger=is_trigger)

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[Failed | None]:
        """Cancel up to 20 orders, each with an answer of its own."""
        asked = [
            {"instId": exchange.market_id(reference.symbol), "ordId": reference.order_id} for reference in references
        ]
        reply = exchange.privatePostTradeCancelBatchOrders(asked)
        answers_by_id = {str(entry.get("ordId")): entry for entry in only_mappings(reply.get("data"), "orders")}
        if {str(reference.order_id) for reference in references} - set(answers_by_id):
            raise BadReply("the reply does not tell of every order")
        answers = [answers_by_id[str(reference.order_id)] for reference in references]
        if any(text_in(entry, "sCode") is None for entry in answers):
            raise BadReply("the reply does not say what became of every order")
        return [
            None
            if entry["sCode"] in {"0", _BEING_CANCELLED}
            else self.errors.outcome(str(entry["sCode"]), str(entry.get("sMsg")))
            for entry in answers
        ]

    def trigger_parameters(self, is_trigger: bool) -> dict[str, Any]:  # noqa: FBT001 - as the base
        """Turn to the list of orders that wait for a trigger."""
        return {"trigger": True} if is_trigger else {}

    # --- looking up ---

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:
        """Ask for an order, in whichever list it is: no two have the same id."""
        return in_either_list(
            lambda waits: self._ask(exchange, order_id, symbol, {}, is_trigger=waits), is_trigger=is_trigger
        )

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for the newest order with our id, in both lists."""
        asked = {"clientOrderId": reference.client_order_id}

        def ask(waits: bool) -> Order:  # noqa: FBT001 - as in_either_list has it
            return self._ask(exchange, None, reference.symbol, asked, is_trigger=waits)

        return unless_missing(lambda: in_either_list(ask, is_trigger=False))

    def _ask(
        self, exchange: Exchange, order_id: str | None, symbol: str, asked: Mapping[str, Any], *, is_trigger: bool
    ) -> Order:
        order: Order = exchange.fetch_order(order_id, symbol, {**asked, **self.trigger_parameters(is_trigger)})
        names = {order.get("clientOrderId"), order["info"].get("algoClOrdId")}
        if asked and asked["clientOrderId"] not in names:
            raise BadReply("the venue tells of another order than was asked for")
        if not is_trigger:
            return order
        waiting, sent = _waiting(order), order["info"].get("ordId")
        if waiting["status"] != "closed" or not sent:
            return waiting
        # It was triggered: what came of it, the order tells that it has sent.
        result: Order | None = unless_missing(lambda: exchange.fetch_order(sent, symbol))
        if result is None:
            raise BadReply("the order was triggered, and what it has sent is not known any more")
        return {**waiting, **{name: result[name] for name in ("status", "filled", "average", "fee", "cost")}}

    def conversion_of(self, reply: object) -> Mapping[str, Any]:
        """Read a conversion; the venue may have refused it."""
        return told_by(super().conversion_of(reply), "state", finished="fullyFilled", refused="rejected")


def _pages(
    exchange: Exchange,
    ask: Callable[[Mapping[str, Any]], Any],
    kinds: tuple[str, ...],
    asked: Mapping[str, Any],
    key: str,
) -> list[Order]:
    """Read all pages of a list of orders of some kinds, 100 a page, each after the last of the one before.

    The venue lists one kind or all; of a kind that nobody knows here, none is left out.
    """
    others = _ALL_KINDS - set(kinds)
    kind = {"instType": kinds[0]} if len(kinds) == 1 else {}

    def page(cursor: str | None) -> tuple[list[Order], str | None]:
        more = {"after": cursor} if cursor else {}
        entries = only_mappings(ask({**kind, **asked, "limit": str(_PAGE), **more}).get("data"), "orders")
        orders = exchange.parse_orders([entry for entry in entries if entry.get("instType") not in others])
        after = str(entries[-1][key]) if len(entries) == _PAGE else None
        return [_waiting(order) for order in orders] if key == "algoId" else orders, after

    return pages_by_cursor(page)


def _waiting(order: Order) -> Order:
    """Read an order that waits for a trigger as one: ccxt keeps trigger, price and our id of it under other names."""
    info = order["info"]
    is_stop = bool(info.get("slTriggerPx"))
    trigger = info.get("triggerPx") or info.get("slTriggerPx") or info.get("tpTriggerPx") or info.get("moveTriggerPx")
    price = info.get("ordPx") or info.get("slOrdPx" if is_stop else "tpOrdPx")
    at_market = price in {None, "", _AT_MARKET}
    return {
        **order,
        "clientOrderId": _client_id(order),
        "type": "market" if at_market else "limit",
        "price": None if at_market else price,
        "triggerPrice": trigger or info.get("last") or info.get("activePx"),
        "filled": "0" if info.get("state") in _NEVER_TRIGGERED else info.get("actualSz") or None,
        "average": info.get("actualPx") or None,
        # A stop for a fraction of the position, of which the venue takes 1 alone, names no quantity.
        "amount": order.get("amount") or "0" if info.get("closeFraction") else order.get("amount"),
        "reduceOnly": order.get("reduceOnly") or bool(info.get("closeFraction")),
    }


def _client_id(order: Order) -> str | None:
    return order["info"].get("algoClOrdId") or order.get("clientOrderId")


def _level(exchange: Exchange) -> str:
    """Return the account mode, asked once; raises BadReply for one that exitplan does not know."""
    with exchange.turn:
        if "accountLevel" not in exchange.options:
            first = next(iter(exchange.privateGetAccountConfig()["data"]), None)
            level = str(first.get("acctLv")) if isinstance(first, dict) else None
            if level not in _LEVELS:
                raise BadReply(f"exitplan does not know accounts of level {level} at OKX")
            exchange.options["accountLevel"] = level
        return str(exchange.options["accountLevel"])


def _refuse_margin_positions(exchange: Exchange) -> None:
    """Raise BadReply where coins are held on margin: in futures mode neither they nor the debts are in the balance."""
    positions = only_mappings(exchange.privateGetAccountPositions({"instType": "MARGIN"})["data"], "positions")
    for position in positions:
        if amount_of(position.get("pos")):
            raise BadReply(f"there is a margin position of {position.get('instId')}, which exitplan can't read")


def _balance(exchange: Exchange, entry: Mapping[str, Any]) -> VenueBalance:
    """Read one currency.

    The venue's equity is cash, what bots and isolated positions hold, and the profit of open positions, which is
    counted with the positions; of what is owed, it takes the part off that makes the cash negative.
    Source: https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-balance.
    """
    currency = exchange.safe_currency_code(entry.get("ccy"))
    if amount_of(entry.get("isoLiab")):
        raise BadReply(f"{currency} is owed in isolated margin, which exitplan can't read")
    names = ("eq", "upl", "cashBal", "stgyEq", "liab", "interest")
    equity, profit, cash, bots, borrowed, interest = (amount_of(entry.get(name)) for name in names)
    holdings = [] if equity is None else [equity - (profit or ZERO)]
    holdings += [] if cash is None else [cash + (bots or ZERO)]
    total = max(holdings, default=None)
    debt = abs(borrowed or ZERO) + abs(interest or ZERO)
    told = {"free": entry.get("availBal"), "used": entry.get("frozenBal"), "total": total, "debt": debt}
    return balance_of(currency, told)


def _details(reply: Mapping[str, Any]) -> object:
    """Return the balances of the trading account."""
    first = next(iter(reply["data"]), None)
    return first.get("details") if isinstance(first, dict) else None
