"""Phase 1 on positions that a caller hands over: the same rules, and nothing is read but what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from exitplan.brokers.duck_typed.broker import snapshot_of, without_derived
from exitplan.brokers.duck_typed.holdings import AskPrice, read_holdings
from exitplan.dropin.names import ExitStrategy
from exitplan.executor.accounts.account import Account
from exitplan.executor.plan import read_state
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.planner import PlanInput, draft_plan


@dataclass(frozen=True, slots=True)
class Classified:
    """What the rules say of one position; ``name`` is its symbol as the caller spells it."""

    name: str
    category: Category
    strategy: ExitStrategy


def classify(
    account: Account,
    positions: Sequence[Mapping[str, Any]],
    equity: Decimal,
    ask_price: AskPrice,
    *,
    capped: bool = True,
) -> list[Classified]:
    """Classify positions, in their order, as if they were all of an account with this equity.

    Without ``capped`` the cap chooses none of them. Raises AccountUnreadable for what are no positions, and
    EngineDisagreement.
    """
    now, state = account.clock(), read_state(account)
    holdings = read_holdings(positions, ask_price)
    snapshot = account.tracker.with_records(snapshot_of(account.id, holdings, (), equity, now))
    snapshot = without_derived(snapshot, holdings, snapshot.tracker)
    rulebook = account.rulebook if capped else uncapped(account.rulebook)
    draft = draft_plan(PlanInput(rulebook, snapshot, now, state.progress))
    decided = {decision.view.position.key: decision for decision in draft.decisions}
    decisions = [(holding.name, decided[holding.position.key]) for holding in holdings]
    return [Classified(name, decision.category, strategy_of(decision)) for name, decision in decisions]


def uncapped(rulebook: Rulebook) -> Rulebook:
    """Return the same rules without a cap."""
    most = PARAMETERS["max_positions"].maximum
    return replace(rulebook, policy=replace(rulebook.policy, max_positions=int(most or 0)))


def strategy_of(decision: Decision) -> ExitStrategy:
    """Name what is to become of a position by the exit that would run; one without an exit is left alone."""
    rule = decision.exit
    if rule is None or decision.is_deferred or decision.is_protected or rule.action == "attach_stop":
        return ExitStrategy.EMERGENCY_STOP
    if rule.action == "unwind":
        return ExitStrategy.GRADUAL_UNWIND
    is_chosen = decision.view.facts["over_cap"] is True
    return ExitStrategy.WORST_FIRST if is_chosen else ExitStrategy.MARKET_IMMEDIATE
