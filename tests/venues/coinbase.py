"""The coinbase front: Advanced Trade (v3) as ccxt speaks it, and what of v2 its markets come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from exitplan.brokers.paper.orders import PaperOrder
from exitplan.brokers.protocol import Done, OrderReference, OrderRequest, OrderType, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import Market, OrderSide
from exitplan.ruleset.model.values import floor_to_step, parse_time, plain, time_text
from tests.venues import coinbase_shapes as shapes
from tests.venues.coinbase_auth import CoinbaseGate
from tests.venues.coinbase_convert import Conversions
from tests.venues.front import AccountFront
from tests.venues.history import bars, book
from tests.venues.wire import Document, RefusedInWords, Reply, Request, Sort, in_json, listed

_SIDES: Mapping[str, OrderSide] = {"BUY": "buy", "SELL": "sell"}
_CONFIGURATIONS: Mapping[str, tuple[OrderType, bool]] = {
    "market_market_ioc": ("market", True),
    "limit_limit_gtc": ("limit", True),
    "sor_limit_ioc": ("limit", False),
    "stop_limit_stop_limit_gtc": ("stop_limit", True),
}
"""What may be ordered: the matching engine's type, and whether the rest of it stays in the book."""

_MOST = {"accounts": 250, "orders": 1000, "fills": 250}
_USUAL = {"accounts": 49, "orders": 100, "fills": 100}

_GRANULARITIES = {"FIFTEEN_MINUTE": 900, "ONE_HOUR": 3600, "ONE_DAY": 86400}
_MOST_CANDLES = 350


class CoinbaseFront(AccountFront[CoinbaseGate]):
    """Coinbase before one account; ``staked`` are amounts by currency, which only the older API tells."""

    name = "coinbase"
    gate_kind = CoinbaseGate

    def begin(self) -> None:
        self.conversions = Conversions(self.venue)
        self._asked: dict[str, Document] = {}

    def sort_of(self, request: Request) -> Sort:
        """Return what a request is about: a list of open orders is a reading, any other list a look-up.

        Products are listings and prices at once, so they are readings.
        """
        found = _route(request)
        if found is None:
            return Sort.MARKETS
        open_ones = request.path.endswith("/historical/batch") and "order_status=OPEN" in request.query
        return Sort.READ if open_ones else found[0]

    def authenticate(self, request: Request) -> Reply | None:
        if request.path.startswith(("/api/v3/brokerage/market/", "/api/v3/brokerage/time")) or _is_older_and_public(
            request.path
        ):
            return None
        if self.gate.refusal(request) is not None:
            return Reply(b"Unauthorized\n", 401, content_type="text/plain")
        if self.venue.read_only and self.sort_of(request) is Sort.WRITE:
            return _error("PERMISSION_DENIED", "Missing required scopes", 403)
        return None

    def act(self, request: Request) -> Reply:
        found = _route(request)
        if found is None:
            return _error("NOT_FOUND", "no such endpoint", 404)
        _, endpoint, names = found
        try:
            return in_json(endpoint(self, request.params() | names))
        except RefusedInWords as refusal:
            return _error(str(refusal), refusal.details, refusal.status)

    def refuse(self, words: str | None = None) -> Reply:
        reason = words or "INSUFFICIENT_FUND"
        return in_json(shapes.refused_document(reason, f"PREVIEW_{reason}", "", {}))

    def refuse_duplicate(self) -> Reply:
        """Refuse with words of our own: coinbase answers a known id with its order."""
        return in_json(shapes.refused_document("UNKNOWN_FAILURE_REASON", "PREVIEW_DUPLICATE_CLIENT_ORDER_ID", "", {}))

    def valid_until(self, request: Request) -> datetime | None:
        return self.venue.clock() + timedelta(seconds=self.gate.seconds_left(request))

    # --- listings ---

    def _time(self, _: Document) -> Document:
        now = self.venue.now()
        seconds = int(now.timestamp())
        return {"iso": time_text(now), "epochSeconds": str(seconds), "epochMillis": f"{now.timestamp() * 1000:.0f}"}

    def _older_time(self, _: Document) -> Document:
        now = self.venue.now()
        return {"data": {"iso": time_text(now), "epoch": int(now.timestamp())}}

    def _codes(self) -> list[str]:
        account = self.venue.start
        symbols = [*account.markets, *(position.symbol for position in account.positions)]
        codes = {code for symbol in symbols for code in symbol.split("/")} | set(self.venue.snapshot().other_cash)
        return sorted(codes - {account.quote})

    def _fiat(self, _: Document) -> Document:
        quote = self.venue.start.quote
        return {"data": [{"id": quote, "name": quote, "min_size": "0.01"}]}

    def _crypto(self, _: Document) -> Document:
        listing = [
            {"asset_id": shapes.new_uuid(code), "code": code, "name": code, "exponent": 8, "type": "crypto"}
            for code in self._codes()
        ]
        return {"data": listing}

    def _rates(self, _: Document) -> Document:
        return {"data": {"currency": self.venue.start.quote, "rates": dict.fromkeys(self._codes(), "1")}}

    def _products(self, params: Document) -> Document:
        wanted = listed(params.get("product_ids"))
        found = [
            shapes.product_document(symbol, market)
            for symbol, market in sorted(self._markets().items())
            if params.get("product_type", "SPOT") == "SPOT" and (not wanted or shapes.product_id(symbol) in wanted)
        ]
        return {"products": found, "num_products": len(found)}

    def _best_bid_ask(self, params: Document) -> Document:
        """Return the top of the books; one whose price cannot be read is left out."""
        markets, now = self._markets(), time_text(self.venue.now())
        symbols = [self._symbol(name) for name in listed(params.get("product_ids"))] or sorted(markets)
        readable = [symbol for symbol in symbols if markets[symbol].price_status != "unavailable"]
        return {"pricebooks": [shapes.price_book(symbol, markets[symbol], now) for symbol in readable]}

    def _candles(self, params: Document) -> Document:
        """Return the candles between two seconds, newest first; 350 at most."""
        length, start, end = _GRANULARITIES[params["granularity"]], int(params["start"]), int(params["end"])
        if (end - start) // length > _MOST_CANDLES:
            raise RefusedInWords("INVALID_ARGUMENT", "number of candles requested should be less than 350")
        told = [bar for bar in bars(self.venue, self._symbol(params["id"]), length, since=start) if bar.second <= end]
        entries = [
            {
                "start": str(bar.second),
                **dict.fromkeys(("low", "high", "open", "close"), bar.close),
                "volume": bar.volume,
            }
            for bar in reversed(told)
        ]
        return {"candles": entries}

    def _product_book(self, params: Document) -> Document:
        symbol = self._symbol(params["product_id"])
        sides = book(self._markets()[symbol], int(params.get("limit", 1000)))
        bids, asks = ([{"price": price, "size": size} for price, size in side] for side in sides)
        told = {"product_id": shapes.product_id(symbol), "bids": bids, "asks": asks}
        return {"pricebook": {**told, "time": time_text(self.venue.now())}}

    def _summary(self, _: Document) -> Document:
        options = self.venue.options
        tier = {
            "pricing_tier": "Advanced 1",
            "taker_fee_rate": plain(options.taker_fee),
            "maker_fee_rate": plain(options.maker_fee),
        }
        return {"total_volume": 0, "total_fees": 0, "fee_tier": tier}

    def _markets(self) -> Mapping[str, Market]:
        return self.venue.snapshot().markets

    def _symbol(self, name: str) -> str:
        symbol = name.replace("-", "/")
        if symbol not in self._markets():
            raise RefusedInWords("INVALID_ARGUMENT", f"valid product_id is required: {name}")
        return symbol

    # --- the account ---

    def _holdings(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return free and held by currency, also of what is not held any more; what is owed is taken off."""
        account, nothing = self.venue.snapshot(), (Decimal(0), Decimal(0))
        money = {account.quote: account.cash, **account.other_cash}
        found = dict.fromkeys(self._codes(), nothing) | {
            name: (cash.free - cash.debt, cash.locked) for name, cash in money.items()
        }
        for position in account.positions:
            code = position.symbol.split("/")[0]
            free, held = found[code]
            found[code] = (free + position.quantity - position.locked - position.debt, held + position.locked)
        return found

    def _accounts(self, params: Document) -> Document:
        quote, created = self.venue.start.quote, time_text(self.venue.start.taken_at)
        entries = [
            shapes.account_document(code, quote, free, held, created)
            for code, (free, held) in sorted(self._holdings().items())
        ]
        page, cursor = self._page("accounts", entries, params)
        return {"accounts": page, "has_next": bool(cursor), "cursor": cursor, "size": len(page)}

    def _wallets(self, _: Document) -> Document:
        holdings = sorted(self._holdings().items())
        data = [
            shapes.wallet_document(code, free + held + self.staked.get(code, Decimal(0)))
            for code, (free, held) in holdings
        ]
        return {"pagination": {"next_uri": None, "limit": 250}, "data": data}

    def _orders(self, params: Document) -> Document:
        """Page through orders, newest first; OPEN goes with no other status."""
        statuses = listed(params.get("order_status"))
        if "OPEN" in statuses and len(statuses) > 1:
            raise RefusedInWords("INVALID_ARGUMENT", "OPEN orders cannot be queried with other statuses")
        orders = [order for order in self._told() if _wanted(order, params)]
        entries = [shapes.order_document(order, self._asked.get(order.id)) for order in orders]
        matching = [entry for entry in entries if not statuses or entry["status"] in statuses]
        page, cursor = self._page("orders", matching, params)
        return {"orders": page, "sequence": "0", "has_next": bool(cursor), "cursor": cursor}

    def _order(self, params: Document) -> Document:
        for order in self._told():
            if shapes.new_uuid(order.id) == params["id"]:
                return {"order": shapes.order_document(order, self._asked.get(order.id))}
        raise RefusedInWords("NOT_FOUND", "order with this orderID was not found", 404)

    def _told(self) -> list[PaperOrder]:
        return [order for order in reversed(self.venue.told_orders()) if order.type != "convert"]

    def _fills(self, params: Document) -> Document:
        """Page through fills, newest first; the last page has no cursor."""
        products = listed(params.get("product_ids")) or listed(params.get("product_id"))
        orders, after = listed(params.get("order_ids")), params.get("start_sequence_timestamp")
        found = [
            shapes.fill_document(trade)
            for trade in self.venue.executions()
            if (not products or shapes.product_id(trade.symbol) in products)
            and (not orders or shapes.new_uuid(trade.order) in orders)
            and (not after or trade.at >= parse_time(after))
        ]
        page, cursor = self._page("fills", found, params)
        return {"fills": page, "cursor": cursor}

    def _page(self, name: str, entries: Sequence[Document], params: Document) -> tuple[list[Document], str]:
        """Cut a page out of a list; the cursor is empty on the last one."""
        first = int(params.get("cursor") or 0)
        limit = min(int(params.get("limit") or _USUAL[name]), self.page_size or _MOST[name])
        return list(entries[first : first + limit]), str(first + limit) if first + limit < len(entries) else ""

    # --- what changes the account ---

    def _create(self, params: Document) -> Document:
        """Place an order; an id that any order ever had answers that order, and nothing is placed."""
        client_id, asked = params.get("client_order_id"), params.get("order_configuration") or {}
        if not client_id:
            raise RefusedInWords("INVALID_ARGUMENT", "client_order_id is required")
        symbol = self._symbol(params.get("product_id", ""))
        known = self.venue.engine.look_up(OrderReference(symbol=symbol, client_order_id=client_id))
        if known is not None:
            return shapes.taken_document(known, asked)
        read = self._read(client_id, symbol, params)
        if not isinstance(read, OrderRequest):
            return shapes.refused_document(*read, "", asked)
        _, rests = _CONFIGURATIONS[next(iter(asked))]
        return self._placed(read, asked, rests=rests)

    def _preview(self, params: Document) -> Document:
        """Tell what is against an order, under names that begin with PREVIEW; nothing is placed."""
        if "client_order_id" in params:
            raise RefusedInWords("INVALID_ARGUMENT", "unknown field client_order_id")
        read = self._read(None, self._symbol(params.get("product_id", "")), params)
        if isinstance(read, OrderRequest):
            outcome = self.venue.rehearse(read)
            against = shapes.words_of(outcome)[1] if isinstance(outcome, Refused) else None
        else:
            against = read[1]
        return shapes.preview_document(params.get("order_configuration") or {}, against)

    def _read(self, client_id: str | None, symbol: str, params: Document) -> OrderRequest | tuple[str, str]:
        """Read an order; the reason and the preview's where it is none."""
        asked = params.get("order_configuration") or {}
        if not set(asked) & set(_CONFIGURATIONS) or params.get("side") not in _SIDES:
            return shapes.REFUSALS[RefusalReason.UNSUPPORTED]
        name = next(iter(asked))
        request = self._order_request(client_id, symbol, _SIDES[params["side"]], _CONFIGURATIONS[name][0], asked[name])
        wrong_way = _wrong_way(request, asked[name])
        return request if wrong_way is None else ("UNKNOWN_FAILURE_REASON", wrong_way)

    def _placed(self, request: OrderRequest, asked: Document, *, rests: bool) -> Document:
        outcome = self.venue.place(request, rests=rests)
        if isinstance(outcome, Done):
            self._asked[outcome.report.order_id] = asked
            return shapes.taken_document(outcome.report, asked)
        if not isinstance(outcome, Refused):
            raise TypeError(outcome)
        return shapes.refused_document(*shapes.words_of(outcome), outcome.message, asked)

    def _order_request(
        self, client_id: str | None, symbol: str, side: OrderSide, kind: OrderType, asked: Document
    ) -> OrderRequest:
        market = self._markets()[symbol]
        if "quote_size" in asked:
            price = market.ask or market.last or Decimal(1)
            # What is spent has the fee in it.
            cost = price * (1 + self.venue.options.taker_fee)
            quantity = floor_to_step(_number(asked, "quote_size") / cost, market.amount_step)
        else:
            quantity = _number(asked, "base_size")
        return OrderRequest(
            client_order_id=client_id,
            symbol=symbol,
            side=side,
            type=kind,
            quantity=quantity,
            price=None if kind == "market" else _number(asked, "limit_price"),
            trigger_price=_number(asked, "stop_price") if kind == "stop_limit" else None,
        )

    def _batch_cancel(self, params: Document) -> Document:
        """Cancel orders, each with its own result."""
        return {"results": [self._cancelled(str(name)) for name in listed(params.get("order_ids"))]}

    def _cancelled(self, name: str) -> Document:
        for order in self.venue.every_order():
            if order.status == "open" and shapes.new_uuid(order.id) == name:
                self.venue.cancel(OrderReference(symbol=order.symbol, order_id=order.id))
                return {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": name}
        return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": name}

    def _quote(self, params: Document) -> Document:
        return self.conversions.quote(params)

    def _commit(self, params: Document) -> Document:
        return self.conversions.commit(params["id"])

    def _conversion(self, params: Document) -> Document:
        return self.conversions.tell(params["id"])


def _error(name: str, details: str, status: int) -> Reply:
    return in_json({"error": name, "error_details": details, "message": details}, status)


def _wanted(order: PaperOrder, params: Document) -> bool:
    ids = listed(params.get("order_ids"))
    products = listed(params.get("product_ids")) or listed(params.get("product_id"))
    after, before = params.get("start_date"), params.get("end_date")
    created = order.created_at
    return (
        (not ids or shapes.new_uuid(order.id) in ids)
        and (not products or shapes.product_id(order.symbol) in products)
        and (not after or (created is not None and created >= parse_time(after)))
        and (not before or (created is not None and created < parse_time(before)))
    )


def _wrong_way(request: OrderRequest, asked: Document) -> str | None:
    """Refuse a stop whose direction is that of taking a profit: a sell that fires as the price rises."""
    stops = request.trigger_price is not None
    direction = "STOP_DIRECTION_STOP_UP" if request.side == "buy" else "STOP_DIRECTION_STOP_DOWN"
    if not stops or asked.get("stop_direction", direction) == direction:
        return None
    return f"PREVIEW_STOP_PRICE_{'BELOW' if request.side == 'sell' else 'ABOVE'}_LAST_TRADE_PRICE"


def _number(asked: Document, name: str) -> Decimal:
    try:
        return Decimal(asked[name])
    except (KeyError, InvalidOperation, TypeError) as problem:
        raise RefusedInWords("INVALID_ARGUMENT", f"{name} is not a number") from problem


_Endpoint = Callable[[CoinbaseFront, Document], Any]
_V3 = "/api/v3/brokerage"
_ENDPOINTS: Mapping[str, tuple[Sort, _Endpoint]] = {
    "GET /v2/time": (Sort.MARKETS, CoinbaseFront._older_time),
    "GET /v2/currencies": (Sort.MARKETS, CoinbaseFront._fiat),
    "GET /v2/currencies/crypto": (Sort.MARKETS, CoinbaseFront._crypto),
    "GET /v2/exchange-rates": (Sort.MARKETS, CoinbaseFront._rates),
    "GET /v2/accounts": (Sort.READ, CoinbaseFront._wallets),
    f"GET {_V3}/time": (Sort.MARKETS, CoinbaseFront._time),
    f"GET {_V3}/market/products": (Sort.READ, CoinbaseFront._products),
    f"GET {_V3}/products": (Sort.READ, CoinbaseFront._products),
    f"GET {_V3}/transaction_summary": (Sort.MARKETS, CoinbaseFront._summary),
    f"GET {_V3}/best_bid_ask": (Sort.READ, CoinbaseFront._best_bid_ask),
    f"GET {_V3}/market/products/ID/candles": (Sort.READ, CoinbaseFront._candles),
    f"GET {_V3}/market/product_book": (Sort.READ, CoinbaseFront._product_book),
    f"GET {_V3}/accounts": (Sort.READ, CoinbaseFront._accounts),
    f"GET {_V3}/orders/historical/batch": (Sort.LOOK_UP, CoinbaseFront._orders),
    f"GET {_V3}/orders/historical/fills": (Sort.READ, CoinbaseFront._fills),
    f"GET {_V3}/orders/historical/ID": (Sort.LOOK_UP, CoinbaseFront._order),
    f"POST {_V3}/orders": (Sort.WRITE, CoinbaseFront._create),
    f"POST {_V3}/orders/preview": (Sort.LOOK_UP, CoinbaseFront._preview),
    f"POST {_V3}/orders/batch_cancel": (Sort.WRITE, CoinbaseFront._batch_cancel),
    f"POST {_V3}/convert/quote": (Sort.READ, CoinbaseFront._quote),
    f"POST {_V3}/convert/trade/ID": (Sort.WRITE, CoinbaseFront._commit),
    f"GET {_V3}/convert/trade/ID": (Sort.LOOK_UP, CoinbaseFront._conversion),
}


def _is_older_and_public(path: str) -> bool:
    return path.startswith(("/v2/time", "/v2/currencies", "/v2/exchange-rates"))


def _route(request: Request) -> tuple[Sort, _Endpoint, Document] | None:
    """Find the endpoint of a request; the last part of the path, or the one before it, may be an id."""
    found = _ENDPOINTS.get(f"{request.method} {request.path}")
    if found is not None:
        return *found, {}
    parts = request.path.split("/")
    for place in (-1, -2):
        named = "/".join("ID" if at == len(parts) + place else part for at, part in enumerate(parts))
        found = _ENDPOINTS.get(f"{request.method} {named}")
        if found is not None:
            return *found, {"id": parts[place]}
    return None
