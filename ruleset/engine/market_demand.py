"""What a plan would have to know of markets beyond their prices: asked for only where something hangs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

from msgspec.structs import replace

from exitplan.ruleset.engine.unasked import may_be_chosen, told_by_market, told_by_trades
from exitplan.ruleset.language.conditions import Condition, facts_in
from exitplan.ruleset.language.partial_evaluation import possible_rules, truth
from exitplan.ruleset.language.policy import HEALTH_SCORE, ExitRule, Policy
from exitplan.ruleset.model.fact_registry import Category, Facts
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.position_view import PositionView

UNWINDING = "unwind"
"""What wants market data and is no fact: how much a cycle sells."""


def demand_of_market_data(policy: Policy, views: Sequence[PositionView]) -> Mapping[str, MarketDemand]:
    """Return what should be read of markets, by symbol, and is not known yet: :func:`wanted_market_data`, together."""
    wanted = wanted_market_data(policy, views)
    return {symbol: reduce(MarketDemand.plus, by_use.values()) for symbol, by_use in wanted.items()}


def wanted_market_data(policy: Policy, views: Sequence[PositionView]) -> Mapping[str, Mapping[str, MarketDemand]]:
    """Return what is not known of markets and something hangs on, by symbol and by what wants it: a fact, or UNWINDING.

    The volatility is wanted where it could change which rule or exit decides, what an invariant says, or whom the cap
    chooses, and what a health model wants, where its score could; what the policy's unwinding wants, where the position
    could be unwound. Whatever trades and cost bases may tell later counts as unknown. Protected positions, deferred
    ones and those without a market need nothing.
    """
    if not ("volatility_1d" in policy.asked or policy.scoring is not None or policy.market_demand):
        return {}
    may_exceed_cap = len(views) > policy.max_positions
    wanted: dict[str, dict[str, MarketDemand]] = {}
    for view in views:
        if view.market is None or view.facts["protected"]:
            continue
        for use, demand in _of_one(policy, view, may_exceed_cap=may_exceed_cap):
            if view.market.data.lacks(demand):
                wanted.setdefault(view.position.symbol, {})[use] = demand
    return wanted


def _of_one(policy: Policy, view: PositionView, *, may_exceed_cap: bool) -> Iterator[tuple[str, MarketDemand]]:
    """Yield what one position makes worth knowing, and what for."""
    facts, by_market = view.facts, told_by_market(policy, view)
    unasked = told_by_trades(policy, view) | by_market
    variants = [facts, {**facts, "over_cap": True}] if may_exceed_cap else [facts]
    for name in sorted(by_market & policy.asked):
        if any(_hangs_on(name, policy, variant, unasked) for variant in variants) or (
            may_exceed_cap and name in policy.cap.rank_by and may_be_chosen(policy, view, unasked)
        ):
            yield name, _wanted_for(name, policy)
    if policy.market_demand and any(_may_be_unwound(policy, variant, unasked) for variant in variants):
        yield UNWINDING, policy.market_demand


def _wanted_for(name: str, policy: Policy) -> MarketDemand:
    """Return what has to be read for a fact: a score wants what its model is made of, over the policy's days."""
    days = MarketDemand(volatility_days=policy.volatility_days)
    if name != HEALTH_SCORE or policy.scoring is None:
        return days
    wanted = policy.scoring.market_demand
    return wanted if wanted.volatility_days is None else days.plus(replace(wanted, volatility_days=None))


def _hangs_on(name: str, policy: Policy, facts: Facts, unasked: frozenset[str]) -> bool:
    """Check whether a rule, an exit or an invariant that may come to decide could be another for a fact."""
    rules = possible_rules(policy.classification, facts, unasked)
    if all(rule is not None and rule.category is Category.DEFERRED for rule in rules):
        return False
    if any(rule is not None and _depends(name, rule.when, facts, unasked) for rule in rules):
        return True
    exits = [rule for known in _with_categories(policy, facts, unasked) for rule in _exits(policy, known, unasked)]
    conditions = [*(rule.when for rule in exits if rule is not None), *(one.when for one in policy.invariants)]
    variants = list(_with_categories(policy, facts, unasked))
    return any(_depends(name, condition, known, unasked) for condition in conditions for known in variants)


def _depends(name: str, condition: Condition, facts: Facts, unasked: frozenset[str]) -> bool:
    """Check whether a condition asks for a fact, and is not decided without it."""
    return truth(condition, facts, unasked) is None and name in facts_in([condition])


def _with_categories(policy: Policy, facts: Facts, unasked: frozenset[str]) -> Iterator[Facts]:
    """Yield the facts with each category that may come out of phase 1 and is judged further."""
    rules = possible_rules(policy.classification, facts, unasked)
    categories = {rule.category if rule else Category.STRATEGY_ALIGNED for rule in rules}
    for category in sorted(categories - {Category.DEFERRED}):
        yield {**facts, "category": category.value}


def _exits(policy: Policy, facts: Facts, unasked: frozenset[str]) -> list[ExitRule | None]:
    return possible_rules(policy.exits, facts, unasked)


def _may_be_unwound(policy: Policy, facts: Facts, unasked: frozenset[str]) -> bool:
    possible = (rule for known in _with_categories(policy, facts, unasked) for rule in _exits(policy, known, unasked))
    return any(rule is not None and rule.action == "unwind" for rule in possible)
