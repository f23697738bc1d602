"""What a venue takes of an account's market orders: asked once a day, and kept on disk between processes.

It changes with what an account trades in a month, and plans only tell it. So an answer is believed for a day, and a
question that fails is no harm: the fee is then not known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.live.dialect import FEES, Dialect, Exchange, MarketType, side_by_side
from exitplan.brokers.paper.storage import replace_file
from exitplan.brokers.private_files import ensure_ours
from exitplan.brokers.protocol import Clock
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import parse_time, time_text

MAX_AGE = timedelta(days=1)
MAX_AGE_OF_FAILURE = timedelta(minutes=10)
"""How long an account is not asked again where the venue told nothing: a key that may not ask is refused each time."""

Rates = Mapping[str, Mapping[str, str]]
"""What was told of each kind of market, in the dialect's own words."""


@dataclass(slots=True)
class FeeShelf:
    """The rates of one account, ``owner`` being the fingerprint of its key and ``place`` where it trades."""

    dialect: Dialect
    exchange: Exchange
    place: str
    owner: str
    market_types: Sequence[MarketType]
    clock: Clock
    _told: tuple[datetime, Rates] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def fill(self) -> None:
        """See to it that the client knows the rates; they are asked for where those known are too old."""
        with self._turn:
            now = self.clock()
            if self._told is None:
                self._told = self._from_disk()
            if self._told is None or _is_older(*self._told, now):
                self._told = now, self._from_venue(now)
            self.exchange.options[FEES] = self._told[1]

    def _from_venue(self, now: datetime) -> Rates:
        def asking(kind: MarketType) -> Callable[[], Mapping[str, str]]:
            return lambda: attempt(lambda: self.dialect.read_fees(self.exchange, kind), lambda _: {})

        answers = side_by_side([asking(kind) for kind in self.market_types], most=self.dialect.at_once)
        rates: Rates = {kind: told for kind, told in zip(self.market_types, answers, strict=True) if told}
        if rates:
            self._to_disk(now, rates)
        return rates

    @property
    def _path(self) -> Path:
        account = orjson.dumps([self.place, self.owner, list(self.market_types)])
        return cache_folder() / "fees" / f"{self.exchange.id}-{sha256(account).hexdigest()[:24]}.json"

    def _from_disk(self) -> tuple[datetime, Rates] | None:
        try:
            ensure_ours(self._path.parent)
            return _read(orjson.loads(self._path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # a cache that is damaged is no cache

    def _to_disk(self, now: datetime, rates: Rates) -> None:
        try:
            ensure_ours(self._path.parent)
            replace_file(self._path, orjson.dumps({"read_at": time_text(now), "rates": rates}))
        except (DataFolderUnusable, OSError, TypeError):
            return  # then the next process asks the venue again


def _read(document: dict[str, Any]) -> tuple[datetime, Rates]:
    rates = {kind: {str(name): str(rate) for name, rate in told.items()} for kind, told in document["rates"].items()}
    return parse_time(document["read_at"]), rates


def _is_older(read_at: datetime, rates: Rates, now: datetime) -> bool:
    """Check whether rates are too old, or of a future that a clock invented."""
    return not timedelta(minutes=-1) < now - read_at < (MAX_AGE if rates else MAX_AGE_OF_FAILURE)
