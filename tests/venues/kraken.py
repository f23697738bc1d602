"""The kraken front: its REST API as ccxt speaks it, before the matching engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.protocol import Done, OrderReference, OrderRequest, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import OrderSide
from exitplan.ruleset.model.values import parse_time, plain, time_text
from tests.venues import kraken_shapes as shapes
from tests.venues.front import AccountFront
from tests.venues.history import bars, book
from tests.venues.kraken_auth import KrakenGate
from tests.venues.wire import Document, RefusedInWords, Reply, Request, Sort, in_json, listed

PAGE = 50
"""Closed orders and trades a page; also the most ids of a query or of a batch."""

_CLIENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[\x21-\x7e]{1,18}")
_SIDES: Mapping[str, OrderSide] = {"buy": "buy", "sell": "sell"}


class KrakenFront(AccountFront[KrakenGate]):
    """Kraken before one account; ``staked`` are balances such as {"SOL.F": 3}."""

    name = "kraken"
    gate_kind = KrakenGate

    def sort_of(self, request: Request) -> Sort:
        """Return what a request is about; open orders asked for by an id are a look-up."""
        sort = _ENDPOINTS.get(request.path, (Sort.MARKETS, None))[0]
        by_id = request.path.endswith("/OpenOrders") and b"cl_ord_id" in request.body
        return Sort.LOOK_UP if by_id else sort

    def authenticate(self, request: Request) -> Reply | None:
        if not request.path.startswith("/0/private/"):
            return None
        words = self.gate.refusal(request)
        if words is None and self.venue.read_only and self.sort_of(request) is Sort.WRITE:
            words = "EGeneral:Permission denied"
        return None if words is None else self.refuse(words)

    def act(self, request: Request) -> Reply:
        """Answer in kraken's envelope, refusals too, with status 200."""
        if request.path not in _ENDPOINTS:
            return in_json({"error": ["EGeneral:Unknown method"]}, 404)
        try:
            return in_json({"error": [], "result": _ENDPOINTS[request.path][1](self, request.params())})
        except RefusedInWords as refusal:
            return self.refuse(str(refusal))

    def refuse(self, words: str | None = None) -> Reply:
        return in_json({"error": [words or "EOrder:Insufficient funds"]})

    def refuse_duplicate(self) -> Reply:
        return self.refuse(shapes.REFUSALS[RefusalReason.DUPLICATE_CLIENT_ORDER_ID])

    def valid_until(self, request: Request) -> datetime | None:
        deadline = request.params().get("deadline")
        return parse_time(deadline) if deadline else None

    # --- what anyone may ask ---

    def _time(self, _: Document) -> Document:
        now = self.venue.now()
        return {"unixtime": int(now.timestamp()), "rfc1123": now.strftime("%a, %d %b %y %H:%M:%S +0000")}

    def _status(self, _: Document) -> Document:
        return {"status": "online", "timestamp": time_text(self.venue.now())}

    def _assets(self, _: Document) -> Document:
        account = self.venue.start
        symbols = [*account.markets, *(position.symbol for position in account.positions)]
        codes = {account.quote, *account.other_cash} | {code for symbol in symbols for code in symbol.split("/")}
        listing = {shapes.asset_id(code): shapes.asset_document(code) for code in sorted(codes)}
        return listing | {code: shapes.asset_document(code) for code in self.staked}

    def _pairs(self, _: Document) -> Document:
        markets = sorted(self.venue.snapshot().markets.items())
        return {
            shapes.pair_id(symbol): shapes.pair_document(symbol, market, self.venue.options)
            for symbol, market in markets
        }

    def _ticker(self, params: Document) -> Document:
        """Return prices of all pairs or of those asked for; one whose price cannot be read is left out."""
        markets = self.venue.snapshot().markets
        wanted = [self._symbol(name) for name in listed(params.get("pair"))] or sorted(markets)
        return {
            shapes.pair_id(symbol): shapes.ticker_document(markets[symbol])
            for symbol in wanted
            if markets[symbol].price_status != "unavailable"
        }

    def _ohlc(self, params: Document) -> Document:
        """Return the candles that begin after ``since``, newest last, the one that goes on among them."""
        symbol, length = self._symbol(params["pair"]), int(params.get("interval", 1)) * 60
        told = bars(self.venue, symbol, length, since=int(params.get("since", 0)) + 1)[-720:]
        entries = [[bar.second, *[bar.close] * 5, bar.volume, 1] for bar in told]
        return {shapes.pair_id(symbol): entries, "last": told[-1].second if told else 0}

    def _depth(self, params: Document) -> Document:
        symbol = self._symbol(params["pair"])
        bids, asks = book(self.venue.snapshot().markets[symbol], int(params.get("count", 100)))
        at = int(self.venue.now().timestamp())
        sides = {"bids": [[*level, at] for level in bids], "asks": [[*level, at] for level in asks]}
        return {shapes.pair_id(symbol): sides}

    # --- the account ---

    def _holdings(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return total and held by asset; what is owed makes a balance smaller, and negative.

        An asset that was held once stays listed with zero.
        """
        account = self.venue.snapshot()
        money = {account.quote: account.cash, **account.other_cash}
        found = {
            shapes.asset_id(name): (cash.free + cash.locked - cash.debt, cash.locked) for name, cash in money.items()
        }
        for position in self.venue.start.positions:
            found.setdefault(_base_id(position.symbol), (Decimal(0), Decimal(0)))
        for position in account.positions:
            total, held = found.get(_base_id(position.symbol), (Decimal(0), Decimal(0)))
            found[_base_id(position.symbol)] = (
                total + position.quantity - position.debt,
                held + position.locked,
            )
        return found | {code: (amount, Decimal(0)) for code, amount in self.staked.items()}

    def _balances(self, _: Document) -> Document:
        return {name: plain(total) for name, (total, _) in self._holdings().items()}

    def _balances_with_holds(self, _: Document) -> Document:
        return {
            name: {"balance": plain(total), "hold_trade": plain(held)}
            for name, (total, held) in self._holdings().items()
        }

    def _trade_volume(self, _: Document) -> Document:
        """Return what was traded in 30 days: nothing, so that the first step of each pair's fees holds."""
        return {"currency": "ZUSD", "volume": "0.0000"}

    def _open_positions(self, _: Document) -> Document:
        """Return margin positions: the matching engine has none."""
        return {}

    def _open_orders(self, params: Document) -> Document:
        orders = [order for order in self._orders(params) if order.status == "open"]
        return {"open": self._told(orders, params)}

    def _closed_orders(self, params: Document) -> Document:
        """Page through closed orders, newest first; ``start`` is exclusive, ``count`` is of all that match."""
        orders = [order for order in self._orders(params) if order.status != "open" and _within(order, params)]
        orders.sort(key=lambda order: order.updated_at or self.venue.start.taken_at, reverse=True)
        first = int(params.get("ofs") or 0)
        page = orders[first : first + (self.page_size or PAGE)]
        return {"closed": self._told(page, params), "count": len(orders)}

    def _query_orders(self, params: Document) -> Document:
        """Return the orders asked for; what the venue does not know is left out."""
        wanted = listed(params.get("txid"))
        if not wanted or len(wanted) > PAGE:
            raise RefusedInWords("EGeneral:Invalid arguments:txid")
        return self._told([order for order in self.venue.told_orders() if _txid(order) in wanted], params)

    def _trades(self, params: Document) -> Document:
        """Page through trades, newest first."""
        after, until = float(params.get("start") or 0), float(params.get("end") or "inf")
        trades = [trade for trade in self.venue.executions() if after < trade.at.timestamp() <= until]
        first = int(params.get("ofs") or 0)
        page = trades[first : first + (self.page_size or PAGE)]
        return {
            "trades": {shapes.kraken_id("T", trade.id): shapes.trade_document(trade) for trade in page},
            "count": len(trades),
        }

    def _orders(self, params: Document) -> list[PaperOrder]:
        wanted = params.get("cl_ord_id")
        orders = [order for order in self.venue.told_orders() if order.type != "convert"]
        return [order for order in orders if wanted is None or order.client_order_id == wanted]

    def _told(self, orders: list[PaperOrder], params: Document) -> Document:
        trades = str(params.get("trades")).lower() == "true"
        return {_txid(order): shapes.order_document(order, trades=trades) for order in orders}

    # --- what changes the account ---

    def _add_order(self, params: Document) -> Document:
        """Place an order; the reply says nothing of its status."""
        self._check_deadline(params)
        request = self._order_request(params)
        if str(params.get("validate")).lower() == "true":
            return {"descr": {"order": self._taken(self.venue.rehearse(request))[1]}}
        rests = params.get("timeinforce", "GTC").upper() != "IOC"
        txid, text = self._taken(self.venue.place(request, rests=rests))
        return {"descr": {"order": text}, "txid": [txid]}

    def _taken(self, outcome: object) -> tuple[str, str]:
        if isinstance(outcome, Refused):
            raise RefusedInWords(shapes.REFUSALS.get(outcome.reason, "EGeneral:Internal error"))
        if not isinstance(outcome, Done):
            raise TypeError(outcome)
        report = outcome.report
        return shapes.kraken_id("O", report.order_id), shapes.in_words(report)

    def _check_deadline(self, params: Document) -> None:
        """Refuse what comes too late, or asks for more than the 60 seconds of the documentation."""
        if not params.get("deadline"):
            return
        ahead = parse_time(params["deadline"]) - self.venue.now()
        if ahead < timedelta(0):
            raise RefusedInWords("EService:Deadline elapsed")
        if ahead > timedelta(seconds=60):
            raise RefusedInWords("EGeneral:Invalid arguments:deadline")

    def _order_request(self, params: Document) -> OrderRequest:
        ordertype, client_id = params.get("ordertype", ""), params.get("cl_ord_id")
        if ordertype not in shapes.TYPES:
            raise RefusedInWords("EGeneral:Invalid arguments:ordertype")
        if params.get("type") not in _SIDES:
            raise RefusedInWords("EGeneral:Invalid arguments:type")
        if client_id is not None and not _CLIENT_ID.fullmatch(client_id):
            raise RefusedInWords("EGeneral:Invalid arguments:cl_ord_id")
        if "viqc" in params.get("oflags", ""):
            raise RefusedInWords("EGeneral:Invalid arguments:viqc")
        stops = ordertype.startswith("stop-loss")
        price = None if ordertype == "market" else _number(params, "price")
        return OrderRequest(
            client_order_id=client_id,
            symbol=self._symbol(params.get("pair", "")),
            side=_SIDES[params["type"]],
            type=shapes.TYPES[ordertype],
            quantity=_number(params, "volume"),
            price=_number(params, "price2") if ordertype == "stop-loss-limit" else None if stops else price,
            trigger_price=price if stops else None,
            reduce_only=str(params.get("reduce_only")).lower() == "true",
        )

    def _cancel_order(self, params: Document) -> Document:
        name = params.get("txid") or params.get("cl_ord_id")
        if not name:
            raise RefusedInWords("EGeneral:Invalid arguments")
        if not self._cancelled(str(name)):
            raise RefusedInWords("EOrder:Unknown order")
        return {"count": 1}

    def _cancel_batch(self, params: Document) -> Document:
        """Cancel up to 50 orders; the reply is a count, and does not tell which."""
        names = [*listed(params.get("orders")), *listed(params.get("cl_ord_ids"))]
        if not 0 < len(names) <= PAGE:
            raise RefusedInWords("EGeneral:Invalid arguments")
        return {"count": sum(self._cancelled(str(name)) for name in names)}

    def _cancelled(self, name: str) -> bool:
        for order in self.venue.every_order():
            if order.status == "open" and name in {_txid(order), order.client_order_id}:
                reference = OrderReference(symbol=order.symbol, order_id=order.id)
                return isinstance(self.venue.cancel(reference), Done)
        return False

    def _symbol(self, name: str) -> str:
        for symbol in self.venue.snapshot().markets:
            if name in {shapes.pair_id(symbol), shapes.pair_name(symbol), symbol}:
                return symbol
        raise RefusedInWords("EQuery:Unknown asset pair")


def _base_id(symbol: str) -> str:
    return shapes.asset_id(symbol.partition("/")[0])


def _txid(order: PaperOrder) -> str:
    return shapes.kraken_id("O", order.id)


def _within(order: PaperOrder, params: Document) -> bool:
    after, until = float(params.get("start") or 0), float(params.get("end") or "inf")
    moments = {"open": [order.created_at], "close": [order.updated_at]}
    looked_at = moments.get(params.get("closetime", "both"), [order.created_at, order.updated_at])
    return any(moment is not None and after < moment.timestamp() <= until for moment in looked_at)


def _number(params: Document, name: str) -> Decimal:
    try:
        return Decimal(params[name])
    except (KeyError, InvalidOperation, TypeError) as problem:
        raise RefusedInWords(f"EGeneral:Invalid arguments:{name}") from problem


_Endpoint = Callable[[KrakenFront, Document], Any]
_ENDPOINTS: Mapping[str, tuple[Sort, _Endpoint]] = {
    "/0/public/Time": (Sort.MARKETS, KrakenFront._time),
    "/0/public/SystemStatus": (Sort.MARKETS, KrakenFront._status),
    "/0/public/Assets": (Sort.MARKETS, KrakenFront._assets),
    "/0/public/AssetPairs": (Sort.MARKETS, KrakenFront._pairs),
    "/0/public/Ticker": (Sort.READ, KrakenFront._ticker),
    "/0/public/OHLC": (Sort.READ, KrakenFront._ohlc),
    "/0/public/Depth": (Sort.READ, KrakenFront._depth),
    "/0/private/Balance": (Sort.READ, KrakenFront._balances),
    "/0/private/BalanceEx": (Sort.READ, KrakenFront._balances_with_holds),
    "/0/private/OpenPositions": (Sort.READ, KrakenFront._open_positions),
    "/0/private/TradeVolume": (Sort.MARKETS, KrakenFront._trade_volume),
    "/0/private/OpenOrders": (Sort.READ, KrakenFront._open_orders),
    "/0/private/ClosedOrders": (Sort.LOOK_UP, KrakenFront._closed_orders),
    "/0/private/QueryOrders": (Sort.LOOK_UP, KrakenFront._query_orders),
    "/0/private/TradesHistory": (Sort.READ, KrakenFront._trades),
    "/0/private/AddOrder": (Sort.WRITE, KrakenFront._add_order),
    "/0/private/CancelOrder": (Sort.WRITE, KrakenFront._cancel_order),
    "/0/private/CancelOrderBatch": (Sort.WRITE, KrakenFront._cancel_batch),
}
