"""Find what a policy file sets and nothing in the policy looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.language.unwinding import SCHEDULES
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import plain
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.findings import Finding
from exitplan.workbench.proving.cells import leaves

_OF_UNWINDS = ("gradual_unwind_pct", "unwind_cycles", "unwind_interval_minutes")
_OF_CONDITIONS = ("dust_pct_threshold", "max_position_pct")
"""The parameters that only conditions read."""
_OF_SALES = ("max_run_pct", "max_order_value", "max_spread_pct", "price_collar_pct")
_OF_SHARES = ("max_zombie_pct", "max_deferred_pct")
"""Guards on a share of positions, which is never above 1."""
_SOURCE_FACTS = frozenset({"opened_by_strategy", "has_exit_logic"})


def find_settings(policy: Policy, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Find the settings of a merged policy that have no effect in it."""
    asked = {leaf.fact for rule in (*policy.classification, *policy.exits) for leaf in leaves(rule.when)}
    actions = {str(rule.action) for rule in policy.exits}
    yield from _parameters(policy, document, asked, actions)
    yield from _unwind(policy, document, asked, actions)
    yield from _cap(policy, document, asked)
    yield from _guards(policy, document, actions)


def _parameters(policy: Policy, document: Mapping[str, Any], asked: set[str], actions: set[str]) -> Iterator[Finding]:
    written = document.get("parameters") or {}
    used = _named(document)
    for name in written:
        if name in used:
            continue
        if name in _OF_UNWINDS and "unwind" not in actions:
            yield _finding("parameters", name, "no exit unwinds")
        elif name == "gradual_unwind_pct" and policy.unwind.schedule != "published" and policy.gradual_unwind_pct:
            yield _finding("parameters", name, f"unwind.schedule is {policy.unwind.schedule}; only 0 stops it")
        if name in _OF_CONDITIONS:
            yield _finding("parameters", name, f"no condition names ${name}")
        if name == "blind_exit_minutes" and "close" not in actions:
            yield _finding("parameters", name, "no exit closes")
        if name == "strategy_sources" and not asked & _SOURCE_FACTS:
            yield _finding("parameters", name, "no condition asks opened_by_strategy or has_exit_logic")


def _unwind(policy: Policy, document: Mapping[str, Any], asked: set[str], actions: set[str]) -> Iterator[Finding]:
    schedule = policy.unwind.schedule
    for name in document.get("unwind") or {}:
        meant_for = [kind.name for kind in SCHEDULES.values() if name in kind.keys]
        if name == "volatility" and "volatility_1d" in asked:
            continue
        if "unwind" not in actions:
            yield _finding("unwind", name, "no exit unwinds")
        elif meant_for and schedule not in meant_for:
            yield _finding("unwind", name, f"unwind.schedule is {schedule}")


def _cap(policy: Policy, document: Mapping[str, Any], asked: set[str]) -> Iterator[Finding]:
    written = document.get("cap") or {}
    for name in ("scope", "rank_by"):
        if name in written and "over_cap" not in asked:
            yield _finding("cap", name, "no rule asks over_cap: nothing is closed for the cap")
    is_zombie = any(rule.category is Category.ZOMBIE_LEGACY for rule in policy.classification)
    if written.get("count_untradeable") is False and not is_zombie:
        yield _finding("cap", "count_untradeable", "no rule makes a position a zombie")


def _guards(policy: Policy, document: Mapping[str, Any], actions: set[str]) -> Iterator[Finding]:
    written = document.get("guards") or {}
    sells = bool(actions & {"close", "unwind"}) or policy.cash.convert
    for name, limit in written.items():
        if name in _OF_SALES and not sells:
            yield _finding("guards", name, "no exit closes or unwinds")
        elif name in _OF_SHARES and isinstance(limit, int | Decimal) and limit >= 1:
            yield _finding("guards", name, f"a share is never above 1, so that {plain(Decimal(limit))} refuses nothing")
    dust = document.get("dust") or {}
    if "max_cost_pct" in dust and not policy.dust.convert:
        yield _finding("dust", "max_cost_pct", "dust is not converted here: dust.convert is false")


def _named(node: Any) -> set[str]:  # noqa: ANN401 - a node of a document
    """Return the parameters that rules and definitions name as ``$name``."""
    if isinstance(node, str):
        return {node[1:]} if node.startswith("$") else set()
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return set[str]().union(*map(_named, children))


def _finding(block: str, name: str, because: str) -> Finding:
    message = f"{block}.{name} has no effect: {because}"
    return Finding(Code.NO_EFFECT, (block, name), message, about=name, on_key=True)
