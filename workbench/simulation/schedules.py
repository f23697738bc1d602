"""One policy under each schedule of unwinds, to be tried on the same paths. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from msgspec import structs

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import ExitRule, Policy
from exitplan.ruleset.language.unwinding import Calibration, ScheduleName, Unwind
from exitplan.ruleset.model.snapshot import Market, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO, base_of
from exitplan.schemas.policies import LoadedPolicy
from exitplan.workbench.explaining.outcomes import AT_ONCE_NAME
from exitplan.workbench.simulation.paths import Walk
from exitplan.workbench.simulation.running import Candidate, PathResult

_SCHEDULES: tuple[ScheduleName, ...] = ("adaptive", "even", "published")
_FACT = "volatility_1d"
_SIX_PLACES = Decimal("0.000001")


def candidates_by_schedule(loaded: LoadedPolicy, reference: Decimal) -> tuple[Candidate, ...]:
    """Make a candidate of each schedule, and one that sells at once what the policy unwinds.

    A policy that has no risk aversion is calibrated to its ``gradual_unwind_pct`` at the ``reference`` volatility of a
    day; where that is 0 or 1 it stands for no risk aversion, and no adaptive schedule is tried.
    """
    named: dict[str, Policy | None] = {name: _scheduled(loaded.policy, name, reference) for name in _SCHEDULES}
    named[AT_ONCE_NAME] = _at_once(loaded.policy)
    return tuple(
        Candidate(name, replace(loaded, policy=policy), Rulebook.of(policy))
        for name, policy in named.items()
        if policy is not None
    )


def _scheduled(policy: Policy, name: ScheduleName, reference: Decimal) -> Policy | None:
    unwind = replace(policy.unwind, schedule=name)
    if name == "adaptive" and not _has_risk_aversion(unwind):
        if not 0 < policy.gradual_unwind_pct < 1 or reference <= 0:
            return None
        unwind = replace(unwind, calibrate=Calibration(policy.gradual_unwind_pct, reference))
    return replace(policy, unwind=unwind)


def _has_risk_aversion(unwind: Unwind) -> bool:
    return unwind.calibrate is not None or (unwind.risk_aversion is not None and unwind.impact is not None)


def _at_once(policy: Policy) -> Policy:
    return replace(policy, exits=tuple(_closing(rule) for rule in policy.exits))


def _closing(rule: ExitRule) -> ExitRule:
    return replace(rule, action="close") if rule.action == "unwind" else rule


def with_volatility_of(snapshot: Snapshot, walk: Walk, policies: Sequence[Policy], *, is_told: bool) -> Snapshot:
    """Give the markets the volatility that they are simulated with, where a policy goes by one.

    What a recording knows stays, unless somebody has told the volatility of the simulation.
    """
    if not any(policy.market_demand.volatility_days or _FACT in policy.asked for policy in policies):
        return snapshot
    days = max(policy.volatility_days for policy in policies)
    markets = {
        symbol: _moving(market, walk.of(base_of(symbol)), days, is_told=is_told)
        for symbol, market in snapshot.markets.items()
    }
    return structs.replace(snapshot, markets=markets)


def _moving(market: Market, sigma: Decimal, days: int, *, is_told: bool) -> Market:
    if market.data.volatility_1d is not None and not is_told:
        return market
    rounded = sigma.quantize(_SIX_PLACES, context=EXACT)
    return structs.replace(market, data=structs.replace(market.data, volatility_1d=rounded, volatility_days=days))


def deviation_of(results: Sequence[PathResult]) -> Decimal:
    """Return the standard deviation of the cost over the paths, to four places; 0 of a single path."""
    totals = [result.shortfall.total for result in results]
    with localcontext(EXACT):
        mean = sum(totals, ZERO) / len(totals)
        variance = sum(((total - mean) ** 2 for total in totals), ZERO) / max(len(totals) - 1, 1)
        return variance.sqrt().quantize(Decimal("0.0001"))
