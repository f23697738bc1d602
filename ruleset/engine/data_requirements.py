"""What a plan would have to ask a venue beyond the account itself: trades and terms of conversion, where rules care."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.partial_evaluation import possible_rules
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
        and (unasked := _unasked(view))
        and (
            view.position.key in tied
            or _depends(policy, view.facts, unasked)
            or (may_exceed_cap and _depends(policy, {**view.facts, "over_cap": True}, unasked))
        )
    )


def _unasked(view: PositionView) -> frozenset[str]:
    """Return the facts that the account's trades may still tell of a position."""
    names = set[str]()
    if not view.facts["has_entry_price"]:
        names.add("has_entry_price")
        if view.price.mark is not None:
            names.add("pnl_pct")
            if is_derivative(view.position.symbol):
                names.add("account_pct")  # equity counts what a derivative has won since its entry
    if "age_minutes" not in view.facts:
        names.add("age_minutes")
    return frozenset(names)


def _tied(policy: Policy, views: Sequence[PositionView]) -> frozenset[str]:
    """Return the positions whose place among those that the cap may choose hangs on what is not asked yet."""
    places = {view.position.key: _place(policy, view) for view in views if _may_be_chosen(policy, view)}
    shared = Counter(place[:length] for place in places.values() for length in range(len(place) + 1))
    unsure = {place for place in places.values() if len(place) < len(policy.cap.rank_by)}
    return frozenset(
        key
        for key, place in places.items()
        if place in unsure and (shared[place] > 1 or any(place[:length] in unsure for length in range(len(place))))
    )


def _may_be_chosen(policy: Policy, view: PositionView) -> bool:
    if view.facts["protected"] or not view.facts["sellable"]:
        return False
    rules = possible_rules(policy.classification, view.facts, _unasked(view))
    categories = {rule.category if rule else Category.STRATEGY_ALIGNED for rule in rules}
    chosen = {Category.LEGACY_NON_COMPLIANT} | ({Category.STRATEGY_ALIGNED} if policy.cap.scope == "all" else set())
    return not categories.isdisjoint(chosen)


def _place(policy: Policy, view: PositionView) -> tuple[tuple[bool, int], ...]:
    """Return a position's place by the cap's ranks, as far as it is known without asking."""
    unasked = _unasked(view)
    known = itertools.takewhile(lambda name: _RANKED.get(name, name) not in unasked, policy.cap.rank_by)
    return tuple(rank_of(view.facts, name) for name in known)


def _depends(policy: Policy, facts: Facts, unasked: frozenset[str]) -> bool:
    """Check whether the rule that decides, of the classification or of the exits, depends on what is not asked yet."""
    rules = possible_rules(policy.classification, facts, unasked)
    categories = {rule.category if rule else Category.STRATEGY_ALIGNED for rule in rules}
    if categories == {Category.DEFERRED}:
        return False
    if len(rules) > 1:
        return True
    category = categories.pop().value
    return len(possible_rules(policy.exits, {**facts, "category": category}, unasked)) > 1


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
