"""What is not known of a position before anybody has asked the venue for it, and what may come of that."""

from __future__ import annotations

from collections.abc import Collection

from exitplan.ruleset.language.partial_evaluation import possible_rules
from exitplan.ruleset.language.policy import HEALTH_SCORE, Policy
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.values import is_derivative


def told_by_trades(policy: Policy, view: PositionView) -> frozenset[str]:
    """Return the facts that the account's trades may still tell of a position, and a score that hangs on them."""
    names = set[str]()
    if not view.facts["has_entry_price"]:
        names.add("has_entry_price")
        if view.price.mark is not None:
            names.add("pnl_pct")
            if is_derivative(view.position.symbol):
                names.add("account_pct")  # equity counts what a derivative has won since its entry
    if "age_minutes" not in view.facts:
        names.add("age_minutes")
    model = policy.scoring
    if model is not None and not model.sources.isdisjoint(names):
        names.add(HEALTH_SCORE)
    return frozenset(names)


def told_by_market(policy: Policy, view: PositionView) -> frozenset[str]:
    """Return the facts that market data may still tell of a position: its volatility, and a score that wants some."""
    names = set[str]() if "volatility_1d" in view.facts else {"volatility_1d"}
    model = policy.scoring
    if model is not None and view.market is not None and view.market.data.lacks(model.market_demand):
        names.add(HEALTH_SCORE)
    return frozenset(names)


def may_be_chosen(policy: Policy, view: PositionView, unasked: Collection[str]) -> bool:
    """Check whether the cap could choose a position, whatever comes out of what is not asked yet."""
    if view.facts["protected"] or not view.facts["sellable"]:
        return False
    rules = possible_rules(policy.classification, view.facts, unasked)
    categories = {rule.category if rule else Category.STRATEGY_ALIGNED for rule in rules}
    chosen = {Category.LEGACY_NON_COMPLIANT} | ({Category.STRATEGY_ALIGNED} if policy.cap.scope == "all" else set())
    return not categories.isdisjoint(chosen)
