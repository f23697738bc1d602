"""What is known of one account, line by line: for the page and the terminal alike, and without asking its venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exitplan.executor.accounts.account import Account, AccountFile
from exitplan.executor.approvals.book import requests_of
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.store.alert_log import Alert, AlertLog
from exitplan.executor.store.file_store import folder_of
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.order_view import OrderView
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.values import parse_decimal
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.plan_types import Plan, PlannedPosition
from exitplan.ruleset.planning.plan_words import CATEGORIES
from exitplan.ruleset.planning.unwind import coming_shares
from exitplan.ruleset.planning.words import duration, reason_text, rounded_percent
from exitplan.web.observed import Observed

if TYPE_CHECKING:  # a terminal makes no plans
    from exitplan.web.acts.desk import Look

_ALERTS, _TAIL = 12, 65_536
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class PositionLine:
    """A position as the newest plan has it, and the kind of action that is planned for it."""

    symbol: str
    side: str
    value: Decimal | None
    share: Decimal | None
    profit: Decimal | None
    age: str
    category: str
    why: str
    action: str

    def answers(self, words: Sequence[str]) -> bool:
        """Check whether each of the words is part of what the row says."""
        said = f"{self.symbol} {self.side} {self.category} {self.action} {self.why}".casefold()
        return all(word in said for word in words)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle of an unwind: its number, a note, whether it is done, and when it is due at the earliest."""

    number: int
    note: str
    is_done: bool
    due: datetime | None


@dataclass(frozen=True, slots=True)
class UnwindLine:
    """An unwind under way, and its cycles as a timeline."""

    key: str
    progress: UnwindProgress
    cycles: tuple[Cycle, ...]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What failed or was given up: the position, how often it failed, and why."""

    key: str
    failed: int
    reason: str


@dataclass(frozen=True, slots=True)
class NewestPlan:
    """The newest plan that is known, and where it is from."""

    plan: Plan
    origin: str
    orders: tuple[OrderView, ...] | None = None


def position_lines(plan: Plan) -> list[PositionLine]:
    """Return the positions of a plan, the largest first."""
    kinds = {action.key: action.kind for action in plan.actions if action.kind != "cancel_order"}
    lines = [_position_line(position, kinds.get(position.key, "")) for position in plan.positions]
    return sorted(lines, key=lambda line: (line.value is None, -abs(line.value or Decimal(0)), line.symbol))


def _position_line(position: PlannedPosition, kind: str) -> PositionLine:
    age = _figure(position, "age_minutes")
    return PositionLine(
        symbol=position.symbol,
        side=position.side,
        value=_figure(position, "value_usd"),
        share=_figure(position, "account_pct"),
        profit=_figure(position, "pnl_pct"),
        age="?" if age is None else duration(float(age) * _MINUTE),
        category=CATEGORIES.get(position.category, str(position.category)),
        why="protected" if position.is_protected else position.because,
        action=kind.replace("_", " "),
    )


def _figure(position: PlannedPosition, fact: str) -> Decimal | None:
    text = position.facts.get(fact)
    return parse_decimal(text) if isinstance(text, str) else None


def unwind_lines(unwinds: Mapping[str, UnwindProgress], policy: Policy, plan: Plan | None) -> list[UnwindLine]:
    """Return the unwinds under way, each cycle with when it is due at the earliest by the policy as it is now.

    An adaptive unwind is foreseen by the volatilities that the newest plan knows.
    """
    volatilities = {} if plan is None else _volatilities(plan)
    return [_unwind_line(key, progress, policy, volatilities.get(key)) for key, progress in sorted(unwinds.items())]


def _volatilities(plan: Plan) -> dict[str, Decimal]:
    """Return the volatilities that a plan knows, by position."""
    known = {position.key: _figure(position, "volatility_1d") for position in plan.positions}
    return {key: volatility for key, volatility in known.items() if volatility is not None}


def _unwind_line(key: str, progress: UnwindProgress, policy: Policy, volatility: Decimal | None) -> UnwindLine:
    interval = timedelta(seconds=float(policy.unwind_interval_minutes * _MINUTE))
    since = progress.last_cycle_at or progress.started_at
    coming = coming_shares(progress, policy, volatility) or [Decimal(0)]  # a thin market may need further cycles
    done = [
        Cycle(number, _left(progress) if number == progress.cycle else "", is_done=True, due=None)
        for number in range(1, progress.cycle + 1)
    ]
    todo = [
        Cycle(progress.cycle + ahead, _aim(share, policy), is_done=False, due=since + interval * ahead)
        for ahead, share in enumerate(coming, start=1)
    ]
    return UnwindLine(key, progress, (*done, *todo))


def _left(progress: UnwindProgress) -> str:
    return f"left {rounded_percent(progress.remaining_pct)}"


def _aim(share: Decimal, policy: Policy) -> str:
    if share == 0:
        return "closes what is left" + (" and the market takes" if policy.unwind.max_participation else "")
    return "" if policy.gradual_unwind_pct == 0 else f"down to {rounded_percent(share)}"


def last_alerts(given: Observed, store: AccountStore) -> list[Alert]:
    """Return the newest alerts of an account, the newest first; of a file its end is read."""
    if given.fleet is not None:
        return list(given.fleet.newest_alerts(store.account, _ALERTS))
    path = folder_of(store).alerts
    size = path.stat().st_size if path.is_file() else 0
    return list(AlertLog(path, max(0, size - _TAIL)).new())[::-1][:_ALERTS]


def newest_plan(account: Account, look: Look | None, waiting: Found | None) -> NewestPlan | None:
    """Return the newest plan: made here, waiting for people, or the one of the last run."""
    known: list[NewestPlan] = []
    if look is not None:
        origin = f"made by {look.person}"
        known.append(NewestPlan(look.planned.plan, origin, tuple(look.planned.draft.account.orders)))
    if waiting is not None:
        known.append(NewestPlan(waiting.request.plan, "waits for approval"))
    if not known and account.store.has_journal():
        with account.store.open_journal() as journal:
            runs = journal.runs()
            if runs:
                document = journal.plan_document(runs[0]["plan_id"])
                known.append(NewestPlan(read_plan(document), f"the plan of run {runs[0]['run']}, before it"))
    return max(known, key=lambda one: one.plan.created_at, default=None)


def waiting_of(file: AccountFile, store: AccountStore) -> Found | None:
    """Return the plan of an account that waits for people."""
    asked = [request for request in requests_of(store) if request.standing == "waiting"]
    return Found(asked[0], file, store) if asked else None


def given_up(escalated: Mapping[str, Mapping[str, Any]], failed: Mapping[str, int]) -> list[GivenUp]:
    """Return what failed or was given up, by position."""
    return [
        GivenUp(
            key,
            failed.get(key, 0),
            reason_text(str((escalated.get(key) or {}).get("reason") or "the exit failed")),
        )
        for key in sorted({*escalated, *failed})
    ]
