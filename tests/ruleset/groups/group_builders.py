"""Terse builders of groups: accounts of one or two positions, and what the group says of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec.structs import replace

from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_planner import GroupDraft, plan_group
from exitplan.ruleset.groups.group_policy import GroupCap, GroupPolicy, LegImbalance, PairRule
from exitplan.ruleset.groups.holdings import Member
from exitplan.ruleset.groups.writing import write_group_plan
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Market, Position, Snapshot
from exitplan.ruleset.planning.plan import write_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import draft_plan
from tests.builders import Amount, Given, market, plan_input, position, record, snapshot

SPOT, PERP = "BTC/USD", "BTC/USD:USD"
KEPT_BY_STRATEGY = {SPOT: record(), PERP: record()}
"""Records that make both sides positions of a strategy, with nothing to be exited."""


def group_policy(**changes: Given) -> GroupPolicy:
    made = GroupPolicy("desk", "0" * 64, "USD", LegImbalance(Decimal(500), 60))
    return replace(made, **changes)


def capped(most: int, pair_counts_as: int = 1) -> GroupCap:
    return GroupCap(most, pair_counts_as)


def ratio(least: Amount) -> PairRule:
    return PairRule(min_ratio=Decimal(least))


def spot(quantity: Amount = 1, symbol: str = SPOT, **more: Given) -> Position:
    return position(symbol, quantity, **more)


def perp(quantity: Amount = 1, symbol: str = PERP, **more: Given) -> Position:
    return position(symbol, quantity, side="short", **more)


def account(name: str, *positions: Position, **more: Given) -> Snapshot:
    """Make an account in which a unit of everything is worth 1,000, unless told otherwise."""
    listed: dict[str, Market | None] = {one.symbol: market(1000) for one in positions}
    listed |= more.pop("markets", {})
    return replace(snapshot(*positions, markets=listed, **more), account=name)


def member(given: Snapshot, progress: Progress | None = None, **policy: Given) -> Member:
    made = plan_input(given, progress, **policy)
    return Member(made, draft_plan(made))


def members(*those: Member) -> Mapping[str, Member]:
    return {one.id: one for one in those}


def hedged(
    *, tracked: Mapping[str, Given] = KEPT_BY_STRATEGY, long: Amount = 1, short: Amount = 1, **policy: Given
) -> Mapping[str, Member]:
    """Make the usual pair: spot at ``cash``, its short perpetual at ``hedge``; policies are those of both."""
    return members(
        member(account("cash", spot(long), tracked={SPOT: tracked[SPOT]} if SPOT in tracked else {}), **policy),
        member(account("hedge", perp(short), tracked={PERP: tracked[PERP]} if PERP in tracked else {}), **policy),
    )


def plans_of(draft: GroupDraft) -> dict[str, Plan]:
    return {name: write_plan(draft.givens[name], draft.drafts[name], {}) for name in draft.drafts}


def group_plan(policy: GroupPolicy, those: Mapping[str, Member]) -> GroupPlan:
    draft = plan_group(policy, those)
    return write_group_plan(draft, plans_of(draft))


def legs(plan: GroupPlan) -> list[list[tuple[str, str, str, str]]]:
    """Give (account, kind, quantity, rule) of the legs of every bundle."""
    return [
        [(leg.account, leg.kind, str(leg.quantity.normalize()), leg.rule) for leg in bundle.legs]
        for bundle in plan.bundles
    ]
