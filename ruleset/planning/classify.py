"""Phase 1 and the choice of exits: each position's category, the cap, and the exit rule that would run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exitplan.ruleset.engine.rulebook import Rulebook, first_of, ids_of
from exitplan.ruleset.language.policy import Cap, ClassificationRule, ExitRule, Policy
from exitplan.ruleset.model.fact_registry import Category, Facts
from exitplan.ruleset.model.facts import PositionView


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say of one position; ``rule`` is None for category A, ``exit`` where no exit rule matches."""

    found: PositionView
    category: Category
    rule: ClassificationRule | None
    matched: tuple[str, ...]
    exit: ExitRule | None

    @property
    def is_protected(self) -> bool:
        """Tell whether the policy's protect list keeps this position out of the protocol."""
        return bool(self.found.facts["protected"])

    @property
    def is_deferred(self) -> bool:
        """Tell whether the venue could not be asked about this position."""
        return self.category is Category.DEFERRED

    @property
    def is_zombie(self) -> bool:
        """Tell whether the position is of category C."""
        return self.category is Category.ZOMBIE_LEGACY

    @property
    def is_untradeable_dust(self) -> bool:
        """Tell whether this is dust that the venue will not take."""
        return self.is_zombie and self.exit is not None and self.exit.is_dust and not self.found.facts["sellable"]


Closes = Callable[[Decision], bool]
"""Tells whether a position's dust or zombie exit would really close it."""


def decide(rulebook: Rulebook, observations: Sequence[PositionView], closes: Closes) -> tuple[list[Decision], int]:
    """Classify all positions, choose by the cap, and classify the chosen again.

    Returns the decisions in the order of the observations, and the number of positions that the cap counts.
    """
    decisions = _judge(rulebook, observations)
    counted = [decision for decision in decisions if _is_counted(decision, rulebook.policy.cap, closes)]
    chosen = _over_cap(decisions, counted, rulebook.policy)
    if not chosen:
        return decisions, len(counted)
    again = {decision.found.position.key: decision.found.marked(over_cap=True) for decision in chosen}
    judged = {decision.found.position.key: decision for decision in _judge(rulebook, list(again.values()))}
    return [judged.get(decision.found.position.key, decision) for decision in decisions], len(counted)


def _judge(rulebook: Rulebook, observations: Sequence[PositionView]) -> list[Decision]:
    policy = rulebook.policy
    for found in observations:
        found.facts.pop("category", None)
    facts = [found.facts for found in observations]
    matched = rulebook.match(rulebook.classification, facts)
    rules = [first_of(mask, policy.classification) for mask in matched]
    names = {mask: ids_of(mask, policy.classification) for mask in set(matched)}
    for known, rule in zip(facts, rules, strict=True):
        known["category"] = rule.category.value if rule else Category.STRATEGY_ALIGNED.value
    exits = rulebook.match(rulebook.exits, facts)
    return [
        Decision(
            found,
            rule.category if rule else Category.STRATEGY_ALIGNED,
            rule,
            names[mask],
            first_of(exit_mask, policy.exits),
        )
        for found, rule, mask, exit_mask in zip(observations, rules, matched, exits, strict=True)
    ]


def _is_counted(decision: Decision, cap: Cap, closes: Closes) -> bool:
    if decision.is_protected:
        return False
    rule = decision.exit
    if rule is not None and (rule.is_dust or rule.is_zombie) and closes(decision):
        return False
    return cap.count_untradeable or not decision.is_zombie or bool(decision.found.facts["sellable"])


def _over_cap(decisions: Sequence[Decision], counted: Sequence[Decision], policy: Policy) -> list[Decision]:
    """Choose the positions above the cap; nothing while any unprotected position is deferred."""
    excess = len(counted) - policy.max_positions
    if excess <= 0 or any(decision.is_deferred and not decision.is_protected for decision in decisions):
        return []
    classes = [Category.LEGACY_NON_COMPLIANT]
    if policy.cap.scope == "all":
        classes.append(Category.STRATEGY_ALIGNED)
    candidates = [found for found in counted if found.category in classes and found.found.facts["sellable"]]
    candidates.sort(key=lambda found: (classes.index(found.category), *_rank(found, policy.cap.rank_by)))
    return candidates[:excess]


def _rank(decision: Decision, rank_by: Sequence[str]) -> tuple[tuple[bool, int] | str, ...]:
    position = decision.found.position
    return (*(rank_of(decision.found.facts, name) for name in rank_by), position.symbol, position.side)


def rank_of(facts: Facts, name: str) -> tuple[bool, int]:
    """Give the place of a position by one of the cap's ranks; the lowest is chosen first."""
    if name == "pnl_pct":
        return (False, int(facts.get("pnl_pct", 0)))
    if name == "oldest":
        return ("age_minutes" not in facts, -int(facts.get("age_minutes", 0)))
    return (name not in facts, int(facts.get(name, 0)))
