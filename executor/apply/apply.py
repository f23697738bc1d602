"""Apply a plan: exactly what was approved, once, whatever breaks on the way.

The order of things: what the plan says of itself (account, policy, guards) is checked before anything is opened; the
data folder must be writable before anything is sent; the account's lease is taken; what an earlier run left open is
resolved; the account is read and compared with the plan; the plan goes into the journal; then cancels, exits, and the
verification.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import localcontext
from typing import Any

from msgspec import structs

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.cut_short import telling_where_it_was_cut
from exitplan.executor.apply.events import ActionOutcome, ApplyResult, Event, Notify, Stop
from exitplan.executor.apply.in_group import ensure_not_in_group_run
from exitplan.executor.apply.judging import Judged, judge_plan
from exitplan.executor.apply.own_orders import ensure_orders_known, read_with_past_orders
from exitplan.executor.apply.reconcile import OrderReconciler, Sleep
from exitplan.executor.apply.recovery import forget_closed, reconcile_open_plans, still_held
from exitplan.executor.apply.run import Run
from exitplan.executor.apply.staleness import (
    ensure_applicable,
    ensure_fresh,
    ensure_not_halted,
    ensure_same_progress,
)
from exitplan.executor.apply.state_transitions import after_escalating
from exitplan.executor.logs import RUN, note
from exitplan.executor.plan import observe_account, read_state
from exitplan.executor.readings import after_reading, after_run
from exitplan.executor.signing.approval import ensure_signed
from exitplan.executor.standing import ensure_same_account, verified
from exitplan.executor.store.group_rows import ASK_OPEN_RUN
from exitplan.executor.store.journal import Beside, Journal
from exitplan.executor.store.journal_values import Intent, planned_intents
from exitplan.executor.store.state import State, state_to_document
from exitplan.executor.tracing import span, tell_event
from exitplan.executor.verify import draft_of
from exitplan.ruleset.errors import (
    AccountUnreadable,
    EngineDisagreement,
    FileIsInvalid,
    PlanIsAltered,
    PlanIsUnusable,
    PlanIsUsed,
)
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.values import EXACT, time_text
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.checks import AccountState, Checks
from exitplan.ruleset.planning.plan import checks_document
from exitplan.ruleset.planning.plan_types import Plan

Stopped = Callable[[], bool]

_LEAVE_OPEN = frozenset({ExitCode.REFUSED, ExitCode.CANCELLED, ExitCode.UNKNOWN})
"""Exit codes after which a plan can be applied again, to be finished."""


def check_plan(account: Account, plan: Plan, signatures: str | None = None) -> Judged:
    """Check whether a plan could be applied now, changing nothing; raises what :func:`apply_plan` would."""
    ensure_applicable(account, plan)
    ensure_signed(account.signature_rule, account.id, plan, signatures)
    ensure_not_halted(account)
    ensure_fresh(plan, account.rulebook.policy, account.clock())
    if not account.store.has_journal():
        return _judge(account, plan, None, {}, read_state(account))[1]
    with account.store.open_journal() as journal:
        ensure_not_used(journal, plan)
        ensure_not_in_group_run(account, journal)
        state = account.store.load_state(journal)
        ensure_same_account(account, state)
        account.store.ensure_newest_traded(account.identity, journal.mark())
        if journal.plan_status(plan.plan_id) == "unknown":
            ensure_same_progress(plan, state.progress, account.rulebook.policy.names)
        return _judge(account, plan, journal, journal.intents(plan.plan_id), state)[1]


def apply_plan(
    account: Account,
    plan: Plan,
    *,
    notify: Notify = lambda _: None,
    stopped: Stopped = lambda: False,
    sleep: Sleep = time.sleep,
    signatures: str | None = None,
) -> ApplyResult:
    """Apply a saved plan and verify the account.

    ``signatures`` are those that stand beside its file; None for a plan that is in no file.
    ``stopped`` is asked between actions: what is in flight is finished, the plan stays open, and the exit code is 8.
    Raises PlanIsAltered, PlanIsUnsigned, PlanIsStale, PlanIsExpired, PlanIsUsed, RefusedByGuard, AccountIsLocked,
    AccountIsAnother, AccountUnreadable, DataFolderUnusable, FileIsInvalid and OutcomeUnknown (of an earlier run), all
    before anything is sent.
    """
    ensure_applicable(account, plan)
    ensure_signed(account.signature_rule, account.id, plan, signatures)
    ensure_not_halted(account)
    account.store.ensure_ready()
    with (
        span("apply", account=account.id, venue=account.venue, plan_id=plan.plan_id),
        localcontext(EXACT),
        account.store.trading_lease(account.identity, account.clock()),
        account.store.open_journal() as journal,
    ):
        journal.claim(plan.plan_id, ASK_OPEN_RUN)
        ensure_not_used(journal, plan)
        ensure_not_in_group_run(account, journal)
        return Application(account, plan, journal, notify).apply(stopped, sleep)


def ensure_not_used(journal: Journal, plan: Plan) -> None:
    """Raise PlanIsUsed for a plan that has ended, PlanIsAltered for one that is not what was begun under its id."""
    status = journal.plan_status(plan.plan_id)
    if status == "ended":
        raise PlanIsUsed("the plan was applied before", hint="make a new one with: exitplan plan")
    if status == "open" and journal.plan_sha256(plan.plan_id) != plan.sha256:
        raise PlanIsAltered(
            "the plan is not the one that was begun under its id",
            hint="apply the file that was begun, or make a new plan",
        )


def _judge(
    account: Account, plan: Plan, journal: Journal | None, intents: Mapping[str, Intent], state: State
) -> tuple[State, Judged]:
    """Read the account and judge the plan on it.

    Raises PlanIsStale where nothing is left to send, RefusedByGuard, OutcomeUnknown where a run is missing from the
    journal, AccountUnreadable and EngineDisagreement.
    """
    state, seen = read_for(account, plan, journal, state)
    judged = judge_plan(plan, account.rulebook, seen, state.progress, intents)
    judged.ensure_allowed(is_begun=bool(intents))
    judged.ensure_something_is_left()
    return state, judged


def read_for(account: Account, plan: Plan, journal: Journal | None, state: State) -> tuple[State, Observation]:
    """Read the account for a plan that is about to be carried out.

    Raises OutcomeUnknown where a run is missing from the journal, AccountUnreadable and EngineDisagreement.
    """
    symbols = {action.symbol for action in plan.actions}
    seen, past = read_with_past_orders(
        account, journal, state, symbols, lambda: observe_account(account, state.progress)
    )
    ensure_orders_known(account, journal, seen.snapshot, past)
    return after_reading(state, seen), seen


@dataclass(frozen=True, slots=True)
class Prepared:
    """An account that a plan may be carried out on: everything was looked at, and nothing was sent or journalled."""

    state: State
    judged: Judged
    intents: Mapping[str, Intent]
    is_resumed: bool


@dataclass(frozen=True, slots=True)
class Application:
    """One application of one plan, under the lease and with the journal open."""

    account: Account
    plan: Plan
    journal: Journal
    notify: Notify
    last_reading: list[AccountView] = field(default_factory=list)

    def apply(self, stopped: Stopped, sleep: Sleep) -> ApplyResult:
        """Settle what is open, compare, journal, run and verify; the journal must have been claimed."""
        reconciler = OrderReconciler(self.account.broker, self.account.clock, sleep)
        state, intents, is_resumed = self._settled(reconciler)
        prepared = Prepared(*self._judged(state, intents), intents, is_resumed)
        run = self.begin(prepared, reconciler, stopped)
        with telling_where_it_was_cut(run):
            run.execute()
            return self.finish(run)

    def settle_earlier(self, reconciler: OrderReconciler) -> tuple[State, Mapping[str, Intent], bool]:
        """Claim the journal and resolve what earlier runs left open; gives the state, the plan's intents, if begun."""
        self.journal.claim(self.plan.plan_id)
        return self._settled(reconciler)

    def _settled(self, reconciler: OrderReconciler) -> tuple[State, Mapping[str, Intent], bool]:
        account, plan, journal = self.account, self.plan, self.journal
        state = account.store.take_state(journal)
        ensure_same_account(account, state)
        account.store.ensure_newest_traded(account.identity, journal.mark())
        state = replace(state, bound=account.identity.completed(state.bound))
        state = reconcile_open_plans(account, journal, state, reconciler, self.tell, keep=plan)
        is_resumed = journal.plan_status(plan.plan_id) == "open"
        if not is_resumed:
            ensure_same_progress(plan, state.progress, account.rulebook.policy.names)
        return state, journal.intents(plan.plan_id) if is_resumed else {}, is_resumed

    def begin(
        self, prepared: Prepared, reconciler: OrderReconciler, stopped: Stopped, beside: Beside | None = None
    ) -> Run:
        """Journal the plan, unless it is resumed, and a run of it, with what is to stand ``beside`` it."""
        account, plan, journal, judged = self.account, self.plan, self.journal, prepared.judged
        is_resumed = prepared.is_resumed
        self.tell("run_started", {"plan_id": plan.plan_id, "actions": len(plan.actions), "resumed": is_resumed})
        state = self._alerted(self._classified(still_held(prepared.state, judged.draft.account)))
        more = {} if beside is None else {"beside": beside}
        number = journal.begin_run(plan, state_to_document(state), account.clock(), is_resumed=is_resumed, **more)
        account.store.export_state(journal, state)
        account.store.note_journal(account.identity, journal.mark())
        intents = prepared.intents or planned_intents(plan)
        return Run(account, plan, journal, number, self.tell, stopped, reconciler, state, judged, intents)

    def _judged(self, state: State, intents: Mapping[str, Intent]) -> tuple[State, Judged]:
        """Read the account and judge the plan; one that was open and has gone stale is ended with that."""
        try:
            ensure_fresh(self.plan, self.account.rulebook.policy, self.account.clock())
            return _judge(self.account, self.plan, self.journal, intents, state)
        except PlanIsUnusable:
            if self.journal.plan_status(self.plan.plan_id) == "open":
                self.journal.end_plan(self.plan.plan_id, self.account.clock())
            raise

    def _classified(self, state: State) -> State:
        """Note the categories of the plan in the state."""
        at = time_text(self.plan.created_at)
        classified = {
            key: {"category": position.category.value, "rule": position.rule, "classified_at": at}
            for key, position in self.plan.by_key.items()
        }
        return replace(state, classified=classified)

    def _alerted(self, state: State) -> State:
        """Raise the alerts of the plan: a cap that is exceeded, unwinds that start anew, and each escalation once."""
        counted = self.plan.checks.checks.position_count
        if not counted.passed:
            current, most = counted.current, counted.max
            excess = {"current_count": current, "max_positions": most, "excess_count": current - most}
            self._alert("POSITION_CAP_VIOLATION", excess)
        for step in self.plan.steps.values():
            if step.regrown:
                self._alert("UNWIND_REANCHORED", {"position": step.key, "initial_quantity": str(step.initial_quantity)})
        state, told = after_escalating(state, self.plan.blocked, self.account.clock())
        for figures in told:
            self._alert("ZOMBIE_ESCALATED", figures)
        return state

    def finish(self, run: Run, *, is_used: bool | None = None, beside: Beside | None = None) -> ApplyResult:
        """Verify the account, note how the run ended, and export the state.

        Whether the plan is used then follows from how the run ended, unless it ``is_used`` or not.
        """
        account, journal = self.account, self.journal
        checks = self._verified(run)
        now = account.clock()
        state = replace(run.state, last_cleanup_run=now)
        if self.last_reading:
            state = after_run(state, account.rulebook.policy, self.last_reading[-1], now)
        state = verified(state, account, AccountState.UNKNOWN if checks is None else checks.state)
        code = run.exit_code or (ExitCode.UNKNOWN if checks is None else ExitCode.DONE)
        outcomes = tuple(run.outcomes.get(action.id) or _not_reached(action, run.stop) for action in self.plan.actions)
        result = ApplyResult(code, self.plan.plan_id, outcomes, checks, run.stop)
        is_open = code in _LEAVE_OPEN if is_used is None else not is_used
        used = None if is_open else self.plan.plan_id
        more = {} if beside is None else {"beside": beside}
        document = state_to_document(state)
        journal.end_run(run.number, code, result.to_document(), document, now, used_plan=used, **more)
        run.has_ended = True
        account.store.export_state(journal, state)
        account.store.lift_mark()
        self.tell("run_finished", {"plan_id": self.plan.plan_id, "exit_code": code})
        return result

    def _verified(self, run: Run) -> Checks | None:
        """Read the account once more: what is gone from it leaves the tracker, what is there is checked."""
        with span("verify", account=self.account.id, venue=self.account.venue):
            return self._examined(run)

    def _examined(self, run: Run) -> Checks | None:
        account = self.account
        try:
            seen = observe_account(account, run.state.progress)
            run.state = after_reading(run.state, seen)
            statuses = {name: outcome.status for name, outcome in run.outcomes.items()}
            gone = forget_closed(account, statuses, self.plan, seen.snapshot)
            if gone:
                tracker = {name: record for name, record in seen.snapshot.tracker.items() if name not in gone}
                known = structs.replace(seen.snapshot, tracker=tracker)
                seen = Observation.of(known, seen.policy, run.state.progress, seen.now)
            draft = draft_of(account, seen, run.state)
            self.last_reading.append(draft.account)
            account.store.keep_reading(draft, is_verification=True)
        except (AccountUnreadable, EngineDisagreement, FileIsInvalid) as error:
            self.tell("verified", {"state": AccountState.UNKNOWN.value, "message": str(error)})
            return None
        self.tell("verified", checks_document(draft.checks))
        return draft.checks

    def _alert(self, kind: str, figures: Mapping[str, Any]) -> None:
        account = self.account
        self.tell("alert", account.store.raise_alert(kind, account.clock(), figures))

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Log an event, and tell it to whoever listens."""
        level = _level_of(kind)
        if kind != "alert" and RUN.isEnabledFor(level):  # an alert is logged where it is raised
            note(RUN, kind, level=level, account=self.account.id, **_logged(data))
        tell_event(kind, data)
        self.notify(Event(kind, self.account.clock(), data))


def _not_reached(action: Action, stop: Stop | None) -> ActionOutcome:
    """Return the outcome of an action that a run did not come to; where the plan has ended, it is never done."""
    if stop is not None and stop.exit_code not in _LEAVE_OPEN:
        return ActionOutcome(action, "skipped", message=f"the run stopped before it: {stop.value}")
    return ActionOutcome(action, "open", message="still to be done")


def _level_of(kind: str) -> int:
    return logging.WARNING if kind in {"action_refused", "action_unknown", "run_recovering"} else logging.INFO


def _logged(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an event for the log; of a verification its state will do."""
    return {"state": data["state"], "message": data.get("message")} if "state" in data else dict(data)
