"""The bybit front: v5 as ccxt speaks it, a unified account of spot and linear swaps in hedge mode.

https://bybit-exchange.github.io/docs/v5/intro
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.protocol import Done, OrderReference, OrderRequest, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import Cash, Market, OrderSide, Position
from exitplan.ruleset.model.values import ZERO, base_of, is_derivative, plain
from tests.venues import bybit_shapes as shapes
from tests.venues.bybit_auth import BybitGate
from tests.venues.bybit_convert import Conversions
from tests.venues.bybit_shapes import Category
from tests.venues.front import AccountFront
from tests.venues.history import bars, book
from tests.venues.wire import Document, RefusedInWords, Reply, Request, Sort, in_json

LAG = timedelta(seconds=3)
"""How long an order that has ended stays out of the history."""
BATCH = {"spot": 10, "linear": 20}
"""How many orders one call cancels."""
_WEEK = 7 * 86_400_000
_YEAR = timedelta(days=365)
_CLIENT_ID = re.compile(r"[0-9A-Za-z_-]{1,36}")
_SIDES: Mapping[str, OrderSide] = {"Buy": "buy", "Sell": "sell"}
_AT_ONCE = {"IOC", "FOK"}
_Answer = Document | tuple[Document, Document]

_LENGTHS = {"15": 900, "60": 3600, "D": 86400}


class BybitFront(AccountFront[BybitGate]):
    """Bybit before one account; ``interest`` is the part of what is owed, by currency, that is no borrowed amount.

    Orders that ended before ``restarted_at`` are in the history only.
    """

    name = "bybit"
    gate_kind = BybitGate

    def begin(self) -> None:
        self.conversions = Conversions(self.venue)
        self.interest: dict[str, Decimal] = {}
        self.restarted_at: datetime | None = None
        self.margin_mode = "REGULAR_MARGIN"

    def sort_of(self, request: Request) -> Sort:
        """Return what a request is about; one list answers for the account and for one order asked for by an id."""
        by_id = request.path == "/v5/order/realtime" and re.search(r"order(Link)?Id=", request.query)
        return Sort.LOOK_UP if by_id else _ENDPOINTS.get(request.path, (Sort.MARKETS, None))[0]

    def authenticate(self, request: Request) -> Reply | None:
        if request.path.startswith("/v5/market/"):
            return None
        try:
            self.gate.check(request)
        except RefusedInWords as refusal:
            return self._reply(refusal, request.path)
        if self.venue.read_only and self.sort_of(request) is Sort.WRITE:
            return self.refuse("10005 Permission denied, please check your API key permissions.")
        return None

    def act(self, request: Request) -> Reply:
        """Answer in bybit's envelope, refusals too, with status 200."""
        if request.path not in _ENDPOINTS:
            return self._reply(RefusedInWords("10017", "Route not found."), request.path)
        try:
            return self._reply(_ENDPOINTS[request.path][1](self, request.params()), request.path)
        except RefusedInWords as refusal:
            return self._reply(refusal, request.path)

    def refuse(self, words: str | None = None) -> Reply:
        """Refuse with a code and its words: ``170131 Balance insufficient``."""
        return self._reply(_refusal(words or shapes.REFUSALS["spot"][RefusalReason.INSUFFICIENT_BALANCE]))

    def refuse_duplicate(self) -> Reply:
        return self.refuse(shapes.REFUSALS["spot"][RefusalReason.DUPLICATE_CLIENT_ORDER_ID])

    def valid_until(self, request: Request) -> datetime | None:
        return self.gate.ends(request)

    def _reply(self, answer: _Answer | RefusedInWords, path: str = "") -> Reply:
        code, words, result = 0, "OK", answer
        more: Document = {}
        if isinstance(answer, RefusedInWords):
            code, words, result = int(str(answer)), answer.details, {}
        elif isinstance(answer, tuple):
            result, more = answer
        now = int(shapes.milliseconds(self.venue.now()))
        reply = in_json({"retCode": code, "retMsg": words, "result": result, "retExtInfo": more, "time": now})
        return Reply(reply.body, headers=self.gate.allowance(path))

    # --- what anyone may ask ---

    def _time(self, _: Document) -> Document:
        seconds = self.venue.now().timestamp()
        return {"timeSecond": str(int(seconds)), "timeNano": f"{seconds * 1e9:.0f}"}

    def _instruments(self, params: Document) -> Document:
        """List the markets of a category; none is about to be launched, and none is an inverse one or an option."""
        shape = shapes.spot_market if params.get("category") == "spot" else shapes.linear_market
        found = [] if "status" in params else self._markets(params.get("category"))
        return self._listing(params, [shape(symbol, market) for symbol, market in found])

    def _kline(self, params: Document) -> Document:
        """Return the candles from a time on, newest first, the one that goes on among them."""
        symbol, length = self._symbol(params), _LENGTHS[params["interval"]]
        since, most = -(-int(params.get("start", 0)) // 1000), int(params.get("limit", 200))
        told = bars(self.venue, symbol, length, since=since, most=most)
        entries = [[str(bar.second * 1000), *[bar.close] * 4, bar.volume, "1"] for bar in reversed(told)]
        return {"symbol": params["symbol"], "category": self._category(params), "list": entries}

    def _orderbook(self, params: Document) -> Document:
        symbol = self._symbol(params)
        bids, asks = book(self.venue.snapshot().markets[symbol], int(params.get("limit", 1)))
        return {"s": params["symbol"], "b": bids, "a": asks, "ts": shapes.milliseconds(self.venue.now()), "u": 1}

    def _tickers(self, params: Document) -> Document:
        """Tell the prices of a category; a market whose price cannot be read is left out."""
        wanted = params.get("symbol")
        if wanted is not None:
            self._symbol(params)
        found = [
            shapes.ticker(symbol, market)
            for symbol, market in self._markets(params.get("category"))
            if market.price_status != "unavailable" and wanted in {None, shapes.symbol_id(symbol)}
        ]
        return self._listing(params, found)

    def _coins(self, _: Document) -> Document:
        return {"rows": [{"name": name, "coin": name, "chains": []} for name in sorted(self._holdings())]}

    def _markets(self, category: object) -> list[tuple[str, Market]]:
        listed = sorted(self.venue.snapshot().markets.items())
        return [(symbol, market) for symbol, market in listed if shapes.category_of(symbol) == category]

    # --- the account ---

    def _holdings(self) -> dict[str, Cash]:
        account = self.venue.snapshot()
        held = {account.quote: account.cash, **account.other_cash}
        for entry in account.positions:
            if not is_derivative(entry.symbol):
                name = entry.asset or base_of(entry.symbol)
                known = held.get(name, Cash())
                free = known.free + entry.quantity - entry.locked
                held[name] = Cash(free, known.locked + entry.locked, known.debt + entry.debt)
        return held | {name: Cash(amount) for name, amount in self.staked.items()}

    def _fee_rates(self, params: Document) -> Document:
        """Return the taker's and the maker's fee of each market of a category."""
        options = self.venue.options
        fees = {"takerFeeRate": plain(options.taker_fee), "makerFeeRate": plain(options.maker_fee)}
        is_linear = params["category"] == "linear"
        symbols = [symbol for symbol in sorted(self.venue.snapshot().markets) if is_derivative(symbol) == is_linear]
        return {"list": [{"symbol": shapes.symbol_id(symbol), **fees} for symbol in symbols]}

    def _wallet(self, params: Document) -> Document:
        """Tell what is in the wallet; a currency of which nothing is held or owed is left out."""
        if params.get("accountType") != "UNIFIED":
            raise RefusedInWords("10001", "accountType only support UNIFIED.")
        margins: dict[str, Decimal] = {}
        for entry, market in self._contracts():
            value = entry.quantity * entry.contract_size * (market.last or ZERO)
            name = shapes.settled_in(entry.symbol)
            margins[name] = margins.get(name, ZERO) + value / shapes.LEVERAGE
        coins = [
            shapes.coin(name, cash, self.interest.get(name, ZERO), margins.get(name, ZERO))
            for name, cash in self._holdings().items()
            if cash != Cash() or name in margins
        ]
        return {"list": [shapes.account(coins)]}

    def _contracts(self) -> list[tuple[Position, Market]]:
        account = self.venue.snapshot()
        held = [entry for entry in account.positions if is_derivative(entry.symbol)]
        return [(entry, account.markets.get(entry.symbol, Market())) for entry in held]

    def _positions(self, params: Document) -> Document:
        """Tell both positions of a symbol, also empty ones, or all that a settle coin has which are not empty."""
        created = self.venue.start.taken_at - _YEAR
        if params.get("symbol"):
            symbol = self._symbol(params)
            market = self.venue.snapshot().markets[symbol]
            held = {entry.side: entry for entry, _ in self._contracts() if entry.symbol == symbol}
            sides = shapes.POSITION_SIDES.values()
            found = [shapes.position(symbol, side, held.get(side), market, created) for side in sides]
        else:
            coin = self._settle_coin(params)
            found = [
                shapes.position(entry.symbol, entry.side, entry, market, created)
                for entry, market in self._contracts()
                if shapes.settled_in(entry.symbol) == coin
            ]
        return self._paged(params, found, usual=20, most=200)

    def _open_orders(self, params: Document) -> Document:
        """Tell resting orders, newest first; one that is asked for by an id also where it ended a moment ago."""
        named = params.get("orderId") or params.get("orderLinkId")
        with_ended = bool(named) or str(params.get("openOnly")) == "1"
        orders = [
            order
            for order in self._orders(params)
            if order.status == "open" or (with_ended and not self._is_forgotten(order))
        ]
        return self._told(params, orders)

    def _is_forgotten(self, order: PaperOrder) -> bool:
        return self.restarted_at is not None and (order.updated_at or self.restarted_at) <= self.restarted_at

    def _history(self, params: Document) -> Document:
        """Tell orders that have ended, newest first, once they have come to be in the history."""
        seen, span = self.venue.now() - LAG, self._span(params)
        ended = [(order.updated_at, order) for order in self._orders(params) if order.status != "open"]
        return self._told(params, [one for at, one in ended if at is not None and at <= seen and _within(at, span)])

    def _orders(self, params: Document) -> list[PaperOrder]:
        """Return the orders that are asked for: by an id, by symbol, or by the coin that contracts are settled in."""
        category, name, link = self._category(params), params.get("orderId"), params.get("orderLinkId")
        orders = [
            order
            for order in self.venue.told_orders()
            if order.type != "convert" and shapes.category_of(order.symbol) == category
        ]
        if name:
            return [order for order in orders if shapes.order_id(order.id) == name]
        if link:
            return [order for order in orders if order.client_order_id == link]
        if params.get("symbol"):
            symbol = self._symbol(params)
            return [order for order in orders if order.symbol == symbol]
        if category == "spot":
            return orders
        coin = self._settle_coin(params)
        return [order for order in orders if shapes.settled_in(order.symbol) == coin]

    def _told(self, params: Document, orders: Sequence[PaperOrder]) -> Document:
        newest_first = sorted(orders, key=lambda order: shapes.milliseconds(order.created_at), reverse=True)
        return self._paged(params, [shapes.order(order) for order in newest_first], usual=20, most=50)

    def _executions(self, params: Document) -> Document:
        """Tell trades of a week, newest first."""
        category, span, name = self._category(params), self._span(params), params.get("orderId")
        symbol = self._symbol(params) if params.get("symbol") and not name else None
        found = [
            shapes.execution(trade)
            for trade in self.venue.executions()
            if shapes.category_of(trade.symbol) == category
            and (symbol in {None, trade.symbol})
            and (name in {None, shapes.order_id(trade.order)})
            and _within(trade.at, span)
        ]
        return self._paged(params, found, usual=50, most=100)

    def _span(self, params: Document) -> tuple[int, int]:
        """Return the milliseconds that are asked about, a week at most."""
        now = int(shapes.milliseconds(self.venue.now()))
        start, end = (int(params[name]) if params.get(name) else None for name in ("startTime", "endTime"))
        if end is None:
            end = now + 1 if start is None else start + _WEEK
        start = end - _WEEK if start is None else start
        if not 0 <= end - start <= _WEEK:
            raise RefusedInWords("10001", "The time range between startTime and endTime cannot exceed 7 days.")
        return start, end

    def _paged(self, params: Document, entries: Iterable[Document], *, usual: int, most: int) -> Document:
        """Return a page; also the last one has a cursor, which leads to an empty one."""
        every = list(entries)
        first = int((re.search(r"\d+", str(params.get("cursor") or "")) or ["0"])[0])
        size = min(int(params.get("limit") or usual), most, self.page_size or most)
        page = every[first : first + size]
        cursor = f"page_token%3D{first + len(page)}%26" if page else ""
        return self._listing(params, page) | {"nextPageCursor": cursor}

    def _listing(self, params: Document, entries: Sequence[Document]) -> Document:
        return {"category": params.get("category"), "list": list(entries), "nextPageCursor": ""}

    # --- what changes the account ---

    def _create(self, params: Document) -> Document:
        """Take an order; the reply names it, and says nothing of what became of it."""
        request = self._order_request(params, self._category(params))
        rests = params.get("timeInForce", "GTC") not in _AT_ONCE
        return self._named(request, self.venue.place(request, rests=rests))

    def _named(self, request: OrderRequest, outcome: object) -> Document:
        if isinstance(outcome, Refused):
            raise _refusal(_words_of(outcome.reason, shapes.category_of(request.symbol), request.side))
        if not isinstance(outcome, Done):
            raise TypeError(outcome)
        return {"orderId": shapes.order_id(outcome.report.order_id), "orderLinkId": request.client_order_id or ""}

    def _account_info(self, _: Document) -> Document:
        return {"unifiedMarginStatus": 5, "marginMode": self.margin_mode, "spotHedgingStatus": "OFF"}

    def _pre_check(self, params: Document) -> Document:
        """Work out the margin that an order of contracts would take; the id is one that it would have."""
        if self._category(params) != "linear" or self.margin_mode == "ISOLATED_MARGIN" or "triggerPrice" in params:
            raise RefusedInWords("10001", "params error: not supported")
        request = self._order_request(params, "linear")
        rates = {"preImrE4": 30, "preMmrE4": 21, "postImrE4": 20, "postMmrE4": 14}
        return {**self._named(request, self.venue.rehearse(request)), **rates}

    def _order_request(self, params: Document, category: Category) -> OrderRequest:
        kind = shapes.TYPES.get((str(params.get("orderType")), bool(params.get("triggerPrice"))))
        link, side = params.get("orderLinkId"), str(params.get("side"))
        if kind is None or side not in _SIDES:
            raise RefusedInWords("10001", "params error: orderType or side invalid")
        if link is not None and not _CLIENT_ID.fullmatch(str(link)):
            raise RefusedInWords("10001", "params error: OrderLinkId invalid")
        if category == "spot":
            self._check_spot(params, kind)
        position_side = shapes.POSITION_SIDES.get(int(params.get("positionIdx") or 0))
        if category == "linear" and position_side is None:
            raise RefusedInWords("10001", "position idx not match position mode")
        if category == "linear" and kind.startswith("stop") and "triggerDirection" not in params:
            raise RefusedInWords("10001", "params error: TriggerDirection invalid")
        return OrderRequest(
            client_order_id=link,
            symbol=self._symbol(params),
            side=_SIDES[side],
            type=kind,
            quantity=_number(params, "qty"),
            price=_number(params, "price") if kind in {"limit", "stop_limit"} else None,
            trigger_price=_number(params, "triggerPrice") if kind.startswith("stop") else None,
            reduce_only=category == "linear" and params.get("reduceOnly") is True,
            position_side=position_side if category == "linear" else None,
        )

    def _check_spot(self, params: Document, kind: str) -> None:
        """Refuse what this loopback does not play: orders by value, and stops that hold nothing while they wait."""
        usual = "quoteCoin" if params.get("side") == "Buy" else "baseCoin"
        if kind == "market" and params.get("marketUnit", usual) != "baseCoin":
            raise RefusedInWords("170130", "Data sent for paramter 'marketUnit' is not valid.")
        wanted = "tpslOrder" if kind.startswith("stop") else "Order"
        if params.get("orderFilter", "Order") != wanted:
            raise RefusedInWords("170201", "Invalid orderFilter parameter")

    def _cancel(self, params: Document) -> Document:
        """Take a cancel; on the spot market a stop is found only by its kind."""
        category = self._category(params)
        order = self._cancelled(category, params, str(params.get("orderFilter", "Order")))
        return {"orderId": shapes.order_id(order.id), "orderLinkId": order.client_order_id or ""}

    def _cancel_batch(self, params: Document) -> tuple[Document, Document]:
        """Take several cancels; what became of each is told beside the result."""
        category, asked = self._category(params), params.get("request")
        if not isinstance(asked, list) or not 0 < len(asked) <= BATCH[category]:
            raise RefusedInWords("10001", "params error: request invalid")
        orders, answers = [], []
        for one in asked:
            names = {name: one.get(name, "") for name in ("symbol", "orderId", "orderLinkId")}
            try:
                order = self._cancelled(category, one, "Order")
                names |= {"orderId": shapes.order_id(order.id), "orderLinkId": order.client_order_id or ""}
                answers.append({"code": 0, "msg": "OK"})
            except RefusedInWords as refusal:
                answers.append({"code": int(str(refusal)), "msg": refusal.details})
            orders.append({"category": category, **names})
        return {"list": orders}, {"list": answers}

    def _cancelled(self, category: Category, params: Document, kind: str) -> PaperOrder:
        symbol, name, link = (
            self._symbol({**params, "category": category}),
            params.get("orderId"),
            params.get("orderLinkId"),
        )
        if not (name or link):
            raise RefusedInWords("10001", "params error: orderId or orderLinkId is required")
        for order in self.venue.every_order():
            is_it = shapes.order_id(order.id) == name if name else order.client_order_id == link
            if order.status == "open" and order.symbol == symbol and is_it:
                stops = "tpslOrder" if order.fires_above is not None else "Order"
                if category == "linear" or kind == stops:
                    self.venue.cancel(OrderReference(symbol=symbol, order_id=order.id))
                    return order
        raise _refusal(shapes.REFUSALS[category][RefusalReason.UNKNOWN_ORDER])

    # --- what is asked for ---

    def _category(self, params: Document) -> Category:
        category = params.get("category")
        if category == "spot":
            return "spot"
        if category == "linear":
            return "linear"
        raise RefusedInWords("10001", "params error: category invalid")

    def _symbol(self, params: Document) -> str:
        category, wanted = self._category(params), params.get("symbol")
        for symbol, _ in self._markets(category):
            if shapes.symbol_id(symbol) == wanted:
                return symbol
        raise _refusal(shapes.REFUSALS[category][RefusalReason.UNKNOWN_SYMBOL])

    def _settle_coin(self, params: Document) -> str:
        if not params.get("settleCoin"):
            raise RefusedInWords("10001", "Missing some parameters that must be filled in, symbol or settleCoin")
        return str(params["settleCoin"])


def _refusal(words: str) -> RefusedInWords:
    code, _, text = words.partition(" ")
    return RefusedInWords(code, text)


def _words_of(reason: RefusalReason, category: Category, side: OrderSide) -> str:
    if reason is RefusalReason.TRIGGER_SIDE and category == "linear" and side == "buy":
        return "110092 expect Rising, but trigger_price[XXXXX] <= current[XXXXX]??last"
    return shapes.REFUSALS[category].get(reason, "10016 Server error.")


def _within(moment: datetime, span: tuple[int, int]) -> bool:
    return span[0] <= int(shapes.milliseconds(moment)) <= span[1]


def _number(params: Document, name: str) -> Decimal:
    try:
        return Decimal(str(params[name]))
    except (KeyError, InvalidOperation) as problem:
        raise RefusedInWords("10001", f"params error: {name} invalid") from problem


_Endpoint = Callable[[BybitFront, Document], Any]
_ENDPOINTS: Mapping[str, tuple[Sort, _Endpoint]] = {
    "/v5/market/time": (Sort.MARKETS, BybitFront._time),
    "/v5/market/instruments-info": (Sort.MARKETS, BybitFront._instruments),
    "/v5/market/tickers": (Sort.READ, BybitFront._tickers),
    "/v5/market/kline": (Sort.READ, BybitFront._kline),
    "/v5/market/orderbook": (Sort.READ, BybitFront._orderbook),
    "/v5/asset/coin/query-info": (Sort.MARKETS, BybitFront._coins),
    "/v5/account/wallet-balance": (Sort.READ, BybitFront._wallet),
    "/v5/account/fee-rate": (Sort.MARKETS, BybitFront._fee_rates),
    "/v5/position/list": (Sort.READ, BybitFront._positions),
    "/v5/order/realtime": (Sort.READ, BybitFront._open_orders),
    "/v5/order/history": (Sort.LOOK_UP, BybitFront._history),
    "/v5/execution/list": (Sort.READ, BybitFront._executions),
    "/v5/order/create": (Sort.WRITE, BybitFront._create),
    "/v5/order/pre-check": (Sort.LOOK_UP, BybitFront._pre_check),
    "/v5/account/info": (Sort.READ, BybitFront._account_info),
    "/v5/order/cancel": (Sort.WRITE, BybitFront._cancel),
    "/v5/order/cancel-batch": (Sort.WRITE, BybitFront._cancel_batch),
    "/v5/asset/exchange/quote-apply": (Sort.READ, lambda front, params: front.conversions.quote(params)),
    "/v5/asset/exchange/convert-execute": (Sort.WRITE, lambda front, params: front.conversions.confirm(params)),
    "/v5/asset/exchange/convert-result-query": (Sort.LOOK_UP, lambda front, params: front.conversions.tell(params)),
}
