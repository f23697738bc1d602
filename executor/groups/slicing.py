"""Cut the orders of a bundle into slices so small that its legs can never be further apart than the group allows. Pure.

Slices are actions of the account's plan as it is journalled, with ids and client order ids of their own, so that each
goes by the order protocol as any other order does. What was approved is the plan before it; slices add up to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from msgspec.structs import replace

from exitplan.executor.groups.course import Slice, unit_of
from exitplan.ruleset.errors import PlanIsAltered, RefusedByGuard
from exitplan.ruleset.groups.group_plan import Bundle, Leg
from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, ZERO, floor_to_step, plain
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.order_sizes import equal_parts
from exitplan.ruleset.planning.plan import client_order_id, plan_sha256
from exitplan.ruleset.planning.plan_types import Plan

MOST_SLICES = 200
"""The most slices of one leg: a bound that asks for more is far from what is held."""
_MARK = "/"
"""Stands between the id of an action and the number of its slice."""

Cuts = Mapping[str, Sequence[Decimal]]
"""The quantities that actions of one account are cut into, by their ids."""


def slices_needed(bundle: Bundle, bound: Decimal, price: Decimal) -> int:
    """Return into how many slices each leg has to be cut; raises RefusedByGuard where that is too many.

    The leg that needs most counts. A bundle of one leg, and one that is within the bound as it stands, is not cut.
    """
    if not bundle.is_pair or max((abs(leg.base or ZERO) for leg in bundle.legs), default=ZERO) * price <= bound:
        return 1
    needed = [_needed_by(leg, EXACT.divide(bound, price)) for leg in bundle.legs]
    if None not in needed and (most := max(count for count in needed if count is not None)) <= MOST_SLICES:
        return most
    raise RefusedByGuard(
        f"max_leg_imbalance: {bundle.asset} would take more than {MOST_SLICES} slices of {plain(bound)}",
        hint="raise value of max_leg_imbalance in the group's policy, or close it in smaller shares",
    )


def _needed_by(leg: Leg, base: Decimal) -> int | None:
    """Return how many slices of at most so much of the asset a leg has; None where its market has no step so small."""
    unit = unit_of(leg.base, leg.quantity)
    largest = floor_to_step(EXACT.divide(base, unit), leg.step or DEFAULT_STEP) if unit else leg.quantity
    return int(EXACT.divide(leg.quantity, largest).to_integral_value(ROUND_CEILING)) if largest > 0 else None


def cut_leg(leg: Leg, actions: Sequence[Action], count: int, view: PositionView) -> Cuts:
    """Cut the orders of a leg into slices, as equal as the step allows; an order is the sum of its slices.

    Raises RefusedByGuard where the venue would not take slices so small.
    """
    cuts: dict[str, Sequence[Decimal]] = {}
    for action in actions:
        share = EXACT.divide(action.quantity * count, leg.quantity).to_integral_value(ROUND_CEILING)
        parts = equal_parts(action.quantity, int(share), view.amount_step)
        if not all(reaches_minimum(view, part, action.limit_price) for part in parts):
            raise RefusedByGuard(
                f"max_leg_imbalance: the venue of {leg.account} takes no order of {leg.symbol} as small as"
                f" {plain(min(parts))}",
                hint="raise value of max_leg_imbalance in the group's policy",
            )
        cuts[action.id] = parts
    return cuts


def sliced(plan: Plan, cuts: Cuts) -> Plan:
    """Return a plan with actions cut into slices; the same one where none is cut."""
    if all(len(parts) == 1 for parts in cuts.values()):
        return plan
    actions = tuple(one for action in plan.actions for one in _slices_of(plan, action, cuts.get(action.id, ())))
    draft = replace(plan, actions=actions, sha256="")
    document = {**draft.document}
    return replace(draft, sha256=plan_sha256(document))


def ensure_cut_from(approved: Plan, journalled: Plan) -> None:
    """Raise PlanIsAltered unless a plan is the one that was approved, or that one cut into slices."""
    cuts: dict[str, list[Decimal]] = {}
    for action in journalled.actions:
        name, mark, _ = action.id.partition(_MARK)
        if mark:
            cuts.setdefault(name, []).append(action.quantity)
    whole = {action.id: action.quantity for action in approved.actions}
    adds_up = all(sum(parts, ZERO) == whole.get(name) for name, parts in cuts.items())
    if not adds_up or sliced(approved, cuts).sha256 != journalled.sha256:
        raise PlanIsAltered(
            f"what the journal of {approved.account.id} holds to be carried out is not the plan of its group",
            hint="put the newest journal back; if it is lost, look at the account's orders at its venue first",
        )


def _slices_of(plan: Plan, action: Action, parts: Sequence[Decimal]) -> Iterator[Action]:
    if len(parts) < 2:  # noqa: PLR2004 - one is no cut
        yield action
        return
    for number, part in enumerate(parts, start=1):
        name = f"{action.id}{_MARK}{number}"
        value = None if action.est_value is None else EXACT.divide(action.est_value * part, action.quantity)
        order = client_order_id(f"{plan.plan_id}-{plan.sha256}", name)
        yield replace(action, id=name, quantity=part, est_value=value, client_order_id=order)


def slices_of(bundle: Bundle, plans: Mapping[str, Plan]) -> Iterator[Slice]:
    """Return the slices of a bundle, as the plans that are carried out have them, leg by leg."""
    for leg in bundle.legs:
        for action in actions_of(leg, plans[leg.account]):
            change = unit_of(leg.base, leg.quantity) * action.quantity
            signed = -change if leg.side == "long" else change
            yield Slice(leg.account, action.id, leg.place, action.quantity, signed)


def actions_of(leg: Leg, plan: Plan) -> list[Action]:
    """Return the orders of a leg in its account's plan, cut or not."""
    names = set(leg.actions)
    return [action for action in plan.actions if action.id.partition(_MARK)[0] in names]
