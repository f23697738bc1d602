"""What is known of a market beyond its price: how much it moves, how much is traded, how much its book takes.

It is asked for only where a rule or the way of unwinding depends on it (``engine.data_requirements``), and it is absent
where nobody asked, or the venue could not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.model.values import parse_decimal, plain

VolumeOf = Literal["hour", "day"]

VOLATILITY_DAYS = 30
"""How many closed days a volatility is of, where the policy does not say."""


class MarketDemand(Struct, frozen=True, gc=False):
    """What a plan would have to know of one market.

    ``volatility_days`` is of how many closed days; ``depth_within`` how far from the mid, as a fraction, the book
    counts: 0.01 is 1 %. None asks for neither.
    """

    volatility_days: int | None = None
    volume: frozenset[VolumeOf] = frozenset()
    depth_within: Decimal | None = None

    def __bool__(self) -> bool:
        """Check whether anything is asked for."""
        return self != NO_DEMAND

    def plus(self, other: MarketDemand) -> MarketDemand:
        """Return both together: of two numbers of days, or two distances, the larger one."""
        days = max(self.volatility_days or 0, other.volatility_days or 0)
        within = [one for one in (self.depth_within, other.depth_within) if one is not None]
        return MarketDemand(days or None, self.volume | other.volume, max(within, default=None))


NO_DEMAND = MarketDemand()


class MarketData(Struct, frozen=True, gc=False):
    """What was read of one market; None is not known.

    ``volatility_1d`` is the root of the mean squared daily log returns, a fraction with six places, over
    ``volatility_days`` closed UTC days. ``volume_1d`` and ``volume_1h`` were traded in the last closed UTC day and
    hour. ``bid_depth`` and ``ask_depth`` rest in the book no further than ``depth_within``, a fraction, from its mid.
    All quantities are in the position's units: base units, contracts of a derivative.
    """

    volatility_1d: Decimal | None = None
    volatility_days: int | None = None
    volume_1d: Decimal | None = None
    volume_1h: Decimal | None = None
    bid_depth: Decimal | None = None
    ask_depth: Decimal | None = None
    depth_within: Decimal | None = None

    def plus(self, told: MarketData) -> MarketData:
        """Return it with what was told since."""
        new = {name: value for name in MARKET_DATA_KEYS if (value := getattr(told, name)) is not None}
        return replace(self, **new) if new else self

    def lacks(self, demand: MarketDemand) -> list[str]:
        """Name what a demand asks for and is not known: volatility, volume of the hour or day, depth."""
        missing = ["volatility"] if demand.volatility_days and self.volatility_1d is None else []
        volumes: Mapping[VolumeOf, Decimal | None] = {"hour": self.volume_1h, "day": self.volume_1d}
        missing += [f"volume of the {name}" for name in volumes if name in demand.volume and volumes[name] is None]
        has_depth = self.bid_depth is not None and self.ask_depth is not None
        return missing if demand.depth_within is None or has_depth else [*missing, "depth of the book"]


NO_DATA = MarketData()
"""Of a market that nobody asked about."""

MARKET_DATA_KEYS = MarketData.__struct_fields__
_KEYS = frozenset(MARKET_DATA_KEYS)


def market_data_from_document(entry: Mapping[str, Any]) -> MarketData:
    """Read what the JSON form of a market says of it; raises ValueError for what is no number."""
    if _KEYS.isdisjoint(entry):
        return NO_DATA
    told = {name: value for name in MARKET_DATA_KEYS if (value := entry.get(name)) is not None}
    days = told.pop("volatility_days", None)
    return MarketData(**{name: parse_decimal(str(value)) for name, value in told.items()}, volatility_days=days)


def market_data_to_document(data: MarketData) -> dict[str, Any]:
    """Write what is known; nothing where nobody asked."""
    if data is NO_DATA:
        return {}
    told = {name: value for name in MARKET_DATA_KEYS if (value := getattr(data, name)) is not None}
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in told.items()}
