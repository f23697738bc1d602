"""The prices that a venue told in answer to one question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.dialect import Exchange
from exitplan.brokers.live.parsing import BadReply, Ticker


class TickersOnDemand(Mapping[str, Ticker]):
    """The prices of all markets, each read when it is asked for: a reply tells of hundreds, few of them held.

    A market that is told wrongly has a ticker that says nothing.
    """

    def __init__(
        self, exchange: Exchange, entries: Mapping[Any, Any], read: Callable[[Any, Mapping[str, Any]], Ticker]
    ) -> None:
        """Keep what was told, by the venue's names of markets; ``read`` gets one entry and its market.

        Raises BadReply where nothing was told, since every venue has markets.
        """
        if not entries:
            raise BadReply("the reply holds no tickers")
        self._exchange, self._entries, self._read = exchange, entries, read
        self._known: dict[str, Ticker] = {}

    def __getitem__(self, symbol: str) -> Ticker:
        """Return the prices of a market; raises KeyError where nothing was told of it."""
        if symbol not in self._known:
            market = self._exchange.markets.get(symbol) or {}
            entry = self._entries[market.get("id")]
            self._known[symbol] = attempt(lambda: self._read(entry, market), lambda _: Ticker())
        return self._known[symbol]

    def __iter__(self) -> Iterator[str]:
        """Go through the symbols of all that was told."""
        return (str(self._exchange.safe_symbol(name)) for name in self._entries)

    def __len__(self) -> int:
        """Count what was told."""
        return len(self._entries)


@dataclass(frozen=True, slots=True)
class TickerReply:
    """The prices that a venue told; a symbol in ``unanswered``, or any where ``failed``, could not be asked for.

    ``asked_at`` is when they were asked for, where that was for other accounts too, and so maybe before this reading.
    """

    tickers: Mapping[str, Ticker]
    failed: bool = False
    unanswered: frozenset[str] = frozenset()
    asked_at: datetime | None = None

    def is_known(self, symbol: str) -> bool:
        """Check that the question for a symbol's price was answered, be it by no price."""
        return not self.failed and symbol not in self.unanswered
