"""Find out what became of an order: done, refused, or unknown and then resolved by asking the venue.

An unknown order is never sent again before the venue can no longer accept the first one (its receive window) and has
twice answered that it knows no such order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar

from exitplan.brokers.attempts import attempt
from exitplan.brokers.protocol import (
    Broker,
    Clock,
    Done,
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
from exitplan.executor.store.journal_values import Intent, Resolution
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.position_view import held_quantity
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot
from exitplan.ruleset.planning.actions import SELLING, Action

T = TypeVar("T")

Sleep = Callable[[float], None]
Sent = tuple[Action, Intent]
"""An action and the attempt at it that is under way."""

MARGIN_SECONDS = 0.5
"""Waited on top of the venue's receive window, for clocks that differ."""
_REST_SECONDS = 1.0
_POLLS = 5
_POLL_SECONDS = 0.2
_NOT_FOUND = 2
_NOT_OPEN = frozenset({RefusalReason.UNKNOWN_ORDER, RefusalReason.ORDER_CLOSED})
_FAILED = 3


@dataclass(frozen=True, slots=True)
class NotSent:
    """The venue knows no such order and can no longer accept it: it may be sent again after a rest of some seconds.

    ``said`` is what was told when it was sent, such as that its deadline had passed. While our clock ``is_off`` nothing
    is sent.
    """

    rest: float = 0.0
    said: str = ""
    is_off: bool = False


Reconciled = Resolution | NotSent
Settled = tuple[Sent, Reconciled]


@dataclass(frozen=True, slots=True)
class OrderReconciler:
    """The broker with a clock and a way to wait."""

    broker: Broker
    clock: Clock
    sleep: Sleep

    def reconcile_all(self, sent: Sequence[Sent], outcomes: Sequence[Outcome]) -> Iterator[list[Settled]]:
        """Turn the answers to a group into resolutions, in turn; ``needs_human`` where the outcome stays unknown.

        What is known comes together, before anything is asked or waited for: it can be recorded by then. What the
        venue shows already needs no waiting. They went out together, so the receive window is waited for once.
        """
        known: list[Settled] = []
        group = _Group(
            self, [one for one, outcome in zip(sent, outcomes, strict=True) if self._is_looked_up(one, outcome)]
        )
        waited = False
        for (action, intent), outcome in zip(sent, outcomes, strict=True):
            if known and not _is_final(action, outcome):
                yield known
                known = []
            resolved = self._found_at_once(action, intent, group)
            if resolved is None:
                if not waited and not _is_clear(outcome):
                    self._wait_out()
                    waited = True
                resolved = self._reconcile(action, intent, outcome, group)
            group.unresolved.pop(action.id, None)
            known.append(((action, intent), resolved))
        yield known

    def resolve_all(self, sent: Sequence[Sent]) -> Iterator[list[Settled]]:
        """Find out about orders that were sent, or may have been, by waiting and asking."""
        return self.reconcile_all(sent, [Unknown("interrupted")] * len(sent))

    def _is_looked_up(self, sent: Sent, outcome: Outcome) -> bool:
        """Check whether the venue is to be asked for an order, by our id or by its own."""
        action, intent = sent
        if _is_clear(outcome) or action.kind not in SELLING | {"attach_stop", "convert_cash"}:
            return False
        return self.broker.capabilities.client_order_ids != "C" or intent.order_id is not None

    def _found_at_once(self, action: Action, intent: Intent, group: _Group) -> Reconciled | None:
        """Settle an order that the venue finds under our id before anything is waited for; None where it does not."""
        if action.id not in group.unresolved:
            return None
        answer = group.answer(0, action.id)
        return self._reported(action, intent, answer.report) if isinstance(answer, Found) else None

    def _reconcile(self, action: Action, intent: Intent, outcome: Outcome, group: _Group) -> Reconciled:
        if isinstance(outcome, Refused):
            return self._refused(action, intent, outcome, group)
        if isinstance(outcome, Unknown):
            resolved = self._resolve(action, intent, group)
            return replace(resolved, said=outcome.message) if isinstance(resolved, NotSent) else resolved
        return self._reported(action, intent, outcome.report)

    def _resolve(self, action: Action, intent: Intent, group: _Group) -> Reconciled:
        if action.kind == "cancel_order":
            return self._resolve_cancel(action)
        if action.kind == "convert_dust":  # venues take no client ids for conversions
            return self._by_conversion(action, intent, intent.order_id)
        if self.broker.capabilities.client_order_ids == "C" and intent.order_id is None:
            return self._by_position(action, intent)
        return self._by_look_up(action, intent, group)

    def _by_look_up(self, action: Action, intent: Intent, group: _Group) -> Reconciled:
        """Ask until the order is found, or twice not found with the account as it was before it.

        A venue may lose sight of an order for a while. So what it does not find is only taken for not sent where the
        account bears no trace of it; and a question that failed is asked again, but not for ever.
        """
        missing, failed, failure = 0, 0, Unknown("the venue does not know")
        for poll in range(_POLLS):
            answer = group.answer(poll + 1, action.id)
            if isinstance(answer, Found):
                return self._reported(action, intent, answer.report)
            if isinstance(answer, Unknown):
                failed, failure = failed + 1, answer
                if failed >= _FAILED:
                    break
            else:
                missing += 1
            if missing >= _NOT_FOUND:
                trace = _trace_of(group.account(poll), action, intent)
                if trace is None:
                    return NotSent()
                failure = trace
            if not group.has_asked(poll + 2):
                self.sleep(_POLL_SECONDS * 2**poll)
        return _needs_human(failure)

    def _wait_out(self) -> None:
        """Wait until the venue can no longer accept what was sent.

        The whole window is waited, whatever the clock says has passed since: a clock that jumped would shorten it.
        """
        self.sleep(self.broker.capabilities.receive_window + MARGIN_SECONDS)

    def look_up(self, asked: Sequence[Sent]) -> list[LookUp]:
        """Ask for orders, all at once; whatever breaks, none of them is known."""
        references = [_reference_to(action, intent) for action, intent in asked]
        answers = attempt(lambda: self.broker.look_up_orders(references), _failed_look_up)
        each = _one_each(answers, len(references))
        return [checked(answer, action) for answer, (action, _) in zip(each, asked, strict=True)]

    def _ask(self, reference: OrderReference) -> LookUp:
        return attempt(lambda: self.broker.look_up_order(reference), _failed_look_up)

    def _reported(self, action: Action, intent: Intent, report: OrderReport) -> Reconciled:
        """Settle by what the venue reports; an order that is still open is waited for, unless it is meant to rest."""
        if action.kind == "attach_stop" and report.status in {"open", "closed"}:
            return _resolution_of(report, None)
        if action.kind == "cancel_order":
            return _cancel_reported(self._awaited(action, intent, report))
        report = self._awaited(action, intent, report)
        if report.status == "open" and action.kind == "convert_dust":
            return self._by_conversion(action, intent, report.order_id)
        if report.status == "open" and action.limit_price is not None:
            report = self._cut(action, intent, report)
        if report.status == "open":
            return _needs_human(Unknown(f"order {report.order_id} is still open"), report)
        if report.filled == 0:
            return Resolution("refused", report.filled, report.order_id, f"the venue {report.status} it unfilled")
        message = None if report.status == "closed" else f"filled in part, then {report.status}"
        return _resolution_of(report, message)

    def _awaited(self, action: Action, intent: Intent, report: OrderReport) -> OrderReport:
        """Return a market order the time to fill and a cancel the time to be done."""
        for _ in range(_POLLS):
            if report.status != "open":
                break
            self.sleep(_POLL_SECONDS)
            answer = self._ask(OrderReference(symbol=action.symbol, order_id=report.order_id, since=intent.sent_at))
            report = answer.report if isinstance(answer, Found) else report
        return report

    def _cut(self, action: Action, intent: Intent, report: OrderReport) -> OrderReport:
        """Cancel what a collared exit has not filled at once: it is not meant to rest."""
        reference = OrderReference(symbol=action.symbol, order_id=report.order_id, since=intent.sent_at)
        attempt(lambda: self.broker.cancel_orders([reference]), _broken_off)
        return self._awaited(action, intent, report)

    def _refused(self, action: Action, intent: Intent, outcome: Refused, group: _Group) -> Reconciled:
        if action.kind == "cancel_order" and outcome.reason in _NOT_OPEN:
            return self._resolve_cancel(action)
        if outcome.reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID:
            # The venue has an order under our id: an earlier attempt that arrived after all.
            return self._resolve(action, intent, group)
        if outcome.reason is RefusalReason.CLOCK_IS_OFF:
            return NotSent(said=outcome.message, is_off=True)
        if outcome.reason.is_passing:
            return NotSent(outcome.retry_after or _REST_SECONDS, outcome.message)
        return Resolution("refused", message=f"{outcome.reason.value}: {outcome.message}")

    def _resolve_cancel(self, action: Action) -> Reconciled:
        """Look at the order: gone is done, open means that the cancel never arrived and may be sent again."""
        answer = self._ask(OrderReference(symbol=action.symbol, order_id=action.order_id))
        if isinstance(answer, Unknown):
            return _needs_human(answer)
        if isinstance(answer, NotFound):
            return Resolution("done", order_id=action.order_id, message="the venue no longer knows the order")
        return _cancel_reported(answer.report)

    def _by_conversion(self, action: Action, intent: Intent, order_id: str | None) -> Reconciled:
        """Compare the position before and after; what the venue took and has not done yet is not sent again."""
        resolved = self._by_position(action, intent)
        if isinstance(resolved, NotSent) and order_id is not None:
            return Resolution("needs_human", order_id=order_id, message=f"conversion {order_id} is still under way")
        return resolved

    def _by_position(self, action: Action, intent: Intent) -> Reconciled:
        """Compare the position before and after, where the venue keeps no client ids."""
        if intent.held_before is None or intent.quantity is None:
            return _needs_human(Unknown("the position before the order is not known"))
        try:
            snapshot = self.broker.read_account()
        except AccountUnreadable as error:
            return _needs_human(Unknown(str(error)))
        resting = [order for order in snapshot.open_orders if _may_be(order, action, intent)]
        if action.kind == "attach_stop" and len(resting) == 1:
            return Resolution("done", resting[0].filled, resting[0].id, "seen among the open orders")
        if resting:
            return _needs_human(Unknown(f"order {resting[0].id} may be the one"))
        return _by_difference(intent.held_before, _held(snapshot, action.key), intent.quantity)


@dataclass(slots=True)
class _Group:
    """The questions about orders that went out together: each round asks for all that are unresolved at once.

    Every order takes its own answers, a round after the other. Round 0 is asked before anything is waited for.
    """

    reconciler: OrderReconciler
    sent: Sequence[Sent]
    unresolved: dict[str, Sent] = field(init=False)
    rounds: list[dict[str, LookUp]] = field(default_factory=list)
    accounts: dict[int, Snapshot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.unresolved = {action.id: (action, intent) for action, intent in self.sent}

    def has_asked(self, number: int) -> bool:
        """Check whether a round was asked already."""
        return number < len(self.rounds)

    def answer(self, number: int, name: str) -> LookUp:
        """Return an order's answer of a round, asking for the round where it is new."""
        while not self.has_asked(number):
            asked = list(self.unresolved.values())
            answers = self.reconciler.look_up(asked)
            self.rounds.append({action.id: reply for (action, _), reply in zip(asked, answers, strict=True)})
        return self.rounds[number][name]

    def account(self, number: int) -> Snapshot | Unknown:
        """Read the account after a round, once for all of the group."""
        if number not in self.accounts:
            try:
                self.accounts[number] = self.reconciler.broker.read_account()
            except AccountUnreadable as error:
                return Unknown(str(error))
        return self.accounts[number]


def _reference_to(action: Action, intent: Intent) -> OrderReference:
    return OrderReference(
        symbol=action.symbol,
        order_id=intent.order_id,
        client_order_id=action.client_order_id,
        since=intent.sent_at,
    )


def checked(answer: LookUp, action: Action) -> LookUp:
    """Return an answer, unknown where it is about another order than an action's."""
    if isinstance(answer, Found) and not _is_of(answer.report, action):
        return Unknown("the venue tells of another order than was asked for")
    return answer


def _trace_of(account: Snapshot | Unknown, action: Action, intent: Intent) -> Unknown | None:
    """Look for signs that an order arrived which the venue does not find; None where there are none."""
    if isinstance(account, Unknown):
        return account
    if any(order.client_order_id == action.client_order_id for order in account.open_orders):
        return Unknown("it is among the open orders, and the venue cannot look it up")
    held = _held(account, action.key)
    if action.reduces and held != intent.held_before:
        return Unknown(f"the position went from {intent.held_before} to {held}, and the venue knows no such order")
    return None


def _is_of(report: OrderReport, action: Action) -> bool:
    """Check whether an order may be an action's; some replies leave its symbol out."""
    return report.side == action.side and report.symbol in {"", action.symbol}


def _held(snapshot: Snapshot, key: str) -> Decimal:
    return next((held_quantity(position) for position in snapshot.positions if position.key == key), Decimal(0))


def _may_be(order: OpenOrder, action: Action, intent: Intent) -> bool:
    """Check whether an open order without our id looks like the one that was sent."""
    if order.created_at is not None and intent.sent_at is not None and order.created_at < intent.sent_at:
        return False
    sent = (action.symbol, action.side, intent.quantity, action.trigger_price)
    return (order.symbol, order.side, order.quantity, order.trigger_price) == sent


def _by_difference(before: Decimal, held: Decimal, sent: Decimal) -> Reconciled:
    gone = before - held
    if not 0 <= gone <= sent:
        return _needs_human(Unknown(f"the position went from {before} to {held}"))
    return Resolution("done", gone, message="seen by comparing the position before and after") if gone else NotSent()


def _resolution_of(report: OrderReport, message: str | None) -> Resolution:
    return Resolution(
        "done",
        report.filled,
        report.order_id,
        message,
        average_price=report.average_price,
        fee=report.fee,
        fee_currency=report.fee_currency,
    )


def _cancel_reported(report: OrderReport) -> Reconciled:
    if report.status == "open":
        return NotSent()
    message = "it was filled before it could be cancelled" if report.status == "closed" else None
    return _resolution_of(report, message)


def _needs_human(why: Unknown, report: OrderReport | None = None) -> Resolution:
    filled = report.filled if report else Decimal(0)
    return Resolution("needs_human", filled, report.order_id if report else None, why.message)


def _is_clear(outcome: Outcome) -> bool:
    """Distinguish an answer that says what became of a request from one after which the venue has to be asked."""
    if isinstance(outcome, Refused):
        return outcome.reason is not RefusalReason.DUPLICATE_CLIENT_ORDER_ID
    return isinstance(outcome, Done)


def _failed_look_up(error: Exception) -> Unknown:
    """Return what a question came to that failed in any way: nothing is known."""
    return Unknown(f"the look-up failed: {error}")


def _is_final(action: Action, outcome: Outcome) -> bool:
    """Check whether an answer settles an action by itself: nothing is asked or waited for after it."""
    if isinstance(outcome, Done):
        return outcome.report.status != "open"
    if isinstance(outcome, Refused) and action.kind == "cancel_order" and outcome.reason in _NOT_OPEN:
        return False
    return _is_clear(outcome)


def call(write: Callable[[], Sequence[Outcome]], count: int) -> Sequence[Outcome]:
    """Send a group once; an exception, or fewer answers than requests, means no clear answer for any."""
    return _one_each(attempt(write, _broken_off), count)


def _broken_off(error: Exception) -> Unknown:
    """Return what a call that broke came to: whatever broke, the orders may have gone out."""
    return Unknown(f"the call broke off: {type(error).__name__}: {error}")


def _one_each(answers: Sequence[T] | Unknown, count: int) -> Sequence[T | Unknown]:
    """Return an answer for each request; where there are more or fewer, nobody knows which is whose."""
    if isinstance(answers, Unknown):
        return [answers] * count
    return answers if len(answers) == count else [Unknown(f"{len(answers)} answers to {count} requests")] * count
