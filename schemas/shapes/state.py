"""The shape of a state file."""

from __future__ import annotations

from exitplan.schemas.shapes.common import (
    NOT_NEGATIVE_PATTERN,
    Schema,
    amount,
    figure,
    format_version,
    keyed,
    moment,
    record,
    schema,
    sha256,
    text,
)

_POWER_PATTERN = NOT_NEGATIVE_PATTERN.replace("{1,40}", "{1,400}")
"""A share is a power of what the policy says, and has more digits than that."""


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
        "last_balance": _balance("What the account held at the last run."),
        "pending_balance": _balance("A surprising balance that waits for a second reading."),
        "last_prices": {
            **keyed(figure("In the market's quote."), "The last mark prices seen, by position."),
            "type": ["object", "null"],
        },
        "escalated": {"type": ["object", "array", "null"], "description": "Positions that a person must look at."},
        "last_cleanup_run": moment("When the protocol last ran."),
        "last_verified_at": moment("When the four checks were last run."),
        "bound_to": {
            **record(
                {
                    "venue": text("Its venue."),
                    "address": text("Where it is reached: production, sandbox, or an address.", optional=True),
                    "key": text("The fingerprint of its API key.", optional=True),
                },
                ("venue",),
                extra=True,
            ),
            "type": ["object", "null"],
            "description": "The account at its venue that all of this is about.",
        },
        "exported_from": {
            **record({"journal": text(), "revision": {"type": "integer", "minimum": 0}}, extra=True),
            "type": ["object", "null"],
            "description": "The journal that wrote this file, and how often it had replaced its state by then.",
        },
        "verified_policy": {
            **sha256("The hash of the policy, parameters included, that they were run under."),
            "type": ["string", "null"],
        },
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


def _balance(about: str) -> Schema:
    properties = {
        "at": moment("When the account was read.", optional=False),
        "equity": figure("Its equity then."),
        "held": keyed(figure("How much of it."), "What was held, by asset; the quote currency is one of them."),
    }
    shape = record(properties, ("at", "held"), extra=True, about=about)
    return {**shape, "type": ["object", "null"]}


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
