"""Our executions: entry prices rebuilt from no more of them than it takes, and all of them for reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from exitplan.brokers.live.dialect import Dialect, Exchange, side_by_side
from exitplan.brokers.live.parsing import trade_of
from exitplan.brokers.trade_history import TradeHistory
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
        for entry in _unseen(page, seen):
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


def _unseen(page: Iterable[Mapping[str, Any]], seen: set[tuple[Any, ...]]) -> Iterator[Mapping[str, Any]]:
    """Leave out what was on an earlier page: trades that happen meanwhile push others onto the next one."""
    for entry in page:
        name = tuple(entry.get(key) for key in ("id", "symbol", "side", "timestamp", "amount"))
        if entry.get("id") is None or name not in seen:
            seen.add(name)
            yield entry


def read_trades(dialect: Dialect, exchange: Exchange, symbols: Collection[str], ask: Ask) -> TradeHistory:
    """Read our executions on spot markets, as far back as :data:`MAX_HISTORY_PAGES` reach.

    Of the symbols, where the venue tells those of one at a time; else all. Raises AccountUnreadable.
    """
    by_symbol = dialect.traits.history_by_symbol
    spot = sorted(symbol for symbol in symbols if symbol in (exchange.markets or {}) and not is_derivative(symbol))
    wanted: list[str | None] = [*spot] if by_symbol else [None]
    tasks = [partial(ask, "the trade history", partial(_all_of, dialect, exchange, symbol)) for symbol in wanted]
    trades: dict[str, list[Trade]] = defaultdict(list)
    is_complete = True
    for pages, is_whole in side_by_side(tasks, most=dialect.at_once):
        is_complete = is_complete and is_whole
        for symbol, trade in pages:
            trades[symbol].append(trade)
    in_order = {name: tuple(sorted(each, key=lambda trade: trade.at)) for name, each in sorted(trades.items())}
    return TradeHistory(in_order, is_complete)


def _all_of(dialect: Dialect, exchange: Exchange, symbol: str | None) -> tuple[list[tuple[str, Trade]], bool]:
    """Read executions, the oldest page first, and whether that was all of them."""
    pages, seen = list[list[tuple[str, Trade]]](), set[tuple[Any, ...]]()
    told = dialect.trade_pages(exchange, symbol)
    for _, page in zip(range(MAX_HISTORY_PAGES), told, strict=False):
        pages.append([(str(entry.get("symbol")), trade_of(entry)) for entry in _unseen(page, seen)])
    is_whole = len(pages) < MAX_HISTORY_PAGES or next(told, None) is None
    return [one for page in reversed(pages) for one in page], is_whole


def _moved_elsewhere(trades: Mapping[str, Sequence[Trade]], symbol: str, basis: CostBasis) -> bool:
    """Check whether what is held was also bought, sold or spent in another market since: then the sum only seems right.

    Pages come newest first, so all trades since then have been read.
    """
    asset = base_of(symbol)
    others = [name for name in trades if name != symbol and asset in {base_of(name), quote_of(name)}]
    return any(basis.opened_at is None or trade.at >= basis.opened_at for name in others for trade in trades[name])
