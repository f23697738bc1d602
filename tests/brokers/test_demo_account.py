"""The shipped demo account: what a first plan finds in it, and that a few runs clean it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exitplan.brokers.paper.account_file import DEMO
from exitplan.brokers.protocol import Broker, OrderReference, OrderRequest
from exitplan.brokers.registry import open_broker
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy, Protection, compile_policy
from exitplan.ruleset.model.progress import Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.schemas.documents import load_document
from exitplan.schemas.loading.yaml_loader import load_yaml
from tests.brokers.accounts import NOW, done

DEFAULT = Path(__file__).parents[2] / "policies" / "default.yaml"

FIRST_PLAN = {
    "ADA/USD": ("LEGACY_NON_COMPLIANT", "legacy.external", "legacy"),
    "ALGO/USD": ("ZOMBIE_LEGACY", "zombie.dust", "dust"),
    "ATOM/USD": ("LEGACY_NON_COMPLIANT", "legacy.untracked", "over-cap"),
    "AVAX/USD": ("STRATEGY_ALIGNED", None, None),
    "BTC/USD": ("STRATEGY_ALIGNED", None, None),
    "DOGE/USD": ("ZOMBIE_LEGACY", "zombie.dust", "dust"),
    "DOT/USD": ("LEGACY_NON_COMPLIANT", "legacy.no-exit-logic", "legacy"),
    "ETH/USD": ("STRATEGY_ALIGNED", None, None),
    "FTT/USD": ("ZOMBIE_LEGACY", "zombie.dust", "dust"),
    "LINK/USD": ("STRATEGY_ALIGNED", None, None),
    "LTC/USD": ("LEGACY_NON_COMPLIANT", "legacy.untracked", "over-cap"),
    "LUNA/USD": ("ZOMBIE_LEGACY", "zombie.unknown-asset", "zombie"),
    "NEAR/USD": ("ZOMBIE_LEGACY", "zombie.no-entry-price", "zombie"),
    "PEPE/USD": ("LEGACY_NON_COMPLIANT", "legacy.untracked", "over-cap"),
    "SHIB/USD": ("ZOMBIE_LEGACY", "zombie.dust", "dust"),
    "SOL/USD": ("STRATEGY_ALIGNED", None, None),
    "UNI/USD": ("LEGACY_NON_COMPLIANT", "legacy.external", "over-cap"),
    "VOUCHER/USD": ("DEFERRED", "deferred.price-implausible", None),
    "XLM/USD": ("ZOMBIE_LEGACY", "zombie.dust", "dust"),
    "XRP/USD": ("LEGACY_NON_COMPLIANT", "legacy.untracked", "legacy"),
}


@pytest.fixture(scope="module")
def policy() -> Policy:
    compiled, problems = compile_policy(load_yaml(DEFAULT).value)
    assert compiled is not None, problems
    return compiled


@pytest.fixture(scope="module")
def demo() -> Snapshot:
    return snapshot_from_document(load_document(DEMO, "snapshot"))


@pytest.fixture(scope="module")
def first(policy: Policy, demo: Snapshot) -> Draft:
    return draft_plan(PlanInput(Rulebook.of(policy), demo, demo.taken_at))


def test_every_category_and_every_exit_occurs(first: Draft) -> None:
    found = {
        decision.view.position.symbol: (
            decision.category,
            decision.rule.id if decision.rule else None,
            decision.exit.id if decision.exit else None,
        )
        for decision in first.decisions
    }
    assert found == FIRST_PLAN


def test_orders_are_stale_in_the_way_or_left_alone(first: Draft, demo: Snapshot) -> None:
    cancelled = {action.order_id: action.rule for action in first.actions if action.kind == "cancel_order"}
    assert cancelled == {
        "demo-1": "stale-limit-order",
        "demo-2": "stale-limit-order",
        "demo-5": "over-cap",
        "demo-6": "stale-limit-order",
        "demo-7": "orphan-stop",
    }
    assert {order.id for order in demo.open_orders} - cancelled.keys() == {"demo-3", "demo-4"}


def test_what_cannot_be_sold_is_blocked_for_three_reasons(first: Draft) -> None:
    blocked = {entry.symbol: (entry.reason, entry.escalate) for entry in first.blocked}
    assert blocked == {
        "ALGO/USD": ("below-minimum", False),
        "FTT/USD": ("market-inactive", False),
        "LUNA/USD": ("no-market", True),
    }


def test_no_guard_stands_in_the_way(first: Draft) -> None:
    assert all(verdict.ok for verdict in first.guards)


def test_twelve_are_counted_where_eight_are_allowed(first: Draft) -> None:
    assert (first.checks.counted, first.checks.max_positions) == (12, 8)


def test_what_orders_hold_is_what_the_account_locks(demo: Snapshot) -> None:
    buys = [order for order in demo.open_orders if order.side == "buy"]
    assert sum(order.remaining * order.price for order in buys if order.price) == demo.cash.locked
    for position in demo.positions:
        sells = [order for order in demo.open_orders if (order.symbol, order.side) == (position.symbol, "sell")]
        assert sum(order.remaining for order in sells) == position.locked


def apply(broker: Broker, draft: Draft) -> None:
    """Send a plan as it stands; every answer must be done."""
    for number, action in enumerate(draft.actions):
        if action.order_id is not None:
            [cancelled] = broker.cancel_orders([OrderReference(symbol=action.symbol, order_id=action.order_id)])
            done(cancelled)
        else:
            [placed] = broker.place_orders([_market_order(action, number)])
            done(placed)


def _market_order(action: Action, number: int) -> OrderRequest:
    return OrderRequest(
        client_order_id=str(number),
        symbol=action.symbol,
        side=action.side,
        type="market",
        quantity=action.quantity,
    )


def _after(draft: Draft) -> Progress:
    steps = {
        step.key: UnwindProgress(step.cycle, step.remaining_pct, step.initial_quantity, step.started_at)
        for step in draft.unwinds
    }
    return Progress(steps)


def test_four_runs_end_clean_once_the_delisted_coin_and_the_airdrop_are_protected(
    tmp_path: Path, policy: Policy
) -> None:
    days = iter(NOW + timedelta(days=365 + number) for number in range(100))
    broker = open_broker({"id": "platform", "options": {"start_from": "demo"}}, tmp_path, lambda: next(days))
    rulebook = Rulebook.of(replace(policy, protect=(Protection("LUNA/USD"), Protection("VOUCHER/USD"))))
    progress, states = Progress(), []
    for _run in range(4):
        account = broker.read_account()
        draft = draft_plan(PlanInput(rulebook, account, account.taken_at, progress))
        apply(broker, draft)
        progress = _after(draft)
        account = broker.read_account()
        states.append(draft_plan(PlanInput(rulebook, account, account.taken_at, progress)).checks.state)
    assert states[-1] == "CLEAN"
    assert "CLEAN" not in states[:-1]
