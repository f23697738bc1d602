"""What may be asked of a venue besides the account: the account's own trades, for reports."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from exitplan.ruleset.model.cost_basis import Trade


@dataclass(frozen=True, slots=True)
class TradeHistory:
    """An account's own trades by symbol, each list in the order of time.

    ``is_complete`` says that the venue was asked for all that it still tells; it may know no more than some months.
    """

    trades: Mapping[str, tuple[Trade, ...]] = field(default_factory=dict)
    is_complete: bool = True


@runtime_checkable
class TellsTrades(Protocol):
    """A broker of which trades can be asked, once it has read the account."""

    def read_trades(self, symbols: Collection[str]) -> TradeHistory | None:
        """Read the account's own trades on spot markets, at least those of the symbols.

        None where the venue keeps no such history. Raises AccountUnreadable where the question failed.
        """
        ...
