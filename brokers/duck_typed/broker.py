"""The broker object of a trading program behind the Broker protocol.

Its methods are called by name, and nothing else is looked at: ``get_open_positions`` (or ``get_positions``),
``get_open_orders``, ``get_account_balance``, ``get_current_price`` (or ``get_market_data``), ``cancel_order`` and
``close_position`` (or ``place_market_order``). It knows neither our ids nor a way to ask for an order, so what it
leaves unclear is told by the positions, or the open orders, before and after. What it has no method for is not done, or
not known; the account can do without open orders and prices, but never be CLEAN.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from exitplan.brokers.duck_typed.holdings import Holding, entries_of, read_holdings
from exitplan.brokers.duck_typed.methods import (
    VENUE,
    CannotSell,
    Method,
    NoSuchMethod,
    ask_price,
    has_method,
    logged,
    method_of,
    sell,
    takes_user,
    user_argument,
)
from exitplan.brokers.duck_typed.resting import Resting, read_orders
from exitplan.brokers.duck_typed.told_account import Balance, balance_of, snapshot_of, without_derived
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
    PastOrders,
    RefusalReason,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.ruleset.errors import AccountUnreadable, ExitplanError, UsageError
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Market, OpenOrder, Part, Position, Snapshot
from exitplan.ruleset.model.values import ZERO

_FILLED = {"filled", "completed", "success"}
"""The statuses of an order that is done, in the published protocol's words."""
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

    ``user`` is handed to the methods that take a ``user_id``. ``balance`` replaces what the object says of its own;
    ``tracked`` names the symbols that the position tracker has. ``min_notional`` is the least value of an order, where
    the caller knows one. With ``orders_matter_alone`` positions that cannot be read are left unread, which is enough to
    cancel orders. ``names`` maps every symbol met to the caller's spelling; ``told_positions`` are those told last.
    """

    source: object
    account: str
    user: str | None
    clock: Clock
    balance: Balance | None = None
    min_notional: Decimal | None = None
    orders_matter_alone: bool = False
    tracked: Callable[[Snapshot], Collection[str]] = lambda _: ()
    names: dict[str, str] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    order_ids: dict[str, object] = field(default_factory=dict)
    told_positions: Sequence[Mapping[str, object]] = ()

    @property
    def venue(self) -> str:
        """The venue's id: whatever the object speaks to."""
        return VENUE

    @property
    def capabilities(self) -> Capabilities:
        """What can be done through its methods: market orders, and cancels."""
        return _CAPABILITIES

    def read_account(self) -> Snapshot:
        """Read positions, open orders, balance and prices.

        Raises AccountUnreadable where the object raises, answers nonsense or cannot tell what is held, UsageError where
        it cannot be asked about a user.
        """
        unread: list[Part] = []
        try:
            holdings, balance = self._read_holdings()
        except AccountUnreadable:
            if not self.orders_matter_alone:
                raise
            holdings, balance = [], Balance(ZERO, ZERO)
            unread.append("positions")
        orders: list[Resting] = []
        if has_method(self.source, "get_open_orders"):
            orders = self._read_orders()
        else:
            unread.append("open_orders")
        snapshot = snapshot_of(self.account, holdings, orders, balance, self.clock())
        snapshot = replace(snapshot, markets=self._with_minimum(snapshot.markets), unread=tuple(unread))
        return without_derived(snapshot, holdings, self.tracked(snapshot))

    def _read_holdings(self) -> tuple[list[Holding], Balance]:
        told = self._asked("get_open_positions", "get_positions", for_user=True)
        holdings = read_holdings(told, self.ask_price)
        self.told_positions = entries_of(told, "get_open_positions")
        balance = self.balance or balance_of(self._asked("get_account_balance"))
        for holding in holdings:
            self.names[holding.position.symbol] = holding.name
            self.holdings[holding.position.symbol] = holding
        return holdings, balance

    def _with_minimum(self, markets: Mapping[str, Market]) -> Mapping[str, Market]:
        if self.min_notional is None:
            return markets
        return {symbol: replace(market, min_notional=self.min_notional) for symbol, market in markets.items()}

    def ask_price(self, name: str) -> object:
        """Ask for a price; raises what the object raises, and NoSuchMethod where it cannot be asked."""
        return ask_price(self.source, name)

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:  # noqa: ARG002 - as asked
        """Know of no trades: the object has none to tell."""
        return {}

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:  # noqa: ARG002 - as asked
        """Convert nothing."""
        return {}

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:  # noqa: ARG002 - as asked
        """Know nothing of markets: the object's candles are of minutes, for prices."""
        return ToldMarkets()

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:  # noqa: ARG002 - as asked
        """Know of none: the object has no method for it, so nobody asks."""
        return PastOrders()

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

    # --- its methods ---

    def _read_orders(self) -> list[Resting]:
        orders = read_orders(self._asked("get_open_orders", for_user=True))
        self.order_ids.update({entry.order.id: entry.told_id for entry in orders})
        return orders

    def _asked(self, *names: str, for_user: bool = False) -> object:
        """Ask a question about the account by the first method there is; whatever goes wrong, it is unreadable."""
        method = method_of(self.source, *names)
        name = next(name for name in names if has_method(self.source, name))
        arguments = self._arguments(name, method) if for_user else user_argument(method, self.user)
        try:
            return logged(name, method, **arguments)
        except ExitplanError:
            raise
        except Exception as error:  # whatever the object raises, the question failed
            raise AccountUnreadable(f"{name} failed: {type(error).__name__}: {error}") from error

    def _arguments(self, name: str, method: Method) -> dict[str, str | None]:
        if takes_user(method):
            return {"user_id": self.user}
        if self.user is not None:
            raise UsageError(
                f"{name} of the broker object takes no user_id, and the account of {self.user} is asked for",
                hint="give get_open_positions and get_open_orders a user_id, or a protocol of its own to each user",
            )
        return {}

    def _close(self, request: OrderRequest) -> Outcome:
        """Close a position, or part of it; True, or filled, is done, False refused, anything else is unclear."""
        if request.type != "market":
            return Refused(RefusalReason.UNSUPPORTED, f"the broker object takes no {request.type} orders")
        name, holding = self.names.get(request.symbol, request.symbol), self.holdings.get(request.symbol)
        is_all = holding is not None and request.quantity >= abs(holding.position.quantity)

        def call() -> object:
            told = self._as_told(request)
            return sell(self.source, name, told, side=request.side, is_all=is_all, user=self.user)

        answer = _written("the sale", call)
        if answer is not True and not _says_filled(answer):
            return answer if isinstance(answer, Refused | Unknown) else _unclear("the sale", answer)
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

        def call() -> object:
            method = method_of(self.source, "cancel_order")
            return logged("cancel_order", method, told_id, **user_argument(method, self.user))

        answer = _written("cancel_order", call)
        if answer is not True:
            return answer if isinstance(answer, Refused | Unknown) else _unclear("cancel_order", answer)
        order = OpenOrder(name, reference.symbol, "buy", "limit", ZERO)
        return Done(_report(order, "cancelled"))


def _written(name: str, call: Callable[[], object]) -> object:
    """Call a method that changes something; False becomes Refused, an exception Unknown."""
    try:
        answer = call()
    except (CannotSell, NoSuchMethod) as error:
        return Refused(RefusalReason.UNSUPPORTED, str(error))
    except Exception as error:  # noqa: BLE001 - whatever broke, it may have gone out
        return Unknown(f"{name} raised {type(error).__name__}: {error}")
    return Refused(RefusalReason.OTHER, f"{name} answered False") if answer is False else answer


def _says_filled(answer: object) -> bool:
    """Check whether an answer is an order that the object says was filled."""
    return isinstance(answer, Mapping) and str(answer.get("status")).casefold() in _FILLED


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
