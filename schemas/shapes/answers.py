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
from exitplan.schemas.shapes.watch_answers import pending_schema, request_schema, round_schema

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
        "incidents": listed(text(), "The incidents that are open, see exitplan incidents."),
    }
    about = "How an account stands, by the four checks."
    return _answer("verify", "Verification", about, properties, ("incidents",))


def status_schema() -> Schema:
    """Describe what ``exitplan status --json`` prints of one account: the state, and what stands beside it."""
    properties = {
        **state_schema()["properties"],
        "account": name("The account."),
        "venue": name("Its venue."),
        "open_plans": listed(text(), "Plans whose run has not ended."),
        "warnings": listed(_OBJECT, "What a person should know of its files."),
        "incidents": listed(text(), "The incidents that are open, see exitplan incidents."),
    }
    of_state = [key for key in state_schema()["properties"] if key not in {"format_version", "unwind_progress"}]
    optional = ("incidents", *of_state)
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


def _voter() -> Schema:
    return record({"person": text("The person."), "at": moment("When.", optional=False)}, ("person", "at"), extra=True)


def _run() -> dict[str, Schema]:
    summary = record({"outcomes": listed(_outcome(), "What became of each action.")}, extra=True)
    return {
        "run": _whole("The number of the run."),
        "plan_id": text("The plan it applied."),
        "started_at": moment("When it began.", optional=False),
        "ended_at": moment("When it ended; null while it has not."),
        "exit_code": {"type": ["integer", "null"], "description": "Its exit code."},
        "account_state": text("The state of the account after it.", optional=True),
        "actor": text("Who ran it; null of a run of an earlier version.", optional=True),
        "summary": {**summary, "type": ["object", "null"], "description": "What it came to."},
        "done": _whole("How many actions are done."),
        "refused": _whole("How many were refused."),
        "under_way": flag("Whether it is at work now.", optional=False),
        "approved_by": listed(_voter(), "Who had approved the plan, where it had to wait for that."),
    }


def history_schema() -> Schema:
    """Describe what ``exitplan history --json`` prints."""
    run = _run()
    runs = listed(record(run, tuple(run), extra=True), "The runs, the newest first.")
    return _answer("history", "History", "The past runs of an account.", {"runs": runs})


def restore_schema() -> Schema:
    """Describe what ``exitplan restore --json`` prints."""
    order = record(
        {
            "client_order_id": text("The id it was sent with."),
            "symbol": text("Its market; null where only the venue knows of it.", optional=True),
            "sent_at": moment("When it was sent; null as above."),
            "outcome": text("What became of it, in words."),
        },
        ("client_order_id", "symbol", "sent_at", "outcome"),
    )
    properties = {
        "account": name("The account."),
        "runs": _whole("How many runs are in the backup."),
        "newest_run_at": moment("When the newest of them began; null where there is none."),
        "sent_since": listed(order, "The orders that were sent after the backup was made."),
        "kept": text("Where the files are that were there before; null where there were none.", optional=True),
    }
    return _answer("restore", "Restored backup", "What was put back of an account.", properties)


def prune_schema() -> Schema:
    """Describe what ``exitplan prune --json`` prints of one account."""
    properties = {
        "account": name("The account."),
        "dry_run": flag("Whether nothing was changed.", optional=False),
        "before": moment("What ended before then may go.", optional=False),
        "plans": _whole("How many plans went."),
        "runs": _whole("How many runs went."),
        "orders": _whole("How many orders went, each attempt by itself."),
        "bytes": _whole("By how much the journal is smaller; of a dry run about."),
        "exported": text("The file that they were written into before; null where none was.", optional=True),
    }
    return _answer("prune", "Pruned journal", "What went out of a journal.", properties)


def history_export_schema() -> Schema:
    """Describe what ``exitplan history --export --json`` prints."""
    properties = {
        "file": text("The file that was written."),
        "runs": _whole("How many runs are in it."),
        "orders": _whole("How many orders, each attempt by itself."),
    }
    return _answer("history-export", "Exported history", "What was written for audit.", properties)


def audit_schema() -> Schema:
    """Describe a line of ``exitplan history --export FILE.jsonl``."""
    order = record(
        {
            "client_order_id": text("The id it was sent with."),
            "order_id": text("The venue's id; null where it told none.", optional=True),
            "action_id": text("The action within the plan."),
            "attempt": _whole("1 where it was sent for the first time."),
            "kind": text("What was to be done."),
            "symbol": symbol(),
            "side": text("The side of the order."),
            "rule": text("The rule it comes from."),
            "asked": amount("How much was asked for.", optional=False),
            "filled": _maybe("What the venue filled; null where that is not known."),
            "planned_price": _maybe("The mark price in the plan."),
            "average_price": _maybe("At which price, in the market's quote."),
            "fee": _maybe("The fee, in fee_currency."),
            "fee_currency": text("The currency of the fee.", optional=True),
            "sent_at": moment("When it went out.", optional=False),
            "settled_at": moment("When its outcome was known; null while it is not."),
            "outcome": text("done, refused, skipped, needs_human, not sent; null while it is unknown.", optional=True),
            "message": text("Why it ended so.", optional=True),
        },
        extra=True,
    )
    order["required"] = list(order["properties"])
    vote = record(
        {
            "vote": text("What they said."),
            "person": text("Who said it."),
            "at": moment("When.", optional=False),
            "why": text("Why; null where they did not say.", optional=True),
        },
        ("vote", "person", "at", "why"),
    )
    told_otherwise = {"plan_id", "summary", "done", "refused", "under_way", "approved_by"}
    of_run = {name: shape for name, shape in _run().items() if name not in told_otherwise}
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        **of_run,
        "pid": _whole("The process that ran it."),
        "host": text("The machine it ran on."),
        "policy": record(
            {
                "name": text("The policy of the plan."),
                "sha256": sha256("Its hash, of all that it is merged from."),
                "overrides": {**_OBJECT, "description": "Parameters that were set over it."},
            },
            ("name", "sha256", "overrides"),
        ),
        "plan": record(
            {
                "plan_id": text("The plan."),
                "sha256": sha256("Its hash."),
                "created_at": moment("When it was made.", optional=False),
            },
            ("plan_id", "sha256", "created_at"),
        ),
        "approvals": listed(vote, "Who approved or rejected the plan, where it waited for people."),
        "orders": listed(order, "Each attempt to send an order, in the order in which they went out."),
    }
    return _answer("audit", "Audit", "One run as it is exported for audit, a line each.", properties)


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
            "sources": {**_OBJECT, "description": "Where each fact came from."},
            "schedule": listed(_OBJECT, "The cycles of an unwind that are to come, with times and amounts."),
            "alternatives": listed(_OBJECT, "What would have to change for another exit, the nearest first."),
            "why_not": {**_OBJECT, "description": "With --why-not: what keeps it from what was asked for."},
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
    return _answer("alerts-shown", "Alerts", "Alerts, the oldest first.", {"alerts": listed(entry)})


def channels_schema() -> Schema:
    """Describe what ``exitplan alerts channels --json`` prints."""
    keys = {
        "channel": text("Its name."),
        "url": text("Where its address is kept."),
        "severity": text("The least severity that it gets."),
        "only_named": flag("Whether it gets only what names it.", optional=False),
        "waiting": _whole("How many alerts wait for it."),
        "sent_at": moment("When something was sent to it last."),
        "failures": _whole("How many attempts failed in a row."),
        "failed_since": moment("Since when they fail."),
        "problem": text("Why the last one failed.", optional=True),
        "next_try": moment("When it is tried again."),
    }
    channels = listed(record(keys, tuple(keys), extra=True), "The channels, as alerts.yaml lists them.")
    return _answer("alert-channels", "Channels", "The channels that alerts go to.", {"channels": channels})


def channel_tests_schema() -> Schema:
    """Describe what ``exitplan alerts test --json`` prints."""
    keys = {"channel": text("Its name."), "problem": text("Why the test did not get through.", optional=True)}
    channels = listed(record(keys, tuple(keys), extra=True), "The channels that were tried.")
    return _answer("alert-tests", "Tests of channels", "What came of test messages.", {"channels": channels})


def deliveries_schema() -> Schema:
    """Describe what ``exitplan alerts send --json`` prints."""
    keys = {
        "channel": text("Its name."),
        "sent": _whole("How many alerts were sent to it."),
        "waiting": _whole("How many wait for it."),
        "problem": text("Why it failed.", optional=True),
    }
    properties = {
        "taken": _whole("How many alerts are new."),
        "too_old": _whole("How many are from before the first delivery."),
        "channels": listed(record(keys, tuple(keys), extra=True), "The channels that something is for."),
        "warnings": listed(text(), "What a person should know."),
    }
    return _answer("alert-deliveries", "Deliveries", "What a delivery of alerts came to.", properties)


def incidents_schema() -> Schema:
    """Describe what ``exitplan incidents --json`` prints."""
    taken = record(
        {
            "by": text("Who has taken it."),
            "at": moment("When.", optional=False),
            "until": moment("Until when; null until it is over."),
            "why": text("What is done about it."),
        },
        ("by", "at", "until", "why"),
    )
    properties = {
        "id": text("The incident."),
        "account": name("The account."),
        "ladder": text("The ladder of the policy that it climbs."),
        "about": text("What goes wrong."),
        "subject": text("The position, order or account."),
        "reason": text("What is known of it.", optional=True),
        "since": moment("Since when it goes wrong.", optional=False),
        "opened_at": moment("When that was too long.", optional=False),
        "step": _whole("How many steps were told."),
        "steps": {**_NUMBER, "type": ["integer", "null"], "description": "How many there are; null without a ladder."},
        "told_at": moment("When somebody was told last."),
        "told": listed(text(), "The channels that were told."),
        "next_at": moment("When the next step is told, unless it is over before."),
        "acknowledged": {**taken, "type": ["object", "null"], "description": "Who has taken it; null for nobody."},
        "ended_at": moment("When it was over."),
        "ended_how": text("How.", optional=True),
    }
    incidents = listed(record(properties, tuple(properties), extra=True), "The incidents, the oldest first.")
    return _answer("incidents", "Incidents", "What goes wrong for too long.", {"incidents": incidents})


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
            "name": text("Its name."),
            "severity": one_of({"warning": "to be mended", "info": "for information"}, "How bad it is."),
            "file": text("The file it is about."),
            "line": {"type": ["integer", "null"], "description": "Its line."},
            "column": {"type": ["integer", "null"], "description": "Its column."},
            "rule": {"type": ["string", "null"], "description": "The rule or setting it is about."},
            "message": text("What was proved, in a sentence."),
            "witness": {**_OBJECT, "description": "Facts of a position that shows it; null is absent."},
        },
        ("code", "severity", "file", "message", "witness"),
        extra=True,
    )
    properties = {
        "policies": listed(text(), "The policies that were looked at."),
        "findings": listed(finding, "What was found."),
        "ignored": listed(finding, "What comments silence, each with its reason under because."),
    }
    return _answer("lint", "Findings", "What was proved of policies.", properties)


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
            "witness": {**_OBJECT, "description": "Facts of one of them, where not ordinary; null is absent."},
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
                "files": _whole("How many recorded accounts were planned."),
                "positions": _whole("How many positions they hold."),
                "changed_positions": _whole("How many of them are treated otherwise."),
                "changed_value": {**_OBJECT, "description": "What those are worth, by currency."},
                "changes": listed(_OBJECT, "The accounts where anything changes, with positions and orders."),
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
        "more": _whole("How many more kinds there are."),
        "has_more": flag("Whether there are more than were counted.", optional=False),
        "settings": listed(setting, "The settings that differ and are no matter of a single position."),
        "recordings": recordings,
    }
    return _answer("compare", "Comparison of policies", "What two policies treat otherwise.", properties)


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
            "paths": _whole("Paths on which the account was CLEAN in the end."),
            "cycles": {**_OBJECT, "description": "Cycles until then, by quantile; null is never."},
            "minutes": {**_OBJECT, "description": "Minutes until then, by quantile; null is never."},
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
            "left": listed(_spread("The share that is left."), "What is left to sell after each cycle."),
            "orders": {**_OBJECT, "description": "Actions that were done and refused, on all paths together."},
            "states": {**_OBJECT, "description": "Paths by the state of the account in the end."},
            "refused_by": {**_OBJECT, "description": "Cycles whose plan was not carried out, by guard or reason."},
            "blocked": listed(_OBJECT, "What could not be sold in the end, why, and on how many paths."),
        },
        names,
        extra=True,
    )
    properties = {
        "account": name("The account."),
        "quote": text("Its currency."),
        "start": moment("When the first plan is made.", optional=False),
        "cycles": _whole("How many cycles, at most."),
        "every_minutes": amount("From one plan to the next.", optional=False),
        "delay_minutes": amount("From a plan to its orders.", optional=False),
        "fills": {**_OBJECT, "description": "How the venue fills: options of the paper venue."},
        "prices": {**_OBJECT, "description": "How prices move."},
        "paths": _whole("How many paths."),
        "policies": listed(policy, "What came of each policy."),
    }
    return _answer("simulate", "Simulation", "What policies would do over several cycles.", properties)


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
    properties = {"files": listed(file, "The files that were laid out."), "changed": _whole("How many differ.")}
    return _answer("fmt", "Layout", "Files in canonical layout.", properties)


def report_schema() -> Schema:
    """Describe what ``exitplan report --json`` prints of one account."""
    compared = {
        **record(
            {
                "worth": amount("What exits would have brought in at those prices, in quote.", optional=False),
                "slippage": amount("That less what they did bring in.", optional=False),
                "untold": _whole("Exits of which no such price is known, which are in neither."),
            },
            ("worth", "slippage", "untold"),
        ),
        "type": ["object", "null"],
    }
    outcomes = record(
        {
            "rule": text("The rule that wanted it."),
            "kind": text("The kind of action."),
            "orders": _whole("Orders that were filled, or cancelled."),
            "positions": _whole("Positions that were sold of."),
            "refused": _whole("Orders that the venue refused."),
            "untold": _whole("Exits without a known price, which are in no sum."),
            "proceeds": amount("What exits brought in before fees, in quote.", optional=False),
            "planned": amount("What that was worth at the marks of the plans.", optional=False),
            "slippage": amount("The difference; negative is more than planned.", optional=False),
            "released": amount("What stale orders would have traded.", optional=False),
            "fees": {**_OBJECT, "description": "Fees by currency."},
            "then": {**compared, "description": "Against the market's price then; null where none is known."},
            "later": {**compared, "description": "Against that of a day later; null where none is known."},
        },
        ("rule", "kind", "orders", "refused", "proceeds", "planned", "slippage", "released", "fees"),
        extra=True,
    )
    clean = record(
        {
            "times": _whole("How often the account became CLEAN."),
            "median_minutes": amount("How long that took, in the middle."),
            "longest_minutes": amount("How long that took at most."),
            "open_since": moment("Since when it is not CLEAN; null where it is."),
        },
        ("times", "median_minutes", "longest_minutes", "open_since"),
    )
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "quote": text("Its currency."),
        "since": moment("From when.", optional=False),
        "until": moment("Until when.", optional=False),
        "runs": _whole("Runs that began in that time."),
        "rules": listed(outcomes, "What became of each rule's actions."),
        "total": outcomes,
        "clean": clean,
    }
    return _answer("report", "Report", "What was closed in a time, and what that cost.", properties)


def backup_schema() -> Schema:
    """Describe what ``exitplan backup --json`` prints of one account."""
    properties = {
        "account": name("The account."),
        "folder": text("Where its copy is."),
        "files": listed(text(), "The files of the copy."),
        "runs": _whole("The runs in its journal."),
        "journal_sha256": sha256("The hash of the copied journal."),
    }
    return _answer("backup", "Backup", "A copy of what exitplan remembers of an account.", properties)


def doctor_schema() -> Schema:
    """Describe what ``exitplan doctor --json`` prints."""
    check = record(
        {
            "about": text("An account, or this machine."),
            "check": text("What was looked at."),
            "grade": one_of({"ok": "", "warning": "", "problem": "no run would go well"}, "How it is."),
            "text": text("What was found."),
            "hint": text("What to do about it.", optional=True),
        },
        ("about", "check", "grade", "text", "hint"),
        extra=True,
    )
    properties = {
        "checks": listed(check, "What was looked at."),
        "problems": _whole("How many problems there are."),
        "warnings": _whole("How many warnings there are."),
    }
    return _answer("doctor", "Doctor", "Whether all is there that a run needs.", properties)


def eval_schema() -> Schema:
    """Describe what ``exitplan eval --json`` prints."""
    position = record(
        {
            "symbol": symbol(),
            "side": one_of(_SIDES, "The side of the position."),
            "trace": {**_OBJECT, "description": "Whether it holds, and what each part found."},
        },
        ("symbol", "side", "trace"),
    )
    properties = {
        "account": name("The account."),
        "condition": text("The condition as it was read."),
        "positions": listed(position, "The positions it was tried on."),
    }
    return _answer("eval", "Tried condition", "What a condition says of positions.", properties)


ANSWERS: Mapping[str, Callable[[], Schema]] = {
    "verify": verify_schema,
    "status": status_schema,
    "positions": positions_schema,
    "explain": explain_schema,
    "history": history_schema,
    "history-export": history_export_schema,
    "audit": audit_schema,
    "run": run_schema,
    "event": event_schema,
    "alerts-shown": alerts_schema,
    "alert-channels": channels_schema,
    "alert-tests": channel_tests_schema,
    "alert-deliveries": deliveries_schema,
    "incidents": incidents_schema,
    "gate": gate_schema,
    "diff": diff_schema,
    "keygen": keygen_schema,
    "sign": sign_schema,
    "validate": validate_schema,
    "test": test_schema,
    "lint": lint_schema,
    "compare": compare_schema,
    "simulate": simulate_schema,
    "fmt": fmt_schema,
    "doctor": doctor_schema,
    "backup": backup_schema,
    "restore": restore_schema,
    "prune": prune_schema,
    "report": report_schema,
    "eval": eval_schema,
    "policy-shown": policy_shown_schema,
    "pending": pending_schema,
    "request": request_schema,
    "round": round_schema,
    "accounts": accounts_schema,
    "error": error_schema,
}
"""The answers of commands that have a schema, by kind."""
