"""What markets cost at a moment that has been: out of the venue's public candles, a question a market and day.

Days that are over are kept on disk: they do not change. No key is needed, and nothing is asked of an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.client import open_exchange
from exitplan.brokers.live.dialect import Exchange
from exitplan.brokers.live.listings import MarketCache
from exitplan.brokers.live.opening import connection_of
from exitplan.brokers.live.parsing import amount_of
from exitplan.brokers.paper.storage import replace_file
from exitplan.brokers.private_files import make_private_folder
from exitplan.brokers.protocol import Clock
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import parse_decimal, plain

_FRAME, _LASTS = "15m", timedelta(minutes=15)
_A_DAY = 96

Prices = Mapping[int, Decimal]
"""What a market cost when each candle of a day began, by the second of the day."""


class Candles:
    """The prices of an account's venue over time; ``problem`` says why there are none any more, once a question failed.

    ``cache`` is the folder in which days that are over are kept.
    """

    def __init__(self, account: Mapping[str, Any], clock: Clock, cache: Path) -> None:
        self.problem: str | None = None
        self._connection = connection_of(account, clock)
        self._dialect = dialect_of(self._connection.venue)
        self._clock = clock
        self._cache = cache / quote(self._connection.place, safe="")
        self._exchange: Exchange | None = None
        self._days: dict[tuple[str, datetime], Prices] = {}

    def price(self, symbol: str, moment: datetime) -> Decimal | None:
        """Return what a market cost when the quarter of an hour began that a moment is in, in its own quote.

        Where nothing was traded in it, the last price of the day before it; None where the venue tells none.
        """
        day = datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
        if (symbol, day) not in self._days:
            self._days[symbol, day] = self._kept(symbol, day) or self._asked(symbol, day)
        second = int((moment - day).total_seconds())
        known = [(at, price) for at, price in self._days[symbol, day].items() if at <= second]
        return max(known)[1] if known else None

    def _asked(self, symbol: str, day: datetime) -> Prices:
        if self.problem is not None:
            return {}
        told = attempt(lambda: self._ask(symbol, day), self._failed)
        if told and day + timedelta(days=1) + _LASTS < self._clock():
            self._keep(symbol, day, told)
        return told

    def _failed(self, error: Exception) -> Prices:
        self.problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return {}

    def _ask(self, symbol: str, day: datetime) -> Prices:
        if self._exchange is None:
            exchange = open_exchange(self._dialect, self._connection)
            MarketCache(self._dialect, self._connection).listings(self._clock()).lend(exchange)
            self._exchange = exchange
        if symbol not in self._exchange.markets:
            return {}
        begin = int(day.timestamp())
        candles = self._exchange.fetch_ohlcv(symbol, _FRAME, begin * 1000, _A_DAY)
        prices = {int(candle[0]) // 1000 - begin: amount_of(candle[1]) for candle in candles}
        return {at: price for at, price in prices.items() if price and 0 <= at < timedelta(days=1).total_seconds()}

    def _place(self, symbol: str, day: datetime) -> Path:
        return self._cache / quote(symbol, safe="") / f"{day:%Y-%m-%d}.json"

    def _kept(self, symbol: str, day: datetime) -> Prices:
        try:
            document = orjson.loads(self._place(symbol, day).read_bytes())
            return {int(at): parse_decimal(price) for at, price in document.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}  # nobody has asked yet, or what was kept is damaged: the venue is asked

    def _keep(self, symbol: str, day: datetime, prices: Prices) -> None:
        place = self._place(symbol, day)
        try:
            make_private_folder(place.parent)
            replace_file(place, orjson.dumps({str(at): plain(price) for at, price in prices.items()}))
        except (DataFolderUnusable, OSError):
            return  # then it is asked for again
