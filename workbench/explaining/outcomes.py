"""What the rest of an unwind may cost, by the schedule of the policy and by the others: expected cost against risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.language.unwinding import Unwind
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.records import Document
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.schedules import AT_ONCE, Outlook, adaptive, even, published, urgency
from exitplan.ruleset.planning.unwind import cycle_days, next_step, volatility_of

_PLACES = Decimal("0.000001")
AT_ONCE_NAME = "at once"
"""What selling everything in one cycle is called beside the schedules."""


def unwind_outcomes(
    view: PositionView, progress: UnwindProgress | None, policy: Policy, now: datetime
) -> Document | None:
    """Compare the schedules for what is left of an unwind; None where the policy says nothing of schedules.

    What is not known counts as nothing, and is named in ``not_counted``. Shares are of what the position is worth.
    """
    if policy.unwind == Unwind() or policy.gradual_unwind_pct == 0:
        return None
    volatility = volatility_of(view)
    sigma, tau = _assumed_volatility(volatility, policy), cycle_days(policy)
    known = _costs(view, policy)
    fixed = sum((known[name] or ZERO for name in ("half spread", "fee")), ZERO)
    rows = []
    for name, outlook in _outlooks(view, progress, policy, now):
        cost = fixed + (known["impact"] or ZERO) * outlook.impact
        deviation = None if sigma is None else outlook.deviation(sigma, tau)
        rows.append(
            {
                "schedule": name,
                "is_own": name == policy.unwind.schedule,
                "left": [_text(share) for share in outlook.left],
                "impact_share": _text(outlook.impact),
                "cost_share": _text(cost),
                "cost": _worth(view, cost),
                "deviation_share": _text(deviation),
                "deviation": _worth(view, deviation),
            }
        )
    return {
        "value": None if view.value is None else plain(view.value),
        "volatility": None if sigma is None else plain(sigma),
        "volatility_is_known": volatility is not None,
        "cycle_minutes": plain(policy.unwind_interval_minutes),
        **{name.replace(" ", "_"): _text(share) for name, share in known.items()},
        "not_counted": [name for name, share in known.items() if share is None],
        "rows": rows,
    }


def _outlooks(
    view: PositionView, progress: UnwindProgress | None, policy: Policy, now: datetime
) -> Iterator[tuple[str, Outlook]]:
    """Return the schedules over the cycles that are to come; an adaptive one where the policy knows its risk."""
    cycles = max(policy.unwind_cycles - next_step(view, progress, policy, now).cycle + 1, 1)
    unwind = policy.unwind
    if unwind.calibrate is not None or unwind.risk_aversion is not None:
        k = urgency(unwind, volatility_of(view), cycle_days(policy))
        yield "adaptive", adaptive(cycles, k, unwind)
    yield "even", even(cycles)
    yield "published", published(cycles, policy.gradual_unwind_pct)
    yield AT_ONCE_NAME, AT_ONCE


def _assumed_volatility(volatility: Decimal | None, policy: Policy) -> Decimal | None:
    reference = policy.unwind.calibrate
    if volatility is not None or reference is None:
        return volatility
    return reference.at_volatility


def _costs(view: PositionView, policy: Policy) -> Mapping[str, Decimal | None]:
    """Return what selling costs as shares of the value; None for what is not known. Impact is of all sold at once."""
    market = view.market
    half_spread = None
    if market is not None and market.bid and market.ask and market.ask >= market.bid:
        half_spread = EXACT.divide(market.ask - market.bid, market.ask + market.bid)
    fee = None if market is None else market.taker_fee
    return {"half spread": half_spread, "fee": fee, "impact": policy.unwind.impact}


def _worth(view: PositionView, share: Decimal | None) -> str | None:
    if view.value is None or share is None:
        return None
    return _text(EXACT.multiply(view.value, share))


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else plain(figure.quantize(_PLACES, ROUND_HALF_EVEN, EXACT))
