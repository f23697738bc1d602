"""Decide again: which actions of a plan the policy would still take, looking at the account as it is now.

An action is sent only if the same exit rule wants the same kind of thing for the same position. Cycles, due times and
quantities may differ, but never is more sent than the plan says, and never more than the policy would sell by itself.
So a plan that somebody altered, or whose reason is gone, does nothing that a new plan would not do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from msgspec import Struct, field

from exitplan.ruleset.engine.trace import is_true
from exitplan.ruleset.language.policy import ExitRule, Policy
from exitplan.ruleset.model.fact_registry import Category, Facts
from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.snapshot import TrackerRecord
from exitplan.ruleset.model.values import EXACT, ZERO, floor_to_step, plain
from exitplan.ruleset.planning.actions import BLOCKED_REASONS, NO_EXIT, Action, Exit, UnwindStep
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.exits import ExitContext, find_broken, limit_price, record_marks
from exitplan.ruleset.planning.planner import Draft

MOVED_PCT = Decimal("0.01")
"""How far the quantity of a position may differ from what the plan saw, as a fraction of that."""


class Standing(StrEnum):
    """What becomes of a planned action."""

    WANTED = "wanted"
    DONE = "done already"
    STALE = "stale"
    UNWANTED = "no longer wanted"
    UNREADABLE = "unreadable"


class Judgement(Struct, frozen=True, gc=False):
    """What decides over one action, and how much of it may be sent at most; None means no limit but its own."""

    standing: Standing
    why: str = ""
    most: Decimal | None = None


class Redecision(Struct, frozen=True, dict=True):
    """A plan's actions against a fresh draft of the whole account.

    ``sold`` is what the plan's own orders have taken from a position since it was made, by key; ``pending`` are the
    ids of its orders to cancel that still rest. ``settled`` actions are not judged any more. ``steps`` are the
    cycles of its unwinds, by key.
    """

    policy: Policy
    draft: Draft
    context: ExitContext
    actions: Sequence[Action]
    sold: Mapping[str, Decimal] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    steps: Mapping[str, UnwindStep] = field(default_factory=dict)

    def judge(self) -> dict[str, Judgement]:
        """Judge every action that is not settled, in the plan's order."""
        judged: dict[str, Judgement] = {}
        spent: dict[str, Decimal] = {}
        by_cap = set[str]()
        excess = self.draft.excess
        open_actions = [action for action in self.actions if action.id not in self.settled]
        for action in open_actions:
            if action.kind == "cancel_order":
                continue
            judgement = self._of_exit(action, spent, excess + (action.key in by_cap))
            judged[action.id] = judgement
            if judgement.standing is Standing.WANTED:
                if self._uses_excess(action) and action.key not in by_cap:  # all orders of a position count as one
                    by_cap.add(action.key)
                    excess -= 1
                key = _budget_key(action)
                spent[key] = spent.get(key, ZERO) + action.quantity
        exits = {action.id: judged[action.id] for action in open_actions if action.id in judged}
        return {action.id: judged.get(action.id) or self._of_cancel(action, exits) for action in open_actions}

    @cached_property
    def _decisions(self) -> Mapping[str, Decision]:
        return {decision.key: decision for decision in self.draft.decisions}

    @cached_property
    def _actions_of(self) -> Mapping[str | None, Sequence[Action]]:
        """The actions of the plan, by position."""
        actions: dict[str | None, list[Action]] = {}
        for action in self.actions:
            actions.setdefault(action.key, []).append(action)
        return actions

    @cached_property
    def _open_orders(self) -> frozenset[str]:
        return frozenset(view.order.id for view in self.draft.account.orders)

    @cached_property
    def _cancels(self) -> frozenset[tuple[str, str]]:
        """The orders, by symbol and id, that a plan made now would cancel."""
        cancels = [(action.symbol, action.order_id) for action in self.draft.actions]
        return frozenset((symbol, order_id) for symbol, order_id in cancels if order_id is not None)

    def _of_cancel(self, action: Action, exits: Mapping[str, Judgement]) -> Judgement:
        """Judge a cancel: a stale order by itself, one in the way of an exit by that exit."""
        if action.order_id not in self._open_orders:
            return Judgement(Standing.DONE, "the order is no longer open")
        others = self._actions_of.get(action.expects.get("position"), ())
        theirs = [exits[other.id] for other in others if other.id in exits]
        if theirs and not any(judgement.standing is Standing.WANTED for judgement in theirs):
            return theirs[0]
        if (action.symbol, action.order_id) not in self._cancels:
            return Judgement(Standing.UNWANTED, "no rule cancels the order now")
        return Judgement(Standing.WANTED)

    def _of_exit(self, action: Action, spent: Mapping[str, Decimal], excess: int) -> Judgement:
        if action.kind == "convert_cash":
            return self._of_cash(action, spent)
        decision = self._decisions.get(action.key)
        if decision is None:
            return self._of_gone(action)
        view = decision.view
        if view.price.status == "unavailable":
            return Judgement(Standing.UNREADABLE, "its price cannot be read")
        moved = self._moved(action, view) or _price_move(action, view, self.policy.guards["max_price_move_pct"])
        if moved is not None:
            return Judgement(Standing.STALE, moved)
        unwanted = self._unwanted(action, decision, excess)
        if unwanted is not None:
            return Judgement(Standing.UNWANTED, unwanted)
        return self._bounded(action, decision, spent)

    def _of_gone(self, action: Action) -> Judgement:
        """Judge what is about a position that is not there: gone with its balance, or held under another symbol."""
        asset = self.draft.account.names.of_symbol(action.symbol)
        for view in self.draft.account.positions:
            if view.asset == asset and view.position.side == (action.position_side or "long"):
                return Judgement(Standing.STALE, f"it is held as {view.position.symbol} now")
        return Judgement(Standing.DONE, "the position is gone")

    def _moved(self, action: Action, view: PositionView) -> str | None:
        expected = action.expected_quantity
        if expected is None:
            return None
        then = abs(expected) - self.sold.get(action.key, ZERO)
        if abs(abs(view.position.quantity) - then) > MOVED_PCT * abs(expected):
            return f"the quantity was {plain(then)} and is {plain(view.position.quantity)}"
        return None

    def _unwanted(self, action: Action, decision: Decision, excess: int) -> str | None:
        """Describe why the policy would not do this to the position now; None where it would."""
        if decision.is_protected or decision.is_deferred:
            return "it is protected" if decision.is_protected else decision.view.words["why"]
        if decision.view.record is not None and not _is_same_record(action, decision.view.record):
            is_new = "record_source" not in action.expects
            return "the tracker has registered it since" if is_new else "the tracker has another record of it since"
        rule = self._rule_now(action, decision, excess)
        if isinstance(rule, str):
            return rule
        if rule is None or rule.id != action.rule or not _is_of_kind(action, rule):
            return decision.view.words["why"] if rule is None else f"the rule {rule.id} applies now"
        is_exit_side = action.side == decision.view.position.exit_side
        return None if is_exit_side else f"{action.side} is not the side that reduces it"

    def _rule_now(self, action: Action, decision: Decision, excess: int) -> ExitRule | str | None:
        """Find the exit rule that applies, with the tolerance of dust and of the cap; a text says why none does."""
        rule = decision.exit
        if rule is not None and rule.id == action.rule:
            return rule if not self._uses_excess(action) or excess > 0 else "the cap is met by others"
        if self._uses_excess(action):
            if action.key in self.draft.cap_candidates and excess > 0:
                return self._exit_allowed({**decision.view.facts, "over_cap": True})
            return "the cap is met"
        planned = next((one for one in self.policy.exits if one.id == action.rule), None)
        if planned is not None and planned.is_dust:
            return self._exit_allowed(_cheaper(decision.view.facts, self.policy.guards["max_price_move_pct"]))
        return rule

    def _exit_allowed(self, facts: Facts) -> ExitRule | str | None:
        """Find the exit rule for facts that are granted a tolerance; a text says which invariant it would break."""
        rule, known = exit_for(self.policy, facts), classified(self.policy, facts)
        broken = None if rule is None else find_broken(self.policy.invariants, rule.action, known)
        return rule if broken is None else f"the policy says: {broken.text}"

    def _uses_excess(self, action: Action) -> bool:
        """Check whether an action is there because of the cap: the rule does not apply without it."""
        rule = next((one for one in self.policy.exits if one.id == action.rule), None)
        decision = self._decisions.get(action.key)
        if rule is None or decision is None:
            return False
        facts = decision.view.facts
        # The draft has just decided on facts that are not over the cap: its exit is the one without it.
        without = exit_for(self.policy, {**facts, "over_cap": False}) if facts["over_cap"] else decision.exit
        if without is rule:
            return False
        return exit_for(self.policy, {**facts, "over_cap": True}) is rule

    def _bounded(self, action: Action, decision: Decision, spent: Mapping[str, Decimal]) -> Judgement:
        """Bound an exit by what the policy would sell now, and by what is free without touching other orders."""
        view, exit_ = decision.view, self.draft.exits.get(decision.key, NO_EXIT)
        if action.kind in {"adopt", "attach_stop"}:
            return self._of_stop(action, spent)
        obstacle = self._obstacle(action, decision, exit_)
        if obstacle is not None:
            return obstacle
        wants = view.held if action.kind == "close" or exit_.quantity == 0 else exit_.quantity
        if action.kind == "unwind":  # what orders that were cancelled have sold is of the slice
            wants = min(wants, self._planned(action.key) - self.sold.get(action.key, ZERO))
        most = max(wants - spent.get(_budget_key(action), ZERO), ZERO)
        free = self.context.without_debt(view, self.context.free(view))
        if action.kind == "convert_dust":
            return Judgement(Standing.WANTED, most=min(most, view.held - view.position.locked))
        sendable = floor_to_step(min(action.quantity, most, free), view.amount_step)
        if not reaches_minimum(view, sendable, action.limit_price):
            left = max(min(most, free), ZERO)
            return Judgement(Standing.STALE, f"of {plain(view.held)} only {plain(left)} can be sold now")
        return Judgement(Standing.WANTED, most=most)

    def _planned(self, key: str) -> Decimal:
        """Add up what the plan sells of a position, settled actions included."""
        return sum((action.quantity for action in self.actions if action.reduces and action.key == key), ZERO)

    def _obstacle(self, action: Action, decision: Decision, exit_: Exit) -> Judgement | None:
        """Describe what speaks against an exit although its rule applies."""
        if action.kind == "unwind" and (over := self._is_past(decision.view)) is not None:
            return over
        if action.kind == "convert_dust" and not self._is_convertible(action, decision.view):
            return Judgement(Standing.UNWANTED, "it is not to be converted")
        if not _has_like_limit(action, decision.view, self.policy):
            return Judgement(Standing.UNWANTED, "its limit is not the policy's")
        if exit_.blocked is not None and exit_.blocked.reason not in {"waiting", "locked"}:
            is_said = action.kind == "convert_dust"  # of a conversion the reason names its terms
            why = exit_.blocked.because if is_said else BLOCKED_REASONS[exit_.blocked.reason]
            return Judgement(Standing.UNWANTED, why)
        if exit_.unwind is not None and exit_.unwind.counts:
            return Judgement(Standing.DONE, "the target of the cycle is reached")
        return None

    def _is_past(self, view: PositionView) -> Judgement | None:
        """Check whether the cycle that the plan has for a position is over, or never was planned."""
        step = self.steps.get(view.position.key)
        done = self.context.unwinds.find(view.position, view.asset)
        if step is None:
            return Judgement(Standing.UNWANTED, "the plan has no cycle for it")
        if done is not None and done.started_at == step.started_at and done.cycle >= step.cycle:
            return Judgement(Standing.DONE, "its cycle has ended")
        return None

    def _is_convertible(self, action: Action, view: PositionView) -> bool:
        """Check that the policy converts what the rule of an action closes, and that it is too small to be sold."""
        rule = next((one for one in self.policy.exits if one.id == action.rule), None)
        everything = view.everything
        is_small = not reaches_minimum(view, everything, limit_price(view, self.policy))
        return self.policy.dust.convert and rule is not None and rule.is_convertible and is_small

    def _of_stop(self, action: Action, spent: Mapping[str, Decimal]) -> Judgement:
        fresh = [other for other in self.draft.actions if other.key == action.key and other.kind == action.kind]
        if not fresh:
            return Judgement(Standing.DONE, "it is protected or registered already")
        move = self.policy.guards["max_price_move_pct"]
        if action.limit_price is not None or not _is_near(action.trigger_price, fresh[0].trigger_price, move):
            return Judgement(Standing.UNWANTED, "its trigger price is not the policy's")
        most = sum((other.quantity for other in fresh), ZERO) - spent.get(_budget_key(action), ZERO)
        return (
            Judgement(Standing.WANTED, most=most) if most > 0 else Judgement(Standing.UNWANTED, "it is planned twice")
        )

    def _of_cash(self, action: Action, spent: Mapping[str, Decimal]) -> Judgement:
        fresh = [
            other
            for other in self.draft.actions
            if (other.kind, other.symbol, other.side) == (action.kind, action.symbol, action.side)
        ]
        if not fresh:
            return Judgement(Standing.UNWANTED, "there is no such money to convert now")
        like = fresh[0]
        move = self.policy.guards["max_price_move_pct"]
        has_like_limit = action.trigger_price is None and _is_near(action.limit_price, like.limit_price, move)
        if not has_like_limit or action.position_side != like.position_side:
            return Judgement(Standing.UNWANTED, "it is not the order that the policy would send")
        most = sum((other.quantity for other in fresh), ZERO) - spent.get(_budget_key(action), ZERO)
        return Judgement(Standing.WANTED, most=max(most, ZERO))


def exit_for(policy: Policy, facts: Facts) -> ExitRule | None:
    """Return the exit rule that applies to these facts, classified anew."""
    known = classified(policy, facts)
    return next((rule for rule in policy.exits if is_true(rule.when, known)), None)


def classified(policy: Policy, facts: Facts) -> Facts:
    """Return facts with the category that they come to."""
    bare = {name: value for name, value in facts.items() if name != "category"}
    deciding = next((rule for rule in policy.classification if is_true(rule.when, bare)), None)
    category = deciding.category if deciding is not None else Category.STRATEGY_ALIGNED
    return {**bare, "category": category.value}


def _cheaper(facts: Facts, share: Decimal) -> Facts:
    """Return facts with value and share of the account lower by a tolerated move of the price."""
    lower = {
        name: int(EXACT.divide(Decimal(int(facts[name])), 1 + share))
        for name in ("value_usd", "account_pct")
        if name in facts
    }
    return {**facts, **lower}


def _is_of_kind(action: Action, rule: ExitRule) -> bool:
    kinds: Mapping[str, frozenset[str]] = {
        "close": frozenset({"close", "convert_dust"}),
        "unwind": frozenset({"unwind"}),
        "attach_stop": frozenset({"attach_stop", "adopt"}),
    }
    return action.kind in kinds[rule.action]


def _is_same_record(action: Action, record: TrackerRecord) -> bool:
    """Check that the tracker still has the record that the plan saw; a fresh lot has another price or time."""
    return all(action.expects.get(name) == text for name, text in record_marks(record))


def _price_move(action: Action, view: PositionView, most: Decimal) -> str | None:
    then, mark = action.expected_price, view.price.mark
    if then is None and mark is None:
        return None
    if then is None or mark is None:
        said = ["not there" if price is None else plain(price) for price in (then, mark)]
        return f"the price was {said[0]} and is {said[1]}"
    if abs(mark - then) > most * then:
        return f"the price was {plain(then)} and is {plain(mark)}, a move above {plain(most * 100)} %"
    return None


def _has_like_limit(action: Action, view: PositionView, policy: Policy) -> bool:
    """Check that an exit is under a collar where the policy wants one, about where it wants it, and is no stop."""
    if action.trigger_price is not None:
        return False
    if action.kind == "convert_dust":
        return action.limit_price is None
    return _is_near(action.limit_price, limit_price(view, policy), policy.guards["max_price_move_pct"])


def _is_near(price: Decimal | None, wanted: Decimal | None, share: Decimal) -> bool:
    if price is None or wanted is None:
        return price is wanted
    return abs(price - wanted) <= share * wanted


def _budget_key(action: Action) -> str:
    """Return what actions share that take from one balance; of one position all sales do, whatever their kind."""
    return action.key if action.reduces else f"{action.kind} {action.side} {action.key}"
