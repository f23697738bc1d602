"""The broker object of a trading program behind the Broker protocol.

Six methods are called on it, by name, and nothing else is looked at: ``get_open_positions``, ``get_open_orders``,
``get_account_balance``, ``get_current_price``, ``cancel_order`` and ``close_position``. It knows neither our ids nor a
way to ask for an order, so what it leaves unclear is told by the positions, or the open orders, before and after.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from exitplan.brokers.call_log import log_call
from exitplan.brokers.duck_typed.holdings import Holding, NoSuchMethod, rates_of, read_holdings
from exitplan.brokers.duck_typed.resting import Resting, read_orders
from exitplan.brokers.duck_typed.values import amount_of
from exitplan.brokers.protocol import (
    Capabilities,
    Clock,
    ConvertRequest,
    Done,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Outcome,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.errors import AccountUnreadable, ExitplanError, UsageError
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.snapshot import Cash, Conversion, OpenOrder, Position, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO

VENUE = "adapted"
QUOTE = "USD"
"""The currency that values and balances are told in."""
RECEIVE_WINDOW = 5
"""Seconds after which an order is taken to have arrived or not, since the object cannot say."""

_CAPABILITIES = Capabilities(
    client_order_ids="C",
    unique_client_order_ids="open",
    reduce_only=False,
    stop_market=False,
    stop_limit=False,
    convert=False,
    receive_window=RECEIVE_WINDOW,
    live=True,
)


@dataclass
class AdaptedBroker:
    """One account behind somebody's own broker object.

    ``user`` is handed to the questions that take a ``user_id``. ``equity`` replaces what the object says of its
    balance; ``tracked`` names the symbols that the position tracker has. ``names`` maps every symbol met to the
    caller's spelling.
    """

    source: object
    account: str
    user: str | None
    clock: Clock
    equity: Decimal | None = None
    tracked: Callable[[Snapshot], Collection[str]] = lambda _: ()
    names: dict[str, str] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    order_ids: dict[str, object] = field(default_factory=dict)

    @property
    def venue(self) -> str:
        """The venue's id: whatever the object speaks to."""
        return VENUE

    @property
    def capabilities(self) -> Capabilities:
        """What can be done through the six methods: market orders, and cancels."""
        return _CAPABILITIES

    def read_account(self) -> Snapshot:
        """Read positions, open orders, balance and prices.

        Raises AccountUnreadable where the object raises, answers nonsense or lacks a method, UsageError where it cannot
        be asked about a user.
        """
        holdings = read_holdings(self._asked("get_open_positions", for_user=True), self.ask_price)
        orders = self._read_orders()
        equity = self.equity if self.equity is not None else equity_of(self._asked("get_account_balance"))
        for holding in holdings:
            self.names[holding.position.symbol] = holding.name
            self.holdings[holding.position.symbol] = holding
        snapshot = snapshot_of(self.account, holdings, orders, equity, self.clock())
        return without_derived(snapshot, holdings, self.tracked(snapshot))

    def ask_price(self, name: str) -> object:
        """Ask for a price; raises what the object raises, and NoSuchMethod where it cannot be asked."""
        return logged("get_current_price", self._method("get_current_price"), name)

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:  # noqa: ARG002 - as asked
        """Know of no trades: the object has none to tell."""
        return {}

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:  # noqa: ARG002 - as asked
        """Convert nothing."""
        return {}

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        """Close positions, or parts of them, one after another."""
        return tuple(self._close(request) for request in requests)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders one after another; what the object leaves unclear is for :meth:`look_up_order`."""
        return tuple(self._cancel(reference) for reference in references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders; the account is read afterwards, one question after another."""
        return self.cancel_orders(references), None

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Look for an order among the open ones; Unknown for one of ours, which carries no id there."""
        if reference.order_id is None:
            return Unknown("the broker object keeps no client order ids")
        try:
            orders = self._read_orders()
        except ExitplanError as error:
            return Unknown(str(error))
        order = next((entry.order for entry in orders if entry.order.id == reference.order_id), None)
        return NotFound() if order is None else Found(_report(order, "open"))

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders, one by one."""
        return tuple(self.look_up_order(reference) for reference in references)

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Refuse: there is no method for it."""
        return Refused(RefusalReason.UNSUPPORTED, f"the broker object converts nothing, {request.symbol} neither")

    # --- the six methods ---

    def _read_orders(self) -> list[Resting]:
        orders = read_orders(self._asked("get_open_orders", for_user=True))
        self.order_ids.update({entry.order.id: entry.told_id for entry in orders})
        return orders

    def _asked(self, name: str, *, for_user: bool = False) -> object:
        """Ask a question about the account; whatever goes wrong, the account is unreadable."""
        method = self._method(name)
        arguments = self._arguments(name, method) if for_user else {}
        try:
            return logged(name, method, **arguments)
        except ExitplanError:
            raise
        except Exception as error:  # whatever the object raises, the question failed
            raise AccountUnreadable(f"{name} failed: {type(error).__name__}: {error}") from error

    def _arguments(self, name: str, method: Callable[..., object]) -> dict[str, Any]:
        if takes_user(method):
            return {"user_id": self.user}
        if self.user is not None:
            raise UsageError(
                f"{name} of the broker object takes no user_id, and the account of {self.user} is asked for",
                hint="give get_open_positions and get_open_orders a user_id, or a protocol of its own to each user",
            )
        return {}

    def _method(self, name: str) -> Callable[..., object]:
        method = getattr(self.source, name, None)
        if not callable(method):
            raise NoSuchMethod(f"the broker object has no method {name}", hint="the account cannot do without it")
        return method  # type: ignore[no-any-return] # of somebody's own class

    def _close(self, request: OrderRequest) -> Outcome:
        """Close a position, or part of it; True is done, False refused, anything else is unclear."""
        if request.type != "market":
            return Refused(RefusalReason.UNSUPPORTED, f"the broker object takes no {request.type} orders")
        name = self.names.get(request.symbol, request.symbol)
        quantity = self._as_told(request)
        answer = self._written("close_position", name, quantity)
        if answer is not True:
            return answer if isinstance(answer, Refused | Unknown) else _unclear("close_position", answer)
        report = OrderReport(
            order_id=request.client_order_id or "",
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            status="closed",
            quantity=request.quantity,
            filled=request.quantity,
        )
        return Done(report)

    def _as_told(self, request: OrderRequest) -> object:
        """Return the quantity in the type in which the object tells its own: Decimal, else float."""
        holding = self.holdings.get(request.symbol)
        quantity = None if holding is None else holding.told_quantity
        if isinstance(quantity, Decimal):
            return request.quantity
        if quantity is not None and amount_of(quantity) == request.quantity:
            return quantity
        return float(request.quantity)

    def _cancel(self, reference: OrderReference) -> Outcome:
        name = reference.order_id or ""
        told_id = self.order_ids.get(name, name)
        if told_id is None or told_id == "":
            return Refused(RefusalReason.UNSUPPORTED, "the order has no id to cancel it by")
        answer = self._written("cancel_order", told_id)
        if answer is not True:
            return answer if isinstance(answer, Refused | Unknown) else _unclear("cancel_order", answer)
        order = OpenOrder(name, reference.symbol, "buy", "limit", ZERO)
        return Done(_report(order, "cancelled"))

    def _written(self, name: str, *arguments: object) -> object:
        """Call a method that changes something; False becomes Refused, an exception Unknown."""
        try:
            method = self._method(name)
        except NoSuchMethod as error:
            return Refused(RefusalReason.UNSUPPORTED, str(error))
        try:
            answer = logged(name, method, *arguments)
        except Exception as error:  # noqa: BLE001 - whatever broke, it may have gone out
            return Unknown(f"{name} raised {type(error).__name__}: {error}")
        return Refused(RefusalReason.OTHER, f"{name} answered False") if answer is False else answer


def logged(name: str, method: Callable[..., object], *arguments: object, **named: object) -> object:
    """Call a method of the object and log the call."""
    started, outcome = time.perf_counter(), "ok"
    try:
        return method(*arguments, **named)
    except Exception as error:
        outcome = type(error).__name__
        raise
    finally:
        log_call(VENUE, name, time.perf_counter() - started, outcome)


def snapshot_of(
    account: str,
    holdings: Sequence[Holding],
    orders: Sequence[Resting],
    equity: Decimal,
    now: datetime,
) -> Snapshot:
    """Return an account whose equity is what it is said to be: cash makes up the rest, below zero where need be."""
    symbols = [holding.position.symbol for holding in holdings] + [entry.order.symbol for entry in orders]
    cash = equity
    for holding in holdings:
        cash = EXACT.subtract(cash, holding.value)
    return Snapshot(
        account=account,
        venue=VENUE,
        quote=QUOTE,
        taken_at=now,
        cash=Cash(cash),
        positions=tuple(holding.position for holding in holdings),
        open_orders=tuple(entry.order for entry in orders),
        markets={holding.position.symbol: holding.market for holding in holdings if holding.market is not None},
        rates=rates_of(symbols, QUOTE),
    )


def without_derived(snapshot: Snapshot, holdings: Sequence[Holding], tracked: Collection[str]) -> Snapshot:
    """Forget the entry prices that only a told result leads to, where there is a tracker record to know better."""
    derived = {
        holding.position.symbol for holding in holdings if holding.is_derived and holding.position.symbol in tracked
    }
    positions = [
        replace(position, entry_price=None) if position.symbol in derived else position
        for position in snapshot.positions
    ]
    return replace(snapshot, positions=tuple(positions))


def equity_of(reply: object) -> Decimal:
    """Read a balance: a number, or a dict with ``total``, else ``available``; raises AccountUnreadable."""
    if not isinstance(reply, Mapping):
        balance = amount_of(reply)
    else:
        amounts = [amount_of(reply.get(key)) for key in ("total", "available")]
        known = [amount for amount in amounts if amount is not None]
        balance = next((amount for amount in known if amount), known[0] if known else None)
    if balance is None:
        raise AccountUnreadable(f"the account balance is {reply!r}, which is no amount")
    return balance


def takes_user(method: Callable[..., object]) -> bool:
    """Check whether a method takes a ``user_id``; one that cannot be looked at is taken to."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.name == "user_id" or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _report(order: OpenOrder, status: OrderStatus) -> OrderReport:
    return OrderReport(
        order_id=order.id,
        client_order_id=None,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        status=status,
        quantity=order.quantity,
        filled=order.filled,
        price=order.price,
        created_at=order.created_at,
    )


def _unclear(name: str, answer: object) -> Unknown:
    return Unknown(f"{name} answered {type(answer).__name__}, neither True nor False")
