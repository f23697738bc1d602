"""What a plan would have to ask a venue beyond the account itself: trades and terms of conversion, where rules care."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.engine.unasked import may_be_chosen, told_by_trades
from exitplan.ruleset.language.partial_evaluation import possible_rules, truth
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Category, Facts
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Position, Snapshot, position_key
from exitplan.ruleset.model.values import is_derivative
from exitplan.ruleset.planning.actions import Blocked
from exitplan.ruleset.planning.classify import rank_of
from exitplan.ruleset.planning.planner import PlanInput, draft_plan

_RANKED = {"oldest": "age_minutes"}
"""The fact that a rank of the cap looks at, where it has another name."""


def positions_needing_basis(policy: Policy, views: Sequence[PositionView]) -> tuple[Position, ...]:
    """Return the positions whose unknown entry price or age could change what the rules or the cap say of them.

    Counted as unknown is an entry price that neither the tracker nor the venue has, with the result that follows from
    it, and an age likewise. Protected positions, deferred ones and those without a market need nothing.
    """
    may_exceed_cap = len(views) > policy.max_positions
    tied = _tied(policy, views) if may_exceed_cap else frozenset()
    return tuple(
        view.position
        for view in views
        if view.market is not None
        and not view.facts["protected"]
        and (unasked := told_by_trades(policy, view))
        and (
            view.position.key in tied
            or _depends(policy, view.facts, unasked)
            or (may_exceed_cap and _depends(policy, {**view.facts, "over_cap": True}, unasked))
        )
    )


def _tied(policy: Policy, views: Sequence[PositionView]) -> frozenset[str]:
    """Return the positions whose place among those that the cap may choose hangs on what is not asked yet."""
    places = {
        view.position.key: _place(policy, view)
        for view in views
        if may_be_chosen(policy, view, told_by_trades(policy, view))
    }
    shared = Counter(place[:length] for place in places.values() for length in range(len(place) + 1))
    unsure = {place for place in places.values() if len(place) < len(policy.cap.rank_by)}
    return frozenset(
        key
        for key, place in places.items()
        if place in unsure and (shared[place] > 1 or any(place[:length] in unsure for length in range(len(place))))
    )


def _place(policy: Policy, view: PositionView) -> tuple[tuple[bool, int], ...]:
    """Return a position's place by the cap's ranks, as far as it is known without asking."""
    unasked = told_by_trades(policy, view)
    known = itertools.takewhile(lambda name: _RANKED.get(name, name) not in unasked, policy.cap.rank_by)
    return tuple(rank_of(view.facts, name) for name in known)


def _depends(policy: Policy, facts: Facts, unasked: frozenset[str]) -> bool:
    """Check whether what is not asked yet may change the rule or the exit that decides, or what an invariant says."""
    rules = possible_rules(policy.classification, facts, unasked)
    categories = {rule.category if rule else Category.STRATEGY_ALIGNED for rule in rules}
    if categories == {Category.DEFERRED}:
        return False
    if len(rules) > 1:
        return True
    known = {**facts, "category": categories.pop().value}
    if len(possible_rules(policy.exits, known, unasked)) > 1:
        return True
    return any(truth(invariant.when, known, unasked) is None for invariant in policy.invariants)


def positions_needing_conversion(
    rulebook: Rulebook, snapshot: Snapshot, progress: Progress, now: datetime
) -> tuple[Position, ...]:
    """Return the spot positions that the policy wants converted because they are dust too small to sell.

    None where the policy has ``dust.convert`` off. Terms that the snapshot holds already are not looked at. Raises
    EngineDisagreement.
    """
    if not rulebook.policy.dust.convert:
        return ()
    draft = draft_plan(PlanInput(rulebook, replace(snapshot, conversions={}), now, progress))
    wanted = {
        position_key(blocked.symbol, blocked.side) for blocked in draft.blocked if _is_convertible(blocked, rulebook)
    }
    positions = [decision.view.position for decision in draft.decisions]
    return tuple(position for position in positions if position.key in wanted and position.quantity > position.locked)


def _is_convertible(blocked: Blocked, rulebook: Rulebook) -> bool:
    rule = next(rule for rule in rulebook.policy.exits if rule.id == blocked.rule)
    return blocked.reason == "below-minimum" and rule.is_convertible and not is_derivative(blocked.symbol)
