"""The shape of a policy or account file, made from the registries of the rule set.

One schema serves both, and a file that extends another one as well: what only a complete policy must hold is asked
where there is no ``extends``.
"""

from __future__ import annotations

from decimal import Decimal

from exitplan.ruleset.language.approval import DAYS, MODES, MOST_PEOPLE
from exitplan.ruleset.language.escalation import DURATION_PATTERN, ESCALATION_KINDS, LIMITS, STEP_SEVERITY
from exitplan.ruleset.language.parameters import (
    CAP_RANKS,
    CAP_SCOPES,
    DEEDS,
    DUST,
    EXIT_ACTIONS,
    GUARDS,
    PARAMETERS,
    SEVERITIES,
    Setting,
)
from exitplan.ruleset.language.policy import CASH_KEPT
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS, ORDER_FACTS, POSITION_FACTS, Category
from exitplan.ruleset.model.lots import DEFAULT_METHOD, METHODS
from exitplan.ruleset.planning.actions import ACTION_KINDS
from exitplan.schemas.shapes.common import (
    NAME_PATTERN,
    Schema,
    flag,
    keyed,
    listed,
    name,
    one_of,
    record,
    schema,
    symbol,
    text,
    written_moment,
)
from exitplan.schemas.shapes.conditions import (
    DEFINITION_PATTERN,
    PARAMETER_PATTERN,
    condition_schema,
    either,
    shared_definitions,
)
from exitplan.schemas.shapes.unwinding import unwind_schema

_ABOUT_DUST = "What becomes of dust that is too small to sell."
_NOTHING: Schema = {"not": {}}
_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_ID_MESSAGE = "an id of letters, digits, '.', '_' and '-' is expected, at most 64 of them"


def policy_schema() -> Schema:
    """Describe a policy file and an account file."""
    body: Schema = {
        **record(_top_level(), ("version",)),
        "if": {"required": ["extends"]},
        "else": {"required": ["name"]},
        "definitions": {
            **shared_definitions(),
            "classification_condition": condition_schema(
                "classification_condition", CLASSIFICATION_FACTS, "What a position must be for phase 1."
            ),
            "exit_condition": condition_schema("exit_condition", POSITION_FACTS, "What a position must be."),
            "order_condition": condition_schema("order_condition", ORDER_FACTS, "What an open order must be."),
            "any_condition": condition_schema(
                "any_condition", either(POSITION_FACTS, ORDER_FACTS), "What a position or an order must be."
            ),
        },
    }
    about = "The rules for an account: what is classified how, which orders are stale, and what is closed in which way."
    return schema("policy", "Policy or account", about, body)


def _top_level() -> dict[str, Schema]:
    return {
        "version": {"type": "integer", "enum": [1], "description": "The version of the policy format."},
        "name": text("A short name.", minLength=1, maxLength=100),
        "description": text("What the policy is for."),
        "extends": text("The file this one builds on, relative to it.", minLength=1, examples=["default.yaml"]),
        "parameters": _parameters(),
        "definitions": _definitions(),
        "classification": listed(_rule("classification"), "The rules of phase 1. The first match decides."),
        "orders": listed(_rule("orders"), "Which open orders are cancelled."),
        "exits": listed(_rule("exits"), "What is done with a position. The first match decides."),
        "never": listed(_invariant(), "What is never done with a position. Files that extend this one can only add."),
        "always": listed(_invariant(), "What is always done with a position. Files that extend this one can only add."),
        "unwind": unwind_schema(),
        "cap": _cap(),
        "health": _health(),
        "dust": record({setting.name: _setting(setting) for setting in DUST.values()}, about=_ABOUT_DUST),
        "cash": _cash(),
        "aliases": keyed(
            name("The new name."), "New names of assets by their old ones, such as MATIC: POL.", NAME_PATTERN
        ),
        "protect": listed(_protection(), "Positions that are never touched and always reported."),
        "guards": record({guard.name: _setting(guard) for guard in GUARDS.values()}, about="Limits of a whole plan."),
        "plan": record({"valid_minutes": _minutes()}, about="How plans are made."),
        "clean": record({"tolerate_untradeable_dust": _tolerance()}, about="What counts as clean."),
        "approval": _approval(),
        "escalation": listed(_ladder(), "Who is told, step by step, when something goes wrong for too long."),
        "account": account_schema(),
    }


def _parameters() -> Schema:
    own: Schema = {
        "anyOf": [
            {"type": ["number", "boolean", "string"]},
            {"type": "array", "items": {"type": ["string", "number"]}},
        ],
        "description": "A parameter of this policy's own, for its conditions.",
    }
    return {
        "type": "object",
        "description": "Values that conditions refer to as $name.",
        "propertyNames": {
            "pattern": PARAMETER_PATTERN.replace(r"\$", ""),
            "patternErrorMessage": "a name of letters, digits and '_' is expected",
        },
        "properties": {setting.name: _setting(setting) for setting in PARAMETERS.values()},
        "additionalProperties": own,
    }


def _setting(setting: Setting) -> Schema:
    shape: Schema = {"description": setting.meaning}
    if setting.type == "texts":
        return {**shape, "type": "array", "items": {"type": "string"}, "default": list(_texts(setting))}
    shape["type"] = setting.type
    if setting.default is not None:
        shape["default"] = setting.default
    if setting.minimum is not None:
        shape["minimum"] = setting.minimum
    if setting.maximum is not None:
        shape["maximum"] = setting.maximum
    if setting.below is not None:
        shape["exclusiveMaximum"] = setting.below
    return shape


def _texts(setting: Setting) -> tuple[str, ...]:
    return setting.default if isinstance(setting.default, tuple) else ()


def _definitions() -> Schema:
    return {
        "type": "object",
        "description": "Conditions with a name, for use as a bare word.",
        "propertyNames": {
            "pattern": DEFINITION_PATTERN,
            "patternErrorMessage": "a name of letters, digits, '.', '_' and '-' is expected",
        },
        "additionalProperties": {"$ref": "#/definitions/any_condition"},
    }


def _rule(block: str) -> Schema:
    """Describe a rule of a list: complete, or one that only drops an inherited rule."""
    own = {"classification": _classification_keys, "orders": _order_keys, "exits": _exit_keys}[block]()
    before: Schema = {
        "type": ["string", "array"],
        "items": {"type": "string"},
        "description": "Where the rule goes in the inherited list: before the first of the rules named here.",
    }
    properties: dict[str, Schema] = {
        "id": text("The rule's name; a file that extends this one replaces it by this name.", pattern=_ID_PATTERN)
        | {"patternErrorMessage": _ID_MESSAGE},
        **own,
        "because": text("Why, as a sentence with {fact} places, for plans and explanations."),
        "severity": one_of(dict.fromkeys(SEVERITIES, ""), "How bad alerts about it are."),
        "before": before,
        "remove": {"type": "boolean", "enum": [True], "description": "Drops the inherited rule with this id."},
    }
    required = ["id", *(key for key in ("category", "when", "action") if key in own)]
    return {
        **record(properties),
        "if": {"required": ["remove"]},
        "then": {"required": ["id"], "properties": dict.fromkeys([*own, "because", "severity", "before"], _NOTHING)},
        "else": {"required": required},
    }


def _classification_keys() -> dict[str, Schema]:
    categories = [category.value for category in Category if category is not Category.STRATEGY_ALIGNED]
    return {
        "category": {"enum": categories, "description": "What a position is that the condition holds for."},
        "when": {"$ref": "#/definitions/classification_condition"},
    }


def _order_keys() -> dict[str, Schema]:
    return {
        "when": {"$ref": "#/definitions/order_condition"},
        "action": one_of({"cancel": "Cancel the order."}, "What is done."),
    }


def _exit_keys() -> dict[str, Schema]:
    actions = {action.name: action.meaning for action in EXIT_ACTIONS.values()}
    stop: Schema = {"type": ["number", "string"], "pattern": PARAMETER_PATTERN}
    stop |= {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "examples": [Decimal("0.1")]}
    return {
        "rule": {"type": "integer", "minimum": 1, "maximum": 4, "description": _RULE_NUMBERS},
        "when": {"$ref": "#/definitions/exit_condition"},
        "action": one_of(actions, "What is done with the position."),
        "attempts": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How often it is tried at most."},
        "on_failure": one_of({"escalate": "Raise an alert."}, "What is done when the attempts are used up."),
        "stop_pct": {**stop, "description": "With attach_stop: how far from the mark, as a fraction."},
        "adopt": {"type": "boolean", "description": "With attach_stop: register the position in the tracker."},
    }


_RULE_NUMBERS = "The exit rule of the protocol it stands for: 1 dust, 2 over the cap, 3 gradual unwind, 4 zombie."


def _invariant() -> Schema:
    deeds: Schema = {"enum": list(DEEDS)}
    meanings = " ".join(f"{deed.name}: {deed.meaning}" for deed in DEEDS.values())
    properties: dict[str, Schema] = {
        "when": {"$ref": "#/definitions/exit_condition"},
        "do": {
            "anyOf": [deeds, {"type": "array", "items": deeds, "minItems": 1, "uniqueItems": True}],
            "description": f"What it is about, one or several. {meanings}",
        },
        "because": text("Why, for plans that would break it."),
    }
    return record(properties, ("when", "do"))


def _cap() -> Schema:
    ranks = " ".join(f"{rank}: {meaning}" for rank, meaning in CAP_RANKS.items())
    return record(
        {
            "scope": one_of(CAP_SCOPES, "Who may be chosen.", default="all"),
            "rank_by": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"enum": list(CAP_RANKS)},
                "default": ["value_usd", "pnl_pct", "oldest"],
                "description": f"The order inside a category. {ranks}",
            },
            "count_untradeable": {
                "type": "boolean",
                "default": False,
                "description": "Whether zombies that cannot be sold count against the cap.",
            },
        },
        about="How positions are counted, and chosen where there are too many.",
    )


def _health() -> Schema:
    """Describe the health block; a model that stands in the policy itself is checked as the file that it was."""
    about = "The file of the model, relative to this one; default is the model that comes with exitplan."
    model: Schema = {"type": ["string", "object"], "minLength": 1, "description": about}
    model["examples"] = ["default", "models/ours.json"]
    return record({"model": model}, about="How positions are scored: health_score is a fact, and a rank of the cap.")


def _cash() -> Schema:
    return record(
        {
            "keep": {
                **listed(
                    {"type": "string", "pattern": NAME_PATTERN}, "The currencies that are money and no positions."
                ),
                "uniqueItems": True,
                "default": list(CASH_KEPT),
            },
            "convert": {
                "type": "boolean",
                "default": False,
                "description": "Whether other money is turned into the account's quote currency.",
            },
        },
        about="Money in other currencies than the account's quote.",
    )


def _protection() -> Schema:
    properties = {
        "symbol": symbol()
        | {"description": "A symbol of the asset that is left alone, in whatever market: BTC/USD is BTC."},
        "asset": name("The asset that is left alone, in whatever market, such as BTC."),
        "reason": text("Why it is left alone."),
        "until": written_moment("From this moment on it protects no more; absent means for ever."),
        "remove": {"type": "boolean", "enum": [True], "description": "Drops the inherited entry for this symbol."},
    }
    return record(properties)


def _ladder() -> Schema:
    """Describe an escalation ladder: complete, or one that only drops an inherited one."""
    own: dict[str, Schema] = {
        "on": one_of({kind.name: kind.meaning for kind in ESCALATION_KINDS.values()}, "What goes wrong."),
        "after": {
            **record(_limits(), about="How long or how often; the first limit that is reached counts."),
            "minProperties": 1,
        },
        "steps": {**listed(_step(), "Who is told, one after the other."), "minItems": 1, "maxItems": 20},
    }
    properties: dict[str, Schema] = {
        "id": text("The ladder's name; a file that extends this one replaces it by this name.", pattern=_ID_PATTERN)
        | {"patternErrorMessage": _ID_MESSAGE},
        **own,
        "remove": {"type": "boolean", "enum": [True], "description": "Removes the inherited ladder with this id."},
    }
    return {
        **record(properties),
        "if": {"required": ["remove"]},
        "then": {"required": ["id"], "properties": dict.fromkeys(own, _NOTHING)},
        "else": {"required": ["id", "on", "steps"]},
    }


def _limits() -> dict[str, Schema]:
    counts = dict.fromkeys(("failures", "cycles"), "integer")
    return {
        name: {"type": counts.get(name, "number"), "minimum": int(name in counts), "maximum": 1_000_000}
        | {"description": meaning}
        for name, meaning in LIMITS.items()
    }


def _step() -> Schema:
    channels: Schema = {
        **listed(name("A channel of alerts.yaml."), "The channels of alerts.yaml that are told."),
        "minItems": 1,
        "uniqueItems": True,
    }
    properties = {
        "channels": channels,
        "after": _duration("How long after the step before it, or for the first step after the incident opened."),
        "severity": one_of(dict.fromkeys(SEVERITIES, ""), "The severity of its alert.", default=STEP_SEVERITY),
        "repeat": _duration("For the last step: tell it again this often, until the incident is acknowledged or over."),
    }
    return record(properties, ("channels",))


def _duration(about: str) -> Schema:
    message = "a duration is expected, such as 90s, 30m, 2h or 1d"
    return text(about, pattern=DURATION_PATTERN, patternErrorMessage=message, examples=["30m"])


def _tolerance() -> Schema:
    return {**flag("Dust that cannot be sold does not count against CLEAN.", optional=False), "default": True}


def _minutes() -> Schema:
    return {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 10_080,
        "default": 15,
        "description": "How long a plan may be applied, in minutes.",
    }


def _approval() -> Schema:
    """Describe who approves the plans of `exitplan watch`: one word, or a mapping with limits."""
    mode = one_of(MODES, "Who approves the plans of `exitplan watch`.", default="manual")
    kinds = {**listed({"enum": list(ACTION_KINDS)}, "The kinds of actions that need no approval; all if absent.")}
    properties: dict[str, Schema] = {
        "mode": mode,
        "kinds": {**kinds, "minItems": 1, "uniqueItems": True, "examples": [["cancel_order", "close"]]},
        "max_value": {
            "type": "number",
            "minimum": 0,
            "description": "The largest total value of a plan's closes, unwinds and conversions, in quote.",
        },
        "hours": _hours(),
        "people": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_PEOPLE,
            "default": 1,
            "description": "How many different people must approve a plan that waits.",
        },
    }
    about = "Which plans `exitplan watch` applies without asking, and how many people must approve the others."
    word: Schema = {"type": "string", "enum": list(MODES)}
    return {"anyOf": [word, record(properties)], "description": about}


def _hours() -> Schema:
    day: Schema = {"enum": list(DAYS)}
    properties: dict[str, Schema] = {
        "from": _clock("When they begin.", "([01][0-9]|2[0-3]):[0-5][0-9]", "00:00"),
        "to": _clock(
            "When they end; before `from` it is on the next day.", "([01][0-9]|2[0-3]):[0-5][0-9]|24:00", "24:00"
        ),
        "zone": text("The time zone of both.", default="UTC", examples=["Europe/Zurich"], minLength=1),
        "days": {**listed(day, "The days they begin on; all if absent."), "minItems": 1, "uniqueItems": True},
    }
    return record(properties, about="When plans need no approval; at any time if absent.")


def _clock(about: str, pattern: str, default: str) -> Schema:
    message = "a time of day is expected, such as 08:00"
    return text(about, pattern=f"^({pattern})$", patternErrorMessage=message, default=default)


def _rate_limit() -> Schema:
    most: Schema = {"type": "number", "exclusiveMinimum": 0}
    properties = {
        "burst": {**most, "description": "What the venue takes at once, in ccxt's cost units."},
        "per_second": {**most, "description": "What it gives back a second, in the same units."},
    }
    about = "How fast the venue may be asked, where the key's tier allows more or less than exitplan knows."
    return record(properties, ("burst", "per_second"), about=about)


def _route() -> Schema:
    address = text("An address of the machine, which requests are sent from.", pattern="^[0-9a-fA-F:.]+$")
    proxy = text("A proxy that all requests go through: http://host:port.", pattern="^https?://[^\\s@]+$")
    properties = {
        "source_address": address | {"patternErrorMessage": "an IP address is expected, such as 10.0.0.5"},
        "proxy": proxy | {"patternErrorMessage": "a proxy without user and password is expected: http://host:port"},
    }
    return record(properties, about="What egress stands for on this machine, where that is not its own address.")


def _signatures() -> Schema:
    key = text(
        "A public key, as the line of its .pub file.",
        pattern=r"^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][A-Za-z0-9+/]{42}( .*)?$",
        patternErrorMessage="the line of an ed25519 .pub file is expected: ssh-ed25519 AAAA... NAME",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... alice"],
    )
    keys: Schema = {
        **listed({**key, "x-secret": True}, "Who may sign: the public keys, each with a name behind it."),
        "minItems": 1,
        "uniqueItems": True,
    }
    needed: Schema = {
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "description": "How many of the keys must have signed a plan.",
    }
    about = "Plans are applied only with signatures (exitplan sign) of these keys."
    return record({"keys": keys, "signatures": needed}, ("keys",), about=about)


def account_schema() -> Schema:
    """Describe the account block."""
    reference = "Where the credentials are, never what they are: env:NAME, keyring:NAME or file:PATH."
    properties = {
        "id": text("The account's id; platform is the platform account.", pattern=_ID_PATTERN)
        | {"patternErrorMessage": _ID_MESSAGE},
        "venue": name("The venue, such as paper.", examples=["paper", "coinbase", "kraken", "binance"]),
        "quote": name("The currency that values and equity are in.", examples=["USD"]),
        "credentials": text(reference, pattern="^(env|keyring|file):.+$")
        | {"patternErrorMessage": "a reference is expected: env:NAME, keyring:NAME or file:PATH", "x-secret": True},
        "base_url": text("Another address of the venue's interface.", pattern="^https?://[^\\s@]+$")
        | {"patternErrorMessage": "an address without user and password is expected: https://...", "x-secret": True},
        "allow_http": {
            "type": "boolean",
            "default": False,
            "description": "Let base_url be http:// to another machine: keys and orders then travel in clear.",
        },
        "sandbox": {"type": "boolean", "default": False, "description": "Use the venue's sandbox."},
        "market_types": {
            **listed({"enum": ["spot", "swap", "future"]}, "The kinds of markets that the account trades in."),
            "minItems": 1,
            "uniqueItems": True,
            "default": ["spot"],
        },
        "rate_limit": _rate_limit(),
        "egress": text(
            "In a fleet: the name of the address that requests have to leave by; workers with it take the account.",
            pattern=_ID_PATTERN,
        )
        | {"patternErrorMessage": _ID_MESSAGE},
        "route": _route(),
        "options": {
            "type": "object",
            "description": "Settings of the venue, for ccxt's client; never credentials.",
            "propertyNames": {
                "pattern": r"^(?!.*([Ss]ecret|[Aa]pi_?[Kk]ey|[Pp]assw|[Pp]assphrase|[Pp]rivate_?[Kk]ey|[Tt]oken)).*$",
                "patternErrorMessage": "credentials have no place here, but as a reference: credentials: env:NAME",
            },
        },
        "require_signature": _signatures(),
        "tags": listed({"type": "string"}, "Words to find the account by."),
        "group": text(
            "The group of accounts that it is planned with: the name of a file in policies/groups.",
            pattern=_ID_PATTERN,
        )
        | {"patternErrorMessage": _ID_MESSAGE},
        "lots": one_of(METHODS, "By which method `exitplan lots` reports what exits realised.", default=DEFAULT_METHOD),
    }
    return record(properties, about="The account this policy is for.")
