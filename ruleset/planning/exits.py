"""Phase 3: turn the exit rule of a position into actions, or say why it cannot run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.language.parameters import ADOPTED_SOURCE
from exitplan.ruleset.language.policy import ExitRule, Policy, Rule
from exitplan.ruleset.language.reasons import reason_for
from exitplan.ruleset.model.facts import PositionView, is_protective, order_value, reaches_minimum
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot
from exitplan.ruleset.model.values import MICRO, ZERO, ceil_to_step, floor_to_step, plain
from exitplan.ruleset.planning.actions import Action, Blocked, BlockedReason, Exit, Kind, UnwindStep
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.conversion import NOT_CONVERTED, conversion_obstacle, cost_text
from exitplan.ruleset.planning.unwind import next_step, slice_quantity

_CLOSE_RANKS = {4: 10, 1: 11}
_OTHER_CLOSE, _UNWIND, _CONVERT, _STOP, _ADOPT = 12, 13, 14, 15, 16


@dataclass(frozen=True, slots=True)
class ExitContext:
    """What exits work with: the policy, the account, the open orders by symbol, and those that are cancelled anyway."""

    policy: Policy
    snapshot: Snapshot
    progress: Progress
    now: datetime
    orders: Mapping[str, tuple[OpenOrder, ...]]
    stale: frozenset[str]

    def resting(self, found: PositionView) -> list[OpenOrder]:
        """Give the open orders on the exit side of a position, by order id."""
        side = found.position.exit_side
        resting = [order for order in self.orders.get(found.position.symbol, ()) if order.side == side]
        return sorted(resting, key=lambda order: order.id)

    def free(self, found: PositionView, *, cancelled: list[OpenOrder]) -> Decimal:
        """Give what can be sold once the given orders are cancelled: never more than is held."""
        released = sum((order.remaining for order in cancelled), ZERO)
        return min(found.held, found.held - found.position.locked + released)


def plan_exit(decision: Decision, desk: ExitContext) -> Exit:
    """Plan the exit of one position; protected and deferred positions get none."""
    rule = decision.exit
    if rule is None or decision.is_protected or decision.is_deferred:
        return Exit()
    if rule.action == "unwind":
        return _plan_unwind(decision.found, rule, desk)
    obstacle = _obstacle(decision.found, rule)
    if obstacle == "below-minimum" and rule.is_convertible and desk.policy.dust.convert:
        return _plan_conversion(decision.found, rule, desk)
    if obstacle is not None:
        return Exit(blocked=_blocked(decision.found, rule, obstacle))
    if rule.action == "attach_stop":
        return _plan_stop(decision.found, rule, desk)
    return _plan_close(decision.found, rule, desk)


def _obstacle(found: PositionView, rule: ExitRule) -> BlockedReason | None:
    facts = found.facts
    if not facts["market_known"]:
        return "no-market"
    if not facts["market_active"]:
        return "market-inactive"
    if not facts["sellable"]:
        return "below-minimum"
    return "attempts-exhausted" if _is_exhausted(found, rule) else None


def _is_exhausted(found: PositionView, rule: ExitRule) -> bool:
    failed = found.facts["failed_exits"]
    return rule.attempts is not None and failed >= rule.attempts * MICRO  # type: ignore[operator] # a number


def _blocked(found: PositionView, rule: ExitRule, reason: BlockedReason) -> Blocked:
    position = found.position
    because = reason_for(rule, found.facts)
    return Blocked(position.symbol, position.side, rule.id, reason, rule.escalates, because)


def _plan_close(found: PositionView, rule: ExitRule, desk: ExitContext) -> Exit:
    resting = desk.resting(found)
    quantity = floor_to_step(desk.free(found, cancelled=resting), _amount_step(found))
    if not reaches_minimum(found, quantity):
        return Exit(blocked=_blocked(found, rule, "locked"))
    because = reason_for(rule, found.facts)
    blocking = [order for order in resting if order.id not in desk.stale]
    cancels = [cancel_action(desk.snapshot, order, rule, 3, f"{because}; frees the balance") for order in blocking]
    rank = _CLOSE_RANKS.get(_protocol_number(rule), _OTHER_CLOSE)
    order = _order(found, "close", rule, because, quantity, rank)
    return Exit(actions=(*cancels, replace(order, limit_price=_limit_price(found, desk.policy))))


def _plan_conversion(found: PositionView, rule: ExitRule, desk: ExitContext) -> Exit:
    """Plan the conversion of dust that is too small to sell, or say what speaks against it."""
    if _is_exhausted(found, rule):
        return Exit(blocked=_blocked(found, rule, "attempts-exhausted"))
    quote, terms = desk.snapshot.quote, desk.snapshot.conversions.get(found.position.symbol)
    free = desk.free(found, cancelled=[])
    obstacle = conversion_obstacle(found, free, terms, desk.policy.dust, quote)
    because = reason_for(rule, found.facts)
    if terms is None or obstacle is not None:
        blocked = _blocked(found, rule, "below-minimum")
        return Exit(blocked=replace(blocked, because=f"{because}; {NOT_CONVERTED}{obstacle}"))
    why = f"{because}; too small to sell; the venue converts it for {cost_text(found, free, terms, quote)}"
    order = _order(found, "convert_dust", rule, why, free, _CONVERT)
    expects = {**order.expects, "conversion_cost_pct": plain(terms.cost_pct)}
    return Exit(actions=(replace(order, expects=expects),))


def _protocol_number(rule: ExitRule) -> int:
    if rule.is_zombie:
        return 4
    return 1 if rule.is_dust else 0


def _plan_unwind(found: PositionView, rule: ExitRule, desk: ExitContext) -> Exit:
    step = next_step(found, desk.progress.unwinds.get(found.position.key), desk.policy, desk.now)
    if step.counts:
        return Exit(unwind=step)
    obstacle = _obstacle(found, rule)
    if obstacle is not None:
        return Exit(blocked=_blocked(found, rule, obstacle))
    released = [order for order in desk.resting(found) if order.id in desk.stale]
    free = floor_to_step(desk.free(found, cancelled=released), _amount_step(found))
    quantity = min(slice_quantity(found, step), free)
    if not reaches_minimum(found, quantity):
        return Exit(blocked=_blocked(found, rule, "locked"))
    because = f"{reason_for(rule, found.facts)}; {_cycle_text(step)}"
    order = _order(found, "unwind", rule, because, quantity, _UNWIND)
    return Exit(actions=(replace(order, limit_price=_limit_price(found, desk.policy)),), unwind=step)


def _cycle_text(step: UnwindStep) -> str:
    if step.remaining_pct == 0:
        return f"cycle {step.cycle} of {step.cycles}: closes what is left"
    remaining = f"{plain(step.remaining_pct * 100)} % of {plain(step.initial_quantity)}"
    return f"cycle {step.cycle} of {step.cycles}: down to {remaining}"


def _plan_stop(found: PositionView, rule: ExitRule, desk: ExitContext) -> Exit:
    trigger = _trigger_price(found, rule)
    if trigger is None:
        return Exit(blocked=_blocked(found, rule, "no-price"))
    actions: list[Action] = []
    uncovered = floor_to_step(found.held - _covered(found, desk), _amount_step(found))
    if reaches_minimum(found, uncovered):
        released = [order for order in desk.resting(found) if order.id in desk.stale]
        quantity = floor_to_step(min(uncovered, desk.free(found, cancelled=released)), _amount_step(found))
        if not reaches_minimum(found, quantity):
            return Exit(blocked=_blocked(found, rule, "locked"))
        because = f"{reason_for(rule, found.facts)}; stop {plain((rule.stop_pct or ZERO) * 100)} % from the mark"
        order = _order(found, "attach_stop", rule, because, quantity, _STOP)
        actions.append(replace(order, trigger_price=trigger))
    if rule.adopt and (found.record is None or found.record.position_source != ADOPTED_SOURCE):
        because = f"{reason_for(rule, found.facts)}; registered with the tracker"
        actions.append(_order(found, "adopt", rule, because, found.held, _ADOPT))
    return Exit(actions=tuple(actions))


def _covered(found: PositionView, desk: ExitContext) -> Decimal:
    """Add up what resting stops protect: one on the winning side of the mark takes profit and protects nothing."""
    staying = [order for order in desk.resting(found) if order.id not in desk.stale]
    return sum(
        (order.remaining for order in staying if is_protective(order, found.position.side, found.price.mark)), ZERO
    )


def _trigger_price(found: PositionView, rule: ExitRule) -> Decimal | None:
    """Place the stop away from the mark, rounded further away; None where that leaves no price above zero."""
    mark, step = found.price.mark, found.market.price_step if found.market else None
    if mark is None or rule.stop_pct is None:
        return None
    if found.position.side == "short":
        wanted = mark * (1 + rule.stop_pct)
        return ceil_to_step(wanted, step) if step else wanted
    trigger = floor_to_step(mark * (1 - rule.stop_pct), step)
    return trigger if trigger > 0 else None


def _limit_price(found: PositionView, policy: Policy) -> Decimal | None:
    """Give the limit of a collared exit: through the mark, rounded further through; None for an exit at the market.

    A position without a price has nothing to put a collar around; one that rounds to no price above zero is none.
    """
    collar, mark = policy.guards.get("price_collar_pct"), found.price.mark
    if collar is None or mark is None:
        return None
    step = found.market.price_step if found.market else None
    if found.position.side == "short":
        wanted = mark * (1 + collar)
        return ceil_to_step(wanted, step) if step else wanted
    price = floor_to_step(mark * (1 - collar), step)
    return price if price > 0 else None


def _amount_step(found: PositionView) -> Decimal | None:
    return found.market.amount_step if found.market else None


def cancel_action(snapshot: Snapshot, order: OpenOrder, rule: Rule, phase: int, because: str) -> Action:
    """Plan the cancellation of an open order; its value is the capital that it holds."""
    return Action(
        kind="cancel_order",
        phase=phase,
        symbol=order.symbol,
        side=order.side,
        quantity=order.remaining,
        rule=rule.id,
        because=because,
        order_id=order.id,
        est_value=order_value(snapshot, order),
        expects={"order_quantity": plain(order.quantity), "order_filled": plain(order.filled)},
    )


def _order(
    found: PositionView,
    kind: Kind,
    rule: ExitRule,
    because: str,
    quantity: Decimal,
    rank: int,
) -> Action:
    position, mark = found.position, found.price.mark
    return Action(
        kind=kind,
        phase=3,
        symbol=position.symbol,
        side=position.exit_side,
        quantity=quantity,
        rule=rule.id,
        because=because,
        position_side=position.side,
        est_value=found.worth(quantity),
        expects={
            "position_quantity": plain(position.quantity),
            "mark_price": None if mark is None else plain(mark),
        },
        rank=rank,
    )
