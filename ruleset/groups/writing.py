"""The plan of a group as a document: deterministic to the byte, and carrying a hash of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Any, cast

import orjson
from msgspec.structs import replace

from exitplan.ruleset.errors import FileIsInvalid, PlanIsAltered
from exitplan.ruleset.groups.group_plan import Bundle, Ground, GroupHead, GroupPlan, Leg, Reducing
from exitplan.ruleset.groups.group_planner import DraftBundle, GroupDraft
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import GroupPosition, net_of
from exitplan.ruleset.model.hashing import digest_of
from exitplan.ruleset.model.records import read_record
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.model.visible import with_escapes
from exitplan.ruleset.planning.actions import SIX_PLACES, Action
from exitplan.ruleset.planning.group_orders import GROUP_RULES
from exitplan.ruleset.planning.guards import Verdict
from exitplan.ruleset.planning.plan import parse_plan, plan_sha256, read_plan
from exitplan.ruleset.planning.plan_types import GuardResult, Plan
from exitplan.ruleset.version import VERSION

_MADE = frozenset({"format_version", "tool_version", "group_plan_id", "sha256", "accounts"})


def write_group_plan(draft: GroupDraft, plans: Mapping[str, Plan]) -> GroupPlan:
    """Write the draft of a group; ``plans`` are those of its accounts, written from its drafts."""
    with localcontext(EXACT):
        plan = _plan_of(draft, {name: plans[name] for name in sorted(plans)})
    body = {key: value for key, value in plan.document.items() if key not in _MADE}
    digest = digest_of({**body, "accounts": {name: made.plan_id for name, made in plan.accounts.items()}})
    plan = replace(plan, group_plan_id=f"{plan.created_at:%Y%m%dT%H%M%SZ}-{digest[:12]}")
    return replace(plan, sha256=plan_sha256(plan.document))


def group_plan_bytes(plan: GroupPlan) -> bytes:
    """Write a group's plan as the bytes of its file."""
    return with_escapes(orjson.dumps(plan.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_group_plan(document: Mapping[str, Any]) -> GroupPlan:
    """Read a group's plan from its JSON form.

    Raises PlanIsAltered where it, or one of its accounts' plans, does not match its own hash, or where its bundles are
    not made of what those plans sell; FileIsInvalid for what is no group's plan of this version.
    """
    if plan_sha256(document) != document.get("sha256"):
        raise _altered("the plan was changed after it was made")
    plan = parse_group_plan(document)
    for account in document["accounts"].values():
        read_plan(account)
    if plan.document != document:
        raise _altered("the plan was changed after it was made")
    ensure_partitioned(plan)
    return plan


def parse_group_plan(document: Mapping[str, Any]) -> GroupPlan:
    """Read a group's plan without asking whether it was altered; raises FileIsInvalid for what is none."""
    try:
        plan = read_record(GroupPlan, document)
    except (TypeError, ValueError, ArithmeticError, KeyError) as error:
        raise FileIsInvalid(f"this is not a group's plan that this exitplan understands: {error}") from error
    for account in document["accounts"].values():
        parse_plan(account)
    return plan


def ensure_partitioned(plan: GroupPlan) -> None:
    """Raise PlanIsAltered unless every sale of every account's plan is in one bundle, whole, and all legs are sales."""
    for bundle in plan.bundles:
        for leg in bundle.legs:
            found = plan.accounts.get(leg.account)
            sales = [] if found is None else _sales(found, leg.key)
            if tuple(sale.id for sale in sales) != leg.actions or _quantity(sales) != leg.quantity:
                raise _altered(f"the leg {leg.symbol} at {leg.account} is not what that account's plan sells")
            if any(sale.rule != leg.rule for sale in sales) or leg.ground != _ground(leg.rule):
                raise _altered(f"the leg {leg.symbol} at {leg.account} gives another reason than that account's plan")
    legs = [(leg.account, action) for bundle in plan.bundles for leg in bundle.legs for action in leg.actions]
    sold = [(name, action.id) for name, made in plan.accounts.items() for action in made.actions if action.reduces]
    if sorted(legs) != sorted(sold):
        raise _altered("the bundles of the plan are not all that its accounts sell, each once")
    if any(name != made.account.id for name, made in plan.accounts.items()):
        raise _altered("a plan stands under the name of another account")


def _altered(message: str) -> PlanIsAltered:
    return PlanIsAltered(message, hint="make a new one with: exitplan plan --group NAME")


def _plan_of(draft: GroupDraft, plans: Mapping[str, Plan]) -> GroupPlan:
    policy = draft.policy
    return GroupPlan(
        format_version=1,
        tool_version=VERSION,
        group_plan_id="",
        created_at=max(plan.created_at for plan in plans.values()),
        expires_at=min(plan.expires_at for plan in plans.values()),
        group=_head(policy),
        exposures=draft.exposures,
        bundles=tuple(_bundle(f"b{number}", one, draft, plans) for number, one in enumerate(draft.bundles, start=1)),
        held=draft.held,
        guards=tuple(_guard(verdict) for verdict in draft.guards),
        warnings=draft.warnings,
        accounts=plans,
    )


def _head(policy: GroupPolicy) -> GroupHead:
    return GroupHead(
        policy.name, policy.quote, policy.sha256, policy.hedged, policy.max_leg_imbalance, policy.on_leg_failure
    )


def _guard(verdict: Verdict) -> GuardResult:
    whole = verdict.name == "max_actions"
    limit = int(verdict.limit) if whole else verdict.limit
    value = int(verdict.value) if whole and verdict.value is not None else verdict.value
    return GuardResult(verdict.name, limit, value, verdict.ok, verdict.detail)


def _bundle(name: str, bundle: DraftBundle, draft: GroupDraft, plans: Mapping[str, Plan]) -> Bundle:
    positions = bundle.positions
    before, after = net_of(bundle.pair), net_of(bundle.pair, draft.sold)
    legs = [_leg(position, plans[position.account]) for position in positions]
    ordered = sorted(zip(positions, legs, strict=True), key=lambda pair: _place(pair[0], pair[1], before or ZERO))
    prices = [price for position in positions if (price := position.price) is not None]
    return Bundle(
        id=name,
        asset=bundle.asset,
        because=bundle.because,
        share=max(_share(leg) for leg in legs),
        net_before=before,
        net_after=after,
        price=max(prices, default=None),
        legs=tuple(replace(leg, place=place) for place, (_, leg) in enumerate(ordered, start=1)),
    )


def _share(leg: Leg) -> Decimal:
    return EXACT.divide(leg.quantity, leg.held).quantize(SIX_PLACES, ROUND_CEILING, EXACT) if leg.held else Decimal(1)


def _leg(position: GroupPosition, plan: Plan) -> Leg:
    view, own = position.view, position.view.position
    sales = _sales(plan, position.decision.key)
    quantity, values = _quantity(sales), [sale.est_value for sale in sales]
    cancels = [action for action in plan.actions if action.expects.get("position") == own.key]
    known = [value for value in values if value is not None]
    return Leg(
        account=position.account,
        symbol=own.symbol,
        side=own.side,
        kind=cast("Reducing", sales[0].kind),
        rule=sales[0].rule,
        ground=_ground(sales[0].rule),
        quantity=quantity,
        base=None if position.unit is None else quantity * position.unit,
        held=view.held,
        step=view.amount_step,
        value=sum(known, ZERO) * position.rate if len(known) == len(values) else None,
        place=0,
        actions=tuple(sale.id for sale in sales),
        cancels=tuple(action.id for action in cancels if action.kind == "cancel_order"),
    )


def _sales(plan: Plan, key: str) -> list[Action]:
    return [action for action in plan.actions if action.reduces and action.key == key]


def _quantity(sales: Sequence[Action]) -> Decimal:
    return sum((sale.quantity for sale in sales), ZERO)


def _ground(rule: str) -> Ground:
    return "group" if rule in GROUP_RULES else "own"


def _place(position: GroupPosition, leg: Leg, net: Decimal) -> tuple[bool, bool, Decimal, Decimal, str, str]:
    """Sort legs: first the heavier side, then what is hardest to sell, then the largest."""
    unit = position.unit or ZERO
    is_heavier = unit * net > 0
    spread = _spread(position)
    return (not is_heavier, spread is not None, -(spread or ZERO), -(leg.value or ZERO), leg.account, leg.key)


def _spread(position: GroupPosition) -> Decimal | None:
    """Return the spread as a share of the middle; None where it is not known."""
    market = position.view.market
    if market is None or market.bid is None or market.ask is None or not 0 < market.bid <= market.ask:
        return None
    return EXACT.divide(2 * (market.ask - market.bid), market.ask + market.bid)
