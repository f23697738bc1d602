"""How an account stands at one moment of a simulation: what it holds, by category, and its cash. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.planner import Draft


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account holds, in its quote: cash, and by category how many positions and what they are worth.

    A derivative counts with its notional value, on either side; a position without a believed price with nothing.
    """

    state: AccountState
    cash: Decimal
    counts: Mapping[Category, int]
    values: Mapping[Category, Decimal]

    @classmethod
    def of(cls, draft: Draft) -> Standing:
        """Add up what a plan was made of."""
        counts, values = Counter[Category](), dict[Category, Decimal]()
        with localcontext(EXACT):
            cash = draft.account.snapshot.cash.free + draft.account.snapshot.cash.locked
            cash += sum(
                ((money.free + money.locked) * money.rate for money in draft.account.other_cash if money.rate), ZERO
            )
            for decision in draft.decisions:
                counts[decision.category] += 1
                values[decision.category] = values.get(decision.category, ZERO) + (decision.view.value or ZERO)
        return cls(draft.checks.state, cash, counts, values)
