"""The references of what a policy may contain, generated from the registries of the core."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from decimal import Decimal

from docs.markdown import code, codes, page, section, table
from exitplan.ruleset import errors
from exitplan.ruleset.language.conditions import MAX_LEVELS, MAX_NODES, OPERATORS
from exitplan.ruleset.language.parameters import (
    CAP_RANKS,
    CAP_SCOPES,
    DUST,
    EXIT_ACTIONS,
    GUARDS,
    PARAMETERS,
    SEVERITIES,
    Setting,
)
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS, Fact
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.actions import ACTION_KINDS, BLOCKED_REASONS

_ABOUT_FACTS = """
These are the facts that the rules of a policy may use. Numbers are decimals with six places, rounded toward minus
infinity. A fact that cannot be known is absent, and every comparison with an absent fact is false. `exists` tests for
presence, and `not` negates the whole condition inside it.
"""
_ABOUT_OPERATORS = """
A condition is a mapping from facts to their required values, and all entries must hold:
`{tracked: true, value_usd: {gte: 1, lt: 100}}`. A plain value means equal. `all` and `any` take lists of conditions,
`not` takes one. `$name` is the value of a parameter. A bare word in place of a condition is one of the policy's
`definitions`.
"""


def facts_page() -> str:
    """Return the page on facts."""
    return page(
        "Facts",
        _ABOUT_FACTS.strip(),
        section("Facts about a position", "For rules in `classification` and `exits`.", _facts_table(POSITION_FACTS)),
        section("Facts about an open order", "For rules in `orders`.", _facts_table(ORDER_FACTS)),
    )


def operators_page() -> str:
    """Return the page on operators."""
    rows = [[code(name), operator.meaning, ", ".join(operator.types)] for name, operator in OPERATORS.items()]
    return page(
        "Operators",
        _ABOUT_OPERATORS.strip(),
        table(["operator", "holds if the fact is", "for facts of type"], rows),
        f"A condition may have at most {MAX_LEVELS} levels, and a policy at most {MAX_NODES:,} parts of conditions.",
    )


def parameters_page() -> str:
    """Return the page on parameters, guards, actions, the cap, blocked reasons and exit codes."""
    rows = [[code(action.name), action.meaning, codes(action.keys)] for action in EXIT_ACTIONS.values()]
    return page(
        "Parameters, guards and actions",
        section("Parameters", "A policy may define others for its own conditions.", _settings_table(PARAMETERS)),
        section(
            "Guards",
            "Limits on a whole plan and on how it is applied. Those with a default apply in every policy.",
            _settings_table(GUARDS),
        ),
        section("Dust", "The mapping `dust`: what happens to dust that is too small to sell.", _settings_table(DUST)),
        section("Exit actions", table(["action", "does", "further keys"], rows)),
        section("Actions in a plan", _meanings("kind", ACTION_KINDS.items())),
        section(
            "Why an exit is blocked",
            "A plan shows the first reason that applies.",
            _meanings("reason", BLOCKED_REASONS.items()),
        ),
        section("The cap", _meanings("`scope`", CAP_SCOPES.items()), _meanings("`rank_by`", CAP_RANKS.items())),
        section("Severities", "Rules and alerts have one of these severities: " + codes(SEVERITIES) + "."),
        section("Errors and exit codes", _errors_tree()),
    )


def _facts_table(facts: Mapping[str, Fact]) -> str:
    rows = []
    for fact in facts.values():
        values = f" One of {codes(fact.values)}." if fact.values else ""
        limits = " Only in `exits`." if fact.exits_only else ""
        rows.append([code(fact.name), fact.type, fact.meaning + values + limits])
    return table(["fact", "type", "meaning"], rows)


def _settings_table(settings: Mapping[str, Setting]) -> str:
    rows = [
        [code(setting.name), setting.type, _limits(setting), code(_default(setting)), setting.meaning]
        for setting in settings.values()
    ]
    return table(["name", "type", "allowed", "default", "meaning"], rows)


def _limits(setting: Setting) -> str:
    if setting.minimum is None:
        return ""
    return f"{setting.minimum} or more" if setting.maximum is None else f"{setting.minimum} to {setting.maximum}"


def _default(setting: Setting) -> str:
    if setting.default is None:
        return ""
    if isinstance(setting.default, tuple):
        return f"[{', '.join(setting.default)}]"
    if isinstance(setting.default, bool):
        return str(setting.default).lower()
    return plain(Decimal(setting.default))


def _meanings(name: str, meanings: Iterable[tuple[str, str]]) -> str:
    return table([name, "meaning"], ([code(key), meaning] for key, meaning in meanings))


def _errors_tree() -> str:
    """Return the drawing in the module's docstring: its indented lines."""
    lines = (inspect.getdoc(errors) or "").splitlines()
    drawing = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    return "\n".join(["Each error, its exit code and its meaning:", "", "```text", *drawing, "```"])
