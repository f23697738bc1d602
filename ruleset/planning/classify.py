"""Phase 1 and the choice of exits: each position's category, the cap, and the exit rule that would run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from msgspec import Struct

from exitplan.ruleset.engine.rulebook import Rulebook, first_of, ids_of
from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Policy
from exitplan.ruleset.language.reasons import reason_for
from exitplan.ruleset.model.fact_registry import Category, Facts
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.planning.actions import CLOSING, Exit

_OF_STRATEGY = Category.STRATEGY_ALIGNED.value
_ALIGNED = "no rule of the classification matches"
_NOT_COUNTED = frozenset({"no-price-yet", "entry-open"})
"""The reasons for which a blocked position does not count for the cap: it is not known yet what it is."""
_UNJUDGED = frozenset({"unavailable", "implausible"})


class Decision(Struct, gc=False):
    """What the rules say of one position; ``rule`` is None for category A, ``exit`` where no exit rule matches.

    ``key`` is that of the position. ``is_protected``: the policy's protect list keeps it out of the protocol.
    ``is_deferred``: the position cannot be judged, and whatever rule decides, nothing is sold on a failed question.
    """

    view: PositionView
    category: Category
    rule: ClassificationRule | None
    matched: tuple[str, ...]
    exit: ExitRule | None
    key: str = ""
    is_protected: bool = False
    is_deferred: bool = False

    def __post_init__(self) -> None:
        """Read what is asked for again and again."""
        view = self.view
        self.key = view.position.key
        self.is_protected = bool(view.facts["protected"])
        self.is_deferred = self.category is Category.DEFERRED or view.price.status in _UNJUDGED

    @property
    def is_implausible(self) -> bool:
        """Check whether the prices of the position contradict each other."""
        return self.view.price.status == "implausible"

    @property
    def is_zombie(self) -> bool:
        """Check whether the position is of category C."""
        return self.category is Category.ZOMBIE_LEGACY


class CapInput(Struct, frozen=True, gc=False):
    """What the cap asks of the exits: how one is planned, and whether a position could be closed at all."""

    plan: Callable[[Decision], Exit]
    is_closable: Callable[[PositionView], bool]


def decide(rulebook: Rulebook, views: Sequence[PositionView], cap: CapInput) -> tuple[list[Decision], int]:
    """Classify all positions, choose by the cap, and classify the chosen again.

    Returns the decisions in the order of the positions, and the number of positions that the cap counts.
    """
    decisions = _judge(rulebook, views)
    counted = [decision for decision in decisions if is_counted(decision, rulebook.policy, cap.plan)]
    chosen = _over_cap(decisions, counted, rulebook.policy, cap)
    if not chosen:
        return decisions, len(counted)
    ranks = sorted(_first_rank(decision, rulebook.policy) for decision in counted)
    again = [
        decision.view.marked({"cap_rank": _cap_words(decision, ranks, rulebook.policy)}, over_cap=True)
        for decision in chosen
    ]
    judged = {decision.key: decision for decision in _judge(rulebook, again)}
    return [judged.get(decision.key, decision) for decision in decisions], len(counted)


def _judge(rulebook: Rulebook, views: Sequence[PositionView]) -> list[Decision]:
    policy = rulebook.policy
    for view in views:
        view.facts.pop("category", None)
        view.words.pop("why", None)
    facts = [view.facts for view in views]
    matched = rulebook.match(rulebook.classification, facts)
    rules = [first_of(mask, policy.classification) for mask in matched]
    names = {mask: ids_of(mask, policy.classification) for mask in set(matched)}
    for view, rule in zip(views, rules, strict=True):
        view.facts["category"] = rule.category.value if rule else _OF_STRATEGY
        view.words["why"] = reason_for(rule, view.facts, view.words) if rule else _ALIGNED
    exits = rulebook.match(rulebook.exits, facts)
    return [
        Decision(
            view,
            rule.category if rule else Category.STRATEGY_ALIGNED,
            rule,
            names[mask],
            first_of(exit_mask, policy.exits),
        )
        for view, rule, mask, exit_mask in zip(views, rules, matched, exits, strict=True)
    ]


def is_counted(decision: Decision, policy: Policy, plan: Callable[[Decision], Exit]) -> bool:
    """Check whether the cap counts a position; what dust and zombie exits close in this plan is as good as gone."""
    if decision.is_protected or decision.is_implausible:
        return False
    rule = decision.exit
    if rule is not None and (rule.is_dust or rule.is_zombie):
        exit_ = plan(decision)
        if any(action.kind in CLOSING for action in exit_.actions):
            return False
        if exit_.blocked is not None and exit_.blocked.reason in _NOT_COUNTED:
            return False
    if policy.cap.count_untradeable or bool(decision.view.facts["sellable"]):
        return True
    return not (decision.is_zombie or is_crumb(decision.view, policy))


def is_crumb(view: PositionView, policy: Policy) -> bool:
    """Check whether nobody takes a position that one side alone values below the dust threshold: it is like dust."""
    one_sided = view.price.basis == "one_side" and not view.facts["sellable"]
    return one_sided and view.value is not None and view.value < policy.dust_usd_threshold


def _over_cap(
    decisions: Sequence[Decision], counted: Sequence[Decision], policy: Policy, cap: CapInput
) -> list[Decision]:
    """Choose the positions above the cap; nothing while the price of any unprotected position could not be asked."""
    excess = len(counted) - policy.max_positions
    if excess <= 0:
        return []
    deferred = [decision for decision in decisions if decision.is_deferred and not decision.is_protected]
    if not all(decision.is_implausible for decision in deferred):
        return []
    return candidates(counted, policy, cap)[:excess]


def candidates(counted: Sequence[Decision], policy: Policy, cap: CapInput) -> list[Decision]:
    """List whom the cap may choose, the first first: category B, then (scope ``all``) A, inside each by its ranks."""
    classes = [Category.LEGACY_NON_COMPLIANT]
    if policy.cap.scope == "all":
        classes.append(Category.STRATEGY_ALIGNED)
    able = [
        decision
        for decision in counted
        if decision.category in classes and decision.view.facts["sellable"] and cap.is_closable(decision.view)
    ]
    return sorted(able, key=lambda decision: (classes.index(decision.category), *_rank(decision, policy.cap.rank_by)))


def _rank(decision: Decision, rank_by: Sequence[str]) -> tuple[tuple[bool, int] | str, ...]:
    position = decision.view.position
    return (*(rank_of(decision.view.facts, name) for name in rank_by), position.symbol, position.side)


def rank_of(facts: Facts, name: str) -> tuple[bool, int]:
    """Return the place of a position by one of the cap's ranks; the lowest is chosen first."""
    if name == "pnl_pct":
        return (False, int(facts.get("pnl_pct", 0)))
    if name == "oldest":
        return ("age_minutes" not in facts, -int(facts.get("age_minutes", 0)))
    return (name not in facts, int(facts.get(name, 0)))


_SUPERLATIVES = {
    "value_usd": "smallest",
    "pnl_pct": "worst result",
    "oldest": "oldest",
    "health_score": "least healthy",
}
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_TEENS = range(11, 14)


def _first_rank(decision: Decision, policy: Policy) -> tuple[bool, int]:
    return rank_of(decision.view.facts, policy.cap.rank_by[0])


def _cap_words(decision: Decision, ranks: Sequence[tuple[bool, int]], policy: Policy) -> str:
    """Describe why the cap chose a position: its place by the first rank among the sorted ones of all that count."""
    place = 1 + bisect_left(ranks, _first_rank(decision, policy))
    ordinal = "" if place == 1 else f"{place}{_ending(place)} "
    return f"{ordinal}{_SUPERLATIVES[policy.cap.rank_by[0]]} of {len(ranks)}, the cap is {policy.max_positions}"


def _ending(number: int) -> str:
    return "th" if number % 100 in _TEENS else _ENDINGS.get(number % 10, "th")
