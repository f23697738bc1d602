"""Make a plan: the one function from (policy, snapshot, progress, now) to everything that is to be done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from exitplan.ruleset.engine.rulebook import Rulebook, first_of
from exitplan.ruleset.language.policy import Rule
from exitplan.ruleset.language.reasons import reason_for
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.facts import observe_order, observe_positions
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot
from exitplan.ruleset.model.values import EXACT, floor_to_step
from exitplan.ruleset.planning.actions import CLOSING, SELLING, Action, Blocked, Exit, UnwindStep
from exitplan.ruleset.planning.checks import Changes, Checks, check
from exitplan.ruleset.planning.classify import Decision, decide
from exitplan.ruleset.planning.exits import ExitContext, cancel_action, plan_exit
from exitplan.ruleset.planning.guards import Verdict, judge


@dataclass(frozen=True, slots=True)
class PlanScope:
    """What a plan is narrowed to; empty means everything.

    A narrowed plan decides as the whole one would, and then leaves out the actions (and exits) outside its scope.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    phase: int | None = None

    def covers(self, symbol: str, rule: str, phase: int) -> bool:
        """Tell whether an action on this symbol, by this rule, in this phase is wanted."""
        if self.targets and symbol not in self.targets:
            return False
        if symbol in self.excludes or (self.rules and rule not in self.rules):
            return False
        return self.phase is None or self.phase == phase


@dataclass(frozen=True, slots=True)
class StaleOrder:
    """An open order that an order rule wants cancelled; one on a protected symbol is left."""

    order: OpenOrder
    rule: Rule
    facts: dict[str, FactValue]
    is_protected: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan before it is written: what was decided, and what is to be done."""

    decisions: tuple[Decision, ...]
    equity: Decimal
    actions: tuple[Action, ...]
    blocked: tuple[Blocked, ...]
    unwinds: tuple[UnwindStep, ...]
    left_orders: tuple[StaleOrder, ...]
    guards: tuple[Verdict, ...]
    checks: Checks
    forecast: Checks


@dataclass(frozen=True, slots=True)
class PlanInput:
    """Everything a plan depends on."""

    rulebook: Rulebook
    snapshot: Snapshot
    now: datetime
    progress: Progress = field(default_factory=Progress)
    scope: PlanScope = field(default_factory=PlanScope)


@dataclass(frozen=True, slots=True)
class Exits:
    """Exits, each planned once: the cap asks for some of them before the plan does."""

    desk: ExitContext
    planned: dict[str, tuple[Decision, Exit]] = field(default_factory=dict)

    def of(self, decision: Decision) -> Exit:
        """Plan the exit of a position, anew where the cap made another decision of it."""
        key = decision.found.position.key
        known = self.planned.get(key)
        if known is None or known[0] is not decision:
            known = self.planned[key] = (decision, plan_exit(decision, self.desk))
        return known[1]

    def closes(self, decision: Decision) -> bool:
        """Tell whether the exit of a position would close it."""
        return any(action.kind in CLOSING for action in self.of(decision).actions)


def draft_plan(given: PlanInput) -> Draft:
    """Classify, choose by the cap, plan the cancels and exits, ask the guards, and look ahead.

    Raises EngineDisagreement where the rule engine cannot be trusted; then there is no plan.
    """
    with localcontext(EXACT):
        return _draft(given)


def _draft(given: PlanInput) -> Draft:
    policy, snapshot, scope = given.rulebook.policy, given.snapshot, given.scope
    observations, equity = observe_positions(snapshot, policy, given.progress, given.now)
    stale = _stale_orders(given)
    cancelled = [found for found in stale if not found.is_protected and _covers_order(scope, found)]
    everything = [found for found in stale if not found.is_protected]
    unscoped = Exits(_desk(given, everything))
    decisions, counted = decide(given.rulebook, observations, unscoped.closes)
    scoped = unscoped if cancelled == everything else Exits(_desk(given, cancelled))
    exits = [_scoped_exit(decision, scoped, scope) for decision in decisions]
    actions = [_stale_cancel(snapshot, found) for found in cancelled]
    actions.extend(action for exit_ in exits for action in exit_.actions)
    actions.sort(key=_order_of_actions)
    unwinds = [exit_.unwind for exit_ in exits if exit_.unwind is not None]
    unwinding = set(given.progress.unwinds)
    stale_ids = [found.order.id for found in everything]
    orders = {order.id for order in snapshot.open_orders}
    checks = check(policy, decisions, counted, stale_ids, orders, unwinding, Changes())
    unwinding.update(step.key for step in unwinds)
    forecast = check(policy, decisions, counted, stale_ids, orders, unwinding, _changes(actions, decisions))
    return Draft(
        decisions=tuple(decisions),
        equity=equity,
        actions=tuple(actions),
        blocked=tuple(exit_.blocked for exit_ in exits if exit_.blocked is not None),
        unwinds=tuple(unwinds),
        left_orders=tuple(found for found in stale if found.is_protected),
        guards=tuple(judge(policy, actions, decisions, equity, snapshot.markets)),
        checks=checks,
        forecast=forecast,
    )


def _stale_orders(given: PlanInput) -> list[StaleOrder]:
    policy = given.rulebook.policy
    protected = frozenset(entry.symbol for entry in policy.protect if entry.holds(given.now))
    orders = sorted(given.snapshot.open_orders, key=lambda order: (order.symbol, order.id))
    facts = [observe_order(given.snapshot, order, given.now) for order in orders]
    masks = given.rulebook.match(given.rulebook.orders, facts)
    found = []
    for order, fact, mask in zip(orders, facts, masks, strict=True):
        rule = first_of(mask, policy.orders)
        if rule is not None:
            found.append(StaleOrder(order, rule, fact, order.symbol in protected))
    return found


def _desk(given: PlanInput, cancelled: Sequence[StaleOrder]) -> ExitContext:
    orders: dict[str, list[OpenOrder]] = defaultdict(list)
    for order in given.snapshot.open_orders:
        orders[order.symbol].append(order)
    return ExitContext(
        policy=given.rulebook.policy,
        snapshot=given.snapshot,
        progress=given.progress,
        now=given.now,
        orders={symbol: tuple(resting) for symbol, resting in orders.items()},
        stale=frozenset(found.order.id for found in cancelled),
    )


def _covers_order(scope: PlanScope, found: StaleOrder) -> bool:
    return scope.covers(found.order.symbol, found.rule.id, phase=2)


def _stale_cancel(snapshot: Snapshot, found: StaleOrder) -> Action:
    return cancel_action(snapshot, found.order, found.rule, 2, reason_for(found.rule, found.facts))


def _scoped_exit(decision: Decision, exits: Exits, scope: PlanScope) -> Exit:
    rule = decision.exit
    if rule is None or not scope.covers(decision.found.position.symbol, rule.id, phase=3):
        return Exit()
    return exits.of(decision)


def _order_of_actions(action: Action) -> tuple[int, str, str, str]:
    """Sort cancels by symbol and order id, then exits by their kind, inside each by symbol and long before short."""
    return (action.rank, action.symbol, action.order_id or "", action.position_side or "")


def _changes(actions: Sequence[Action], decisions: Sequence[Decision]) -> Changes:
    sold = {
        (action.symbol, action.position_side): action.quantity for action in actions if action.kind in CLOSING | SELLING
    }
    closed = []
    for decision in decisions:
        position, market = decision.found.position, decision.found.market
        quantity = sold.get((position.symbol, position.side))
        if quantity is None:
            continue
        rest = floor_to_step(decision.found.held - quantity, market.amount_step if market else None)
        if rest <= 0:
            closed.append(position.key)
    adopted = {(action.symbol, action.position_side) for action in actions if action.kind == "adopt"}
    positions = [decision.found.position for decision in decisions]
    return Changes(
        closed=frozenset(closed),
        adopted=frozenset(found.key for found in positions if (found.symbol, found.side) in adopted),
        cancelled=frozenset(action.order_id for action in actions if action.order_id is not None),
    )
