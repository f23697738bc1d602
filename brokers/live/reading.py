"""Read a live account into a snapshot: everything that can be asked at the same time is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from msgspec import structs

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.dialect import AT_ONCE, Dialect, Exchange, MarketType, Order, side_by_side
from exitplan.brokers.live.fees import FeeShelf
from exitplan.brokers.live.listings import Listings
from exitplan.brokers.live.parsing import (
    BadReply,
    Ticker,
    VenueBalance,
    amount_of,
    open_order_of,
    position_of,
)
from exitplan.brokers.live.prices import TickerReply
from exitplan.brokers.live.rates import find_rate, rate_symbols
from exitplan.brokers.live.sharing import SharedPrices, manner
from exitplan.brokers.protocol import Clock
from exitplan.ruleset.language.policy import CASH_KEPT
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position, Snapshot
from exitplan.ruleset.model.values import ZERO, is_derivative, quote_of

_MAX_GAPS = 5
"""Markets that may be missing among all tickers; more, and the answer is not believed."""
_SILENT = Ticker()


@dataclass(frozen=True)
class VenueReply:
    """What a venue told of an account, as it told it."""

    balances: Mapping[MarketType, Sequence[VenueBalance]]
    orders: Sequence[tuple[MarketType, Order]]
    positions: Sequence[Mapping[str, Any]]
    prices: TickerReply | None

    @property
    def holds_something(self) -> bool:
        """Whether there is anything in any wallet; orders alone are none, they would hold a balance."""
        return any(balance.total or balance.debt for wallet in self.balances.values() for balance in wallet) or any(
            amount_of(entry.get("contracts")) for entry in self.positions
        )

    @property
    def has_resting_orders(self) -> bool:
        """Whether orders rest that hold a balance; of those that wait for a trigger some venues hold none."""
        return any(
            kind == "spot" and not order.get("triggerPrice") and not order.get("holdsNothing")
            for kind, order in self.orders
        )

    @cached_property
    def spot(self) -> dict[str, VenueBalance]:
        """The balances that can be traded on the spot market, and all that is owed, by currency.

        What is in a wallet for derivatives cannot be sold on the spot market, so only its debts are here.
        """
        balances: dict[str, VenueBalance] = {}
        for kind, wallet in self.balances.items():
            for balance in wallet:
                name, known = balance.currency, balances.get(balance.currency)
                counted = balance if kind == "spot" else VenueBalance(name, ZERO, ZERO, debt=balance.debt)
                balances[name] = counted if known is None else known.plus(counted)
        return {name: balance for name, balance in balances.items() if balance.total or balance.debt}

    @property
    def held(self) -> dict[str, VenueBalance]:
        """Every balance by currency; what is in a wallet for derivatives is held and cannot be sold."""
        balances = dict(self.spot)
        for name, collateral in self.collateral.items():
            known = balances.get(name, VenueBalance(name, ZERO, ZERO))
            balances[name] = replace(known, staked=known.staked + collateral.total)
        return balances

    @property
    def collateral(self) -> dict[str, VenueBalance]:
        """What is held in wallets for derivatives, by currency; its debts are not here."""
        balances: dict[str, VenueBalance] = {}
        for kind, wallet in self.balances.items():
            for balance in wallet if kind != "spot" else ():
                name, empty = balance.currency, VenueBalance(balance.currency, ZERO, ZERO)
                balances[name] = balances.get(name, empty).plus(replace(balance, debt=ZERO))
        return {name: balance for name, balance in balances.items() if balance.total}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one account; ``ask`` wraps every question, so that what goes wrong is told as an error of ours.

    ``keep`` are the currencies that are money and not positions, first those to sell into. ``shared`` are the prices
    that other accounts of the place have asked for.
    """

    dialect: Dialect
    exchange: Exchange
    account: str
    quote: str
    market_types: tuple[MarketType, ...]
    ask: Callable[[str, Callable[[], Any]], Any]
    clock: Clock
    shared: SharedPrices
    keep: tuple[str, ...] = CASH_KEPT
    fees: FeeShelf | None = None

    def tell(self) -> VenueReply:
        """Ask for balances, orders, positions and, where one question gives them all, prices."""
        wallets = self.market_types
        if self.dialect.traits.unified_wallet:  # what it holds besides cash belongs to the spot market
            wallets = ("spot",) if "spot" in wallets else wallets[:1]
        derivatives = [kind for kind in self.market_types if kind != "spot"]
        tasks: list[Callable[[], Any]] = [self._question("the balances", "read_balances", kind) for kind in wallets]
        tasks += [self._question("the open orders", "read_open_orders", kind) for kind in self.market_types]
        tasks += [self._question("the positions", "read_positions", kind) for kind in derivatives]
        if self.dialect.reads_all_tickers(self.exchange):
            tasks.append(self._all_or_shared_prices)
        if self.fees is not None and self.dialect.traits.tells_fees:
            tasks.append(self.fees.fill)  # last, as no other answer stands behind it
        answers = iter(side_by_side(tasks, most=1 if manner().in_turn else AT_ONCE))
        balances = self.dialect.distinct_wallets({kind: next(answers) for kind in wallets})
        orders = _once([(kind, next(answers)) for kind in self.market_types])
        positions = [entry for _ in derivatives for entry in next(answers)]
        prices = next(answers) if self.dialect.reads_all_tickers(self.exchange) else None
        return VenueReply(balances, orders, positions, prices)

    def _all_or_shared_prices(self) -> TickerReply:
        age = manner().prices_for
        return self.shared.read(self.all_prices, self.clock, age) if age else self.all_prices()

    def all_prices(self) -> TickerReply:
        """Read the prices of all markets; where the question fails, no price is known."""
        questions = [partial(self.dialect.read_tickers, self.exchange, kind) for kind in self.market_types]
        answers = attempt(lambda: side_by_side(questions), lambda _: None)
        if answers is None:  # whatever broke: prices that could not be read defer their positions
            return TickerReply({}, failed=True)
        if len(answers) == 1:
            return TickerReply(answers[0])
        return TickerReply({symbol: ticker for answer in answers for symbol, ticker in answer.items()})

    def prices_of(self, symbols: Iterable[str]) -> TickerReply:
        """Read the prices of some markets, one by one."""
        wanted = sorted(set(symbols))
        answers = side_by_side([partial(self._ticker, symbol) for symbol in wanted], most=self.dialect.at_once)
        tickers = {symbol: ticker for symbol, ticker in zip(wanted, answers, strict=True) if ticker is not None}
        return TickerReply(tickers, unanswered=frozenset(wanted) - tickers.keys())

    def _ticker(self, symbol: str) -> Ticker | None:
        """Ask for the prices of one market; None where the question failed, or the answer says nothing."""
        import ccxt  # noqa: PLC0415 - loaded only where a live venue is used

        def failed(error: Exception) -> Ticker | None:
            return Ticker(ZERO, ZERO, ZERO) if isinstance(error, ccxt.BadSymbol) else None

        ticker = attempt(lambda: self.dialect.read_ticker(self.exchange, symbol), failed)
        return None if ticker is None or ticker.is_silent else ticker

    def _question(self, what: str, name: str, kind: MarketType) -> Callable[[], Any]:
        question = getattr(self.dialect, name)
        return lambda: self.ask(what, lambda: question(self.exchange, kind))

    def snapshot(self, reply: VenueReply, listings: Listings, taken_at: datetime) -> Snapshot:
        """Put together what was told; prices that are still missing are asked for here.

        It is as old as the prices, where those were asked for before.
        """
        if reply.prices is not None and reply.prices.asked_at is not None:
            taken_at = min(taken_at, reply.prices.asked_at)
        traded, held = reply.spot, reply.held
        money = {name for name in held if self._is_money(name, listings, is_traded=name in traded)} - {self.quote}
        balances = {name: balance for name, balance in held.items() if name not in {*money, self.quote}}
        known = None if reply.prices is None or reply.prices.failed else reply.prices.tickers
        spot = [self._position(balances[name], self._symbol_for(name, listings, known)) for name in sorted(balances)]
        positions = [*spot, *_derivatives(reply, listings)]
        orders = [self._order(order, positions) for _, order in reply.orders]
        symbols = {position.symbol for position in positions} | {order.symbol for order in orders}
        currencies = {quote_of(symbol) or self.quote for symbol in symbols} | money
        listed = {symbol for symbol in symbols | self._exchanges_of(money) if symbol in listings.markets}
        bridges = {symbol for currency in currencies for symbol in self._bridges(currency, listings)}
        prices = self._complete(reply.prices, listed, bridges)
        return Snapshot(
            account=self.account,
            venue=self.dialect.traits.venue or str(self.exchange.id),
            quote=self.quote,
            taken_at=taken_at,
            cash=self._cash(self.quote, reply, is_free=True),
            positions=tuple(positions),
            open_orders=tuple(orders),
            markets={symbol: self._market(symbol, listings, prices) for symbol in sorted(listed)},
            rates=self._rates(currencies, prices),
            other_cash={currency: self._cash(currency, reply, is_free=False) for currency in sorted(money)},
            unread=self.dialect.unread(self.exchange, self.market_types),
        )

    def is_unlisted(self, reply: VenueReply, listings: Listings) -> bool:
        """Check whether something is held, or rests, that no market which is listed trades."""
        held = reply.spot.keys() - {self.quote}
        symbols = {entry.get("symbol") for entry in [*reply.positions, *(order for _, order in reply.orders)]}
        return not (held <= listings.by_base.keys() | listings.quotes and symbols <= listings.markets.keys())

    def _order(self, order: Order, positions: Iterable[Position]) -> OpenOrder:
        """Read a resting order; one of a derivative with nothing to fill closes all that is held on its side."""
        resting = open_order_of(self.dialect.correct_order(self.exchange, order))
        if resting.remaining != 0 or not is_derivative(resting.symbol):
            return resting
        closes = resting.position_side or ("long" if resting.side == "sell" else "short")
        held = (one.quantity for one in positions if (one.symbol, one.side) == (resting.symbol, closes))
        return structs.replace(resting, quantity=resting.filled + next(held, ZERO), reduce_only=True)

    def _is_money(self, currency: str, listings: Listings, *, is_traded: bool) -> bool:
        """Check whether a currency is money: one that is kept, or that things are only ever paid with.

        So is what is held as collateral alone, where no market is listed in which it could be a position.
        """
        if currency in self.keep:
            return True
        return currency not in listings.by_base and (currency in listings.quotes or not is_traded)

    def _cash(self, currency: str, reply: VenueReply, *, is_free: bool) -> Cash:
        """Add up money; where it is not our own quote, what is in a wallet for derivatives cannot be sold."""
        empty = VenueBalance(currency, ZERO, ZERO)
        spot, elsewhere = reply.spot.get(currency, empty), reply.collateral.get(currency, empty)
        free = elsewhere.free if is_free else ZERO
        return Cash(free=spot.free + free, locked=spot.locked + spot.staked + elsewhere.total - free, debt=spot.debt)

    def _position(self, balance: VenueBalance, symbol: str) -> Position:
        locked = balance.locked + balance.staked
        return Position(symbol=symbol, side="long", quantity=balance.total, locked=locked, debt=balance.debt)

    def _symbol_for(self, currency: str, listings: Listings, tickers: Mapping[str, Ticker] | None) -> str:
        """Find the market to sell a currency in; the name it would have where there is none.

        The one in our own quote is taken also while it is suspended: what is held does not change with the market. Of
        the others, those are better that trade and can be turned into our quote, at a rate that is known.
        """
        own = f"{currency}/{self.quote}"
        markets = listings.by_base.get(currency, [])
        if not markets or any(market["symbol"] == own for market in markets):
            return own

        def fitness(market: Mapping[str, Any]) -> tuple[bool, bool, bool, int, str]:
            quote = str(market["quote"])
            is_cut_off = not self._bridges(quote, listings)
            has_no_rate = tickers is not None and find_rate(quote, self.quote, tickers, self.keep) is None
            rank = self.keep.index(quote) if quote in self.keep else len(self.keep)
            return is_cut_off, not _trades(market), has_no_rate, rank, str(market["symbol"])

        return str(min(markets, key=fitness)["symbol"])

    def _complete(self, prices: TickerReply | None, listed: set[str], bridges: set[str]) -> TickerReply:
        """Ask singly for what no answer was about: a market has a price, or the venue says that it has none."""
        if prices is None:
            return self.prices_of(listed | bridges)
        if prices.failed:
            return prices
        gaps = frozenset(symbol for symbol in listed if prices.tickers.get(symbol, _SILENT).is_silent)
        if not gaps:
            return prices
        if len(gaps) > _MAX_GAPS:
            return replace(prices, unanswered=gaps)
        more = self.prices_of(gaps)
        return TickerReply({**prices.tickers, **more.tickers}, unanswered=more.unanswered)

    def _market(self, symbol: str, listings: Listings, prices: TickerReply) -> Market:
        ticker, fee = prices.tickers.get(symbol) or _SILENT, self.dialect.taker_fee(self.exchange, symbol)
        return structs.replace(
            listings.listing(symbol, self.dialect),
            bid=ticker.bid,
            ask=ticker.ask,
            last=ticker.last,
            price_status=None if prices.is_known(symbol) else "unavailable",
            taker_fee=None if fee is None else fee.rate,
            fee_is_listed=fee is not None and fee.is_listed,
        )

    def _exchanges_of(self, money: Iterable[str]) -> set[str]:
        """Name the markets in which other money could be turned into our quote, whichever way they are listed."""
        return {symbol for currency in money for symbol in (f"{currency}/{self.quote}", f"{self.quote}/{currency}")}

    def _bridges(self, currency: str, listings: Listings) -> list[str]:
        """Name the markets that tell what a currency is worth in ours; none where nothing leads to it."""
        return rate_symbols(currency, self.quote, listings.markets.keys(), self.keep)

    def _rates(self, currencies: Iterable[str], prices: TickerReply) -> dict[str, Decimal]:
        others = sorted(set(currencies) - {self.quote})
        rates = {currency: find_rate(currency, self.quote, prices.tickers, self.keep) for currency in others}
        return {currency: rate for currency, rate in rates.items() if rate is not None}


def _once(orders: Iterable[tuple[MarketType, Sequence[Order]]]) -> list[tuple[MarketType, Order]]:
    """Leave out orders that were told for another kind of market already."""
    told: list[tuple[MarketType, Order]] = []
    for kind, entries in orders:
        known = {(order.get("symbol"), order.get("id")) for _, order in told}
        told += [(kind, order) for order in entries if (order.get("symbol"), order.get("id")) not in known]
    return told


def _trades(market: Mapping[str, Any]) -> bool:
    return market.get("active") is not False


def _derivatives(reply: VenueReply, listings: Listings) -> list[Position]:
    positions: dict[str, Position] = {}
    for entry in reply.positions:
        position = position_of(entry, listings.markets.get(str(entry.get("symbol")), {}))
        if position is None:
            continue
        if not is_derivative(position.symbol):
            raise BadReply(f"a position of {position.symbol}, which is no derivative")
        if position.key in positions:
            raise BadReply(
                f"two positions of {position.key}: isolated and cross ones beside each other can't be told apart"
            )
        positions[position.key] = position
    return list(positions.values())
