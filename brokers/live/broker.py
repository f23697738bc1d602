"""A live account behind the Broker protocol, through ccxt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import partial, reduce
from typing import Any, TypeVar

from exitplan.brokers.attempts import attempt
from exitplan.brokers.clock_offset import TOLERATED
from exitplan.brokers.inspection import Inspection
from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.credentials import Credentials
from exitplan.brokers.live.dialect import Dialect, MarketType, side_by_side
from exitplan.brokers.live.failures import is_not_found, outcome_of, reading, reason_in, unless_missing
from exitplan.brokers.live.fees import FeeShelf
from exitplan.brokers.live.history import read_cost_basis, read_trades
from exitplan.brokers.live.listings import (
    MAX_AGE,
    MAX_AGE_AFTER_FAILURE,
    MAX_AGE_OF_ABSENCE,
    Listings,
    MarketCache,
)
from exitplan.brokers.live.market_data import MarketReader
from exitplan.brokers.live.parsing import BadReply, amount_of, report_of
from exitplan.brokers.live.reading import Reader, VenueReply
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.live.sharing import shared_prices
from exitplan.brokers.live.writing import Writer, refuse
from exitplan.brokers.protocol import (
    Capabilities,
    ConvertRequest,
    Done,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Outcome,
    PastOrders,
    RefusalReason,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.brokers.rehearsal import NotChecked, Rehearsed
from exitplan.brokers.trade_history import TradeHistory
from exitplan.brokers.venues.key_rights import read_key_rights
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.language.policy import CASH_KEPT
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Market, Position, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO, is_derivative, plain, quote_of

T = TypeVar("T")
_MICRO = Decimal("0.000001")
_NAMELESS = Refused(RefusalReason.UNSUPPORTED, "orders are cancelled by the venue's ids")


class LiveBroker:
    """One account at one live venue."""

    def __init__(
        self,
        dialect: Dialect,
        connection: Connection,
        credentials: Credentials,
        account: str,
        quote: str,
        keep: tuple[str, ...] = CASH_KEPT,
    ) -> None:
        self.venue = connection.venue
        self._dialect = dialect
        self._quote = quote
        self._clock = connection.clock
        self._redact = Redactor(credentials)
        self._exchange = open_exchange(dialect, replace(connection, credentials=credentials))
        self._shelf = MarketCache(dialect, replace(connection, credentials=credentials))
        self._live = not connection.sandbox
        self._place = connection.place
        kinds, owner = connection.market_types, credentials.fingerprint()
        fees = FeeShelf(dialect, self._exchange, connection.place, owner, kinds, connection.clock)
        shared, ask = shared_prices(self._shelf.place), self._ask
        self._reader = Reader(dialect, self._exchange, account, quote, kinds, ask, self._clock, shared, keep, fees)
        self._writer = Writer(dialect, self._exchange, self._redact, self._pause)
        self._markets: Mapping[str, Market] = {}
        self._triggers: frozenset[str] = frozenset()
        self._rates: Mapping[str, Decimal] = {}
        self._conversions: dict[str, ConvertRequest] = {}
        self._held_something = False

    def __repr__(self) -> str:
        return f"LiveBroker({self.venue})"

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do for this account."""
        traits = self._dialect.traits
        return Capabilities(
            client_order_ids=traits.client_order_ids,
            unique_client_order_ids=traits.unique_client_order_ids,
            reduce_only=traits.reduce_only,
            stop_market=traits.stop_market,
            stop_limit=traits.stop_limit,
            convert=traits.convert,
            receive_window=traits.receive_window,
            live=self._live,
            writes_at_once=traits.writes_at_once,
            cancels_at_once=max(traits.cancel_batch, traits.writes_at_once),
            fee_asset=traits.fee_asset,
            past_orders=traits.past_orders,
            clock_offset=self._exchange.told_offset,
            asks_beside=self._dialect.at_once > 1,
        )

    # --- reading ---

    def read_account(self) -> Snapshot:
        """Read the account; raises AccountUnreadable, CredentialsRefused."""
        now = self._clock()
        self._exchange.told_offset = None  # the clock may have been set since
        listings = self._listings()
        try:
            return self._read_with(listings, now)
        except AccountUnreadable as error:
            if not (_may_lack_a_market(error) and listings.is_older(MAX_AGE_AFTER_FAILURE, now)):
                raise
        return self._read_with(self._listings(MAX_AGE_AFTER_FAILURE), now)

    def _read_with(self, listings: Listings, now: datetime) -> Snapshot:
        reply = self._reader.tell()
        if self._reader.is_unlisted(reply, listings) and listings.is_older(MAX_AGE_OF_ABSENCE, now):
            listings = self._listings(MAX_AGE_OF_ABSENCE)
            # What the venue told was read with the old ones, and orders in a new market under a wrong name.
            reply = self._reader.tell()
        snapshot = self._ask("the account", lambda: self._reader.snapshot(reply, listings, now))
        self._refuse_sudden_emptiness(reply)
        self._markets, self._rates = {**self._markets, **snapshot.markets}, snapshot.rates
        if self._dialect.traits.triggers_apart:
            self._triggers = frozenset(order.id for order in snapshot.open_orders if order.trigger_price)
        return snapshot

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        """Rebuild what positions cost from our executions; raises AccountUnreadable."""
        return read_cost_basis(self._dialect, self._exchange, positions, self._markets, self._ask)

    def read_trades(self, symbols: Collection[str]) -> TradeHistory:
        """Read our executions; raises AccountUnreadable."""
        self._ensure_listings()
        return read_trades(self._dialect, self._exchange, symbols, self._ask)

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        """Ask for quotes; a position that the venue will not convert is left out. Raises AccountUnreadable."""
        if not self._dialect.traits.convert:
            return {}
        spot = [position for position in positions if not is_derivative(position.symbol)]
        offers = side_by_side([partial(self._terms, position) for position in spot], most=self._dialect.at_once)
        terms = zip((position.symbol for position in spot), offers, strict=True)
        return {symbol: offer for symbol, offer in terms if offer is not None}

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        """Read markets that are listed, each kind of question on its own; no answer is no harm."""

        def read() -> ToldMarkets:
            self._ensure_listings()
            listed = {symbol: demand for symbol, demand in demands.items() if symbol in self._exchange.markets}
            return MarketReader(self._dialect, self._exchange, self._place, self._clock).read(listed)

        return attempt(read, lambda _: ToldMarkets(failed=frozenset(demands)))

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        """Read the ids of past orders, of all kinds of markets side by side; raises AccountUnreadable."""
        self._ensure_listings()
        moment, dialect = int(since.timestamp() * 1000), self._dialect
        wanted = {
            kind: sorted(name for name in symbols if self._kind_of(name) == kind) for kind in self._reader.market_types
        }

        def ask(kind: MarketType) -> PastOrders:
            question = partial(dialect.read_past_orders, self._exchange, kind, moment, wanted[kind])
            return self._ask("the past orders", question)

        kinds = [kind for kind in wanted if wanted[kind] or dialect.traits.past_orders == "account"]
        answers = side_by_side([partial(ask, kind) for kind in kinds], most=dialect.at_once)
        return reduce(PastOrders.plus, answers, PastOrders())

    def inspect(self) -> Inspection:
        """Ask for the rights of the key, where the venue tells them."""
        rights, problem = None, None
        try:
            rights = self._ask("the rights of the key", partial(read_key_rights, self.venue, self._exchange))
        except AccountUnreadable as error:
            problem = str(error)
        return Inspection(rights, problem, frozenset(self._reader.market_types))

    # --- writing ---

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        """Send orders once each, after looking that the venue's steps and minimums are kept; ask what they filled."""
        outcomes = self._writer.followed_up(self._placed(requests), [request.symbol for request in requests])
        return tuple(outcomes)

    def place_and_ask(
        self, requests: Sequence[OrderRequest], accepted: Sequence[OrderReference]
    ) -> tuple[tuple[Outcome, ...], tuple[LookUp, ...]]:
        """Send orders likewise, and beside them ask once what accepted ones have filled."""
        tasks: list[Callable[[], Any]] = [partial(self._placed, requests), partial(self._writer.reports, accepted)]
        outcomes, reports = side_by_side(tasks)
        told = [reports.get(str(reference.order_id)) for reference in accepted]
        return outcomes, tuple(NotFound() if report is None else Found(report) for report in told)

    def _placed(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        self._ensure_listings()
        if (untimely := self._untimely()) is not None:
            return (untimely,) * len(requests)
        refusals = [refuse(request, self._market(request.symbol), self._dialect.traits) for request in requests]
        sent = [self._with_cost(one) for one, refusal in zip(requests, refusals, strict=True) if refusal is None]
        outcomes = iter(self._writer.place(sent))
        return tuple(next(outcomes) if refusal is None else refusal for refusal in refusals)

    def rehearse_orders(self, requests: Sequence[OrderRequest]) -> tuple[Rehearsed, ...]:
        """Have orders checked without placing them: their steps and minimums, and by the venue where it can."""
        self._ensure_listings()
        if (untimely := self._untimely()) is not None:
            return (untimely,) * len(requests)
        return tuple(self._rehearsed(request) for request in requests)

    def _rehearsed(self, request: OrderRequest) -> Rehearsed:
        refusal = refuse(request, self._market(request.symbol), self._dialect.traits)
        if refusal is not None:
            return refusal
        if self._kind_of(request.symbol) not in self._dialect.traits.rehearses:
            return NotChecked(f"{self.venue} checks no orders of this kind of market without placing them")
        return self._writer.rehearse([self._with_cost(request)])[0]

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders by the venue's ids; one that is named by ours alone is refused."""
        taken = self._cancelled(references)
        return tuple(self._writer.followed_up(taken, [reference.symbol for reference in references]))

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders, and read the account beside the question what they had filled, where that is a trip less."""
        if self._dialect.traits.serialize_private:
            return self.cancel_orders(references), None
        taken = self._cancelled(references)
        follow_up = partial(self._writer.followed_up, taken, [reference.symbol for reference in references])
        if not all(isinstance(outcome, Done) for outcome in taken):
            return tuple(follow_up()), None
        tasks: list[Callable[[], Any]] = [follow_up, self._read_or_none]
        outcomes, snapshot = side_by_side(tasks)
        return tuple(outcomes), snapshot

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find one order, by the venue's id, else by ours."""

        def look() -> LookUp:
            self._ensure_listings()
            if (conversion := self._conversions.get(str(reference.order_id))) is not None:
                return Found(self._told_of(conversion, str(reference.order_id)))
            order = self._find_order(reference)
            return NotFound() if order is None else Found(report_of(order))

        return attempt(look, lambda error: NotFound() if is_not_found(error) else self._unknown(error))

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders: by our ids in one list where the venue has one, else side by side."""
        if len(references) > 1 and self._dialect.traits.lists_by_client_id and all(_is_ours(one) for one in references):
            return self._listed(references)
        singly = [partial(self.look_up_order, reference) for reference in references]
        return tuple(side_by_side(singly, most=self._dialect.at_once))

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Take a fresh quote where it is not dearer than asked for; nothing of it is sent twice."""

        def quote() -> tuple[Mapping[str, Any], Decimal]:
            self._ensure_listings()
            return self._offer(request.symbol, request.quantity)

        quoted = attempt(quote, self._no_quote)
        if isinstance(quoted, Refused):
            return quoted
        offer, cost = quoted
        declined = self._untimely() or _declined(offer, cost, request)
        if declined is not None:
            return declined
        currency, quantity = request.symbol.partition("/")[0], plain(request.quantity)
        with self._exchange.writes.begin() as writes:
            done = attempt(  # whatever broke, it may be converted
                lambda: self._dialect.convert(self._exchange, offer, currency, self._quote, quantity),
                lambda error: outcome_of(error, self._redact, self._pause(), wrote=writes.may_be_executed),
            )
        if isinstance(done, Refused | Unknown):
            return done
        if not done.get("id"):
            return Unknown("the reply to the conversion names none")
        if done.get("status") == "rejected":
            return Refused(RefusalReason.OTHER, "the venue did not convert it")
        self._conversions[str(done["id"])] = request
        return Done(_converted(done, str(done["id"]), request))

    # --- how it is done ---

    def _no_quote(self, error: Exception) -> Refused:
        """Return what a question for a quote came to that failed: a quote binds nobody, so nothing happened."""
        outcome = outcome_of(error, self._redact, self._pause(), wrote=False)
        reason = outcome.reason if isinstance(outcome, Refused) else RefusalReason.TRY_AGAIN
        return Refused(reason, f"no quote for the conversion: {outcome.message}", outcome.retry_after)

    def _cancelled(self, references: Sequence[OrderReference]) -> list[Outcome]:
        self._ensure_listings()
        if (untimely := self._untimely()) is not None:
            return [untimely] * len(references)
        named = [reference for reference in references if reference.order_id is not None]
        outcomes = iter(self._writer.cancel(named, self._triggers))
        return [_NAMELESS if reference.order_id is None else next(outcomes) for reference in references]

    def _untimely(self) -> Refused | None:
        """Refuse to write where our clock is off by a third of the receive window, and two seconds at least.

        What is signed too early is too old for the venue at once. What is signed too late may still be taken when we
        have waited for its end.
        """
        window = self._dialect.traits.receive_window
        problem: str | None = self._exchange.clock_problem(max(TOLERATED, window / 3))
        return None if problem is None else Refused(RefusalReason.CLOCK_IS_OFF, problem)

    def _read_or_none(self) -> Snapshot | None:
        try:
            return self.read_account()
        except AccountUnreadable:
            return None

    def _with_cost(self, request: OrderRequest) -> OrderRequest:
        """Return what a market buy spends, where the venue wants to know that and not what is bought."""
        market = self._markets.get(request.symbol)
        is_buy = request.type == "market" and request.side == "buy" and not is_derivative(request.symbol)
        if not (self._dialect.traits.buys_by_cost and is_buy) or market is None:
            return request
        price = market.ask or market.last
        return request if not price else replace(request, cost=EXACT.multiply(request.quantity, price))

    def _listed(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:

        def look() -> dict[str, Found]:
            self._ensure_listings()
            orders = self._dialect.list_by_client_id(self._exchange, references)
            return {name: Found(report_of(order)) for name, order in orders.items()}

        reports = attempt(look, self._unknown)
        if isinstance(reports, Unknown):
            return (reports,) * len(references)
        return tuple(reports.get(str(one.client_order_id), NotFound()) for one in references)

    def _unknown(self, error: Exception) -> Unknown:
        """Return what a question came to that failed in any way: nothing is known."""
        outcome = outcome_of(error, self._redact, self._pause(), wrote=False)
        return Unknown(outcome.message, outcome.retry_after)

    def _ask(self, what: str, question: Callable[[], T]) -> T:
        with reading(what, self._redact, self._pause, self._exchange.clock_problem):
            return question()

    def _pause(self) -> float | None:
        pause: float | None = self._exchange.pause
        return pause

    def _listings(self, age: timedelta = MAX_AGE) -> Listings:
        listings = self._ask("the markets", lambda: self._shelf.listings(self._clock(), age))
        listings.lend(self._exchange)
        return listings

    def _ensure_listings(self) -> None:
        """Have listings, however old: nothing that is under way waits for new ones."""
        if not self._exchange.markets:
            self._listings()

    def _kind_of(self, symbol: str) -> MarketType | None:
        """Return the kind of market that a symbol names; None where it is not listed."""
        kind: MarketType | None = (self._exchange.markets.get(symbol) or {}).get("type")
        return kind

    def _market(self, symbol: str) -> Market | None:
        return self._markets.get(symbol)

    def _find_order(self, reference: OrderReference) -> Mapping[str, Any] | None:
        if reference.order_id is not None:
            return self._found_by_id(reference.order_id, reference.symbol)
        if self._dialect.traits.client_order_ids == "C":
            raise BadReply("the venue keeps no client order ids")
        return self._dialect.find_by_client_id(self._exchange, reference)

    def _found_by_id(self, order_id: str, symbol: str) -> Mapping[str, Any] | None:
        """Ask by the venue's id; where it keeps two lists of orders, only both of them together know none."""
        is_trigger = order_id in self._triggers
        find = partial(self._dialect.find, self._exchange, order_id, symbol)
        if self._dialect.finds_triggers:
            return find(is_trigger=is_trigger)
        order = unless_missing(partial(find, is_trigger=is_trigger))
        return find(is_trigger=not is_trigger) if order is None else order

    def _refuse_sudden_emptiness(self, reply: VenueReply) -> None:
        """Take an account that was not empty a moment ago, and all at once is, for a failed question."""
        if self._held_something and not reply.holds_something:
            raise AccountUnreadable("the venue tells of nothing at all in an account that was not empty a moment ago")
        if reply.has_resting_orders and not reply.holds_something:
            raise AccountUnreadable("the venue tells of resting orders, and of nothing that they could hold")
        self._held_something = reply.holds_something

    def _told_of(self, conversion: ConvertRequest, name: str) -> OrderReport:
        """Ask what became of a conversion of ours."""
        currency = conversion.symbol.partition("/")[0]
        done = self._dialect.find_conversion(self._exchange, name, currency, self._quote)
        return _converted(done, name, conversion)

    def _terms(self, position: Position) -> Conversion | None:
        """Ask for a quote; None where there is nothing to compare it with, or none is given that can be taken."""
        quantity = position.quantity - position.locked
        if quantity <= 0 or self._value(position.symbol, quantity) is None:
            return None

        def ask() -> Conversion | None:
            try:
                offer, cost = self._offer(position.symbol, quantity)
                return Conversion(cost, quantity, quantity) if offer.get("id") else None
            except Exception as error:
                reason = reason_in(error)
                if reason is not None and not reason.is_passing:
                    return None
                raise

        return self._ask(f"the conversion of {position.symbol}", ask)

    def _offer(self, symbol: str, quantity: Decimal) -> tuple[Mapping[str, Any], Decimal]:
        """Get a quote and the share of the value that it costs; raises BadReply where that cannot be told."""
        currency = symbol.partition("/")[0]
        offer = self._dialect.quote_conversion(self._exchange, currency, self._quote, plain(quantity))
        gained, value = amount_of(offer.get("toAmount")), self._value(symbol, quantity)
        if gained is None or value is None:
            raise BadReply("the quote cannot be compared with a price")
        cost = EXACT.subtract(Decimal(1), EXACT.divide(gained, value))
        return offer, max(cost.quantize(_MICRO, ROUND_CEILING), ZERO)

    def _value(self, symbol: str, quantity: Decimal) -> Decimal | None:
        """Return what a quantity is worth in the account's quote currency; None where that is not known."""
        market, currency = self._market(symbol), quote_of(symbol)
        mark = None if market is None else market.mark()[0]
        rate = Decimal(1) if currency == self._quote else self._rates.get(currency or "")
        if mark is None or rate is None or mark <= 0 or rate <= 0 or quantity <= 0:
            return None
        return EXACT.multiply(EXACT.multiply(quantity, mark), rate)


def _may_lack_a_market(error: AccountUnreadable) -> bool:
    """Check whether an account may be unreadable only because it trades in a market newer than the listings.

    Over a market that it does not know ccxt breaks in many ways, but none is an error of the venue.
    """
    from ccxt.base.errors import BadSymbol, BaseError  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    cause = error.__context__
    return cause is not None and (isinstance(cause, BadSymbol) or not isinstance(cause, BaseError))


def _declined(offer: Mapping[str, Any], cost: Decimal, request: ConvertRequest) -> Refused | None:
    """Refuse a quote that cannot be taken, as where the balance has become too small for it, or that is too dear."""
    if not offer.get("id"):
        return Refused(RefusalReason.OTHER, "the quote for the conversion has no id, so it cannot be taken")
    if request.max_cost_pct is not None and cost > request.max_cost_pct:
        return Refused(RefusalReason.OTHER, f"converting would cost {plain(cost)} of its value by now")
    return None


def _is_ours(reference: OrderReference) -> bool:
    return reference.order_id is None and reference.client_order_id is not None and reference.since is not None


def _converted(done: Mapping[str, Any], name: str, request: ConvertRequest) -> OrderReport:
    """Report a conversion that was taken; it has filled what the venue says that it finished, else nothing."""
    statuses: dict[str, OrderStatus] = {"closed": "closed", "rejected": "rejected"}
    status = statuses.get(str(done.get("status")), "open")
    return OrderReport(
        order_id=name,
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side="sell",
        type="convert",
        status=status,
        quantity=request.quantity,
        filled=request.quantity if status == "closed" else ZERO,
    )
