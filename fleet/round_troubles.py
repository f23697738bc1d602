"""What keeps going wrong with the rounds of an account, from one cycle to the next, whichever worker does it.

Each cause is told once, as the watcher of one machine does. What only keeps a round from its work, such as another
process that holds the account, is told once it has lasted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from exitplan.executor.store.alerts import make_alert
from exitplan.executor.watching.rounds import Round
from exitplan.executor.watching.track import KEPT_AT_MOST, KEPT_FROM_WORK


@dataclass(frozen=True, slots=True)
class RoundTrouble:
    """Why the rounds of an account come to nothing, since when, and whether that was told."""

    cause: str
    since: datetime
    is_told: bool


def trouble_after(before: RoundTrouble | None, done: Round) -> RoundTrouble | None:
    """Return what is wrong after a round; None where nothing is, or the round says nothing of it and nothing was."""
    if done.is_failure:
        same = before is not None and before.cause == done.cause
        return RoundTrouble(done.cause, before.since if same and before else done.at, is_told=True)
    if done.kind in KEPT_FROM_WORK:
        kept = before if before is not None and before.cause == done.kind else None
        kept = kept or RoundTrouble(done.kind, done.at, is_told=False)
        kept = replace(kept, since=min(kept.since, done.at))  # the clock may have gone back
        return replace(kept, is_told=kept.is_told or done.at - kept.since >= KEPT_AT_MOST)
    return before if done.state is None else None


def is_news(before: RoundTrouble | None, after: RoundTrouble | None) -> bool:
    """Check whether a person is to be told."""
    if after is None or not after.is_told:
        return False
    return before is None or not before.is_told or before.cause != after.cause


def failure_alert(done: Round) -> Mapping[str, Any]:
    """Make the alert that the rounds of an account fail, as the watcher of one machine does."""
    problem = done.problem
    reason = done.kind if problem is None else str(problem)
    figures = {"reason": reason, "hint": None if problem is None else problem.hint, "exit_code": int(done.exit_code)}
    return make_alert("ROUND_FAILED", done.account, done.at, figures)
