"""The shape of a file of policy tests: ``*.test.yaml``."""

from __future__ import annotations

from exitplan.ruleset.model.fact_registry import POSITION_FACTS, Category
from exitplan.ruleset.planning.actions import BLOCKED_REASONS
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.warnings import WARNING_KINDS
from exitplan.schemas.shapes.common import Schema, flag, keyed, listed, name, one_of, record, schema, text

_ANY: Schema = {}
_NUMBER: Schema = {"type": ["integer", "number", "string"]}
_CATEGORIES = {category.value: "" for category in Category}
_STATES = {state.value: "" for state in AccountState}
CHECKS = ("position_count", "zombie_positions", "registered_positions", "stale_orders")
"""The four checks of the protocol, by their names."""


def cases_schema() -> Schema:
    """Describe a file of policy tests."""
    properties = {
        "policy": text("What is tested: the name of a shipped policy, or a file, relative to this one."),
        "parameters": _parameters(),
        "account": _account("The account that cases of whole accounts start from."),
        "tables": listed(_table(), "Single positions, a row each: for borders."),
        "cases": listed(_case(), "Cases one by one."),
    }
    about = "Tests of a policy: positions and accounts, and what the plan has to say of them."
    body = {**record(properties, ("policy",)), "examples": [_EXAMPLE]}
    return schema("cases", "Policy tests", about, body)


def _parameters() -> Schema:
    return {"type": "object", "description": "Parameters that are set over the policy's own."}


def _table() -> Schema:
    properties = {
        "name": text("What the table is about."),
        "because": text("Why it has to be so."),
        "columns": listed(text(), 'Facts that are given, "=>", and what is expected.'),
        "rows": {
            **listed({"type": "array"}, "A position each; null is absent, before the arrow, or not asked."),
            "minItems": 1,
        },
    }
    return record(properties, ("name", "columns", "rows"))


def _case() -> Schema:
    facts = dict.fromkeys(POSITION_FACTS, _ANY)
    properties = {
        "name": text("What the case shows, in a sentence.", minLength=1),
        "because": text("Why it has to be so."),
        "unread": {
            "type": "boolean",
            "enum": [True],
            "description": "Written by --write-missing and read by nobody yet: it does not count for coverage.",
        },
        "parameters": _parameters(),
        "given": {
            **record(facts),
            "description": "The facts of a single position; null is absent, what is not said is ordinary.",
        },
        "account": _account("The account, in place of the file's."),
        "with": _account("What differs from the account: laid over it, null takes something away."),
        "cycles": {"type": "integer", "minimum": 1, "maximum": 100, "description": "Plan and apply so many times."},
        "every": {
            "type": ["integer", "number"],
            "exclusiveMinimum": 0,
            "description": "Minutes from one cycle to the next.",
        },
        "prices": keyed(_ANY, "The price in each cycle: one for all, a list, or 0.42-0.02x3 (first, change, times)."),
        "expect": _expectations(),
    }
    return record(properties, ("name", "expect"))


def _account(about: str) -> Schema:
    side = one_of({"long": "", "short": ""}, "The side of the position.", optional=True)
    position = record(
        {
            "is": text("Quantity @ price, or @ missing, unavailable, implausible."),
            "side": side,
            "tracked": flag("Whether the tracker knows it."),
            "position_source": text("Who opened it.", optional=True),
            "strategy": text("The strategy that manages it.", optional=True),
            "entry_price": {"type": ["integer", "number", "string", "null"], "description": "Null: not known."},
            "exit_logic": flag("Whether something is set up to close it."),
            "age_minutes": {"type": ["integer", "number", "null"], "description": "Minutes since it was opened."},
            "locked": _NUMBER,
            "debt": _NUMBER,
            "asset": text("What is held, where the symbol does not say."),
            "contract_size": _NUMBER,
            "market": {"type": ["object", "null"], "description": "Its listing, as in a snapshot; null: not listed."},
        }
    )
    short = text("Quantity @ price of a long position that a strategy manages.")
    order = record(
        {
            "symbol": text("The symbol."),
            "side": one_of({"buy": "", "sell": ""}, "The side."),
            "type": one_of({"limit": "", "market": "", "stop": "", "stop_limit": ""}, "The kind of order."),
            "quantity": _NUMBER,
            "filled": _NUMBER,
            "price": _NUMBER,
            "trigger_price": _NUMBER,
            "age_minutes": {
                "type": ["integer", "number", "null"],
                "description": "Minutes; null: the venue does not say.",
            },
            "reduce_only": flag("Whether it may only reduce.", optional=False),
            "position_side": side,
        },
        ("symbol", "side", "quantity"),
    )
    properties = {
        "snapshot": text("A recorded account to start from, relative to this file."),
        "progress": text("A state file whose progress goes with it, relative to this file."),
        "quote": text("The currency of values; USD where nothing says otherwise."),
        "venue": text("The venue."),
        "cash": _NUMBER,
        "other_cash": keyed({"type": ["integer", "number", "string", "null"]}, "Money in other currencies."),
        "rates": keyed(_NUMBER, "Units of the quote for one unit of another currency."),
        "positions": keyed({"anyOf": [short, position, {"type": "null"}]}, "What is held, by symbol or base currency."),
        "orders": keyed({"anyOf": [order, {"type": "null"}]}, "Open orders, by id."),
    }
    return record(properties, about=about)


def _expectations() -> Schema:
    per_symbol = "by symbol or base currency"
    reasons = {str(reason): "" for reason in BLOCKED_REASONS}
    properties = {
        "category": _one_or_each(one_of(_CATEGORIES, "What phase 1 says."), per_symbol),
        "rule": _one_or_each(text("The rule that decides; none for the aligned.", optional=True), per_symbol),
        "exit": _one_or_each(text("The exit rule; none where there is none.", optional=True), per_symbol),
        "do": _one_or_each(
            text("close, unwind, ..., with the quantity or without; blocked, waiting, nothing."), per_symbol
        ),
        "blocked": _one_or_each(one_of(reasons, "Why the exit cannot run."), per_symbol),
        "because": _one_or_each(text("The sentence of what is done; * stands for anything."), per_symbol),
        "escalate": flag("Whether a blocked exit raises an alert.", optional=False),
        "matched": listed(text(), "All rules of the classification that match, in their order."),
        "counted": {"type": "integer", "description": "How many positions the cap counts."},
        "over_cap": listed(text(), "Whom the cap chooses."),
        "cancels": listed(name("An order id."), "The orders that are cancelled."),
        "guards": {
            "anyOf": [
                one_of({"ok": "", "refused": ""}, "All of them, or some."),
                keyed(one_of({"ok": "", "refused": ""}, ""), "Guards by name."),
            ]
        },
        "checks": keyed({"type": "boolean"}, "The four checks as the account is now."),
        "forecast": keyed({"type": "boolean"}, "The four checks once the plan is done."),
        "state_now": one_of(_STATES, "How the account stands."),
        "state": {
            "anyOf": [one_of(_STATES, "What the plan leads to."), listed(one_of(_STATES, ""), "After each cycle.")]
        },
        "warnings": listed(one_of(dict.fromkeys(WARNING_KINDS, ""), ""), "What the plan warns of."),
        "left": keyed(_ANY, "What is held after the last cycle, or a list: after each."),
        "clean_after": {"type": "integer", "description": "The first cycle after which the account is CLEAN."},
        "only": {"type": "boolean", "enum": [True], "description": "Nothing else is done than `do` and `cancels` say."},
    }
    return {**record(properties), "minProperties": 1, "description": "What the plan has to say; the rest is not asked."}


def _one_or_each(shape: Schema, about: str) -> Schema:
    """Describe what is expected of the position of a case, or of several, each once or in every cycle."""
    each = {"anyOf": [shape, listed(shape), {"type": "null"}]}
    return {"anyOf": [{**shape}, {"type": "null"}, keyed(each, about)]}


_EXAMPLE = {
    "policy": "default",
    "cases": [{"name": "an untracked position is unwound", "given": {"tracked": False}, "expect": {"do": "unwind"}}],
}
