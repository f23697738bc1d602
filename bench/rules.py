"""The twelve rules that every engine evaluates: the classification of the default policy, and one more."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from exitplan.ruleset.language.conditions import AllOf, Condition, Op, Test
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.schemas.policies import load_policy, shipped_policy

_STALE_LOSER = AllOf((Test("pnl_pct", Op.LT, Decimal("-0.5")), Test("age_minutes", Op.GT, Decimal(43_200))))


def bench_policy(*, max_positions: int = 8) -> Policy:
    """Load the default policy without dust by share: in an account of thousands every position would be dust."""
    overrides = {"dust_pct_threshold": Decimal(0), "max_positions": max_positions}
    return load_policy(shipped_policy("default"), overrides).policy


def twelve_rules() -> list[Condition]:
    """Return the eleven conditions of the classification and a twelfth on two numbers that may be absent."""
    return [*(rule.when for rule in bench_policy().classification), _STALE_LOSER]


def facts_read(condition: Condition) -> set[str]:
    """Return the facts that a condition reads."""
    if isinstance(condition, Test):
        return {condition.fact}
    parts = condition.parts if isinstance(condition, AllOf) else (condition.part,)
    return set[str]().union(*map(facts_read, parts))


def by_hand(positions: Sequence[Facts]) -> list[int]:  # noqa: C901 - written as fast as it runs, not to be read
    """Answer the twelve rules as hand-written Python would: the floor."""
    masks = []
    for facts in positions:
        value, share = facts.get("value_usd"), facts.get("account_pct")
        gain, age = facts.get("pnl_pct"), facts.get("age_minutes")
        tracked, status = facts["tracked"], facts["price_status"]
        mask = 1 if status == "unavailable" else 0
        if not facts["market_known"]:
            mask |= 2
        if facts["api_mismatch"]:
            mask |= 4
        if status == "missing":
            mask |= 8
        if (value is not None and value < 1_000_000) or (share is not None and share < 0):  # type: ignore[operator]
            mask |= 16
        if tracked and not facts["has_entry_price"]:
            mask |= 32
        if not tracked:
            mask |= 64
        if not facts["opened_by_strategy"]:
            mask |= 128
        if share is not None and share > 1_000_000:  # type: ignore[operator]
            mask |= 256
        if not facts["has_exit_logic"]:
            mask |= 512
        if facts["over_cap"]:
            mask |= 1024
        if gain is not None and age is not None and gain < -500_000 and age > 43_200_000_000:  # type: ignore[operator]
            mask |= 2048
        masks.append(mask)
    return masks
