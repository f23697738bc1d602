"""Decide whether a plan may be carried out without asking anybody. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.language.approval import Approval
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.plan_types import Plan


def moved_value(plan: Plan) -> Decimal | None:
    """Return what the closes, unwinds and conversions of a plan are worth, in the account's quote.

    Where there is no price, the last one seen is taken; None where one of them has never had any.
    """
    values = [action.guarded_value for action in plan.actions if _moves(action)]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    total = ZERO
    for value in known:
        total = EXACT.add(total, abs(value))
    return total


def may_apply_alone(plan: Plan, approval: Approval, now: datetime) -> tuple[str, ...]:
    """Return why a plan needs a person's word; nothing where it may be carried out at once.

    A plan that sends nothing needs none. It is judged as a whole: one action beyond a limit, and all of it waits.
    """
    if not plan.actions:
        return ()
    if approval.mode != "auto":
        return ("approval: manual",)
    return tuple(_beyond(plan, approval, now))


def _beyond(plan: Plan, approval: Approval, now: datetime) -> Iterator[str]:
    if approval.kinds is not None:
        for kind in sorted({action.kind for action in plan.actions} - set(approval.kinds)):
            yield f"{kind} is not among the kinds that need no approval"
    if approval.max_value is not None:
        value = moved_value(plan)
        if value is None:
            yield "its value is unknown"
        elif value > approval.max_value:
            yield f"its value {plain(value)} is above max_value {plain(approval.max_value)}"
    if approval.hours is not None and not approval.hours.hold(now):
        yield f"it is outside the hours {approval.hours.text}"


def _moves(action: Action) -> bool:
    return action.reduces or action.kind == "convert_cash"
