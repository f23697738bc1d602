"""What a report compares with: the prices of each account's venue over time, or those of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from exitplan.brokers.registry import PAPER
from exitplan.cli.arguments import present
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.report import PriceAt
from exitplan.ruleset.errors import FileIsInvalid

OF_VENUE = "venue"


@dataclass(slots=True)
class PriceSource:
    """Where prices come from, as typed; ``problems`` are why some are not known, by account."""

    wish: str
    cache: Path
    problems: dict[str, str] = field(default_factory=dict)
    _table: PriceAt | None = None

    def __post_init__(self) -> None:
        """Read the table, where one is named; raises FileIsInvalid."""
        if self.wish != OF_VENUE:
            self._table = _table_of(Path(self.wish))

    def of(self, file: AccountFile) -> PriceAt:
        """Return the prices for an account."""
        return self._table or self._venue(file)

    def _venue(self, file: AccountFile) -> PriceAt:
        if file.venue == PAPER:
            self.problems[file.id] = "a paper account keeps no past prices: give a table with --prices FILE"
            return lambda _symbol, _moment: None
        from exitplan.brokers.live.candles import Candles  # noqa: PLC0415 - loads ccxt, for this wish alone

        candles = Candles(file.block, present, self.cache)
        return _noting(candles.price, lambda: self._note(file.id, candles.problem))

    def _note(self, account: str, problem: str | None) -> None:
        if problem is not None:
            self.problems[account] = f"the venue was not asked for more prices: {problem}"


def _noting(price: PriceAt, note: Callable[[], None]) -> PriceAt:
    """Return prices that tell of a problem as soon as there is one."""

    def price_at(symbol: str, moment: datetime) -> Decimal | None:
        found = price(symbol, moment)
        note()
        return found

    return price_at


def _table_of(path: Path) -> PriceAt:
    from exitplan.workbench.simulation.price_file import read_price_history  # noqa: PLC0415 - for this wish alone

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise FileIsInvalid(
            f"{path}: cannot be read as text: {problem}", hint=f"--prices takes {OF_VENUE}, or a table: docs/reports.md"
        ) from problem
    return read_price_history(text, str(path)).price
