"""A position with all that is known of it: its market, price, tracker record, value and facts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.snapshot import Market, Position, TrackerRecord
from exitplan.ruleset.model.valuation import Price, notional_of
from exitplan.ruleset.model.values import EXACT, ONE, ZERO, floor_to_step, is_derivative


class PositionView(Struct, gc=False):
    """A position and what it is worth.

    ``asset`` is what is held. ``entry_price`` is in the market's quote; None where none is known or none can be
    compared with it. ``is_managed`` says that managed equity counts the position. ``last_seen_price`` is what was
    known before the venue answered without a price. ``words`` are further places of its sentences: why it is what it
    is, why the cap chose it.

    The last four follow from the others, and are asked for so often that they are kept: ``held`` is what an exit would
    have to sell, in the position's units, and ``everything`` what of it is on the market's step; ``value`` is what it
    is worth in the account's quote currency, exactly, None without a believed price; ``is_derivative`` says that this
    is a derivative and no spot holding.
    """

    position: Position
    asset: str
    market: Market | None
    price: Price
    record: TrackerRecord | None = None
    entry_price: Decimal | None = None
    is_managed: bool = True
    last_seen_price: Decimal | None = None
    facts: dict[str, FactValue] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    held: Decimal = ZERO
    everything: Decimal = ZERO
    value: Decimal | None = None
    is_derivative: bool = False

    def __post_init__(self) -> None:
        """Compute what is asked for again and again."""
        self.held = held_quantity(self.position)
        self.everything = floor_to_step(self.held, self.amount_step)
        self.value = self.worth(abs(self.position.quantity))
        self.is_derivative = is_derivative(self.position.symbol)

    @property
    def is_negative_balance(self) -> bool:
        """Check whether a spot balance is below zero, or nothing but a debt: owed, not held."""
        position = self.position
        is_owed = position.quantity < 0 or (position.quantity == 0 and position.debt > 0)
        return is_owed and not self.is_derivative

    @property
    def amount_step(self) -> Decimal | None:
        """The step of quantities at the market."""
        return self.market.amount_step if self.market else None

    @property
    def price_step(self) -> Decimal | None:
        """The step of prices at the market."""
        return self.market.price_step if self.market else None

    def worth(self, quantity: Decimal) -> Decimal | None:
        """Value a quantity in the account's quote currency; None without a price."""
        notional, rate = self.notional(quantity), self.price.rate
        if notional is None or rate is None:
            return None
        return notional if rate is ONE else notional * rate

    def notional(self, quantity: Decimal, price: Decimal | None = None) -> Decimal | None:
        """Value a quantity in the market's own quote currency, at the mark unless another price is given."""
        at = self.price.mark if price is None else price
        if at is None:
            return None
        size, market = self.position.contract_size, self.market
        return notional_of(quantity, at, size, inverse=market is not None and market.inverse)

    def blind_value(self, quantity: Decimal) -> Decimal | None:
        """Value a quantity without a price by the last one seen, else by the entry price; None without either."""
        price, rate = self.last_seen_price or self.entry_price, self.price.rate
        notional = None if price is None else self.notional(quantity, price)
        return None if notional is None or rate is None else notional * rate

    def marked(self, words: Mapping[str, str], **facts: FactValue) -> PositionView:
        """Return a copy with further words and facts."""
        return replace(self, facts={**self.facts, **facts}, words={**self.words, **words})


def held_quantity(position: Position) -> Decimal:
    """Return what a position holds; a derivative short that a venue reports as negative counts as its size."""
    if position.side == "short" and is_derivative(position.symbol):
        return abs(position.quantity)
    return position.quantity


def reaches_minimum(view: PositionView, quantity: Decimal, price: Decimal | None = None) -> bool:
    """Check that a quantity is above zero and reaches the market's minimums, in amount and (where known) in value.

    ``price`` is the one that the order itself carries; without one the mark counts.
    """
    market = view.market
    if quantity <= 0 or market is None:
        return False
    if market.min_amount is not None and quantity < market.min_amount:
        return False
    notional = None if market.min_notional is None else view.notional(quantity, price)
    return market.min_notional is None or notional is None or notional >= market.min_notional


def is_sellable(view: PositionView) -> bool:
    """Check that the market trades and would take the whole position."""
    market = view.market
    if market is None or not market.active:
        return False
    return reaches_minimum(view, view.everything)


def unrealised_profit(view: PositionView) -> Decimal | None:
    """Return a derivative's profit in the account's currency; None where price or entry price is not known.

    The venue's entry price goes before the tracker's.
    """
    position, mark, rate = view.position, view.price.mark, view.price.rate
    own = position.entry_price
    entry = own if own is not None and own > 0 else view.entry_price
    if mark is None or entry is None or rate is None:
        return None
    profit = (mark - entry) * abs(position.quantity) * position.contract_size * rate
    if view.market is not None and view.market.inverse:
        profit = EXACT.divide(profit, entry)
    return -profit if position.side == "short" else profit


def signed_value(view: PositionView) -> Decimal:
    """Return what a spot position adds to equity: nothing without a price, less than nothing where it is owed."""
    if view.value is None:
        return ZERO
    return -view.value if view.position.side == "short" or view.position.quantity < 0 else view.value
