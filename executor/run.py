"""One run of a plan: every action in its order, each journalled before it is sent and settled before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from brokers.protocol import ConvertRequest, OrderReference, OrderRequest, OrderType, Outcome, RefusalReason, Refused
from executor.accounts import Account
from executor.adoption import adopted_record
from executor.alerts import raise_alert
from executor.events import ActionOutcome
from executor.halt import Halt, find_halt
from executor.journal import SETTLED, Intent, Journal, Settlement
from executor.outcomes import after_action, after_counting
from executor.planning import read_snapshot
from executor.saved_plan import PlannedAction, SavedPlan
from executor.settle import Desk, call
from executor.sizing import amount_step, find_position, sendable_quantity
from executor.staleness import Drift, price_status
from executor.state import State, state_to_document
from executor.tracker import update_tracker
from ruleset.actions import SELLING
from ruleset.errors import AccountUnreadable
from ruleset.observe import held_quantity
from ruleset.snapshot import Snapshot
from ruleset.values import ZERO, floor_to_step, is_derivative, plain

MAX_ATTEMPTS = 3
"""Times an order that never reached the venue is sent in one run."""

_READS = 4
_READ_SECONDS = 0.5

Tell = Callable[[str, Mapping[str, Any]], None]


@dataclass
class Run:
    """The run of one plan under a lease; :meth:`execute` fills ``outcomes`` and the flags below it."""

    account: Account
    plan: SavedPlan
    journal: Journal
    number: int
    tell: Tell
    stopped: Callable[[], bool]
    desk: Desk
    state: State
    snapshot: Snapshot
    drift: Drift
    outcomes: dict[str, ActionOutcome] = field(default_factory=dict)
    was_stopped: bool = False
    halt: Halt | None = None
    is_unknown: bool = False
    is_unreadable: bool = False

    def execute(self) -> None:
        """Do all cancels, read the account again if there were any, then do the rest and count the cycles."""
        intents = self.journal.intents(self.plan.plan_id)
        cancels = [action for action in self.plan.actions if action.kind == "cancel_order"]
        others = [action for action in self.plan.actions if action.kind != "cancel_order"]
        if not self._do_all(cancels, intents):
            return
        if any(outcome.status == "done" for outcome in self.outcomes.values()) and not self._read_until_free(others):
            return
        if self._do_all(others, intents):
            self._count_cycles()

    @property
    def has_failed(self) -> bool:
        """Tell whether the venue refused any action."""
        return any(outcome.status == "refused" for outcome in self.outcomes.values())

    def _do_all(self, actions: list[PlannedAction], intents: Mapping[str, Intent]) -> bool:
        """Do actions in turn; False where the run has to stop."""
        for action in actions:
            if self.stopped():
                self.was_stopped = True
                return False
            halt = find_halt(self.account.folder)
            if halt is not None and not halt.allows(action, self.account.rulebook.policy):
                self.halt = halt
                return False
            self._do(action, intents[action.id])
            if self.is_unknown:
                return False
        return True

    def _do(self, action: PlannedAction, intent: Intent) -> None:
        if intent.status in SETTLED:
            settled = Settlement(intent.status, intent.filled or ZERO, intent.order_id, intent.message)
            self.outcomes[action.id] = ActionOutcome(action, intent.status, settled, "done by an earlier run")
        elif action.id in self.drift.done:
            self._skip(action, intent, f"{self.drift.done[action.id]}: done already")
        elif self._is_priceless(action):
            self.is_unreadable = True
            self._skip(action, intent, "its price cannot be read")
            if action.kind != "cancel_order":
                self._alert("PRICE_UNAVAILABLE", {"symbol": action.symbol, "rule": action.rule})
        elif action.kind == "adopt":
            self._adopt(action, intent)
        else:
            self._send_until_settled(action, intent)

    def _is_priceless(self, action: PlannedAction) -> bool:
        """Tell whether the price could not be read, be it now or before the cancels."""
        if action.id in self.drift.unreadable:
            return True
        return action.kind != "cancel_order" and price_status(self.snapshot, action) == "unavailable"

    def _send_until_settled(self, action: PlannedAction, intent: Intent) -> None:
        for _ in range(MAX_ATTEMPTS):
            quantity, held = self._size(action)
            if quantity <= 0:
                self._skip(action, intent, "what is free of it now is less than the venue accepts")
                return
            intent = self.journal.begin_sending(
                intent, self.number, self.account.clock(), quantity=quantity, held_before=held
            )
            self.tell("action_started", _described(action, quantity))
            outcome = call(lambda sent=quantity: self._send(action, sent))  # type: ignore[misc] # bound at once
            resolved = self.desk.settle(action, intent, outcome)
            if isinstance(resolved, Settlement):
                self._settle(action, intent, resolved, held)
                return
            intent = self.journal.back_to_planned(intent, "it never reached the venue", self.account.clock())
            if not self._read_again():
                self.is_unknown = True
                return
        self._settle(action, intent, Settlement("refused", message="it never reached the venue"), ZERO)

    def _size(self, action: PlannedAction) -> tuple[Decimal, Decimal]:
        """Give what to send now, and what is held of the position."""
        if action.kind == "cancel_order":
            return action.quantity, ZERO
        position = find_position(self.snapshot, action.key)
        if position is None:
            return ZERO, ZERO
        step = self.plan.steps.get(action.key)
        return sendable_quantity(action, step, position, self.snapshot), held_quantity(position)

    def _send(self, action: PlannedAction, quantity: Decimal) -> Outcome:
        broker = self.account.broker
        if action.kind == "cancel_order":
            return broker.cancel_order(OrderReference(symbol=action.symbol, order_id=action.order_id))
        if action.kind == "convert_dust":
            request = ConvertRequest(client_order_id=action.client_order_id, symbol=action.symbol, quantity=quantity)
            return broker.convert_dust(request)
        if action.kind == "attach_stop" and not broker.capabilities.stop_market:
            return Refused(RefusalReason.UNSUPPORTED, "the venue takes no stop orders at the market")
        return broker.place_order(
            OrderRequest(
                client_order_id=action.client_order_id,
                symbol=action.symbol,
                side=action.side,
                type=_order_type(action),
                quantity=quantity,
                price=action.limit_price,
                trigger_price=action.trigger_price,
                reduce_only=is_derivative(action.symbol),
                position_side=action.position_side,
            )
        )

    def _settle(self, action: PlannedAction, intent: Intent, settlement: Settlement, held: Decimal) -> None:
        now = self.account.clock()
        if settlement.status != "needs_human":
            step = amount_step(self.snapshot, action.symbol)
            self.state = after_action(self.state, self.plan, action, settlement, held, step, now)
        self.journal.settle(intent, settlement, state_to_document(self.state), now)
        self.outcomes[action.id] = ActionOutcome(action, settlement.status, settlement)
        told = {
            **_described(action, action.quantity),
            "filled": plain(settlement.filled),
            "message": settlement.message,
        }
        if settlement.status == "needs_human":
            self.is_unknown = True
            self.tell("action_unknown", told)
            self._alert("OUTCOME_UNKNOWN", {"symbol": action.symbol, "client_order_id": action.client_order_id, **told})
        elif settlement.status == "refused":
            self.tell("action_refused", told)
            self._alert_failure(action, settlement)
        else:
            self.tell("action_done", told)

    def _alert_failure(self, action: PlannedAction, settlement: Settlement) -> None:
        rule = next((rule for rule in self.account.rulebook.policy.exits if rule.id == action.rule), None)
        severity = rule.severity if rule else None
        if severity is None and rule is not None and rule.escalates:
            severity = "CRITICAL"
        figures = {"symbol": action.symbol, "rule": action.rule, "kind": action.kind, "reason": settlement.message}
        self._alert("EXIT_FAILED", figures, severity)

    def _skip(self, action: PlannedAction, intent: Intent, why: str) -> None:
        self.journal.settle(intent, Settlement("skipped", message=why), None, self.account.clock())
        self.outcomes[action.id] = ActionOutcome(action, "skipped", message=why)
        self.tell("action_skipped", {**_described(action, action.quantity), "message": why})

    def _adopt(self, action: PlannedAction, intent: Intent) -> None:
        """Register a position with the tracker, unless its stop could not be placed."""
        stops = [found for found in self.plan.actions if found.kind == "attach_stop" and found.key == action.key]
        if any(self.outcomes[stop.id].status != "done" for stop in stops):
            self._skip(action, intent, "its stop was not placed")
            return
        now = self.account.clock()
        trigger = stops[0].trigger_price if stops else None
        record = adopted_record(self.snapshot, action, trigger, now)
        if record is None:
            self._skip(action, intent, "the position is gone")
            return
        intent = self.journal.begin_sending(intent, self.number, now, quantity=action.quantity, held_before=None)
        update_tracker(self.account.folder.tracker, self.snapshot.tracker, {action.symbol: record}, now)
        self.snapshot = replace(self.snapshot, tracker={**self.snapshot.tracker, action.symbol: record})
        self._settle(action, intent, Settlement("done"), ZERO)

    def _read_again(self) -> bool:
        try:
            self.snapshot = read_snapshot(self.account)
        except AccountUnreadable as error:
            self.is_unreadable = True
            self.tell("action_skipped", {"message": f"the account cannot be read any more: {error}"})
            return False
        return True

    def _read_until_free(self, actions: list[PlannedAction]) -> bool:
        """Read the account after the cancels until the balances they free are there, or enough time has passed."""
        for _ in range(_READS):
            if not self._read_again():
                return False
            if all(self._is_free(action) for action in actions if action.kind in SELLING):
                break
            self.desk.sleep(_READ_SECONDS)
        return True

    def _is_free(self, action: PlannedAction) -> bool:
        position = find_position(self.snapshot, action.key)
        if position is None:
            return True
        wanted = min(action.quantity, held_quantity(position))
        return (
            floor_to_step(held_quantity(position) - position.locked, amount_step(self.snapshot, action.symbol))
            >= wanted
        )

    def _count_cycles(self) -> None:
        for step in self.plan.steps.values():
            if not step.counts or find_position(self.snapshot, step.key) is None:
                continue
            done = self.state.unwinds.get(step.key)
            if done is not None and done.cycle >= step.cycle and done.started_at == step.started_at:
                continue
            self.state = after_counting(self.state, step, self.account.clock())
            self.tell("cycle_counted", {"position": step.key, "cycle": step.cycle, "cycles": step.cycles})

    def _alert(self, kind: str, figures: Mapping[str, Any], severity: str | None = None) -> None:
        account = self.account
        alert = raise_alert(account.folder.alerts, kind, account.id, account.clock(), figures, severity)
        self.tell("alert", alert)


def _order_type(action: PlannedAction) -> OrderType:
    if action.kind == "attach_stop":
        return "stop"
    return "market" if action.limit_price is None else "limit"


def _described(action: PlannedAction, quantity: Decimal) -> dict[str, Any]:
    return {
        "id": action.id,
        "action": action.kind,
        "symbol": action.symbol,
        "side": action.side,
        "quantity": plain(quantity),
        "rule": action.rule,
    }
