"""Binance's USD-M futures as ccxt speaks them: /fapi, one-way and hedge mode, and the list of conditional orders.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from exitplan.brokers.paper.orders import PaperOrder, money_fee, sum_exactly
from exitplan.brokers.protocol import OrderRequest, OrderType, RefusalReason
from exitplan.ruleset.model.snapshot import Cash, Market, OrderSide, Position, Side
from exitplan.ruleset.model.values import ZERO, is_derivative, quote_of
from tests.venues import binance_futures_shapes as shapes
from tests.venues.binance_endpoint import Endpoint, page_of
from tests.venues.binance_futures_orders import FuturesOrders
from tests.venues.binance_past import depth, klines
from tests.venues.binance_requests import client_id, number, text
from tests.venues.binance_shapes import Asked, book_document, client_id_of, milliseconds, number_of, ticker_document
from tests.venues.venue import Venue
from tests.venues.wire import Document, RefusedInWords, Sort

PREFIX = "/fapi/"
_SIDES: Mapping[str, OrderSide] = {"BUY": "buy", "SELL": "sell"}
_POSITION_SIDES: Mapping[str, Side] = {"LONG": "long", "SHORT": "short"}
_WEEK = 7 * 86_400_000
_ALGO_API = "-4120 Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."


@dataclass
class Futures:
    """The futures wallet of an account, its contracts and their orders.

    Of an account that trades spot too, half of the quote currency was in this wallet at first; what trades of contracts
    bring comes into it. An order may spend what is in either wallet.
    """

    venue: Venue
    leverage: dict[str, int] = field(default_factory=dict)
    orders: FuturesOrders = field(init=False)

    def __post_init__(self) -> None:
        self.orders = FuturesOrders(self.venue)

    @property
    def hedged(self) -> bool:
        return self.venue.options.hedge_mode

    def markets(self) -> Mapping[str, Market]:
        listed = self.venue.snapshot().markets
        return {symbol: market for symbol, market in listed.items() if is_derivative(symbol)}

    # --- the wallet ---

    def in_spot(self) -> Cash:
        """Return the quote currency that is in the spot wallet."""
        account, start = self.venue.snapshot(), self.venue.start
        kinds = {is_derivative(symbol) for symbol in start.markets}
        if kinds != {True, False}:
            return Cash() if kinds == {True} else account.cash
        total = start.cash.free + start.cash.locked
        traded = [order for order in self.venue.every_order() if not is_derivative(order.symbol)]
        brought = sum_exactly(map(self._flow, traded))
        return Cash(total / 2 + brought - account.cash.locked, account.cash.locked)

    def _flow(self, order: PaperOrder) -> Decimal:
        """Return what an order brought of the quote currency; below zero where it cost some."""
        if quote_of(order.symbol) != self.venue.start.quote:
            return ZERO
        value = sum_exactly(fill.quantity * fill.price for fill in order.fills)
        return (value if order.side == "sell" else -value) - money_fee(order.fills)

    def in_futures(self) -> Decimal:
        """Return the quote currency that is in the futures wallet."""
        cash, spot = self.venue.snapshot().cash, self.in_spot()
        return cash.free + cash.locked - spot.free - spot.locked

    def account(self, _: Document) -> Document:
        now, quote = self.venue.now(), self.venue.start.quote
        gain = margin = ZERO
        for held, market in self._held():
            price = market.last or ZERO
            sign = 1 if held.side == "long" else -1
            gain += sign * held.quantity * (price - (held.entry_price or price))
            margin += held.quantity * price / shapes.LEVERAGE
        assets = [shapes.asset_document(quote, self.in_futures(), gain, margin, now)]
        return {"totalWalletBalance": assets[0]["walletBalance"], "assets": assets, "positions": []}

    def _held(self) -> list[tuple[Position, Market]]:
        account = self.venue.snapshot()
        held = [entry for entry in account.positions if is_derivative(entry.symbol)]
        return [(entry, account.markets.get(entry.symbol, Market())) for entry in held]

    def positions(self, params: Document) -> list[Document]:
        """Tell what is held; a symbol without a position is left out."""
        wanted = self.symbol(params) if "symbol" in params else None
        return [
            shapes.position_document(held, market, held.opened_at or self.venue.now(), hedged=self.hedged)
            for held, market in self._held()
            if wanted in {None, held.symbol}
        ]

    def mode(self, _: Document) -> Document:
        return {"dualSidePosition": self.hedged}

    def set_leverage(self, params: Document) -> Document:
        symbol = self.symbol(params)
        self.leverage[symbol] = int(text(params, "leverage"))
        return {"symbol": shapes.symbol_id(symbol), "leverage": self.leverage[symbol], "maxNotionalValue": "1000000"}

    # --- what anyone may ask ---

    def listing(self, _: Document) -> Document:
        return {
            "timezone": "UTC",
            "serverTime": milliseconds(self.venue.now()),
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            ],
            "exchangeFilters": [],
            "assets": [],
            "symbols": [shapes.symbol_document(symbol, market) for symbol, market in sorted(self.markets().items())],
        }

    def time(self, _: Document) -> Document:
        return {"serverTime": milliseconds(self.venue.now())}

    def tickers(self, params: Document) -> Any:
        now = self.venue.now()
        return self._prices(params, lambda symbol, market: ticker_document(symbol.partition(":")[0], market, now))

    def books(self, params: Document) -> Any:
        return self._prices(params, lambda symbol, market: book_document(symbol.partition(":")[0], market))

    def klines(self, params: Document) -> Any:
        return klines(self.venue, self.symbol(params), params)

    def depth(self, params: Document) -> Any:
        return {**depth(self.markets()[self.symbol(params)], params), "T": milliseconds(self.venue.now())}

    def premiums(self, params: Document) -> Any:
        now = self.venue.now()
        return self._prices(params, lambda symbol, market: shapes.premium_document(symbol, market, now))

    def _prices(self, params: Document, document: Callable[[str, Market], Document]) -> Any:
        markets = self.markets()
        if "symbol" in params:
            symbol = self.symbol(params)
            return document(symbol, markets[symbol])
        known = {symbol: market for symbol, market in markets.items() if market.price_status != "unavailable"}
        return [document(symbol, market) for symbol, market in sorted(known.items())]

    # --- orders in the book ---

    def open_orders(self, params: Document) -> list[Document]:
        return [self._document(order) for order in self._asked(self.orders.in_book, params) if order.status == "open"]

    def all_orders(self, params: Document) -> list[Document]:
        self.symbol(params)
        return [self._document(order) for order in self._page(self._asked(self.orders.in_book, params), params)]

    def order(self, params: Document) -> Document:
        return self._document(self._find(self._asked(self.orders.in_book, params), params, _BOOK, "-2013"))

    def trades(self, params: Document) -> list[Document]:
        """Return trades of a symbol, oldest first."""
        symbol, wanted = self.symbol(params), params.get("orderId")
        found = []
        orders = {self.orders.sent.get(order.id, order.id): order for order in self.orders.every()}
        for trade in reversed(self.venue.executions()):
            order = orders.get(trade.order)
            name = trade.order
            if order is not None and self.orders.has_fired(order):
                name = shapes.became_name(order.id)
            if trade.symbol == symbol and wanted in {None, str(number_of(name))}:
                side = "BOTH" if order is None else shapes.position_side(order.position_side, hedged=self.hedged)
                found.append(shapes.trade_document(trade, number_of(name), side=side))
        return page_of(found, params, lambda entry: int(entry["time"]), usual=500, most=1000, longest=_WEEK)

    def new_order(self, params: Document) -> Document:
        kind = text(params, "type")
        if kind in shapes.CONDITIONAL:
            raise RefusedInWords(_ALGO_API)
        if kind not in {"MARKET", "LIMIT"}:
            raise RefusedInWords("-1116 Invalid orderType.")
        for name in ("price", "timeInForce"):
            if (name in params) != (kind == "LIMIT"):
                unwanted = f"-1106 Parameter '{name}' sent when not required."
                missing = f"-1102 Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
                raise RefusedInWords(unwanted if name in params else missing)
        price = number(params, "price") if kind == "LIMIT" else None
        request = self._request(params, "newClientOrderId", "market" if price is None else "limit", price, None)
        return self._document(self.orders.place(request, Asked(kind, params.get("timeInForce", "GTC"))))

    def cancel(self, params: Document) -> Document:
        order = self._find(self._asked(self.orders.in_book, params, every=True), params, _BOOK, "-2011")
        if order.status != "open":
            raise RefusedInWords(shapes.REFUSALS[RefusalReason.UNKNOWN_ORDER])
        fired = {shapes.became_name(one.id): one for one in self.orders.every()}
        self.orders.cancel(fired.get(order.id, order))
        return {**self._document(order), "status": "CANCELED", "updateTime": milliseconds(self.venue.now())}

    # --- orders that wait for a trigger ---

    def open_algos(self, params: Document) -> list[Document]:
        """Tell those that still wait."""
        return [
            self._algo(order)
            for order in self._asked(self.orders.conditional, params)
            if order.status == "open" and not self.orders.has_fired(order)
        ]

    def all_algos(self, params: Document) -> list[Document]:
        self.symbol(params)
        return [self._algo(order) for order in self._page(self._asked(self.orders.conditional, params), params)]

    def algo(self, params: Document) -> Document:
        return self._algo(self._find(self._asked(self.orders.conditional, params), params, _ALGO, "-2013"))

    def new_algo(self, params: Document) -> Document:
        if text(params, "algoType") != "CONDITIONAL":
            raise RefusedInWords("-1102 Mandatory parameter 'algoType' was not sent, was empty/null, or malformed.")
        kind = text(params, "type")
        if kind not in shapes.CONDITIONAL:
            raise RefusedInWords("-1116 Invalid orderType.")
        price = number(params, "price") if shapes.CONDITIONAL[kind] else None
        trails = kind == "TRAILING_STOP_MARKET"
        trigger = None if trails else number(params, "triggerPrice")
        terms = shapes.Terms(
            kind,
            closes=params.get("closePosition") == "true",
            callback=number(params, "callbackRate") if trails else None,
            activate=number(params, "activatePrice") if trails and "activatePrice" in params else None,
        )
        if terms.closes and ("quantity" in params or "reduceOnly" in params):
            raise RefusedInWords("-4136 Target strategy invalid for orderType with closePosition")
        order_type: OrderType = "stop" if price is None else "stop_limit"
        request = self._request(params, "clientAlgoId", order_type, price, trigger, closes=terms.closes)
        return self._algo(self.orders.place_conditional(request, terms))

    def cancel_algo(self, params: Document) -> Document:
        orders = self._asked(self.orders.conditional, params, every=True)
        order = self._find(orders, params, _ALGO, "-2011")
        if order.status != "open" or self.orders.has_fired(order):
            raise RefusedInWords(shapes.REFUSALS[RefusalReason.UNKNOWN_ORDER])
        self.orders.cancel(order)
        return {"algoId": number_of(order.id), "clientAlgoId": client_id_of(order), "code": "200", "msg": "success"}

    # --- what is asked for ---

    def symbol(self, params: Document) -> str:
        name = text(params, "symbol")
        for symbol in self.markets():
            if shapes.symbol_id(symbol) == name:
                return symbol
        raise RefusedInWords(shapes.REFUSALS[RefusalReason.UNKNOWN_SYMBOL])

    def _request(
        self,
        params: Document,
        id_name: str,
        kind: OrderType,
        price: Decimal | None,
        trigger: Decimal | None,
        *,
        closes: bool = False,
    ) -> OrderRequest:
        side, position_side = _SIDES.get(text(params, "side")), params.get("positionSide", "BOTH")
        if side is None:
            raise RefusedInWords("-1117 Invalid side.")
        if (position_side != "BOTH") != self.hedged:
            raise RefusedInWords("-4061 Order's position side does not match user's setting.")
        if self.hedged and "reduceOnly" in params:
            raise RefusedInWords("-1106 Parameter 'reduceonly' sent when not required.")
        held_side = _POSITION_SIDES.get(position_side)
        reduces = params.get("reduceOnly") == "true" if held_side is None else (side == "sell") == (held_side == "long")
        return OrderRequest(
            client_order_id=client_id(params, id_name),
            symbol=self.symbol(params),
            side=side,
            type=kind,
            quantity=ZERO if closes else number(params, "quantity"),
            price=price,
            trigger_price=trigger,
            reduce_only=reduces or closes,
            position_side=held_side,
        )

    def _asked(
        self, which: Callable[[list[PaperOrder]], list[PaperOrder]], params: Document, *, every: bool = False
    ) -> list[PaperOrder]:
        """Return the orders of one list, of a symbol where one is named."""
        wanted = self.symbol(params) if "symbol" in params else None
        orders = which(self.orders.every() if every else self.orders.told())
        return [order for order in orders if wanted in {None, order.symbol}]

    def _page(self, orders: list[PaperOrder], params: Document) -> list[PaperOrder]:
        return page_of(
            orders, params, lambda order: milliseconds(order.created_at), usual=500, most=1000, longest=_WEEK
        )

    def _find(self, orders: list[PaperOrder], params: Document, names: tuple[str, str], code: str) -> PaperOrder:
        """Find an order by its number or by the client's id: the one that is open, else the newest."""
        wanted, link = (params.get(name) for name in names)
        if wanted is None and link is None:
            raise RefusedInWords(f"-1102 Param '{names[0]}' or '{names[1]}' must be sent, but both were empty/null!")
        found = [
            order
            for order in orders
            if wanted in {None, str(number_of(order.id))} and link in {None, client_id_of(order)}
        ]
        if not found:
            raise RefusedInWords(f"{code} {'Order does not exist.' if code == '-2013' else 'Unknown order sent.'}")
        return next((order for order in found if order.status == "open"), found[-1])

    def _document(self, order: PaperOrder) -> Document:
        return shapes.order_document(order, self.orders.asked_for(order), hedged=self.hedged)

    def _algo(self, order: PaperOrder) -> Document:
        fired = self.orders.has_fired(order)
        return shapes.algo_document(order, self.orders.terms_of(order), fired=fired, hedged=self.hedged)


_BOOK = ("orderId", "origClientOrderId")
_ALGO = ("algoId", "clientAlgoId")
_COMMON = "symbol side positionSide type timeInForce quantity price reduceOnly newOrderRespType selfTradePreventionMode"
_CONDITIONS = "algoType clientAlgoId triggerPrice closePosition callbackRate activatePrice workingType priceProtect"


def _public(sort: Sort, answer: Callable[[Futures, Document], Any], parameters: str = "") -> Endpoint:
    return Endpoint(sort, answer, parameters, is_signed=False)


ENDPOINTS: Mapping[str, Endpoint] = {
    "GET /fapi/v1/ping": _public(Sort.MARKETS, lambda _, __: {}),
    "GET /fapi/v1/time": _public(Sort.MARKETS, Futures.time),
    "GET /fapi/v1/exchangeInfo": _public(Sort.MARKETS, Futures.listing),
    "GET /fapi/v1/ticker/24hr": _public(Sort.READ, Futures.tickers, "symbol"),
    "GET /fapi/v1/ticker/bookTicker": _public(Sort.READ, Futures.books, "symbol"),
    "GET /fapi/v1/klines": _public(Sort.READ, Futures.klines, "symbol interval startTime endTime limit"),
    "GET /fapi/v1/depth": _public(Sort.READ, Futures.depth, "symbol limit"),
    "GET /fapi/v1/premiumIndex": _public(Sort.READ, Futures.premiums, "symbol"),
    "GET /fapi/v3/account": Endpoint(Sort.READ, Futures.account),
    "GET /fapi/v3/positionRisk": Endpoint(Sort.READ, Futures.positions, "symbol"),
    "GET /fapi/v1/positionSide/dual": Endpoint(Sort.READ, Futures.mode),
    "POST /fapi/v1/leverage": Endpoint(Sort.WRITE, Futures.set_leverage, "symbol leverage"),
    "GET /fapi/v1/openOrders": Endpoint(Sort.READ, Futures.open_orders, "symbol"),
    "GET /fapi/v1/allOrders": Endpoint(Sort.LOOK_UP, Futures.all_orders, "symbol orderId startTime endTime limit"),
    "GET /fapi/v1/order": Endpoint(Sort.LOOK_UP, Futures.order, "symbol orderId origClientOrderId"),
    "GET /fapi/v1/userTrades": Endpoint(Sort.READ, Futures.trades, "symbol orderId startTime endTime limit"),
    "POST /fapi/v1/order": Endpoint(Sort.WRITE, Futures.new_order, f"newClientOrderId {_COMMON}"),
    "DELETE /fapi/v1/order": Endpoint(Sort.WRITE, Futures.cancel, "symbol orderId origClientOrderId"),
    "GET /fapi/v1/openAlgoOrders": Endpoint(Sort.READ, Futures.open_algos, "symbol algoType algoId"),
    "GET /fapi/v1/allAlgoOrders": Endpoint(Sort.LOOK_UP, Futures.all_algos, "symbol algoId startTime endTime limit"),
    "GET /fapi/v1/algoOrder": Endpoint(Sort.LOOK_UP, Futures.algo, "symbol algoId clientAlgoId"),
    "POST /fapi/v1/algoOrder": Endpoint(Sort.WRITE, Futures.new_algo, f"{_COMMON} {_CONDITIONS}"),
    "DELETE /fapi/v1/algoOrder": Endpoint(Sort.WRITE, Futures.cancel_algo, "symbol algoId clientAlgoId"),
}
