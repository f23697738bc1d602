"""Judge the actions of a plan on an account that was just read: done, stale, no longer wanted, or to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from functools import cached_property

from msgspec.structs import replace

from exitplan.executor.apply.quantities import at_most
from exitplan.executor.store.journal_values import RESOLVED, Intent
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import PlanIsStale, RefusedByGuard
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.actions import SELLING, Action
from exitplan.ruleset.planning.exits import ExitContext
from exitplan.ruleset.planning.group_orders import NO_GROUP, GroupOrders
from exitplan.ruleset.planning.guards import Sale, Verdict, judge, judge_sales
from exitplan.ruleset.planning.plan_types import Plan, PlannedPosition
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.ruleset.planning.redecision import Judgement, Redecision, Standing

_SKIPPED = frozenset({Standing.STALE, Standing.UNWANTED})


@dataclass(frozen=True)
class Judged:
    """A plan's open actions, each judged on a fresh draft of the account, which was read ``at`` a moment."""

    plan: Plan
    policy: Policy
    draft: Draft
    judgements: Mapping[str, Judgement]
    at: datetime

    @cached_property
    def views(self) -> Mapping[str, PositionView]:
        """The positions as they are now, by key."""
        return {decision.key: decision.view for decision in self.draft.decisions}

    @property
    def done(self) -> int:
        """How many actions are done already."""
        return sum(judgement.standing is Standing.DONE for judgement in self.judgements.values())

    def ensure_something_is_left(self) -> None:
        """Raise PlanIsStale where nothing is left to send because what the plan saw has changed."""
        standings = {judgement.standing for judgement in self.judgements.values()}
        if not standings & _SKIPPED or standings - _SKIPPED - {Standing.DONE}:
            return
        names = {action.id: action for action in self.plan.actions}
        differences = [
            f"{names[name].symbol}: {judgement.standing}: {judgement.why}"
            for name, judgement in self.judgements.items()
            if judgement.standing in _SKIPPED
        ]
        raise PlanIsStale(
            "the account is not the one that the plan was made for:\n  " + "\n  ".join(dict.fromkeys(differences)),
            hint="make a new plan and look at it",
        )

    def ensure_allowed(self, *, is_begun: bool) -> None:
        """Raise RefusedByGuard where the balance is a surprise, or a guard refuses what is left with the prices of now.

        What a file says of its guards is not believed. Of a plan that was begun only single orders are judged: the
        whole was, and its own exits have changed the account since.
        """
        change = next(guard for guard in self.draft.guards if guard.name == "max_equity_change_pct")
        if not change.ok:
            raise RefusedByGuard(
                f"what the account holds is not what the last run left: {change.detail}",
                hint="look at the account; if it is right, say so with: exitplan accept-balance",
            )
        refused = self.refused_orders if is_begun else self._refused
        if refused:
            verdicts = "; ".join(f"{verdict.name}: {_verdict_text(verdict)}" for verdict in refused)
            raise RefusedByGuard(
                f"a guard refuses the plan with the prices of now ({verdicts})",
                hint="wait, narrow the plan with --exclude, or raise the limit in the policy",
            )

    @cached_property
    def refused_orders(self) -> list[Verdict]:
        """What guards say against single orders that are left to send, at the prices of now."""
        markets = self.draft.account.snapshot.markets
        sales = [
            Sale(action.symbol, action.guarded_value, markets.get(action.symbol))
            for action in self._left
            if action.kind in SELLING
        ]
        return [verdict for verdict in judge_sales(self.policy, sales) if not verdict.ok]

    @property
    def _refused(self) -> list[Verdict]:
        """What guards say against all that is left to send, at the prices of now."""
        verdicts = judge(self.policy, self._left, self.draft.decisions, self.draft.account, None)
        return [verdict for verdict in verdicts if not verdict.ok]

    @cached_property
    def _left(self) -> list[Action]:
        """List the actions that would go out, with the quantities and values of now."""
        wanted = [(action, self.judgements.get(action.id)) for action in self.plan.actions]
        return [
            self._valued(action, judgement)
            for action, judgement in wanted
            if judgement is not None and judgement.standing is Standing.WANTED
        ]

    def _valued(self, action: Action, judgement: Judgement) -> Action:
        if action.kind not in SELLING:
            return action
        view = self.views[action.key]
        quantity = at_most(action.quantity, judgement.most)
        return replace(
            action, quantity=quantity, est_value=view.worth(quantity), blind_value=view.blind_value(quantity)
        )


def judge_plan(
    plan: Plan,
    rulebook: Rulebook,
    seen: Observation,
    progress: Progress,
    intents: Mapping[str, Intent],
    group: GroupOrders = NO_GROUP,
) -> Judged:
    """Draft the whole account anew and judge every action that is not settled; raises EngineDisagreement.

    ``group`` is what the account's group says now, once all its accounts were read anew.
    """
    with localcontext(EXACT):
        now = seen.now
        draft = draft_plan(PlanInput(rulebook, seen.snapshot, now, progress, seen=seen, group=group))
        settled = frozenset(action.id for action in plan.actions if _is_settled(action, intents))
        coming = frozenset(filter(None, (action.order_id for action in plan.actions if action.id not in settled)))
        context = ExitContext.of(rulebook.policy, draft.account, progress, now, coming)
        sold = sold_already(plan, intents)
        redecision = Redecision(rulebook.policy, draft, context, plan.actions, sold, settled, plan.steps)
        return Judged(plan, rulebook.policy, draft, redecision.judge(), now)


def sold_already(plan: Plan, intents: Mapping[str, Intent]) -> Mapping[str, Decimal]:
    """Add up what this plan's own orders, resting ones cancelled by it included, have filled, by position.

    Of a symbol for which nothing is left to be done nobody asks that.
    """
    left = {action.symbol for action in plan.actions if not _is_settled(action, intents)}
    sold: dict[str, Decimal] = {}
    by_symbol: dict[str, list[PlannedPosition]] = {}
    for position in plan.positions:
        if position.symbol in left:
            by_symbol.setdefault(position.symbol, []).append(position)
    for action in plan.actions:
        if action.symbol not in left:
            continue
        intent = intents.get(action.id)
        if intent is None or intent.filled is None:
            continue
        if action.reduces:
            sold[action.key] = sold.get(action.key, ZERO) + intent.filled
        elif action.kind == "cancel_order" and len(by_symbol.get(action.symbol, ())) == 1:
            (position,) = by_symbol[action.symbol]
            exit_side = "sell" if position.side == "long" else "buy"
            sold[position.key] = sold.get(position.key, ZERO) + _filled_since(action, intent.filled, exit_side)
    return sold


def _is_settled(action: Action, intents: Mapping[str, Intent]) -> bool:
    intent = intents.get(action.id)
    return intent is not None and intent.status in RESOLVED


def _filled_since(action: Action, filled: Decimal, exit_side: str) -> Decimal:
    """Return what a cancelled order filled of a position after the plan was made; less than nothing for a buy."""
    since = max(filled - action.expected_fill, ZERO)
    return since if action.side == exit_side else -since


def _verdict_text(verdict: Verdict) -> str:
    value = "unknown" if verdict.value is None else plain(verdict.value)
    return f"{verdict.detail}, {value}, the limit is {plain(verdict.limit)}"
