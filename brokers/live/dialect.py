"""How a venue is spoken to: in ccxt's unified calls, from which each known venue differs a little.

A dialect knows no account and keeps no state: every call gets the exchange, a ccxt client. It asks and reads; what an
exception means is decided by who called it. Reads return everything, over as many pages as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from exitplan.brokers.call_log import as_caller
from exitplan.brokers.live.errors import ErrorTable
from exitplan.brokers.live.failures import unless_missing
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.market_replies import Book, Candle, VolumeUnit, book_of, candles_of
from exitplan.brokers.live.parsing import (
    BadReply,
    Ticker,
    VenueBalance,
    balances_of,
    fee_rate_of,
    only_mappings,
    ticker_of,
)
from exitplan.brokers.protocol import (
    LookUpTier,
    OrderReference,
    OrderRequest,
    PastOrders,
    PastOrdersBy,
    Refused,
    Unknown,
)
from exitplan.brokers.rehearsal import NotChecked
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import is_derivative, plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fee:
    """A share of the value of an order; ``is_listed`` says that it is on the venue's list, and not of the account."""

    rate: Decimal
    is_listed: bool = False


Exchange = Any
"""A ccxt client: half a million generated lines, only partly typed."""
Order = Mapping[str, Any]
MarketType = Literal["spot", "swap", "future"]
Failed = Refused | Unknown
"""What became of a write that was not taken."""

FEES = "feesOfAccount"
"""Where a client keeps what the venue takes of its account's market orders, by kind of market."""
EACH = ""
"""The name under which a rate stands that holds for all markets of a kind."""
MAX_PAGES = 1_000
"""No account has this many pages; a venue that goes on gives the same page again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What there is to know of a venue, in plain values; ``exitplan venues`` and the documentation print them.

    ``receive_window`` is in seconds. ``burst`` is what the venue takes at once and ``refill`` what it gives back a
    second, both in ccxt's cost units; None takes ccxt's own pace. ``cancel_batch`` is how many orders one call cancels.
    ``serialize_private`` says that private calls must not overtake each other, ``triggers_apart`` that orders which
    wait for a trigger are in a list of their own, ``lists_by_client_id`` that one list of recent orders holds
    all with our ids, ``private_listings`` that the venue lists its markets to account holders only. ``fee_asset`` is
    the venue's own coin, from which fees may be taken. ``past_orders`` says how the venue lists orders that are over,
    None where exitplan does not ask, and ``past_page`` how many of the newest one question gives. ``buys_by_cost`` says
    that market buys of spot name what they spend. ``tells_fees`` says that the account's rates can be asked for.
    ``rehearses`` are the kinds of markets in which the venue checks an order without placing it.
    ``address`` is where ccxt reaches the venue's API, without a path: an account that names it is no other one.
    ``loopback`` are the kinds of markets that are tested against a copy of the venue on loopback; all else is tested
    with recorded replies only. ``candle_unit`` is what candles of contracts count their volume by; where it is None,
    nobody has looked, and neither volume nor depth of contracts is known. ``book_levels`` is how many levels of the
    book are asked for; None leaves that to the venue.
    """

    venue: str
    title: str
    client_order_ids: LookUpTier = "C"
    unique_client_order_ids: Literal["open", "ever"] = "open"
    client_id_parameter: str | None = None
    receive_window: int = 60
    writes_at_once: int = 8
    cancel_batch: int = 0
    serialize_private: bool = False
    triggers_apart: bool = False
    lists_by_client_id: bool = False
    private_listings: bool = False
    stop_market: bool = False
    stop_limit: bool = False
    reduce_only: bool = True
    convert: bool = False
    history_by_symbol: bool = True
    unified_wallet: bool = False
    needs_password: bool = False
    fee_asset: str | None = None
    past_orders: PastOrdersBy | None = None
    past_page: int = 0
    buys_by_cost: bool = False
    tells_fees: bool = False
    rehearses: tuple[MarketType, ...] = ()
    loopback: tuple[MarketType, ...] = ()
    burst: float | None = None
    refill: float | None = None
    limited_by: Literal["key", "ip"] = "key"
    candle_unit: VolumeUnit | None = None
    book_levels: int | None = None
    address: str = ""
    headers: HeaderNames | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    permissions: str = "reading and trading; never withdrawing"
    limits_known: tuple[str, ...] = ()


AT_ONCE = 8
"""How many questions go side by side where nothing says otherwise."""


def side_by_side(tasks: Sequence[Callable[[], T]], *, most: int = AT_ONCE) -> list[T]:
    """Do tasks at the same time and give their results in order; the first failure is raised once all have ended."""
    if len(tasks) < 2 or most < 2:  # noqa: PLR2004 - nothing to do at the same time
        return [task() for task in tasks]
    with ThreadPoolExecutor(min(most, len(tasks))) as pool:
        running = [pool.submit(as_caller(task)) for task in tasks]
    return [task.result() for task in running]


class Dialect:
    """A venue in ccxt's unified calls, from which each differs a little."""

    traits: ClassVar[Traits] = Traits(venue="", title="any other ccxt exchange")
    errors: ClassVar[ErrorTable | None] = None
    """What the venue's error codes mean; without a table ccxt's narrow classes have to do."""

    empty_answers: ClassVar[tuple[str, ...]] = ()
    """The ends of addresses whose answer may be an empty object."""

    check_addresses: ClassVar[tuple[str, ...]] = ()
    """The ends of addresses that have an order checked, and can place none."""

    # --- the client ---

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:  # noqa: ARG002 - some list a type at a time
        """Return what the ccxt client of this venue is made with."""
        return {"options": dict(self.traits.options)}

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:
        """Return the error codes of a reply, as the table of errors has them.

        None of them for an answer; None for a reply that is in neither form of the venue. Only asked for with a table.
        """
        raise NotImplementedError

    def validate_reply(self, url: str, reply: object) -> str | None:  # noqa: ARG002 - others look at the address
        """Return what is wrong with a reply of status 200 that raised nothing; None where it may be read.

        ccxt reads a garbled reply as an empty account or as no orders.
        """
        if reply is None:
            return "it is no JSON"
        if not isinstance(reply, dict | list):
            return "it is neither an object nor a list"
        return "it is empty" if reply == {} else None

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read every currency that a wallet holds."""
        return balances_of(exchange.fetch_balance(self.of_type(market_type)))

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read every resting order, stops included."""
        return only_mappings(exchange.fetch_open_orders(None, None, None, self.of_type(market_type)), "orders")

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read every position of derivatives."""
        return only_mappings(exchange.fetch_positions(None, self.of_type(market_type)), "positions")

    def reads_all_tickers(self, exchange: Exchange) -> bool:
        """Check whether one question gives the prices of all markets, so that nobody has to wait for the symbols."""
        return bool(exchange.has.get("fetchTickers"))

    def read_tickers(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, Ticker]:
        """Read the prices of all markets of a type at once."""
        return tickers_of(exchange.fetch_tickers(None, self.of_type(market_type)))

    def read_ticker(self, exchange: Exchange, symbol: str) -> Ticker:
        """Read the prices of one market."""
        reply = _an_object(exchange.fetch_ticker(symbol))
        if not reply.get("info"):
            raise BadReply("the reply holds no ticker")
        return ticker_of(reply)

    def tells_candles(self, exchange: Exchange, frame: str) -> bool:
        """Check whether the venue itself tells candles of such a length, such as ``1d``."""
        return exchange.has.get("fetchOHLCV") is True and frame in (exchange.timeframes or {frame})

    def read_candles(self, exchange: Exchange, symbol: str, frame: str, since: datetime, most: int) -> list[Candle]:
        """Read up to so many candles of a market from a time on."""
        milliseconds = int(since.timestamp() * 1000)
        reply = exchange.fetch_ohlcv(symbol, frame, milliseconds, most, self.candle_parameters())
        return candles_of(reply, exchange.markets[symbol], self.traits.candle_unit)

    def candle_parameters(self) -> dict[str, Any]:
        """Return what goes with a question for candles."""
        return {}

    def tells_books(self, exchange: Exchange, symbol: str) -> bool:
        """Check whether the book of a market can be asked for, and what it counts is known."""
        is_known = not is_derivative(symbol) or self.traits.candle_unit is not None
        return bool(exchange.has.get("fetchOrderBook")) and is_known

    def read_book(self, exchange: Exchange, symbol: str) -> Book:
        """Read the orders of others that rest in a market, the best levels of each side."""
        return book_of(exchange.fetch_order_book(symbol, self.traits.book_levels))

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:  # noqa: ARG002 - others look into it
        """Correct what ccxt makes of a listing, where the venue means something else by it."""
        return listing

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:  # noqa: ARG002 - others ask
        """Ask in one call what the venue takes of the account's market orders; only where the traits say that it tells.

        The answer is rates, or what they are worked out from, by the ids of markets or :data:`EACH`. It is kept for a
        day and handed to :meth:`fee_in`; empty where a kind of market has no such question.
        """
        return {}

    def taker_fee(self, exchange: Exchange, symbol: str) -> Fee | None:
        """Return the share that the venue takes of a market order of this account; None where it is not known."""
        market = exchange.markets.get(symbol) or {}
        rate = self.fee_in((exchange.options.get(FEES) or {}).get(market.get("type")) or {}, market)
        return None if rate is None else Fee(rate)

    def fee_in(self, rates: Mapping[str, str], market: Mapping[str, Any]) -> Decimal | None:
        """Find the rate of a market in what was told."""
        return fee_rate_of(rates.get(str(market.get("id")), rates.get(EACH)))

    def correct_order(self, exchange: Exchange, order: Order) -> Order:  # noqa: ARG002 - others look at the account
        """Correct what ccxt makes of a resting order, once all of the account is read."""
        return order

    def unread(self, exchange: Exchange, market_types: Sequence[MarketType]) -> tuple[str, ...]:  # noqa: ARG002 - as above
        """Name what the account may hold besides and this dialect does not ask for; it is then never called clean."""
        return ()

    def distinct_wallets(
        self, wallets: Mapping[MarketType, Sequence[VenueBalance]]
    ) -> Mapping[MarketType, Sequence[VenueBalance]]:
        """Return wallets of which each is another, where a venue may have told of one several times."""
        return wallets

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read our executions page by page, newest page first."""
        yield only_mappings(exchange.fetch_my_trades(symbol), "trades")

    def read_past_orders(
        self, exchange: Exchange, market_type: MarketType, since: int, symbols: Sequence[str]
    ) -> PastOrders:
        """Read the newest page of orders since a time in milliseconds, also of those that are over.

        ``symbols`` are those of this kind of market, one at least where orders are listed by symbol.
        """
        raise NotImplementedError

    def of_type(self, market_type: MarketType) -> dict[str, Any]:
        """Return the parameters that turn a question to one kind of market."""
        return {} if market_type == "spot" else {"type": market_type}

    # --- writing ---

    def create(self, exchange: Exchange, request: OrderRequest) -> Order:
        """Send an order once, and give the venue's reply."""
        return _an_order(exchange.create_order(*self.order_of(exchange, request)))

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> NotChecked | None:
        """Have the venue check an order without placing it; only in the markets of which the traits say that it does.

        Nothing is sent meanwhile that :meth:`only_checks` does not know.
        """
        raise NotImplementedError

    def only_checks(self, url: str, body: str | None) -> bool:  # noqa: ARG002 - some have one address for both
        """Check whether a request has an order checked, and can place none."""
        return bool(self.check_addresses) and urlsplit(url).path.endswith(self.check_addresses)

    def order_of(self, exchange: Exchange, request: OrderRequest) -> tuple[Any, ...]:
        """Return an order as ccxt takes it: symbol, type, side, amount, price and parameters."""
        kind = "limit" if request.type in {"limit", "stop_limit"} else "market"
        # A price beside a market order turns it into an order by cost at some venues.
        price = None if request.price is None or kind == "market" else plain(request.price)
        parameters = {**self.order_parameters(request), **self.window_parameters(exchange)}
        if is_derivative(request.symbol):
            parameters |= self.side_parameters(exchange, request)
        if request.cost is not None:
            parameters["cost"] = plain(request.cost)
        return request.symbol, kind, request.side, plain(request.quantity), price, parameters

    def order_parameters(self, request: OrderRequest) -> dict[str, Any]:
        """Return what goes with an order beyond side, amount and price."""
        parameters: dict[str, Any] = {}
        if self.traits.client_id_parameter is not None and request.client_order_id is not None:
            parameters[self.traits.client_id_parameter] = request.client_order_id
        if request.trigger_price is not None:
            parameters["stopLossPrice"] = plain(request.trigger_price)
        if request.reduce_only and is_derivative(request.symbol):
            parameters["reduceOnly"] = True
        return parameters

    def side_parameters(self, exchange: Exchange, request: OrderRequest) -> dict[str, Any]:  # noqa: ARG002 - some name it
        """Return what names the position that an order is about, where both sides of a contract may be held.

        Whether they may is told when the positions are read.
        """
        return {"hedged": True} if exchange.options.get("hedged") else {}

    def window_parameters(self, exchange: Exchange) -> dict[str, Any]:  # noqa: ARG002 - others ask for its time
        """Return what keeps the venue from taking an order after ``receive_window`` seconds."""
        return {}

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:
        """Cancel one order."""
        return exchange.cancel_order(reference.order_id, reference.symbol, self.trigger_parameters(is_trigger))

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[Failed | None]:
        """Cancel up to ``cancel_batch`` orders in one call; gives what became of each, None for taken."""
        raise NotImplementedError

    def trigger_parameters(self, is_trigger: bool) -> dict[str, Any]:  # noqa: FBT001, ARG002 - for venues with two lists
        """Return the parameters for an order that waits for its trigger, where the venue lists those apart."""
        return {}

    # --- looking up ---

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:
        """Ask for one order by the venue's id; raises ccxt's OrderNotFound."""
        return _an_order(exchange.fetch_order(order_id, symbol, self.trigger_parameters(is_trigger)))

    def find_many(self, exchange: Exchange, references: Sequence[OrderReference]) -> dict[str, Order]:
        """Ask for several orders by the venue's ids, in as few calls as can be; what is not found is left out."""

        def ask(reference: OrderReference) -> Order | None:
            return unless_missing(
                lambda: self.find(exchange, reference.order_id or "", reference.symbol, is_trigger=False)
            )

        orders = side_by_side([partial(ask, reference) for reference in references], most=self.at_once)
        return {str(order["id"]): order for order in orders if order is not None}

    @property
    def finds_triggers(self) -> bool:
        """Whether an order that waits for its trigger is found like any other."""
        return not self.traits.triggers_apart

    @property
    def at_once(self) -> int:
        """How many private calls may be under way at the same time."""
        return 1 if self.traits.serialize_private else self.traits.writes_at_once

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Find an order by our id, open or closed, the newest of them; None where the venue surely knows none."""
        since = None if reference.since is None else int(reference.since.timestamp() * 1000) - 60_000
        opened = only_mappings(exchange.fetch_open_orders(reference.symbol), "orders")
        closed = only_mappings(exchange.fetch_closed_orders(reference.symbol, since), "orders")
        return with_client_id([*opened, *closed], reference.client_order_id)

    def list_by_client_id(self, exchange: Exchange, references: Sequence[OrderReference]) -> dict[str, Order]:
        """Find several orders by our ids in the lists since the first was sent, the newest of each id."""
        raise NotImplementedError

    # --- converting dust ---

    def quote_conversion(self, exchange: Exchange, currency: str, quote: str, quantity: str) -> Mapping[str, Any]:
        """Ask on what terms the venue would convert; the quote has ``id`` and ``toAmount``."""
        return _an_object(exchange.fetch_convert_quote(currency, quote, quantity))

    def convert(
        self, exchange: Exchange, offer: Mapping[str, Any], currency: str, quote: str, quantity: str
    ) -> Mapping[str, Any]:
        """Take a quote."""
        return self.conversion_of(exchange.create_convert_trade(offer.get("id"), currency, quote, quantity))

    def find_conversion(self, exchange: Exchange, name: str, currency: str, quote: str) -> Mapping[str, Any]:  # noqa: ARG002 - some want both
        """Ask what became of a conversion."""
        return self.conversion_of(exchange.fetch_convert_trade(name, currency))

    def conversion_of(self, reply: object) -> Mapping[str, Any]:
        """Read a conversion: its ``id``, and as ``status`` open, closed or rejected; nothing said is open."""
        return _an_object(reply)


def tickers_of(reply: object) -> dict[str, Ticker]:
    """Read the prices of many markets; an empty answer is no answer, since every venue has markets."""
    if not isinstance(reply, Mapping) or not reply:
        raise BadReply("the reply holds no tickers")
    return {str(symbol): ticker_of(entry) for symbol, entry in reply.items() if isinstance(entry, Mapping)}


def with_client_id(orders: Sequence[Order], client_order_id: str | None) -> Order | None:
    """Pick the newest order that carries our id."""
    ours = [order for order in orders if order.get("clientOrderId") == client_order_id and client_order_id]
    return max(ours, key=lambda order: int(order.get("timestamp") or 0), default=None)


def newest_by_client_id(orders: Sequence[Order], references: Sequence[OrderReference]) -> dict[str, Order]:
    """Pick the newest order of each of our ids."""
    names = [str(reference.client_order_id) for reference in references]
    newest = {name: with_client_id(orders, name) for name in names}
    return {name: order for name, order in newest.items() if order is not None}


def sent_since(references: Sequence[OrderReference]) -> int:
    """Return the time in milliseconds, a minute before the first of these was sent, for clocks that differ."""
    first = min(reference.since for reference in references if reference.since is not None)
    return int(first.timestamp() * 1000) - 60_000


def pages_by_cursor(ask: Callable[[str | None], tuple[list[T], str | None]]) -> list[T]:
    """Read all pages: ``ask`` gives a page and the cursor of the next one; raises BadReply where they do not end."""
    entries, cursor, seen = [], None, set()
    for _ in range(MAX_PAGES):
        page, cursor = ask(cursor)
        entries.extend(page)
        if not cursor:
            return entries
        if cursor in seen:
            raise BadReply("the pages go round in a circle")
        seen.add(cursor)
    raise BadReply("the pages do not end")


def _an_order(reply: object) -> Order:
    order = _an_object(reply)
    if not order.get("id"):
        raise BadReply("the reply names no order")
    return order


def _an_object(reply: object) -> Mapping[str, Any]:
    if not isinstance(reply, Mapping):
        raise BadReply("the reply is no object")
    return reply
