"""What markets cost at a moment that has been: out of the venue's public candles, a question a market and day.

Days that are over are kept on disk: they do not change. No key is needed, and nothing is asked of an account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.candle_files import CandleFiles, Told
from exitplan.brokers.live.client import open_exchange
from exitplan.brokers.live.dialect import Exchange
from exitplan.brokers.live.listings import MarketCache
from exitplan.brokers.live.market_replies import Candle
from exitplan.brokers.live.opening import connection_of
from exitplan.brokers.protocol import Clock
from exitplan.brokers.venues import dialect_of

_FRAME, _LASTS = "15m", timedelta(minutes=15)
_A_DAY, _CANDLES = timedelta(days=1), 96

Prices = Mapping[datetime, Decimal]
"""What a market cost when each candle of a day began."""


class Candles:
    """The prices of an account's venue over time; ``problem`` says why there are none any more, once a question failed.

    ``cache`` is the folder in which days that are over are kept.
    """

    def __init__(self, account: Mapping[str, Any], clock: Clock, cache: Path) -> None:
        self.problem: str | None = None
        self._connection = connection_of(account, clock)
        self._dialect = dialect_of(self._connection.venue)
        self._clock = clock
        self._files = CandleFiles(cache, self._connection.place)
        self._exchange: Exchange | None = None
        self._days: dict[tuple[str, datetime], Prices] = {}

    def price(self, symbol: str, moment: datetime) -> Decimal | None:
        """Return what a market cost when the quarter of an hour began that a moment is in, in its own quote.

        Where nothing was traded in it, the last price of the day before it; None where the venue tells none.
        """
        day = datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
        if (symbol, day) not in self._days:
            self._days[symbol, day] = self._kept(symbol, day) or self._asked(symbol, day)
        known = [(at, price) for at, price in self._days[symbol, day].items() if at <= moment]
        return max(known)[1] if known else None

    def _asked(self, symbol: str, day: datetime) -> Prices:
        if self.problem is not None:
            return {}
        told = tuple(attempt(lambda: self._ask(symbol, day), self._failed))
        if told and day + _A_DAY + _LASTS < self._clock():
            self._files.keep(symbol, _name(day), Told(day + _A_DAY, _CANDLES, told))
        return _prices(told, day)

    def _failed(self, error: Exception) -> list[Candle]:
        self.problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return []

    def _ask(self, symbol: str, day: datetime) -> list[Candle]:
        if self._exchange is None:
            exchange = open_exchange(self._dialect, self._connection)
            MarketCache(self._dialect, self._connection).listings(self._clock()).lend(exchange)
            self._exchange = exchange
        if symbol not in self._exchange.markets:
            return []
        return self._dialect.read_candles(self._exchange, symbol, _FRAME, day, _CANDLES)

    def _kept(self, symbol: str, day: datetime) -> Prices:
        told = self._files.read(symbol, _name(day))
        return _prices(told.candles, day) if told is not None and told.serves(day + _A_DAY, _CANDLES) else {}


def _name(day: datetime) -> str:
    return f"{day:%Y-%m-%d}"


def _prices(candles: Sequence[Candle], day: datetime) -> Prices:
    return {candle.begins_at: candle.opened for candle in candles if day <= candle.begins_at < day + _A_DAY}
