"""What a plan may do: the kinds of actions, and the nouns that carry them, in memory and in a plan's file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Literal

from msgspec import Struct, field

from exitplan.ruleset.language.unwinding import ScheduleName
from exitplan.ruleset.model.records import Form, Key, Name, Symbol
from exitplan.ruleset.model.snapshot import OrderSide, Side, position_key
from exitplan.ruleset.model.values import EXACT, ZERO

Kind = Literal["cancel_order", "close", "unwind", "attach_stop", "adopt", "convert_dust", "convert_cash"]
BlockedReason = Literal[
    "no-market",
    "market-inactive",
    "below-minimum",
    "attempts-exhausted",
    "locked",
    "owed",
    "entry-open",
    "no-price-yet",
    "no-value",
    "no-price",
    "waiting",
    "thin-market",
    "invariant",
    "group",
]

ACTION_KINDS: Mapping[Kind, str] = {
    "cancel_order": "Cancel an open order.",
    "close": "Sell everything of a position (buy back everything of a short) at the market.",
    "unwind": "Sell one slice of a position that is closed over several cycles.",
    "attach_stop": "Place a stop order that protects a position.",
    "adopt": "Register a position with the position tracker; nothing is sent to the venue.",
    "convert_dust": "Convert what is too small to sell into the account's quote currency.",
    "convert_cash": "Turn money in another currency into the account's quote currency.",
}

BLOCKED_REASONS: Mapping[BlockedReason, str] = {
    "no-market": "the venue lists no such symbol",
    "market-inactive": "the market does not trade",
    "below-minimum": "the quantity is below what the venue accepts",
    "attempts-exhausted": "an exit failed before and its attempts are used up",
    "locked": "the balance is held by orders that stay, or by the venue (staked, lent)",
    "owed": "it is owed: buy it back, or repay it",
    "entry-open": "an order that opens it rests: a position in the making",
    "no-price-yet": "the venue has no price; it is tried once when that has lasted blind_exit_minutes",
    "no-value": "nobody can tell what it is worth, and a guard has to know",
    "no-price": "there is no price to place a stop at",
    "waiting": "the next cycle of its unwind is not due yet",
    "thin-market": "its market trades too little for max_participation, or nobody can tell how much",
    "invariant": "an invariant of the policy rules it out",
    "group": "the group of the account keeps it: it is one side of a hedged pair",
}
"""Why an exit cannot run; of several the first that holds is told."""

NEVER_ESCALATED: frozenset[BlockedReason] = frozenset({"entry-open", "no-price-yet", "waiting"})
"""The reasons that pass by themselves: no alert is raised for them."""

SIX_PLACES = Decimal("0.000001")
"""What estimated costs are rounded to."""

SELLING: frozenset[Kind] = frozenset({"close", "unwind"})
"""The kinds whose value the guard ``max_run_pct`` adds up."""

CLOSING: frozenset[Kind] = frozenset({"close", "convert_dust"})
"""The kinds that leave nothing of a position."""


class Phase(IntEnum):
    """The phases of the protocol, by their numbers."""

    CLASSIFY = 1
    CANCEL = 2
    EXIT = 3
    VERIFY = 4

    @property
    def meaning(self) -> str:
        """What the phase does, in few words."""
        return {1: "classify", 2: "cancel stale orders", 3: "exit", 4: "verify"}[self]


class Action(Struct, frozen=True, kw_only=True, gc=False):
    """One thing to do.

    ``side`` and ``quantity`` are those of the order sent; of a cancel those of the order and what remained of it.
    ``est_value`` is in the account's quote currency, None where it cannot be told. ``expects`` holds what must still
    be so at apply. An exit with a ``limit_price`` is a limit order that is not left to rest. ``part`` counts the
    orders that one exit is split into, from 1; 0 where it is one order. ``blind_value`` is what guards count where
    there is no price. ``id`` and ``client_order_id`` are given when the plan is written.
    """

    id: Annotated[Name, Key("The id of the action within the plan.")] = ""
    phase: Annotated[int, Key("2 cancels, 3 exits.", values=(2, 3))]
    kind: Annotated[Kind, Key("What is done.", meanings=ACTION_KINDS)]
    symbol: Annotated[Symbol, Key()]
    side: Annotated[OrderSide, Key("The side of the order.")]
    quantity: Annotated[Decimal, Key("How much; of a cancel what remained.")]
    order_id: Annotated[Name | None, Key("The order to cancel.")] = None
    est_value: Annotated[Decimal | None, Key("What it is worth in quote; null without a price.")] = None
    trigger_price: Annotated[Decimal | None, Key("The price that wakes a stop order.")] = None
    position_side: Annotated[Side | None, Key("The side of the position; null for a cancel.")] = None
    rule: Annotated[str, Key("The rule it comes from.")]
    because: Annotated[str, Key("Why, in a sentence.")]
    expects: Annotated[Mapping[str, str | None], Key("What must still hold when it is applied.")] = field(
        default_factory=dict
    )
    limit_price: Annotated[Decimal | None, Key("The limit of an exit under a price collar.", sparse=True)] = None
    taker_fee: Annotated[
        Decimal | None, Key("The share of its value that the venue is expected to take as its fee.", sparse=True)
    ] = None
    fee_is_listed: Annotated[
        bool, Key("Whether that is the venue's list price instead of the account's own rate.", sparse=True)
    ] = False
    client_order_id: Annotated[str, Form.CLIENT_ORDER_ID, Key("The id it is sent with.")] = ""
    rank: Annotated[int, Key(hidden=True)] = 0
    part: Annotated[int, Key(hidden=True)] = 0
    blind_value: Annotated[Decimal | None, Key(hidden=True)] = None

    @property
    def guarded_value(self) -> Decimal | None:
        """The value that guards count: that of the last price seen where there is none now."""
        return self.blind_value if self.est_value is None else self.est_value

    @property
    def est_fee(self) -> Decimal | None:
        """What the venue is expected to take as its fee, in the account's quote, to six places; None if not known."""
        return None if self.est_value is None else self.fee_of(self.est_value)

    def fee_of(self, value: Decimal) -> Decimal | None:
        """Return the fee that is expected of a sale worth this much, to six places; None where no rate is known."""
        if self.taker_fee is None:
            return None
        return EXACT.multiply(value, self.taker_fee).quantize(SIX_PLACES, context=EXACT)

    @property
    def key(self) -> str:
        """The key of the position it is about."""
        return position_key(self.symbol, self.position_side or "long")

    @property
    def reduces(self) -> bool:
        """Whether it makes the position smaller: a sale or a conversion."""
        return self.kind in SELLING | CLOSING

    @property
    def expected_quantity(self) -> Decimal | None:
        """The position's quantity when the plan was made."""
        return self._expected("position_quantity")

    @property
    def expected_price(self) -> Decimal | None:
        """The mark price when the plan was made; None where there was none."""
        return self._expected("mark_price")

    @property
    def expected_fill(self) -> Decimal:
        """What was filled of the order to cancel when the plan was made."""
        return self._expected("order_filled") or Decimal(0)

    @property
    def expected_cost_pct(self) -> Decimal | None:
        """The share of the value that the venue wanted for a conversion when the plan was made."""
        return self._expected("conversion_cost_pct")

    def _expected(self, name: str) -> Decimal | None:
        text = self.expects.get(name)
        number = None if text is None else Decimal(text)
        if number is not None and not number.is_finite():
            raise ValueError(f"{name} is not a number")
        return number


class Blocked(Struct, frozen=True, gc=False):
    """An exit that cannot run, and why; ``escalate`` asks for an alert, ``until`` is when a waiting one is due."""

    symbol: Annotated[Symbol, Key()]
    side: Annotated[Side, Key("The side of the position.")]
    rule: Annotated[str, Key("The exit rule that would have run.")]
    reason: Annotated[BlockedReason, Key("Why it cannot be done.", meanings=BLOCKED_REASONS)]
    escalate: Annotated[bool, Key("Whether apply raises an alert.")]
    because: Annotated[str, Key("Why, in a sentence.")]
    until: Annotated[datetime | None, Key("When a waiting exit is due.", sparse=True)] = None

    @property
    def key(self) -> str:
        """The key of the position it is about."""
        return position_key(self.symbol, self.side)


class UnwindStep(Struct, frozen=True, kw_only=True, gc=False):
    """One cycle of an unwind as planned.

    ``target`` is what the cycle may leave, in the position's units. ``counts`` says that this is reached already, so
    the cycle counts with no order; ``regrown`` that the position has grown and starts anew. ``due_at`` is when the
    cycle may be done; None means at once. ``dated_ahead`` is the time of the last cycle where that has not come yet,
    and so says nothing. ``pace_unknown`` says that the market has not told what ``max_participation`` is a share of.
    """

    key: Annotated[str, Key(hidden=True)] = ""
    cycle: Annotated[int, Key("The cycle that is due.")]
    cycles: Annotated[int, Key("How many cycles there are.")]
    initial_quantity: Annotated[Decimal, Key("What was held when the unwind began.")]
    remaining_pct: Annotated[Decimal, Key("The fraction of it that the cycle may leave.")]
    target: Annotated[Decimal, Key("What the cycle may leave.", name="target_quantity")]
    started_at: Annotated[datetime, Key("When the unwind began.")]
    counts: Annotated[bool, Key("Whether the cycle counts with no order.")] = False
    regrown: Annotated[bool, Key("Whether the position has grown, so that its unwind begins anew.")] = False
    added: Annotated[Decimal, Key("The part of initial_quantity that came after the start.", sparse=True)] = ZERO
    schedule: Annotated[
        ScheduleName, Key("The schedule of the unwind, where that is not the published one.", sparse=True)
    ] = "published"
    rest_pct: Annotated[Decimal | None, Key("The share of what is left that the schedule closes.", sparse=True)] = None
    volatility: Annotated[
        Decimal | None, Key("The volatility of a day that an adaptive schedule goes by, if known.", sparse=True)
    ] = None
    max_quantity: Annotated[
        Decimal | None, Key("The most that the cycle may sell under max_participation.", sparse=True)
    ] = None
    is_capped: Annotated[bool, Key("Whether the cycle leaves more than its schedule for that.", sparse=True)] = False
    pace_unknown: Annotated[bool, Key(hidden=True)] = False
    due_at: Annotated[datetime | None, Key(hidden=True)] = None
    dated_ahead: Annotated[datetime | None, Key(hidden=True)] = None

    @property
    def goes_by_volatility(self) -> bool:
        """Check whether how much is sold hangs on the volatility: an adaptive cycle does, unless it is the last."""
        return self.schedule == "adaptive" and self.cycle < self.cycles


class Exit(Struct, frozen=True, gc=False):
    """What the exit rule of one position comes to; ``quantity`` is what it sells, or would once it is due."""

    actions: tuple[Action, ...] = ()
    blocked: Blocked | None = None
    unwind: UnwindStep | None = None
    quantity: Decimal = ZERO


NO_EXIT = Exit()
"""Nothing is done with a position."""
