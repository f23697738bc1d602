"""The binance front: its spot and USD-M futures REST APIs as ccxt speaks them, and conversions.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.paper.pricing import touch_price
from exitplan.brokers.protocol import OrderRequest, RefusalReason
from exitplan.ruleset.model.snapshot import Market, Position, Snapshot
from exitplan.ruleset.model.values import ZERO, is_derivative
from tests.venues import binance_shapes as shapes
from tests.venues.binance_auth import BAD_KEY, UNAUTHORIZED, BinanceGate
from tests.venues.binance_convert import Conversions
from tests.venues.binance_endpoint import Endpoint, page_of
from tests.venues.binance_futures import ENDPOINTS as FUTURES
from tests.venues.binance_futures import PREFIX, Futures
from tests.venues.binance_orders import OrderList, Orders
from tests.venues.binance_past import depth, klines
from tests.venues.binance_requests import client_id, read_legs, read_order, text
from tests.venues.binance_weights import FUTURES_LIMIT, Weights
from tests.venues.front import AccountFront
from tests.venues.venue import Execution
from tests.venues.wire import Document, RefusedInWords, Reply, Request, Sort, in_json

_MOST, _USUAL = 1000, 500
_DAY = 86_400_000
_ACCOUNT: Document = {
    "makerCommission": 10,
    "takerCommission": 10,
    "buyerCommission": 0,
    "sellerCommission": 0,
    "canTrade": True,
    "canWithdraw": False,
    "canDeposit": True,
    "brokered": False,
    "requireSelfTradePrevention": False,
    "preventSor": False,
    "accountType": "SPOT",
    "permissions": ["SPOT"],
    "uid": 354937868,
}


class BinanceFront(AccountFront[BinanceGate]):
    """Binance before one account; ``staked`` are balances such as {"LDBTC": 3}, in flexible Simple Earn."""

    name = "binance"
    gate_kind = BinanceGate

    def begin(self) -> None:
        self.weights = Weights(self.venue)
        self.futures_weights = Weights(self.venue, FUTURES_LIMIT)
        self.futures = Futures(self.venue)
        self.orders = Orders(self.venue)
        self.conversions = Conversions(self.venue)

    def sort_of(self, request: Request) -> Sort:
        endpoint = _endpoint(request)
        return Sort.MARKETS if endpoint is None else endpoint.sort

    def authenticate(self, request: Request) -> Reply | None:
        """Count what the request weighs, then look at its key, its signature and its time."""
        limited, endpoint = self._weights_of(request).add(request), _endpoint(request)
        if limited is not None or endpoint is None or not endpoint.is_signed:
            return limited
        try:
            self.gate.check(request)
        except RefusedInWords as refusal:
            return self._with_headers(request, _error(refusal))
        if self.venue.read_only and endpoint.sort is Sort.WRITE:
            return self._with_headers(request, _error(RefusedInWords(BAD_KEY, status=UNAUTHORIZED)))
        return None

    def act(self, request: Request) -> Reply:
        """Answer with what was asked for, or with a code and words, and in the headers what was used of the limit."""
        endpoint = _endpoint(request)
        if endpoint is None:
            return Reply(b"<html><body>404 Not Found</body></html>", 404, content_type="text/html")
        try:
            reply = in_json(endpoint.answer(self._answering(request), endpoint.read(request)))
        except RefusedInWords as refusal:
            reply = _error(refusal)
        return self._with_headers(request, reply)

    def refuse(self, words: str | None = None) -> Reply:
        """Refuse with a code and words, such as ``-1013 Filter failure: NOTIONAL``."""
        return _error(RefusedInWords(words or shapes.REFUSALS[RefusalReason.INSUFFICIENT_BALANCE]))

    def refuse_duplicate(self) -> Reply:
        return self.refuse(shapes.REFUSALS[RefusalReason.DUPLICATE_CLIENT_ORDER_ID])

    def valid_until(self, request: Request) -> datetime:
        return self.gate.valid_until(request)

    def _answering(self, request: Request) -> BinanceFront | Futures:
        return self.futures if request.path.startswith(PREFIX) else self

    def _weights_of(self, request: Request) -> Weights:
        return self.futures_weights if request.path.startswith(PREFIX) else self.weights

    def _with_headers(self, request: Request, reply: Reply) -> Reply:
        return replace(reply, headers={**self._weights_of(request).headers(), **reply.headers})

    # --- what anyone may ask ---

    def _ping(self, _: Document) -> Document:
        return {}

    def _time(self, _: Document) -> Document:
        return {"serverTime": shapes.milliseconds(self.venue.now())}

    def _listing(self, _: Document) -> Document:
        limits = [("REQUEST_WEIGHT", "MINUTE", 1, self.weights.limit), ("ORDERS", "SECOND", 10, 100)]
        return {
            "timezone": "UTC",
            "serverTime": shapes.milliseconds(self.venue.now()),
            "rateLimits": [
                {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
                for kind, interval, number, limit in limits
            ],
            "exchangeFilters": [],
            "symbols": [shapes.symbol_document(symbol, market) for symbol, market in sorted(self._markets().items())],
        }

    def _tickers(self, params: Document) -> Any:
        now = self.venue.now()
        return self._prices(params, lambda symbol, market: shapes.ticker_document(symbol, market, now))

    def _books(self, params: Document) -> Any:
        return self._prices(params, shapes.book_document)

    def _klines(self, params: Document) -> Any:
        return klines(self.venue, self._symbol(params), params)

    def _depth(self, params: Document) -> Any:
        return depth(self._markets()[self._symbol(params)], params)

    def _prices(self, params: Document, document: Callable[[str, Market], Document]) -> Any:
        """Return the prices of one symbol, of some or of all; one whose price cannot be read is left out."""
        markets = self._markets()
        if "symbol" in params:
            symbol = self._symbol(params)
            return document(symbol, markets[symbol])
        names = params.get("symbols", "").strip('[]"').split('","') if "symbols" in params else []
        wanted = [self._symbol({"symbol": name}) for name in names] or sorted(markets)
        return [document(name, markets[name]) for name in wanted if markets[name].price_status != "unavailable"]

    # --- the account ---

    def _account(self, params: Document) -> Document:
        """Return free and locked by asset; one that was held once stays listed with zero."""
        account = self.venue.snapshot()
        money = {account.quote: self.futures.in_spot(), **account.other_cash}
        held = {name: (cash.free, cash.locked) for name, cash in money.items()}
        for position in spot_positions(self.venue.start):
            held.setdefault(position.symbol.partition("/")[0], (ZERO, ZERO))
        for position in spot_positions(account):
            base = position.symbol.partition("/")[0]
            free, locked = held.get(base, (ZERO, ZERO))
            held[base] = (free + position.quantity - position.locked, locked + position.locked)
        held |= {name: (amount, ZERO) for name, amount in self.staked.items()}
        without_zeros = params.get("omitZeroBalances") == "true"
        balances = [
            {"asset": name, "free": shapes.amount(free), "locked": shapes.amount(locked)}
            for name, (free, locked) in held.items()
            if free or locked or not without_zeros
        ]
        fees = self.venue.options
        rates = {"maker": fees.maker_fee, "taker": fees.taker_fee, "buyer": ZERO, "seller": ZERO}
        commissions = {"commissionRates": {name: shapes.amount(rate) for name, rate in rates.items()}}
        return {**_ACCOUNT, **commissions, "updateTime": shapes.milliseconds(self.venue.now()), "balances": balances}

    def _open_orders(self, params: Document) -> list[Document]:
        symbol = self._symbol(params) if "symbol" in params else None
        return [
            shapes.order_document(order, self.orders.asked_for(order))
            for order in self.orders.told()
            if order.status == "open" and symbol in {None, order.symbol}
        ]

    def _all_orders(self, params: Document) -> list[Document]:
        symbol = self._symbol(params)
        found = [order for order in self.orders.told() if order.symbol == symbol]
        page = self._page(found, params, lambda order: order.created_at)
        return [shapes.order_document(order, self.orders.asked_for(order)) for order in page]

    def _order(self, params: Document) -> Document:
        order = self._find(self.orders.told(), params)
        if order is None:
            raise RefusedInWords("-2013 Order does not exist.")
        return shapes.order_document(order, self.orders.asked_for(order))

    def _find(self, orders: list[PaperOrder], params: Document) -> PaperOrder | None:
        """Find an order of a symbol by its number, or by the client's id: the one that rests, else the newest."""
        symbol, number, client_id = self._symbol(params), params.get("orderId"), params.get("origClientOrderId")
        if number is None and client_id is None:
            raise RefusedInWords("-1102 Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        found = [
            order
            for order in orders
            if order.symbol == symbol
            and number in {None, str(shapes.number_of(order.id))}
            and client_id in {None, shapes.client_id_of(order)}
        ]
        return next((order for order in found if order.status == "open"), found[-1] if found else None)

    def _trades(self, params: Document) -> list[Document]:
        """Return trades of a symbol, oldest first: the latest of them, or from a time on."""
        symbol, number = self._symbol(params), params.get("orderId")
        trades = [
            replace(trade, order=self.orders.name_of(trade.order))
            for trade in reversed(self.venue.executions())
            if trade.symbol == symbol
        ]
        found = [trade for trade in trades if number in {None, str(shapes.number_of(trade.order))}]
        return [
            shapes.trade_document(trade, self._list_id(trade))
            for trade in self._page(found, params, lambda trade: trade.at)
        ]

    def _list_id(self, trade: Execution) -> int:
        asked = self.orders.asked.get(trade.order)
        return -1 if asked is None else asked.list_id

    def _page(self, entries: list[Any], params: Document, moment: Callable[[Any], datetime | None]) -> list[Any]:
        most = self.page_size or _MOST
        return page_of(
            entries, params, lambda entry: shapes.milliseconds(moment(entry)), usual=_USUAL, most=most, longest=_DAY
        )

    def _order_list(self, params: Document) -> Document:
        return self._list_document(self._find_list(params, "-2018 Order list does not exist."))

    def _open_lists(self, _: Document) -> list[Document]:
        executing = [entry for entry in self.orders.lists.values() if self.orders.is_executing(entry)]
        return [self._list_document(entry) for entry in executing]

    def _find_list(self, params: Document, words: str) -> OrderList:
        number, client_id = params.get("orderListId"), params.get("origClientOrderId", params.get("listClientOrderId"))
        for entry in self.orders.lists.values():
            if str(entry.number) == number or entry.client_id == client_id:
                return entry
        raise RefusedInWords(words)

    def _list_document(self, entry: OrderList) -> Document:
        legs, executing = self.orders.legs(entry), self.orders.is_executing(entry)
        return {
            "orderListId": entry.number,
            "contingencyType": "OCO",
            "listStatusType": "EXEC_STARTED" if executing else "ALL_DONE",
            "listOrderStatus": "EXECUTING" if executing else "ALL_DONE",
            "listClientOrderId": entry.client_id,
            "transactionTime": shapes.milliseconds(self.venue.now()),
            "symbol": shapes.symbol_id(entry.symbol),
            "orders": [
                {
                    "symbol": shapes.symbol_id(leg.symbol),
                    "orderId": shapes.number_of(leg.id),
                    "clientOrderId": shapes.client_id_of(leg),
                }
                for leg in legs
            ],
        }

    # --- what changes the account ---

    def _new_order(self, params: Document) -> Document:
        """Place an order; the reply tells its fills, but for one that waits for a trigger."""
        request, asked = self._request(params)
        order = self.orders.place(request, asked)
        report = shapes.report_document(order, asked)
        usual = "FULL" if asked.type in {"MARKET", "LIMIT"} else "ACK"
        kind = params.get("newOrderRespType", usual)
        if kind == "ACK":
            names = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
            return {name: report[name] for name in names}
        trades = [trade for trade in reversed(self.venue.executions()) if trade.order == order.id and order.fills]
        return {**report, "fills": shapes.fill_documents(trades)} if kind == "FULL" else report

    def _test_order(self, params: Document) -> Document:
        self.orders.rehearse(self._request(params)[0])
        return {}

    def _request(self, params: Document) -> tuple[OrderRequest, shapes.Asked]:
        symbol = self._symbol(params)
        market, options = self._markets()[symbol], self.venue.options
        return read_order(params, symbol, lambda side: touch_price(market, side, options), market.amount_step)

    def _new_list(self, params: Document) -> Document:
        """Place two orders of which one cancels the other."""
        limit, stop = read_legs(params, self._symbol(params))
        entry = self.orders.place_list(limit, stop, client_id(params, "listClientOrderId"))
        reports = [shapes.report_document(leg, self.orders.asked_for(leg)) for leg in self.orders.legs(entry)]
        return {**self._list_document(entry), "orderReports": reports}

    def _cancel(self, params: Document) -> Document:
        """Cancel an order; the reply to one of a list tells of the whole list."""
        order = self._find(self.orders.every(), params)
        if order is None or order.status != "open":
            raise RefusedInWords(shapes.REFUSALS[RefusalReason.UNKNOWN_ORDER])
        entry = self.orders.cancel(order)
        return self._cancelled(order, params) if entry is None else self._cancelled_list(entry, params)

    def _cancel_list(self, params: Document) -> Document:
        entry = self._find_list(params, "-2011 Unknown order list sent.")
        if not self.orders.is_executing(entry):
            raise RefusedInWords("-2011 Unknown order list sent.")
        return self._cancelled_list(self.orders.cancel(entry.stop) or entry, params)

    def _cancelled_list(self, entry: OrderList, params: Document) -> Document:
        reports = [self._cancelled(leg, params) for leg in self.orders.legs(entry)]
        return {**self._list_document(entry), "orderReports": reports}

    def _cancelled(self, order: PaperOrder, params: Document) -> Document:
        report = shapes.report_document(order, self.orders.asked_for(order))
        del report["workingTime"]
        name = params.get("newClientOrderId") or shapes.made_up_id(f"cancel of {order.id}")
        return {
            **report,
            "origClientOrderId": report["clientOrderId"],
            "clientOrderId": name,
            "transactTime": shapes.milliseconds(self.venue.now()),
            "status": "CANCELED",
        }

    def _quote(self, params: Document) -> Document:
        return self.conversions.quote(params)

    def _accept(self, params: Document) -> Document:
        return self.conversions.accept(params)

    def _conversion(self, params: Document) -> Document:
        return self.conversions.tell(params)

    def _markets(self) -> Mapping[str, Market]:
        listed = self.venue.snapshot().markets
        return {symbol: market for symbol, market in listed.items() if not is_derivative(symbol)}

    def _symbol(self, params: Document) -> str:
        name = text(params, "symbol")
        for symbol in self._markets():
            if shapes.symbol_id(symbol) == name:
                return symbol
        raise RefusedInWords(shapes.REFUSALS[RefusalReason.UNKNOWN_SYMBOL])


def spot_positions(account: Snapshot) -> list[Position]:
    return [position for position in account.positions if not is_derivative(position.symbol)]


def _error(refusal: RefusedInWords) -> Reply:
    code, _, words = str(refusal).partition(" ")
    return in_json({"code": int(code), "msg": words}, refusal.status)


_NEW = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice"
    " newOrderRespType selfTradePreventionMode"
)
_LEGS = " ".join(
    f"{place}{name}"
    for place in ("above", "below")
    for name in ("Type", "ClientOrderId", "Price", "StopPrice", "TimeInForce")
)
_BETWEEN = "symbol orderId startTime endTime limit"
_KLINES = "symbol interval startTime endTime limit"
_V3 = "/api/v3"
_CONVERT = "/sapi/v1/convert"
_ENDPOINTS: Mapping[str, Endpoint] = {
    f"GET {_V3}/ping": Endpoint(Sort.MARKETS, BinanceFront._ping, is_signed=False),
    f"GET {_V3}/time": Endpoint(Sort.MARKETS, BinanceFront._time, is_signed=False),
    f"GET {_V3}/exchangeInfo": Endpoint(Sort.MARKETS, BinanceFront._listing, is_signed=False),
    f"GET {_V3}/ticker/24hr": Endpoint(Sort.READ, BinanceFront._tickers, "symbol symbols type", is_signed=False),
    f"GET {_V3}/ticker/bookTicker": Endpoint(Sort.READ, BinanceFront._books, "symbol symbols", is_signed=False),
    f"GET {_V3}/klines": Endpoint(Sort.READ, BinanceFront._klines, _KLINES, is_signed=False),
    f"GET {_V3}/depth": Endpoint(Sort.READ, BinanceFront._depth, "symbol limit", is_signed=False),
    f"GET {_V3}/account": Endpoint(Sort.READ, BinanceFront._account, "omitZeroBalances"),
    f"GET {_V3}/openOrders": Endpoint(Sort.READ, BinanceFront._open_orders, "symbol"),
    f"GET {_V3}/allOrders": Endpoint(Sort.LOOK_UP, BinanceFront._all_orders, _BETWEEN),
    f"GET {_V3}/order": Endpoint(Sort.LOOK_UP, BinanceFront._order, "symbol orderId origClientOrderId"),
    f"GET {_V3}/myTrades": Endpoint(Sort.READ, BinanceFront._trades, _BETWEEN),
    f"GET {_V3}/orderList": Endpoint(Sort.LOOK_UP, BinanceFront._order_list, "orderListId origClientOrderId"),
    f"GET {_V3}/openOrderList": Endpoint(Sort.READ, BinanceFront._open_lists),
    f"POST {_V3}/order": Endpoint(Sort.WRITE, BinanceFront._new_order, _NEW),
    f"POST {_V3}/order/test": Endpoint(Sort.LOOK_UP, BinanceFront._test_order, _NEW),
    f"DELETE {_V3}/order": Endpoint(
        Sort.WRITE, BinanceFront._cancel, "symbol orderId origClientOrderId newClientOrderId"
    ),
    f"POST {_V3}/orderList/oco": Endpoint(
        Sort.WRITE, BinanceFront._new_list, f"symbol side quantity listClientOrderId newOrderRespType {_LEGS}"
    ),
    f"DELETE {_V3}/orderList": Endpoint(
        Sort.WRITE, BinanceFront._cancel_list, "symbol orderListId listClientOrderId newClientOrderId"
    ),
    f"POST {_CONVERT}/getQuote": Endpoint(
        Sort.READ, BinanceFront._quote, "fromAsset toAsset fromAmount walletType validTime"
    ),
    f"POST {_CONVERT}/acceptQuote": Endpoint(Sort.WRITE, BinanceFront._accept, "quoteId"),
    f"GET {_CONVERT}/orderStatus": Endpoint(Sort.LOOK_UP, BinanceFront._conversion, "orderId"),
}


def _endpoint(request: Request) -> Endpoint | None:
    name = f"{request.method} {request.path}"
    return _ENDPOINTS.get(name) or FUTURES.get(name)
