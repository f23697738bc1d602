"""The shapes of what commands print with ``--json``, for scripts; each document carries a ``format_version``.

Keys may be added within a version. What is removed or changes its meaning raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exitplan.schemas.shapes.common import (
    Schema,
    amount,
    flag,
    format_version,
    listed,
    moment,
    name,
    one_of,
    record,
    schema,
    sha256,
    symbol,
    text,
)
from exitplan.schemas.shapes.snapshot import alert_schema
from exitplan.schemas.shapes.state import state_schema

_SIDES = {"long": "", "short": ""}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_OBJECT: Schema = {"type": "object"}


def _answer(
    kind: str, title: str, about: str, properties: Mapping[str, Schema], optional: tuple[str, ...] = ()
) -> Schema:
    keys = {"format_version": format_version(), **properties}
    required = tuple(key for key in keys if key not in optional)
    return schema(kind, title, about, record(keys, required, extra=True))


def _whole(about: str) -> Schema:
    return {**_NUMBER, "description": about}


def _maybe(about: str) -> Schema:
    return amount(about)


def verify_schema() -> Schema:
    """Describe what ``exitplan verify --json`` prints of one account."""
    check = record({"pass": flag("Whether it passes.", optional=False)}, ("pass",), extra=True)
    names = ("position_count", "zombie_positions", "registered_positions", "stale_orders")
    checks = {**record(dict.fromkeys(names, check), names), "type": ["object", "null"]}
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "state": text("CLEAN, CLEANUP_IN_PROGRESS, NEEDS_CLEANUP or UNKNOWN."),
        "checks": {**checks, "description": "The four checks; null where the account could not be read."},
        "deferred": listed(text(), "Positions that could not be judged."),
        "warnings": listed(_OBJECT, "What a person should know."),
        "problem": text("Why the account could not be read.", optional=True),
    }
    return _answer("verify", "Verification", "How an account stands, by the four checks.", properties)


def status_schema() -> Schema:
    """Describe what ``exitplan status --json`` prints of one account: the state, and what stands beside it."""
    properties = {
        **state_schema()["properties"],
        "account": name("The account."),
        "venue": name("Its venue."),
        "open_plans": listed(text(), "Plans whose run has not ended."),
        "warnings": listed(_OBJECT, "What a person should know of its files."),
    }
    optional = tuple(key for key in state_schema()["properties"] if key not in {"format_version", "unwind_progress"})
    return _answer("status", "Status", "What exitplan remembers of an account.", properties, optional)


def _outcome() -> Schema:
    properties = {
        "id": text("The action within its plan."),
        "kind": text("What was to be done."),
        "symbol": symbol(),
        "side": text("The side of the order."),
        "quantity": amount("How much was asked for.", optional=False),
        "status": text("done, refused, skipped, open, sending or needs_human."),
        "filled": _maybe("What the venue filled."),
        "average_price": _maybe("At which price, in the market's quote."),
        "planned_price": _maybe("The mark price when it was planned."),
        "proceeds": _maybe("What a sale brought in, in the account's quote currency."),
        "fee": _maybe("The fee, in fee_currency."),
        "fee_currency": text("The currency of the fee.", optional=True),
        "expected_fee": _maybe("The fee that the plan expected, in quote; absent where it knew none."),
        "order_id": text("The venue's id of the order.", optional=True),
        "message": text("Why it ended so.", optional=True),
    }
    # Runs of earlier versions did not note prices and fees.
    late = {"average_price", "planned_price", "proceeds", "fee", "fee_currency", "expected_fee"}
    return record(properties, tuple(key for key in properties if key not in late), extra=True)


def _run() -> dict[str, Schema]:
    summary = record({"outcomes": listed(_outcome(), "What became of each action.")}, extra=True)
    return {
        "run": _whole("The number of the run."),
        "plan_id": text("The plan it applied."),
        "started_at": moment("When it began.", optional=False),
        "ended_at": moment("When it ended; null while it has not."),
        "exit_code": {"type": ["integer", "null"], "description": "Its exit code."},
        "account_state": text("The state of the account after it.", optional=True),
        "summary": {**summary, "type": ["object", "null"], "description": "What it came to."},
        "done": _whole("How many actions are done."),
        "refused": _whole("How many were refused."),
        "under_way": flag("Whether it is at work now.", optional=False),
    }


def history_schema() -> Schema:
    """Describe what ``exitplan history --json`` prints."""
    run = _run()
    runs = listed(record(run, tuple(run), extra=True), "The runs, the newest first.")
    return _answer("history", "History", "The past runs of an account.", {"runs": runs})


def run_schema() -> Schema:
    """Describe what ``exitplan history RUN --json`` prints."""
    return _answer("run", "Run", "One past run, with every action.", _run())


def event_schema() -> Schema:
    """Describe one line of ``apply --json`` and ``run --json``."""
    properties = {
        "event": text("What happened, such as action_done.", pattern="^[a-z_]+$"),
        "at": moment("When.", optional=False),
        "account": name("The account, where there are several."),
    }
    return _answer("event", "Event", "One event of a run, a line each.", properties, ("at", "account"))


def gate_schema() -> Schema:
    """Describe what ``exitplan gate --json`` prints of one account."""
    properties = {
        "account": name("The account."),
        "exit_code": _whole("0 where the gate is open, 2 where it is closed."),
        "open": flag("Whether trading may start.", optional=False),
        "reason": text("Why."),
        "state": text("The state that the last verification found.", optional=True),
        "verified_at": moment("When that was."),
        "max_age_seconds": _whole("How old a verification may be."),
    }
    return _answer("gate", "Gate", "Whether a bot may start trading on an account.", properties)


def explain_schema() -> Schema:
    """Describe what ``exitplan explain --json`` prints."""
    position = record(
        {
            "side": one_of(_SIDES, "The side of the position."),
            "quantity": amount("How much is held.", optional=False),
            "category": text("The category of phase 1."),
            "rule": text("The rule that decided.", optional=True),
            "because": text("Why, in a sentence."),
            "facts": {**_OBJECT, "description": "The facts that could be known."},
            "classification": listed(_OBJECT, "The rules of phase 1 that were tried."),
            "exits": listed(_OBJECT, "The exit rules that were tried."),
        },
        ("side", "quantity", "category", "rule", "because", "facts", "classification", "exits"),
        extra=True,
    )
    properties = {
        "symbol": symbol(),
        "account": name("The account."),
        "now": moment("When it was planned.", optional=False),
        "policy": {**_OBJECT, "description": "The policy, by name and hash."},
        "positions": listed(position, "The positions of the symbol."),
        "orders": listed(_OBJECT, "Its open orders, with the rules that were tried."),
    }
    return _answer("explain", "Explanation", "Why a position is what it is.", properties)


def positions_schema() -> Schema:
    """Describe what ``exitplan positions --json`` prints."""
    keys = {
        "symbol": symbol(),
        "side": one_of(_SIDES, "The side of the position."),
        "quantity": amount("How much is held.", optional=False),
        "value_usd": _maybe("What it is worth, in the account's quote currency."),
        "account_pct": _maybe("Its share of managed equity, as a fraction."),
        "pnl_pct": _maybe("Profit, as a fraction of the entry price."),
        "age_minutes": _maybe("Minutes since it was opened."),
        "category": text("The category of phase 1."),
        "rule": text("The rule that decided.", optional=True),
        "because": text("Why, in a sentence."),
        "protected": flag("Whether the policy protects it.", optional=False),
        "action": text("The kind of action that a plan has for it.", optional=True),
    }
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "quote": name("The currency of values."),
        "taken_at": moment("When the account was read.", optional=False),
        "positions": listed(record(keys, tuple(keys)), "The positions, the largest first."),
    }
    return _answer("positions", "Positions", "Everything that an account holds.", properties)


def alerts_schema() -> Schema:
    """Describe what ``exitplan alerts --json`` prints."""
    alert = alert_schema()
    entry = {key: alert[key] for key in ("type", "properties", "required", "additionalProperties")}
    return _answer("alerts", "Alerts", "Alerts, the oldest first.", {"alerts": listed(entry)})


def diff_schema() -> Schema:
    """Describe what ``exitplan diff --json`` prints."""
    change = record(
        {
            "change": one_of({"added": "", "removed": "", "changed": ""}, "How the action differs."),
            "fields": listed(text(), "The fields that differ."),
            "old": {"type": ["object", "null"], "description": "The action in the old plan."},
            "new": {"type": ["object", "null"], "description": "The action in the new plan."},
        },
        ("change", "fields", "old", "new"),
    )
    properties = {
        "old": text("The old plan."),
        "new": text("The new plan."),
        "account": name("The account of both."),
        "changes": listed(change, "The actions that differ."),
    }
    return _answer("diff", "Difference of plans", "What one plan does that another does not.", properties)


def _problem() -> Schema:
    properties = {
        "severity": text("error or warning."),
        "file": text("The file."),
        "line": _whole("The line, from 1."),
        "column": _whole("The column, from 1."),
        "path": {"type": "array", "description": "The keys that lead to the place."},
        "message": text("What is wrong."),
        "hint": text("What would be right.", optional=True),
    }
    return record(properties, tuple(properties), extra=True)


def validate_schema() -> Schema:
    """Describe what ``exitplan validate --json`` prints."""
    file = record(
        {
            "path": text("The file."),
            "kind": text("What it is."),
            "ok": flag("Whether it can be used.", optional=False),
            "problems": listed(_problem(), "What is wrong in it."),
        },
        ("path", "kind", "ok", "problems"),
    )
    properties = {
        "files": listed(file, "The files that were checked."),
        "errors": _whole("How many errors there are."),
        "warnings": _whole("How many warnings there are."),
    }
    return _answer("validate", "Validation", "What is wrong in files.", properties)


def policy_shown_schema() -> Schema:
    """Describe what ``exitplan policy show --json`` prints."""
    properties = {
        "name": text("The policy's name."),
        "sha256": sha256("Its hash."),
        "files": listed(text(), "The files it is made of, the base first."),
        "policy": {**_OBJECT, "description": "The merged policy."},
    }
    return _answer("policy-shown", "Merged policy", "The policy that an account runs under.", properties)


def error_schema() -> Schema:
    """Describe what is printed with ``--json`` instead of an answer where something goes wrong."""
    error = record(
        {
            "type": text("The kind of failure."),
            "message": text("What went wrong."),
            "hint": text("What helps.", optional=True),
            "exit_code": _whole("The exit code."),
            "problems": listed(_problem(), "Of a file all that is wrong in it."),
        },
        ("type", "message", "hint", "exit_code"),
        extra=True,
    )
    return _answer("error", "Error", "Why a command failed.", {"error": error})


def accounts_schema() -> Schema:
    """Describe what is printed of several accounts: for each what would be printed of it alone, or its error."""
    entry = record(
        {
            "account": name("The account."),
            "venue": name("Its venue; null where its file cannot be used.", optional=True),
            "exit_code": _whole("What it came to."),
            "error": {"type": ["object", "null"], "description": "Why there is nothing to tell."},
        },
        ("account", "venue", "exit_code", "error"),
        extra=True,
    )
    properties = {
        "exit_code": _whole("The worst of them."),
        "accounts": listed(entry, "One entry an account, with the keys of its own answer."),
    }
    return _answer("accounts", "Several accounts", "What several accounts came to.", properties)


def test_schema() -> Schema:
    """Describe what ``exitplan test --json`` prints."""
    difference = record(
        {
            "what": text("What is not as expected."),
            "expected": text("What the case expects."),
            "got": text("What the plan says."),
            "line": _whole("The line of the expectation."),
            "notes": listed(text(), "How it came about."),
        },
        extra=True,
    )
    case = record(
        {
            "name": text("The case."),
            "line": _whole("Its line."),
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
        "passed": _whole("How many cases passed."),
        "failed": _whole("How many did not."),
        "coverage": listed(_coverage(), "With --coverage: what the cases show of each policy."),
    }
    return _answer("test", "Policy tests", "What came of policy tests.", properties, ("coverage",))


def _coverage() -> Schema:
    goal = record(
        {
            "text": text("That the rule decides, or that a comparison matters with an answer."),
            "file": text("The file it stands in."),
            "line": _whole("Its line."),
            "hits": _whole("How often cases show it."),
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
            "decided": _whole("How often it decided."),
            "matched": _whole("How often it matched."),
            "shadowed": _whole("How often one before it decided what it matched."),
            "goals": listed(goal, "What can be shown of it."),
        },
        ("block", "rule", "decided", "matched", "shadowed", "goals"),
        extra=True,
    )
    return record(
        {
            "policy": text("The file of the policy."),
            "percent": text("The share of what can be shown that is shown, in per cent, rounded down."),
            "covered": _whole("How many goals are shown."),
            "possible": _whole("How many there are, without what cannot happen."),
            "rules": listed(rule, "Its rules."),
        },
        ("policy", "percent", "covered", "possible", "rules"),
        extra=True,
    )


def keygen_schema() -> Schema:
    """Describe what ``exitplan keygen --json`` prints."""
    properties = {
        "file": text("The file of the private key."),
        "public_key": text("The line for require_signature, as in the .pub file."),
        "fingerprint": text("The name of the key that ssh-keygen -l prints."),
    }
    return _answer("keygen", "Key pair", "A key pair that plans are signed with.", properties)


def sign_schema() -> Schema:
    """Describe what ``exitplan sign --json`` prints."""
    signature = record(
        {
            "key": text("The fingerprint of the key; null where it cannot be read.", optional=True),
            "name": text("Whose key it is, where the account lists it.", optional=True),
            "ok": flag("Whether it is a signature of the plan.", optional=False),
            "problem": text("Why it is none.", optional=True),
        },
        ("key", "name", "ok", "problem"),
    )
    properties = {
        "plan_id": text("The plan."),
        "account": name("Its account."),
        "file": text("The file of its signatures."),
        "key": text("The fingerprint of the key that has signed it now."),
        "signatures": listed(signature, "All signatures of the plan."),
    }
    return _answer("sign", "Signature", "A signature that was added to a plan.", properties)


def lint_schema() -> Schema:
    """Describe what ``exitplan lint --json`` prints."""
    finding = record(
        {
            "code": text("The kind of finding."),
            "severity": one_of({"warning": "to be mended", "info": "for information"}, "How bad it is."),
            "file": text("The file it is about."),
            "line": {"type": ["integer", "null"], "description": "Its line."},
            "column": {"type": ["integer", "null"], "description": "Its column."},
            "message": text("What was proved, in a sentence."),
            "witness": {**_OBJECT, "description": "Facts of a position that shows it; null is absent."},
        },
        ("code", "severity", "file", "message", "witness"),
        extra=True,
    )
    properties = {
        "policies": listed(text(), "The policies that were looked at."),
        "findings": listed(finding, "What was found."),
    }
    return _answer("lint", "Findings", "What was proved of policies.", properties)


ANSWERS: Mapping[str, Callable[[], Schema]] = {
    "verify": verify_schema,
    "status": status_schema,
    "positions": positions_schema,
    "explain": explain_schema,
    "history": history_schema,
    "run": run_schema,
    "event": event_schema,
    "alerts": alerts_schema,
    "gate": gate_schema,
    "diff": diff_schema,
    "keygen": keygen_schema,
    "sign": sign_schema,
    "validate": validate_schema,
    "test": test_schema,
    "lint": lint_schema,
    "policy-shown": policy_shown_schema,
    "accounts": accounts_schema,
    "error": error_schema,
}
"""The answers of commands that have a schema, by kind."""
