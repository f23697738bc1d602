"""What a run tells while it goes on, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from exitplan.executor.apply.proceeds import expected_fee_of, proceeds_of
from exitplan.executor.store.journal_values import Resolution
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.actions import SELLING, Action
from exitplan.ruleset.planning.checks import Checks
from exitplan.ruleset.planning.plan import checks_document

EVENT_KINDS: Mapping[str, str] = {
    "run_started": "A run has begun; nothing was sent yet.",
    "run_recovering": "An earlier run was cut short: the venue is asked what became of its orders.",
    "run_recovered": "An earlier run had left orders open; they are resolved now.",
    "action_started": "An action is about to be sent.",
    "action_done": "The venue did it; filled says how much, average_price and fee at what cost.",
    "action_refused": "The venue did not do it.",
    "action_unknown": "Its outcome is unknown.",
    "action_skipped": "Nothing was sent for it, and why.",
    "cycle_counted": "An unwind cycle counts with no order.",
    "alert": "An alert was raised.",
    "verified": "The account was read again and checked.",
    "run_finished": "The run has ended.",
    "group_refused": "Nothing of a group's plan was sent in any account; refusals says why, by account.",
    "group_started": "All accounts of a group are ready for its plan; no leg of a pair was sent yet.",
    "bundle_started": "The legs of a pair are about to be sent, in slices.",
    "legs_apart": "The legs of a pair are further apart than before and after it; imbalance is the most it can be.",
    "legs_together": "They are together again.",
    "leg_failed": "A leg could not be done; course says what is still done with the others.",
    "bundle_ended": "No more of a pair is sent, and how far it came.",
    "group_finished": "The group's plan has ended, or goes on when it is applied again.",
}


class Event(Struct, frozen=True):
    """One thing that happened in a run."""

    kind: str
    at: datetime
    data: Mapping[str, Any]

    def to_document(self) -> dict[str, Any]:
        """Write the event in its JSON form, one a line."""
        return {"event": self.kind, "at": time_text(self.at), **self.data}


def execution_document(resolution: Resolution | None) -> dict[str, Any]:
    """Write at what price an order was filled, and its fee; null where the venue does not say."""
    price = None if resolution is None else resolution.average_price
    fee = None if resolution is None else resolution.fee
    return {
        "average_price": None if price is None else plain(price),
        "fee": None if fee is None else plain(fee),
        "fee_currency": None if resolution is None else resolution.fee_currency,
    }


Notify = Callable[[Event], None]


class Stop(StrEnum):
    """Why a run stopped before it had gone through all of its plan."""

    ASKED = "asked"
    HALTED = "halted"
    OUTCOME_UNKNOWN = "outcome-unknown"
    VENUE_RESTS = "venue-rests"
    CLOCK_IS_OFF = "clock-is-off"
    ACCOUNT_UNREADABLE = "account-unreadable"
    EXPIRED = "expired"
    GUARD_REFUSES = "guard-refuses"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a run that stopped for this."""
        return _STOP_CODES[self]


_STOP_CODES = {
    Stop.ASKED: ExitCode.CANCELLED,
    Stop.HALTED: ExitCode.REFUSED,
    Stop.OUTCOME_UNKNOWN: ExitCode.UNKNOWN,
    Stop.VENUE_RESTS: ExitCode.UNKNOWN,
    Stop.CLOCK_IS_OFF: ExitCode.UNKNOWN,
    Stop.ACCOUNT_UNREADABLE: ExitCode.ERROR,
    Stop.EXPIRED: ExitCode.PLAN_UNUSABLE,
    Stop.GUARD_REFUSES: ExitCode.REFUSED,
}


class ActionOutcome(Struct, frozen=True, gc=False):
    """How one action of a run ended; status ``open`` means that it is still to be done."""

    action: Action
    status: str
    resolution: Resolution | None = None
    message: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Write the outcome in its JSON form."""
        resolution = self.resolution
        is_sale = resolution is not None and self.action.kind in SELLING
        sold = proceeds_of(self.action, resolution) if resolution is not None and is_sale else None
        fee = expected_fee_of(self.action, resolution) if resolution is not None and is_sale else None
        return {
            "id": self.action.id,
            "kind": self.action.kind,
            "symbol": self.action.symbol,
            "side": self.action.side,
            "quantity": plain(self.action.quantity),
            "status": self.status,
            "filled": None if resolution is None else plain(resolution.filled),
            **execution_document(resolution),
            "planned_price": self.action.expects.get("mark_price"),
            "proceeds": None if sold is None else plain(sold[0]),
            **({} if fee is None else {"expected_fee": plain(fee)}),
            "order_id": None if resolution is None else resolution.order_id,
            "message": self.reason,
        }

    @property
    def reason(self) -> str | None:
        """Why it ended so, in the words of exitplan or the venue."""
        return self.message or (self.resolution.message if self.resolution else None)


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What a run came to, and why it stopped early, if it did.

    ``checks`` is None where the account could not be read afterwards.
    """

    exit_code: ExitCode
    plan_id: str
    outcomes: tuple[ActionOutcome, ...]
    checks: Checks | None
    stop: Stop | None = None

    def to_document(self) -> dict[str, Any]:
        """Write the result in its JSON form."""
        return {
            "plan_id": self.plan_id,
            "exit_code": self.exit_code,
            "stopped": self.stop,
            "outcomes": [outcome.to_document() for outcome in self.outcomes],
            "verification": None if self.checks is None else checks_document(self.checks),
        }
