"""A list of rules of which the first match decides, as the checks look at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Policy, Rule
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS, Category, Fact
from exitplan.workbench.proving.cells import leaves
from exitplan.workbench.proving.policy_model import Decided, OrderModel, PolicyModel, Questions
from exitplan.workbench.proving.theory import Told

Effect = tuple[object, ...]
NOTHING: Effect = ()
"""What is done where no rule matches."""


@dataclass(frozen=True)
class RuleList:
    """One of a policy's lists of rules; ``told`` are facts that its conditions find decided already."""

    block: str
    model: Questions
    decided: Decided
    told: Mapping[str, Told] = field(default_factory=dict)
    alike: frozenset[tuple[str, object]] = frozenset()
    """Facts with values that are named once in the policy, and which nothing else tells apart from one another."""

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules in their order."""
        return self.decided.rules

    @property
    def what(self) -> str:
        """What the rules are about."""
        return "order" if self.block == "orders" else "position"

    @property
    def facts(self) -> Mapping[str, Fact]:
        """The facts that the rules may ask."""
        return ORDER_FACTS if self.block == "orders" else POSITION_FACTS

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """What each rule does, and last what is done where none matches."""
        none = (Category.STRATEGY_ALIGNED,) if self.block == "classification" else NOTHING
        return (*(effect_of(rule) for rule in self.rules), none)

    def same_without(self, number: int) -> int:
        """Return the literal that without a rule the same would be done, by a later rule or by none."""
        facts, later = self.model.facts, self.decided.matches[number + 1 :]
        same = [
            facts.all_of([match, *(-between for between in later[:at])])
            for at, match in enumerate(later)
            if self.effects[number + 1 + at] == self.effects[number]
        ]
        if self.effects[-1] == self.effects[number]:
            same.append(facts.all_of(-match for match in later))
        return facts.any_of(same)

    def reached(self, number: int) -> list[int]:
        """Return the literals that no rule before one matches."""
        return [-match for match in self.decided.matches[:number]]


def rule_lists(positions: PolicyModel, orders: OrderModel) -> list[RuleList]:
    """Return the lists of a policy."""
    alike = _alike(positions.policy)
    return [
        RuleList("classification", positions, positions.classification, alike=alike),
        RuleList("orders", orders, orders.orders),
        RuleList("exits", positions, positions.exits, {"category": positions.categories}, alike),
    ]


def _alike(policy: Policy) -> frozenset[tuple[str, object]]:
    named = Counter(
        (leaf.fact, leaf.value) for rule in (*policy.classification, *policy.exits) for leaf in leaves(rule.when)
    )
    facts = {"strategy", "venue"}
    if not policy.protect and all(fact != "asset" for fact, _ in named):
        facts.add("symbol")  # what its asset is makes no difference
    return frozenset(name for name, times in named.items() if times == 1 and name[0] in facts)


def effect_of(rule: Rule) -> Effect:
    """Return what a rule does, its reason aside."""
    if isinstance(rule, ClassificationRule):
        return (rule.category,)
    if isinstance(rule, ExitRule):
        kind = (rule.number, rule.is_dust, rule.is_zombie)
        return (rule.action, *kind, rule.attempts, rule.escalates, rule.stop_pct, rule.adopt)
    return ("cancel",)
