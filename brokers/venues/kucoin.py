"""KuCoin, https://www.kucoin.com/docs-new/: classic accounts, stops in their own list, open orders by symbol.

Spot orders go through the venue's ``hf`` addresses, the only ones that it still documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial, reduce
from typing import Any, ClassVar
from urllib.parse import urlsplit

from msgspec import structs

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.dialect import EACH, MAX_PAGES, Dialect, Exchange, MarketType, Order, Traits, side_by_side
from exitplan.brokers.live.errors import ErrorTable, text_in
from exitplan.brokers.live.failures import unless_missing
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.parsing import (
    BadReply,
    VenueBalance,
    amount_of,
    balance_and_debt,
    fee_rate_of,
    only_mappings,
)
from exitplan.brokers.live.past_orders import past_orders_in
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders
from exitplan.brokers.rehearsal import NotChecked
from exitplan.brokers.venues.errors.kucoin import ERRORS
from exitplan.brokers.venues.two_lists import in_either_list
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import EXACT, ZERO, is_derivative, plain

_WINDOW = 5
_PAGE = 500
_FILLS = 100
_DONE = 100
_WEEK = 7 * 86_400_000
_REMEMBERED = timedelta(days=3)
"""How long the venue knows orders that are closed."""
_TRADING = frozenset({"trade", "trade_hf"})
"""The accounts that orders are paid from; the funding account (main) is not among them."""
_ELSEWHERE = frozenset({"main", "contract", "option", "pool"})
"""Other accounts that are known, and whose balances are not those that are traded here."""
_MARGIN = frozenset({"margin", "margin_v2", "isolated", "isolated_v2"})
"""Accounts that may owe what they hold; how much they do is not told with their balances."""
_BASIC_CLASS = "1"
"""The fees of the other classes of markets are higher ones."""
_PAIRS, _OVER = "orders that cancel one another (OCO)", frozenset({"DONE", "CANCELLED"})
_MUST_HOLD = {
    "/api/v1/accounts": None,
    "/api/v1/positions": None,
    "/api/v1/orders": "items",
    "/api/v1/stopOrders": "items",
    "/api/v1/stop-order": "items",
    "/api/v1/market/allTickers": "ticker",
    "/api/v1/contracts/active": None,
    "/api/v1/hf/fills": "items",
    "/api/v1/hf/orders/done": "items",
}
"""The lists that replies must hold, by address; None where the data are the list."""


class Kucoin(Dialect):
    """Spot and futures in a classic account at KuCoin."""

    errors: ClassVar[ErrorTable] = ERRORS
    check_addresses: ClassVar[tuple[str, ...]] = ("/orders/test",)
    traits: ClassVar[Traits] = Traits(
        venue="kucoin",
        title="KuCoin",
        candle_unit="contracts",
        book_levels=100,
        address="https://api.kucoin.com",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="clientOid",
        # The venue takes no request that was signed 5 seconds ago; a clock that is ahead makes that a little more.
        receive_window=2 * _WINDOW,
        writes_at_once=10,
        triggers_apart=True,
        stop_market=True,
        stop_limit=True,
        fee_asset="KCS",
        past_orders="symbol",
        past_page=_DONE,
        needs_password=True,
        tells_fees=True,
        rehearses=("spot", "swap", "future"),
        # 4,000 weights in 30 seconds for spot, 2,000 for futures, of which ccxt counts each double.
        burst=2000.0,
        refill=133.0,
        headers=HeaderNames(
            remaining="gw-ratelimit-remaining",
            limit="gw-ratelimit-limit",
            reset="gw-ratelimit-reset",
            reset_unit="ms",
        ),
        options={"hf": True, "uta": False},
        permissions="General, Spot Trading (Futures Trading for swaps and futures). Never: Withdrawal, FlexTransfers.",
        limits_known=(
            "The key has a passphrase, which is named when it is made.",
            "Classic accounts only: a unified trading account is refused.",
            "Only the trading and the futures account are read: what is in the funding account or in Earn is not seen.",
            "An account that holds something in a margin account is unreadable.",
            "A key reads the account that it was made in: the main account, or one sub-account.",
            "Client order ids are unique among open orders only, and closed orders are found for three days.",
            "Open orders are asked for by symbol, so reading takes one call more for each symbol that has some.",
            "Orders that cancel one another (OCO) are not read: while there are any, the account is never CLEAN.",
            "A market order that would move the price too far is filled in part, and the rest is cancelled.",
            "Conversion of dust is not offered.",
            "Of an order that is only checked the venue does not say whether it looks at the balance.",
        ),
    )

    # --- the client ---

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        kinds = [*(["spot"] if "spot" in market_types else []), *(["contract"] if set(market_types) - {"spot"} else [])]
        listed = {"types": kinds, "fetchTickersFees": False}
        return {
            "options": {**self.traits.options, "fetchMarkets": listed, "marketTypes": list(market_types)},
        }

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read the code that every reply has; 200000 is an answer."""
        code = text_in(reply, "code")
        if code is None:
            return None
        return () if code in {"200000", "200"} else (code,)

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold every reply to have data, and those that are lists their list."""
        wrong, path = super().validate_reply(url, reply), urlsplit(url).path
        if wrong is not None:
            return wrong
        if not isinstance(reply, dict) or "data" not in reply:
            return "it holds no data"
        if path not in _MUST_HOLD:
            return None
        data, key = reply["data"], _MUST_HOLD[path]
        entries = data.get(key) if key is not None and isinstance(data, dict) else data
        # An order that was just placed is answered at the address that lists futures' orders, with its id alone.
        is_list = isinstance(entries, list) or (isinstance(data, dict) and "orderId" in data)
        return None if is_list else f"it holds no {key or 'list'}"

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:
        """Take the larger of the venue's two minimums for the worth of an order; ccxt knows one of them.

        Of contracts, take the largest order from where the venue says it.
        """
        info = market.get("info") or {}
        if not market.get("spot"):
            most, at_market = (amount_of(info.get(name)) or None for name in ("maxOrderQty", "marketMaxOrderQty"))
            return structs.replace(listing, max_amount=most, max_notional=None, market_max_amount=at_market)
        least = amount_of(info.get("minFunds"))
        return (
            listing
            if least is None
            else structs.replace(listing, min_notional=max(least, listing.min_notional or ZERO))
        )

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read the trading account, or the futures account in each currency that contracts are settled in."""
        _ensure_classic(exchange)
        if market_type == "spot":
            return _trading_balances(exchange, exchange.privateGetAccounts()["data"])
        if market_type == "future" and "swap" in exchange.options["marketTypes"]:
            return []  # one wallet for both, and read already
        contracts = [market for market in exchange.markets.values() if market.get("linear")]
        settled = sorted({str(market["settle"]) for market in contracts})
        return side_by_side([partial(_futures_balance, exchange, currency) for currency in settled])

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read resting orders, symbol by symbol, and all that wait for a trigger."""
        if market_type == "spot":
            tasks = [partial(_resting, exchange), partial(_waiting, exchange, {}), partial(_note_pairs, exchange)]
            return [order for orders in side_by_side(tasks) for order in orders]
        lists: list[Callable[[], list[Order]]] = [
            partial(_pages, exchange, exchange.futuresPrivateGetOrders, {"status": "active"}),
            partial(_pages, exchange, exchange.futuresPrivateGetStopOrders, {}),
        ]
        orders = [_of_whole_position(order) for answer in side_by_side(lists) for order in answer]
        return [order for order in orders if exchange.market(order["symbol"])["type"] == market_type]

    def unread(self, exchange: Exchange, market_types: Sequence[MarketType]) -> tuple[str, ...]:
        """Name pairs of orders that cancel one another, where there are any, or nobody could tell."""
        return (_PAIRS,) if "spot" in market_types and exchange.options["hasPairs"] else ()

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:
        """Read the account's basic rate of the spot market; of futures nobody tells them of more than one contract.

        https://www.kucoin.com/docs-new/rest/account-info/trade-fee/get-basic-fee-spot-margin
        """
        if market_type != "spot":
            return {}
        return {EACH: str(exchange.privateGetBaseFee()["data"]["takerFeeRate"])}

    def fee_in(self, rates: Mapping[str, str], market: Mapping[str, Any]) -> Decimal | None:
        """Return the basic rate times the market's factor, for markets of the first class, which it is that of."""
        info = market.get("info") or {}
        rate, factor = super().fee_in(rates, market), info.get("takerFeeCoefficient", "1")
        if rate is None or str(info.get("feeCategory")) != _BASIC_CLASS:
            return None
        try:
            return fee_rate_of(EXACT.multiply(rate, amount_of(factor) or ZERO))
        except BadReply:
            return None

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read positions; ccxt gives the time of the reply as that of their opening."""
        _ensure_classic(exchange)
        entries = only_mappings(exchange.fetch_positions(), "positions")
        if any(entry["info"].get("positionSide") in {"LONG", "SHORT"} for entry in entries):
            exchange.options["hedged"] = True
        return [
            {**entry, "timestamp": entry["info"].get("openingTimestamp")}
            for entry in entries
            if exchange.market(entry["symbol"])["type"] == market_type
        ]

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of a symbol week by week, the longest span that the venue answers for."""
        market, until = exchange.market(symbol), exchange.milliseconds()
        for _ in range(MAX_PAGES):
            asked = {"symbol": market["id"], "limit": _FILLS, "startAt": until - _WEEK, "endAt": until}
            for _ in range(MAX_PAGES):
                data = exchange.privateGetHfFills(asked)["data"]
                yield exchange.parse_trades(only_mappings(data["items"], "fills"), market)
                if len(data["items"]) < _FILLS or not data.get("lastId"):
                    break
                asked = {**asked, "lastId": data["lastId"]}
            until -= _WEEK

    def read_past_orders(
        self, exchange: Exchange, market_type: MarketType, since: int, symbols: Sequence[str]
    ) -> PastOrders:
        """Read the newest 100 orders of each symbol that ended since a time."""
        _ensure_classic(exchange)
        spot, futures = exchange.privateGetHfOrdersDone, exchange.futuresPrivateGetOrders

        def of(symbol: str) -> PastOrders:
            asked = {"symbol": exchange.market_id(symbol), "startAt": since}
            if market_type == "spot":
                reply = spot({**asked, "limit": _DONE})
            else:
                reply = futures({**asked, "status": "done", "pageSize": _DONE})
            return past_orders_in(only_mappings((reply["data"] or {}).get("items"), "orders"), "clientOid", _DONE)

        return reduce(PastOrders.plus, side_by_side([partial(of, symbol) for symbol in symbols], most=self.at_once))

    # --- writing ---

    def create(self, exchange: Exchange, request: OrderRequest) -> Order:
        """Send an order once."""
        _ensure_classic(exchange)
        return super().create(exchange, request)

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> NotChecked | None:
        """Have an order checked; the id in the answer is one that no order has.

        https://www.kucoin.com/docs-new/rest/spot-trading/orders/add-order-test
        """
        _ensure_classic(exchange)
        if request.trigger_price is not None:
            return NotChecked("KuCoin checks no orders that wait for a trigger")
        symbol, kind, side, amount, price, parameters = self.order_of(exchange, request)
        exchange.create_order(symbol, kind, side, amount, price, {**parameters, "test": True})
        return None

    def order_of(self, exchange: Exchange, request: OrderRequest) -> tuple[Any, ...]:
        """Return an order as ccxt takes it, of futures in whole contracts: it compares them with a number."""
        symbol, kind, side, amount, price, parameters = super().order_of(exchange, request)
        return symbol, kind, side, int(request.quantity) if is_derivative(symbol) else amount, price, parameters

    def side_parameters(self, exchange: Exchange, request: OrderRequest) -> dict[str, Any]:
        """Repeat what the position has: the margin mode, and its side where both may be held."""
        side = request.position_side if exchange.options.get("hedged") else None
        named = {} if side is None else {"positionSide": side.upper()}
        return {"marginMode": exchange.fetch_margin_mode(request.symbol)["marginMode"], **named}

    def order_parameters(self, request: OrderRequest) -> dict[str, Any]:
        """Let stops of futures look at the last price, which is the one that plans are made with."""
        is_stop = request.trigger_price is not None and is_derivative(request.symbol)
        return {**super().order_parameters(request), **({"stopPriceType": "TP"} if is_stop else {})}

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:
        """Cancel one order, in whichever list it is; futures have one address for both."""
        _ensure_classic(exchange)
        if is_derivative(reference.symbol):
            return super().cancel(exchange, reference, is_trigger=False)
        do = partial(self._cancel_spot, exchange, reference)
        return in_either_list(do, is_trigger=is_trigger)

    def trigger_parameters(self, is_trigger: bool) -> dict[str, Any]:  # noqa: FBT001 - as the base
        """Turn to the list of orders that wait for a trigger."""
        return {"trigger": True} if is_trigger else {}

    # --- looking up ---

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:
        """Ask for one order by its id, in whichever list it is; futures have one address for both."""
        _ensure_classic(exchange)
        if is_derivative(symbol):
            return _known(super().find(exchange, order_id, symbol, is_trigger=False))

        def ask(waits: bool) -> Order:  # noqa: FBT001 - as in_either_list has it
            if not waits:
                return _known(super(Kucoin, self).find(exchange, order_id, symbol, is_trigger=False))
            return _the_one(_waiting(exchange, {"orderIds": order_id}), order_id)

        return in_either_list(ask, is_trigger=is_trigger)

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for an order by our id, of spot in both lists; raises BadReply where the venue may have forgotten it."""
        _ensure_classic(exchange)
        name = reference.client_order_id
        order: Order | None = unless_missing(lambda: exchange.fetch_order(None, reference.symbol, {"clientOid": name}))
        if order is not None:
            if order.get("clientOrderId") != name:
                raise BadReply("the venue tells of another order than was asked for")
            return _known(order)
        waiting = None if is_derivative(reference.symbol) else _waiting_by_client_id(exchange, reference)
        if waiting is None and reference.since is not None:
            age = timedelta(milliseconds=exchange.milliseconds() - int(reference.since.timestamp() * 1000))
            if age > _REMEMBERED:
                raise BadReply("the venue forgets orders three days after they are closed")
        return waiting

    def _cancel_spot(self, exchange: Exchange, reference: OrderReference, waits: bool) -> object:  # noqa: FBT001 - as in_either_list has it
        return super().cancel(exchange, reference, is_trigger=waits)


def _ensure_classic(exchange: Exchange) -> None:
    """Raise BadReply for an account that is no classic one: its classic lists are empty, as if there was nothing.

    The mode is asked for once; ccxt, which is told that it is a classic one, would take any that it does not know so.
    """
    with exchange.turn:
        if exchange.options.get("accountMode") is None:
            mode = (exchange.utaPrivateGetAccountMode()["data"] or {}).get("selfAccountMode")
            if mode not in {"CLASSIC", "UNIFIED"}:
                raise BadReply(f"exitplan does not know accounts of the kind {mode} at KuCoin")
            exchange.options["accountMode"] = mode
        if exchange.options["accountMode"] == "UNIFIED":
            raise BadReply("this is a unified trading account; exitplan reads classic ones at KuCoin")


def _trading_balances(exchange: Exchange, accounts: Sequence[Mapping[str, Any]]) -> list[VenueBalance]:
    balances: dict[str, VenueBalance] = {}
    for account in accounts:
        kind, currency = account.get("type"), exchange.safe_currency_code(account.get("currency"))
        if kind not in _TRADING | _ELSEWHERE | _MARGIN:
            raise BadReply(f"exitplan does not know accounts of the kind {kind}")
        if kind in _MARGIN and amount_of(account.get("balance")):
            raise BadReply(f"there is {currency} in the {kind} account, and exitplan can't read what that owes")
        if kind not in _TRADING:
            continue
        free, locked = amount_of(account.get("available")), amount_of(account.get("holds"))
        if currency is None or free is None or locked is None:
            raise BadReply("an account without a currency or an amount")
        known = balances.get(currency, VenueBalance(currency, ZERO, ZERO))
        balances[currency] = replace(known, free=known.free + free, locked=known.locked + locked)
    return list(balances.values())


def _futures_balance(exchange: Exchange, currency: str) -> VenueBalance:
    """Read the futures account in one currency, without the profit of positions, which is counted with those.

    Source: https://www.kucoin.com/docs-new/rest/account-info/account-funding/get-account-futures.
    """
    data = exchange.futuresPrivateGetAccountOverview({"currency": exchange.currency(currency)["id"]})["data"] or {}
    equity, profit, available = (
        amount_of(data.get(name)) for name in ("accountEquity", "unrealisedPNL", "availableBalance")
    )
    if equity is None or available is None:
        raise BadReply(f"the futures account in {currency} has no amount")
    held = equity - (profit or ZERO)
    free = min(available, max(held, ZERO))
    return balance_and_debt(currency, free, held - free, ZERO)


def _resting(exchange: Exchange) -> list[Order]:
    """Ask which symbols have open orders, then for those of each."""
    data = exchange.privateGetHfOrdersActiveSymbols()["data"]
    if data is not None and "symbols" not in data:
        raise BadReply("the reply does not say which symbols have orders")
    symbols = (data or {}).get("symbols") or []
    replies = side_by_side([partial(exchange.privateGetHfOrdersActive, {"symbol": name}) for name in symbols])
    entries = [entry for reply in replies for entry in only_mappings(reply["data"] or [], "orders")]
    return [_known(order) for order in exchange.parse_orders(entries)]


def _waiting(exchange: Exchange, asked: Mapping[str, Any]) -> list[Order]:
    """Read spot orders that wait for their trigger; the venue locks what they need only then.

    Source: https://www.kucoin.com/support/31880997949977.
    """
    orders = _pages(exchange, exchange.privateGetStopOrder, {"status": "NEW", **asked})
    return [{**order, "holdsNothing": True} for order in orders]


def _note_pairs(exchange: Exchange) -> list[Order]:
    """Note whether there are pairs of orders that cancel one another; the venue does not tell what they hold.

    Source: https://www.kucoin.com/docs-new/rest/spot-trading/orders/get-oco-order-list.
    """

    def look() -> bool:
        pairs = only_mappings(exchange.privateGetOcoOrders({"pageSize": _PAGE})["data"]["items"], "orders")
        return any(pair.get("status") not in _OVER for pair in pairs)

    exchange.options["hasPairs"] = attempt(look, lambda _: True)  # whatever broke, there may be some
    return []


def _pages(exchange: Exchange, ask: Callable[[Mapping[str, Any]], Any], asked: Mapping[str, Any]) -> list[Order]:
    """Read all pages of a list of orders."""
    entries: list[Mapping[str, Any]] = []
    for page in range(1, MAX_PAGES):
        data = ask({**asked, "currentPage": page, "pageSize": _PAGE})["data"]
        items = only_mappings(data["items"], "orders")
        entries.extend(items)
        if page >= int(data.get("totalPage") or 0) or not items:
            return [_known(order) for order in exchange.parse_orders(entries)]
    raise BadReply("the pages do not end")


def _known(order: Order) -> Order:
    """Correct what ccxt makes of an order: one of which a part was cancelled rests with what is left of it."""
    info = order.get("info") or {}
    if True not in (info.get("active"), info.get("isActive")):
        return order
    amount, cancelled = amount_of(order.get("amount")), amount_of(info.get("cancelledSize")) or ZERO
    return {**order, "status": "open", "amount": None if amount is None else plain(amount - cancelled)}


def _of_whole_position(order: Order) -> Order:
    """Read an order of a contract that closes all of a position as one without a quantity: the venue finds that out.

    Source: https://www.kucoin.com/docs-new/rest/futures-trading/orders/add-order.
    """
    is_whole = order["info"].get("closeOrder") is True and not amount_of(order.get("filled"))
    return {**order, "amount": "0"} if is_whole else order


def _waiting_by_client_id(exchange: Exchange, reference: OrderReference) -> Order | None:
    asked = {"clientOid": reference.client_order_id, "symbol": exchange.market(reference.symbol)["id"]}
    data = unless_missing(lambda: exchange.privateGetStopOrderQueryOrderByClientOid(asked)["data"])
    orders = exchange.parse_orders(only_mappings(data or [], "orders"))
    return next((order for order in orders if order.get("clientOrderId") == reference.client_order_id), None)


def _the_one(orders: Sequence[Order], order_id: str) -> Order:
    from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    for order in orders:
        if order.get("id") == order_id:
            return order
    raise OrderNotFound("order not exist")
