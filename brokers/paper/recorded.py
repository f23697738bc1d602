"""Take over an account: turn the open orders of a snapshot into orders of the paper venue's book."""

from __future__ import annotations

from decimal import Decimal

from exitplan.brokers.paper.checks import aimed_side
from exitplan.brokers.paper.ledger import Ledger, fit_holds
from exitplan.brokers.paper.notes import Notes, OpenNote
from exitplan.brokers.paper.orders import Hold, PaperOrder, sum_exactly
from exitplan.brokers.paper.pricing import Terms, cost_of_buy, is_self_funding, mark_price
from exitplan.brokers.protocol import OrderRequest
from exitplan.ruleset.model.snapshot import Market, OpenOrder, Snapshot
from exitplan.ruleset.model.values import ZERO


def take_over_orders(snapshot: Snapshot, notes: Notes, ledger: Ledger) -> dict[str, PaperOrder]:
    """Return the book of open orders, each with what it holds, in the order of the snapshot.

    An order the venue placed itself comes back as it was; of a recorded one side, hold and trigger are
    inferred.
    """
    wanted = []
    for entry in snapshot.open_orders:
        note = notes.open_orders.get(entry.id)
        market = snapshot.markets.get(entry.symbol, Market())
        order = _inferred(entry, market, ledger) if note is None else _remembered(entry, note)
        terms = ledger.terms(order.symbol, order.position_side, market)
        inferred = Hold() if entry.holds_nothing else hold_of(order, terms, order.remaining, ZERO)
        wanted.append((order, inferred if note is None else note.hold))
    return fit_holds(wanted, ledger)


def hold_of(order: PaperOrder, terms: Terms, remaining: Decimal, fee_rate: Decimal) -> Hold:
    """Return what an order must hold for what remains of it: units it sells, money it buys with."""
    remaining = max(ZERO, remaining)
    quantity = remaining if order.reducing else ZERO
    price = order.price or order.trigger_price
    if price is None or is_self_funding(terms, order.side, order.position_side):
        return Hold(quantity=quantity)
    return Hold(cost_of_buy(terms, remaining, price, fee_rate), quantity)


def _inferred(entry: OpenOrder, market: Market, ledger: Ledger) -> PaperOrder:
    request = OrderRequest(
        client_order_id=None,
        symbol=entry.symbol,
        side=entry.side,
        type="limit",
        quantity=entry.quantity,
        reduce_only=entry.reduce_only,
        position_side=entry.position_side,
    )
    trigger = entry.trigger_price if entry.trigger_price and entry.trigger_price > 0 else None
    mark = mark_price(market)
    above = entry.side == "buy" if mark is None or trigger is None else trigger > mark
    return PaperOrder(
        id=entry.id,
        client_order_id=entry.client_order_id,
        symbol=entry.symbol,
        side=entry.side,
        type=entry.type,
        quantity=entry.quantity,
        position_side=aimed_side(request, ledger),
        created_at=entry.created_at,
        price=entry.price if entry.price and entry.price > 0 else None,
        trigger_price=trigger,
        reduce_only=entry.reduce_only,
        fires_above=None if trigger is None else above,
        earlier=entry.filled,
    )


def _remembered(entry: OpenOrder, note: OpenNote) -> PaperOrder:
    return PaperOrder(
        id=entry.id,
        client_order_id=entry.client_order_id,
        symbol=entry.symbol,
        side=entry.side,
        type=entry.type,
        quantity=entry.quantity,
        position_side=note.position_side,
        created_at=entry.created_at,
        price=entry.price,
        trigger_price=entry.trigger_price,
        reduce_only=entry.reduce_only,
        fires_above=note.fires_above,
        earlier=entry.filled - sum_exactly(fill.quantity for fill in note.fills),
        fills=note.fills,
        updated_at=note.updated_at,
    )
