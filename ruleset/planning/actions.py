"""What a plan may do: the kinds of actions, and the nouns that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from exitplan.ruleset.model.snapshot import OrderSide, Side
from exitplan.ruleset.model.values import ZERO

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
}
"""Why an exit cannot run; of several the first that holds is told."""

NEVER_ESCALATED: frozenset[BlockedReason] = frozenset({"entry-open", "no-price-yet", "waiting"})
"""The reasons that pass by themselves: no alert is raised for them."""

SELLING: frozenset[Kind] = frozenset({"close", "unwind"})
"""The kinds whose value the guard ``max_run_pct`` adds up."""

CLOSING: frozenset[Kind] = frozenset({"close", "convert_dust"})
"""The kinds that leave nothing of a position."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    ``side`` and ``quantity`` are those of the order sent; of a cancel those of the order and what remained of it.
    ``est_value`` is in the account's quote currency, None where it cannot be told. ``expects`` holds what must still
    be so at apply. An exit with a ``limit_price`` is a limit order that is not left to rest. ``blind_value`` is what
    guards count where there is no price. The orders that an exit is divided into are numbered by ``part``, from 1; 0
    means that there is one.
    """

    kind: Kind
    phase: int
    symbol: str
    side: OrderSide
    quantity: Decimal
    rule: str
    because: str
    position_side: Side | None = None
    order_id: str | None = None
    est_value: Decimal | None = None
    trigger_price: Decimal | None = None
    limit_price: Decimal | None = None
    expects: Mapping[str, str | None] = field(default_factory=dict)
    rank: int = 0
    blind_value: Decimal | None = None
    part: int = 0

    @property
    def guarded_value(self) -> Decimal | None:
        """The value that guards count: that of the last price seen where there is none now."""
        return self.blind_value if self.est_value is None else self.est_value


@dataclass(frozen=True, slots=True)
class Blocked:
    """An exit that cannot run, and why; ``escalate`` asks for an alert, ``until`` says when a waiting one is due."""

    symbol: str
    side: Side
    rule: str
    reason: BlockedReason
    escalate: bool
    because: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnwindStep:
    """One cycle of an unwind as planned.

    ``target`` is what the cycle may leave, in the position's units. ``counts`` says that this is reached already, so
    the cycle counts with no order; ``regrown`` that the position has grown and starts anew. ``added`` is the part of
    ``initial_quantity`` that came after the start. ``due_at`` is when the cycle may be done; None means at once.
    ``dated_ahead`` is the time of the last cycle where that has not come yet, and so says nothing.
    """

    key: str
    cycle: int
    cycles: int
    initial_quantity: Decimal
    remaining_pct: Decimal
    target: Decimal
    started_at: datetime
    counts: bool = False
    regrown: bool = False
    added: Decimal = ZERO
    due_at: datetime | None = None
    dated_ahead: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """What the exit rule of one position comes to."""

    actions: tuple[Action, ...] = ()
    blocked: Blocked | None = None
    unwind: UnwindStep | None = None
