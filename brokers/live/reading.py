"""Read a live account into a snapshot: everything that can be asked at the same time is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal
from functools import partial
from typing import Any

from exitplan.brokers.live.dialect import Dialect, Exchange, MarketType, Order, side_by_side
from exitplan.brokers.live.listings import Listings
from exitplan.brokers.live.parsing import BadReply, Balance, Ticker, amount_of, market_of, open_order_of, position_of
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Snapshot
from exitplan.ruleset.model.values import ZERO, is_derivative, quote_of

_BRIDGES = ("USD", "USDT", "USDC", "EUR", "BTC", "ETH")
"""Quote currencies in the order in which a market is looked for, and over which one is changed into another."""
_MAX_GAPS = 5
"""Active markets that may be missing among all tickers; more, and the answer is not believed."""
_RATE = Context(prec=28)


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices that a venue told; a symbol in ``unanswered``, or any where ``failed``, could not be asked for."""

    tickers: Mapping[str, Ticker]
    failed: bool = False
    unanswered: frozenset[str] = frozenset()

    def is_known(self, symbol: str) -> bool:
        """Tell whether the question for a symbol's price was answered, be it by no price."""
        return not self.failed and symbol not in self.unanswered


@dataclass(frozen=True, slots=True)
class VenueReply:
    """What a venue told of an account, as it told it."""

    balances: Mapping[MarketType, Sequence[Balance]]
    orders: Sequence[tuple[MarketType, Order]]
    positions: Sequence[Mapping[str, Any]]
    prices: Prices | None

    @property
    def holds_something(self) -> bool:
        """Tell whether there is anything in any wallet; orders alone are none, they would hold a balance."""
        return any(found.total for wallet in self.balances.values() for found in wallet) or any(
            amount_of(entry.get("contracts")) for entry in self.positions
        )

    @property
    def has_resting_orders(self) -> bool:
        """Tell whether orders rest that hold a balance; of those that wait for a trigger some venues hold none."""
        return any(kind == "spot" and not order.get("triggerPrice") for kind, order in self.orders)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one account; ``ask`` wraps every question, so that what goes wrong is told as an error of ours."""

    dialect: Dialect
    exchange: Exchange
    account: str
    quote: str
    market_types: tuple[MarketType, ...]
    ask: Callable[[str, Callable[[], Any]], Any]

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
            tasks.append(self.all_prices)
        answers = iter(side_by_side(tasks))
        balances = {kind: next(answers) for kind in wallets}
        orders = [(kind, order) for kind in self.market_types for order in next(answers)]
        positions = [entry for _ in derivatives for entry in next(answers)]
        return VenueReply(balances, orders, positions, next(answers, None))

    def all_prices(self) -> Prices:
        """Read the prices of all markets; where the question fails, no price is known."""
        try:
            answers = side_by_side(
                [partial(self.dialect.read_tickers, self.exchange, kind) for kind in self.market_types]
            )
        except Exception:  # noqa: BLE001 - whatever broke: prices that could not be read defer their positions
            return Prices({}, failed=True)
        return Prices({symbol: ticker for answer in answers for symbol, ticker in answer.items()})

    def prices_of(self, symbols: Iterable[str]) -> Prices:
        """Read the prices of some markets, one by one."""
        wanted = sorted(set(symbols))
        answers = side_by_side([partial(self._ticker, symbol) for symbol in wanted], most=self.dialect.at_once)
        unanswered = frozenset(symbol for symbol, found in zip(wanted, answers, strict=True) if found is None)
        tickers = {symbol: found for symbol, found in zip(wanted, answers, strict=True) if found is not None}
        return Prices(tickers, unanswered=unanswered)

    def _ticker(self, symbol: str) -> Ticker | None:
        import ccxt  # noqa: PLC0415 - loaded only where a live venue is used

        try:
            return self.dialect.read_ticker(self.exchange, symbol)
        except ccxt.BadSymbol:
            return Ticker()
        except Exception:  # noqa: BLE001 - as above
            return None

    def _question(self, what: str, name: str, kind: MarketType) -> Callable[[], Any]:
        question = getattr(self.dialect, name)
        return lambda: self.ask(what, lambda: question(self.exchange, kind))

    def snapshot(self, told: VenueReply, listings: Listings, taken_at: datetime) -> Snapshot:
        """Put together what was told; prices that are still missing are asked for here."""
        positions = [*self._spot_positions(told, listings), *_derivatives(told, listings)]
        orders = [open_order_of(order) for _, order in told.orders]
        symbols = {position.symbol for position in positions} | {order.symbol for order in orders}
        listed = {symbol for symbol in symbols if symbol in listings.markets}
        bridges = {symbol for found in symbols for symbol in self._bridges(quote_of(found), listings)}
        prices = self._complete(told.prices, listed, bridges, listings)
        return Snapshot(
            account=self.account,
            venue=self.dialect.traits.venue or str(self.exchange.id),
            quote=self.quote,
            taken_at=taken_at,
            cash=self._cash(told),
            positions=tuple(positions),
            open_orders=tuple(orders),
            markets={symbol: self._market(listings.markets[symbol], prices) for symbol in sorted(listed)},
            rates=self._rates(symbols, prices),
        )

    def is_unlisted(self, told: VenueReply, listings: Listings) -> bool:
        """Tell whether something is held, or rests, that no market which is listed trades."""
        held = {found.currency for found in told.balances.get("spot", ()) if found.total} - {self.quote}
        symbols = {entry.get("symbol") for entry in [*told.positions, *(order for _, order in told.orders)]}
        return not (held <= listings.by_base.keys() and symbols <= listings.markets.keys())

    def _cash(self, told: VenueReply) -> Cash:
        own = [found for wallet in told.balances.values() for found in wallet if found.currency == self.quote]
        free = sum((found.free for found in own), ZERO)
        return Cash(free, sum((found.locked + found.staked for found in own), ZERO))

    def _spot_positions(self, told: VenueReply, listings: Listings) -> list[Position]:
        held = [found for found in told.balances.get("spot", ()) if found.total and found.currency != self.quote]
        return [
            Position(
                symbol=self._symbol_for(found.currency, listings),
                side="long",
                quantity=found.total,
                locked=found.locked + found.staked,
            )
            for found in sorted(held, key=lambda balance: balance.currency)
        ]

    def _symbol_for(self, currency: str, listings: Listings) -> str:
        """Find the market to sell a currency in: against our own quote, else another; else the name it would have."""
        markets = listings.by_base.get(currency, [])

        def fitness(market: Mapping[str, Any]) -> tuple[bool, bool, int, str]:
            quote = market["quote"]
            rank = _BRIDGES.index(quote) if quote in _BRIDGES else len(_BRIDGES)
            return market.get("active") is False, quote != self.quote, rank, str(market["symbol"])

        return str(min(markets, key=fitness)["symbol"]) if markets else f"{currency}/{self.quote}"

    def _complete(self, told: Prices | None, listed: set[str], bridges: set[str], listings: Listings) -> Prices:
        """Ask singly for what no answer was about: a market that trades has a price, or says that it has none."""
        if told is None:
            return self.prices_of(listed | bridges)
        if told.failed:
            return told
        gaps = [symbol for symbol in listed if symbol not in told.tickers and _trades(listings.markets[symbol])]
        if not gaps:
            return told
        if len(gaps) > _MAX_GAPS:
            return replace(told, unanswered=frozenset(gaps))
        more = self.prices_of(gaps)
        return Prices({**told.tickers, **more.tickers}, unanswered=more.unanswered)

    def _market(self, market: Mapping[str, Any], prices: Prices) -> Market:
        symbol = str(market["symbol"])
        listing = market_of(market, self.exchange.precisionMode, prices.tickers.get(symbol))
        listing = self.dialect.correct_market(listing, market)
        return listing if prices.is_known(symbol) else replace(listing, price_status="unavailable")

    def _bridges(self, currency: str | None, listings: Listings) -> list[str]:
        """Name the markets that may tell what a currency is worth in ours."""
        if currency is None or currency == self.quote:
            return []
        pairs = [f"{currency}/{self.quote}", f"{self.quote}/{currency}"]
        return [symbol for symbol in pairs if symbol in listings.markets]

    def _rates(self, symbols: Iterable[str], prices: Prices) -> dict[str, Decimal]:
        currencies = sorted(
            {currency for symbol in symbols if (currency := quote_of(symbol)) not in {None, self.quote}}
        )
        rates = {currency: find_rate(currency, self.quote, prices.tickers) for currency in currencies}
        return {currency: rate for currency, rate in rates.items() if rate is not None}


def find_rate(currency: str, quote: str, tickers: Mapping[str, Ticker]) -> Decimal | None:
    """Find how much of ``quote`` one unit of a currency is, directly or over one other currency, to 28 digits."""
    direct = _direct_rate(currency, quote, tickers)
    if direct is not None:
        return direct
    for bridge in _BRIDGES:
        first, second = _direct_rate(currency, bridge, tickers), _direct_rate(bridge, quote, tickers)
        if first is not None and second is not None:
            return _RATE.multiply(first, second)
    return None


def _direct_rate(currency: str, quote: str, tickers: Mapping[str, Ticker]) -> Decimal | None:
    price = _mark(tickers.get(f"{currency}/{quote}"))
    if price is not None:
        return price
    inverse = _mark(tickers.get(f"{quote}/{currency}"))
    return None if inverse is None else _RATE.divide(Decimal(1), inverse)


def _mark(ticker: Ticker | None) -> Decimal | None:
    if ticker is None:
        return None
    if ticker.last is not None:
        return ticker.last if ticker.last > 0 else None
    if ticker.bid is None or ticker.ask is None or ticker.bid <= 0 or ticker.ask <= 0:
        return None
    return _RATE.divide(ticker.bid + ticker.ask, Decimal(2))


def _trades(market: Mapping[str, Any]) -> bool:
    return market.get("active") is not False


def _derivatives(told: VenueReply, listings: Listings) -> list[Position]:
    found: dict[str, Position] = {}
    for entry in told.positions:
        position = position_of(entry, listings.markets.get(str(entry.get("symbol")), {}))
        if position is None:
            continue
        if not is_derivative(position.symbol):
            raise BadReply(f"a position of {position.symbol}, which is no derivative")
        if position.key in found:
            raise BadReply(
                f"two positions of {position.key}: isolated and cross ones beside each other can't be told apart"
            )
        found[position.key] = position
    return list(found.values())
