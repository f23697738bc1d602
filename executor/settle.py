"""Find out what became of an order: done, refused, or unknown and then resolved by asking the venue.

An unknown order is never sent again before the venue can no longer accept the first one (its receive window) and has
twice answered that it knows no such order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from brokers.protocol import (
    Broker,
    Clock,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderReport,
    Outcome,
    RefusalReason,
    Refused,
    Unknown,
)
from executor.journal import Intent, Settlement
from executor.saved_plan import PlannedAction
from ruleset.errors import AccountUnreadable
from ruleset.observe import held_quantity

Sleep = Callable[[float], None]

MARGIN_SECONDS = 1
"""Waited on top of the venue's receive window, for clocks that differ."""
_POLLS = 5
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class NotSent:
    """The venue knows no such order and can no longer accept it: it may be sent again."""


Resolved = Settlement | NotSent


@dataclass(frozen=True, slots=True)
class Desk:
    """The broker with a clock and a way to wait."""

    broker: Broker
    clock: Clock
    sleep: Sleep

    def settle(self, action: PlannedAction, intent: Intent, outcome: Outcome) -> Resolved:
        """Turn the answer to a write into a settlement; ``needs_human`` where nobody can tell."""
        if isinstance(outcome, Refused):
            return self._refused(action, intent, outcome)
        if isinstance(outcome, Unknown):
            return self.resolve(action, intent)
        return self._reported(action, intent, outcome.report)

    def resolve(self, action: PlannedAction, intent: Intent) -> Resolved:
        """Find out about an order that was sent, or may have been, by waiting and asking."""
        self._wait_out(intent.sent_at)
        if action.kind == "cancel_order":
            return self._resolve_cancel(action)
        if self.broker.capabilities.client_order_ids == "C":
            return self._by_position(action, intent)
        found: LookUp = NotFound()
        for _ in range(2):
            found = self._look_up(action, intent)
            if isinstance(found, Found):
                return self._reported(action, intent, found.report)
        return NotSent() if isinstance(found, NotFound) else _needs_human(found)

    def _wait_out(self, sent_at: datetime | None) -> None:
        if sent_at is None:
            return
        closed = sent_at + timedelta(seconds=self.broker.capabilities.receive_window + MARGIN_SECONDS)
        left = (closed - self.clock()).total_seconds()
        # A clock that was set back must not make us wait for hours: the window itself is enough then.
        longest = self.broker.capabilities.receive_window + MARGIN_SECONDS
        if left > 0:
            self.sleep(min(left, longest))

    def _look_up(self, action: PlannedAction, intent: Intent) -> LookUp:
        reference = OrderReference(symbol=action.symbol, client_order_id=action.client_order_id, since=intent.sent_at)
        return self._ask(reference)

    def _ask(self, reference: OrderReference) -> LookUp:
        try:
            return self.broker.look_up_order(reference)
        except Exception as error:  # noqa: BLE001 - a question that fails in any way is unknown
            return Unknown(f"the look-up failed: {error}")

    def _reported(self, action: PlannedAction, intent: Intent, report: OrderReport) -> Resolved:
        """Settle by what the venue reports; an order that is still open is waited for, unless it is meant to rest."""
        if action.kind == "attach_stop" and report.status in {"open", "closed"}:
            return Settlement("done", report.filled, report.order_id)
        if action.kind == "cancel_order":
            return self._cancel_reported(report)
        for _ in range(_POLLS):
            if report.status != "open":
                break
            self.sleep(_POLL_SECONDS)
            found = self._ask(OrderReference(symbol=action.symbol, order_id=report.order_id, since=intent.sent_at))
            report = found.report if isinstance(found, Found) else report
        if report.status == "open":
            return _needs_human(Unknown(f"order {report.order_id} is still open"), report)
        if report.filled == 0:
            return Settlement("refused", report.filled, report.order_id, f"the venue {report.status} it unfilled")
        message = None if report.status == "closed" else f"filled in part, then {report.status}"
        return Settlement("done", report.filled, report.order_id, message)

    def _refused(self, action: PlannedAction, intent: Intent, outcome: Refused) -> Resolved:
        if action.kind == "cancel_order" and outcome.reason in {
            RefusalReason.UNKNOWN_ORDER,
            RefusalReason.ORDER_CLOSED,
        }:
            return self._resolve_cancel(action)
        if outcome.reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID:
            # The venue has an order under our id: an earlier attempt that arrived after all.
            return self.resolve(action, intent)
        return Settlement("refused", message=f"{outcome.reason.value}: {outcome.message}")

    def _resolve_cancel(self, action: PlannedAction) -> Resolved:
        """Look at the order: gone is done, open means that the cancel never arrived and may be sent again."""
        found = self._ask(OrderReference(symbol=action.symbol, order_id=action.order_id))
        if isinstance(found, Unknown):
            return _needs_human(found)
        if isinstance(found, NotFound):
            return Settlement("done", order_id=action.order_id, message="the venue no longer knows the order")
        return self._cancel_reported(found.report)

    def _cancel_reported(self, report: OrderReport) -> Resolved:
        if report.status == "open":
            return NotSent()
        message = "it was filled before it could be cancelled" if report.status == "closed" else None
        return Settlement("done", report.filled, report.order_id, message)

    def _by_position(self, action: PlannedAction, intent: Intent) -> Resolved:
        """Compare the position before and after, where the venue keeps no client order ids."""
        if intent.held_before is None or intent.quantity is None:
            return _needs_human(Unknown("the position before the order is not known"))
        try:
            snapshot = self.broker.read_account()
        except AccountUnreadable as error:
            return _needs_human(Unknown(str(error)))
        held = next((held_quantity(found) for found in snapshot.positions if found.key == action.key), Decimal(0))
        gone = intent.held_before - held
        if gone == 0:
            return NotSent()
        if 0 < gone <= intent.quantity:
            return Settlement("done", gone, message="told by the position before and after")
        return _needs_human(Unknown(f"the position went from {intent.held_before} to {held}"))


def _needs_human(found: LookUp, report: OrderReport | None = None) -> Settlement:
    message = found.message if isinstance(found, Unknown) else "the venue cannot tell"
    filled = report.filled if report else Decimal(0)
    return Settlement("needs_human", filled, report.order_id if report else None, message)


def call(write: Callable[[], Outcome]) -> Outcome:
    """Send once; an exception means the same as no clear answer."""
    try:
        return write()
    except Exception as error:  # noqa: BLE001 - whatever broke, the order may have gone out
        return Unknown(f"the call broke off: {type(error).__name__}: {error}")
