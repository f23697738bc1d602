"""Phase 1 on positions that a caller hands over: the same rules, and nothing is read but what they lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from msgspec import structs

from exitplan.brokers.duck_typed.broker import AdaptedBroker
from exitplan.brokers.duck_typed.holdings import AskPrice, read_holdings
from exitplan.brokers.duck_typed.told_account import Balance, snapshot_of, without_derived
from exitplan.dropin.names import ExitStrategy
from exitplan.dropin.sources import ReadOnlyTracker
from exitplan.executor.accounts.account import Account
from exitplan.executor.plan import read_state
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.planner import PlanInput, draft_plan


@dataclass(frozen=True, slots=True)
class Classified:
    """What the rules say of one position; ``name`` is its symbol as the caller spells it."""

    name: str
    category: Category
    strategy: ExitStrategy
    rule: str | None = None


def classify(
    account: Account,
    positions: Sequence[Mapping[str, Any]],
    balance: Balance,
    ask_price: AskPrice,
    *,
    capped: bool = True,
) -> list[Classified]:
    """Classify positions, in their order, as if they were all of an account with this balance.

    Without ``capped`` the cap chooses none of them. Where a program's own tracker cannot tell its record of a position,
    the position is what it would be with any record, and DEFERRED where that makes a difference. Raises
    AccountUnreadable for what are no positions, and EngineDisagreement.
    """
    now = account.clock()
    holdings = read_holdings(positions, ask_price)
    if isinstance(account.broker, AdaptedBroker):
        account.broker.names.update({holding.position.symbol: holding.name for holding in holdings})
    account = account if capped else replace(account, rulebook=uncapped(account.rulebook))
    told = snapshot_of(account.id, holdings, (), balance, now)
    answers = []
    for snapshot in _with_records(account, told):
        known = without_derived(snapshot, holdings, snapshot.tracker)
        decided = {decision.view.position.key: decision for decision in _decide(account, known)}
        decisions = [(holding.name, decided[holding.position.key]) for holding in holdings]
        answers.append([_classified(name, decision) for name, decision in decisions])
    return [_agreed(alternatives) for alternatives in zip(*answers, strict=True)]


def _with_records(account: Account, told: Snapshot) -> Iterable[Snapshot]:
    """Return the snapshot the tracker's records; as often as a record that is not known can make a difference."""
    tracker = account.tracker
    if not isinstance(tracker, ReadOnlyTracker):
        return [tracker.with_records(told)]
    known, failed = tracker.ask(told)
    if not failed:
        return [known]
    source = next(iter(account.rulebook.policy.strategy_sources), None)
    records = (None, TrackerRecord(), TrackerRecord(entry_price=Decimal(1), position_source=source))
    return [
        structs.replace(known, tracker={**known.tracker, **({} if record is None else dict.fromkeys(failed, record))})
        for record in records
    ]


def _decide(account: Account, snapshot: Snapshot) -> Sequence[Decision]:
    return draft_plan(PlanInput(account.rulebook, snapshot, account.clock(), read_state(account).progress)).decisions


def _classified(name: str, decision: Decision) -> Classified:
    return Classified(name, decision.category, strategy_of(decision), decision.rule.id if decision.rule else None)


def _agreed(alternatives: Sequence[Classified]) -> Classified:
    """Return what a position is under every alternative, DEFERRED where they differ."""
    first = alternatives[0]
    if all(other.category is first.category for other in alternatives):
        return first
    return Classified(first.name, Category.DEFERRED, ExitStrategy.EMERGENCY_STOP)


def uncapped(rulebook: Rulebook) -> Rulebook:
    """Return the same rules without a cap."""
    most = PARAMETERS["max_positions"].maximum
    return structs.replace(rulebook, policy=replace(rulebook.policy, max_positions=int(most or 0)))


def strategy_of(decision: Decision) -> ExitStrategy:
    """Name what is to become of a position by the exit that would run; one without an exit is left alone."""
    rule = decision.exit
    if rule is None or decision.is_deferred or decision.is_protected or rule.action == "attach_stop":
        return ExitStrategy.EMERGENCY_STOP
    if rule.action == "unwind":
        return ExitStrategy.GRADUAL_UNWIND
    is_chosen = decision.view.facts["over_cap"] is True
    return ExitStrategy.WORST_FIRST if is_chosen else ExitStrategy.MARKET_IMMEDIATE
