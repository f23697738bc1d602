"""Read how much markets move, trade and take: out of candles, once a day or hour, and of the book as it is now.

Nothing here is about an account: all accounts of a place, in whatever process of the machine, ask once. A question that
fails is no harm to an account, only to what hangs on its answer.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.live.candle_files import CandleFiles, Told
from exitplan.brokers.live.dialect import AT_ONCE, Dialect, Exchange, side_by_side
from exitplan.brokers.live.market_replies import Candle
from exitplan.brokers.live.sharing import manner
from exitplan.brokers.protocol import Clock, ToldMarkets
from exitplan.ruleset.model.market_data import NO_DATA, MarketData, MarketDemand
from exitplan.ruleset.model.values import ZERO
from exitplan.ruleset.model.volatility import volatility

T = TypeVar("T")

SETTLED_AFTER = timedelta(minutes=5)
"""How long after its end a candle is taken to be told as it stays."""
SILENCE_LASTS = timedelta(minutes=10)
"""How long a venue that told nothing of a market is not asked again."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_FRAMES = {"1d": DAY, "1h": HOUR}
_FEW = 3
"""Candles that tell what was traded in the last of them that is over, and whether one is missing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question for so many candles of a market that begin before ``end``, which is over."""

    symbol: str
    frame: str
    end: datetime
    most: int

    @property
    def since(self) -> datetime:
        """When the first of them begins."""
        return self.end - _FRAMES[self.frame] * self.most


@dataclass(slots=True)
class CandleShelf:
    """The candles of one place that this process knows; of each market and frame one question at a time goes out."""

    _known: dict[tuple[str, str], tuple[datetime, Told]] = field(default_factory=dict)
    _turns: defaultdict[tuple[str, str], threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def find(
        self, wanted: Wanted, files: CandleFiles, ask: Callable[[Wanted], list[Candle]], now: datetime
    ) -> tuple[Candle, ...]:
        """Return candles from memory, from disk, else from the venue."""
        key = wanted.symbol, wanted.frame
        with self._turns[key]:
            asked_at, told = self._known.get(key, (now, None))
            if told is None or not told.serves(wanted.end, wanted.most):
                told = files.read(*key)
            is_silent = told is not None and not told.candles and not timedelta(0) <= now - asked_at < SILENCE_LASTS
            if told is None or not told.serves(wanted.end, wanted.most) or is_silent:
                told, asked_at = Told(wanted.end, wanted.most, tuple(ask(wanted))), now
                if told.candles:
                    files.keep(*key, told)
            self._known[key] = asked_at, told
            return told.candles


_SHELVES: defaultdict[str, CandleShelf] = defaultdict(CandleShelf)


def forget_candles(place: str = "") -> None:
    """Forget what is in memory of places, by the beginning of their names, as a new process would have to."""
    for name in [name for name in _SHELVES if name.startswith(place)]:
        _SHELVES.pop(name, None)


@dataclass(frozen=True, slots=True)
class MarketReader:
    """Reads markets of one place through the client of an account, within the limits that hold for it."""

    dialect: Dialect
    exchange: Exchange
    place: str
    clock: Clock

    def read(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        """Read what is asked for of markets; what a venue does not tell is left out, what failed is named."""
        tasks = [
            partial(self._try, symbol, part) for symbol, demand in sorted(demands.items()) for part in _parts(demand)
        ]
        data: dict[str, MarketData] = {}
        failed = set[str]()
        for symbol, told in side_by_side(tasks, most=1 if manner().in_turn else AT_ONCE):
            if told is None:
                failed.add(symbol)
            else:
                data[symbol] = data.get(symbol, NO_DATA).plus(told)
        return ToldMarkets(data, frozenset(failed))

    def _try(self, symbol: str, part: Callable[[MarketReader, str], MarketData]) -> tuple[str, MarketData | None]:
        return symbol, attempt(lambda: part(self, symbol), lambda _: None)

    def of_days(self, symbol: str, demand: MarketDemand) -> MarketData:
        """Read volatility and the volume of the last day that is over."""
        days, end = demand.volatility_days or 0, self._last_end(DAY)
        candles = self._candles(symbol, "1d", end, max(days + 1, _FEW))
        over = [candle for candle in candles if candle.begins_at + DAY <= end]
        closes = ((candle.begins_at.date(), candle.closed) for candle in over)
        found = volatility(closes, days=days, today=end.date()) if days else None
        volume = _volume_before(candles, end, DAY) if "day" in demand.volume else None
        if found is None:
            return MarketData(volume_1d=volume)
        return MarketData(found.value, found.days, volume)

    def of_hours(self, symbol: str) -> MarketData:
        """Read the volume of the last hour that is over."""
        end = self._last_end(HOUR)
        return MarketData(volume_1h=_volume_before(self._candles(symbol, "1h", end, _FEW), end, HOUR))

    def of_book(self, symbol: str, demand: MarketDemand) -> MarketData:
        """Read what rests in the book near the mid."""
        within = demand.depth_within
        if within is None or not self.dialect.tells_books(self.exchange, symbol):
            return NO_DATA
        depth = self.dialect.read_book(self.exchange, symbol).depth(within)
        return NO_DATA if depth is None else MarketData(bid_depth=depth[0], ask_depth=depth[1], depth_within=within)

    def _candles(self, symbol: str, frame: str, end: datetime, most: int) -> tuple[Candle, ...]:
        if not self.dialect.tells_candles(self.exchange, frame):
            return ()
        files = CandleFiles(cache_folder() / "candles", self.place)
        return _SHELVES[self.place].find(Wanted(symbol, frame, end, most), files, self._ask, self.clock())

    def _ask(self, wanted: Wanted) -> list[Candle]:
        # One more than those that are over: the one that is not tells whether the venue leaves any out.
        return self.dialect.read_candles(self.exchange, wanted.symbol, wanted.frame, wanted.since, wanted.most + 1)

    def _last_end(self, length: timedelta) -> datetime:
        """Return when the last UTC day or hour ended that is settled."""
        now = self.clock().astimezone(UTC) - SETTLED_AFTER
        midnight = datetime.combine(now.date(), time(), UTC)
        return midnight + (now - midnight) // length * length


def _parts(demand: MarketDemand) -> list[Callable[[MarketReader, str], MarketData]]:
    """List the questions of a demand, one for each kind of answer."""
    parts: list[Callable[[MarketReader, str], MarketData]] = []
    if demand.volatility_days or "day" in demand.volume:
        parts.append(lambda reader, symbol: reader.of_days(symbol, demand))
    if "hour" in demand.volume:
        parts.append(MarketReader.of_hours)
    if demand.depth_within is not None:
        parts.append(lambda reader, symbol: reader.of_book(symbol, demand))
    return parts


def _volume_before(candles: tuple[Candle, ...], end: datetime, length: timedelta) -> Decimal | None:
    """Return what was traded in the last stretch that is over by a moment.

    Some venues leave a stretch out in which nothing was traded: it is one where they tell of what came before and
    after it. Where the candles end before it nothing is known.
    """
    ends = {candle.begins_at + length: candle for candle in candles}
    last = next((candle for at, candle in ends.items() if end - length < at <= end), None)
    if last is not None:
        return last.volume
    is_between = any(at <= end for at in ends) and any(at > end for at in ends)
    return ZERO if is_between else None
