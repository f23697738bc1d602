"""What is sent for the actions of a plan, and which of them go at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from exitplan.brokers.protocol import (
    Broker,
    Capabilities,
    ConvertRequest,
    Done,
    Found,
    LookUp,
    OrderReference,
    OrderRequest,
    OrderType,
    Outcome,
    PlacesAndAsks,
)
from exitplan.executor.apply.reconcile import Sent, call, checked
from exitplan.executor.store.journal_values import Intent
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import ZERO, ceil_to_step, floor_to_step, is_derivative
from exitplan.ruleset.planning.actions import SELLING, Action

STOP_COLLAR_PCT = Decimal("0.05")
"""How far beyond its trigger the limit of a stop-limit order is, where the policy sets no ``price_collar_pct``."""

_PLACED = SELLING | {"attach_stop", "convert_cash"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that the venue has taken, and of which nobody has asked yet what it filled."""

    sent: Sent
    outcome: Done

    @property
    def action(self) -> Action:
        """The action that it was sent for."""
        return self.sent[0]

    @property
    def is_open(self) -> bool:
        """Whether the venue may know more of it by now."""
        return self.outcome.report.status == "open"

    def told(self, answer: LookUp | None) -> Done:
        """Return what became of it, where the venue has told of this order; else what is known."""
        known = None if answer is None else checked(answer, self.action)
        return Done(known.report) if isinstance(known, Found) else self.outcome


def in_groups(actions: Iterable[Action], venue: Capabilities) -> Iterator[list[Action]]:
    """Split actions into groups that may be sent at once: in their order, of one sort, no two orders on one symbol."""
    group: list[Action] = []
    for action in actions:
        most = venue.cancels_at_once if action.kind == "cancel_order" else venue.writes_at_once
        if group and not (len(group) < most and _goes_with(group, action)):
            yield group
            group = []
        group.append(action)
    if group:
        yield group


def _goes_with(group: Sequence[Action], action: Action) -> bool:
    kinds = {group[0].kind, action.kind}
    if kinds == {"cancel_order"}:
        return True
    return kinds <= _PLACED and all(other.symbol != action.symbol for other in group)


def takes_stops(capabilities: Capabilities) -> bool:
    """Check whether a venue takes stop orders of any kind."""
    return capabilities.stop_market or capabilities.stop_limit


def send(broker: Broker, sent: Sequence[Sent], snapshot: Snapshot, policy: Policy) -> Sequence[Outcome]:
    """Send a group of actions of one sort in one call; one outcome for each."""
    kind = sent[0][0].kind
    if kind == "cancel_order":
        references = _references(sent)
        return call(lambda: broker.cancel_orders(references), len(sent))
    if kind == "convert_dust":
        conversions = [_conversion(action, intent, policy) for action, intent in sent]
        return call(lambda: [broker.convert_dust(request) for request in conversions], len(sent))
    orders = _orders(sent, broker.capabilities, snapshot, policy)
    return call(lambda: broker.place_orders(orders), len(sent))


def goes_ahead(action: Action, capabilities: Capabilities) -> bool:
    """Check whether what an order filled may be asked beside the orders after it: a sale, where the venue is asked."""
    return capabilities.asks_beside and action.kind in SELLING


def send_and_ask(
    broker: Broker, sent: Sequence[Sent], accepted: Sequence[Accepted], snapshot: Snapshot, policy: Policy
) -> tuple[Sequence[Outcome], Sequence[Outcome]]:
    """Send sales, and ask beside that what accepted ones have filled; one outcome for each of both.

    What is not told stays open, and whoever needs to know asks on. Raises TypeError for a broker that can't.
    """
    if not isinstance(broker, PlacesAndAsks):
        raise TypeError(f"{broker.venue} asks for nothing beside orders")
    orders = _orders(sent, broker.capabilities, snapshot, policy)
    asked = [one for one in accepted if one.is_open]
    references = [OrderReference(symbol=one.action.symbol, order_id=one.outcome.report.order_id) for one in asked]
    told: Sequence[LookUp] = ()

    def place() -> Sequence[Outcome]:
        nonlocal told
        outcomes, told = broker.place_and_ask(orders, references)
        return outcomes

    outcomes = call(place, len(sent))
    answers = {one.action.id: answer for one, answer in zip(asked, told, strict=False)}
    return outcomes, [one.told(answers.get(one.action.id)) for one in accepted]


def cancel_and_read(broker: Broker, sent: Sequence[Sent]) -> tuple[Sequence[Outcome], Snapshot | None]:
    """Cancel a group of orders, with the account where what was read beside that is as good as read after it.

    An order that was cancelled and has filled nothing since the plan changes no position. What it held is free where
    the account no longer has the order; that the balance has followed is for the caller to see.
    """
    references, snapshot = _references(sent), None

    def cancel() -> Sequence[Outcome]:
        nonlocal snapshot
        outcomes, snapshot = broker.cancel_and_read(references)
        return outcomes

    outcomes = call(cancel, len(sent))
    gone = {action.order_id for action, _ in sent}
    is_unmoved = all(_is_cancelled(action, outcome) for (action, _), outcome in zip(sent, outcomes, strict=True))
    if snapshot is None or not is_unmoved or any(order.id in gone for order in snapshot.open_orders):
        return outcomes, None
    return outcomes, snapshot


def _is_cancelled(action: Action, outcome: Outcome) -> bool:
    """Check whether the venue tells of an order that is gone, and had filled what the plan knew."""
    if not isinstance(outcome, Done):
        return False
    return outcome.report.status == "cancelled" and outcome.report.filled == action.expected_fill


def _references(sent: Sequence[Sent]) -> list[OrderReference]:
    return [OrderReference(symbol=action.symbol, order_id=action.order_id) for action, _ in sent]


def _conversion(action: Action, intent: Intent, policy: Policy) -> ConvertRequest:
    """Ask for a conversion that may cost what the plan said, and more as prices move, up to what the policy allows."""
    most = (action.expected_cost_pct or ZERO) + policy.guards["max_price_move_pct"]
    return ConvertRequest(
        client_order_id=action.client_order_id,
        symbol=action.symbol,
        quantity=_quantity(action, intent),
        max_cost_pct=min(most, policy.dust.max_cost_pct),
    )


def _orders(sent: Sequence[Sent], capabilities: Capabilities, snapshot: Snapshot, policy: Policy) -> list[OrderRequest]:
    return [order_for(action, _quantity(action, intent), capabilities, snapshot, policy) for action, intent in sent]


def order_for(
    action: Action, quantity: Decimal, capabilities: Capabilities, snapshot: Snapshot, policy: Policy
) -> OrderRequest:
    """Return the order that is sent for so much of an action."""
    kind, price = _order_type(action, capabilities), action.limit_price
    if kind == "stop_limit" and action.trigger_price is not None:
        price = _stop_limit(action, action.trigger_price, snapshot, policy)
    return OrderRequest(
        client_order_id=action.client_order_id,
        symbol=action.symbol,
        side=action.side,
        type=kind,
        quantity=quantity,
        price=price,
        trigger_price=action.trigger_price,
        reduce_only=is_derivative(action.symbol),  # never set for cash, which is spot
        position_side=action.position_side,
    )


def _order_type(action: Action, capabilities: Capabilities) -> OrderType:
    if action.kind == "attach_stop":
        return "stop" if capabilities.stop_market else "stop_limit"
    return "market" if action.limit_price is None else "limit"


def _stop_limit(action: Action, trigger: Decimal, snapshot: Snapshot, policy: Policy) -> Decimal:
    """Put the limit beyond the trigger, rounded further away; at the trigger where nothing above zero is beyond."""
    collar = policy.guards.get("price_collar_pct", STOP_COLLAR_PCT)
    market = snapshot.markets.get(action.symbol)
    step = market.price_step if market else None
    if action.side == "buy":
        wanted = trigger * (1 + collar)
        return ceil_to_step(wanted, step) if step else wanted
    limit = floor_to_step(trigger * (1 - collar), step)
    return limit if limit > 0 else trigger


def _quantity(action: Action, intent: Intent) -> Decimal:
    return action.quantity if intent.quantity is None else intent.quantity
