"""Why a position is what it is: every rule that was tried, each comparison with what was found, and what decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext
from typing import Any

from exitplan.ruleset.engine.trace import Trace, fact_text, trace
from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Policy, Rule
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import POSITION_FACTS
from exitplan.ruleset.model.order_view import OrderView
from exitplan.ruleset.model.progress import Kept, UnwindProgress
from exitplan.ruleset.model.records import Document, write_record
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import EXACT, plain, time_text
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.exits import limit_price
from exitplan.ruleset.planning.plan import shown_facts
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import Draft, PlanInput
from exitplan.ruleset.planning.unwind import coming_cycles
from exitplan.workbench.alternatives import find_alternatives
from exitplan.workbench.explaining.fact_sources import fact_sources
from exitplan.workbench.explaining.outcomes import unwind_outcomes
from exitplan.workbench.explaining.why_not import exits_meant, reasons_against


@dataclass(frozen=True, slots=True)
class ExplainedPlan:
    """A plan with all it was made of: what an explanation draws on; ``marks`` are the places of the policy's parts."""

    plan: Plan
    draft: Draft
    snapshot: Snapshot
    policy: Policy
    marks: Mapping[Path, Any]
    given: PlanInput
    why_not: str | None = None

    @property
    def now(self) -> datetime:
        """The moment that was planned for."""
        return self.given.now


def explain_symbol(case: ExplainedPlan, symbol: str) -> Document:
    """Explain every position and open order of a symbol."""
    decisions = [decision for decision in case.draft.decisions if decision.view.position.symbol == symbol]
    orders = [view for view in case.draft.account.orders if view.order.symbol == symbol]
    cancelled = {action.order_id for action in case.plan.actions}
    return {
        "symbol": symbol,
        "account": case.snapshot.account,
        "now": time_text(case.now),
        "policy": write_record(case.plan.policy),
        "positions": [_explain_position(case, decision) for decision in decisions],
        "orders": [_explain_order(case, view, cancelled) for view in orders],
    }


def _explain_position(case: ExplainedPlan, decision: Decision) -> Document:
    position, facts, policy = decision.view.position, decision.view.facts, case.policy
    # The rules of phase 1 were asked before there was a category.
    asked = {name: value for name, value in facts.items() if name != "category"}
    planned = _planned(case.plan, position.key)
    return {
        "side": position.side,
        "quantity": plain(position.quantity),
        "category": decision.category.value,
        "rule": decision.rule.id if decision.rule else None,
        "because": decision.view.words["why"],
        "protected": decision.is_protected,
        "facts": shown_facts(facts),
        "unknown_facts": _unknown_facts(facts),
        "sources": fact_sources(decision.view, policy),
        "classification": _tried(policy.classification, decision.rule, asked, case.marks),
        "cap": _cap(case, decision),
        "exit": decision.exit.id if decision.exit else None,
        "exits": _tried(policy.exits, decision.exit, facts, case.marks),
        **planned,
        "schedule": _schedule(case, decision),
        **_outcomes(case, decision),
        **_health(policy, decision),
        **_otherwise(case, decision),
    }


def _health(policy: Policy, decision: Decision) -> Document:
    """Score a position by the policy's model, whether a rule asks for it or not; nothing where it has none."""
    if policy.health is None:
        return {}
    from exitplan.workbench.explaining.health import health_document  # noqa: PLC0415 - few policies have a model
    from exitplan.workbench.health.scoring import score_view  # noqa: PLC0415 - as above

    return {"health": health_document(policy.health, score_view(policy.health, decision.view))}


def _otherwise(case: ExplainedPlan, decision: Decision) -> Document:
    """Say what would have to change for another exit, and why the one that was asked for is not taken."""
    policy, facts = case.policy, decision.view.facts
    asked = None if case.why_not is None else exits_meant(case.why_not, policy)
    exits = [rule for rule in asked or (*policy.exits, None) if rule is not decision.exit or decision.is_protected]
    ways = find_alternatives(policy, {name: value for name, value in facts.items() if name != "category"}, exits)
    document: Document = {
        "alternatives": [
            {
                "exit": way.exit,
                "action": way.action,
                "category": way.category,
                "changes": list(way.changes),
                "confirmed": way.is_confirmed,
            }
            for way in ways
        ]
    }
    if asked is not None:
        blocked = case.draft.exits[decision.key].blocked
        document["why_not"] = {"asked": case.why_not, "reasons": reasons_against(decision, asked, policy, blocked)}
    return document


def _explain_order(case: ExplainedPlan, view: OrderView, cancelled: Collection[str | None]) -> Document:
    order, facts = view.order, view.facts
    tried = [(rule, trace(rule.when, facts)) for rule in case.policy.orders]
    winner = next((rule for rule, traced in tried if traced.holds and view.age_minutes is not None), None)
    return {
        "id": order.id,
        "side": order.side,
        "quantity": plain(order.remaining),
        "rule": winner.id if winner else None,
        "facts": shown_facts(facts),
        "rules": [_rule_document(rule, traced, case.marks, decides=rule is winner) for rule, traced in tried],
        "cancelled": order.id in cancelled,
    }


def _tried(
    rules: Sequence[Rule], decided: Rule | None, facts: Mapping[str, Any], marks: Mapping[Path, Any]
) -> list[Document]:
    return [_rule_document(rule, trace(rule.when, facts), marks, decides=rule is decided) for rule in rules]


def _rule_document(rule: Rule, traced: Trace, marks: Mapping[Path, Any], *, decides: bool) -> Document:
    document: Document = {"id": rule.id, "matches": traced.holds, "decides": decides, "place": _place(marks, rule.path)}
    if isinstance(rule, ClassificationRule):
        document["category"] = rule.category.value
    if isinstance(rule, ExitRule):
        document["action"] = rule.action
    return {**document, "condition": trace_document(traced)}


def trace_document(traced: Trace) -> Document:
    """Return in JSON form what each part of a condition said."""
    document: Document = {"text": traced.text, "holds": traced.holds}
    if traced.parts:
        return {**document, "parts": [trace_document(part) for part in traced.parts]}
    return {**document, "found": traced.found}


def _place(marks: Mapping[Path, Any], path: Path) -> str | None:
    mark = marks.get(path)
    if mark is None:
        return None
    return f"{mark.file}:{mark.line}" if mark.line else str(mark.file)


def _unknown_facts(facts: Mapping[str, Any]) -> list[str]:
    return [name for name in POSITION_FACTS if name not in facts]


def _cap(case: ExplainedPlan, decision: Decision) -> Document:
    checks, policy = case.draft.checks, case.policy
    chosen = sum(1 for other in case.draft.decisions if other.view.facts["over_cap"])
    return {
        "counted": checks.counted,
        "max_positions": checks.max_positions,
        "excess": max(checks.counted - checks.max_positions, 0),
        "chosen": chosen,
        "waits": any(
            other.is_deferred and not (other.is_protected or other.is_implausible) for other in case.draft.decisions
        ),
        "rank_by": list(policy.cap.rank_by),
        "scope": policy.cap.scope,
        "over_cap": bool(decision.view.facts["over_cap"]),
        **_ranking(case, decision),
    }


def _ranking(case: ExplainedPlan, decision: Decision) -> Document:
    """Rank those that the cap may choose; ``place`` is that of the position, from 1, None where it cannot be chosen."""
    keys = case.draft.cap_candidates
    by_key = {other.key: other for other in case.draft.decisions}
    return {
        "place": keys.index(decision.key) + 1 if decision.key in keys else None,
        "ranking": [
            {
                "symbol": by_key[key].view.position.symbol,
                "side": by_key[key].view.position.side,
                "category": by_key[key].category.value,
                "chosen": bool(by_key[key].view.facts["over_cap"]),
                **{name: _ranked(by_key[key], name) for name in case.policy.cap.rank_by},
            }
            for key in keys
        ],
    }


def _ranked(decision: Decision, name: str) -> str | None:
    value = decision.view.facts.get("age_minutes" if name == "oldest" else name)
    return None if value is None else fact_text(value)


def _schedule(case: ExplainedPlan, decision: Decision) -> list[Document]:
    """Foresee the unwind of a position; nothing where none is to come."""
    if not _is_unwound(decision):
        return []
    view, own = decision.view, _progress(case, decision)
    with localcontext(EXACT):
        cycles = coming_cycles(view, own, case.policy, case.now, limit_price(view, case.policy))
        worth = [view.worth(cycle.quantity) for cycle in cycles]
    return [
        {
            "cycle": cycle.step.cycle,
            "cycles": cycle.step.cycles,
            "at": time_text(cycle.at),
            "quantity": plain(cycle.quantity),
            "value": None if value is None else plain(value),
            "left": plain(cycle.left),
        }
        for cycle, value in zip(cycles, worth, strict=True)
    ]


def _outcomes(case: ExplainedPlan, decision: Decision) -> Document:
    """Compare what the schedules may cost, where the policy says something of schedules."""
    if not _is_unwound(decision):
        return {}
    with localcontext(EXACT):
        outcomes = unwind_outcomes(decision.view, _progress(case, decision), case.policy, case.now)
    return {} if outcomes is None else {"outcomes": outcomes}


def _is_unwound(decision: Decision) -> bool:
    rule = decision.exit
    return rule is not None and rule.action == "unwind" and not decision.is_protected and not decision.is_deferred


def _progress(case: ExplainedPlan, decision: Decision) -> UnwindProgress | None:
    view = decision.view
    return Kept.of(case.given.progress.unwinds, case.draft.account.names).find(view.position, view.asset)


def _planned(plan: Plan, key: str) -> Document:
    """Collect what the plan does with a position, its orders included."""
    position = plan.by_key[key]
    sides = {position.side, None}
    actions = [action for action in plan.actions if action.symbol == position.symbol and action.position_side in sides]
    return {
        "actions": [write_record(action) for action in actions],
        "blocked": [write_record(blocked) for blocked in plan.blocked if blocked.key == key],
        "unwind": None if position.unwind is None else write_record(position.unwind),
        "protection": None if position.protection is None else write_record(position.protection),
    }
