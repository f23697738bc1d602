"""The shapes of what commands that look at an account print: verify, status, gate, positions, explain, eval."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import OBJECT, SIDES, answer, maybe, whole
from exitplan.schemas.shapes.common import Schema, amount, flag, listed, moment, name, one_of, record, symbol, text
from exitplan.schemas.shapes.state import state_schema


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
        "warnings": listed(OBJECT, "What a person should know."),
        "problem": text("Why the account could not be read.", optional=True),
        "incidents": listed(text(), "The open incidents; see exitplan incidents."),
    }
    about = "How an account stands, by the four checks."
    return answer("verify", "Verification", about, properties, ("incidents",))


def status_schema() -> Schema:
    """Describe what ``exitplan status --json`` prints of one account: the state, and what stands beside it."""
    properties = {
        **state_schema()["properties"],
        "account": name("The account."),
        "venue": name("Its venue."),
        "open_plans": listed(text(), "Plans whose run has not ended."),
        "group_run": {
            "description": "The plan of its group that it takes part in and that has not ended.",
            "anyOf": [{"type": "null"}, record({"group": name("The group."), "group_plan": text("Its plan.")})],
        },
        "warnings": listed(OBJECT, "What a person should know of its files."),
        "incidents": listed(text(), "The open incidents; see exitplan incidents."),
    }
    of_state = [key for key in state_schema()["properties"] if key not in {"format_version", "unwind_progress"}]
    optional = ("incidents", *of_state)
    return answer("status", "Status", "What exitplan remembers of an account.", properties, optional)


def groups_schema() -> Schema:
    """Describe what ``exitplan groups --json`` prints."""
    bound = record({"value": amount("In the group's quote."), "seconds": whole("For how long.")}, ("value", "seconds"))
    group = record(
        {
            "group": name("The group."),
            "file": text("Its policy."),
            "quote": text("The currency that it counts in."),
            "hedged": one_of({"close_together": "", "keep": "", "alone": ""}, "What becomes of hedged pairs."),
            "max_leg_imbalance": bound,
            "accounts": listed(text(), "Its accounts."),
            "open_plan": text("The plan that was not carried out to its end; null if there is none.", optional=True),
        },
        ("group", "file", "quote", "hedged", "max_leg_imbalance", "accounts", "open_plan"),
    )
    return answer("groups", "Groups", "The groups of accounts.", {"groups": listed(group, "Those that can be read.")})


def gate_schema() -> Schema:
    """Describe what ``exitplan gate --json`` prints of one account."""
    properties = {
        "account": name("The account."),
        "exit_code": whole("0 where the gate is open, 2 where it is closed."),
        "open": flag("Whether trading may start.", optional=False),
        "reason": text("Why."),
        "state": text("The state that the last verification found.", optional=True),
        "verified_at": moment("When that was."),
        "max_age_seconds": whole("How old a verification may be."),
    }
    return answer("gate", "Gate", "Whether a bot may start trading on an account.", properties)


def positions_schema() -> Schema:
    """Describe what ``exitplan positions --json`` prints."""
    keys = {
        "symbol": symbol(),
        "side": one_of(SIDES, "The side of the position."),
        "quantity": amount("How much is held.", optional=False),
        "value_usd": maybe("What it is worth, in the account's quote currency."),
        "account_pct": maybe("Its share of managed equity, as a fraction."),
        "pnl_pct": maybe("Profit, as a fraction of the entry price."),
        "age_minutes": maybe("Minutes since it was opened."),
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
    return answer("positions", "Positions", "Everything that an account holds.", properties)


def explain_schema() -> Schema:
    """Describe what ``exitplan explain --json`` prints."""
    position = record(
        {
            "side": one_of(SIDES, "The side of the position."),
            "quantity": amount("How much is held.", optional=False),
            "category": text("The category of phase 1."),
            "rule": text("The rule that decided.", optional=True),
            "because": text("Why, in a sentence."),
            "facts": {**OBJECT, "description": "The facts that could be known."},
            "classification": listed(OBJECT, "The rules of phase 1 that were tried."),
            "exits": listed(OBJECT, "The exit rules that were tried."),
            "sources": {**OBJECT, "description": "Where each fact came from."},
            "schedule": listed(OBJECT, "The cycles of an unwind that are to come, with times and amounts."),
            "remainder": record(
                {
                    "left": amount("What is left then.", optional=False),
                    "further_cycles": {
                        "type": ["integer", "null"],
                        "description": "About how many more it takes at the pace of the last one; null where the "
                        "next one waits for the market.",
                    },
                },
                about="With max_participation: what the market leaves after the cycles of schedule.",
            ),
            "outcomes": {
                **OBJECT,
                "description": "With unwind in the policy: expected cost and deviation of its schedule and of others.",
            },
            "alternatives": listed(OBJECT, "What would have to change for another exit, the nearest first."),
            "why_not": {**OBJECT, "description": "With --why-not: what keeps it from what was asked for."},
        },
        ("side", "quantity", "category", "rule", "because", "facts", "classification", "exits"),
        extra=True,
    )
    properties = {
        "symbol": symbol(),
        "account": name("The account."),
        "now": moment("When it was planned.", optional=False),
        "policy": {**OBJECT, "description": "The policy, by name and hash."},
        "positions": listed(position, "The positions of the symbol."),
        "orders": listed(OBJECT, "Its open orders, with the rules that were tried."),
    }
    return answer("explain", "Explanation", "Why a position is what it is.", properties)


def eval_schema() -> Schema:
    """Describe what ``exitplan eval --json`` prints."""
    position = record(
        {
            "symbol": symbol(),
            "side": one_of(SIDES, "The side of the position."),
            "trace": {**OBJECT, "description": "Whether it holds, and what each part found."},
        },
        ("symbol", "side", "trace"),
    )
    properties = {
        "account": name("The account."),
        "condition": text("The condition as it was read."),
        "positions": listed(position, "The positions it was tried on."),
    }
    return answer("eval", "Tried condition", "What a condition says of positions.", properties)
