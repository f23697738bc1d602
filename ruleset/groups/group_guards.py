"""The guards over a group: they judge the plans of its accounts together, beside each account's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import PositionKey
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.actions import SELLING
from exitplan.ruleset.planning.guards import Verdict
from exitplan.ruleset.planning.planner import Draft

_SHOWN = Decimal("0.000001")


def judge_group(
    policy: GroupPolicy,
    drafts: Mapping[str, Draft],
    rates: Mapping[str, Decimal],
    bundles: Sequence[Sequence[PositionKey]],
) -> list[Verdict]:
    """Ask every guard of the group; ``rates`` turn the accounts' quotes into the group's, ``bundles`` name positions.

    What nobody can value passes no limit of value.
    """
    verdicts = []
    if "max_actions" in policy.guards:
        count = Decimal(sum(len(draft.actions) for draft in drafts.values()))
        limit = policy.guards["max_actions"]
        verdicts.append(Verdict("max_actions", limit, count, count <= limit))
    if "max_run_pct" in policy.guards:
        verdicts.append(_max_run(policy.guards["max_run_pct"], drafts, rates))
    if "max_bundle_value" in policy.guards:
        values = _values(drafts, rates)
        verdicts.append(_max_bundle(policy.guards["max_bundle_value"], values, bundles))
    return verdicts


def _values(drafts: Mapping[str, Draft], rates: Mapping[str, Decimal]) -> dict[PositionKey, Decimal | None]:
    """Add up what is sold of each position, in the group's quote; None where nobody can tell."""
    values: dict[PositionKey, Decimal | None] = {}
    for account, draft in drafts.items():
        for action in draft.actions:
            if action.kind in SELLING:
                so_far, value = values.get((account, action.key), ZERO), action.guarded_value
                known = so_far is not None and value is not None
                values[account, action.key] = (so_far or ZERO) + (value or ZERO) * rates[account] if known else None
    return values


def _max_run(limit: Decimal, drafts: Mapping[str, Draft], rates: Mapping[str, Decimal]) -> Verdict:
    """Judge what all accounts sell as a share of what all manage; where that cannot be told nothing is sold."""
    sold = sum((value or ZERO for value in _values(drafts, rates).values()), ZERO)
    equities = [draft.account.equity for draft in drafts.values()]
    managed = sum((draft.account.equity.managed * rates.get(name, ZERO) for name, draft in drafts.items()), ZERO)
    if managed <= 0 or not all(equity.has_shares for equity in equities):
        return Verdict("max_run_pct", limit, None if sold else ZERO, sold == 0)
    share = EXACT.divide(sold, managed).quantize(_SHOWN, ROUND_CEILING, EXACT)
    return Verdict("max_run_pct", limit, share, sold <= limit * managed)


def _max_bundle(
    limit: Decimal, values: Mapping[PositionKey, Decimal | None], bundles: Sequence[Sequence[PositionKey]]
) -> Verdict:
    largest, name = ZERO, None
    for bundle in bundles:
        parts = [values.get(key, ZERO) for key in bundle]
        unknown = next((key for key, part in zip(bundle, parts, strict=True) if part is None), None)
        if unknown is not None:
            return Verdict("max_bundle_value", limit, None, ok=False, detail=f"{unknown[1]} has no known value")
        total = sum((part for part in parts if part is not None), ZERO)
        if total > largest:
            largest, name = total, bundle[0][1]
    ok = largest <= limit
    return Verdict("max_bundle_value", limit, largest, ok, None if ok else name)
