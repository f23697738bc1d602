"""The lots of an account: what it holds of what cost, and what its sales realised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import cast

from exitplan.brokers.trade_history import TellsTrades, TradeHistory
from exitplan.executor.accounts.account import Account
from exitplan.executor.lots.events import Key, Sources, Timeline, timelines, unknown_fills
from exitplan.executor.lots.fills import OwnFill, own_fills
from exitplan.executor.plan import read_account, read_state
from exitplan.ruleset.model.cost_basis import Trade
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.lot_matching import match_lots
from exitplan.ruleset.model.lots import DEFAULT_METHOD, METHODS, Lot, Method, Realised, currency_of, terms_of
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.snapshot import Side
from exitplan.ruleset.model.values import EXACT, ZERO, is_derivative

_LEAST_SHARE = Decimal("1e-8")
"""The share of a quantity that is no difference where the market names no step, as for the cost basis of plans."""


@dataclass(frozen=True, slots=True)
class OpenLot:
    """A lot that is open, with its mark price now and what it is worth, in ``currency``; None where that is not known.

    ``unrealised`` is None as well where the lot was paid in another currency.
    """

    lot: Lot
    mark: Decimal | None = None
    worth: Decimal | None = None
    unrealised: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class PositionLots:
    """The lots of one position: what is open, what was realised since the time asked for, and what has no explanation.

    ``has_history`` says that the venue told trades of it, so that lots are those of its purchases.
    """

    asset: str
    side: Side
    open: tuple[OpenLot, ...]
    realised: tuple[Realised, ...]
    appeared: tuple[Lot, ...]
    departed: tuple[Lot, ...]
    has_history: bool


@dataclass(frozen=True, slots=True)
class Total:
    """What all sales in one currency come to; ``unknown`` counts the parts whose gain is not known, left out of it.

    ``net`` is None where a fee is not known, ``unrealised`` where that of an open lot is not.
    """

    currency: str
    proceeds: Decimal = ZERO
    cost: Decimal = ZERO
    gain: Decimal = ZERO
    net: Decimal | None = ZERO
    unknown: int = 0
    unrealised: Decimal | None = ZERO


@dataclass(frozen=True, slots=True)
class AccountLots:
    """The lots of an account by one method, and its trades since a time, each with its symbol.

    ``is_complete`` says that the venue told all trades that it still has; None that it was not asked, or tells none.
    ``unpriced`` counts fills of which the venue told no price: they are no trades, and their gain is not known.
    """

    account: str
    venue: str
    quote: str
    method: Method
    since: datetime | None
    until: datetime
    positions: tuple[PositionLots, ...]
    trades: tuple[tuple[str, Trade], ...]
    was_asked: bool
    is_complete: bool | None
    unpriced: int = 0

    @property
    def realised(self) -> tuple[Realised, ...]:
        """What all sales realised, in the order of time."""
        parts = [part for position in self.positions for part in position.realised]
        return tuple(sorted(parts, key=lambda part: (part.at, part.lot.symbol)))

    @property
    def totals(self) -> tuple[Total, ...]:
        """What sales and open lots come to, by currency; nothing is added up across currencies."""
        open_ = [one for position in self.positions for one in position.open]
        names = {part.currency for part in self.realised} | {one.lot.currency for one in open_}
        return tuple(_total(name, self.realised, open_) for name in sorted(filter(None, names)))


def account_lots(
    account: Account, since: datetime | None = None, method: Method | None = None, *, ask: bool = True
) -> AccountLots:
    """Match the sales of an account with its lots; what was realised before ``since`` is left out.

    Without a method the account's own counts. Unless told not to ``ask``, the account and its trades are read at the
    venue; else all is as journal and tracker know it. Raises AccountUnreadable, FileIsInvalid for a damaged journal.
    """
    with localcontext(EXACT):
        fills = own_fills(account)
        seen = _observed(account) if ask else None
        views = None if seen is None else seen.account.positions
        records = account.store.tracker.records() if seen is None else seen.snapshot.tracker
        history = None if seen is None else _history(account, fills, seen)
        trades = {} if history is None else history.trades
        policy, now = account.loaded.policy, account.clock()
        names = policy.names.of_positions(view.position for view in views or ())
        money = policy.money | {names.resolve(account.quote)}
        sources = Sources(trades, fills, views, records, names, money, now)
        chosen = method or method_of(account)
        lines = timelines(sources)
        held = {(view.asset, view.position.side): view for view in views or ()}
        positions = tuple(_position(key, line, held.get(key), chosen, since) for key, line in lines.items())
        left = unknown_fills(trades, fills)
        told = [(symbol, trade) for symbol, each in trades.items() for trade in each]
        told += [(fill.symbol, fill.trade) for fill in left if fill.trade is not None]
    return AccountLots(
        account=account.id,
        venue=account.venue,
        quote=account.quote,
        method=chosen,
        since=since,
        until=now,
        positions=tuple(position for position in positions if _says_something(position)),
        trades=tuple(sorted((one for one in told if since is None or one[1].at >= since), key=_in_time)),
        was_asked=ask,
        is_complete=None if history is None else history.is_complete,
        unpriced=sum(fill.trade is None for fill in left if since is None or fill.at >= since),
    )


def method_of(account: Account) -> Method:
    """Return the method that the account's file names, else FIFO."""
    named = (account.loaded.account or {}).get("lots", DEFAULT_METHOD)
    return cast("Method", named) if named in METHODS else DEFAULT_METHOD


def _in_time(told: tuple[str, Trade]) -> tuple[datetime, str, str]:
    symbol, trade = told
    return trade.at, symbol, trade.order_id or ""


def _says_something(position: PositionLots) -> bool:
    return bool(position.open or position.realised or position.departed)


def _observed(account: Account) -> Observation:
    snapshot = read_account(account)
    return Observation.of(snapshot, account.loaded.policy, read_state(account).progress, account.clock())


def _history(account: Account, fills: Sequence[OwnFill], seen: Observation) -> TradeHistory | None:
    """Read the account's trades at the venue, of every market that is known here; None where it keeps none."""
    broker = account.broker
    if not isinstance(broker, TellsTrades):
        return None
    held = {position.symbol for position in seen.snapshot.positions}
    return broker.read_trades(held | set(seen.snapshot.tracker) | {fill.symbol for fill in fills})


def _position(
    key: Key, line: Timeline, view: PositionView | None, method: Method, since: datetime | None
) -> PositionLots:
    asset, side = key
    symbol = asset if view is None else view.position.symbol
    terms = terms_of(symbol, line.size)
    step = None if view is None else view.amount_step
    held = ZERO if view is None else abs(view.position.quantity)
    may_flip = side == "short" and not is_derivative(symbol)
    book = match_lots(
        line.events, method, side=side, terms=terms, may_flip=may_flip, ignore=step or held * _LEAST_SHARE
    )
    return PositionLots(
        asset=asset,
        side=side,
        open=tuple(_open_lot(lot, line, view) for lot in book.open),
        realised=tuple(part for part in book.realised if since is None or part.at >= since),
        appeared=book.appeared,
        departed=book.departed,
        has_history=line.has_history,
    )


def _open_lot(lot: Lot, line: Timeline, view: PositionView | None) -> OpenLot:
    if view is None or view.price.mark is None:
        return OpenLot(lot)
    terms = terms_of(view.position.symbol, line.size)
    worth = terms.worth(lot.quantity, view.price.mark)
    currency = currency_of(view.position.symbol)
    cost = lot.cost if lot.currency == currency else None
    return OpenLot(lot, view.price.mark, worth, terms.gain(lot.side, cost, worth), currency)


def _total(currency: str, realised: Sequence[Realised], open_: Sequence[OpenLot]) -> Total:
    own = [part for part in realised if part.currency == currency]
    known = [part for part in own if part.gain is not None]
    nets = [part.net for part in known]
    open_gains = [one.unrealised for one in open_ if one.lot.currency == currency]
    return Total(
        currency=currency,
        proceeds=_sum(part.proceeds for part in known),
        cost=_sum(part.lot.cost for part in known),
        gain=_sum(part.gain for part in known),
        net=None if None in nets else _sum(nets),
        unknown=len(own) - len(known),
        unrealised=None if None in open_gains else _sum(open_gains),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount or ZERO)
    return result
