"""Binance, https://developers.binance.com/docs/binance-spot-api-docs and /docs/derivatives: spot and USD-M futures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial, reduce
from typing import Any, ClassVar
from urllib.parse import urlsplit

from exitplan.brokers.live.dialect import MAX_PAGES, Dialect, Exchange, Fee, MarketType, Order, Traits, side_by_side
from exitplan.brokers.live.errors import ErrorTable, text_in
from exitplan.brokers.live.failures import unless_missing
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.parsing import (
    BadReply,
    VenueBalance,
    amount_of,
    balance_of,
    balances_of,
    fee_rate_of,
    only_mappings,
)
from exitplan.brokers.live.past_orders import past_orders_since
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders
from exitplan.brokers.venues.conversions import told_by
from exitplan.brokers.venues.errors.binance import ERRORS
from exitplan.brokers.venues.two_lists import in_either_list
from exitplan.ruleset.model.values import ZERO, is_derivative

_WINDOW = 5
_TRADES = 1000
_ORDERS = 100
_EARN = "LD"
_EARN_NAMES = {"LDSHIB2": "SHIB", "LDBAKET": "BAKE", "LDERD": "EGLD"}
"""What is in Simple Earn under a name that is not LD and the coin's; the venue publishes no list of them.

SHIB2 and ERD are its own or older names of the coins; BAKET is told in https://github.com/JKorf/Binance.Net/issues/833.
"""
_IN_NO_LIST = "-1"
_PENDING = "PENDING_NEW"
_NO_ORDER = {None, "", "0", 0}
_MUST_HOLD = {"/api/v3/account": "balances", "/fapi/v3/account": "assets"}
_LISTS = ("/openOrders", "/openAlgoOrders", "/allOrders", "/myTrades", "/userTrades", "/positionRisk", "/ticker/24hr")
"""What ccxt reads as nothing at all where it is missing."""
_FEE = "takerFeeOfAccount"
"""Where a client keeps the fee of its account, as it was told with the balances."""
_NO_ANSWER = frozenset({"code", "error", "message"})
"""What an answer holds more than."""


class Binance(Dialect):
    """Spot, and futures margined in USDT or USDC, at Binance."""

    errors: ClassVar[ErrorTable] = ERRORS
    check_addresses: ClassVar[tuple[str, ...]] = ("/order/test",)
    empty_answers: ClassVar[tuple[str, ...]] = check_addresses
    traits: ClassVar[Traits] = Traits(
        venue="binance",
        title="Binance",
        candle_unit="base",
        book_levels=100,
        address="https://api.binance.com",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="newClientOrderId",
        # A request may be signed up to a second ahead of the venue's clock.
        receive_window=_WINDOW + 1,
        writes_at_once=10,
        triggers_apart=True,
        stop_market=True,
        stop_limit=True,
        fee_asset="BNB",
        past_orders="symbol",
        past_page=_ORDERS,
        convert=True,
        # 6,000 of the venue's weights a minute an address, of which ccxt counts 5 as 1.
        burst=240.0,
        refill=20.0,
        limited_by="ip",
        headers=HeaderNames(used="x-mbx-used-weight-1m", known_limit=6000.0, window=60.0, unit=5.0),
        rehearses=("spot", "swap", "future"),
        loopback=("spot", "swap"),
        options={
            "recvWindow": _WINDOW * 1000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
            "fetchMargins": False,
            "fetchCurrencies": False,
        },
        permissions="Enable Reading, Enable Spot & Margin Trading; Enable Futures for swaps. Never: Withdrawals.",
        limits_known=(
            "A client order id is unique among open orders only. What a proxy delivers twice is executed twice.",
            "What is in flexible Simple Earn (LDBTC and the like) counts as locked.",
            "What else is staked, and what is in the funding wallet or in cross or isolated margin, is not seen.",
            "Orders of trading bots and of the algo service (TWAP, VP) are not seen; what they hold counts as locked.",
            "A key reads its own account alone: a sub-account needs an account block, with a key, of its own.",
            "Portfolio margin is not supported: its futures are refused with an error that says so.",
            "Where a trailing stop would fire is not told, so none counts as protection.",
            "Futures are the USD-M ones; those margined in coins (COIN-M) are not read.",
            "The venue gives no time at which a position of futures was opened.",
            "Sells below the minimum need a conversion, which is a permission of its own.",
        ),
    )

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        kinds = (["spot"] if "spot" in market_types else []) + (["linear"] if set(market_types) - {"spot"} else [])
        return {
            "options": {**self.traits.options, "fetchMarkets": {"types": kinds}, "marketTypes": list(market_types)},
        }

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:
        """Read a code beside its message; an answer may have one that is not below zero."""
        code = text_in(reply, "code") if isinstance(reply, dict) and isinstance(reply.get("msg"), str) else None
        if code is not None and (code.startswith("-") or status >= 400):  # noqa: PLR2004 - HTTP
            return (code,)
        if status < 300 and reply == {} and urlsplit(url).path.endswith(self.empty_answers):  # noqa: PLR2004 - HTTP
            return ()
        is_bare = isinstance(reply, dict) and (set(reply) <= _NO_ANSWER or reply.get("success") is False)
        return () if status < 300 and not is_bare else None  # noqa: PLR2004 - HTTP

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold balances to have their list, and lists to be lists."""
        path = urlsplit(url).path
        wrong = None if reply == {} and path.endswith(self.empty_answers) else super().validate_reply(url, reply)
        key = next((key for end, key in _MUST_HOLD.items() if path.endswith(end)), None)
        if wrong is None and key is not None and not (isinstance(reply, dict) and isinstance(reply.get(key), list)):
            return f"it holds no {key}"
        if wrong is None and path.endswith("/api/v3/account") and isinstance(reply, dict):
            kind = reply.get("accountType", "SPOT")
            return None if kind == "SPOT" else f"exitplan does not know accounts of the kind {kind}"
        if wrong is None and path.endswith(_LISTS) and "symbol=" not in url and not isinstance(reply, list):
            return "it is no list"
        return wrong

    def of_type(self, market_type: MarketType) -> dict[str, Any]:
        """Turn a question to the spot market or to the USD-M futures."""
        return {} if market_type == "spot" else {"type": "future", "subType": "linear"}

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read a wallet; what is in Simple Earn is locked."""
        if market_type != "spot":
            # One wallet for swaps and futures.
            is_read = market_type == "future" and "swap" in exchange.options["marketTypes"]
            return [] if is_read else _futures_wallet(exchange)
        reply = exchange.fetch_balance(self.of_type(market_type))
        exchange.options[_FEE] = _fee_of_sales(reply.get("info"))
        balances = {balance.currency: balance for balance in balances_of(reply)}
        listed = _currencies_of(exchange.markets)
        for name in list(balances):
            currency = _earning_of(name, listed)
            if currency is not None:
                earning, known = balances.pop(name), balances.get(currency, VenueBalance(currency, ZERO, ZERO))
                balances[currency] = replace(known, staked=known.staked + earning.total)
        return list(balances.values())

    def taker_fee(self, exchange: Exchange, symbol: str) -> Fee | None:
        """Return the account's own rate of the spot market; a discount for fees paid in BNB is not in it."""
        rate: Decimal | None = None if is_derivative(symbol) else exchange.options.get(_FEE)
        return None if rate is None else Fee(rate)

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read resting orders, and of futures those that wait for their trigger from their own list.

        Those that wait come first: one that is triggered meanwhile is then in both lists, and not in none.
        """
        asked = self.of_type(market_type)
        if market_type == "spot":
            return _with_holders([_as_told(order) for order in super().read_open_orders(exchange, market_type)])
        waiting = only_mappings(exchange.fetch_open_orders(None, None, None, {**asked, "trigger": True}), "orders")
        working = super().read_open_orders(exchange, market_type)
        orders = [*working, *(order for order in waiting if order.get("status") != "closed")]
        return [_as_told(order) for order in orders if exchange.market(order["symbol"])["type"] == market_type]

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read positions of futures; ccxt gives the time of their last change as that of their opening."""
        positions: list[Mapping[str, Any]] = []
        for entry in only_mappings(exchange.fapiPrivateV3GetPositionRisk(), "positions"):
            market = exchange.safe_market(entry.get("symbol"), None, None, "contract")
            if entry.get("positionSide") in {"LONG", "SHORT"}:
                exchange.options["hedged"] = True
            side = str(entry.get("positionSide")).lower()
            if market["type"] in {market_type, None}:
                contracts, price = entry.get("positionAmt"), entry.get("entryPrice")
                position = {"symbol": market["symbol"], "contracts": contracts, "entryPrice": price}
                positions.append({**position, "side": side} if side in {"long", "short"} else position)
        return positions

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of a symbol, 1,000 a page, backwards in time."""
        seen, asked = set[Any](), dict[str, int]()
        for _ in range(MAX_PAGES):
            page = only_mappings(exchange.fetch_my_trades(symbol, None, _TRADES, asked), "trades")
            # Of trades at the same millisecond some may stand on the page before.
            fresh = [trade for trade in page if trade.get("id") not in seen]
            yield fresh
            if len(page) < _TRADES or not fresh:
                return
            seen.update(trade.get("id") for trade in fresh)
            asked = {"until": min(int(trade["timestamp"]) for trade in fresh)}

    def read_past_orders(
        self, exchange: Exchange, market_type: MarketType, since: int, symbols: Sequence[str]
    ) -> PastOrders:
        """Read the newest 100 orders of each symbol, and keep those since a time.

        Asked from a time on, the venue would give the oldest of them, and no more than a day.
        """
        ask = exchange.privateGetAllOrders if market_type == "spot" else exchange.fapiPrivateGetAllOrders

        def of(symbol: str) -> PastOrders:
            page = only_mappings(ask({"symbol": exchange.market_id(symbol), "limit": _ORDERS}), "orders")
            return past_orders_since(page, "clientOrderId", "updateTime", since, _ORDERS)

        return reduce(PastOrders.plus, side_by_side([partial(of, symbol) for symbol in symbols], most=self.at_once))

    # --- writing ---

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> None:
        """Have an order checked: by addresses of its own, since ccxt drops the flag ``test`` for some markets."""
        order = exchange.create_order_request(*self.order_of(exchange, request))
        if is_derivative(request.symbol):
            exchange.fapiPrivatePostOrderTest(order)
        else:
            exchange.privatePostOrderTest(order)

    def trigger_parameters(self, is_trigger: bool) -> dict[str, Any]:  # noqa: FBT001 - as the base
        """Turn to the list of orders that wait for a trigger; spot has one list for all, and ccxt looks no further."""
        return {"trigger": True} if is_trigger else {}

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:
        """Cancel an order, of futures in whichever list it is."""
        cancel = super().cancel
        if not is_derivative(reference.symbol):
            return cancel(exchange, reference, is_trigger=False)
        return in_either_list(lambda waits: cancel(exchange, reference, is_trigger=waits), is_trigger=is_trigger)

    # --- looking up ---

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:
        """Ask for an order by the venue's id; a stop that was triggered with the fills of the order it became."""
        return self._followed(exchange, super().find(exchange, order_id, symbol, is_trigger=is_trigger))

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for an order by our id, of futures in both lists."""
        name = reference.client_order_id
        lists = [{}, {"trigger": True}] if is_derivative(reference.symbol) else [{}]
        for which in lists:
            asked = {"clientOrderId": name, **which}
            order: Order | None = unless_missing(partial(exchange.fetch_order, None, reference.symbol, asked))
            if order is None:
                continue
            if order.get("clientOrderId") != name:
                raise BadReply("the venue tells of another order than was asked for")
            return self._followed(exchange, order)
        return None

    def _followed(self, exchange: Exchange, order: Order) -> Order:
        """Return an order with its fills, those of a stop being told with the order that it became.

        https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Query-Algo-Order
        """
        info = order["info"]
        name = info.get("actualOrderId")
        if name in _NO_ORDER:
            if info.get("algoStatus") in {"TRIGGERED", "FINISHED"}:
                raise BadReply("a stop that was triggered does not name the order that it became")
            return _as_told(order)
        became: Order | None = unless_missing(lambda: exchange.fetch_order(str(name), order["symbol"]))
        if became is None:  # the stop itself is known, so this is no answer
            raise BadReply("the order that a stop became is no longer known")
        own = {key: order[key] for key in ("id", "clientOrderId", "triggerPrice", "timestamp")}
        return {**became, **own}

    def conversion_of(self, reply: object) -> Mapping[str, Any]:
        """Read a conversion; the reply that it was taken comes before it is done."""
        return told_by(super().conversion_of(reply), "orderStatus", finished="SUCCESS", refused="FAIL")


def _fee_of_sales(account: object) -> Decimal | None:
    """Read what is taken of a market order that sells: the taker's rate and, in some countries, the seller's.

    https://developers.binance.com/docs/binance-spot-api-docs/faqs/commission_faq
    """
    rates = account.get("commissionRates") if isinstance(account, Mapping) else None
    if not isinstance(rates, Mapping):
        return None
    taker, seller = fee_rate_of(rates.get("taker")), fee_rate_of(rates.get("seller", "0"))
    return None if taker is None or seller is None else taker + seller


def _futures_wallet(exchange: Exchange) -> list[VenueBalance]:
    """Read every asset of the futures wallet; what positions gained meanwhile is told with them, so it is not in here.

    ``availableBalance`` counts that gain as well, and in multi-assets mode all other assets.
    https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/Account-Information-V3
    """
    from ccxt.base.errors import AuthenticationError  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    try:
        reply = exchange.fapiPrivateV3GetAccount()
    except AuthenticationError as error:  # https://github.com/JKorf/Binance.Net/issues/1485
        words = "so answers also an account in portfolio margin mode, which exitplan does not support"
        raise AuthenticationError(f"{error} ({words})") from error
    balances = []
    for entry in only_mappings(reply.get("assets"), "assets"):
        told = {"total": "walletBalance", "free": "availableBalance", "used": "initialMargin"}
        currency = exchange.safe_currency_code(entry.get("asset"))
        balances.append(balance_of(currency, {part: entry.get(name) for part, name in told.items()}))
    return balances


_CURRENCIES: list[tuple[Mapping[str, Any], frozenset[str]]] = []
"""Of the markets that were asked about last: all accounts have the same."""


def _currencies_of(markets: Mapping[str, Any]) -> frozenset[str]:
    """Return what is traded or paid with in any market."""
    for known, currencies in tuple(_CURRENCIES):
        if known is markets:
            return currencies
    currencies = frozenset(str(market[part]) for market in markets.values() for part in ("base", "quote"))
    _CURRENCIES[:] = [(markets, currencies)]
    return currencies


def _earning_of(name: str, listed: Collection[str]) -> str | None:
    """Return the coin that is in Simple Earn under a name; None where it is a coin itself, or none that is listed."""
    if name in _EARN_NAMES:
        return _EARN_NAMES[name]
    currency = name.removeprefix(_EARN)
    return currency if currency != name and name not in listed and currency in listed else None


def _as_told(order: Order) -> Order:
    """Return an order under the venue's own id, and as a stop where it trails the price.

    ccxt takes the ``strategyId`` that somebody gave an order for its id. Where a trailing stop would fire now is not
    told: a ``stopPrice`` or ``activatePrice`` beside it says from where on it trails.
    https://developers.binance.com/docs/binance-spot-api-docs/faqs/trailing-stop-faq
    """
    info = order["info"]
    told = {**order, "id": str(info.get("orderId") or info.get("algoId") or order["id"])}
    kind = str(info.get("orderType") or info.get("type"))
    if not info.get("trailingDelta") and not kind.startswith("TRAILING"):
        return told
    return {**told, "type": "stop_limit" if kind.endswith("_LIMIT") else "stop", "triggerPrice": None}


def _with_holders(orders: Sequence[Order]) -> list[Order]:
    """Mark the orders for which nothing is locked: one of a pair, and what is yet to be placed.

    Of a pair (OCO) the order that needs more holds for both. One that waits for another to be filled holds nothing.
    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
    """
    holders: dict[tuple[Any, Any], Order] = {}
    for order in orders:
        held = holders.setdefault(_list_of(order), order)
        if _need_of(order) > _need_of(held):
            holders[_list_of(order)] = order
    return [
        order
        if order["info"].get("status") != _PENDING and holders[_list_of(order)] is order
        else {**order, "holdsNothing": True}
        for order in orders
    ]


def _list_of(order: Order) -> tuple[Any, Any]:
    """Return what orders of one list and side share; one that is in no list is alone."""
    number = str(order["info"].get("orderListId", _IN_NO_LIST))
    return (None, order["id"]) if number == _IN_NO_LIST else (number, order["side"])


def _need_of(order: Order) -> Decimal:
    """Return what an order needs: a sell its quantity, a buy what it may cost, one that is yet to be placed nothing."""
    if order["info"].get("status") == _PENDING:
        return ZERO
    left = (amount_of(order.get("amount")) or ZERO) - (amount_of(order.get("filled")) or ZERO)
    price = amount_of(order.get("price")) or amount_of(order.get("triggerPrice"))
    return left if order["side"] == "sell" else left * (price or ZERO)
