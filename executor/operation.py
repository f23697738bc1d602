"""The operation on one account: plan, guards, dry run, approval, apply, exit code.

The command line maps it over its accounts, and the Python API calls it for one. An empty plan is carried out like any
other: nobody is asked and nothing is sent, the run is journalled and the account is verified.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import apply_plan, check_plan
from exitplan.executor.apply.events import ApplyResult, Event
from exitplan.executor.apply.reconcile import Sleep
from exitplan.executor.apply.staleness import ensure_not_refused
from exitplan.executor.escalation.ladder import tended_after
from exitplan.executor.plan import plan_account
from exitplan.executor.signing.approval import ensure_may_be_new
from exitplan.executor.standing import no_answer_left, no_old_answer
from exitplan.ruleset.errors import PlanIsStale
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanScope

Approve = Callable[[Account, Plan], None]
"""Asks whether to go on with a plan; raises CancelledByUser where not."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of the events of a run, and who is asked between actions whether to stop."""

    notify: Callable[[Event], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False


class Observer(Protocol):
    """Who looks on while an account is operated on."""

    def show_plan(self, account: Account, plan: Plan) -> None:
        """Take the plan, before it is judged by its guards."""
        ...

    def watch_run(self, account: Account, plan: Plan) -> AbstractContextManager[Watch]:
        """Watch the run of the plan for the time of the block; where entering it raises, nothing is sent."""
        ...


class Unobserved:
    """Nobody looks on."""

    def show_plan(self, account: Account, plan: Plan) -> None:
        """Show nothing."""

    def watch_run(self, account: Account, plan: Plan) -> AbstractContextManager[Watch]:  # noqa: ARG002 - as its protocol
        """Watch nothing."""
        return nullcontext(Watch())


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be done with an account: a saved ``plan``, or a new one within ``scope``.

    ``signatures`` are those beside the saved plan. With ``from_recording`` it may be one of a recorded account. With
    ``dry_run`` everything is checked and nothing sent. ``to_clean`` is the whole protocol: its exit code says whether
    the account is CLEAN in the end.
    """

    plan: Plan | None = None
    scope: PlanScope = field(default_factory=PlanScope)
    dry_run: bool = False
    to_clean: bool = False
    from_recording: bool = False
    signatures: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation came to; ``result`` is None where nothing was to be sent.

    ``done_already`` counts the actions of a saved plan that a dry run found done.
    """

    plan: Plan
    result: ApplyResult | None = None
    to_clean: bool = False
    done_already: int = 0

    @property
    def state(self) -> AccountState:
        """How the account stands, as far as anybody can tell."""
        if self.result is None:
            return self.plan.checks.state
        return AccountState.UNKNOWN if self.result.checks is None else self.result.checks.state

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the run and, of the whole protocol, whether the account is CLEAN."""
        sent = ExitCode.DONE if self.result is None else self.result.exit_code
        return sent or (code_of_state(self.state) if self.to_clean else ExitCode.DONE)


def operate(
    account: Account,
    operation: Operation,
    *,
    approve: Approve = lambda _account, _plan: None,
    observer: Observer = Unobserved(),  # noqa: B008 - it holds nothing
    sleep: Sleep = time.sleep,
) -> Outcome:
    """Plan for an account (or take the saved plan), ask, and apply; raises what any of these raise."""
    plan = prepare(account, operation, observer)
    return finish(account, operation, plan, approve=approve, observer=observer, sleep=sleep)


def prepare(account: Account, operation: Operation, observer: Observer) -> Plan:
    """Make the plan, or take the saved one, and show it."""
    with nullcontext() if operation.dry_run else _planning(account, operation):
        if not operation.dry_run and operation.plan is None:
            ensure_may_be_new(account.signature_rule, account.id)
        plan = operation.plan or plan_account(account, operation.scope).plan
        observer.show_plan(account, plan)
    return plan


def finish(
    account: Account,
    operation: Operation,
    plan: Plan,
    *,
    approve: Approve,
    observer: Observer,
    sleep: Sleep = time.sleep,
) -> Outcome:
    """Check a plan and, unless it is a dry run, ask and apply it; where that fails no earlier verification stands.

    The account's incidents are tended in the end, whatever came of it.
    """
    if operation.plan is not None and plan.snapshot.recorded and not operation.from_recording:
        raise PlanIsStale(
            "the plan was made from a file, and not from what the venue told",
            hint="make one with: exitplan plan; or apply it, judged on the account as it is now, with --from-recording",
        )
    if operation.dry_run:
        ensure_not_refused(plan)
        judged = check_plan(account, plan, operation.signatures) if operation.plan else None
        return Outcome(plan, None, operation.to_clean, judged.done if judged else 0)
    with tended_after(account), _closing(account, operation):
        ensure_not_refused(plan)
        if plan.has_changes:
            approve(account, plan)
        with observer.watch_run(account, plan) as watch:
            result = apply_plan(
                account,
                plan,
                notify=watch.notify,
                stopped=watch.stopped,
                sleep=sleep,
                signatures=operation.signatures,
            )
    return Outcome(plan, result, operation.to_clean)


def code_of_state(state: AccountState) -> ExitCode:
    """Return the exit code that the state of an account comes to."""
    codes = {AccountState.CLEAN: ExitCode.DONE, AccountState.UNKNOWN: ExitCode.UNKNOWN}
    return codes.get(state, ExitCode.PENDING)


@contextmanager
def _planning(account: Account, operation: Operation) -> Iterator[None]:
    """Let no earlier verification stand where planning fails, and tend the incidents then."""
    with tended_after(account, only_failures=True), _closing(account, operation):
        yield


def _closing(account: Account, operation: Operation) -> AbstractContextManager[None]:
    """Let no earlier verification stand where an operation fails; of the whole protocol the failure is remembered."""
    return no_old_answer(account) if operation.to_clean else no_answer_left(account)
