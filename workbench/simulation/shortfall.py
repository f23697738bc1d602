"""Implementation shortfall: what exits bring in against what was held at the moment they were decided. Pure.

After Perold, The Implementation Shortfall (1988): the paper portfolio sells everything at the price of the decision, at
once and for nothing. What the account gets is less; the difference is split along the way that a price goes from the
decision to the fill, so the parts add up to it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TypeVar

from exitplan.brokers.paper.pricing import Terms, exactly, money_of_fill
from exitplan.ruleset.model.snapshot import OrderSide, Side
from exitplan.ruleset.model.values import ZERO

T = TypeVar("T")
_SHARE = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Units of a position, and what one of them is worth."""

    key: str
    side: Side
    terms: Terms
    quantity: Decimal

    def gain(self, price: Decimal) -> Decimal:
        """Return what closing it at a price brings in, in the account's quote: a short costs."""
        order_side: OrderSide = "sell" if self.side == "long" else "buy"
        money = money_of_fill(self.terms, self.quantity, price, ZERO, side=order_side, position_side=self.side)
        return money.cash

    def value(self, price: Decimal) -> Decimal:
        """Return what it is worth at a price, in the account's quote."""
        return abs(self.terms.value(self.quantity, price))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale(Held):
    """A fill of an exit: in which cycle, the mark and the touch (the best bid or ask) then, its price and its fee."""

    cycle: int
    mark: Decimal
    touch: Decimal
    price: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsold(Held):
    """What should have been sold and is still held in the end, and its mark then."""

    mark: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What exits cost, in the account's quote; a negative part is a gain.

    ``value`` is what the paper portfolio sells, at the decision. ``delay`` is what the price moved from the decision to
    the first fill of a position, ``price`` what it moved from there to each later fill. ``half_spread`` lies between
    mark and touch, ``impact`` between touch and fill. ``unsold`` is what the price of the rest has moved since the
    decision. ``total`` is computed from what came in, not from the parts.
    """

    value: Decimal
    delay: Decimal
    half_spread: Decimal
    impact: Decimal
    price: Decimal
    fees: Decimal
    unsold: Decimal
    total: Decimal

    @property
    def parts(self) -> Mapping[str, Decimal]:
        """The parts by name; they add up to the total."""
        return {name: getattr(self, name) for name in PARTS}


PARTS = tuple(entry.name for entry in fields(Shortfall) if entry.name not in {"value", "total"})
"""The parts that the total is split into."""


@exactly
def shortfall_of(decided: Mapping[str, Decimal], sales: Sequence[Sale], unsold: Sequence[Unsold]) -> Shortfall:
    """Compute the shortfall of exits; ``decided`` holds the mark of each position when its exit was decided.

    What was decided without a price has no paper value, and is left out.
    """
    judged = [sale for sale in sales if sale.key in decided]
    left = [rest for rest in unsold if rest.key in decided]
    first: dict[str, Decimal] = {}
    for sale in judged:
        first.setdefault(sale.key, sale.mark)
    paper = _sum([*judged, *left], lambda held: held.gain(decided[held.key]))
    real = _sum(judged, lambda sale: sale.gain(sale.price) - sale.fee) + _sum(left, lambda rest: rest.gain(rest.mark))
    return Shortfall(
        value=_sum([*judged, *left], lambda held: held.value(decided[held.key])),
        delay=_sum(judged, lambda sale: sale.gain(decided[sale.key]) - sale.gain(first[sale.key])),
        half_spread=_sum(judged, lambda sale: sale.gain(sale.mark) - sale.gain(sale.touch)),
        impact=_sum(judged, lambda sale: sale.gain(sale.touch) - sale.gain(sale.price)),
        price=_sum(judged, lambda sale: sale.gain(first[sale.key]) - sale.gain(sale.mark)),
        fees=_sum(judged, lambda sale: sale.fee),
        unsold=_sum(left, lambda rest: rest.gain(decided[rest.key]) - rest.gain(rest.mark)),
        total=paper - real,
    )


@exactly
def left_after(
    decided: Mapping[str, Decimal], sales: Sequence[Sale], unsold: Sequence[Unsold], cycles: int
) -> tuple[Decimal, ...]:
    """Return the share of what was to be sold that is left after each cycle, at the prices of the decision."""
    judged = [sale for sale in sales if sale.key in decided]
    rest = _sum([held for held in unsold if held.key in decided], lambda held: held.value(decided[held.key]))
    values = [(sale.cycle, sale.value(decided[sale.key])) for sale in judged]
    whole = rest + _sum(values, lambda entry: entry[1])
    if not whole:
        return (ZERO,) * cycles
    sold = [_sum([entry for entry in values if entry[0] <= cycle], lambda entry: entry[1]) for cycle in range(cycles)]
    return tuple((1 - done / whole).quantize(_SHARE) for done in sold)


def _sum(entries: Iterable[T], amount: Callable[[T], Decimal]) -> Decimal:
    return sum(map(amount, entries), ZERO)
