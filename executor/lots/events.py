"""What happened to each position of an account, put together from the venue's trades, our fills and the tracker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from msgspec.structs import replace

from exitplan.executor.lots.fills import EVER, OwnFill
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.cost_basis import Trade
from exitplan.ruleset.model.lots import Event, Move, Sighting, currency_of, moves_of
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.snapshot import Side, TrackerRecord
from exitplan.ruleset.model.values import EXACT, ZERO, base_of

Key = tuple[str, Side]
"""An asset, and the side on which it is held."""


@dataclass(slots=True)
class Timeline:
    """What happened to one position, in no order; ``has_history`` says that the venue told trades of it."""

    events: list[Event] = field(default_factory=list)
    size: Decimal | None = None
    has_history: bool = False
    has_fills: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """All that is known of an account: trades by symbol, our fills, what is held, and the tracker's records.

    ``views`` is None where the venue was not asked. ``money`` are the assets that have no lots.
    """

    trades: Mapping[str, Sequence[Trade]]
    fills: Sequence[OwnFill]
    views: Sequence[PositionView] | None
    records: Mapping[str, TrackerRecord]
    names: AssetNames
    money: frozenset[str]
    now: datetime


def unknown_fills(trades: Mapping[str, Sequence[Trade]], fills: Iterable[OwnFill]) -> list[OwnFill]:
    """Return the fills that are not among the venue's trades: conversions, and what it tells no longer."""
    orders = {trade.order_id for each in trades.values() for trade in each if trade.order_id is not None}
    return [fill for fill in fills if fill.order_id not in orders and not _is_among(trades.get(fill.symbol, ()), fill)]


def _is_among(trades: Sequence[Trade], fill: OwnFill) -> bool:
    """Check whether trades that name no orders reach back to a fill, which is then one of them."""
    nameless = [trade.at for trade in trades if trade.order_id is None]
    return bool(nameless) and fill.at >= min(nameless)


def timelines(sources: Sources) -> dict[Key, Timeline]:
    """Put together what happened, by position."""
    lines: dict[Key, Timeline] = defaultdict(Timeline)
    with localcontext(EXACT):
        _put_trades(lines, sources)
        _put_fills(lines, sources)
        _put_records(lines, sources)
        for view in sources.views or ():
            _put_view(lines, view, sources)
        if sources.views is not None:
            _put_absent(lines, sources)
    return {key: line for key, line in sorted(lines.items()) if line.events}


def _side_of(sources: Sources, asset: str) -> Side:
    sides: dict[str, Side] = {view.asset: view.position.side for view in sources.views or ()}
    return sides.get(asset, "long")


def _asset_of(names: AssetNames, symbol: str, coin: str) -> str:
    return names.of_symbol(symbol) if coin in {symbol, base_of(symbol)} else names.resolve(coin)


def _put_trades(lines: dict[Key, Timeline], sources: Sources) -> None:
    for symbol, trades in sources.trades.items():
        for trade in trades:
            for asset, move in _moves(sources, symbol, trade):
                line = lines[asset, _side_of(sources, asset)]
                line.events.append(move)
                line.has_history = True


def _moves(sources: Sources, symbol: str, trade: Trade) -> Iterator[tuple[str, Move]]:
    if trade.quantity <= 0 or trade.price <= 0:
        return
    for coin, move in moves_of(symbol, trade):
        asset = _asset_of(sources.names, symbol, coin)
        if asset not in sources.money:
            yield asset, move


def _put_fills(lines: dict[Key, Timeline], sources: Sources) -> None:
    for fill in unknown_fills(sources.trades, sources.fills):
        own = _asset_of(sources.names, fill.symbol, base_of(fill.symbol))
        trade = fill.trade
        moves = [] if trade is None else list(_moves(sources, fill.symbol, trade))
        if trade is None and own not in sources.money:
            change = fill.quantity if fill.is_buy else -fill.quantity
            currency = currency_of(fill.symbol)
            moves = [(own, Move(at=fill.at, symbol=fill.symbol, change=change, currency=currency, fee=None))]
        for asset, move in moves:
            side: Side = fill.side if asset == own else _side_of(sources, asset)
            line = lines[asset, side]
            if not line.has_history and asset == own:
                line.events += [fill.seen] if fill.seen is not None else []
                line.has_fills = True
            line.size = fill.size if asset == own and line.size is None else line.size
            line.events.append(move)


def _put_records(lines: dict[Key, Timeline], sources: Sources) -> None:
    """Let the price that the tracker notes of a position be that of what no trade explains.

    Where nothing else is known of it, the record is what is held.
    """
    for symbol, record in sources.records.items():
        asset = _asset_of(sources.names, symbol, base_of(symbol))
        if asset in sources.money:
            continue
        line = lines[asset, record.side or _side_of(sources, asset)]
        noted = _noted(symbol, record.entry_price, record.first_entry_time)
        line.events += [noted] if noted is not None else []
        is_all = sources.views is None and not (line.has_fills or line.has_history)
        if is_all and record.quantity:
            line.events.append(_seen_now(symbol, abs(record.quantity), noted, sources.now))


def _noted(symbol: str, price: Decimal | None, opened_at: datetime | None) -> Sighting | None:
    if price is None or price <= 0:
        return None
    return Sighting(at=opened_at or EVER, symbol=symbol, price=price, currency=currency_of(symbol), opened_at=opened_at)


def _seen_now(symbol: str, quantity: Decimal, noted: Sighting | None, now: datetime) -> Sighting:
    seen = Sighting(at=now, symbol=symbol, quantity=quantity)
    if noted is None:
        return seen
    return replace(seen, price=noted.price, priced=noted.priced, currency=noted.currency, opened_at=noted.opened_at)


def _put_view(lines: dict[Key, Timeline], view: PositionView, sources: Sources) -> None:
    """Let what is held now be what is open, at the venue's own price where the tracker has none."""
    position = view.position
    line = lines[view.asset, position.side]
    if view.is_derivative:
        line.size = position.contract_size
    noted = _record_of(view, sources)
    if noted is None:
        noted = _noted(position.symbol, position.entry_price, position.opened_at)
        line.events += [noted] if noted is not None else []
    known = None if line.has_history else noted
    line.events.append(_seen_now(position.symbol, abs(position.quantity), known, sources.now))


def _record_of(view: PositionView, sources: Sources) -> Sighting | None:
    """Return the price that the tracker notes of a position: its own symbol's first, else the first by symbol."""
    for symbol in (view.position.symbol, *sorted(sources.records)):
        record = sources.records.get(symbol)
        if record is None or _asset_of(sources.names, symbol, base_of(symbol)) != view.asset:
            continue
        noted = _noted(symbol, record.entry_price, record.first_entry_time)
        if noted is not None and record.side in {None, view.position.side}:
            return replace(noted, priced=None if record.quantity is None else abs(record.quantity))
    return None


def _put_absent(lines: dict[Key, Timeline], sources: Sources) -> None:
    """Note of what is not held any more that it is not."""
    held = {(view.asset, view.position.side) for view in sources.views or ()}
    for key, line in lines.items():
        if key not in held:
            line.events.append(Sighting(at=sources.now, symbol=_symbol_of(line, key), quantity=ZERO))


def _symbol_of(line: Timeline, key: Key) -> str:
    return next((event.symbol for event in line.events), key[0])
