"""Prices that move: a geometric random walk with jumps, and falls at a cycle that is named. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Protocol

from exitplan.brokers.paper.engine import Prices
from exitplan.ruleset.language.policy import CASH_KEPT
from exitplan.ruleset.model.snapshot import Market, PriceStatus, Snapshot
from exitplan.ruleset.model.values import ZERO, base_of, quote_of
from exitplan.workbench.simulation.chance import DIGITS, Chance

Quote = Decimal | PriceStatus
"""The price of a market, or why there is none."""

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND
_DIGITS_OF_A_PRICE = 10
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Timing:
    """When plans are made, one ``every`` so long, and how long after each its orders are sent."""

    cycles: int
    every: timedelta
    delay: timedelta = timedelta(0)

    @property
    def moments(self) -> tuple[timedelta, ...]:
        """The moments at which prices are asked for, from the start: of each cycle its plan, then its orders."""
        plans = [number * self.every for number in range(self.cycles)]
        return tuple(moment for plan in plans for moment in (plan, plan + self.delay))


class Paths(Protocol):
    """Prices of markets over time, along several paths."""

    @property
    def count(self) -> int:
        """How many paths there are."""
        ...

    def path(self, number: int, timing: Timing) -> Iterator[Mapping[str, Quote]]:
        """Return, for each moment of the timing, the quotes that are known then; what is not named stays as it was."""
        ...


@dataclass(frozen=True, slots=True)
class Shock:
    """A fall, or a rise, of an asset from one cycle on, beside all else: -0.3 is 30 % less. Cycles count from 1."""

    asset: str
    share: Decimal
    cycle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How prices move by chance.

    ``volatility`` is the standard deviation of a day's log return, by asset where ``volatilities`` names one; money
    (USD, USDT ...) stands still unless it is named. ``drift`` is the expected return of a day. ``correlation`` is that
    of the log returns of any two assets. ``jumps`` come so often a day, and change a price by ``jump_share``: -0.2 is
    20 % less. They come for each asset on its own.
    """

    volatility: Decimal
    volatilities: Mapping[str, Decimal] = field(default_factory=dict)
    drift: Decimal = ZERO
    correlation: Decimal = ZERO
    jumps: Decimal = ZERO
    jump_share: Decimal = ZERO

    def of(self, asset: str) -> Decimal:
        """Return the volatility of an asset."""
        return self.volatilities.get(asset, ZERO if asset in CASH_KEPT else self.volatility)

    def moves(self, asset: str) -> bool:
        """Check whether the price of an asset moves by chance."""
        return asset in self.volatilities or asset not in CASH_KEPT


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """Paths of a geometric Brownian motion with jumps, after Merton (1976), from the marks of a snapshot on.

    All markets of one asset move together; a market that is quoted in another asset moves as the ratio of the two.
    The same seed gives the same paths, whatever the policy and on every machine.
    """

    start: Snapshot
    walk: Walk
    seed: int
    count: int
    shocks: Sequence[Shock] = ()

    def path(self, number: int, timing: Timing) -> Iterator[Mapping[str, Quote]]:
        """Walk along one path, counted from 0."""
        chance, before = Chance(self.seed, number), timedelta(0)
        priced = {symbol: mark for symbol, market in self.start.markets.items() if (mark := mark_of(market))}
        assets = sorted({asset for symbol in priced for asset in (base_of(symbol), quote_of(symbol) or "")})
        factors = dict.fromkeys(assets, _ONE)
        for index, moment in enumerate(timing.moments):
            with localcontext(DIGITS):
                days = Decimal((moment - before) // _MICROSECOND) / _DAY
                self._move(factors, chance, index, days)
                self._shake(factors, index)
                quotes = {
                    symbol: mark * factors[base_of(symbol)] / factors[quote_of(symbol) or ""]
                    for symbol, mark in priced.items()
                }
            before = moment
            yield {
                symbol: on_grid(price, self.start.markets[symbol]) if price != priced[symbol] else price
                for symbol, price in quotes.items()
            }

    def _move(self, factors: dict[str, Decimal], chance: Chance, index: int, days: Decimal) -> None:
        if not days:
            return
        walk = self.walk
        shared = chance.normal(index, "market") if walk.correlation else ZERO
        for asset in factors:
            if not walk.moves(asset):
                continue
            own = chance.normal(index, asset)
            drawn = walk.correlation.sqrt() * shared + (1 - walk.correlation).sqrt() * own
            sigma = walk.of(asset)
            change = (walk.drift - sigma * sigma / 2) * days + sigma * days.sqrt() * drawn
            factors[asset] *= change.exp()
            if walk.jumps and chance.uniform(index, asset, "jump") < 1 - (-walk.jumps * days).exp():
                factors[asset] *= 1 + walk.jump_share

    def _shake(self, factors: dict[str, Decimal], index: int) -> None:
        for shock in self.shocks:
            if index == 2 * (shock.cycle - 1) and shock.asset in factors:
                factors[shock.asset] *= 1 + shock.share


def mark_of(market: Market) -> Decimal | None:
    """Return the price that a market is valued by; None where it has none."""
    return None if market.price_status not in {None, "ok"} else market.mark()[0]


def on_grid(price: Decimal, market: Market) -> Decimal:
    """Round a price to the market's grid, never to nothing; where it has none, to ten digits."""
    with localcontext(DIGITS):
        if market.price_step:
            steps = (price / market.price_step).to_integral_value(ROUND_HALF_EVEN)
            return max(steps, _ONE) * market.price_step
        return price.quantize(_ONE.scaleb(price.adjusted() - _DIGITS_OF_A_PRICE + 1), ROUND_HALF_EVEN)


def prices_at(start: Market, quote: Quote) -> Prices:
    """Return the prices of a market at a quote: bid and ask keep the distance, in proportion, of the start."""
    if not isinstance(quote, Decimal):
        return Prices(price_status=quote)
    mark = mark_of(start)
    if mark is None:
        return Prices(last=quote)
    last = None if start.last is None else quote
    return Prices(bid=_scaled(start.bid, quote, mark, start), ask=_scaled(start.ask, quote, mark, start), last=last)


def _scaled(price: Decimal | None, now: Decimal, then: Decimal, market: Market) -> Decimal | None:
    if not price or price < 0 or now == then:
        return price
    with localcontext(DIGITS):
        return on_grid(price * now / then, market)
