"""Every field of a group's plan, altered and hashed anew: nothing is sold that the group and its accounts would not."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, localcontext
from functools import cache
from typing import Any, cast

import pytest

from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_planner import GroupDraft, plan_group
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import Member, PositionKey
from exitplan.ruleset.groups.redecision import judge_bundles, plan_group_again
from exitplan.ruleset.groups.writing import read_group_plan
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.exits import ExitContext
from exitplan.ruleset.planning.group_orders import GroupRule
from exitplan.ruleset.planning.plan import plan_sha256
from exitplan.ruleset.planning.redecision import Redecision, Standing
from tests.builders import record
from tests.ruleset.groups.group_builders import (
    PERP,
    SPOT,
    account,
    capped,
    group_plan,
    group_policy,
    member,
    members,
    perp,
    spot,
)

Place = tuple[str | int, ...]
Sold = dict[PositionKey, Decimal]


def those() -> Mapping[str, Member]:
    """A pair of which one side is to go, an exit that stands alone, and a position of a strategy that is to stay."""
    kept, closed = "OWN/USD", "ZOM/USD"
    cash = account(
        "cash",
        spot(2),
        spot(3, kept),
        spot(1, closed),
        tracked={SPOT: record(entry=None), kept: record(), closed: record(entry=None)},
    )
    hedge = account("hedge", perp(2), spot(4, kept), tracked={PERP: record(), kept: record()})
    guards = {"max_run_pct": 1}
    return members(member(cash, guards=guards), member(hedge, guards=guards))


POLICIES = {"pairs": group_policy(), "cap": group_policy(cap=capped(1)), "dust": group_policy(dust_value=Decimal(3500))}


@cache
def again(policy: str, chosen: frozenset[tuple[PositionKey, GroupRule]]) -> GroupDraft:
    return plan_group(POLICIES[policy], those(), dict(chosen))


def fresh_for(name: str, plan: GroupPlan) -> GroupDraft:
    chosen = {
        ((leg.account, leg.key), cast("GroupRule", leg.rule))
        for bundle in plan.bundles
        for leg in bundle.legs
        if leg.rule in {"group.over-cap", "group.dust"}
    }
    return again(name, frozenset(chosen))


def sold_by(plan: GroupPlan, fresh: GroupDraft) -> Sold:
    """Add up what would be sent of a plan: the orders of the bundles that are still wanted."""
    judgements = {}
    sold: Sold = {}
    with localcontext(EXACT):
        for name, made in plan.accounts.items():
            given, draft = fresh.givens[name], fresh.drafts[name]
            own = given.rulebook.policy
            coming = frozenset(action.order_id for action in made.actions if action.order_id is not None)
            context = ExitContext.of(own, draft.account, given.progress, given.now, coming)
            judgements[name] = Redecision(own, draft, context, made.actions, steps=made.steps).judge()
        standings = judge_bundles(plan, fresh, judgements)
        for bundle in plan.bundles:
            if standings[bundle.id].standing is not Standing.WANTED:
                continue
            for leg in bundle.legs:
                for action in plan.accounts[leg.account].actions:
                    if action.id in leg.actions:
                        most = judgements[leg.account][action.id].most
                        quantity = action.quantity if most is None else min(action.quantity, most)
                        sold[leg.account, leg.key] = sold.get((leg.account, leg.key), ZERO) + quantity
    return sold


_TOLD = frozenset(
    {"facts", "warnings", "forecast", "exposures", "engine", "because", "other_cash", "checks", "matched"}
)
"""What is only told of: no one reads it again to decide anything."""
_SOLD = frozenset({"quantity", "rule", "symbol", "side", "kind", "account"})


def leaves(node: Any, at: Place = ()) -> Iterator[Place]:
    """Find every value of a document that may decide something; of a list the first and the last are enough."""
    if at and at[-1] in _TOLD:
        return
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from leaves(inner, (*at, key))
    elif isinstance(node, list):
        for index in dict.fromkeys((0, len(node) - 1)) if node else ():
            yield from leaves(node[index], (*at, index))
    else:
        yield at


def value_at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


def put(document: Any, place: Place, value: Any) -> None:
    value_at(document, place[:-1])[place[-1]] = value


def others(key: str | int, value: Any) -> list[Any]:
    """List what could stand there instead."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [0, 999_999]
    by_key: dict[str | int, list[str]] = {
        "rule": ["zombie", "legacy", "group.pair", "group.dust", "group.over-cap"],
        "kind": ["close", "unwind", "cancel_order"],
        "side": ["long", "short", "buy", "sell"],
        "symbol": [SPOT, PERP, "OWN/USD"],
        "account": ["cash", "hedge"],
        "ground": ["own", "group"],
        "hedged": ["alone", "keep"],
    }
    return [other for other in by_key.get(key, ["100000", "0.5", "a1", None]) if other != value]


def hash_anew(document: dict[str, Any]) -> None:
    """Hash a plan and its accounts' plans as one does who alters them."""
    for made in document["accounts"].values():
        made["sha256"] = plan_sha256(made)
    document["sha256"] = plan_sha256(document)


def alterations(true: Mapping[str, Any]) -> Iterator[tuple[Place, Any, dict[str, Any]]]:
    """Alter a field, and with it the same value wherever the two halves of the file repeat it."""
    for place in leaves(true):
        value = value_at(true, place)
        for other in others(place[-1], value):
            altered = copy.deepcopy(dict(true))
            put(altered, place, other)
            hash_anew(altered)
            yield place, other, altered
            if place[-1] in _SOLD:
                for also in leaves(true):
                    if also[-1] == place[-1] and value_at(true, also) == value:
                        put(altered, also, other)
                hash_anew(altered)
                yield place, other, altered


@pytest.mark.parametrize("name", POLICIES)
def test_no_altered_field_sells_what_would_not_be_sold(name: str) -> None:
    policy: GroupPolicy = POLICIES[name]
    true = group_plan(policy, those())
    fresh = plan_group_again(policy, those(), true)
    honest = sold_by(true, fresh)
    assert honest == dict(true_sales(true))
    read = 0

    for place, other, altered in alterations(true.document):
        with suppress(ExitplanError):
            plan = read_group_plan(altered)
            read += 1
            for key, quantity in sold_by(plan, fresh_for(name, plan)).items():
                assert quantity <= honest.get(key, ZERO), (place, other)
    assert read > 50


def test_a_bundle_that_was_torn_apart_sells_neither_side() -> None:
    true = group_plan(POLICIES["pairs"], those()).document
    altered = copy.deepcopy(dict(true))
    (pair,) = [bundle for bundle in altered["bundles"] if len(bundle["legs"]) > 1]
    altered["bundles"].remove(pair)
    for number, leg in enumerate(pair["legs"]):
        altered["bundles"].append({**pair, "id": f"x{number}", "legs": [leg]})
    hash_anew(altered)

    sold = sold_by(read_group_plan(altered), again("pairs", frozenset()))

    assert set(sold) == {("cash", "ZOM/USD")}


def true_sales(plan: GroupPlan) -> Iterator[tuple[PositionKey, Decimal]]:
    for bundle in plan.bundles:
        for leg in bundle.legs:
            yield (leg.account, leg.key), leg.quantity
