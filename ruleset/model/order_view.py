"""Open orders beside what is held: which position an order belongs to, and whether filling it would open one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct, field

from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.snapshot import OpenOrder, Side
from exitplan.ruleset.model.values import ZERO, is_derivative, quote_of

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far in the future an order may be dated and still be new: clocks differ."""

_WAITING = ("stop", "trail", "profit", "trigger", "conditional")
"""What stands in every venue's word for an order that waits for a price."""
_AT_A_LIMIT = frozenset({"post_only", "ioc", "fok", "gtc"})
"""Words for limit orders that do not say so: they name what becomes of what is not filled at once."""
_OPPOSITE: Mapping[Side, Side] = {"long": "short", "short": "long"}
_ADDS_TO: Mapping[str, Side] = {"buy": "long", "sell": "short"}


class OrderView(Struct, frozen=True, gc=False):
    """An open order and what it means for the account.

    ``asset`` is what it trades, ``side`` that of the position it belongs to. ``opens``: filled, it would open a
    position or add to one. ``kind`` is None for an order that may be anything. ``age_minutes`` is in millionths; None
    where the venue does not say, or says a time that has not come.
    """

    order: OpenOrder
    asset: str
    side: Side
    opens: bool
    is_protected: bool
    kind: str | None
    age_minutes: int | None
    facts: dict[str, FactValue] = field(default_factory=dict)

    @property
    def is_stop(self) -> bool:
        """Check whether the order waits for a price."""
        return self.kind in {"stop", "stop_limit"}


class Holdings(Struct, frozen=True, gc=False):
    """What is there to be closed, by asset and side; ``money`` are the assets that are cash and no positions."""

    quantities: Mapping[tuple[str, Side], Decimal]
    money: frozenset[str]

    @classmethod
    def of(cls, views: Sequence[PositionView], cash: Mapping[str, Decimal], money: frozenset[str]) -> Holdings:
        """Add up the positions of each asset, and cash; what a spot account owes is held short."""
        quantities: dict[tuple[str, Side], Decimal] = {
            (currency, "long"): amount for currency, amount in cash.items() if amount > 0
        }
        for view in views:
            held, owed = view.held, view.position.debt
            if held > 0:
                key = view.asset, view.position.side
                quantities[key] = quantities.get(key, ZERO) + held
            elif view.is_negative_balance:
                owed -= held
            if owed > 0 and not view.is_derivative:
                key = view.asset, "short"
                quantities[key] = quantities.get(key, ZERO) + owed
        return cls(quantities, money)

    def held(self, asset: str, side: Side) -> Decimal:
        """Return how much of an asset is held on a side."""
        return self.quantities.get((asset, side), ZERO)


def side_of(order: OpenOrder, asset: str, holdings: Holdings) -> Side:
    """Return the side an order belongs to: the one it closes if only that is held, else the one it adds to."""
    if order.position_side is not None:
        return order.position_side
    adds_to = _ADDS_TO[order.side]
    closes = _OPPOSITE[adds_to]
    if order.reduce_only or (holdings.held(asset, closes) and not holdings.held(asset, adds_to)):
        return closes
    return adds_to


def would_open(order: OpenOrder, asset: str, holdings: Holdings) -> bool:
    """Check whether an order, filled, would open a position or add to one."""
    adds_to = _ADDS_TO[order.side]
    if order.reduce_only:
        return False
    closes = _OPPOSITE[adds_to]
    holds_both = is_derivative(order.symbol) and holdings.held(asset, adds_to) and holdings.held(asset, closes)
    if order.position_side is not None or holds_both:
        return side_of(order, asset, holdings) == adds_to
    if not is_derivative(order.symbol) and order.side == "sell" and not holdings.held(asset, "short"):
        return False
    return holdings.held(asset, closes) < order.remaining


def held_by(order: OpenOrder, names: AssetNames) -> tuple[str, Decimal]:
    """Return the asset that a spot order holds and how much of it: the base of a sell, the quote of a buy."""
    remaining = ZERO if order.holds_nothing else order.remaining
    if order.side == "sell":
        return names.of_symbol(order.symbol), remaining
    price = order.price if order.price is not None else order.trigger_price
    quote = quote_of(order.symbol)
    return names.resolve(quote) if quote else "", remaining * (price or ZERO)


def order_kind(order: OpenOrder) -> str | None:
    """Return the kind of an order, one of limit, market, stop and stop_limit; None where its type may mean anything.

    Anything with a trigger price is one of the last two.
    """
    if order.trigger_price:
        return "stop" if order.price is None else "stop_limit"
    return kind_of(order.type)


@lru_cache(maxsize=1024)
def kind_of(word: str) -> str | None:
    """Return the kind that a venue's word for an order stands for; None where it may mean anything.

    ``LIMIT_MAKER`` and ``buy-limit`` are limit orders; a trailing stop waits for a price, though no venue says which.
    """
    name = word.casefold().replace("-", "_").replace(" ", "_")
    if any(part in name for part in _WAITING):
        return "stop_limit" if "limit" in name else "stop"
    if "limit" in name or name in _AT_A_LIMIT:
        return "limit"
    return "market" if name.endswith("market") else None


def age_of(order: OpenOrder, now: datetime) -> timedelta | None:
    """Return the age of an order; a little in the future is new, further ahead is not known."""
    if order.created_at is None or order.created_at - now > CLOCK_TOLERANCE:
        return None
    return max(now - order.created_at, timedelta(0))
