"""What two policies would do to one account: positions, orders, actions, guards and the state, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Side, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.actions import Action, Exit, Kind
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.workbench.comparing.treatments import Treatment


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan has for one position: how it is treated, and what is sent, or why nothing is.

    ``sends`` are kind and quantity of each order; ``blocked`` is the reason of an exit that cannot run.
    """

    treatment: Treatment
    sends: tuple[str, ...] = ()
    blocked: str | None = None

    @property
    def means(self) -> tuple[object, ...]:
        """What has to be the same for nothing to have changed."""
        return (self.treatment.means, self.sends, self.blocked)


@dataclass(frozen=True, slots=True)
class PositionChange:
    """A position of an account that is treated otherwise; None where it is money under one of the policies.

    ``value`` is in the account's quote currency, None where nobody can tell it.
    """

    symbol: str
    side: Side
    value: Decimal | None
    before: Planned | None
    after: Planned | None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order that only one of the two policies cancels, by the rule named there."""

    symbol: str
    order_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Act:
    """An action as it is compared; value in quote, None if not known. That another rule says so is no difference."""

    kind: Kind
    quantity: Decimal
    prices: tuple[Decimal | None, Decimal | None]
    rule: str = field(compare=False)
    value: Decimal | None = field(compare=False)

    @classmethod
    def of(cls, action: Action) -> Act:
        """Take from an action what is compared."""
        prices = (action.trigger_price, action.limit_price)
        return cls(action.kind, action.quantity, prices, action.rule, action.est_value)


@dataclass(frozen=True, slots=True)
class ActionChange:
    """An action that only one of two plans has, or that is another act in each of them."""

    symbol: str
    before: Act | None
    after: Act | None


@dataclass(frozen=True, slots=True)
class Sold:
    """What a plan would sell, in the account's quote, and how many of its sales nobody can value; refused, nothing."""

    value: Decimal = ZERO
    unvalued: int = 0

    @classmethod
    def of(cls, draft: Draft) -> Sold:
        """Add up what a plan would sell or convert of positions."""
        is_refused = any(not verdict.ok for verdict in draft.guards)
        values = [action.est_value for action in draft.actions if action.reduces and not is_refused]
        total = ZERO
        for value in values:
            total = total if value is None else EXACT.add(total, value)
        return cls(total, values.count(None))


@dataclass(frozen=True, slots=True)
class DraftChange:
    """What changes on one account; guards are those that refuse the plan, states how the account stands under each."""

    account: str
    quote: str
    positions: tuple[PositionChange, ...]
    orders: tuple[OrderChange, ...]
    actions: tuple[ActionChange, ...]
    guards: tuple[tuple[str, ...], tuple[str, ...]]
    states: tuple[AccountState, AccountState]
    sold: tuple[Sold, Sold]

    @property
    def is_change(self) -> bool:
        """Check whether anything changes."""
        same = self.guards[0] == self.guards[1] and self.states[0] is self.states[1]
        return not same or bool(self.positions or self.orders or self.actions)

    @property
    def is_newly_refused(self) -> bool:
        """Check whether a guard refuses the plan under the new policy that did not under the old one."""
        return bool(set(self.guards[1]) - set(self.guards[0]))


@dataclass(frozen=True, slots=True)
class Books:
    """Both policies, loaded into the engine."""

    old: Rulebook
    new: Rulebook

    def change(self, snapshot: Snapshot, now: datetime, progress: Progress = Progress()) -> DraftChange:  # noqa: B008 - it is frozen
        """Plan an account under both; raises EngineDisagreement."""
        given = (PlanInput(book, snapshot, now, progress, is_recorded=True) for book in (self.old, self.new))
        return compare_drafts(snapshot, *map(draft_plan, given))


def compare_drafts(snapshot: Snapshot, before: Draft, after: Draft) -> DraftChange:
    """Compare two plans of one account. Pure."""
    refused = [tuple(verdict.name for verdict in draft.guards if not verdict.ok) for draft in (before, after)]
    return DraftChange(
        snapshot.account,
        snapshot.quote,
        tuple(_positions(snapshot, before, after)),
        tuple(_orders(before, after)),
        tuple(_actions(before, after)),
        (refused[0], refused[1]),
        (before.checks.state, after.checks.state),
        (Sold.of(before), Sold.of(after)),
    )


def _positions(snapshot: Snapshot, before: Draft, after: Draft) -> Iterator[PositionChange]:
    old, new = _planned(before), _planned(after)
    values = {decision.key: decision.view.value for draft in (after, before) for decision in draft.decisions}
    for position in snapshot.positions:
        was, becomes = old.get(position.key), new.get(position.key)
        if (was and was.means) != (becomes and becomes.means):
            yield PositionChange(position.symbol, position.side, values.get(position.key), was, becomes)


def _planned(draft: Draft) -> dict[str, Planned]:
    return {
        decision.key: _of_exit(Treatment.of_decision(decision), draft.exits[decision.key])
        for decision in draft.decisions
    }


def _of_exit(treatment: Treatment, exit_: Exit) -> Planned:
    sends = tuple(
        f"{action.kind} {plain(action.quantity)}" for action in exit_.actions if action.kind != "cancel_order"
    )
    return Planned(treatment, sends, exit_.blocked.reason if exit_.blocked else None)


def _orders(before: Draft, after: Draft) -> Iterator[OrderChange]:
    old, new = _cancels(before), _cancels(after)
    for key in sorted({*old, *new}):
        if (key in old) != (key in new):
            yield OrderChange(*key, old.get(key), new.get(key))


def _cancels(draft: Draft) -> dict[tuple[str, str], str]:
    cancels = [action for action in draft.actions if action.order_id is not None]
    return {(action.symbol, str(action.order_id)): action.rule for action in cancels}


def _actions(before: Draft, after: Draft) -> Iterator[ActionChange]:
    old, new = _acts(before), _acts(after)
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield ActionChange(key[0], old.get(key), new.get(key))


def _acts(draft: Draft) -> dict[tuple[str, str, str, str, int], Act]:
    return {
        (action.symbol, action.position_side or "", action.kind, action.order_id or "", action.part): Act.of(action)
        for action in draft.actions
    }
