"""Guards judge a plan as a whole: a plan that one of them refuses is shown, and never applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from ruleset.actions import SELLING, Action
from ruleset.conditions import Condition, Not, Test
from ruleset.decide import Decision
from ruleset.policy import Policy
from ruleset.values import EXACT, ZERO

_FEW = 3
_SHOWN = Decimal("0.000001")
_ABSURD = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one guard says; ``value`` is None where it cannot be computed, which is no excuse."""

    name: str
    limit: Decimal
    value: Decimal | None
    ok: bool


def judge(policy: Policy, actions: Sequence[Action], decisions: Sequence[Decision], equity: Decimal) -> list[Verdict]:
    """Ask every guard of the policy that judges plans."""
    return [
        _max_actions(policy.guards["max_actions"], actions),
        _max_run(policy.guards["max_run_pct"], actions, equity),
        _max_zombies(policy.guards["max_zombie_pct"], decisions),
    ]


def _max_actions(limit: Decimal, actions: Sequence[Action]) -> Verdict:
    count = Decimal(len(actions))
    return Verdict("max_actions", limit, count, count <= limit)


def _max_run(limit: Decimal, actions: Sequence[Action], equity: Decimal) -> Verdict:
    sold = sum((action.est_value or ZERO for action in actions if action.kind in SELLING), ZERO)
    if equity <= 0:
        return Verdict("max_run_pct", limit, None if sold else ZERO, sold == 0)
    return Verdict("max_run_pct", limit, _share(sold, equity), sold <= limit * equity)


def _max_zombies(limit: Decimal, decisions: Sequence[Decision]) -> Verdict:
    judged = [decision for decision in decisions if not decision.is_protected]
    unknown = sum(1 for decision in judged if _is_zombie_for_want(decision))
    if not judged:
        return Verdict("max_zombie_pct", limit, ZERO, ok=True)
    ok = len(judged) < _FEW or unknown <= limit * len(judged)
    return Verdict("max_zombie_pct", limit, _share(Decimal(unknown), Decimal(len(judged))), ok)


def _share(part: Decimal, whole: Decimal) -> Decimal:
    """Give a share for display, rounded up so that it never looks within a limit that it exceeds."""
    share = EXACT.divide(part, whole)
    # Quantizing has room for 120 digits; what is that far beyond every limit needs no places.
    return share if share.adjusted() > _ABSURD else share.quantize(_SHOWN, ROUND_CEILING, EXACT)


def _is_zombie_for_want(decision: Decision) -> bool:
    """Tell whether the deciding rule called a position a zombie for want of a price or a market."""
    if not decision.is_zombie or decision.rule is None:
        return False
    facts = decision.found.facts
    wanting = set()
    if not facts["market_known"]:
        wanting.add("market_known")
    if facts["price_status"] == "missing":
        wanting.add("price_status")
    return not wanting.isdisjoint(_facts_read(decision.rule.when))


def _facts_read(condition: Condition) -> set[str]:
    if isinstance(condition, Test):
        return {condition.fact}
    if isinstance(condition, Not):
        return _facts_read(condition.part)
    return set[str]().union(*(_facts_read(part) for part in condition.parts))
