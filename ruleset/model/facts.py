"""Compute what is known of an account: the facts of every position and open order, and its equity.

What cannot be known is left out of the facts; nothing is guessed and nothing counts as zero for want of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from msgspec import Struct

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.account_view import (
    AccountView,
    Equity,
    add_up,
    find_debts,
    held_amounts,
    is_owed,
    other_money,
)
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.order_view import Holdings, OrderView, age_of, order_kind, side_of, would_open
from exitplan.ruleset.model.position_view import PositionView, is_sellable
from exitplan.ruleset.model.progress import Kept, MissingPrice, Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import OpenOrder, Position, Side, Snapshot, TrackerRecord
from exitplan.ruleset.model.valuation import Belief, price_of, rate_of
from exitplan.ruleset.model.values import EXACT, MICRO, ZERO, quote_of, to_micro

OUR_ORDER = re.compile(r"xp[0-9a-z]{16}")
"""The form of the client order ids that exitplan gives."""

_MICROSECOND = timedelta(microseconds=1)
_MICROS_PER_MINUTE = 60


def observe(snapshot: Snapshot, policy: Policy, progress: Progress, now: datetime) -> AccountView:
    """Observe an account: its positions, other money, debts, orders and equity, with the facts that rules may ask."""
    names = policy.names.of_positions(snapshot.positions)
    observer = _Observer.of(snapshot, policy, progress, now, names)
    quote = names.resolve(snapshot.quote)
    money = policy.money | {quote}
    views: list[PositionView] = []
    money_views: list[PositionView] = []
    for position in sorted(snapshot.positions, key=_by_symbol):
        view = observer.view(position)
        is_money = view.asset in money and not view.is_derivative
        (money_views if is_money else views).append(view)
    quoted = [
        observer.view(Position(symbol, "long", cash.free + cash.locked, asset=currency))
        for currency, cash in snapshot.other_cash.items()
        if (symbol := f"{currency}/{snapshot.quote}") in snapshot.markets
        and currency not in {view.asset for view in money_views}
    ]
    other_cash = other_money(snapshot, money_views, quoted, names, money)
    debts = find_debts(snapshot, views, other_cash)
    equity = add_up(snapshot, views, other_cash, debts)
    cash = {quote: snapshot.cash.free + snapshot.cash.locked}
    for currency, amount in ((names.resolve(one.currency), one.free + one.locked) for one in other_cash):
        cash[currency] = cash.get(currency, ZERO) + amount
    holdings = Holdings.of(views, cash, money.union(cash))
    for view in views:
        observer.add_facts(view, equity)
    orders = [observer.order_view(order, holdings) for order in snapshot.open_orders]
    orders.sort(key=lambda view: (view.order.symbol, view.order.id))
    coming = _coming(orders, policy)
    for order_view in orders:
        if "positions" not in snapshot.unread:
            order_view.facts["position_held"] = _is_position_held(order_view, coming, holdings)
    amounts = held_amounts(snapshot, views, other_cash)
    return AccountView(
        snapshot, names, tuple(views), tuple(orders), other_cash, tuple(debts), equity, holdings, amounts
    )


class Observation(Struct, frozen=True, gc=False):
    """An account that was observed, and by what: it can be used again only where observing would find the same."""

    account: AccountView
    policy: Policy
    progress: Progress
    now: datetime

    @classmethod
    def of(cls, snapshot: Snapshot, policy: Policy, progress: Progress, now: datetime) -> Observation:
        """Observe an account."""
        with localcontext(EXACT):
            return cls(observe(snapshot, policy, progress, now), policy, progress, now)

    @property
    def snapshot(self) -> Snapshot:
        """The account as it was read."""
        return self.account.snapshot

    def holds_for(self, snapshot: Snapshot, policy: Policy, progress: Progress, now: datetime) -> bool:
        """Check whether observing would find the same; what a balance was before plays no part in it."""
        return (
            snapshot is self.snapshot
            and policy is self.policy
            and now == self.now
            and progress.says_the_same(self.progress)
        )


class _Observer(Struct, frozen=True, gc=False):
    """What one position or order is looked at with."""

    snapshot: Snapshot
    policy: Policy
    progress: Progress
    now: datetime
    names: AssetNames
    belief: Belief
    protected: frozenset[str]
    records: Mapping[str, list[str]]
    sides: Mapping[str, set[Side]]
    missing: Kept[MissingPrice]
    unwinds: Kept[UnwindProgress]
    failed: Kept[int]

    @classmethod
    def of(cls, snapshot: Snapshot, policy: Policy, progress: Progress, now: datetime, names: AssetNames) -> _Observer:
        """Index what is looked up for every position: records and progress by asset, and the sides that are held."""
        records: dict[str, list[str]] = {}
        for symbol in sorted(snapshot.tracker):
            records.setdefault(names.of_symbol(symbol), []).append(symbol)
        sides: dict[str, set[Side]] = {}
        for position in snapshot.positions:
            sides.setdefault(names.of_position(position), set()).add(position.side)
        return cls(
            snapshot,
            policy,
            progress,
            now,
            names,
            policy.belief,
            policy.protected_assets(names, now),
            records,
            sides,
            Kept.of(progress.price_missing, names),
            Kept.of(progress.unwinds, names),
            Kept.of(progress.failed_exits, names),
        )

    def view(self, position: Position) -> PositionView:
        """Look a position up everywhere and value it; the facts that need the account's equity come later."""
        asset = self.names.of_position(position)
        market = self.snapshot.markets.get(position.symbol)
        price = price_of(self.snapshot, position, self.belief)
        symbol, record = self._record_of(position, asset)
        missing = self.missing.find(position, asset)
        view = PositionView(
            position,
            asset,
            market,
            price,
            record,
            self._entry_price(position, symbol, record),
            asset not in self.protected and market is not None and market.active,
            None if missing is None else missing.last_price,
        )
        facts = view.facts = self._market_facts(view)
        facts["price_missing_minutes"] = 0
        if price.mark is None and missing is not None:
            facts["price_missing_minutes"] = max(minutes_between(missing.since, self.now), 0)
        return view

    def _record_of(self, position: Position, asset: str) -> tuple[str, TrackerRecord | None]:
        """Find the record of an asset: the exact symbol's, else the first by symbol that registers this side."""
        tracker = self.snapshot.tracker
        own = tracker.get(position.symbol)
        if own is not None and self._registers(own, position, asset):
            return position.symbol, own
        for symbol in self.records.get(asset, ()):
            if self._registers(tracker[symbol], position, asset):
                return symbol, tracker[symbol]
        return position.symbol, None

    def _registers(self, record: TrackerRecord, position: Position, asset: str) -> bool:
        """Check that a record is about this side: its own, or the only one held where it names none."""
        if record.side is not None:
            return record.side == position.side
        return len(self.sides.get(asset, ())) == 1

    def _entry_price(self, position: Position, symbol: str, record: TrackerRecord | None) -> Decimal | None:
        """Return the entry price in the position's quote: the tracker's, turned by the two rates, else the venue's."""
        recorded = _positive(record.entry_price) if record else None
        if recorded is None:
            return _positive(position.entry_price)
        if symbol == position.symbol:
            return recorded
        theirs, ours = quote_of(symbol), quote_of(position.symbol)
        if theirs is None or theirs == ours:
            return recorded
        rate_there, rate_here = rate_of(self.snapshot, theirs), rate_of(self.snapshot, ours)
        if rate_there is None or rate_here is None:
            return None
        return EXACT.divide(recorded * rate_there, rate_here)

    def _market_facts(self, view: PositionView) -> dict[str, FactValue]:
        """Compute the facts that hang on the position and its market alone."""
        position, market, price, held = view.position, view.market, view.price, view.held
        facts: dict[str, FactValue] = {
            "symbol": position.symbol,
            "asset": position.symbol if view.is_derivative else view.asset,
            "side": position.side,
            "venue": self.snapshot.venue,
            "market_known": market is not None,
            "market_active": market is not None and market.active,
            "price_status": price.status,
            "api_mismatch": price.mismatch or held <= 0 or position.locked > held,
            "sellable": is_sellable(view),
            "over_cap": False,
            "protected": view.asset in self.protected,
        }
        if price.basis is not None:
            facts["price_basis"] = price.basis
        if view.value is not None:
            facts["value_usd"] = to_micro(view.value)
        if market is not None and (volatility := market.data.volatility_1d) is not None:
            facts["volatility_1d"] = to_micro(volatility)
        return facts

    def add_facts(self, view: PositionView, equity: Equity) -> None:
        """Add the facts that hang on the record, on progress and on the account's equity."""
        position, facts = view.position, view.facts
        self._add_record_facts(view)
        unwind = self.unwinds.find(position, view.asset)
        failed = self.failed.find(position, view.asset)
        facts["unwind_cycle"] = (unwind.cycle if unwind else 0) * MICRO
        facts["failed_exits"] = (failed or 0) * MICRO
        facts["equity_complete"] = equity.is_complete
        mark = view.price.mark
        if view.entry_price is not None and mark is not None:
            gain = mark - view.entry_price if position.side == "long" else view.entry_price - mark
            facts["pnl_pct"] = to_micro(EXACT.divide(gain, view.entry_price))
        opened = position.opened_at or (view.record.first_entry_time if view.record else None)
        if opened is not None:
            facts["age_minutes"] = minutes_between(opened, self.now)
        share = _account_share(view, equity, self.snapshot.share_of)
        if share is not None:
            facts["account_pct"] = to_micro(share)
        source = None if view.record is None else view.record.position_source
        facts["opened_by_strategy"] = source in self.policy.strategy_sources
        model = self.policy.scoring
        if model is not None:
            score = model.judge(facts, view.market, view.held)
            facts.update({} if score is None else {"health_score": score.micro})

    def _add_record_facts(self, view: PositionView) -> None:
        record, facts = view.record, view.facts
        recorded = record is not None and _positive(record.entry_price) is not None
        facts["tracked"] = record is not None
        facts["has_entry_price"] = recorded or _positive(view.position.entry_price) is not None
        facts["has_exit_logic"] = self._has_exit_logic(record)
        if record is None:
            return
        if record.position_source is not None:
            facts["position_source"] = record.position_source
        if record.strategy is not None:
            facts["strategy"] = record.strategy
        if record.quantity is not None:
            facts["tracked_quantity"] = to_micro(record.quantity)
            surplus = view.held - record.quantity
            facts["untracked_pct"] = to_micro(EXACT.divide(surplus, view.held)) if surplus > 0 and view.held > 0 else 0

    def _has_exit_logic(self, record: TrackerRecord | None) -> bool:
        if record is None:
            return False
        if record.exit_logic is not None:
            return record.exit_logic
        return record.position_source in self.policy.strategy_sources or _positive(record.stop_price) is not None

    def order_view(self, order: OpenOrder, holdings: Holdings) -> OrderView:
        """Look at an order beside what is held; whether a position is there for it comes once all orders are known."""
        asset = self.names.of_symbol(order.symbol)
        age = age_of(order, self.now)
        minutes = None if age is None else age // _MICROSECOND // _MICROS_PER_MINUTE
        opens = asset not in holdings.money and would_open(order, asset, holdings)
        is_protected, kind = asset in self.protected, order_kind(order)
        facts: dict[str, FactValue] = {
            "symbol": order.symbol,
            "side": order.side,
            "type": kind or order.type,
            "ours": order.client_order_id is not None and OUR_ORDER.fullmatch(order.client_order_id) is not None,
            "reduce_only": order.reduce_only,
            "opens": opens,
            "protected": is_protected,
        }
        if minutes is not None:
            facts["age_minutes"] = minutes
        value = order_value(self.snapshot, order)
        if value is not None:
            facts["value_usd"] = to_micro(value)
        return OrderView(order, asset, side_of(order, asset, holdings), opens, is_protected, kind, minutes, facts)


def order_value(snapshot: Snapshot, order: OpenOrder) -> Decimal | None:
    """Value what remains of an order at its price, in the account's quote currency; None without a price or a rate."""
    rate = rate_of(snapshot, quote_of(order.symbol))
    return None if order.price is None or rate is None else order.remaining * order.price * rate


def is_protective(order: OpenOrder, side: Side, mark: Decimal | None) -> bool:
    """Check that an order is a stop on the losing side of the mark: below it for a long, above it for a short."""
    if not order.trigger_price or mark is None:
        return False
    return order.trigger_price < mark if side == "long" else order.trigger_price > mark


def minutes_between(start: datetime, end: datetime) -> int:
    """Return the time between two moments in millionths of a minute, rounded down."""
    # One microsecond is 1/60 of a millionth of a minute.
    return (end - start) // _MICROSECOND // _MICROS_PER_MINUTE


def _by_symbol(position: Position) -> tuple[str, str]:
    return position.symbol, position.side


def _coming(orders: Iterable[OrderView], policy: Policy) -> Mapping[tuple[str, Side], list[str]]:
    """List the opening orders that will bring a position, by its asset and side: no stops, or young ones."""
    young = policy.stale_order_minutes * MICRO
    coming: dict[tuple[str, Side], list[str]] = {}
    for view in orders:
        is_young = view.age_minutes is not None and view.age_minutes < young
        if view.opens and (not view.is_stop or is_young):
            coming.setdefault((view.asset, view.side), []).append(view.order.id)
    return coming


def _is_position_held(view: OrderView, coming: Mapping[tuple[str, Side], list[str]], holdings: Holdings) -> bool:
    """Check that something is there for an order to close, or that another opening order will bring it."""
    closes: Side = "short" if view.order.side == "buy" else "long"
    if view.order.position_side not in {None, closes}:
        return False
    if holdings.held(view.asset, closes):
        return True
    return any(name != view.order.id for name in coming.get((view.asset, closes), ()))


def _account_share(view: PositionView, equity: Equity, told: Decimal | None) -> Decimal | None:
    """Return the share of what the account was said to be measured by, else of managed equity; None without either."""
    if told is not None:
        return EXACT.divide(view.value, told) if view.value is not None and told > 0 else None
    if view.value is None or not equity.has_shares:
        return None
    whole = equity.managed if view.is_managed or is_owed(view) else equity.managed + view.value
    return EXACT.divide(view.value, whole) if equity.managed > 0 and whole > 0 else None


def _positive(price: Decimal | None) -> Decimal | None:
    return price if price is not None and price > 0 else None
