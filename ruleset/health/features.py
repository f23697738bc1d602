"""The features that a health model may weigh, as one registry: name, meaning, what they are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext

from msgspec import Struct

from exitplan.ruleset.health.arithmetic import DIGITS, barrier_log_odds
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import MICRO, ONE, TWO, ZERO

_MINUTES_PER_DAY = 1440


class Seen(Struct, frozen=True, gc=False):
    """What features are computed from: a position's facts, market and quantity, and what the model is about."""

    facts: Facts
    market: Market | None
    quantity: Decimal | None
    fall: Decimal
    days: int

    def number(self, name: str) -> Decimal | None:
        """Return a number among the facts; None where it is absent."""
        value = self.facts.get(name)
        return None if value is None else Decimal(value) / MICRO


class Feature(Struct, frozen=True, gc=False):
    """One thing that a model may weigh.

    ``sources`` are the facts, or parts of the market, that it is computed from; ``absent`` says when it is not known.
    """

    name: str
    meaning: str
    sources: tuple[str, ...]
    absent: str
    compute: Callable[[Seen], Decimal | None]


def _barrier(seen: Seen) -> Decimal | None:
    volatility = seen.number("volatility_1d")
    if volatility is None:
        return None
    return barrier_log_odds(volatility, seen.days, fall=seen.fall, is_short=seen.facts.get("side") == "short")


def _log_value(seen: Seen) -> Decimal | None:
    value = seen.number("value_usd")
    return value.log10() if value is not None and value > 0 else None


def _log_age(seen: Seen) -> Decimal | None:
    minutes = seen.number("age_minutes")
    return None if minutes is None else (ONE + max(minutes, ZERO) / _MINUTES_PER_DAY).ln()


def _spread(seen: Seen) -> Decimal | None:
    bid, ask = (None, None) if seen.market is None else (seen.market.bid, seen.market.ask)
    if bid is None or ask is None or bid <= 0 or ask <= 0:
        return None
    return max(ask - bid, ZERO) * TWO / (ask + bid)


def _log_volume_share(seen: Seen) -> Decimal | None:
    volume = None if seen.market is None else seen.market.data.volume_1d
    held = None if seen.quantity is None else abs(seen.quantity)
    return (held / volume).log10() if volume and held else None


def _number(name: str) -> Callable[[Seen], Decimal | None]:
    return lambda seen: seen.number(name)


def _flag(name: str, value: str | bool) -> Callable[[Seen], Decimal | None]:  # noqa: FBT001 - the value that counts as 1
    def compute(seen: Seen) -> Decimal | None:
        told = seen.facts.get(name)
        return None if told is None else Decimal(int(told == value))

    return compute


def _table(*features: Feature) -> Mapping[str, Feature]:
    return {feature.name: feature for feature in features}


BARRIER = "barrier"
"""The feature that the shipped model is made of."""
_SPAN = "volatility could not be had"

FEATURES: Mapping[str, Feature] = _table(
    Feature(
        BARRIER,
        "The log-odds that a price without drift and with the volatility of the last days goes against the position by "
        "the model's fall within its days.",
        ("volatility_1d", "side"),
        f"where {_SPAN}",
        _barrier,
    ),
    Feature(
        "volatility_1d",
        "The volatility of a day, as a fraction.",
        ("volatility_1d",),
        f"where {_SPAN}",
        _number("volatility_1d"),
    ),
    Feature("pnl_pct", "The result so far, as a fraction.", ("pnl_pct",), "where the fact is", _number("pnl_pct")),
    Feature(
        "account_pct", "The share of the account.", ("account_pct",), "where the fact is", _number("account_pct")
    ),
    Feature(
        "log_value",
        "The logarithm to base 10 of the value in the account's quote.",
        ("value_usd",),
        "without a price, or where it is worth nothing",
        _log_value,
    ),
    Feature(
        "log_age", "The natural logarithm of 1 + the age in days.", ("age_minutes",), "where the fact is", _log_age
    ),
    Feature(
        "spread",
        "(ask - bid) / mid of its market.",
        ("bid", "ask"),
        "where one of them was not asked for or is not there",
        _spread,
    ),
    Feature(
        "log_volume_share",
        "The logarithm to base 10 of what is held as a share of what was traded in the last closed day.",
        ("volume_1d",),
        "where the venue's candles do not tell",
        _log_volume_share,
    ),
    Feature("short", "1 for a short, 0 for a long.", ("side",), "never", _flag("side", "short")),
    Feature(
        "failed_exits", "Exits that failed since the last success.", ("failed_exits",), "never",
        _number("failed_exits"),
    ),
    Feature("unwind_cycle", "Unwind cycles done.", ("unwind_cycle",), "never", _number("unwind_cycle")),
)  # fmt: skip
"""Everything that a model may weigh."""


def feature_value(name: str, seen: Seen) -> Decimal | None:
    """Compute a feature of a position; None where it is not known."""
    with localcontext(DIGITS):
        return FEATURES[name].compute(seen)
