"""What was closed in a time, what that cost, and how long it took until the account was CLEAN: out of the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.proceeds import proceeds_of
from exitplan.executor.store.audit import open_past
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Fill, Resolution
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.values import EXACT, ZERO, parse_time
from exitplan.ruleset.planning.actions import Action, Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import parse_plan

PriceAt = Callable[[str, datetime], Decimal | None]
"""Gives what a market cost at a moment, in its own quote; None where that is not known."""
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What exits brought in against other prices: what they would have brought at those, and did, in quote.

    The ``untold`` exits of which one of the prices is not known are in neither.
    """

    worth: Decimal = ZERO
    sold: Decimal = ZERO
    untold: int = 0

    @property
    def slippage(self) -> Decimal:
        """What exits brought in less than at those prices; negative is more."""
        return EXACT.subtract(self.worth, self.sold)

    @property
    def share(self) -> Decimal | None:
        """The same as a share of the worth; None where there is none."""
        return EXACT.divide(self.slippage, self.worth) if self.worth > 0 else None

    def plus(self, other: Comparison) -> Comparison:
        """Return both together."""
        return Comparison(self.worth + other.worth, self.sold + other.sold, self.untold + other.untold)


@dataclass(frozen=True, slots=True)
class Sale:
    """One exit that was filled: when, by which rule, what it brought in, was planned to, and its fee; all in quote.

    Of a fee in another currency nothing is known here.
    """

    at: datetime
    rule: str
    proceeds: Decimal
    planned: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What the actions of one kind came to that one rule wanted, or all of an account together.

    ``orders`` counts those that were filled or cancelled, ``refused`` those that the venue refused. ``proceeds`` is
    what exits brought in before fees, ``planned`` what the same was worth at the marks of their plans; both in the
    account's quote, and without the ``untold`` orders of which the venue told no price, or the plan knew none. ``then``
    compares with the market's price when they were filled, ``later`` with that a day later.
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
    then: Comparison = Comparison()
    later: Comparison = Comparison()

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
            then=self.then.plus(other.then),
            later=self.later.plus(other.later),
        )


@dataclass(frozen=True, slots=True)
class CleanTimes:
    """How long the account took to become CLEAN, each time, when it ``ended``, and since when it is not CLEAN, if so.

    A time begins with a run that finds something to do, or does not leave the account CLEAN, and ends with the first
    run that does.
    """

    took: tuple[timedelta, ...] = ()
    open_since: datetime | None = None
    ended: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What became of one account in a time; ``has_prices`` tells whether other prices were at hand to compare with."""

    account: str
    venue: str
    quote: str
    since: datetime
    until: datetime
    runs: int
    outcomes: tuple[Outcomes, ...]
    clean: CleanTimes
    sales: tuple[Sale, ...] = ()
    has_prices: bool = False

    @property
    def total(self) -> Outcomes:
        """All outcomes together."""
        with localcontext(EXACT):
            return _sum(Outcomes(rule="total", kind=""), self.outcomes)


def report_account(account: Account, since: datetime, price_at: PriceAt | None = None) -> AccountReport:
    """Report on an account since a time, and against other prices where there are any; it is not read at its venue.

    Raises FileIsInvalid for a lost or damaged journal, or a plan in it that this version does not understand.
    """
    runs: Sequence[Mapping[str, Any]] = ()
    told: list[tuple[Outcomes, Fill | None]] = []
    until = account.clock()
    with localcontext(EXACT), open_past(account.store) as journal:
        if journal is not None:
            runs = [run for run in reversed(journal.runs()) if parse_time(run["started_at"]) <= until]
            told = list(_outcomes(journal, since, _Pricing(price_at, until)))
    with localcontext(EXACT):
        outcomes, sales = tuple(_grouped(one for one, _ in told)), tuple(_sales(told, account.quote))
    return AccountReport(
        account=account.id,
        venue=account.venue,
        quote=account.quote,
        since=since,
        until=until,
        runs=sum(parse_time(run["started_at"]) >= since for run in runs),
        outcomes=outcomes,
        clean=clean_times(runs, since),
        sales=sales,
        has_prices=price_at is not None,
    )


def _sales(told: Iterable[tuple[Outcomes, Fill | None]], quote: str) -> Iterator[Sale]:
    for outcome, fill in told:
        if fill is not None and outcome.planned:
            fee = outcome.fees.get(quote, ZERO)
            yield Sale(fill.told_at, outcome.rule, outcome.proceeds, outcome.planned, fee)


@dataclass(frozen=True, slots=True)
class _Pricing:
    """Which other prices there are; what is a day later may be yet to come."""

    price_at: PriceAt | None
    now: datetime

    def compared(self, action: Action, fill: Fill, sold: Decimal, later: timedelta) -> Comparison:
        """Compare what a fill brought in with the market's price at that time, or so much later."""
        moment = fill.told_at + later
        is_asked = self.price_at is not None and moment <= self.now
        price = self.price_at(action.symbol, moment) if is_asked and self.price_at is not None else None
        at_price = proceeds_of(action, Resolution("done", fill.quantity, average_price=price))
        return Comparison(untold=1) if price is None or at_price is None else Comparison(at_price[0], sold)


def _outcomes(journal: Journal, since: datetime, pricing: _Pricing) -> Iterator[tuple[Outcomes, Fill | None]]:
    """Return what became of each action that was settled since a time, and each fill by itself."""
    plans: dict[str, dict[str, Action]] = {}

    def action_of(plan_id: str, action_id: str) -> Action:
        if plan_id not in plans:
            plan = parse_plan(journal.plan_document(plan_id))
            plans[plan_id] = {action.id: action for action in plan.actions}
        try:
            return plans[plan_id][action_id]
        except KeyError:
            said = f"the journal tells of an action {action_id} that the plan {plan_id} does not have"
            raise FileIsInvalid(said) from None

    for fill in journal.fills_since(since):
        yield _of_fill(action_of(fill.plan_id, fill.action_id), fill, pricing), fill
    for plan_id, action_id, status in journal.settled_since(since):
        action = action_of(plan_id, action_id)
        if status == "refused":
            yield Outcomes(rule=action.rule, kind=action.kind, refused=1), None
        elif status == "done" and action.kind == "cancel_order":
            is_stale = action.phase == Phase.CANCEL
            released = (action.est_value or ZERO) if is_stale else ZERO
            yield Outcomes(rule=action.rule, kind=action.kind, orders=1, released=released), None


def _of_fill(action: Action, fill: Fill, pricing: _Pricing) -> Outcomes:
    resolution = Resolution("done", fill.quantity, average_price=fill.average_price)
    sold = proceeds_of(action, resolution) if action.reduces else None
    outcome = Outcomes(
        rule=action.rule,
        kind=action.kind,
        orders=1 if action.kind != "cancel_order" else 0,
        untold=int(action.reduces and sold is None),
        positions=frozenset({action.key}) if action.reduces else frozenset(),
        fees={fill.fee_currency: fill.fee} if fill.fee and fill.fee_currency else {},
    )
    if sold is None:
        return outcome
    then = pricing.compared(action, fill, sold[0], timedelta())
    later = pricing.compared(action, fill, sold[0], A_DAY)
    return replace(outcome, proceeds=sold[0], planned=sold[1], then=then, later=later)


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
    ends: list[datetime] = []
    for run in runs:
        is_clean = run["account_state"] == AccountState.CLEAN.value
        if begun is None and (not is_clean or _has_done_something(run)):
            begun = parse_time(run["started_at"])
        if is_clean and begun is not None and run["ended_at"] is not None:
            ended = parse_time(run["ended_at"])
            if ended >= since:
                took.append(ended - begun)
                ends.append(ended)
            begun = None
    return CleanTimes(tuple(took), begun, tuple(ends))


def _has_done_something(run: Mapping[str, Any]) -> bool:
    outcomes = (run["summary"] or {}).get("outcomes") or ()
    return any(outcome["status"] == "done" for outcome in outcomes)
