"""Make a plan: the one function from (policy, snapshot, progress, now) to everything that is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.engine.rulebook import Rulebook, first_of
from exitplan.ruleset.language.policy import Policy, Rule
from exitplan.ruleset.language.reasons import reason_for
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.facts import Observation, observe
from exitplan.ruleset.model.order_view import OrderView
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot
from exitplan.ruleset.model.values import EXACT, floor_to_step, is_derivative, meant_symbol, quote_of
from exitplan.ruleset.planning.actions import CLOSING, NO_EXIT, SELLING, Action, Blocked, Exit, UnwindStep
from exitplan.ruleset.planning.balance import find_change
from exitplan.ruleset.planning.cash import RULE as CASH_RULE
from exitplan.ruleset.planning.cash import plan_conversions
from exitplan.ruleset.planning.checks import Changes, CheckInput, Checks
from exitplan.ruleset.planning.classify import CapInput, Decision, candidates, decide
from exitplan.ruleset.planning.exits import ExitContext, cancel_action, plan_exit
from exitplan.ruleset.planning.group_orders import NO_GROUP, GroupOrders, directed
from exitplan.ruleset.planning.guards import Verdict, judge
from exitplan.ruleset.planning.warnings import PlanWarning, find_warnings


class PlanScope(Struct, frozen=True, gc=False):
    """What a plan is narrowed to; empty means everything.

    A narrowed plan decides as the whole one would, and then leaves out the actions (and exits) outside its scope.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    phase: int | None = None

    def within(self, snapshot: Snapshot) -> PlanScope:
        """Return the scope with symbols as the account has them: a person also writes eth-usd, ETHUSD or ETH."""
        if not (self.targets or self.excludes):
            return self
        symbols = snapshot.symbols
        return replace(
            self,
            targets=tuple(meant_symbol(name, symbols) for name in self.targets),
            excludes=tuple(meant_symbol(name, symbols) for name in self.excludes),
        )

    def covers(self, symbol: str, rule: str, phase: int) -> bool:
        """Check whether an action on this symbol, by this rule, in this phase is wanted."""
        if self.targets and symbol not in self.targets:
            return False
        if symbol in self.excludes or (self.rules and rule not in self.rules):
            return False
        return self.phase is None or self.phase == phase


class StaleOrder(Struct, frozen=True, gc=False):
    """An open order that an order rule wants cancelled; one on a protected symbol is left."""

    view: OrderView
    rule: Rule

    @property
    def order(self) -> OpenOrder:
        """The order itself."""
        return self.view.order

    @property
    def is_protected(self) -> bool:
        """Check whether the order is left because its base is protected."""
        return self.view.is_protected


class PlanInput(Struct, frozen=True, gc=False):
    """Everything a plan depends on; ``is_recorded`` says that the snapshot comes from a file.

    ``seen`` is an observation that was made already: it changes nothing, and saves making the same one anew. ``group``
    is what the account's group says of single positions, once it has looked at all its accounts.
    """

    rulebook: Rulebook
    snapshot: Snapshot
    now: datetime
    progress: Progress = field(default_factory=Progress)
    scope: PlanScope = field(default_factory=PlanScope)
    is_recorded: bool = False
    seen: Observation | None = None
    group: GroupOrders = NO_GROUP

    @property
    def account(self) -> AccountView:
        """The account as it is observed by the rest."""
        asked = (self.snapshot, self.rulebook.policy, self.progress, self.now)
        if self.seen is not None and self.seen.holds_for(*asked):
            return self.seen.account
        return observe(*asked)


class Draft(Struct, frozen=True, gc=False):
    """A plan before it is written: what was decided, and what is to be done.

    ``given`` is what it was made of. ``excess`` is how many positions there are above the cap; ``cap_candidates`` are
    then the keys of those that the cap could choose, the first first.
    """

    given: PlanInput
    account: AccountView
    decisions: tuple[Decision, ...]
    actions: tuple[Action, ...]
    blocked: tuple[Blocked, ...]
    unwinds: tuple[UnwindStep, ...]
    left_orders: tuple[StaleOrder, ...]
    guards: tuple[Verdict, ...]
    checks: Checks
    forecast: Checks
    exits: Mapping[str, Exit]
    cap_candidates: tuple[str, ...]
    excess: int

    @property
    def warnings(self) -> tuple[PlanWarning, ...]:
        """What a person should know, looked for when it is asked for: of most accounts in a fleet nobody does."""
        with localcontext(EXACT):
            found = find_warnings(self.given.rulebook.policy, self.account, self.given.now, self.unwinds)
            return (*found, *_balance_warning(self.guards))


class Exits(Struct, frozen=True, gc=False):
    """Exits, each planned once: the cap asks for some of them before the plan does."""

    context: ExitContext
    planned: dict[str, tuple[Decision, Exit]] = field(default_factory=dict)

    def of(self, decision: Decision) -> Exit:
        """Plan the exit of a position, anew where the cap made another decision of it."""
        known = self.planned.get(decision.key)
        if known is None or known[0] is not decision:
            known = self.planned[decision.key] = (decision, plan_exit(decision, self.context))
        return known[1]


def draft_plan(given: PlanInput) -> Draft:
    """Classify, choose by the cap, plan the cancels and exits, ask the guards, and look ahead.

    Raises EngineDisagreement where the rule engine cannot be trusted; then there is no plan.
    """
    with localcontext(EXACT):
        return _draft(given)


def _draft(given: PlanInput) -> Draft:
    policy, scope = given.rulebook.policy, given.scope
    account = given.account
    stale = _stale_orders(given, account)
    everything = [order for order in stale if not order.is_protected]
    cancelled = [order for order in everything if scope.covers(order.order.symbol, order.rule.id, phase=2)]
    context = ExitContext.of(policy, account, given.progress, given.now, _ids(everything))
    unscoped = Exits(context)
    cap = CapInput(unscoped.of, context.is_closable)
    decisions, counted = decide(given.rulebook, account.positions, cap)
    is_own = cancelled == everything and not given.group.orders
    scoped = unscoped if is_own else Exits(context.cancelling(_ids(cancelled), given.group))
    wanted = directed(decisions, given.group)  # the cap and the checks ask what the account's own policy says
    exits = _plan_exits(wanted, scoped, scope)
    actions = [_stale_cancel(account, order) for order in cancelled]
    actions.extend(action for exit_ in exits for action in exit_.actions)
    belief = policy.belief
    if policy.cash.convert and scope.covers("", CASH_RULE, phase=3):
        actions.extend(act for act in plan_conversions(account, belief) if scope.covers(act.symbol, act.rule, 3))
    actions = _each_cancel_once(sorted(actions, key=_order_of_actions))
    unwinds = [exit_.unwind for exit_ in exits if exit_.unwind is not None]
    change = find_change(account, given.progress, belief)
    guards = judge(policy, actions, decisions, account, change)
    surprise = next((f"{v.name}: {v.detail}" for v in guards if v.name == "max_equity_change_pct" and not v.ok), None)
    if given.snapshot.missing:
        surprise = f"{' and '.join(given.snapshot.missing).replace('_', ' ')} could not be read"
    under_way = _under_way(decisions, unscoped, given.progress)
    checking = CheckInput(policy, account, decisions, counted, unscoped.of, _order_ids(everything), under_way, surprise)
    checks = forecast = checking.check(Changes())
    if actions or unwinds:
        later = replace(checking, decisions=wanted, unwinding=under_way | {step.key for step in unwinds})
        forecast = later.check(_changes(actions, decisions, account))
    excess = max(counted - policy.max_positions, 0)
    return Draft(
        given=given,
        account=account,
        decisions=tuple(wanted),
        actions=tuple(actions),
        blocked=tuple(exit_.blocked for exit_ in exits if exit_.blocked is not None),
        unwinds=tuple(unwinds),
        left_orders=tuple(order for order in stale if order.is_protected),
        guards=tuple(guards),
        checks=checks,
        forecast=forecast,
        exits={decision.key: exit_ for decision, exit_ in zip(decisions, exits, strict=True)},
        cap_candidates=_cap_candidates(decisions, policy, cap) if excess else (),
        excess=excess,
    )


def _cap_candidates(decisions: Sequence[Decision], policy: Policy, cap: CapInput) -> tuple[str, ...]:
    unprotected = [decision for decision in decisions if not decision.is_protected]
    return tuple(decision.key for decision in candidates(unprotected, policy, cap))


def _plan_exits(decisions: Sequence[Decision], exits: Exits, scope: PlanScope) -> list[Exit]:
    """Plan the closes first: what they cancel is free for the unwinds and stops after them."""
    planned = {
        decision.key: _scoped_exit(decision, exits, scope)
        for decision in decisions
        if decision.exit is not None and decision.exit.action == "close"
    }
    ids = {action.order_id for exit_ in planned.values() for action in exit_.actions if action.order_id is not None}
    later = exits if ids <= exits.context.cancelled else Exits(exits.context.with_cancelled(frozenset(ids)))
    return [planned.get(decision.key) or _scoped_exit(decision, later, scope) for decision in decisions]


def _stale_orders(given: PlanInput, account: AccountView) -> list[StaleOrder]:
    """Find the orders that a rule wants cancelled; one of unknown age is judged by none."""
    policy = given.rulebook.policy
    views = [view for view in account.orders if view.age_minutes is not None]
    masks = given.rulebook.match(given.rulebook.orders, [view.facts for view in views])
    matched = [(view, first_of(mask, policy.orders)) for view, mask in zip(views, masks, strict=True)]
    return [StaleOrder(view, rule) for view, rule in matched if rule is not None]


def _ids(orders: Sequence[StaleOrder]) -> frozenset[str]:
    return frozenset(_order_ids(orders))


def _order_ids(orders: Sequence[StaleOrder]) -> list[str]:
    return [order.order.id for order in orders]


def _stale_cancel(account: AccountView, order: StaleOrder) -> Action:
    because = reason_for(order.rule, order.view.facts)
    return cancel_action(account.snapshot, order.order, order.rule, 2, because)


def _scoped_exit(decision: Decision, exits: Exits, scope: PlanScope) -> Exit:
    rule = decision.exit
    if rule is None or not scope.covers(decision.view.position.symbol, rule.id, phase=3):
        return NO_EXIT
    return exits.of(decision)


def _under_way(decisions: Sequence[Decision], exits: Exits, progress: Progress) -> frozenset[str]:
    """Return the keys of positions with an unwind under way: with progress, or waiting for their next cycle."""
    waiting = set[str]()
    for decision in decisions:
        if decision.exit is not None and decision.exit.action == "unwind":
            blocked = exits.of(decision).blocked
            if blocked is not None and blocked.reason == "waiting":
                waiting.add(decision.key)
    begun = {decision.key for decision in decisions if int(decision.view.facts["unwind_cycle"]) > 0}
    return frozenset({*progress.unwinds, *waiting, *begun})


def _each_cancel_once(actions: Sequence[Action]) -> list[Action]:
    """Keep the first of several cancels of one order: it may be in the way of two exits."""
    seen = set[str]()
    kept = []
    for action in actions:
        if action.order_id is None or action.order_id not in seen:
            kept.append(action)
        if action.order_id is not None:
            seen.add(action.order_id)
    return kept


def _order_of_actions(action: Action) -> tuple[int, str, str, str, int]:
    """Sort cancels by symbol and order id, then exits by their kind, inside each by symbol and long before short."""
    return (action.rank, action.symbol, action.order_id or "", action.position_side or "", action.part)


def _balance_warning(guards: Sequence[Verdict]) -> list[PlanWarning]:
    verdict = next(verdict for verdict in guards if verdict.name == "max_equity_change_pct")
    if verdict.ok:
        return []
    text = f"what is held is not what the last run left: {verdict.detail}"
    return [PlanWarning("balance-changed", "", text)]


def _changes(actions: Sequence[Action], decisions: Sequence[Decision], account: AccountView) -> Changes:
    sold: dict[tuple[str, str | None], Decimal] = {}
    for action in actions:
        if action.kind in CLOSING | SELLING:
            key = (action.symbol, action.position_side)
            sold[key] = sold.get(key, Decimal(0)) + action.quantity
    closed = []
    for decision in decisions:
        position = decision.view.position
        quantity = sold.get((position.symbol, position.side))
        if quantity is not None and floor_to_step(decision.view.held - quantity, decision.view.amount_step) <= 0:
            closed.append(position.key)
    adopted = {(action.symbol, action.position_side) for action in actions if action.kind == "adopt"}
    positions = [decision.view.position for decision in decisions]
    return Changes(
        closed=frozenset(closed),
        adopted=frozenset(position.key for position in positions if (position.symbol, position.side) in adopted),
        cancelled=frozenset(action.order_id for action in actions if action.order_id is not None),
        proceeds=frozenset(_proceeds(actions, account)),
    )


def _proceeds(actions: Sequence[Action], account: AccountView) -> set[str]:
    """Return the assets, money aside, that sales of a plan are paid in."""
    quotes = {
        quote_of(action.symbol)
        for action in actions
        if action.kind in SELLING and action.side == "sell" and not is_derivative(action.symbol)
    }
    assets = {account.names.resolve(quote) for quote in quotes if quote is not None}
    return assets - account.holdings.money
