"""The plan as its file holds it: one shape, from which the file, its reader and its JSON Schema are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.records import Document, Key, Name, Sha256, Symbol, write_record
from exitplan.ruleset.model.snapshot import OrderSide, position_key
from exitplan.ruleset.planning.actions import Action, Blocked, Phase, UnwindStep
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.ruleset.planning.warnings import PlanWarning

FactShown = str | bool


class PlanAccount(Struct, frozen=True, gc=False):
    """The account that a plan is for."""

    id: Annotated[Name, Key("The account.")]
    venue: Annotated[Name, Key("Its venue.")]
    quote: Annotated[Name, Key("Its currency.")]
    address: Annotated[
        str | None, Key("Where its venue was reached: production, sandbox, or an address.", sparse=True)
    ] = None
    key: Annotated[str | None, Key("The fingerprint of the API key it was read with.", sparse=True)] = None


class PlanPolicy(Struct, frozen=True, gc=False):
    """The policy that a plan was made by."""

    name: Annotated[str, Key("The policy's name.")]
    sha256: Annotated[Sha256, Key("The hash of the merged policy.")]
    overrides: Annotated[Mapping[str, Decimal], Key("Parameters set over the policy, by name.")]


class PlanHealth(Struct, frozen=True, gc=False):
    """The health model that positions were scored by."""

    model: Annotated[Name, Key("The model's name.")]
    sha256: Annotated[Sha256, Key("The model's hash.")]


class PlanSnapshot(Struct, frozen=True, gc=False):
    """The reading of the account that a plan was made from."""

    sha256: Annotated[Sha256, Key("The hash of the snapshot.")]
    taken_at: Annotated[datetime, Key("When the account was read.")]
    equity: Annotated[Decimal | None, Key("Its equity; null where it cannot be known.")]
    managed_equity: Annotated[Decimal | None, Key("Equity without what is protected or does not trade.")] = None
    recorded: Annotated[bool, Key("It was read from a file, and not from the account's venue.", sparse=True)] = False


class PlanGroup(Struct, frozen=True, gc=False):
    """The group that had a say in a plan: it is applied only as part of the group's plan."""

    name: Annotated[Name, Key("The group.")]
    sha256: Annotated[Sha256, Key("The hash of the group's policy.")]


class PlanEngine(Struct, frozen=True, gc=False):
    """The rule engine that decided."""

    name: Annotated[str, Key("The rule engine.")]
    version: Annotated[str, Key("Its version.")]
    checked: Annotated[bool, Key("Whether its answers were checked.")]


class CashLine(Struct, frozen=True, gc=False):
    """Money of the account in another currency than its quote."""

    currency: Annotated[Name, Key("The currency.")]
    free: Annotated[Decimal, Key("What may be spent.")]
    locked: Annotated[Decimal, Key("What open orders hold.")]
    rate: Annotated[Decimal | None, Key("Units of the quote for one unit; null where not known.")]
    value: Annotated[Decimal | None, Key("What it is worth in quote; null without a rate.")]


class DebtLine(Struct, frozen=True, gc=False):
    """What the account owes, of a currency or of a position."""

    amount: Annotated[Decimal, Key("How much is owed.")]
    value: Annotated[Decimal | None, Key("What it is worth in quote; null where not known.")]
    currency: Annotated[Name | None, Key("The currency that is owed.", sparse=True)] = None
    symbol: Annotated[Symbol | None, Key("The position that is owed.", sparse=True)] = None


class ShownProtection(Struct, frozen=True, gc=False):
    """Why a position is never touched."""

    reason: Annotated[str | None, Key("The owner's reason.")]
    until: Annotated[datetime | None, Key("Until when; null for ever.")]


class PlannedPosition(Struct, frozen=True, gc=False):
    """A position with its category and why; ``rule`` is None for category A."""

    symbol: Annotated[Symbol, Key()]
    category: Annotated[Category, Key("The category of phase 1.")]
    rule: Annotated[str | None, Key("The rule that decided; null where none matched.")]
    matched: Annotated[tuple[str, ...], Key("Every rule that matched.")]
    because: Annotated[str, Key("Why, in a sentence.")]
    exit: Annotated[str | None, Key("The exit rule that matched; null where none did.")]
    facts: Annotated[Mapping[str, FactShown], Key("The facts that could be known.")]
    unwind: Annotated[UnwindStep | None, Key("The cycle of its unwind that is due.", sparse=True)] = None
    protection: Annotated[ShownProtection | None, Key("The entry that protects it.", sparse=True)] = None

    @property
    def side(self) -> str:
        """The side of the position, which is among its facts."""
        return str(self.facts["side"])

    @property
    def key(self) -> str:
        """The key of the position."""
        return position_key(self.symbol, self.side)

    @property
    def is_protected(self) -> bool:
        """Whether the policy keeps it out of the protocol."""
        return self.facts.get("protected") is True

    @property
    def counts(self) -> bool:
        """Whether a cycle of its unwind counts with no order."""
        return self.unwind is not None and self.unwind.counts


class LeftOrder(Struct, frozen=True, gc=False):
    """A stale order that stays, because its symbol is protected."""

    order_id: Annotated[Name, Key("The order.")]
    symbol: Annotated[Symbol, Key()]
    side: Annotated[OrderSide, Key("The side of the order.")]
    quantity: Annotated[Decimal, Key("What remains of it.")]
    rule: Annotated[str, Key("The order rule that matched.")]
    reason: Annotated[str, Key("Why it stays.")]


class GuardResult(Struct, frozen=True, gc=False):
    """What one guard says of the plan; ``value`` is None where it cannot be computed, which is no excuse."""

    name: Annotated[str, Key("The guard.")]
    limit: Annotated[int | Decimal, Key("What it allows.")]
    value: Annotated[int | Decimal | None, Key("What the plan has.")]
    ok: Annotated[bool, Key("Whether it lets the plan pass.")]
    detail: Annotated[str | None, Key("The symbol or the reason, where there is one.", sparse=True)] = None


class PositionCount(Struct, frozen=True, gc=False):
    """The check of the cap."""

    passed: Annotated[bool, Key("Whether it holds.", name="pass")]
    current: Annotated[int, Key("How many positions the cap counts.")]
    max: Annotated[int, Key("How many it allows.")]


class ZombiePositions(Struct, frozen=True, gc=False):
    """The check for zombies."""

    passed: Annotated[bool, Key("Whether it holds.", name="pass")]
    count: Annotated[int, Key("How many zombies there are.")]
    symbols: Annotated[tuple[str, ...], Key("The zombies.")]
    tolerated_dust: Annotated[tuple[str, ...], Key("Dust that cannot be sold and is not held against the account.")]


class RegisteredPositions(Struct, frozen=True, gc=False):
    """The check of the position tracker."""

    passed: Annotated[bool, Key("Whether it holds.", name="pass")]
    registered: Annotated[int, Key("How many positions a strategy manages.")]
    unregistered: Annotated[tuple[str, ...], Key("The positions that none does.")]
    unwinding: Annotated[tuple[str, ...], Key("Those of them that an unwind is closing.")]


class StaleOrders(Struct, frozen=True, gc=False):
    """The check for stale orders."""

    passed: Annotated[bool, Key("Whether it holds.", name="pass")]
    stale: Annotated[tuple[str, ...], Key("The stale orders.")]
    total: Annotated[int, Key("How many orders are open.")]


class FourChecks(Struct, frozen=True, gc=False):
    """The four checks of a clean account."""

    position_count: Annotated[PositionCount, Key("Within the cap.")]
    zombie_positions: Annotated[ZombiePositions, Key("No zombies.")]
    registered_positions: Annotated[RegisteredPositions, Key("Every position is registered.")]
    stale_orders: Annotated[StaleOrders, Key("No stale orders.")]


class CheckReport(Struct, frozen=True, gc=False):
    """The four checks, and the state they come to."""

    state: Annotated[AccountState, Key("The state that the checks come to.")]
    checks: Annotated[FourChecks, Key("The four checks.")]
    deferred: Annotated[tuple[str, ...], Key("Positions that could not be judged.")]
    unjudged_orders: Annotated[tuple[str, ...], Key("Orders of unknown age or kind: no rule judges them.")] = ()
    implausible: Annotated[tuple[str, ...], Key("Positions whose prices contradict each other.")] = ()
    debts: Annotated[tuple[str, ...], Key("What is owed and matters.")] = ()
    reopening_orders: Annotated[tuple[str, ...], Key("Orders that would open again what the plan closes.")] = ()
    proceeds: Annotated[tuple[str, ...], Key("Assets that the plan is paid in and that are no money.")] = ()
    balance_surprise: Annotated[str | None, Key("How the balance differs from what was left.")] = None
    unread: Annotated[tuple[str, ...], Key("What of the account could not be asked for.", sparse=True)] = ()


class PlanSummary(Struct, frozen=True, gc=False):
    """Counts of what a plan holds, and the value of what it sells."""

    actions: Annotated[Mapping[str, int], Key("How many actions, by kind.")]
    categories: Annotated[Mapping[str, int], Key("How many positions, by category.")]
    blocked: Annotated[int, Key("How many exits are blocked.")]
    protected: Annotated[int, Key("How many positions are protected.")]
    est_value: Annotated[Decimal, Key("What is sold is worth this much in quote.")]
    est_spread_cost: Annotated[
        Decimal | None, Key("What half the spread from bid to ask takes of it, in quote.", sparse=True)
    ] = None
    unknown_spreads: Annotated[int, Key("How many sales are in markets without bid and ask.", sparse=True)] = 0
    est_fees: Annotated[
        Decimal | None, Key("What the venue is expected to take of it as fees, in quote.", sparse=True)
    ] = None
    unknown_fees: Annotated[
        int, Key("How many sales have no known fee, where that of others is known.", sparse=True)
    ] = 0
    listed_fees: Annotated[
        int, Key("How many sales have a fee at the venue's list price instead of the account's own rate.", sparse=True)
    ] = 0


class Plan(Struct, frozen=True, dict=True):
    """What exitplan would do with an account, and why."""

    format_version: Annotated[Literal[1], Key("The version of this file's format.")]
    tool_version: Annotated[str, Key("The version of exitplan that made the plan.")]
    plan_id: Annotated[Name, Key("The id of the plan, derived from its content.")]
    created_at: Annotated[datetime, Key("The moment the plan was made for.")]
    expires_at: Annotated[datetime, Key("From this moment on it is not applied any more.")]
    account: Annotated[PlanAccount, Key("The account.")]
    policy: Annotated[PlanPolicy, Key("The policy.")]
    snapshot: Annotated[PlanSnapshot, Key("The reading of the account.")]
    engine: Annotated[PlanEngine, Key("The rule engine.")]
    scope: Annotated[PlanScope, Key("What the plan was narrowed to; empty lists and null are everything.")]
    positions: Annotated[tuple[PlannedPosition, ...], Key("Every position with its category and why.")]
    actions: Annotated[tuple[Action, ...], Key("What apply does, in this order.")]
    blocked: Annotated[tuple[Blocked, ...], Key("What should be closed and cannot be.")]
    left_orders: Annotated[tuple[LeftOrder, ...], Key("Stale orders on protected symbols, which stay.")]
    guards: Annotated[tuple[GuardResult, ...], Key("What the guards say of the plan as a whole.")]
    checks: Annotated[CheckReport, Key("The four checks as they stand.")]
    forecast: Annotated[CheckReport, Key("The four checks as they would stand after the plan.")]
    summary: Annotated[PlanSummary, Key("Counts by kind, and the value of it all.")]
    other_cash: Annotated[tuple[CashLine, ...], Key("Money in other currencies.")] = ()
    debts: Annotated[tuple[DebtLine, ...], Key("What the account owes.")] = ()
    warnings: Annotated[tuple[PlanWarning, ...], Key("What a person should look at.")] = ()
    group: Annotated[
        PlanGroup | None,
        Key("The group that had a say in it; such a plan is applied as part of the group's.", sparse=True),
    ] = None
    health: Annotated[PlanHealth | None, Key("The health model of the policy, where it has one.", sparse=True)] = None
    sha256: Annotated[Sha256, Key("The hash of everything else in the plan.")] = ""

    @cached_property
    def document(self) -> Document:
        """The plan in its JSON form."""
        return write_record(self)

    @cached_property
    def steps(self) -> Mapping[str, UnwindStep]:
        """The unwind cycles that are due, by position."""
        return {entry.key: replace(entry.unwind, key=entry.key) for entry in self.positions if entry.unwind}

    @cached_property
    def by_key(self) -> Mapping[str, PlannedPosition]:
        """The positions by their keys."""
        return {position.key: position for position in self.positions}

    @property
    def refusals(self) -> tuple[GuardResult, ...]:
        """The guards that refuse the plan."""
        return tuple(guard for guard in self.guards if not guard.ok)

    @property
    def has_changes(self) -> bool:
        """Whether the plan does anything: sends something, or counts a cycle."""
        return bool(self.actions) or any(position.counts for position in self.positions)

    def of_phase(self, phase: Phase) -> tuple[Action, ...]:
        """Return the actions of one phase."""
        return tuple(action for action in self.actions if action.phase == phase)
