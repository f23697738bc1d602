"""The shapes of what commands on policies print: validate, policies, test, lint, compare, simulate, fmt."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.failures import problem
from exitplan.schemas.shapes.answers.parts import OBJECT, answer, whole
from exitplan.schemas.shapes.common import (
    Schema,
    amount,
    figure,
    flag,
    listed,
    moment,
    name,
    one_of,
    record,
    sha256,
    text,
)


def validate_schema() -> Schema:
    """Describe what ``exitplan validate --json`` prints."""
    file = record(
        {
            "path": text("The file."),
            "kind": text("What it is."),
            "ok": flag("Whether it can be used.", optional=False),
            "problems": listed(problem(), "What is wrong in it."),
        },
        ("path", "kind", "ok", "problems"),
    )
    properties = {
        "files": listed(file, "The files that were checked."),
        "errors": whole("How many errors there are."),
        "warnings": whole("How many warnings there are."),
    }
    return answer("validate", "Validation", "What is wrong in files.", properties)


def policy_shown_schema() -> Schema:
    """Describe what ``exitplan policies show --json`` prints."""
    difference = record(
        {
            "name": text("A key or rule, by its place."),
            "old": text("What default writes there; null where it is new.", optional=True),
            "new": text("What this policy writes there; null where it is removed.", optional=True),
        },
        ("name", "old", "new"),
    )
    differs = {"differs": listed(difference, "What it writes otherwise than default, the protocol as published.")}
    about = "What is known of it, where it is one that comes with exitplan and was asked for by its name."
    properties = {
        "name": text("The policy's name."),
        "sha256": sha256("Its hash."),
        "files": listed(text(), "The files it is made of, the base first."),
        "policy": {**OBJECT, "description": "The merged policy."},
        "shipped": record({**_SHIPPED, **differs}, (*_SHIPPED, "differs"), extra=True, about=about),
    }
    about = "The policy that an account runs under, or one that comes with exitplan."
    return answer("policy-shown", "Merged policy", about, properties, ("shipped",))


_SHIPPED: dict[str, Schema] = {
    "name": text("The policy's name."),
    "sha256": sha256("Its hash."),
    "file": text("Its file."),
    "purpose": text("What it is for."),
    "description": text("What it says of itself."),
    "use": listed(text(), "When to use it."),
    "avoid": listed(text(), "When not to use it."),
    "page": text("Where its page is."),
}


def policies_listed_schema() -> Schema:
    """Describe what ``exitplan policies list --json`` prints."""
    properties = {"policies": listed(record(_SHIPPED, tuple(_SHIPPED), extra=True), "The policies, the base first.")}
    return answer("policies-listed", "Shipped policies", "The policies that come with exitplan.", properties)


def policies_tested_schema() -> Schema:
    """Describe what ``exitplan policies test --json`` prints."""
    broken = record(
        {
            "message": text("Which invariant, and how it is broken."),
            "decided": flag("Whether it is proved that it can be broken.", optional=False),
        },
        ("message", "decided"),
    )
    one = record(
        {
            "name": text("The policy."),
            "kept": flag("Whether all cases passed and all invariants are proved.", optional=False),
            "tests": {**OBJECT, "description": "What came of its cases, as `exitplan test --json` prints it."},
            "invariants": listed(text(), "What it never or always does."),
            "broken": listed(broken, "What is not proved of it."),
        },
        ("name", "kept", "tests", "invariants", "broken"),
        extra=True,
    )
    properties = {
        "policies": listed(one, "The policies that were tried."),
        "kept": flag("Whether all of them keep what they promise.", optional=False),
    }
    return answer("policies-tested", "Tested policies", "Whether shipped policies do what they promise.", properties)


def test_schema() -> Schema:
    """Describe what ``exitplan test --json`` prints."""
    difference = record(
        {
            "what": text("What is not as expected."),
            "expected": text("What the case expects."),
            "got": text("What the plan says."),
            "line": whole("The line of the expectation."),
            "notes": listed(text(), "How it came about."),
        },
        extra=True,
    )
    case = record(
        {
            "name": text("The case."),
            "line": whole("Its line."),
            "passed": flag("Whether all is as expected.", optional=False),
            "unread": flag("Whether nobody has read yet what it expects.", optional=False),
            "problem": text("Why it could not be run.", optional=True),
            "differences": listed(difference, "What is not as expected."),
        },
        ("name", "line", "passed", "differences"),
        extra=True,
    )
    file = record(
        {
            "path": text("The file of tests."),
            "policy": text("The policy it is about; null where the file is wrong.", optional=True),
            "problem": text("What is wrong with the file.", optional=True),
            "cases": listed(case, "Its cases."),
        },
        ("path", "cases"),
        extra=True,
    )
    properties = {
        "files": listed(file, "The files of tests."),
        "passed": whole("How many cases passed."),
        "failed": whole("How many did not."),
        "coverage": listed(_coverage(), "With --coverage: what the cases show of each policy."),
    }
    return answer("test", "Policy tests", "What came of policy tests.", properties, ("coverage",))


def _coverage() -> Schema:
    goal = record(
        {
            "text": text("That the rule decides, or that a comparison matters with an answer."),
            "file": text("The file it stands in."),
            "line": whole("Its line."),
            "hits": whole("How often cases show it."),
            "impossible": text("Why it can never happen; null where that is not proved.", optional=True),
            "witness": {"type": ["object", "null"], "description": "Facts of a position that would show it."},
        },
        ("text", "file", "line", "hits", "impossible", "witness"),
        extra=True,
    )
    rule = record(
        {
            "block": text("classification, orders or exits."),
            "rule": text("The rule."),
            "decided": whole("How often it decided."),
            "matched": whole("How often it matched."),
            "shadowed": whole("How often one before it decided what it matched."),
            "goals": listed(goal, "What can be shown of it."),
        },
        ("block", "rule", "decided", "matched", "shadowed", "goals"),
        extra=True,
    )
    return record(
        {
            "policy": text("The file of the policy."),
            "percent": text("The share of what can be shown that is shown, in per cent, rounded down."),
            "covered": whole("How many goals are shown."),
            "possible": whole("How many there are, without what cannot happen."),
            "rules": listed(rule, "Its rules."),
        },
        ("policy", "percent", "covered", "possible", "rules"),
        extra=True,
    )


def lint_schema() -> Schema:
    """Describe what ``exitplan lint --json`` prints."""
    finding = record(
        {
            "code": text("The kind of finding."),
            "name": text("Its name."),
            "severity": one_of({"warning": "to be mended", "info": "for information"}, "How bad it is."),
            "file": text("The file it is about."),
            "line": {"type": ["integer", "null"], "description": "Its line."},
            "column": {"type": ["integer", "null"], "description": "Its column."},
            "rule": {"type": ["string", "null"], "description": "The rule or setting it is about."},
            "message": text("What was proved, in a sentence."),
            "witness": {**OBJECT, "description": "Facts of a position that shows it; null is absent."},
        },
        ("code", "severity", "file", "message", "witness"),
        extra=True,
    )
    properties = {
        "policies": listed(text(), "The policies that were looked at."),
        "findings": listed(finding, "What was found."),
        "ignored": listed(finding, "What comments silence, each with its reason under because."),
    }
    return answer("lint", "Findings", "What was proved of policies.", properties)


def _treatment(about: str, **more: Schema) -> Schema:
    properties = {
        "category": text("The category of phase 1."),
        "rule": text("The rule that decides it.", optional=True),
        "exit": text("The exit rule that decides.", optional=True),
        "action": text("What it does; null where nothing is done.", optional=True),
        "why_not": text("protected or deferred, where nothing is done whatever the exit.", optional=True),
        **more,
    }
    return record(properties, ("category", "rule", "exit", "action", "why_not"), about=about, extra=True)


def compare_schema() -> Schema:
    """Describe what ``exitplan compare --json`` prints."""
    difference = record(
        {
            "region": listed(text(), "Which positions they are: all of these hold."),
            "before": _treatment("Under the old policy."),
            "after": _treatment("Under the new policy."),
            "witness": {**OBJECT, "description": "Facts of one of them, where not ordinary; null is absent."},
            "confirmed": flag("Whether the planner treats it so under both policies.", optional=False),
        },
        ("region", "before", "after", "witness", "confirmed"),
    )
    setting = record(
        {
            "name": text("The setting."),
            "old": text("Its value before.", optional=True),
            "new": text("Its value after.", optional=True),
        },
        ("name", "old", "new"),
    )
    recordings = {
        **record(
            {
                "files": whole("How many recorded accounts were planned."),
                "positions": whole("How many positions they hold."),
                "changed_positions": whole("How many of them are treated otherwise."),
                "changed_value": {**OBJECT, "description": "What those are worth, by currency."},
                "changes": listed(OBJECT, "The accounts where anything changes, with positions and orders."),
            },
            ("files", "positions", "changed_positions", "changed_value", "changes"),
        ),
        "type": ["object", "null"],
        "description": "What changes on recorded accounts.",
    }
    properties = {
        "old": text("The old policy."),
        "new": text("The new policy."),
        "assuming": text("The condition that the positions meet.", optional=True),
        "equal": flag("Whether it is proved that no position is treated otherwise.", optional=False),
        "decided": flag("Whether every question was decided.", optional=False),
        "differences": listed(difference, "The kinds of positions that are treated otherwise."),
        "more": whole("How many more kinds there are."),
        "has_more": flag("Whether there are more than were counted.", optional=False),
        "settings": listed(setting, "The settings that differ and are no matter of a single position."),
        "recordings": recordings,
    }
    return answer("compare", "Comparison of policies", "What two policies treat otherwise.", properties)


def _spread(about: str) -> Schema:
    names = ("mean", "p05", "p25", "p50", "p75", "p95")
    return {**record(dict.fromkeys(names, amount("", optional=False)), names), "description": about}


def simulate_schema() -> Schema:
    """Describe what ``exitplan simulate --json`` prints."""
    parts = {
        "total": "What the exits cost against the prices of their decision, in quote.",
        "total_share": "The same as a share of the value at the decision.",
        "delay": "What prices moved from the decision to the first fill of a position.",
        "half_spread": "From the mark to the best bid or ask.",
        "impact": "From the best bid or ask to the fill.",
        "price": "What prices moved from the first fill of a position to its later ones.",
        "fees": "The venue's fees.",
        "unsold": "What the price of the rest has moved since the decision.",
    }
    costs = record({key: _spread(about) for key, about in parts.items()}, tuple(parts))
    clean = record(
        {
            "paths": whole("Paths on which the account was CLEAN in the end."),
            "cycles": {**OBJECT, "description": "Cycles until then, by quantile; null is never."},
            "minutes": {**OBJECT, "description": "Minutes until then, by quantile; null is never."},
        },
        ("paths", "cycles", "minutes"),
    )
    names = (
        "policy",
        "policy_sha256",
        "clean",
        "value",
        "shortfall",
        "left",
        "orders",
        "states",
        "refused_by",
        "blocked",
    )
    policy = record(
        {
            "policy": text("The policy."),
            "policy_sha256": sha256("The hash of the merged policy."),
            "clean": clean,
            "value": _spread("What was to be sold, at the prices of the decision."),
            "shortfall": costs,
            "deviation": figure("With --compare-schedules: the standard deviation of the total over the paths."),
            "left": listed(_spread("The share that is left."), "What is left to sell after each cycle."),
            "orders": {**OBJECT, "description": "Actions that were done and refused, on all paths together."},
            "states": {**OBJECT, "description": "Paths by the state of the account in the end."},
            "refused_by": {**OBJECT, "description": "Cycles whose plan was not carried out, by guard or reason."},
            "blocked": listed(OBJECT, "What could not be sold in the end, why, and on how many paths."),
        },
        names,
        extra=True,
    )
    properties = {
        "account": name("The account."),
        "quote": text("Its currency."),
        "start": moment("When the first plan is made.", optional=False),
        "cycles": whole("How many cycles, at most."),
        "every_minutes": amount("From one plan to the next.", optional=False),
        "delay_minutes": amount("From a plan to its orders.", optional=False),
        "fills": {**OBJECT, "description": "How the venue fills: options of the paper venue."},
        "prices": {**OBJECT, "description": "How prices move."},
        "paths": whole("How many paths."),
        "policies": listed(policy, "What came of each policy."),
    }
    return answer("simulate", "Simulation", "What policies would do over several cycles.", properties)


def fmt_schema() -> Schema:
    """Describe what ``exitplan fmt --json`` prints."""
    file = record(
        {
            "path": text("The file."),
            "changed": flag("Whether its layout is another one.", optional=False),
            "diff": text("What the layout changes, as a unified diff."),
        },
        ("path", "changed", "diff"),
        extra=True,
    )
    properties = {"files": listed(file, "The files that were laid out."), "changed": whole("How many differ.")}
    return answer("fmt", "Layout", "Files in canonical layout.", properties)
