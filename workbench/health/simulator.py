"""Accounts by chance, for what recordings seldom hold: markets that are delisted and exits that fail.

What a model learns from them is what is assumed here, and no more; docs/health.md says so. The same seed gives the same
accounts on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from exitplan.ruleset.model.market_data import VOLATILITY_DAYS, MarketData
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Snapshot
from exitplan.ruleset.model.values import ONE, ZERO
from exitplan.workbench.health.recordings import ExitTried, Series
from exitplan.workbench.simulation.chance import DIGITS, Chance

START = datetime(2020, 1, 1, tzinfo=UTC)
DAYS, MARKETS = 250, 8
ASSUMED = (
    f"Each account holds {MARKETS} markets over {DAYS} days. A market's daily volatility is log-normal around 5 %, and "
    "its steps are normal, one day in ten 2.5 times as large. On any day it begins to decline with a chance of 0.2 % x "
    "volatility / 5 %; then it loses 3 % a day, its spread widens from 0.2 % by a half every day and its volume "
    "shrinks by a quarter, until after 5 to 15 days it is no longer listed. An exit is tried with a chance of 5 % a "
    "day, and fails with 2 %, and with 40 % more in a decline."
)
"""What is assumed, in words; it goes into the description of a model's data."""

_SPREAD, _TYPICAL = Decimal("0.002"), Decimal("0.05")
_DECLINES, _DRIFT = Decimal("0.002"), Decimal("-0.03")
_TRIES, _FAILS, _FAILS_MORE = Decimal("0.05"), Decimal("0.02"), Decimal("0.4")
_JUMP_DAYS, _JUMP = Decimal("0.1"), Decimal("2.5")
_WIDER, _THINNER, _WIDEST = Decimal("1.5"), Decimal("0.75"), Decimal("0.4")
_SHORTEST, _LONGEST = 5, 15
_VALUE = Decimal(500)


def simulated_accounts(count: int, seed: int) -> Iterator[Series]:
    """Simulate accounts, each with markets of its own."""
    for number in range(count):
        with localcontext(DIGITS):
            yield _account(number, Chance(seed, number))


@dataclass
class _Coin:
    """One market of an account, from day to day."""

    name: str
    chance: Chance
    volatility: Decimal
    quantity: Decimal
    price: Decimal = Decimal(1)
    volume: Decimal = ZERO
    declines_since: int | None = None
    ends_on: int | None = None
    squares: tuple[Decimal, ...] = ()

    @property
    def symbol(self) -> str:
        return f"{self.name}/USD"

    def step(self, day: int) -> None:
        """Move the price by a day, and begin a decline where chance wills it."""
        draw = self.chance.uniform
        odds = _DECLINES * self.volatility / _TYPICAL
        if day >= 0 and self.declines_since is None and draw(self.name, day, "decline") < odds:
            self.declines_since = day
            self.ends_on = day + _SHORTEST + int(draw(self.name, "end") * (_LONGEST - _SHORTEST + 1))
        size = _JUMP if draw(self.name, day, "jump") < _JUMP_DAYS else ONE
        change = self.chance.normal(self.name, day) * self.volatility * size
        if self.declines_since is not None:
            change += _DRIFT
        self.price *= change.exp()
        self.squares = (*self.squares, change * change)[-VOLATILITY_DAYS:]

    def is_listed(self, day: int) -> bool:
        return self.ends_on is None or day < self.ends_on

    def declined(self, day: int) -> int:
        """Return for how many days it has been declining."""
        return 0 if self.declines_since is None else day - self.declines_since

    def market(self, day: int) -> Market:
        """Return the market as a venue lists it that day."""
        half = min(_SPREAD * _WIDER ** self.declined(day), _WIDEST) / 2
        price = self.price.quantize(Decimal("1E-12"))
        volatility = (sum(self.squares, ZERO) / len(self.squares)).sqrt().quantize(Decimal("0.000001"))
        volume = (self.volume * _THINNER ** self.declined(day)).quantize(Decimal("0.0001"))
        return Market(
            bid=(price * (ONE - half)).quantize(Decimal("1E-12")),
            ask=(price * (ONE + half)).quantize(Decimal("1E-12")),
            last=price,
            data=MarketData(volatility, VOLATILITY_DAYS, volume_1d=volume),
        )

    def exit_tried(self, day: int, at: datetime) -> ExitTried | None:
        """Try an exit by chance; nothing comes of it but that it may fail."""
        if not self.is_listed(day) or self.chance.uniform(self.name, day, "try") >= _TRIES:
            return None
        fails = _FAILS + (_FAILS_MORE if self.declined(day) else ZERO)
        return ExitTried(self.symbol, at, failed=self.chance.uniform(self.name, day, "fail") < fails)


def _account(number: int, chance: Chance) -> Series:
    coins = [_coin(f"SIM{number:03d}X{market}", chance) for market in range(MARKETS)]
    snapshots, exits = [], []
    for day in range(-VOLATILITY_DAYS, DAYS):
        for coin in coins:
            coin.step(day)
        if day < 0:
            continue
        at = START + timedelta(days=day)
        snapshots.append(_snapshot(f"simulated-{number}", coins, day, at))
        exits += [one for coin in coins if (one := coin.exit_tried(day, at + timedelta(hours=12))) is not None]
    return Series(tuple(snapshots), tuple(exits), is_simulated=True)


def _coin(name: str, chance: Chance) -> _Coin:
    volatility = _TYPICAL * (chance.normal(name, "volatility") / 2).exp()
    value = _VALUE * chance.normal(name, "value").exp()
    coin = _Coin(name, chance, min(volatility, Decimal("0.2")), value.quantize(Decimal("0.0001")))
    coin.volume = value * 100 * chance.normal(name, "volume").exp()
    return coin


def _snapshot(account: str, coins: list[_Coin], day: int, at: datetime) -> Snapshot:
    return Snapshot(
        account=account,
        venue="paper",
        quote="USD",
        taken_at=at,
        cash=Cash(Decimal(10_000)),
        positions=tuple(Position(coin.symbol, "long", coin.quantity, opened_at=START) for coin in coins),
        markets={coin.symbol: coin.market(day) for coin in coins if coin.is_listed(day)},
    )
