"""Rebuild entry prices from our executions, reading no more of them than it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from exitplan.brokers.live.dialect import Dialect, Exchange, side_by_side
from exitplan.brokers.live.parsing import trade_of
from exitplan.ruleset.model.cost_basis import CostBasis, Trade, cost_basis
from exitplan.ruleset.model.snapshot import Market, Position
from exitplan.ruleset.model.values import base_of, is_derivative, quote_of

MAX_HISTORY_PAGES = 40
"""How far back executions are read; what they do not explain by then stays unknown."""

Ask = Callable[[str, Callable[[], Any]], Any]


def read_cost_basis(
    dialect: Dialect, exchange: Exchange, positions: Sequence[Position], markets: Mapping[str, Market], ask: Ask
) -> dict[str, CostBasis]:
    """Find what positions cost and since when they are held, by position key; the unexplained are left out.

    Raises AccountUnreadable where the question fails.
    """
    longs = [position for position in positions if not is_derivative(position.symbol)]
    if not longs:
        return {}
    if not dialect.traits.history_by_symbol:
        bases: dict[str, CostBasis] = ask(
            "the trade history", lambda: _explain(longs, dialect.trade_pages(exchange, None), markets)
        )
        return bases
    tasks = [
        partial(ask, "the trade history", partial(_of_one, dialect, exchange, position, markets)) for position in longs
    ]
    answers = side_by_side(tasks, most=dialect.at_once)
    return {key: basis for answer in answers for key, basis in answer.items()}


def _of_one(
    dialect: Dialect, exchange: Exchange, position: Position, markets: Mapping[str, Market]
) -> dict[str, CostBasis]:
    return _explain([position], dialect.trade_pages(exchange, position.symbol), markets)


def _explain(
    positions: Sequence[Position], pages: Iterator[list[Mapping[str, Any]]], markets: Mapping[str, Market]
) -> dict[str, CostBasis]:
    trades: dict[str, list[Trade]] = defaultdict(list)
    bases: dict[str, CostBasis] = {}
    explained = set[str]()
    seen: set[tuple[Any, ...]] = set()
    for _, page in zip(range(MAX_HISTORY_PAGES), pages, strict=False):
        for entry in page:
            # Trades that happen meanwhile push earlier ones onto the next page, where they come once more.
            name = tuple(entry.get(key) for key in ("id", "symbol", "side", "timestamp", "amount"))
            if entry.get("id") is None or name not in seen:
                seen.add(name)
                trades[str(entry.get("symbol"))].append(trade_of(entry))
        for position in positions:
            if position.key not in explained:
                market = markets.get(position.symbol)
                step = market.amount_step if market else None
                basis = cost_basis(trades.get(position.symbol, []), position.symbol, position.quantity, step)
                if basis is not None:
                    explained.add(position.key)
                    if not _moved_elsewhere(trades, position.symbol, basis):
                        bases[position.key] = basis
        if len(explained) == len(positions):
            break
    return bases


def _moved_elsewhere(trades: Mapping[str, Sequence[Trade]], symbol: str, basis: CostBasis) -> bool:
    """Check whether what is held was also bought, sold or spent in another market since: then the sum only seems right.

    Pages come newest first, so all trades since then have been read.
    """
    asset = base_of(symbol)
    others = [name for name in trades if name != symbol and asset in {base_of(name), quote_of(name)}]
    return any(basis.opened_at is None or trade.at >= basis.opened_at for name in others for trade in trades[name])
