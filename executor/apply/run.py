"""One run of a plan: every action in its order, as many at once as the venue takes.

Each is journalled before it is sent, and a group is resolved before the next one, with one exception: where all sales
of a group were accepted, and the venue has to be asked what they filled, it is asked beside the next group. So no more
than two groups are ever open. What became of a group is recorded in one commit with the sending of another, unless
something is told, asked or waited for before that: then at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from msgspec.structs import replace

from exitplan.brokers.protocol import Done, Outcome, RefusalReason
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.adoption import adopted_record
from exitplan.executor.apply.events import ActionOutcome, Stop, execution_document
from exitplan.executor.apply.judging import Judged, judge_plan
from exitplan.executor.apply.orders import (
    Accepted,
    cancel_and_read,
    goes_ahead,
    in_groups,
    send,
    send_and_ask,
    takes_stops,
)
from exitplan.executor.apply.quantities import a_little_less, amount_step, at_most, sendable_quantity
from exitplan.executor.apply.reconcile import NotSent, OrderReconciler, Sent
from exitplan.executor.apply.record import Ended, settle
from exitplan.executor.apply.staleness import expiry_of
from exitplan.executor.apply.state_transitions import after_counting, is_shortage
from exitplan.executor.plan import explained, observe_account
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import RESOLVED, Intent, Resolution, Settlement
from exitplan.executor.store.state import State
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import AccountUnreadable, EngineDisagreement
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import ZERO, floor_to_step, plain
from exitplan.ruleset.planning.actions import SELLING, Action
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.redecision import Judgement, Standing

MAX_ATTEMPTS = 3
"""Times an order that never reached the venue is sent in one run."""

OLDEST_READING = timedelta(seconds=30)
"""How old prices and balances may be that an exit is judged on; older ones are read again before it is sent."""

LONGEST_REST = 60.0
"""Seconds that a run waits where the venue asks for a rest; where it wants more, the run ends and can be resumed."""

REFUSED_SECONDS = 1.0
"""Seconds that a run waits before it sends again what the venue refused."""

_NEVER_ARRIVED = "it never reached the venue"
_READS = 4
_READ_SECONDS = 0.5

Tell = Callable[[str, Mapping[str, Any]], None]


Judge = Callable[[Plan, Rulebook, Observation, Progress, Mapping[str, Intent]], Judged]
"""Judges what is left of a plan on an account that was just read."""


@dataclass
class Run:
    """The run of one plan under a lease; :meth:`execute` fills ``outcomes`` and what is below it.

    ``tries`` is how often an order is sent that the venue refuses. With ``outlives_plan`` it goes on once the plan has
    expired: for who brings to an end what was begun before.
    """

    account: Account
    plan: Plan
    journal: Journal
    number: int
    tell: Tell
    stopped: Callable[[], bool]
    reconciler: OrderReconciler
    state: State
    judged: Judged
    intents: Mapping[str, Intent]
    outcomes: dict[str, ActionOutcome] = field(default_factory=dict)
    stop: Stop | None = None
    is_unreadable: bool = False
    touched: set[str] = field(default_factory=set)
    shrunk: dict[str, Decimal] = field(default_factory=dict)
    read_beside: Snapshot | None = None
    unsent: dict[str, str] = field(default_factory=dict)
    unrecorded: Settlement | None = None
    has_sent: bool = False
    has_ended: bool = False
    in_flight: set[str] = field(default_factory=set)
    accepted: list[Accepted] = field(default_factory=list)
    untold: list[Callable[[], None]] = field(default_factory=list)
    judge: Judge = judge_plan
    tries: int = 1
    outlives_plan: bool = False
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def snapshot(self) -> Snapshot:
        """The account as it was read last."""
        return self.judged.draft.account.snapshot

    def execute(self) -> None:
        """Do all cancels, read the account again if there were any, then do the rest and count the cycles."""
        others = self._fee_coin_last([action for action in self.plan.actions if action.kind != "cancel_order"])
        if self.cancel(others) and self.do(others):
            self.count_cycles()

    def cancel(self, others: Sequence[Action]) -> bool:
        """Do all cancels, and read the account again if there were any before others; False where it has to stop."""
        is_done = self.do([action for action in self.plan.actions if action.kind == "cancel_order"])
        if is_done and others and any(outcome.status == "done" for outcome in self.outcomes.values()):
            self._read_until_free(others)
        return self.stop is None

    def _fee_coin_last(self, actions: list[Action]) -> list[Action]:
        """Put what sells the coin that fees are taken from behind the rest: every order before changes its balance."""
        if self.account.broker.capabilities.fee_asset is None:
            return actions
        return sorted(actions, key=self._is_of_fee_coin)

    def _is_of_fee_coin(self, action: Action) -> bool:
        coin, names = self.account.broker.capabilities.fee_asset, self.judged.draft.account.names
        return coin is not None and action.reduces and names.of_symbol(action.symbol) == names.resolve(coin)

    def _needs_reading(self, group: list[Action]) -> bool:
        """Check whether the reading is too old for a group, or what it sells has changed by orders of this run."""
        if group[0].kind in {"cancel_order", "adopt"}:
            return False
        if self.account.clock() - self.judged.at > OLDEST_READING:
            return True
        return any(action.key in self.touched or self._is_of_fee_coin(action) for action in group)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the run: why it stopped, else the worst that became of an action."""
        if self.stop is not None and self.stop is not Stop.ACCOUNT_UNREADABLE:
            return self.stop.exit_code
        statuses = {outcome.status for outcome in self.outcomes.values()}
        if "open" in statuses:
            return ExitCode.UNKNOWN
        if "refused" in statuses:
            return ExitCode.ACTION_FAILED
        return ExitCode.ERROR if self.is_unreadable else ExitCode.DONE

    def do(self, actions: Sequence[Action]) -> bool:
        """Do actions in their order, as many at once as the venue takes; False where the run has to stop.

        What an earlier run has resolved is told as that.
        """
        left = [action for action in actions if not self._is_resolved(action)]
        for group in in_groups(left, self.account.broker.capabilities):
            if not self._goes_ahead(group):
                self._hear_of_accepted()
            if self.stop is None:
                self._do_group(group)
        self._hear_of_accepted()
        self._settle()
        return self.stop is None

    def _goes_ahead(self, group: Sequence[Action]) -> bool:
        return all(goes_ahead(action, self.account.broker.capabilities) for action in group)

    def _is_resolved(self, action: Action) -> bool:
        """Check whether an earlier run has resolved an action, and take its outcome over."""
        intent = self.intents[action.id]
        if intent.status not in RESOLVED:
            return False
        settled = Resolution(intent.status, intent.filled or ZERO, intent.order_id, intent.message)
        self.outcomes[action.id] = ActionOutcome(action, intent.status, settled, "done by an earlier run")
        return True

    def _do_group(self, group: list[Action]) -> None:
        if self._needs_reading(group) and not self._read_again():
            self._stop(Stop.ACCOUNT_UNREADABLE)
            return
        ready: list[Sent] = []
        halt = self.account.store.find_halt()
        for action in group:
            if not self._may_go_on(action, halt):
                break
            intent = self._prepare(action, self.intents[action.id])
            ready += [] if intent is None else [(action, intent)]
        if ready:
            self._send(ready)

    def _may_go_on(self, action: Action, halt: Halt | None) -> bool:
        if self.stopped():
            self._stop(Stop.ASKED)
        elif halt is not None and not halt.allows(action, self.account.rulebook.policy):
            self._stop(Stop.HALTED)
        elif not self.outlives_plan and self.account.clock() >= self._expires_at:
            self._stop(Stop.EXPIRED)
        elif action.kind in SELLING and self.judged.refused_orders:
            self._stop(Stop.GUARD_REFUSES)
        return self.stop is None

    @cached_property
    def _expires_at(self) -> datetime:
        return expiry_of(self.plan, self.account.rulebook.policy)

    def _stop(self, reason: Stop) -> None:
        """Stop after what is in flight; an outcome that is unknown matters more than any other reason."""
        if self.stop is None or reason is Stop.OUTCOME_UNKNOWN:
            self.stop = reason

    def _prepare(self, action: Action, intent: Intent) -> Intent | None:
        """Return what to send for an action; None where nothing is sent, and why is noted."""
        judgement = self.judged.judgements[action.id]
        if judgement.standing is not Standing.WANTED:
            self._leave_out(action, intent, judgement)
        elif action.kind == "adopt":
            self._adopt(action, intent)
        elif action.kind == "attach_stop" and not takes_stops(self.account.broker.capabilities):
            why = f"{RefusalReason.UNSUPPORTED.value}: the venue takes no stop orders"
            self._record([((action, intent), Resolution("refused", message=why))])
        else:
            return self._sized(action, intent)
        return None

    def _leave_out(self, action: Action, intent: Intent, judgement: Judgement) -> None:
        """Skip what is done, stale, no longer wanted or without a price that can be read, and say which."""
        if judgement.standing is Standing.DONE:
            self._skip(action, intent, f"{judgement.why}: {judgement.standing}")
            return
        if judgement.standing is Standing.UNREADABLE:
            self.is_unreadable = True
            if action.kind != "cancel_order":
                self._alert("PRICE_UNAVAILABLE", {"symbol": action.symbol, "rule": action.rule})
            self._skip(action, intent, judgement.why)
            return
        self._skip(action, intent, f"{judgement.standing}: {judgement.why}")

    def _send(self, group: list[Sent]) -> None:
        """Send a group; what of it never arrived is sent again, one at a time, unless the run has to stop."""
        for action, intent in self._send_once(group):
            if self.stop is not None:
                break
            self._send_again(action, intent)

    def _send_once(self, group: list[Sent]) -> list[Sent]:
        """Journal and send a group, and take in what came of it; gives what never reached the venue."""
        intents = self._begin_sending([intent for _, intent in group])
        sent = [(action, intent) for (action, _), intent in zip(group, intents, strict=True)]
        for action, intent in sent:
            self.tell("action_started", _described(action, intent.quantity or ZERO))
        # Whoever took over may hold by now that nothing was sent, and send it.
        self.account.store.ensure_leased(self.journal)
        if not self._goes_ahead([action for action, _ in sent]):
            return self._take_in(sent, self._answers(sent))
        before, self.accepted = self.accepted, []
        outcomes, known = self._ask_beside(sent, before)
        unsent = self._take_in([one.sent for one in before], known)
        answers = list(zip(sent, outcomes, strict=True))
        self.accepted = [Accepted(one, outcome) for one, outcome in answers if isinstance(outcome, Done)]
        self.touched.update(one.action.key for one in self.accepted)
        others = [(one, outcome) for one, outcome in answers if not isinstance(outcome, Done)]
        if others:
            self._hear_of_accepted()
            unsent += self._take_in([one for one, _ in others], [outcome for _, outcome in others])
        return unsent

    def _hear_of_accepted(self) -> None:
        """Ask what the orders that were accepted last have filled, and take that in."""
        accepted, self.accepted = self.accepted, []
        if accepted:
            _, known = self._ask_beside([], accepted)
            self._take_in([one.sent for one in accepted], known)

    def _ask_beside(self, sent: list[Sent], accepted: list[Accepted]) -> tuple[Sequence[Outcome], Sequence[Outcome]]:
        account = self.account
        return send_and_ask(account.broker, sent, accepted, self.snapshot, account.rulebook.policy)

    def _take_in(self, sent: Sequence[Sent], outcomes: Sequence[Outcome]) -> list[Sent]:
        """Settle orders by their answers; gives what of them never reached the venue."""
        unsent: list[Sent] = []
        rest, left, clock_is_off = 0.0, len(sent), False
        for known in self.reconciler.reconcile_all(sent, outcomes):
            ended: list[Ended] = []
            back: list[tuple[Sent, str]] = []
            for (action, intent), resolved in known:
                self.touched.add(action.key)
                if isinstance(resolved, NotSent):
                    why = f"{_NEVER_ARRIVED}: {resolved.said}" if resolved.said else _NEVER_ARRIVED
                    self.unsent[action.id] = why
                    back.append(((action, intent), why))
                    rest, clock_is_off = max(rest, resolved.rest), clock_is_off or resolved.is_off
                elif self._is_tried_smaller(action, intent, resolved) or self._is_tried_again(action, resolved):
                    back.append(((action, intent), resolved.message or ""))
                else:
                    ended.append(((action, intent), resolved))
            self._record(ended)
            left -= len(known)
            if left or back:  # somebody is asked or waited for before the next group
                self._settle()
            unsent += [self._taken_back(action, intent, why) for (action, intent), why in back]
        if rest > LONGEST_REST or clock_is_off:
            self._stop(Stop.CLOCK_IS_OFF if clock_is_off else Stop.VENUE_RESTS)
            for action, _ in unsent:
                resting = f"the venue asks for a rest of {rest:.0f} seconds"
                self._leave_unsent(action, self.unsent[action.id] if clock_is_off else resting)
            return []
        if rest:
            self.reconciler.sleep(rest)
        return unsent

    def _taken_back(self, action: Action, intent: Intent, why: str) -> Sent:
        planned = self.journal.back_to_planned(intent, why, self.account.clock())
        self.in_flight.discard(action.id)
        return action, planned

    def record_all(self) -> None:
        """Record what is known of outcomes and was not recorded yet, where the run ends before its time."""
        self._settle()

    def _answers(self, sent: list[Sent]) -> Sequence[Outcome]:
        """Send a group; with the last of the cancels the account is read, where only sales come after them."""
        account = self.account
        if sent[-1][0] is not self._last_before_sales:
            return send(account.broker, sent, self.snapshot, account.rulebook.policy)
        outcomes, self.read_beside = cancel_and_read(account.broker, sent)
        return outcomes

    @cached_property
    def _last_before_sales(self) -> Action | None:
        """The last of the plan's cancels, where only sales come after them."""
        cancels = [action for action in self.plan.actions if action.kind == "cancel_order"]
        others = {action.kind for action in self.plan.actions} - {"cancel_order"}
        return cancels[-1] if cancels and others and others <= SELLING else None

    def _is_tried_smaller(self, action: Action, intent: Intent, resolved: Resolution) -> bool:
        """Check whether an order that the venue had too little balance for is sent once more, a little smaller."""
        is_covered = action.reduces or action.kind == "convert_cash"
        if not is_covered or not is_shortage(resolved) or action.id in self.shrunk or intent.quantity is None:
            return False
        self.shrunk[action.id] = intent.quantity
        return True

    def _is_tried_again(self, action: Action, resolved: Resolution) -> bool:
        """Check whether an order that the venue did not take is sent once more; what it took and cancelled is over."""
        if resolved.status != "refused" or resolved.order_id is not None:
            return False
        self.refusals[action.id] += 1
        return self.refusals[action.id] < self.tries

    def _send_again(self, action: Action, intent: Intent) -> None:
        for _ in range(max(MAX_ATTEMPTS, self.tries) - 1):
            if self.refusals[action.id]:
                self.reconciler.sleep(REFUSED_SECONDS)
            if not self._read_again():
                self._stop(Stop.OUTCOME_UNKNOWN)
                return
            if not self._may_go_on(action, self.account.store.find_halt()):
                return
            judgement = self.judged.judgements[action.id]
            if judgement.standing is not Standing.WANTED:
                self._leave_out(action, intent, judgement)
                return
            sized = self._sized(action, intent)
            unsent = [] if sized is None else self._send_once([(action, sized)])
            if not unsent:
                return
            intent = unsent[0][1]
        self._leave_unsent(action, self.unsent.get(action.id, _NEVER_ARRIVED))

    def _leave_unsent(self, action: Action, why: str) -> None:
        self._leave_open(action, why)
        self._alert_failure(action, why)

    def _sized(self, action: Action, intent: Intent) -> Intent | None:
        """Return the attempt with what it asks for and what is held before; None where there is nothing to send."""
        quantity, held = self._size(action)
        if quantity > 0:
            return replace(intent, quantity=quantity, held_before=held)
        self._skip(action, intent, "what is free of it now is less than the venue accepts")
        return None

    def _size(self, action: Action) -> tuple[Decimal, Decimal]:
        """Return what to send now, and what is held of the position."""
        most = self.judged.judgements[action.id].most
        if action.kind == "cancel_order":
            return action.quantity, ZERO
        if action.kind == "convert_cash":
            return self._money_size(action, most), ZERO
        view = self.judged.views[action.key]
        quantity = sendable_quantity(action, view, most)
        if action.id in self.shrunk:
            quantity = a_little_less(self.shrunk[action.id], quantity, view.amount_step)
        return quantity, view.held

    def _money_size(self, action: Action, most: Decimal | None) -> Decimal:
        """Return what to convert of money now: a purchase that leaves nothing for its fee is sent again, smaller."""
        quantity = at_most(action.quantity, most)
        if action.id not in self.shrunk:
            return quantity
        return a_little_less(self.shrunk[action.id], quantity, amount_step(self.snapshot, action.symbol))

    def _begin_sending(self, intents: list[Intent]) -> list[Intent]:
        """Journal what is about to be sent, and what became of the orders before it, in one commit."""
        begun = self.journal.begin_sending(intents, self.number, self.account.clock(), self.unrecorded)
        self.has_sent, self.in_flight = True, {intent.action_id for intent in begun}
        self.in_flight.update(one.action.id for one in self.accepted)
        self._tell_settled()
        return begun

    def _record(self, ended: Sequence[Ended]) -> None:
        """Take outcomes into account; they are recorded with the next commit, and told of after it."""
        if not ended:
            return
        now = self.account.clock()
        step_of = partial(amount_step, self.snapshot)
        self.state, settled = settle(self.plan, ended, state=self.state, step_of=step_of, now=now)
        self._leave_unrecorded(settled)
        for (action, _), resolution in ended:
            self.outcomes[action.id] = ActionOutcome(action, resolution.status, resolution)
            if resolution.status == "needs_human":
                self._stop(Stop.OUTCOME_UNKNOWN)
            self._later(partial(self._tell_outcome, action, resolution))

    def _leave_unrecorded(self, settled: Settlement) -> None:
        self.unrecorded = settled if self.unrecorded is None else self.unrecorded.then(settled)

    def _settle(self) -> None:
        """Record what is known of outcomes now, and tell of it."""
        if self.unrecorded is not None:
            self.journal.settle(self.unrecorded)
            self.in_flight -= {intent.action_id for intent, _, _ in self.unrecorded.resolved}
            self._tell_settled()

    def _tell_settled(self) -> None:
        untold, self.untold, self.unrecorded = self.untold, [], None
        for tell in untold:
            tell()

    def _later(self, tell: Callable[[], None]) -> None:
        """Tell something, after what was not told yet: of an outcome nobody hears before it is on the disk."""
        if self.unrecorded is None:
            tell()
        else:
            self.untold.append(tell)

    def _tell_outcome(self, action: Action, resolution: Resolution) -> None:
        figures = {
            **_described(action, action.quantity),
            "filled": plain(resolution.filled),
            **execution_document(resolution),
            "message": resolution.message,
        }
        if resolution.status == "needs_human":
            self.tell("action_unknown", figures)
            self._alert(
                "OUTCOME_UNKNOWN", {"symbol": action.symbol, "client_order_id": action.client_order_id, **figures}
            )
        elif resolution.status == "refused":
            self.tell("action_refused", figures)
            self._alert_failure(action, resolution.message)
        else:
            self.tell("action_done", figures)

    def _alert_failure(self, action: Action, reason: str | None) -> None:
        rule = next((rule for rule in self.account.rulebook.policy.exits if rule.id == action.rule), None)
        severity = rule.severity if rule else None
        if severity is None and rule is not None and rule.escalates:
            severity = "CRITICAL"
        figures = {"symbol": action.symbol, "rule": action.rule, "kind": action.kind, "reason": reason}
        self._alert("EXIT_FAILED", figures, severity)

    def _skip(self, action: Action, intent: Intent, why: str) -> None:
        self._leave_unrecorded(Settlement([(intent, Resolution("skipped", message=why), self.account.clock())]))
        self.outcomes[action.id] = ActionOutcome(action, "skipped", message=why)
        self._tell_skipped(action, why)

    def _leave_open(self, action: Action, why: str) -> None:
        self.outcomes[action.id] = ActionOutcome(action, "open", message=f"{why}; apply the plan again")
        self._tell_skipped(action, why)

    def _tell_skipped(self, action: Action, why: str) -> None:
        self._later(partial(self.tell, "action_skipped", {**_described(action, action.quantity), "message": why}))

    def _adopt(self, action: Action, intent: Intent) -> None:
        """Register a position with the tracker, unless its stop could not be placed."""
        self._settle()
        stops = [other for other in self.plan.actions if other.kind == "attach_stop" and other.key == action.key]
        placed = {self.outcomes[stop.id].status if stop.id in self.outcomes else "open" for stop in stops}
        if "open" in placed:
            self._leave_open(action, "its stop was not placed yet")
        elif placed - {"done"}:
            self._skip(action, intent, "its stop was not placed")
        elif (bases := self._bases) is None:
            self._skip(action, intent, "what it was bought at cannot be read")
        else:
            self._register(action, intent, stops[0].trigger_price if stops else None, bases.get(action.key))

    @cached_property
    def _bases(self) -> Mapping[str, CostBasis] | None:
        """What positions to adopt were bought at, where nobody knew; asked once, None where that failed."""
        adopted = {action.key for action in self.plan.actions if action.kind == "adopt"}
        views = [view for key, view in self.judged.views.items() if key in adopted]
        unknown = [view.position for view in views if view.entry_price is None]
        try:
            return self.account.broker.read_cost_basis(unknown) if unknown else {}
        except AccountUnreadable:
            self.is_unreadable = True
            return None

    def _register(self, action: Action, intent: Intent, trigger: Decimal | None, basis: CostBasis | None) -> None:
        now, view = self.account.clock(), self.judged.views[action.key]
        record = adopted_record(self.snapshot, view, explained(view.position, basis), trigger, now)
        asked = replace(intent, quantity=action.quantity, held_before=None)
        (intent,) = self._begin_sending([asked])
        self.account.tracker.update(self.snapshot.tracker, {action.symbol: record}, now)
        self._record([((action, intent), Resolution("done"))])

    def _read_again(self, told: Snapshot | None = None) -> bool:
        """Read the account, unless it is told, and judge what is left of the plan; False where it cannot be read."""
        self._hear_of_accepted()
        self._settle()
        account = self.account
        try:
            seen = observe_account(account, self.state.progress, told)
            intents = self.journal.intents(self.plan.plan_id)
            self.account.store.ensure_leased(self.journal)  # else they may be what another process has made of them
            self.judged = self.judge(self.plan, account.rulebook, seen, self.state.progress, intents)
        except (AccountUnreadable, EngineDisagreement) as error:
            self.is_unreadable = True
            self.tell("action_skipped", {"message": f"the account can no longer be read: {error}"})
            return False
        self.touched.clear()
        return True

    def _read_until_free(self, actions: Sequence[Action]) -> None:
        """Read the account after the cancels until the balances they free are there, or enough time has passed."""
        sales = [action for action in actions if action.kind in SELLING]
        if self.read_beside is not None and self._read_again(self.read_beside) and all(map(self._is_free, sales)):
            return
        for _ in range(_READS):
            if not self._read_again():
                self._stop(Stop.ACCOUNT_UNREADABLE)
                return
            if all(map(self._is_free, sales)):
                return
            self.reconciler.sleep(_READ_SECONDS)

    def _is_free(self, action: Action) -> bool:
        view = self.judged.views.get(action.key)
        if view is None:
            return True
        free = floor_to_step(view.held - view.position.locked, view.amount_step)
        return free >= min(action.quantity, view.everything)

    def count_cycles(self) -> None:
        """Count the cycles of unwinds that are over with no order of their own."""
        for step in self.plan.steps.values():
            if not step.counts or not self._is_unwound(step.key):
                continue
            done = self.state.unwinds.get(step.key)
            if done is not None and done.cycle >= step.cycle and done.started_at == step.started_at:
                continue
            self.state = after_counting(self.state, step, self.account.clock())
            self.tell("cycle_counted", {"position": step.key, "cycle": step.cycle, "cycles": step.cycles})

    def _is_unwound(self, key: str) -> bool:
        """Check whether the policy still unwinds a position: a cycle counts only then."""
        decision = next((decision for decision in self.judged.draft.decisions if decision.key == key), None)
        return decision is not None and decision.exit is not None and decision.exit.action == "unwind"

    def _alert(self, kind: str, figures: Mapping[str, Any], severity: str | None = None) -> None:
        def raise_it() -> None:
            account = self.account
            alert = account.store.raise_alert(kind, account.clock(), figures, severity)
            self.tell("alert", alert)

        self._later(raise_it)


def _described(action: Action, quantity: Decimal) -> dict[str, Any]:
    return {
        "id": action.id,
        "action": action.kind,
        "symbol": action.symbol,
        "side": action.side,
        "quantity": plain(quantity),
        "rule": action.rule,
    }
