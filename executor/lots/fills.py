"""Our own fills, out of the journal, with what their plans knew of the positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from exitplan.executor.accounts.account import Account
from exitplan.executor.store.journal_values import Fill
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.cost_basis import Trade
from exitplan.ruleset.model.lots import Sighting, currency_of, terms_of
from exitplan.ruleset.model.snapshot import Side
from exitplan.ruleset.model.values import EXACT, parse_time, quote_of
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.plan import parse_plan
from exitplan.ruleset.planning.plan_types import Plan, PlannedPosition

EVER = datetime.min.replace(tzinfo=UTC)
_NO_SURPLUS = "0.000000"


@dataclass(frozen=True, slots=True)
class OwnFill:
    """What one of our orders filled, and what its plan had seen of the position by then.

    ``price`` is None where the venue told none. ``size`` is that of a contract, None where the plan does not tell.
    ``seen`` is None for a conversion of money, which is no position.
    """

    symbol: str
    side: Side
    is_buy: bool
    quantity: Decimal
    price: Decimal | None
    at: datetime
    fee: Decimal | None
    fee_currency: str | None
    order_id: str | None
    size: Decimal | None = None
    seen: Sighting | None = None

    @property
    def trade(self) -> Trade | None:
        """The fill as a trade; None without a price."""
        if self.price is None or self.price <= 0:
            return None
        side = "buy" if self.is_buy else "sell"
        return Trade(side, self.quantity, self.price, self.at, self.fee, self.fee_currency, self.order_id)  # type: ignore[arg-type]


def own_fills(account: Account) -> list[OwnFill]:
    """Return what the account's own orders filled, in the order of time.

    The time is when an order went out: outcomes may be known much later. Raises FileIsInvalid for a damaged journal.
    """
    if not account.store.has_journal():
        return []
    plans: dict[str, Plan] = {}
    found: list[OwnFill] = []
    with account.store.open_journal() as journal:
        for fill in journal.fills_since(EVER):
            if fill.plan_id not in plans:
                plans[fill.plan_id] = parse_plan(journal.plan_document(fill.plan_id))
            found.extend(_own_fill(plans[fill.plan_id], fill))
    return sorted(found, key=lambda fill: fill.at)


def _own_fill(plan: Plan, fill: Fill) -> Iterator[OwnFill]:
    action = next((action for action in plan.actions if action.id == fill.action_id), None)
    if action is None:
        said = f"the journal tells of an action {fill.action_id} that the plan {fill.plan_id} does not have"
        raise FileIsInvalid(said)
    if not (action.reduces or action.kind == "convert_cash") or fill.quantity <= 0:
        return
    yield OwnFill(
        symbol=action.symbol,
        side=action.position_side or "long",
        is_buy=action.side == "buy",
        quantity=fill.quantity,
        price=fill.average_price,
        at=fill.sent_at or fill.told_at,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        order_id=fill.order_id,
        size=_contract_size(action, plan.account.quote),
        seen=_sighting(plan, action) if action.reduces else None,
    )


def _sighting(plan: Plan, action: Action) -> Sighting:
    """Return what the plan saw of a position, and the price that the tracker noted of it."""
    held, at = abs(action.expected_quantity or Decimal(0)), plan.snapshot.taken_at
    price, opened = action.expects.get("record_entry_price"), action.expects.get("record_first_entry_time")
    position = next((position for position in plan.positions if position.key == action.key), None)
    if price is None or Decimal(price) <= 0:
        return Sighting(at=at, symbol=action.symbol, quantity=held)
    return Sighting(
        at=at,
        symbol=action.symbol,
        quantity=held,
        price=Decimal(price),
        priced=_registered(position, held),
        currency=currency_of(action.symbol),
        opened_at=None if opened is None else parse_time(opened),
    )


def _registered(position: PlannedPosition | None, held: Decimal) -> Decimal:
    """Return how much of a position the tracker's record is of: all, unless it says less."""
    facts: Mapping[str, object] = {} if position is None else position.facts
    quantity, surplus = facts.get("tracked_quantity"), facts.get("untracked_pct", _NO_SURPLUS)
    return min(held, Decimal(str(quantity))) if quantity is not None and surplus != _NO_SURPLUS else held


def _contract_size(action: Action, quote: str) -> Decimal | None:
    """Work out the size of a contract from what the plan said that it is worth; None where a rate is in that too."""
    mark, worth = action.expected_price, action.est_value
    if quote_of(action.symbol) != quote or not mark or worth is None or not action.quantity:
        return None
    units = EXACT.divide(worth, action.quantity)
    return units if terms_of(action.symbol).is_inverse else EXACT.divide(units, mark)
