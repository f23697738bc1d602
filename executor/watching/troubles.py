"""What is wrong with the rounds of an account: each cause is told once, until it goes well again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from exitplan.executor.store.alerts import make_alert
from exitplan.executor.watching.rounds import Round

KEPT_AT_MOST = timedelta(hours=1)
"""How long rounds may be kept from their work, by whoever holds the account, until that is a failure."""
_KEPT_FROM_WORK = frozenset({"locked", "stale"})
_MOST_CAUSES = 50
"""So many are remembered: words of a venue may differ each time."""


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is wrong with the rounds of an account.

    ``causes`` are those of failures that were told since it last went well, the newest last; ``kept_since`` is since
    when rounds have been kept from their work.
    """

    causes: tuple[str, ...] = ()
    kept_since: datetime | None = None

    def taking_in(self, done: Round, now: datetime) -> tuple[Troubles, Round]:
        """Note whether a round was kept from its work; one that was for too long has failed."""
        if done.kind not in _KEPT_FROM_WORK:
            return replace(self, kept_since=None), done
        since = now if self.kept_since is None else min(self.kept_since, now)  # the clock may have gone back
        failed = replace(done, kind="failed") if now - since >= KEPT_AT_MOST else done
        return replace(self, kept_since=since), failed

    def knows(self, done: Round) -> bool:
        """Check whether why a round failed was told."""
        return _cause_of(done) in self.causes

    def after(self, done: Round) -> Troubles:
        """Return what is wrong after a round that is told."""
        if done.is_failure and not self.knows(done):
            return replace(self, causes=(*self.causes, _cause_of(done))[-_MOST_CAUSES:])
        went_well = not done.is_failure and (done.state is not None or done.kind == "back")
        return replace(self, causes=()) if went_well and self.causes else self


def failure_alert(done: Round, cut_off: timedelta = timedelta(0)) -> dict[str, Any]:
    """Make the alert that the rounds of an account fail, or that one has hung until it was cut off."""
    figures: Mapping[str, Any] = {"seconds": int(done.seconds), "cut_off": int(cut_off.total_seconds())}
    if done.problem is not None:
        figures = {"reason": str(done.problem), "hint": done.problem.hint, "exit_code": int(done.exit_code)}
    return make_alert("ACCOUNT_HANGS" if done.kind == "hangs" else "ROUND_FAILED", done.account, done.at, figures)


def _cause_of(done: Round) -> str:
    return f"{done.kind} {done.cause}"
