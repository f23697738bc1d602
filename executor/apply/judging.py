"""Judge the actions of a plan on an account that was just read: done, stale, no longer wanted, or to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from exitplan.executor.store.journal import RESOLVED, Intent
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import PlanIsStale, RefusedByGuard
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.actions import SELLING, Action
from exitplan.ruleset.planning.exits import ExitContext
from exitplan.ruleset.planning.guards import Sale, Verdict, judge_sales
from exitplan.ruleset.planning.plan_types import Plan, PlannedPosition
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.ruleset.planning.redecision import Judgement, Redecision, Standing

_SKIPPED = frozenset({Standing.STALE, Standing.UNWANTED})


@dataclass(frozen=True)
class Judged:
    """A plan's open actions, each judged on a fresh draft of the account."""

    plan: Plan
    draft: Draft
    judgements: Mapping[str, Judgement]

    @property
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
        told = [
            f"{names[name].symbol}: {judgement.standing}: {judgement.why}"
            for name, judgement in self.judgements.items()
            if judgement.standing in _SKIPPED
        ]
        raise PlanIsStale(
            "the account is not the one that the plan was made for:\n  " + "\n  ".join(dict.fromkeys(told)),
            hint="make a new plan and look at it",
        )

    def ensure_allowed(self, rulebook: Rulebook) -> None:
        """Raise RefusedByGuard where the balance is a surprise, or an order is refused with the prices of now."""
        surprise = next((guard for guard in self.draft.guards if guard.name == "max_equity_change_pct"), None)
        if surprise is not None and not surprise.ok:
            raise RefusedByGuard(
                f"what the account holds is not what the last run left: {surprise.detail}",
                hint="look at the account; if it is right, say so with: exitplan accept-balance",
            )
        refused = [verdict for verdict in judge_sales(rulebook.policy, self._sales()) if not verdict.ok]
        if refused:
            told = "; ".join(f"{verdict.name}: {_verdict_text(verdict)}" for verdict in refused)
            raise RefusedByGuard(
                f"a guard refuses the plan with the prices of now ({told})",
                hint="wait, narrow the plan with --exclude, or raise the limit in the policy",
            )

    def _sales(self) -> list[Sale]:
        """List the sales that would go out, at the prices of now."""
        sales, markets = [], self.draft.account.snapshot.markets
        for action in self.plan.actions:
            judgement = self.judgements.get(action.id)
            if action.kind not in SELLING or judgement is None or judgement.standing is not Standing.WANTED:
                continue
            view = self.views[action.key]
            quantity = action.quantity if judgement.most is None else min(action.quantity, judgement.most)
            value = view.worth(quantity)
            value = view.blind_value(quantity) if value is None else value
            sales.append(Sale(action.symbol, value, markets.get(action.symbol)))
        return sales


def judge_plan(
    plan: Plan,
    rulebook: Rulebook,
    snapshot: Snapshot,
    progress: Progress,
    now: datetime,
    intents: Mapping[str, Intent],
) -> Judged:
    """Draft the whole account anew and judge every action that is not settled; raises EngineDisagreement."""
    with localcontext(EXACT):
        draft = draft_plan(PlanInput(rulebook, snapshot, now, progress))
        settled = frozenset(name for name, intent in intents.items() if intent.status in RESOLVED)
        coming = frozenset(
            action.order_id for action in plan.actions if action.order_id is not None and action.id not in settled
        )
        context = ExitContext.of(rulebook.policy, draft.account, progress, now, coming)
        sold = {position.key: sold_already(plan, position, intents) for position in plan.positions}
        redecision = Redecision(rulebook.policy, draft, context, plan.actions, sold, settled)
        return Judged(plan, draft, redecision.judge())


def sold_already(plan: Plan, position: PlannedPosition, intents: Mapping[str, Intent]) -> Decimal:
    """Add up what this plan's own orders, resting ones cancelled by it included, have filled of a position."""
    alone = sum(1 for other in plan.positions if other.symbol == position.symbol) == 1
    exit_side = "sell" if position.side == "long" else "buy"
    sold = ZERO
    for action in plan.actions:
        intent = intents.get(action.id)
        if intent is None or intent.filled is None:
            continue
        if action.reduces and action.key == position.key:
            sold += intent.filled
        elif action.kind == "cancel_order" and alone and action.symbol == position.symbol:
            sold += _filled_since(action, intent, exit_side)
    return sold


def _filled_since(action: Action, intent: Intent, exit_side: str) -> Decimal:
    """Return what a cancelled order filled of a position after the plan was made; less than nothing for a buy."""
    since = max((intent.filled or ZERO) - action.expected_fill, ZERO)
    return since if action.side == exit_side else -since


def _verdict_text(verdict: Verdict) -> str:
    value = "unknown" if verdict.value is None else plain(verdict.value)
    return f"{verdict.detail}, {value}, the limit is {plain(verdict.limit)}"
