"""What a person approves: the actions of a plan. Two plans of the same content are one question. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal

import orjson

from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.plan_types import Plan


def content_of(plan: Plan) -> str:
    """Return what a plan does as a hash: which actions, of how much, by which rules, under which policy.

    Prices are no part of it, nor what follows them (values, limits, triggers, which exit comes first): those of two
    rounds always differ.
    """
    done = sorted(
        [one.kind, one.symbol, one.side, one.position_side or "", plain(one.quantity), one.order_id or "", one.rule]
        for one in plan.actions
    )
    counted = sorted(f"{step.key} {step.cycle}" for step in plan.steps.values())
    return hashlib.sha256(orjson.dumps([plan.policy.sha256, done, counted])).hexdigest()


def prices_of(plan: Plan) -> dict[str, str]:
    """Return the mark prices that the actions of a plan were made at, by position, where there are any."""
    return {one.key: plain(one.expected_price) for one in plan.actions if one.expected_price is not None}


def have_moved(then: Mapping[str, str], now: Mapping[str, str], most: Decimal) -> bool:
    """Check whether a price is further than ``most`` (a fraction) from what it was, has come or has gone."""
    return then.keys() != now.keys() or any(_move(Decimal(then[key]), Decimal(now[key])) > most for key in then)


def _move(then: Decimal, now: Decimal) -> Decimal:
    if then == now:
        return Decimal(0)
    return EXACT.divide(abs(now - then), then) if then else Decimal("Infinity")
