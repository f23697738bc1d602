"""Build an account with one open order that has given facts, to replay what is claimed of order rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, localcontext

from msgspec import structs

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy, Protection
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, FactValue
from exitplan.ruleset.model.order_view import OrderView
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, OrderSide, Position, Side, Snapshot
from exitplan.ruleset.model.values import EXACT, MICRO
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.workbench.invention import NOW, QUOTE, FactsDisagree, FactsWanted

_OURS = "xp" + "0" * 16
_QUANTITY = Decimal(2)


@dataclass(frozen=True, slots=True)
class ReplayedOrder:
    """What the planner made of an account with an order; ``rule`` is the id of the order rule that decided, if any."""

    draft: Draft
    view: OrderView
    rule: str | None


def replay_order(rulebook: Rulebook, wanted: FactsWanted) -> ReplayedOrder:
    """Plan an account with an order that has the facts that are wanted; what is not said is ordinary.

    Raises FactsDisagree where they do not fit together.
    """
    if unknown := wanted.keys() - ORDER_FACTS.keys():
        raise FactsDisagree(f"{', '.join(sorted(unknown))}: no such fact of an order")
    policy = _policy(rulebook.policy, wanted)
    with localcontext(EXACT):
        snapshot = _snapshot(wanted)
    draft = draft_plan(PlanInput(structs.replace(rulebook, policy=policy), snapshot, NOW))
    (view,) = draft.account.orders
    wrong = [name for name, value in wanted.items() if view.facts.get(name) != value]
    if wrong:
        raise FactsDisagree(f"these facts do not fit together: {', '.join(wrong)}")
    rules = {action.order_id: action.rule for action in draft.actions if action.phase == 2}  # noqa: PLR2004 - phase 2: orders
    rules |= {left.order.id: left.rule.id for left in draft.left_orders}
    return ReplayedOrder(draft, view, rules.get(view.order.id))


def _policy(policy: Policy, wanted: FactsWanted) -> Policy:
    symbol = _symbol(wanted)
    if not wanted.get("protected") or policy.names.of_symbol(symbol) in policy.protected_assets(policy.names, NOW):
        return policy
    return replace(policy, protect=(*policy.protect, Protection(symbol)))


def _symbol(wanted: FactsWanted) -> str:
    named = wanted.get("symbol")
    return named if isinstance(named, str) else f"INVENTED/{QUOTE}:{QUOTE}"  # a swap may be held on either side


def _snapshot(wanted: FactsWanted) -> Snapshot:
    symbol = _symbol(wanted)
    order = _order(symbol, wanted)
    closes: Side = "short" if order.side == "buy" else "long"
    held = _held(
        order, is_held=_is(wanted, "position_held"), opens=_is(wanted, "opens", ordinary=not order.reduce_only)
    )
    if held is None:
        order = structs.replace(order, position_side=closes)
    positions = (Position(symbol, closes, held, entry_price=Decimal(1)),) if held else ()
    return Snapshot(
        "invented",
        "paper",
        QUOTE,
        NOW,
        cash=Cash(Decimal(10_000)),
        positions=positions,
        markets={symbol: Market(last=Decimal(1))},
        open_orders=(order,),
    )


def _held(order: OpenOrder, *, is_held: bool, opens: bool) -> Decimal | None:
    """Return how much there is for an order to close; None where only the order's own side can say that it closes."""
    if is_held:
        return order.remaining / 2 if opens else order.remaining
    return Decimal(0) if opens or order.reduce_only else None


def _order(symbol: str, wanted: FactsWanted) -> OpenOrder:
    kind = str(wanted.get("type", "limit"))
    side: OrderSide = "sell" if wanted.get("side") == "sell" else "buy"
    value = wanted.get("value_usd", 100 * MICRO if kind != "stop" else None)
    price = None if value is None else Decimal(int(value)) / MICRO / _QUANTITY
    has_trigger = (kind == "stop" and price is None) or (kind == "stop_limit" and price is not None)
    return OpenOrder(
        "o1",
        symbol,
        side,
        kind,
        _QUANTITY,
        price=price,
        trigger_price=Decimal(1) if has_trigger else None,
        created_at=NOW - _age(wanted.get("age_minutes", 5 * MICRO)),
        client_order_id=_OURS if _is(wanted, "ours") else None,
        reduce_only=_is(wanted, "reduce_only"),
    )


def _age(minutes: FactValue | None) -> timedelta:
    return timedelta(microseconds=int(minutes or 0) * 60)


def _is(wanted: FactsWanted, name: str, *, ordinary: bool = False) -> bool:
    return bool(wanted.get(name, ordinary))
