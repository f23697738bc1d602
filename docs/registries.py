"""The references of what a policy may contain, generated from the registries of the core."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from decimal import Decimal

from docs.markdown import code, codes, page, section, table
from exitplan.executor.metrics.registry import (
    ABOUT,
    CALLS,
    COUNTED,
    FLEET,
    LABELS,
    PROTOCOL,
    READING,
    STANDING,
    MetricSpec,
)
from exitplan.executor.store.alert_kinds import ALERT_KINDS, SEVERITIES, AlertKind
from exitplan.ruleset import errors
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.language.conditions import MAX_LEVELS, MAX_NODES, OPERATORS
from exitplan.ruleset.language.escalation import ESCALATION_KINDS, LIMITS
from exitplan.ruleset.language.parameters import (
    CAP_RANKS,
    CAP_SCOPES,
    DUST,
    EXIT_ACTIONS,
    GUARDS,
    PARAMETERS,
    Setting,
)
from exitplan.ruleset.language.reasons import WORDS
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS, UNITS, Fact
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.actions import ACTION_KINDS, BLOCKED_REASONS, NEVER_ESCALATED
from exitplan.ruleset.planning.warnings import WARNING_KINDS
from exitplan.workbench.proving.theory import CAP, DEPENDENCIES

_ABOUT_FACTS = """
These are the facts that the rules of a policy may use. Numbers are decimals with six places, rounded toward minus
infinity. A fact that cannot be known is absent, and every comparison with an absent fact is false. `exists` tests for
presence, and `not` negates the whole condition inside it.
"""
_ABOUT_DEPENDENCIES = """
These hold for every position that an account can have; [lint](../lint.md) proves with them.
"""
_ABOUT_OPERATORS = """
A condition is a mapping from facts to their required values, and all entries must hold:
`{tracked: true, value_usd: {gte: 1, lt: 100}}`. A plain value means equal. `all` and `any` take lists of conditions,
`not` takes one. `$name` is the value of a parameter. A bare word in place of a condition is one of the policy's
`definitions`.
"""


_ABOUT_FIGURES = """
Each alert also has `timestamp`, `alert_type`, `severity` and `user_id`, the account.
"""


def facts_page() -> str:
    """Return the page on facts."""
    return page(
        "Facts",
        _ABOUT_FACTS.strip(),
        section("Facts about a position", "For rules in `classification` and `exits`.", _facts_table(POSITION_FACTS)),
        section("What facts have to do with each other", _ABOUT_DEPENDENCIES.strip(), _dependencies()),
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
    """Return the page on parameters, guards, actions and the cap."""
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
        section("The cap", _meanings("`scope`", CAP_SCOPES.items()), _meanings("`rank_by`", CAP_RANKS.items())),
    )


def reasons_page() -> str:
    """Return the page on reasons: what a sentence of a rule may say, and why an exit is blocked."""
    words = [(f"{{{name}}}", word.meaning) for name, word in WORDS.items()]
    return page(
        "Reasons",
        section(
            "The sentence of a rule",
            "A rule may have `because: a sentence`, in which `{fact}` stands for any [fact](facts.md). Without it the "
            "reason is the part of the condition that held. Besides facts, a sentence may name:",
            _meanings("place", words),
        ),
        section(
            "Why an exit is blocked",
            "A plan shows the first reason that applies. Those that pass by themselves raise no alert.",
            table(
                ["reason", "passes", "meaning"],
                (
                    [code(reason), "by itself" if reason in NEVER_ESCALATED else "", meaning]
                    for reason, meaning in BLOCKED_REASONS.items()
                ),
            ),
        ),
    )


def warnings_page() -> str:
    """Return the page on the warnings of a plan."""
    about = "What a person should know although it stops nothing. Plans carry them, and so do `validate` and `verify`."
    return page("Warnings", about, _meanings("warning", WARNING_KINDS.items()))


def alerts_page() -> str:
    """Return the page on alerts."""
    about = (
        "Every kind of alert. Each alert is a line of `alerts.jsonl` in the account's data folder, `exitplan alerts` "
        "lists them, and [channels](../alerts.md) deliver them by mail, chat or pager. The severity is one of "
        f"{codes(SEVERITIES)}; a rule may name another one for its own alerts."
    )
    rows = [
        [code(kind.name), code(kind.severity), f"{kind.meaning} [More](alerts/{kind.name}.md)"]
        for kind in ALERT_KINDS.values()
    ]
    return page("Alerts", about, table(["alert", "severity", "meaning"], rows))


def alert_pages() -> dict[str, str]:
    """Return a page for each kind of alert, by its name."""
    return {kind.name: _alert_page(kind) for kind in ALERT_KINDS.values()}


def _alert_page(kind: AlertKind) -> str:
    rows = [
        [code(figure.name), figure.meaning, figure.unit, "not always" if figure.optional else ""]
        for figure in kind.figures
    ]
    step = f"\n\n    {kind.command}" if kind.command else ""
    return page(
        kind.name,
        f"{kind.meaning} Its severity is {code(kind.severity)}, unless a rule names another.",
        section("Figures", _ABOUT_FIGURES.strip(), table(["figure", "meaning", "unit", ""], rows)),
        section("What to do", f"{kind.advice}{step}"),
        "[All alerts](../alerts.md), [how they are delivered](../../alerts.md)",
    )


def escalation_page() -> str:
    """Return the page on what an escalation ladder may be about."""
    rows = [
        [
            code(kind.name),
            kind.meaning,
            kind.subject,
            codes(kind.limits),
            kind.since,
            f"`{{{kind.default[0]}: {kind.default[1]}}}`",
        ]
        for kind in ESCALATION_KINDS.values()
    ]
    return page(
        "Escalation",
        "What an escalation ladder can be about (`on`), and when it opens an incident (`after`). "
        "[Operations](../operations.md#escalation) explains how ladders work.",
        table(["on", "opens when", "for each", "limits", "time counts since", "default"], rows),
        section("Limits", _meanings("limit", LIMITS.items())),
    )


def _limit(default: tuple[str, int]) -> str:
    name, number = default
    return f"{{{name}: {number}}}"


def metrics_page() -> str:
    """Return the page on metrics."""
    about = (
        "What `exitplan metrics` shows Prometheus; [Metrics and traces](../metrics.md) says how to scrape it. An "
        "unknown figure is absent, never zero. Amounts are in the account's quote, which the label `currency` names."
    )
    parts = (
        ("How an account stands", "From its journal and the files beside it.", STANDING),
        ("What the last reading found", "The newest reading, made by a plan, a verification or a run.", READING),
        ("The counters of the protocol", "Since the account's state file began.", PROTOCOL),
        ("What has happened", "Since the account's journal began.", COUNTED),
        ("Calls to venues", "From every command of the project.", CALLS),
        ("Fleets", "From the database of a fleet; of its accounts one by one there are none.", FLEET),
        ("The program", "", ABOUT),
    )
    labels = ([code(name), meaning] for name, meaning in LABELS.items())
    return page(
        "Metrics",
        about,
        *(section(title, *filter(None, [text]), _metrics_table(specs)) for title, text, specs in parts),
        section("Labels", "These bound how many series there are.", table(["label", "meaning"], labels)),
    )


def _metrics_table(specs: Mapping[str, MetricSpec]) -> str:
    rows = (
        [
            code(spec.name),
            spec.kind,
            codes(spec.labels),
            spec.meaning + (" With `--symbols`." if spec.is_optional else ""),
        ]
        for spec in specs.values()
    )
    return table(["metric", "kind", "labels", "meaning"], rows)


def exit_codes_page() -> str:
    """Return the page on exit codes and errors."""
    rows = [[code(exit_code.value), exit_code.label, exit_code.meaning] for exit_code in sorted(ExitCode)]
    worst = ", ".join(code(exit_code.value) for exit_code in ExitCode)
    return page(
        "Exit codes",
        table(["code", "in short", "meaning"], rows),
        f"Of several accounts the code counts that asks most of a person; in this order: {worst}.",
        section("Errors", _errors_tree()),
    )


def index_page() -> str:
    """Return the page that lists what the reference has."""
    lines = [f"- [{title}]({name}.md): {about}" for name, (title, about) in INDEX.items()]
    return page("Reference", "Generated from the registries of the code.", "\n".join(lines))


INDEX = {
    "facts": ("Facts", "what rules may ask, their units, where they are absent, what they have to do with each other"),
    "operators": ("Operators", "how a fact is compared"),
    "parameters": ("Parameters, guards and actions", "what a policy may set, and what an exit may do"),
    "reasons": ("Reasons", "what the sentence of a rule may say, and why an exit is blocked"),
    "warnings": ("Warnings", "what a person should know although it stops nothing"),
    "alerts": ("Alerts", "every kind of alert, with its figures and what to do"),
    "escalation": ("Escalation", "what an escalation ladder can be about, and when it opens an incident"),
    "metrics": ("Metrics", "what exitplan shows Prometheus"),
    "exit-codes": ("Exit codes", "what a command line came to, and the errors"),
    "../lint": ("Lint", "the codes of what is proved of a policy"),
    "../venues": ("Venues", "what each of them can do"),
    "commands": ("Commands", "every verb with its options"),
    "schemas": ("Files", "every key of every file, and of what commands print with `--json`"),
    "api": ("API", "what the dashboard tells programs, and what they may do"),
}


def _facts_table(facts: Mapping[str, Fact]) -> str:
    rows = []
    for fact in facts.values():
        values = f" One of {codes(fact.values)}." if fact.values else ""
        limits = " Only in `exits`." if fact.exits_only else ""
        unit = UNITS[fact.unit] if fact.unit else ""
        rows.append([code(fact.name), fact.type, unit, fact.meaning + values + limits, fact.absent])
    return table(["fact", "type", "unit", "meaning", "absent"], rows)


def _dependencies() -> str:
    rows = [(dependency.facts, dependency.meaning) for dependency in DEPENDENCIES]
    return table(["facts", "what always holds"], ([codes(facts), meaning] for facts, meaning in (*rows, CAP)))


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
