"""One round of one account: plan it, and apply what the policy lets through or a person has approved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import ApplyResult
from exitplan.executor.apply.reconcile import Sleep
from exitplan.executor.apply.staleness import ensure_not_refused, is_expired
from exitplan.executor.approvals.book import open_book
from exitplan.executor.approvals.request import Request
from exitplan.executor.operation import Operation, Unobserved, Watch, code_of_state, finish
from exitplan.executor.plan import Planned, plan_account
from exitplan.executor.standing import no_answer_left, remember
from exitplan.ruleset.errors import (
    AccountIsHalted,
    AccountIsLocked,
    CancelledByUser,
    ExitplanError,
    FileIsInvalid,
    PlanIsUnusable,
)
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.self_approval import may_apply_alone

Kind = Literal[
    "quiet",
    "applied",
    "waits",
    "rejected",
    "halted",
    "locked",
    "stale",
    "stopped",
    "failed",
    "hangs",
    "back",
    "removed",
]
Stopped = Callable[[], bool]
T = TypeVar("T")

_NO_FAILURES: Mapping[type[ExitplanError], Kind] = {
    AccountIsHalted: "halted",
    AccountIsLocked: "locked",
    CancelledByUser: "stopped",
    PlanIsUnusable: "stale",
}
"""What keeps a round from its work and is no failure: the next one may well do it."""

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to.

    ``request`` is the question to people that it left or carried out, ``approvals`` how many of them have said yes, and
    ``replaced`` the question whose place it took. ``problem`` is why it failed. ``is_news`` says whether it differs
    from what was told of the account before.
    """

    account: str
    venue: str | None
    at: datetime
    kind: Kind
    exit_code: int = 0
    seconds: float = 0
    state: AccountState | None = None
    planned: Planned | Plan | None = None
    request: Request | None = None
    approvals: int = 0
    replaced: str | None = None
    result: ApplyResult | None = None
    problem: ExitplanError | None = None
    is_news: bool = True

    @property
    def plan(self) -> Plan | None:
        """The plan of the round; one that came to nothing is written only for whoever asks."""
        return self.planned.plan if isinstance(self.planned, Planned) else self.planned

    @property
    def cause(self) -> str:
        """Why it failed, without the figures in the words: what is told once."""
        return "" if self.problem is None else _DIGITS.sub("#", f"{type(self.problem).__name__}: {self.problem}")

    @property
    def told_by(self) -> tuple[Any, ...]:
        """What makes it worth telling: a round that comes to the same as the one before is no news."""
        asked = None if self.request is None else self.request.id
        return (self.kind, self.state, asked, self.approvals, self.cause)

    @property
    def is_failure(self) -> bool:
        """Whether something is wrong that a person should hear of."""
        return self.kind in {"failed", "hangs"}


GoOn = Callable[[], Round]
"""Does the rest of a round."""


def round_of(account: Account, stopped: Stopped, sleep: Sleep) -> Round:
    """Do one round of an account; what goes wrong is told in it, and nothing is raised but what nobody foresaw."""
    begun = begin_round(account, stopped, sleep)
    return begun if isinstance(begun, Round) else begun()


def begin_round(account: Account, stopped: Stopped, sleep: Sleep) -> Round | GoOn:
    """Plan an account, and do its round where nothing is to be sent or asked; else return what does the rest of it.

    That may be called in another thread. Nothing is raised as in :func:`round_of`.
    """
    began, turn = account.clock(), _Turn(account, stopped, sleep)
    begun = _told(account, began, turn.begin)
    return begun if isinstance(begun, Round) else partial(_told, account, began, begun)


def _told(account: Account, began: datetime, task: Callable[[], T]) -> T | Round:
    """Do a round or a part of it; what goes wrong is told in it."""
    done: T | Round
    try:
        done = task()
    except ExitplanError as problem:
        kinds: list[Kind] = [kind for error, kind in _NO_FAILURES.items() if isinstance(problem, error)]
        kind = kinds[0] if kinds else "failed"
        done = Round(account.id, account.venue, began, kind, problem.exit_code, problem=problem)
    if not isinstance(done, Round):
        return done
    ended = account.clock()
    return replace(done, at=ended, seconds=(ended - began).total_seconds())


@dataclass(frozen=True, slots=True)
class _Turn:
    account: Account
    stopped: Stopped
    sleep: Sleep

    def begin(self) -> Round | GoOn:
        account = self.account
        halt = account.store.find_halt()
        if halt is not None and not account.rulebook.policy.halt_allows_exits:
            raise halt.error()
        self._ensure_alone()
        resumed = self._resumed()
        if resumed is not None:
            return resumed
        planned = plan_account(account)
        self._go_on()
        if planned.refusals:
            with no_answer_left(account):
                ensure_not_refused(planned.plan)
        if not planned.has_changes:
            self._withdraw(planned)
            if self._is_left_open():
                return partial(self._applied, planned.plan)
            return self._left(planned, "quiet")
        return partial(self._carry_out, planned)

    def _is_left_open(self) -> bool:
        """Check whether a run that died has left a plan open which nobody has to look at: applying nothing ends it.

        Else the gate would stay closed until there is something to send again.
        """
        account = self.account
        if not account.store.may_have_requests() or account.signature_rule is not None:
            return False
        with account.store.open_journal() as journal:
            plans = [journal.unresolved(plan_id) for plan_id in journal.open_plan_ids()]
        asks = any(intent.status == "needs_human" for unresolved in plans for intent in unresolved.values())
        return bool(plans) and not asks and account.store.find_halt() is None

    def _carry_out(self, planned: Planned) -> Round:
        """Apply a plan, unless people have a word in it, or have said theirs."""
        plan = planned.plan
        reasons = self._reasons(plan)
        if reasons:
            return self._asked(planned, reasons)
        rejected = self._withdraw(planned)
        if rejected is not None:  # what a person has rejected is not done either when it needs no approval any more
            return replace(self._left(planned, "rejected"), request=rejected)
        return self._applied(plan)

    def _ensure_alone(self) -> None:
        """Raise AccountIsLocked where somebody is at work on the account: what he is about to do is not asked for.

        The note of the holder is looked at first, and the lock itself only where it says that it is taken.
        """
        store = self.account.store
        holder = store.holder() if store.seems_held() else None
        if holder is not None:
            raise AccountIsLocked(
                f"the account {self.account.id} is in use {holder}", hint="the next round tries again"
            )

    def _go_on(self) -> None:
        """Raise CancelledByUser where the round is to end here: it was cut off, or the watcher stops."""
        if self.stopped():
            raise CancelledByUser("the round ended before anything was sent")

    def _resumed(self) -> Round | None:
        """Finish what people have approved and a stop has interrupted; None where there is nothing of the kind."""
        account = self.account
        if not account.store.may_have_requests():
            return None
        with open_book(account.store) as book:
            request = book.interrupted()
        try:
            if request is None or is_expired(request.plan, account.loaded.policy, account.clock()):
                return None
            return self._applied(request.plan, request)
        except (PlanIsUnusable, FileIsInvalid):
            return None  # the account has moved on, or an older exitplan made it: what is left is planned anew

    def _reasons(self, plan: Plan) -> tuple[str, ...]:
        """Return why a plan needs a person's word, or signature."""
        rule = self.account.signature_rule
        signed = () if rule is None else (rule.wanted(self.account.id),)
        return (*may_apply_alone(plan, self.account.loaded.policy.approval, self.account.clock()), *signed)

    def _asked(self, planned: Planned, reasons: tuple[str, ...]) -> Round:
        """Ask people about a plan, unless they were; apply it where enough of them have approved it."""
        account, now, plan = self.account, self.account.clock(), planned.plan
        with open_book(account.store) as book:
            asked = book.ask(plan, reasons, account.loaded.policy.approval.people, now)
            book.raise_alerts()
        request = asked.request
        if request.standing == "rejected":
            return replace(self._left(planned, "rejected"), request=request)
        most = account.rulebook.policy.guards["max_price_move_pct"]
        if account.signature_rule is None and request.is_approved(now, most):
            return self._applied(plan, request)
        approvals = len(request.approvals(now, most))
        left = self._left(planned, "waits")
        return replace(left, request=request, approvals=approvals, replaced=asked.replaced)

    def _applied(self, plan: Plan, request: Request | None = None) -> Round:
        account = self.account
        self._go_on()
        outcome = finish(
            account,
            Operation(to_clean=True),
            plan,
            approve=lambda _account, _plan: None,
            observer=_Stopping(self.stopped),
            sleep=self.sleep,
        )
        result = outcome.result
        done = Round(account.id, account.venue, account.clock(), "applied", outcome.exit_code, state=outcome.state)
        return replace(done, planned=plan, request=request, result=result)

    def _withdraw(self, planned: Planned) -> Request | None:
        """Note that nobody is asked any more; returns by which request a person has rejected the plan, if one has."""
        account = self.account
        if not account.store.may_have_requests(rejected=planned.has_changes):
            return None
        with open_book(account.store) as book:
            book.withdraw(account.clock())
            return book.rejection_of(planned.plan, account.clock()) if planned.has_changes else None

    def _left(self, planned: Planned, kind: Kind) -> Round:
        """Leave the account as it is, and remember how it stands: a round is a verification too.

        What a person has to look at is told, once, as a run would.
        """
        account, draft = self.account, planned.draft
        state = draft.checks.state
        remember(account, state, blocked=draft.blocked)
        waits = ExitCode.PENDING if kind == "waits" else ExitCode.DONE
        code = ExitCode.worst([waits, code_of_state(state)])
        return Round(account.id, account.venue, account.clock(), kind, code, state=state, planned=planned)


class _Stopping(Unobserved):
    """Nobody looks on, and the run is told when to stop."""

    def __init__(self, stopped: Stopped) -> None:
        self._stopped = stopped

    @contextmanager
    def watch_run(self, account: Account, plan: Plan) -> Iterator[Watch]:  # noqa: ARG002 - as its protocol
        """Hand on the question whether to stop."""
        yield Watch(stopped=self._stopped)
