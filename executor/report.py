"""What was closed in a time, what that cost, and how long it took until the account was CLEAN: out of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.proceeds import proceeds_of
from exitplan.executor.store.journal import Fill, Journal, Resolution, open_journal
from exitplan.ruleset.model.values import EXACT, ZERO, parse_time
from exitplan.ruleset.planning.actions import Action, Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import parse_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What the actions of one kind came to that one rule wanted, or all of an account together.

    ``orders`` counts those that were filled or cancelled, ``refused`` those that the venue refused. ``proceeds`` is
    what exits brought in before fees, ``planned`` what the same was worth at the marks of their plans; both in the
    account's quote, and without the ``untold`` orders of which the venue told no price, or the plan knew none.
    ``fees`` are by currency. ``released`` is what stale orders would have traded.
    """

    rule: str
    kind: str
    orders: int = 0
    refused: int = 0
    untold: int = 0
    positions: frozenset[str] = frozenset()
    proceeds: Decimal = ZERO
    planned: Decimal = ZERO
    released: Decimal = ZERO
    fees: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def slippage(self) -> Decimal:
        """What exits brought in less than by the marks of their plans; negative is more."""
        return EXACT.subtract(self.planned, self.proceeds)

    @property
    def slippage_share(self) -> Decimal | None:
        """The same as a share of the planned value; None where there is none."""
        return EXACT.divide(self.slippage, self.planned) if self.planned > 0 else None

    def plus(self, other: Outcomes) -> Outcomes:
        """Return both together, under this one's name."""
        fees = dict(self.fees)
        for currency, fee in other.fees.items():
            fees[currency] = fees.get(currency, ZERO) + fee
        return Outcomes(
            rule=self.rule,
            kind=self.kind,
            orders=self.orders + other.orders,
            refused=self.refused + other.refused,
            untold=self.untold + other.untold,
            positions=self.positions | other.positions,
            proceeds=self.proceeds + other.proceeds,
            planned=self.planned + other.planned,
            released=self.released + other.released,
            fees=fees,
        )


@dataclass(frozen=True, slots=True)
class CleanTimes:
    """How long the account took to become CLEAN, each time, and since when it is not; None where it is, or unknown.

    A time begins with a run that finds something to do, or does not leave the account CLEAN, and ends with the first
    run that does.
    """

    took: tuple[timedelta, ...] = ()
    open_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What became of one account in a time."""

    account: str
    venue: str
    quote: str
    since: datetime
    until: datetime
    runs: int
    outcomes: tuple[Outcomes, ...]
    clean: CleanTimes

    @property
    def total(self) -> Outcomes:
        """All outcomes together."""
        with localcontext(EXACT):
            return _sum(Outcomes(rule="total", kind=""), self.outcomes)


def report_account(account: Account, since: datetime) -> AccountReport:
    """Report on an account since a time; its venue is not asked.

    Raises FileIsInvalid for a damaged journal, or a plan in it that this version does not understand.
    """
    runs: Sequence[Mapping[str, Any]] = ()
    outcomes: tuple[Outcomes, ...] = ()
    until = account.clock()
    if account.folder.journal.exists():
        with localcontext(EXACT), open_journal(account.folder.journal) as journal:
            runs = [run for run in reversed(journal.runs()) if parse_time(run["started_at"]) <= until]
            outcomes = tuple(_grouped(_outcomes(journal, since)))
    return AccountReport(
        account=account.id,
        venue=account.venue,
        quote=account.quote,
        since=since,
        until=until,
        runs=sum(parse_time(run["started_at"]) >= since for run in runs),
        outcomes=outcomes,
        clean=clean_times(runs, since),
    )


def _outcomes(journal: Journal, since: datetime) -> Iterator[Outcomes]:
    """Return what became of each action that was settled since a time, and each fill by itself."""
    plans: dict[str, dict[str, Action]] = {}

    def action_of(plan_id: str, action_id: str) -> Action:
        if plan_id not in plans:
            plan = parse_plan(journal.plan_document(plan_id))
            plans[plan_id] = {action.id: action for action in plan.actions}
        return plans[plan_id][action_id]

    for fill in journal.fills_since(since):
        yield _of_fill(action_of(fill.plan_id, fill.action_id), fill)
    for plan_id, action_id, status in journal.settled_since(since):
        action = action_of(plan_id, action_id)
        if status == "refused":
            yield Outcomes(rule=action.rule, kind=action.kind, refused=1)
        elif status == "done" and action.kind == "cancel_order":
            is_stale = action.phase == Phase.CANCEL
            released = (action.est_value or ZERO) if is_stale else ZERO
            yield Outcomes(rule=action.rule, kind=action.kind, orders=1, released=released)


def _of_fill(action: Action, fill: Fill) -> Outcomes:
    resolution = Resolution("done", fill.quantity, average_price=fill.average_price)
    sold = proceeds_of(action, resolution) if action.reduces else None
    return Outcomes(
        rule=action.rule,
        kind=action.kind,
        orders=1 if action.kind != "cancel_order" else 0,
        untold=int(action.reduces and sold is None),
        positions=frozenset({action.key}) if action.reduces else frozenset(),
        proceeds=ZERO if sold is None else sold[0],
        planned=ZERO if sold is None else sold[1],
        fees={fill.fee_currency: fill.fee} if fill.fee and fill.fee_currency else {},
    )


def _grouped(outcomes: Iterable[Outcomes]) -> Iterator[Outcomes]:
    """Add up outcomes by rule and kind, in the order of their names."""
    groups: dict[tuple[str, str], Outcomes] = {}
    for outcome in outcomes:
        key = (outcome.rule, outcome.kind)
        groups[key] = groups[key].plus(outcome) if key in groups else outcome
    return (groups[key] for key in sorted(groups))


def _sum(start: Outcomes, outcomes: Iterable[Outcomes]) -> Outcomes:
    for outcome in outcomes:
        start = start.plus(outcome)
    return start


def clean_times(runs: Iterable[Mapping[str, Any]], since: datetime) -> CleanTimes:
    """Find how long the account took to become CLEAN, of runs in the order in which they began; those since a time."""
    begun: datetime | None = None
    took: list[timedelta] = []
    for run in runs:
        is_clean = run["account_state"] == AccountState.CLEAN.value
        if begun is None and (not is_clean or _has_done_something(run)):
            begun = parse_time(run["started_at"])
        if is_clean and begun is not None and run["ended_at"] is not None:
            ended = parse_time(run["ended_at"])
            if ended >= since:
                took.append(ended - begun)
            begun = None
    return CleanTimes(tuple(took), begun)


def _has_done_something(run: Mapping[str, Any]) -> bool:
    outcomes = (run["summary"] or {}).get("outcomes") or ()
    return any(outcome["status"] == "done" for outcome in outcomes)
