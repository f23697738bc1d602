"""How long lint takes: for the shipped policies, and for policies of many rules made at random."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.tables import aligned
from exitplan.ruleset.language.policy import Policy
from exitplan.schemas.policies import load_policy, policy_from_document, shipped_policy
from exitplan.workbench.lint import lint

SHIPPED = ("default", "conservative", "forced-cleanup", "published")
_CATEGORIES = ("LEGACY_NON_COMPLIANT", "ZOMBIE_LEGACY", "DEFERRED")
_SHIPPED_MS, _MADE_MS = 50.0, 1000.0


@dataclass(frozen=True, slots=True)
class LintCost:
    """What lint of one policy took, the quickest of some rounds: milliseconds of CPU, and what it found."""

    ms: float
    findings: int
    most_ms: float


def made_policy(rules: int, tests: int, seed: int) -> Policy:
    """Make a policy of so many rules of up to so many tests each, always the same for a seed."""
    dice = random.Random(seed)
    classification = [
        {"id": f"r{number}", "category": dice.choice(_CATEGORIES), "when": _condition(dice, dice.randint(1, tests))}
        for number in range(rules)
    ]
    exits = [
        {"id": "zombie", "when": {"category": "ZOMBIE_LEGACY"}, "action": "close"},
        {"id": "legacy", "when": {"category": "LEGACY_NON_COMPLIANT"}, "action": "unwind"},
    ]
    head = {"version": 1, "name": "made", "parameters": {"strategy_sources": ["a", "b"]}}
    return policy_from_document({**head, "classification": classification, "exits": exits}).policy


def _condition(dice: random.Random, tests: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(tests):
        found |= _test(dice)
    return {"any": [found, _test(dice)]} if dice.random() < 1 / 4 else found


def _test(dice: random.Random) -> dict[str, Any]:
    op = dice.choice(["lt", "lte", "gt", "gte"])
    choices: list[dict[str, Any]] = [
        {"value_usd": {op: dice.randint(1, 50) * 10}},
        {"account_pct": {op: Decimal(dice.randint(1, 50)) / 100}},
        {"pnl_pct": {op: Decimal(dice.randint(-50, 50)) / 100}},
        {"age_minutes": {op: dice.randint(1, 59) * 60}},
        {"tracked": dice.random() < 1 / 2},
        {"side": dice.choice(["long", "short"])},
        {"strategy": {"in": dice.sample(["a", "b", "c", "d", "e"], 2)}},
        {"opened_by_strategy": dice.random() < 1 / 2},
    ]
    return dice.choice(choices)


def time_lint(rounds: int = 3) -> dict[str, LintCost]:
    """Lint each policy some times."""
    policies = {name: load_policy(shipped_policy(name)).policy for name in SHIPPED}
    costs = {name: _cost(policy, rounds, _SHIPPED_MS) for name, policy in policies.items()}
    for tests in (1, 3, 5):
        costs[f"60 rules, up to {tests} tests each"] = _cost(made_policy(60, tests, seed=tests), rounds, _MADE_MS)
    return costs


def _cost(policy: Policy, rounds: int, most_ms: float) -> LintCost:
    times, found = [], 0
    for _ in range(rounds):
        before = time.process_time()
        found = len(lint(policy))
        times.append((time.process_time() - before) * 1e3)
    return LintCost(min(times), found, most_ms)


def lint_table(costs: Mapping[str, LintCost]) -> str:
    """Write the times beside what they should be at most."""
    rows = [
        [name, f"{cost.ms:.0f}", str(cost.findings), f"{cost.most_ms:.0f}", "yes" if cost.ms <= cost.most_ms else "no"]
        for name, cost in costs.items()
    ]
    return aligned(["lint of", "ms of CPU", "findings", "aim", "reached"], rows)
