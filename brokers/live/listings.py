"""A venue's listings: read once an hour, shared by all accounts of a process, and kept on disk between processes.

To read them takes several calls and, parsed, 20 MB a copy; nothing in them is about an account.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.dialect import Dialect, Exchange
from exitplan.brokers.live.parsing import BadReply, market_of
from exitplan.brokers.paper.storage import replace_file
from exitplan.brokers.private_files import ensure_ours
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import parse_time, time_text

MAX_AGE = timedelta(hours=1)
"""How long listings are believed; what a venue changed meanwhile, its refusal of an order tells."""
MAX_AGE_OF_ABSENCE = timedelta(minutes=10)
"""How long they are believed to be all there are, where an account holds something that is not among them."""
MAX_AGE_AFTER_FAILURE = timedelta(minutes=1)
"""How long they are believed where an account could not be read with them."""


class Listings:
    """The markets of a venue, in a ccxt client without credentials that lends them to others."""

    def __init__(self, exchange: Exchange, read_at: datetime) -> None:
        self.exchange = exchange
        self.read_at = read_at
        self._listed: dict[str, Market] = {}

    @property
    def markets(self) -> Mapping[str, Mapping[str, Any]]:
        """Every market by its symbol."""
        markets: Mapping[str, Mapping[str, Any]] = self.exchange.markets
        return markets

    def listing(self, symbol: str, dialect: Dialect) -> Market:
        """Return what is listed of a symbol, without prices; read once. Raises BadReply."""
        if symbol not in self._listed:
            market = self.markets[symbol]
            self._listed[symbol] = dialect.correct_market(market_of(market, self.exchange.precisionMode), market)
        return self._listed[symbol]

    @cached_property
    def by_base(self) -> Mapping[str, list[Mapping[str, Any]]]:
        """Spot markets by what is traded in them."""
        by_base: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for market in self.markets.values():
            if market.get("spot"):
                by_base[market["base"]].append(market)
        return by_base

    @cached_property
    def quotes(self) -> frozenset[str]:
        """Every currency that spot markets are paid in."""
        return frozenset(str(market["quote"]) for market in self.markets.values() if market.get("spot"))

    def lend(self, exchange: Exchange) -> None:
        """Let another client of the venue use these markets."""
        if exchange.markets is not self.exchange.markets:
            exchange.set_markets_from_exchange(self.exchange)

    def is_older(self, age: timedelta, now: datetime) -> bool:
        """Check whether they were read longer ago than that, or in a future that a clock invented."""
        return not timedelta(minutes=-1) < now - self.read_at < age


@dataclass(frozen=True, slots=True)
class MarketCache:
    """Where the listings of one place are kept."""

    dialect: Dialect
    connection: Connection

    def listings(self, now: datetime, age: timedelta = MAX_AGE) -> Listings:
        """Return listings no older than ``age``: from memory, from disk, else from the venue."""
        with _LOCKS[self._key]:
            known = _LOADED.get(self._key) or self._from_disk()
            if known is None or known.is_older(age, now):
                known = self._from_venue(now)
            _LOADED[self._key] = known
            return known

    @property
    def _key(self) -> str:
        place = orjson.dumps(
            [self.connection.place, self.connection.market_types, dict(self.connection.options)],
            option=orjson.OPT_SORT_KEYS,
            default=str,
        )
        return hashlib.sha256(place).hexdigest()[:24]

    @property
    def place(self) -> str:
        """Name what the listings are of: clients of the same see the same markets and prices."""
        return f"{self.connection.place} {self._key}"

    @property
    def _path(self) -> Path:
        return cache_folder() / "markets" / f"{self.connection.venue}-{self._key}.json"

    def _from_venue(self, now: datetime) -> Listings:
        exchange = self._anonymous()
        exchange.load_markets()
        if not exchange.markets:
            raise BadReply("the venue lists no markets")
        listings = Listings(exchange, now)
        self._to_disk(listings)
        return listings

    def _anonymous(self) -> Exchange:
        credentials = self.connection.credentials if self.dialect.traits.private_listings else None
        return open_exchange(self.dialect, replace(self.connection, credentials=credentials))

    def _to_disk(self, listings: Listings) -> None:
        exchange = listings.exchange
        document = {
            "ccxt": _ccxt_version(),
            "read_at": time_text(listings.read_at),
            "markets": list(exchange.markets.values()),
            "currencies": exchange.currencies,
            "helpers": {name: exchange.options.get(name) for name in _helpers(exchange)},
        }
        try:
            ensure_ours(self._path.parent)
            replace_file(self._path, orjson.dumps(document))
        except (DataFolderUnusable, OSError, TypeError):
            return  # then the next process asks the venue again

    def _from_disk(self) -> Listings | None:
        try:
            ensure_ours(self._path.parent)  # steps and minimums that another user wrote would size our orders
            document = orjson.loads(self._path.read_bytes())
            if document["ccxt"] != _ccxt_version():
                return None
            exchange = self._anonymous()
            exchange.set_markets(document["markets"], document["currencies"])
            exchange.options.update(document["helpers"])
            return Listings(exchange, parse_time(document["read_at"])) if exchange.markets else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # a cache that is damaged is no cache


_LOADED: dict[str, Listings] = {}
_LOCKS: dict[str, threading.Lock] = defaultdict(threading.Lock)


def forget_listings() -> None:
    """Forget what is in memory, as a new process would have to."""
    _LOADED.clear()


def _helpers(exchange: Exchange) -> list[str]:
    """Name what ccxt keeps beside the markets to find them by, such as kraken's other names for a pair."""
    return list(exchange.options.get("marketHelperProps") or ())


def _ccxt_version() -> str:
    import ccxt  # noqa: PLC0415 - loaded only where a live venue is used

    return str(ccxt.__version__)
