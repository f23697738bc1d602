"""What exitplan asks of a venue: one Protocol and its nouns.

A broker speaks for one account at one venue. The clock comes in where the broker is made, so no call carries
a time.

Writes answer with one of three outcomes. :class:`Done`: the venue took the request. :class:`Refused`: it did
not, and nothing happened. :class:`Unknown`: nobody can tell, and only :meth:`Broker.look_up_order` may find
out. Orders and cancels go in groups, each with an outcome of its own. An exception out of a write means the same as
Unknown, for each of its group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from exitplan.brokers.clock_offset import ClockOffset
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, OrderSide, Position, Side, Snapshot
from exitplan.ruleset.model.values import ZERO

Clock = Callable[[], datetime]
"""Gives the present as an aware UTC time."""

OrderType = Literal["market", "limit", "stop", "stop_limit"]
OrderStatus = Literal["open", "closed", "cancelled", "rejected"]
PastOrdersBy = Literal["account", "symbol"]
LookUpTier = Literal["A", "B", "C"]
"""What a venue offers to find an order by our id: A asks for it directly, also when it is closed; B finds it
in the lists of orders and trades; C keeps no client ids, so only the position before and after can tell."""


class RefusalReason(StrEnum):
    """Why a venue refused a request; nothing happened."""

    UNKNOWN_SYMBOL = "unknown-symbol"
    MARKET_INACTIVE = "market-inactive"
    INVALID_QUANTITY = "invalid-quantity"
    AMOUNT_STEP = "amount-step"
    BELOW_MIN_AMOUNT = "below-min-amount"
    BELOW_MIN_NOTIONAL = "below-min-notional"
    ABOVE_MAX_AMOUNT = "above-max-amount"
    ABOVE_MAX_NOTIONAL = "above-max-notional"
    INVALID_PRICE = "invalid-price"
    PRICE_STEP = "price-step"
    TRIGGER_SIDE = "trigger-side"
    NO_PRICE = "no-price"
    INSUFFICIENT_BALANCE = "insufficient-balance"
    REDUCE_ONLY = "reduce-only"
    DUPLICATE_CLIENT_ORDER_ID = "duplicate-client-order-id"
    UNKNOWN_ORDER = "unknown-order"
    ORDER_CLOSED = "order-closed"
    UNSUPPORTED = "unsupported"
    PERMISSION_DENIED = "permission-denied"
    RATE_LIMITED = "rate-limited"
    TRY_AGAIN = "try-again"
    CLOCK_IS_OFF = "clock-is-off"
    OTHER = "other"

    @property
    def is_passing(self) -> bool:
        """Check whether the same request may be taken a little later: too many of them, or a venue that is busy."""
        return self in {RefusalReason.RATE_LIMITED, RefusalReason.TRY_AGAIN}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can do.

    ``unique_client_order_ids`` says among which orders the venue refuses an id it has seen. After
    ``receive_window`` seconds the venue no longer accepts a request that was signed before. ``live`` is true
    where real money moves. ``writes_at_once`` is how many orders and ``cancels_at_once`` how many cancels go to it in
    one go, side by side, in turn or as a batch: what is on its way, no halt holds back. ``fee_asset`` is the
    venue's own coin, such as BNB at binance, from which the fees of orders in other markets may be taken: it is sold
    last, since every order before may change its balance. None where each trade pays its own fee. ``past_orders`` says
    whether the venue lists the orders of an account that are over: all together, or those of one symbol at a time. Of a
    broker that says None they are never asked. ``clock_offset`` is how far the venue's clock is off ours, by its
    replies since the account was read last; None where it tells no time. A broker that ``asks_beside`` is a
    :class:`PlacesAndAsks`.
    """

    client_order_ids: LookUpTier
    unique_client_order_ids: Literal["open", "ever"]
    reduce_only: bool
    stop_market: bool
    stop_limit: bool
    convert: bool
    receive_window: int
    live: bool
    writes_at_once: int = 1
    cancels_at_once: int = 1
    fee_asset: str | None = None
    past_orders: PastOrdersBy | None = None
    clock_offset: ClockOffset | None = None
    asks_beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order to send; ``quantity`` in base units (spot) or contracts, prices in the market's quote.

    A limit order has a ``price``, a stop a ``trigger_price``, a stop_limit both, a market order neither: a
    price beside a market order turns it into another order at some venues. ``position_side`` names the
    position meant where an account may hold both sides of a symbol; without it the order reduces what is
    held, else opens. ``cost`` is set by brokers alone, for market buys at venues that take them by what they spend.
    """

    client_order_id: str | None
    symbol: str
    side: OrderSide
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    position_side: Side | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """A spot balance to convert into the account's quote currency, whatever the minimums.

    ``max_cost_pct`` is the largest share of its value at the mark price, as a fraction, that this may cost: what the
    venue would take more for at that moment is refused. None is any cost.
    """

    client_order_id: str | None
    symbol: str
    quantity: Decimal
    max_cost_pct: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReference:
    """How to name an order to a venue: by the venue's id, else by the client's.

    Many venues want the symbol beside the id. ``since`` bounds a search through lists of orders and trades.
    """

    symbol: str
    order_id: str | None = None
    client_order_id: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order as the venue tells it now.

    ``closed`` is filled to the end; ``cancelled`` may have been filled in part. ``average_price`` is in the
    market's quote, ``fee`` in ``fee_currency``; both are None where the venue does not say. ``type`` is the
    venue's word.
    """

    order_id: str
    client_order_id: str | None
    symbol: str
    side: OrderSide
    type: str
    status: OrderStatus
    quantity: Decimal
    filled: Decimal = ZERO
    average_price: Decimal | None = None
    fee: Decimal | None = None
    fee_currency: str | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def remaining(self) -> Decimal:
        """What was asked for and not filled."""
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Done:
    """The venue took the request; the report tells how far it came."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue answered clearly that it did not take the request; ``retry_after`` are seconds it wants to rest."""

    reason: RefusalReason
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """No clear answer: the request may have been taken, may be taken yet, or may be lost."""

    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The venue knows the order."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class NotFound:
    """The venue answered clearly that it knows no such order."""


@dataclass(frozen=True, slots=True)
class PastOrders:
    """The client order ids of the newest orders of an account, as far as the venue told them.

    ``is_complete`` is false where there are more orders since the time that was asked for.
    """

    client_order_ids: frozenset[str] = frozenset()
    is_complete: bool = True

    def plus(self, other: PastOrders) -> PastOrders:
        """Return both together."""
        return PastOrders(self.client_order_ids | other.client_order_ids, self.is_complete and other.is_complete)


@dataclass(frozen=True, slots=True)
class ToldMarkets:
    """What was told of markets, by symbol; ``failed`` are those of which a question found no answer."""

    data: Mapping[str, MarketData] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()


Outcome = Done | Refused | Unknown
"""What became of a write."""

LookUp = Found | NotFound | Unknown
"""What became of a question; Unknown also where the venue has no way to tell (tier C)."""


class Broker(Protocol):
    """One account at one venue."""

    @property
    def venue(self) -> str:
        """The venue's id, such as ``paper`` or ``kraken``."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do for this account."""
        ...

    def read_account(self) -> Snapshot:
        """Read cash, positions, open orders, markets and prices as of now.

        Raises AccountUnreadable where balances or orders cannot be read. A price that cannot be read is no
        error: its market has ``price_status`` ``unavailable``.
        """
        ...

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        """Rebuild what positions were bought at, and when, from the venue's trade history; by the position's key.

        What the history does not explain is left out. Raises AccountUnreadable where the question failed.
        """
        ...

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        """Ask on which terms the venue converts spot positions into the account's quote currency; by symbol.

        What it does not convert is left out. Raises AccountUnreadable where the question failed.
        """
        ...

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        """Read how much markets move, trade and take, as far as it is asked for; by symbol.

        Raises nothing: what the venue does not tell is left out, and where a question failed the symbol is named.
        """
        ...

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        """Read which orders the account has had since a time, in one question, or in one for each of the symbols.

        Asked only where the capabilities name ``past_orders``. Raises AccountUnreadable where the question failed.
        """
        ...

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        """Send orders, each once and without any retry; one outcome for each, in their order.

        Whether they go side by side, as a batch or in turn is the venue's business; there are never more than
        ``writes_at_once`` of them.
        """
        ...

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders, as many at a time; one outcome for each, in their order.

        An order that is not open is refused as ``unknown-order`` or ``order-closed``.
        """
        ...

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders, and read the account as soon as the cancels are taken, beside the question what was filled.

        None where nothing is gained by that, a cancel was not taken, or the account cannot be read. Some of what is
        read may be from before an order was gone, or filled.
        """
        ...

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find one order, open or closed; the newest where a client id was used more than once."""
        ...

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders in as few questions as can be; one answer for each, in their order."""
        ...

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Convert a balance too small to sell into the account's quote currency."""
        ...


@runtime_checkable
class PlacesAndAsks(Protocol):
    """A broker whose replies to orders do not say what they filled, and that can be asked for it beside the next."""

    def place_and_ask(
        self, requests: Sequence[OrderRequest], accepted: Sequence[OrderReference]
    ) -> tuple[tuple[Outcome, ...], tuple[LookUp, ...]]:
        """Send orders as ``place_orders`` does, but ask nothing about them; ask beside that for accepted ones.

        Those are named by the venue's ids and wait for no trigger. Of either there may be none.
        """
        ...
