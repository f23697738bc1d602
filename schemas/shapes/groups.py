"""The shapes of groups of accounts: the policy of one, and its plan."""

from __future__ import annotations

from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_policy import FINDING, GROUP_GUARDS, HEDGED, ON_LEG_FAILURE
from exitplan.schemas.shapes.common import Schema, keyed, listed, name, one_of, record, schema, symbol, text
from exitplan.schemas.shapes.records import described

GROUP_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
GROUP_NAME_MESSAGE = "a group's name is letters, digits, - and _"
_SIDES = {"long": "", "short": ""}
_RANKS = {"value": "the smallest first.", "oldest": "the oldest first."}


def group_schema() -> Schema:
    """Describe the policy of a group of accounts."""
    properties = {
        "version": {"type": "integer", "enum": [1], "description": "The version of this file's format."},
        "name": text("The group, as account files name it, and this file.", pattern=GROUP_NAME_PATTERN)
        | {"patternErrorMessage": GROUP_NAME_MESSAGE},
        "description": text("What it is for."),
        "quote": name("The currency that the group's values are in.", examples=["USD", "USDT"]),
        "rates": keyed(
            _positive("Units of the group's quote."),
            "Units of the group's quote for one unit of another currency; they go before what venues tell.",
        ),
        "aliases": keyed(name("The name it goes by."), "Names of assets over all accounts, old: new."),
        "units": keyed(
            _positive("How many of the asset one is."),
            "How many of its asset one of a name is: 1000PEPE: 1000, with an alias 1000PEPE: PEPE.",
        ),
        "hedged": one_of(HEDGED, "What is done with hedged pairs.", default="close_together"),
        "pairs": _pairs(),
        "cap": _cap(),
        "dust": record(
            {"value": _positive("Below this value, in the group's quote, a position or a whole pair is closed.")},
            ("value",),
            about="What is dust for the group; if absent nothing is.",
        ),
        "max_leg_imbalance": record(
            {
                "value": _positive("The value, in the group's quote, by which legs may be apart."),
                "seconds": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 86_400,
                    "description": "For how long they may be apart at all.",
                },
            },
            ("value", "seconds"),
            about="How far the legs of a bundle may be apart while it is carried out.",
        ),
        "on_leg_failure": record(
            {
                "then": one_of(ON_LEG_FAILURE, "What is done then.", default="reduce"),
                "attempts": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 20,
                    "default": 3,
                    "description": "How often a leg is tried in all.",
                },
            },
            about="What is done with a leg that fails.",
        ),
        "guards": _guards(),
    }
    about = "What is asked of several accounts together, beside the policy of each."
    body = {
        **record(properties, ("version", "name", "quote", "max_leg_imbalance")),
        "examples": [
            {"version": 1, "name": "desk", "quote": "USD", "max_leg_imbalance": {"value": 500, "seconds": 60}}
        ],
    }
    return schema("group", "Group of accounts", about, body)


def group_plan_schema() -> Schema:
    """Describe the plan of a group: the plans of its accounts, and what of them closes as one."""
    about = "What exitplan would do with a group of accounts, and why. Its hash protects it: do not edit it by hand."
    return schema("groupplan", "Plan of a group", about, described(GroupPlan))


def _positive(about: str) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0, "description": about}


def _pairs() -> Schema:
    position = record(
        {
            "account": name("The account."),
            "symbol": symbol(),
            "side": one_of(_SIDES, "The side of the position.", default="long"),
        },
        ("account", "symbol"),
    )
    properties: dict[str, Schema] = {
        "find": one_of(FINDING, "How they are found.", default="asset"),
        "min_ratio": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "default": 0.5,
            "description": "How much of the larger side the smaller must be, 0 to 1; below it they are no pair.",
        },
        "listed": listed(
            {**listed(position), "minItems": 2}, "With find: listed, the pairs: each a list of positions."
        ),
    }
    return record(properties, about="Which positions are hedges of each other.")


def _cap() -> Schema:
    properties: dict[str, Schema] = {
        "max_positions": {
            "type": "integer",
            "minimum": 0,
            "maximum": 10_000,
            "description": "The most positions in all accounts together.",
        },
        "pair_counts_as": {
            "type": "integer",
            "enum": [1, 2],
            "default": 1,
            "description": "How many positions a pair counts as.",
        },
        "rank_by": {
            **listed(one_of(_RANKS, "What goes first."), "What is closed first."),
            "minItems": 1,
            "uniqueItems": True,
            "default": list(_RANKS),
        },
    }
    return record(properties, ("max_positions",), about="A cap over all accounts; if absent there is none.")


def _guards() -> Schema:
    share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    count: Schema = {"type": "integer", "minimum": 0}
    value: Schema = {"type": "number", "minimum": 0}
    kinds = {"max_actions": count, "max_run_pct": share, "max_bundle_value": value}
    properties = {key: {**kinds[key], "description": about} for key, about in GROUP_GUARDS.items()}
    return record(properties, about="Guards over the group, beside those of each account; what is absent is no limit.")
