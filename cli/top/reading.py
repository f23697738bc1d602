"""What the screens show, read as the dashboard reads it; nothing is asked of a venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exitplan.executor.store.history import account_status, past_runs
from exitplan.executor.store.port import StoreError
from exitplan.ruleset.errors import ExitplanError
from exitplan.web.observed import Observed
from exitplan.web.pages.account_lines import (
    GivenUp,
    NewestPlan,
    PositionLine,
    UnwindLine,
    given_up,
    last_alerts,
    newest_plan,
    position_lines,
    unwind_lines,
    waiting_of,
)
from exitplan.web.pages.accounts import AccountRow, account_row
from exitplan.web.pages.overview import Overview, Seen

UNREADABLE = (ExitplanError, StoreError, OSError, ValueError, KeyError, TypeError)
"""What keeps something from being read: it is shown in its place, and the next look may do it."""
_RUNS = 8


@dataclass(frozen=True, slots=True)
class ListLook:
    """All accounts at a time; ``halt`` is why all are halted, ``problem`` why they could not be looked at."""

    seen: Seen
    now: datetime
    halt: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class AccountLook:
    """What is known of one account at a time."""

    row: AccountRow
    now: datetime
    newest: NewestPlan | None
    positions: Sequence[PositionLine]
    unwinds: Sequence[UnwindLine]
    waiting: str | None
    given_up: Sequence[GivenUp]
    runs: Sequence[Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]]


def look_at_all(observed: Observed, overview: Overview) -> ListLook:
    """Look at all accounts."""
    seen, now = overview.now(), observed.clock()
    try:
        halt = observed.halt_of_all()
    except UNREADABLE as problem:
        return ListLook(seen, now, problem=str(problem))
    return ListLook(seen, now, None if halt is None else halt.text or "no reason was given")


def look_at_one(observed: Observed, name: str) -> AccountLook:
    """Look at one account; raises one of :data:`UNREADABLE`."""
    file, now = observed.file(name), observed.clock()
    account = observed.open(name, offline=True)
    status, waiting = account_status(account), waiting_of(file, account.store)
    newest = newest_plan(account, None, waiting)
    plan = None if newest is None else newest.plan
    return AccountLook(
        row=account_row(file, account.store, now),
        now=now,
        newest=newest,
        positions=[] if plan is None else position_lines(plan),
        unwinds=unwind_lines(status.state.unwinds, account.loaded.policy, plan),
        waiting=None if waiting is None else waiting.request.id,
        given_up=given_up(status.state.escalated, status.state.failed_exits),
        runs=past_runs(account)[:_RUNS],
        alerts=last_alerts(observed, account.store),
    )
