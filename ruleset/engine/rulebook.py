"""A policy whose rules are loaded into the engine, ready to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.engine.matcher import Matcher
from exitplan.ruleset.language.policy import Policy, Rule
from exitplan.ruleset.model.fact_registry import Facts

R = TypeVar("R", bound=Rule)


class Rulebook(Struct, frozen=True, gc=False):
    """One policy and the matchers of its three rule lists; ``checked`` compares every answer with the check."""

    policy: Policy
    classification: Matcher
    orders: Matcher
    exits: Matcher
    checked: bool = True

    @classmethod
    def of(cls, policy: Policy, *, checked: bool = True) -> Rulebook:
        """Load a policy's rules into the engine."""
        return cls(policy, _load(policy.classification), _load(policy.orders), _load(policy.exits), checked)

    def match(self, matcher: Matcher, facts: Sequence[Facts]) -> list[int]:
        """Ask one matcher about many positions or orders; see :meth:`Matcher.matches`."""
        return matcher.matches(facts, checked=self.checked) if facts else []


_LOADED: dict[str, Rulebook] = {}


def rulebook_of(policy: Policy) -> Rulebook:
    """Load a policy into the engine, once per process: what the engine has loaded it never lets go."""
    loaded = _LOADED.get(policy.sha256)
    if loaded is None or _rules_of(loaded.policy) != _rules_of(policy):
        loaded = _LOADED[policy.sha256] = Rulebook.of(policy)
    # The rules are the caller's own, for whoever compares them.
    return loaded if loaded.policy is policy else replace(loaded, policy=policy)


def _rules_of(policy: Policy) -> tuple[Sequence[Rule], ...]:
    return policy.classification, policy.orders, policy.exits


def _load(rules: Sequence[Rule]) -> Matcher:
    return Matcher([rule.when for rule in rules])


def first_of(mask: int, rules: Sequence[R]) -> R | None:
    """Return the rule that decides: the lowest set bit; None where no rule matches."""
    return rules[(mask & -mask).bit_length() - 1] if mask else None


def ids_of(mask: int, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the ids of all rules in a bit mask, in the order of the policy."""
    return tuple(rule.id for number, rule in enumerate(rules) if mask >> number & 1) if mask else ()
