"""Phase 3: turn the exit rule of a position into actions, or say why it cannot run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, auto

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.language.parameters import ADOPTED_SOURCE
from exitplan.ruleset.language.policy import ExitRule, Invariant, Policy, Rule
from exitplan.ruleset.language.reasons import reason_for
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.facts import is_protective, order_value
from exitplan.ruleset.model.order_view import OrderView, held_by
from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.progress import Kept, Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot, TrackerRecord
from exitplan.ruleset.model.valuation import rate_of
from exitplan.ruleset.model.values import (
    EXACT,
    MICRO,
    ZERO,
    ceil_to_step,
    floor_to_step,
    is_derivative,
    plain,
    quote_of,
    time_text,
)
from exitplan.ruleset.planning.actions import (
    NEVER_ESCALATED,
    NO_EXIT,
    SELLING,
    Action,
    Blocked,
    BlockedReason,
    Exit,
    Kind,
    UnwindStep,
)
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.conversion import NOT_CONVERTED, conversion_obstacle, cost_text
from exitplan.ruleset.planning.group_orders import NO_GROUP, GroupOrder, GroupOrders, kept_by
from exitplan.ruleset.planning.order_sizes import divide_order
from exitplan.ruleset.planning.unwind import Slice, next_step
from exitplan.ruleset.planning.unwind_words import cycle_text, pace_text, step_name

HELD_BY = "held by "
"""What stands before the holders of a locked balance in the reason of a blocked exit."""


class Rank(IntEnum):
    """The places of exits in a plan, behind the cancels, which have none."""

    CLOSE_ZOMBIE = auto()
    CLOSE_DUST = auto()
    CLOSE = auto()
    UNWIND = auto()
    CONVERT_DUST = auto()
    CONVERT_CASH = auto()
    ATTACH_STOP = auto()
    ADOPT = auto()


class ExitContext(Struct, frozen=True, gc=False):
    """What exits work with: the policy, the account, progress, and the orders that the plan cancels anyway (by id).

    ``group`` is what the account's group says of its positions.
    """

    policy: Policy
    account: AccountView
    unwinds: Kept[UnwindProgress]
    now: datetime
    cancelled: frozenset[str] = frozenset()
    orders_by_asset: Mapping[str, list[OrderView]] = field(default_factory=dict)
    holders_by_asset: Mapping[str, list[OrderView]] = field(default_factory=dict)
    symbols_by_asset: Mapping[str, list[str]] = field(default_factory=dict)
    group: GroupOrders = NO_GROUP
    closable_by_key: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def of(
        cls, policy: Policy, account: AccountView, progress: Progress, now: datetime, cancelled: frozenset[str]
    ) -> ExitContext:
        """Make the context of a plan; orders are found by what they trade and by what they hold."""
        holders: dict[str, list[OrderView]] = {}
        for view in account.orders:
            held = set() if is_derivative(view.order.symbol) else {held_by(view.order, account.names)[0]}
            for asset in {view.asset} | held:
                holders.setdefault(asset, []).append(view)
        orders = {asset: [view for view in views if not view.is_protected] for asset, views in holders.items()}
        symbols: dict[str, list[str]] = {}
        for position in account.positions:
            symbols.setdefault(position.asset, []).append(position.position.symbol)
        unwinds = Kept.of(progress.unwinds, account.names)
        return cls(policy, account, unwinds, now, cancelled, orders, holders, symbols)

    def with_cancelled(self, ids: frozenset[str]) -> ExitContext:
        """Return the context of the same plan with further cancels."""
        return self.cancelling(self.cancelled | ids, self.group)

    def cancelling(self, ids: frozenset[str], group: GroupOrders) -> ExitContext:
        """Return the context of the same account where the plan cancels other orders, or its group has a say."""
        return replace(self, cancelled=ids, group=group, closable_by_key={})

    @property
    def snapshot(self) -> Snapshot:
        """The account as it was read."""
        return self.account.snapshot

    def orders_of(self, view: PositionView) -> list[OrderView]:
        """Return the orders about the asset of a position, protected ones aside, by symbol and id.

        What names the symbol of another position of the same asset is left to that one; what names none belongs to the
        first.
        """
        symbols, symbol = self.symbols_by_asset[view.asset], view.position.symbol
        return [
            order
            for order in self.orders_by_asset.get(view.asset, ())
            if order.order.symbol == symbol or (order.order.symbol not in symbols and symbol == symbols[0])
        ]

    def exit_orders(self, view: PositionView) -> list[OrderView]:
        """Return the orders that close a position or hold what it consists of."""
        return [order for order in self.orders_of(view) if self.closes(order, view) or self.release(order, view)]

    def opening_orders(self, view: PositionView) -> list[OrderView]:
        """Return the orders that would open the position again, once it is closed."""
        return [
            order
            for order in self.orders_of(view)
            if order.opens and order.asset == view.asset and order.side == view.position.side
        ]

    def closes(self, order: OrderView, view: PositionView) -> bool:
        """Check that an order is on the exit side of a position and belongs to it."""
        return (
            order.asset == view.asset
            and order.order.side == view.position.exit_side
            and order.side == view.position.side
        )

    def release(self, order: OrderView, view: PositionView) -> Decimal:
        """Return how much of a position cancelling an order sets free, in the position's units."""
        if view.is_derivative:
            return order.order.remaining if self.closes(order, view) else ZERO
        if view.position.side == "short" or is_derivative(order.order.symbol):
            return ZERO
        asset, amount = held_by(order.order, self.account.names)
        return amount if asset == view.asset else ZERO

    def free(self, view: PositionView, cancels: Sequence[OrderView] = ()) -> Decimal:
        """Return what can be sold once the plan's cancels and the given ones are done: never more than is held."""
        if not self.orders_by_asset.get(view.asset):  # as it is with most
            return min(view.held, view.held - view.position.locked)
        ids = {order.order.id for order in cancels}
        released = sum(
            (self.release(order, view) for order in self.orders_of(view) if self.is_cancelled(order, ids)), ZERO
        )
        return min(view.held, view.held - view.position.locked + released)

    def is_cancelled(self, order: OrderView, ids: Collection[str]) -> bool:
        """Check whether the plan cancels an order anyway, or it is among these; the plan may cancel thousands."""
        return order.order.id in self.cancelled or order.order.id in ids

    def closable(self, view: PositionView) -> Decimal:
        """Return what a close could sell, its own cancels counted and debts aside, on the step."""
        return self.without_debt(view, self.free(view, [*self.exit_orders(view), *self.opening_orders(view)]))

    def without_debt(self, view: PositionView, free: Decimal) -> Decimal:
        """Return what of a free quantity is not owed, on the step."""
        most = free if view.position.side == "short" else min(free, view.held - view.position.debt)
        return floor_to_step(most, view.amount_step)

    def is_closable(self, view: PositionView) -> bool:
        """Check that a close could sell at least the minimum."""
        key = view.position.key
        if key not in self.closable_by_key:  # the cap asks before and after its choice
            price = limit_price(view, self.policy)
            self.closable_by_key[key] = reaches_minimum(view, self.closable(view), price)
        return self.closable_by_key[key]


def plan_exit(decision: Decision, context: ExitContext) -> Exit:
    """Plan the exit of one position; protected and deferred positions get none."""
    rule = decision.exit
    if rule is None or decision.is_protected or decision.is_deferred:
        return NO_EXIT
    broken = find_broken(context.policy.invariants, rule.action, decision.view.facts)
    if broken is not None:
        because = f"{rule.id} would {rule.action} it, and the policy says: {broken.text}"
        return Exit(blocked=replace(_blocked(decision.view, rule, "invariant"), escalate=True, because=because))
    if rule.action == "attach_stop":
        return _plan_stop(decision.view, rule, context)
    order = context.group.orders.get(decision.key)
    exit_ = _plan_sale(decision.view, rule, context, order)
    return kept_by(order, decision, exit_) if order is not None and order.holds else exit_


def find_broken(invariants: Sequence[Invariant], action: str | None, facts: Facts) -> Invariant | None:
    """Return the first invariant that an exit action (None: nothing) breaks for a position with these facts."""
    return next((one for one in invariants if one.forbids(action) and is_true(one.when, facts)), None)


def _plan_sale(view: PositionView, rule: ExitRule, context: ExitContext, order: GroupOrder | None = None) -> Exit:
    """Plan a close or a slice of an unwind; a group may have a slice of its own for it, and bound it."""
    step = None
    if rule.action == "unwind":
        step = _step_of(view, context, order)
    price = limit_price(view, context.policy)
    obstacle = _obstacle(view, rule, price)
    if step is not None and step.counts:
        return _at_target(view, rule, step, is_sellable=obstacle is None)
    if obstacle == "below-minimum" and rule.is_convertible and context.policy.dust.convert:
        return _plan_conversion(view, rule, context)
    everything = view.everything
    cancels = [] if step is not None else _once([*context.exit_orders(view), *context.opening_orders(view)])
    free = context.free(view, cancels)
    wanted = everything if step is None else Slice(view, step, price).quantity
    if order is not None and order.most is not None:
        wanted = min(wanted, order.most)
    obstacle = obstacle or _shortage(view, context, min(wanted, free), price) or _late_obstacle(view, rule, context)
    if obstacle is not None:
        return Exit(blocked=_with_holders(_blocked(view, rule, obstacle), view, context, cancels))
    if step is not None and step.due_at is not None:
        return Exit(blocked=_waiting(view, rule, step), quantity=min(wanted, context.without_debt(view, free)))
    if step is not None and Slice(view, step, price).is_too_thin:
        return Exit(blocked=_too_thin(view, rule, step, context.policy))
    quantity = min(wanted, context.without_debt(view, free))
    if step is not None and quantity >= everything:
        cancels = context.opening_orders(view)
    return _sale(view, rule, context, quantity, price, cancels, step)


def _step_of(view: PositionView, context: ExitContext, order: GroupOrder | None) -> UnwindStep:
    if order is not None and order.step is not None:
        return order.step
    return next_step(view, context.unwinds.find(view.position, view.asset), context.policy, context.now)


def _shortage(view: PositionView, context: ExitContext, free: Decimal, price: Decimal | None) -> BlockedReason | None:
    """Return what keeps a sale below the minimum: balances that are held, or debts."""
    if not reaches_minimum(view, floor_to_step(free, view.amount_step), price):
        return "locked"
    return None if reaches_minimum(view, context.without_debt(view, free), price) else "owed"


def _with_holders(blocked: Blocked, view: PositionView, context: ExitContext, cancels: Sequence[OrderView]) -> Blocked:
    """Name what holds the balance of a locked position: the orders that stay, else the venue."""
    if blocked.reason != "locked":
        return blocked
    gone = {order.order.id for order in cancels}
    holders = [(order, context.release(order, view)) for order in context.holders_by_asset.get(view.asset, ())]
    ids = [order.order.id for order, amount in holders if amount > 0 and not context.is_cancelled(order, gone)]
    by = [f"{'order' if len(ids) == 1 else 'orders'} {', '.join(ids)}"] if ids else []
    if view.position.locked > sum((amount for _, amount in holders), ZERO):
        by.append("the venue (staked, lent or in earn)")
    return replace(blocked, because=f"{blocked.because}; {HELD_BY}{' and '.join(by)}") if by else blocked


def _sale(
    view: PositionView,
    rule: ExitRule,
    context: ExitContext,
    quantity: Decimal,
    price: Decimal | None,
    cancels: Sequence[OrderView],
    step: UnwindStep | None,
) -> Exit:
    """Write the orders of a sale, and the cancels that go before it."""
    because = _bounded_reason(view, rule, context)
    sizes = divide_order(view, quantity, price, at_market=price is None)
    if not sizes:
        return Exit(blocked=_blocked(view, rule, "below-minimum"))
    actions = _cancels(view, rule, context, cancels, because)
    kind: Kind = "close" if step is None else "unwind"
    why = because if step is None else f"{because}; {cycle_text(step, context.policy)}"
    if len(sizes) > 1:
        why = f"{why}; in {len(sizes)} orders, for the venue takes no more in one"
    if sum(sizes) < quantity:
        why = f"{why}; the venue takes {plain(sizes[0])} in one order, the rest follows in the next run"
    for number, size in enumerate(sizes, start=1):
        part = number if len(sizes) > 1 else 0
        actions.append(_order(view, kind, rule, why, size, price, part))
    return Exit(actions=tuple(actions), unwind=step, quantity=quantity)


def _cancels(
    view: PositionView, rule: ExitRule, context: ExitContext, orders: Sequence[OrderView], because: str
) -> list[Action]:
    """Write the cancels of a sale: of what holds the balance, and of what would open the position again."""
    actions = []
    for order in orders:
        if order.order.id in context.cancelled:
            continue
        frees = context.closes(order, view) or context.release(order, view)
        what = "frees the balance" if frees else "it would open the position again"
        cancel = cancel_action(context.snapshot, order.order, rule, 3, f"{because}; {what}")
        actions.append(replace(cancel, expects={**cancel.expects, "position": view.position.key}))
    return actions


def _at_target(view: PositionView, rule: ExitRule, step: UnwindStep, *, is_sellable: bool) -> Exit:
    """Count a cycle that has nothing to sell, once it is due; what is unsellable and not due says nothing."""
    if step.due_at is None:
        return Exit(unwind=step)
    return Exit(blocked=_waiting(view, rule, step)) if is_sellable else NO_EXIT


def _obstacle(view: PositionView, rule: ExitRule, price: Decimal | None) -> BlockedReason | None:
    """Return what speaks against selling all of a position, whatever else rests or is owed."""
    facts = view.facts
    if not facts["market_known"]:
        return "no-market"
    if not facts["market_active"]:
        return "market-inactive"
    if view.is_negative_balance:
        return "owed"
    if not facts["sellable"] or (price is not None and not reaches_minimum(view, view.everything, price)):
        return "below-minimum"
    return "attempts-exhausted" if _is_exhausted(view, rule) else None


def _late_obstacle(view: PositionView, rule: ExitRule, context: ExitContext) -> BlockedReason | None:
    """Return what speaks against selling now: a position in the making, or a price that nobody has."""
    policy = context.policy
    if rule.is_dust and _is_being_opened(view, context):
        return "entry-open"
    if view.price.mark is not None:
        return None
    minutes = view.facts["price_missing_minutes"]
    if int(minutes) < policy.blind_exit_minutes * MICRO:
        return "no-price-yet"
    has_belt = "price_collar_pct" in policy.guards or "max_spread_pct" in policy.guards
    return "no-value" if has_belt or view.blind_value(Decimal(1)) is None else None


def _is_being_opened(view: PositionView, context: ExitContext) -> bool:
    """Check for a young opening order of the asset; one of unknown age does not count."""
    young = context.policy.stale_order_minutes * MICRO
    return any(
        order.opens and order.asset == view.asset and order.age_minutes is not None and order.age_minutes < young
        for order in context.orders_by_asset.get(view.asset, ())
    )


def _is_exhausted(view: PositionView, rule: ExitRule) -> bool:
    return rule.attempts is not None and int(view.facts["failed_exits"]) >= rule.attempts * MICRO


def _reason(view: PositionView, rule: ExitRule) -> str:
    return reason_for(rule, view.facts, view.words)


def _bounded_reason(view: PositionView, rule: ExitRule, context: ExitContext) -> str:
    """Give the reason of a sale, and what a group has added to an exit of the account's own."""
    order = context.group.orders.get(view.position.key)
    if order is None or order.rule is not None or not order.because:
        return _reason(view, rule)
    return f"{_reason(view, rule)}; {order.because}"


def _blocked(view: PositionView, rule: ExitRule, reason: BlockedReason) -> Blocked:
    position = view.position
    escalates = rule.escalates and reason not in NEVER_ESCALATED
    return Blocked(position.symbol, position.side, rule.id, reason, escalates, _reason(view, rule))


def _waiting(view: PositionView, rule: ExitRule, step: UnwindStep) -> Blocked:
    blocked = _blocked(view, rule, "waiting")
    due = "" if step.due_at is None else f"; {step_name(step)} is due at {time_text(step.due_at)}"
    return replace(blocked, because=blocked.because + due, until=step.due_at)


def _too_thin(view: PositionView, rule: ExitRule, step: UnwindStep, policy: Policy) -> Blocked:
    blocked = _blocked(view, rule, "thin-market")
    return replace(blocked, because=f"{blocked.because}; {pace_text(step, policy)}")


def _plan_conversion(view: PositionView, rule: ExitRule, context: ExitContext) -> Exit:
    """Plan the conversion of dust that is too small to sell, or say what speaks against it."""
    if _is_exhausted(view, rule):
        return Exit(blocked=_blocked(view, rule, "attempts-exhausted"))
    late = _late_obstacle(view, rule, context)
    if late is not None:
        return Exit(blocked=_blocked(view, rule, late))
    quote, terms = context.snapshot.quote, context.snapshot.conversions.get(view.position.symbol)
    free = min(view.held - view.position.locked, view.held - view.position.debt)
    obstacle = conversion_obstacle(view, free, terms, context.policy.dust, quote)
    because = _reason(view, rule)
    if terms is None or obstacle is not None:
        blocked = _blocked(view, rule, "below-minimum")
        return Exit(blocked=replace(blocked, because=f"{because}; {NOT_CONVERTED}{obstacle}"))
    why = f"{because}; too small to sell; the venue converts it for {cost_text(view, free, terms, quote)}"
    order = _order(view, "convert_dust", rule, why, free)
    expects = {**order.expects, "conversion_cost_pct": plain(terms.cost_pct)}
    cancels = _cancels(view, rule, context, context.opening_orders(view), because)
    return Exit(actions=(*cancels, replace(order, expects=expects)), quantity=free)


def _rank_of(kind: Kind, rule: ExitRule) -> int:
    if kind == "close" and rule.is_zombie:
        return Rank.CLOSE_ZOMBIE
    return Rank.CLOSE_DUST if kind == "close" and rule.is_dust else Rank[kind.upper()]


def _plan_stop(view: PositionView, rule: ExitRule, context: ExitContext) -> Exit:
    obstacle = _obstacle(view, rule, None)
    if obstacle is not None:
        return Exit(blocked=_blocked(view, rule, obstacle))
    trigger = _trigger_price(view, rule)
    if trigger is None:
        return Exit(blocked=_blocked(view, rule, "no-price"))
    actions: list[Action] = []
    because = _reason(view, rule)
    uncovered = floor_to_step(view.held - _covered(view, context), view.amount_step)
    if uncovered > 0 and reaches_minimum(view, uncovered):
        if not reaches_minimum(view, uncovered, trigger):
            return Exit(blocked=_blocked(view, rule, "below-minimum"))
        free = min(uncovered, context.free(view))
        shortage = _shortage(view, context, free, trigger)
        if shortage is not None:
            return Exit(blocked=_blocked(view, rule, shortage))
        quantity = context.without_debt(view, free)
        why = f"{because}; stop {plain((rule.stop_pct or ZERO) * 100)} % from the mark"
        sizes = divide_order(view, quantity, trigger, at_market=True)
        for number, size in enumerate(sizes, start=1):
            part = number if len(sizes) > 1 else 0
            actions.append(_order(view, "attach_stop", rule, why, size, trigger, part))
    if rule.adopt and (view.record is None or view.record.position_source != ADOPTED_SOURCE):
        actions.append(_order(view, "adopt", rule, f"{because}; registered with the tracker", view.held))
    return Exit(actions=tuple(actions))


def _covered(view: PositionView, context: ExitContext) -> Decimal:
    """Add up what resting stops protect: one on the winning side of the mark takes profit and protects nothing."""
    staying = [order for order in context.exit_orders(view) if order.order.id not in context.cancelled]
    return sum(
        (
            order.order.remaining
            for order in staying
            if order.asset == view.asset
            and is_protective(order.order, view.position.side, _mark_there(view, order, context))
        ),
        ZERO,
    )


def _mark_there(view: PositionView, order: OrderView, context: ExitContext) -> Decimal | None:
    """Return the mark in the currency of an order's market; None without a rate between the two."""
    mark, here = view.price.mark, view.price.rate
    there = rate_of(context.snapshot, quote_of(order.order.symbol))
    return None if mark is None or here is None or there is None else EXACT.divide(mark * here, there)


def _trigger_price(view: PositionView, rule: ExitRule) -> Decimal | None:
    """Place the stop away from the mark, rounded further away; None where that leaves no price above zero."""
    return None if rule.stop_pct is None else _price_beyond(view, rule.stop_pct)


def limit_price(view: PositionView, policy: Policy) -> Decimal | None:
    """Return the limit of a collared exit: through the mark, rounded further through; None for an exit at the market.

    Where that rounds to no price above zero the limit is one step: an order at the market would have no collar. A
    position without a price has nothing to put a collar around.
    """
    collar = policy.guards.get("price_collar_pct")
    if collar is None or view.price.mark is None:
        return None
    return _price_beyond(view, collar) or view.price_step


def _price_beyond(view: PositionView, share: Decimal) -> Decimal | None:
    """Return the price this share of the mark on the losing side of it, on the price step; None for none above zero."""
    mark, step = view.price.mark, view.price_step
    if mark is None:
        return None
    if view.position.side == "short":
        wanted = mark * (1 + share)
        return ceil_to_step(wanted, step) if step else wanted
    price = floor_to_step(mark * (1 - share), step)
    return price if price > 0 else None


def _once(orders: Sequence[OrderView]) -> list[OrderView]:
    """Return orders without repetition, by symbol and id."""
    known: Mapping[str, OrderView] = {order.order.id: order for order in orders}
    return sorted(known.values(), key=lambda order: (order.order.symbol, order.order.id))


def cancel_action(snapshot: Snapshot, order: OpenOrder, rule: Rule, phase: int, because: str) -> Action:
    """Plan the cancellation of an open order; its value is the capital that it holds."""
    return Action(
        kind="cancel_order",
        phase=phase,
        symbol=order.symbol,
        side=order.side,
        quantity=order.remaining,
        rule=rule.id,
        because=because,
        order_id=order.id,
        est_value=order_value(snapshot, order),
        expects={"order_quantity": plain(order.quantity), "order_filled": plain(order.filled)},
    )


def record_marks(record: TrackerRecord | None) -> Iterator[tuple[str, str | None]]:
    """Yield what tells one lot of a position from the next: how its record was opened."""
    price = None if record is None or record.entry_price is None else plain(record.entry_price)
    opened = None if record is None or record.first_entry_time is None else time_text(record.first_entry_time)
    yield "record_entry_price", price
    yield "record_first_entry_time", opened
    yield "record_source", None if record is None else record.position_source


def _order(
    view: PositionView,
    kind: Kind,
    rule: ExitRule,
    because: str,
    quantity: Decimal,
    price: Decimal | None = None,
    part: int = 0,
) -> Action:
    """Write an order about a position; its price is the trigger of a stop and the limit of anything else."""
    position, mark = view.position, view.price.mark
    value, fees = view.worth(quantity), view.market if kind in SELLING else None
    return Action(
        kind=kind,
        phase=3,
        symbol=position.symbol,
        side=position.exit_side,
        quantity=quantity,
        rule=rule.id,
        because=because,
        position_side=position.side,
        est_value=value,
        blind_value=view.blind_value(quantity) if value is None else None,
        expects={
            "position_quantity": plain(position.quantity),
            "mark_price": None if mark is None else plain(mark),
            **({} if view.record is None else dict(record_marks(view.record))),
        },
        limit_price=None if kind == "attach_stop" else price,
        taker_fee=None if fees is None else fees.taker_fee,
        fee_is_listed=fees is not None and fees.fee_is_listed,
        trigger_price=price if kind == "attach_stop" else None,
        rank=_rank_of(kind, rule),
        part=part,
    )
