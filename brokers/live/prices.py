"""The prices that a venue told in answer to one question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exitplan.brokers.live.parsing import Ticker


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
