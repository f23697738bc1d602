"""The shape of a policy's ``unwind``: by which schedule unwinds are spread, and at which pace at most."""

from __future__ import annotations

from decimal import Decimal

from exitplan.ruleset.language.unwinding import SCHEDULES, VOLATILITY_SOURCES, WINDOWS, WITHIN
from exitplan.ruleset.model.market_data import VOLATILITY_DAYS
from exitplan.ruleset.model.volatility import MOST_VOLATILITY
from exitplan.schemas.shapes.common import Schema, one_of, record

_FEWEST_DAYS, _MOST_DAYS = 2, 180  # some venues answer 200 candles at most, the day that goes on among them


def unwind_schema() -> Schema:
    """Describe how unwinds are spread over their cycles."""
    schedules = {str(kind.name): kind.meaning for kind in SCHEDULES.values()}
    properties: dict[str, Schema] = {
        "schedule": one_of(schedules, "How much each cycle closes.", default="published"),
        "calibrate": _calibration(),
        "risk_aversion": _number(
            "In place of calibrate: what a variance of 1 of the position's value is worth avoiding, as a multiple of "
            "that value.",
            exclusiveMinimum=0,
            maximum=1_000_000_000,
        ),
        "impact": _number(
            "The share of a position's value that is lost if it is sold at once, beside fee and spread.",
            exclusiveMinimum=0,
            maximum=1,
            examples=[Decimal("0.01")],
        ),
        "volatility": _volatility(),
        "min_pct": _number("The least share of the rest a cycle closes.", minimum=0, exclusiveMaximum=1, default=0),
        "max_pct": _number(
            "The largest share of the rest that a cycle closes, the last one aside.",
            exclusiveMinimum=0,
            maximum=1,
            default=1,
        ),
        "max_participation": _participation(),
    }
    return record(properties, about="How unwinds are spread over their cycles.")


def _number(about: str, **limits: object) -> Schema:
    return {"type": "number", "description": about, **limits}


def _calibration() -> Schema:
    properties = {
        "pct": _number(
            "The share of the rest that an endless unwind closes in each cycle, at that volatility.",
            exclusiveMinimum=0,
            exclusiveMaximum=1,
            examples=[Decimal("0.25")],
        ),
        "at_volatility": _number(
            "The volatility of a day, as a fraction: 0.04 is 4 %. Used as well where none can be read.",
            exclusiveMinimum=0,
            maximum=int(MOST_VOLATILITY),
            examples=[Decimal("0.04")],
        ),
    }
    return record(properties, ("pct", "at_volatility"), about="The risk aversion, by the unwind that it stands for.")


def _volatility() -> Schema:
    properties: dict[str, Schema] = {
        "from": one_of(VOLATILITY_SOURCES, "Where it is taken from.", default="candles"),
        "days": {
            "type": "integer",
            "minimum": _FEWEST_DAYS,
            "maximum": _MOST_DAYS,
            "default": VOLATILITY_DAYS,
            "description": "Over how many closed days.",
        },
    }
    return record(properties, about="The volatility that an adaptive schedule goes by.")


def _participation() -> Schema:
    properties: dict[str, Schema] = {
        "share": _number("The largest share of it, as a fraction.", exclusiveMinimum=0, maximum=1),
        "of": one_of({str(window): meaning for window, meaning in WINDOWS.items()}, "What it is a share of."),
        "within": _number(
            "With of: book, how far from the mid the book counts, as a fraction.",
            exclusiveMinimum=0,
            maximum=Decimal("0.5"),
            default=WITHIN,
        ),
    }
    about = "The most that one cycle sells, as a share of what the market trades or holds ready."
    return record(properties, ("share", "of"), about=about)
