"""Make plans: of an account as it is now, or of a recorded snapshot."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from msgspec import structs

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.account import Account
from exitplan.executor.logs import RUN, note
from exitplan.executor.readings import after_reading, with_reading
from exitplan.executor.standing import ensure_same_account, no_answer_left
from exitplan.executor.store.state import (
    State,
)
from exitplan.executor.tracing import span
from exitplan.ruleset.engine.data_requirements import positions_needing_basis, positions_needing_conversion
from exitplan.ruleset.engine.market_demand import demand_of_market_data
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import AccountIsLocked, AccountUnreadable, DataFolderUnusable, EngineDisagreement
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.progress import Progress, progress_from_document
from exitplan.ruleset.model.records import Document
from exitplan.ruleset.model.snapshot import Position, Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.planning.guards import Verdict
from exitplan.ruleset.planning.plan import write_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import Draft, PlanInput, PlanScope, draft_plan
from exitplan.schemas.documents import load_document


@dataclass(frozen=True)
class Planned:
    """A plan, and what it was made of.

    ``overrides`` and ``identity`` are told in the plan: what was set over the policy, and as whom the account was read.
    """

    draft: Draft
    given: PlanInput
    overrides: Mapping[str, Decimal | int] = field(default_factory=dict)
    identity: Identity | None = None

    @cached_property
    def plan(self) -> Plan:
        """The plan as a file holds it, written when it is first asked for: of an account in order nobody does."""
        known = self.identity
        address, key = (None, None) if known is None else (known.address, known.key)
        return write_plan(self.given, self.draft, self.overrides, address=address, key=key)

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The guards that refuse the plan."""
        return tuple(guard for guard in self.draft.guards if not guard.ok)

    @property
    def has_changes(self) -> bool:
        """Whether the plan does anything: sends something, or counts a cycle."""
        return bool(self.draft.actions) or any(step.counts for step in self.draft.unwinds)

    @property
    def document(self) -> Document:
        """The plan in its JSON form."""
        return self.plan.document

    @property
    def snapshot(self) -> Snapshot:
        """The account that the plan is for."""
        return self.given.snapshot

    @property
    def progress(self) -> Progress:
        """The progress that the plan goes on from."""
        return self.given.progress


def read_snapshot(
    account: Account,
    progress: Progress = Progress(),  # noqa: B008 - it is frozen
    told: Snapshot | None = None,
) -> Snapshot:
    """Read the account as :func:`observe_account` does."""
    return observe_account(account, progress, told).snapshot


def observe_account(account: Account, progress: Progress, told: Snapshot | None = None) -> Observation:
    """Read the account and what its rules ask for beyond it: market data, cost bases, and the terms of conversions.

    ``told`` is the account where the broker has just read it. Raises AccountUnreadable where any of it cannot be read:
    what a rule wants to know and nobody could tell is no answer. Only market data may be missing, which the plan then
    tells. Raises EngineDisagreement.
    """
    snapshot, broker, rulebook = read_account(account, told), account.broker, account.rulebook
    seen = Observation.of(snapshot, rulebook.policy, progress, account.clock())
    demands = demand_of_market_data(rulebook.policy, seen.account.positions)
    if demands:
        snapshot = with_market_data(snapshot, broker.read_market_data(demands).data)
        seen = Observation.of(snapshot, rulebook.policy, progress, seen.now)
    unexplained = positions_needing_basis(rulebook.policy, seen.account.positions)
    if unexplained:
        snapshot = with_cost_basis(snapshot, broker.read_cost_basis(unexplained))
    wanted = positions_needing_conversion(rulebook, snapshot, progress, seen.now)
    if wanted and broker.capabilities.convert:
        snapshot = structs.replace(snapshot, conversions={**snapshot.conversions, **broker.read_conversions(wanted)})
    if snapshot is seen.snapshot:
        return seen
    return Observation.of(snapshot, rulebook.policy, progress, account.clock())


def read_account(account: Account, told: Snapshot | None = None) -> Snapshot:
    """Read the account at its venue, unless the broker has told it, with the records of its position tracker.

    Raises AccountUnreadable where balances or orders cannot be read, or the venue's account is another one.
    """
    snapshot = account.broker.read_account() if told is None else told
    if snapshot.account != account.id or snapshot.quote != account.quote:
        raise AccountUnreadable(
            f"the venue answers for account {snapshot.account} in {snapshot.quote}; "
            f"{account.file} says {account.id} in {account.quote}"
        )
    return account.tracker.with_records(snapshot)


def with_cost_basis(snapshot: Snapshot, bases: Mapping[str, CostBasis]) -> Snapshot:
    """Fill in what positions were bought at and when, where the venue's account does not say."""
    positions = tuple(explained(position, bases.get(position.key)) for position in snapshot.positions)
    return structs.replace(snapshot, positions=positions)


def with_market_data(snapshot: Snapshot, told: Mapping[str, MarketData]) -> Snapshot:
    """Add to markets what was told of them beyond their prices."""
    known = snapshot.markets
    more = {
        symbol: structs.replace(known[symbol], data=known[symbol].data.plus(data))
        for symbol, data in told.items()
        if symbol in known
    }
    return structs.replace(snapshot, markets={**known, **more}) if more else snapshot


def explained(position: Position, basis: CostBasis | None) -> Position:
    """Fill in what a position was bought at and when, where the venue's account does not say."""
    if basis is None:
        return position
    known = position.entry_price is not None and position.entry_price > 0
    return structs.replace(
        position,
        entry_price=position.entry_price if known else basis.entry_price,
        opened_at=position.opened_at or basis.opened_at,
    )


def read_state(account: Account) -> State:
    """Read the account's state without changing anything; raises FileIsInvalid where it was edited by hand."""
    return account.store.read_state()


def plan_account(account: Account, scope: PlanScope = PlanScope()) -> Planned:  # noqa: B008 - it is frozen
    """Plan for an account as it is now.

    Where that fails, no earlier verification stands. Raises AccountUnreadable, AccountIsAnother, FileIsInvalid, and
    EngineDisagreement after saving what reproduces it and raising an alert.
    """
    with span("plan", account=account.id, venue=account.venue), no_answer_left(account):
        try:
            made = _planned(account, scope)
        except EngineDisagreement as error:
            _report(account, error)
            raise
    account.store.keep_reading(made.draft)
    if RUN.isEnabledFor(logging.INFO):
        refused = ",".join(guard.name for guard in made.refusals) or None
        plan = made.plan
        note(RUN, "planned", account=account.id, plan_id=plan.plan_id, actions=len(plan.actions), refused=refused)
    return made


def _planned(account: Account, scope: PlanScope) -> Planned:
    known = read_state(account)
    ensure_same_account(account, known)
    seen = observe_account(account, known.progress)
    state = after_reading(known, seen)
    note_reading(account, known, state)
    given = PlanInput(account.rulebook, seen.snapshot, seen.now, state.progress, scope.within(seen.snapshot), seen=seen)
    return Planned(draft_plan(given), given, account.overrides, account.identity)


def note_reading(account: Account, known: State, state: State) -> None:
    """Keep what a reading has found out beyond what was known, where it matters later and nobody else is at work.

    Prices alone are no reason to begin a journal: they matter to who comes back.
    """
    if state is known:
        return
    same = with_reading(known, state)
    if same == known or (same == replace(known, last_prices=same.last_prices) and not account.store.has_journal()):
        return
    # Whoever is at work notes its own reading; where nothing can be written, planning goes on without.
    with suppress(AccountIsLocked, DataFolderUnusable):
        account.store.change_state(lambda kept: with_reading(kept, state), account.clock())


def plan_snapshot(
    policy: Policy,
    snapshot: Path,
    *,
    progress: Path | None = None,
    scope: PlanScope = PlanScope(),  # noqa: B008 - it is frozen
    now: datetime | None = None,
    overrides: Mapping[str, Decimal | int] | None = None,
) -> Planned:
    """Plan for a recorded account; ``now`` is the moment it was recorded unless given.

    The data folder is not read. Raises FileIsInvalid for broken files.
    """
    recorded = snapshot_from_document(load_document(snapshot, "snapshot"))
    done = Progress() if progress is None else progress_from_document(load_document(progress, "state"))
    moment = now or recorded.taken_at
    given = PlanInput(rulebook_of(policy), recorded, moment, done, scope.within(recorded), is_recorded=True)
    return Planned(draft_plan(given), given, overrides or {})


def _report(account: Account, error: EngineDisagreement) -> None:
    """Save what reproduces a failure of the rule engine, and raise the alert."""
    content = error.reproducer.encode()
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.json"
    account.store.save_reproducer(name, content)
    figures = {"reason": str(error), "reproducer": name}
    account.store.raise_alert("ENGINE_DISAGREEMENT", account.clock(), figures)
