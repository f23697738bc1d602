"""Plans that are being applied: each in a thread of the server, its events kept for whoever comes back."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import Event
from exitplan.executor.logs import RUN, note
from exitplan.executor.operation import Operation, Outcome, Unobserved, Watch, operate
from exitplan.executor.people import acting_as
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.plan_types import Plan

_KEPT = 200
"""How many works that have ended are remembered; the journal has all of them."""


@dataclass(slots=True)
class Work:
    """One plan that is applied for a person; ``events`` only grows, and is read while it does."""

    id: str
    account: str
    plan: Plan
    person: str
    begun_at: datetime
    events: list[Mapping[str, Any]] = field(default_factory=list)
    outcome: Outcome | None = None
    problem: ExitplanError | None = None
    is_over: bool = False
    _stop: Signal = field(default_factory=Signal)

    def stop(self) -> None:
        """Ask it to stop after the orders that are in flight."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Whether somebody has asked it to stop."""
        return self._stop.is_set()

    @property
    def result_text(self) -> str:
        """What it came to, in a sentence; empty while it goes on."""
        if self.problem is not None:
            return f"{str(self.problem).rstrip('.')}."
        if self.outcome is None:
            return ""
        code, state = self.outcome.exit_code, self.outcome.state.value
        said = "Everything was done." if code is ExitCode.DONE else code.meaning
        return f"{said} The account is {state}."

    @property
    def exit_code(self) -> int | None:
        """The exit code of ``exitplan apply`` for what it came to; None while it goes on."""
        if self.problem is not None:
            return self.problem.exit_code
        return None if self.outcome is None else int(self.outcome.exit_code)

    @property
    def is_well(self) -> bool:
        """Whether it ended as planned."""
        return self.outcome is not None and self.outcome.exit_code == 0


@dataclass(slots=True)
class Works:
    """The works of this server; of an account there is one at a time."""

    when_over: Callable[[Work], None] = lambda _work: None
    _known: dict[str, Work] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, name: str) -> Work | None:
        """Return a work by its id."""
        return self._known.get(name)

    def under_way(self, account: str) -> Work | None:
        """Return what is under way for an account."""
        works = list(self._known.values())
        return next((work for work in works if work.account == account and not work.is_over), None)

    def of_plan(self, plan_id: str) -> Work | None:
        """Return the newest work that applies a plan, or has."""
        works = reversed(list(self._known.values()))
        return next((work for work in works if work.plan.plan_id == plan_id), None)

    def start(self, account: Account, plan: Plan, person: str) -> Work:
        """Begin to apply a plan; where something is under way for the account already, return that."""
        with self._lock:
            known = self.under_way(account.id)
            if known is not None:
                return known
            work = Work(secrets.token_hex(8), account.id, plan, person, account.clock())
            self._forget()
            self._known[work.id] = work
        # It is waited for when the server ends: a run is never cut off by that.
        Thread(target=self._carry_out, args=(work, account), name=f"apply-{account.id}", daemon=False).start()
        return work

    def _carry_out(self, work: Work, account: Account) -> None:
        try:
            with acting_as(work.person):
                work.outcome = operate(account, Operation(work.plan), observer=_Recorder(work))
        except ExitplanError as problem:
            work.problem = problem
        except Exception as problem:  # noqa: BLE001 - nobody else would hear of it: it is told on the page
            note(RUN, "apply_failed", level=logging.ERROR, account=account.id, message=repr(problem))
            work.problem = ExitplanError(
                "something went wrong here", hint="the log of exitplan serve has the details; see the account's history"
            )
        finally:
            work.is_over = True
            self.when_over(work)

    def _forget(self) -> None:
        over = [work.id for work in self._known.values() if work.is_over]
        for name in over[: max(0, len(over) - _KEPT)]:
            del self._known[name]


class _Recorder(Unobserved):
    """Keeps the events of a run, and hands on the wish to stop."""

    def __init__(self, work: Work) -> None:
        self._work = work

    @contextmanager
    def watch_run(self, account: Account, plan: Plan) -> Iterator[Watch]:  # noqa: ARG002 - as its protocol
        """Watch the run."""

        def notify(event: Event) -> None:
            self._work.events.append(event.to_document())

        yield Watch(notify, lambda: self._work.is_stopping)
