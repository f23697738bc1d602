"""What sales brought in, against the prices of the plan. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from exitplan.executor.apply.events import ActionOutcome
from exitplan.executor.apply.proceeds import expected_fee_of, proceeds_of
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.actions import SELLING


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run sold, in the account's quote currency: what came in, and what it was worth by the plan's prices.

    ``fees`` are by currency, ``expected_fees`` what the plan expected, None unless it knew the rate of each sale.
    ``untold`` counts the sales of which the venue told no price.
    """

    proceeds: Decimal = ZERO
    planned: Decimal = ZERO
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    untold: int = 0
    expected_fees: Decimal | None = None

    @property
    def difference(self) -> Decimal | None:
        """What came in above the plan's prices, as a fraction, negative for less; None where nothing was sold."""
        return None if self.planned <= 0 else EXACT.divide(self.proceeds - self.planned, self.planned)


def costs_of(outcomes: Iterable[ActionOutcome]) -> Costs:
    """Add up what the sales of a run came to."""
    proceeds, planned, untold = ZERO, ZERO, 0
    fees: dict[str, Decimal] = {}
    expected: list[Decimal | None] = []
    for outcome in outcomes:
        resolution = outcome.resolution
        if resolution is None or not resolution.filled or outcome.action.kind not in SELLING:
            continue
        if resolution.fee and resolution.fee_currency:
            fees[resolution.fee_currency] = fees.get(resolution.fee_currency, ZERO) + resolution.fee
        expected.append(expected_fee_of(outcome.action, resolution))
        sold = proceeds_of(outcome.action, resolution)
        if sold is None:
            untold += 1
        else:
            proceeds, planned = proceeds + sold[0], planned + sold[1]
    known = [fee for fee in expected if fee is not None]
    is_known = bool(known) and len(known) == len(expected)
    return Costs(proceeds, planned, fees, untold, sum(known, ZERO) if is_known else None)
