"""The twelve rules that every engine evaluates: the classification of the default policy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from exitplan.ruleset.language.conditions import AllOf, Condition, Op, Test
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.schemas.policies import load_policy, shipped_policy

def bench_policy(*, max_positions: int = 8) -> Policy:
    """Load the default policy without dust by share: in an account of thousands every position would be dust."""
    overrides = {"dust_pct_threshold": Decimal(0), "max_positions": max_positions}
    return load_policy(shipped_policy("default"), overrides).policy


def twelve_rules() -> list[Condition]:
    """Return the conditions of the classification."""
    return [rule.when for rule in bench_policy().classification]


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
        tracked, status = facts["tracked"], facts["price_status"]
        mask = 1 if status == "unavailable" else 0
        if status == "implausible":
            mask |= 2
        if not facts["market_known"]:
            mask |= 4
        if facts["api_mismatch"]:
            mask |= 8
        if status == "missing":
            mask |= 16
        if facts.get("price_basis") in {"last", "mid"} and (
            (value is not None and value < 1_000_000) or (share is not None and share < 0)  # type: ignore[operator]
        ):
            mask |= 32
        if tracked and not facts["has_entry_price"]:
            mask |= 64
        if not tracked:
            mask |= 128
        if not facts["opened_by_strategy"]:
            mask |= 256
        if share is not None and share > 1_000_000 and facts["equity_complete"]:  # type: ignore[operator]
            mask |= 512
        if not facts["has_exit_logic"]:
            mask |= 1024
        if facts["over_cap"]:
            mask |= 2048
        masks.append(mask)
    return masks
