"""The shape of an action plan and of a state file."""

from __future__ import annotations

from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.actions import ACTION_KINDS, BLOCKED_REASONS
from exitplan.ruleset.planning.warnings import WARNING_KINDS
from exitplan.schemas.shapes.common import (
    NOT_NEGATIVE_PATTERN,
    Schema,
    amount,
    flag,
    format_version,
    keyed,
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

_OBJECT: Schema = {"type": "object"}
_POWER_PATTERN = NOT_NEGATIVE_PATTERN.replace("{1,40}", "{1,400}")
"""A share is a power of what the policy says, and has more digits than that."""


def plan_schema() -> Schema:
    """Describe an action plan: what a person reviews and ``apply`` does."""
    properties = {
        "format_version": format_version(),
        "tool_version": text("The version of exitplan that made the plan."),
        "plan_id": name("The id of the plan, derived from its content."),
        "created_at": moment("The moment the plan was made for.", optional=False),
        "expires_at": moment("From this moment on it is not applied any more.", optional=False),
        "account": _tolerant({"id": name("The account."), "venue": name("Its venue."), "quote": name("Its currency.")}),
        "policy": _tolerant({"name": text("The policy's name."), "sha256": sha256("The hash of the merged policy.")}),
        "snapshot": _snapshot(),
        "other_cash": listed(_cash(), "Money in other currencies than the account's quote."),
        "debts": listed(_debt(), "What the account owes, of a currency or of a position's symbol."),
        "warnings": listed(_warning(), "What a person should know although it stops nothing."),
        "engine": _engine(),
        "positions": listed(_position(), "Every position with its category and why."),
        "actions": listed(_action(), "What apply does, in this order."),
        "blocked": listed(_blocked(), "What should be closed and cannot be."),
        "guards": listed(_guard(), "What the guards say of the plan as a whole."),
        "forecast": {"type": ["object", "null"], "description": "The four checks as they would stand after it."},
        "summary": {**_OBJECT, "description": "Counts by kind, and the value of it all."},
        "sha256": sha256("The hash of everything else in the plan."),
    }
    about = "What exitplan would do with an account, and why. Its own hash protects it: do not edit it by hand."
    return schema("plan", "Action plan", about, _tolerant(properties))


def state_schema() -> Schema:
    """Describe a state file, or a progress file, which is one with ``unwind_progress`` alone."""
    properties = {
        "format_version": format_version(),
        "account_state": text("CLEAN, CLEANUP_IN_PROGRESS, NEEDS_CLEANUP or UNKNOWN.", optional=True),
        "classified_positions": {"type": ["object", "array", "null"], "description": "The last classification."},
        "unwind_progress": keyed(_progress(), "Unwinds under way, by symbol; a short is kept under SYMBOL#short."),
        "failed_exits": {
            **keyed({"type": "integer", "minimum": 0}, "Exits that failed since the last success, by symbol."),
            "type": ["object", "null"],
        },
        "price_missing": {
            **keyed(_missing_price(), "Since when prices are missing, by symbol."),
            "type": ["object", "null"],
        },
        "last_balance": _balance(),
        "escalated": {"type": ["object", "array", "null"], "description": "Positions that a person must look at."},
        "last_cleanup_run": moment("When the protocol last ran."),
        "cleanup_metrics": _metrics(),
    }
    about = "What exitplan remembers of an account between runs."
    return schema("state", "State", about, record(properties, ("unwind_progress",), extra=True))


def _missing_price() -> Schema:
    properties = {
        "since": moment("Since when the venue answers without a price.", optional=False),
        "last_price": amount("The last price that was seen, in the market's quote.", negative=False),
    }
    return record(properties, ("since",), extra=True)


def _balance() -> Schema:
    properties = {
        "at": moment("When the account was read.", optional=False),
        "equity": _figure("Its equity then."),
        "held": keyed(_figure("How much of it."), "What was held, by asset; the quote currency is one of them."),
    }
    shape = record(properties, ("at", "held"), extra=True, about="What the account held at the last run.")
    return {**shape, "type": ["object", "null"]}


def _figure(about: str) -> Schema:
    """Describe a computed amount: exact products and quotients have more digits than what a venue sends."""
    return {**amount(about), "pattern": r"^-?[0-9]{1,400}(\.[0-9]{1,400})?$"}


def _tolerant(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    required = tuple(key for key in properties if key not in optional)
    return record(properties, required, extra=True)


def _snapshot() -> Schema:
    return _tolerant(
        {
            "sha256": sha256("The hash of the snapshot."),
            "taken_at": moment("When the account was read.", optional=False),
            "equity": _figure("Its equity; null where it cannot be known."),
            "managed_equity": _figure("Equity without protected positions and those on markets that do not trade."),
        }
    )


def _cash() -> Schema:
    properties = {
        "currency": name("The currency."),
        "free": _figure("What is free of it."),
        "locked": _figure("What orders hold of it."),
        "rate": _figure("Units of the account's quote for one unit; null where it is not known."),
        "value": _figure("What it is worth in the account's quote; null without a rate."),
    }
    return _tolerant(properties)


def _debt() -> Schema:
    properties = {
        "currency": name("The currency that is owed.", optional=True),
        "symbol": name("The symbol of the position that is owed.", optional=True),
        "amount": _figure("How much of it."),
        "value": _figure("What it is worth in the account's quote; null without a price."),
    }
    return _tolerant(properties, optional=("currency", "symbol"))


def _warning() -> Schema:
    properties = {
        "kind": one_of({str(kind): meaning for kind, meaning in WARNING_KINDS.items()}, "What it is about."),
        "symbol": text("The symbol, asset or currency; empty where it is about the account."),
        "text": text("What is wrong, in a sentence."),
        "nearest": text("The name that was probably meant.", optional=True),
    }
    return _tolerant(properties)


def _engine() -> Schema:
    return _tolerant(
        {
            "name": text("The rule engine."),
            "version": text("Its version."),
            "checked": {"type": ["integer", "boolean"], "description": "Whether, or how often, it was checked."},
        }
    )


def _position() -> Schema:
    properties = {
        "symbol": symbol(),
        "side": one_of({"long": "", "short": ""}, "The side of the position."),
        "category": one_of(dict.fromkeys((item.value for item in Category), ""), "The category of phase 1."),
        "rule": text("The rule that decided; null where none matched.", optional=True),
        "matched": listed(text("The id of a rule."), "Every rule that matched."),
        "because": text("Why, in a sentence.", optional=True),
        "facts": {**_OBJECT, "description": "The facts that could be known."},
        "unwind": {"type": ["object", "null"], "description": "The unwind this position is in."},
    }
    return _tolerant(properties, optional=("side", "because", "unwind"))


def _action() -> Schema:
    properties = {
        "id": name("The id of the action within the plan."),
        "phase": {"type": "integer", "minimum": 1, "maximum": 4, "description": "2 cancels, 3 exits."},
        "kind": one_of({str(kind): meaning for kind, meaning in ACTION_KINDS.items()}, "What is done."),
        "symbol": symbol(),
        "side": one_of({"buy": "", "sell": ""}, "The side of the order.", optional=True),
        "quantity": _figure("How much; of a cancel what remained."),
        "order_id": name("The order to cancel.", optional=True),
        "est_value": _figure("What it is worth in quote; null without a price."),
        "rule": text("The rule it comes from."),
        "because": text("Why, in a sentence.", optional=True),
        "client_order_id": text(
            "The id it is sent with.",
            optional=True,
            pattern="^[0-9a-z]{18}$",
            patternErrorMessage="18 characters of 0-9 and a-z are expected",
        ),
        "trigger_price": _figure("The price that wakes a stop order."),
        "expects": {"type": ["object", "null"], "description": "What must still hold when it is applied."},
    }
    return _tolerant(properties, optional=("order_id", "trigger_price", "because", "expects", "client_order_id"))


def _blocked() -> Schema:
    properties = {
        "symbol": symbol(),
        "side": one_of({"long": "", "short": ""}, "The side of the position."),
        "rule": text("The exit rule that would have run."),
        "reason": one_of({str(reason): why for reason, why in BLOCKED_REASONS.items()}, "Why it cannot be done."),
        "escalate": flag("Whether apply raises an alert.", optional=False),
        "because": text("Why, in a sentence.", optional=True),
        "until": moment("When a waiting cycle is due."),
    }
    return _tolerant(properties, optional=("side", "because", "until"))


def _guard() -> Schema:
    figure = {"type": ["string", "number", "null"]}
    properties = {
        "name": text("The guard."),
        "limit": {**figure, "description": "What it allows."},
        "value": {**figure, "description": "What the plan has."},
        "ok": flag("Whether it lets the plan pass.", optional=False),
    }
    return _tolerant(properties)


def _progress() -> Schema:
    properties = {
        "cycle": {"type": "integer", "minimum": 0, "description": "Cycles done."},
        "remaining_pct": {
            **amount("The share that is left, as a fraction.", optional=False, negative=False, number=True),
            "pattern": _POWER_PATTERN,
            "maximum": 1,
        },
        "initial_quantity": amount("What was held at the start, above 0.", optional=False, negative=False, number=True),
        "started_at": moment("When it began.", optional=False),
        "last_cycle_at": moment("When the last cycle was done."),
        "added": amount("The part of initial_quantity that came after the start.", negative=False, number=True),
    }
    return record(properties, ("cycle", "remaining_pct", "initial_quantity", "started_at"), extra=True)


def _metrics() -> Schema:
    count = {"type": ["integer", "null"], "minimum": 0}
    names = ("total_positions_cleaned", "zombie_positions_closed", "legacy_positions_unwound", "stale_orders_cancelled")
    properties: dict[str, Schema] = dict.fromkeys(names, count)
    properties["capital_freed_usd"] = amount("In the account's quote currency.", number=True)
    return {**record(properties, extra=True), "type": ["object", "null"]}
