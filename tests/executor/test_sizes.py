"""What the venue will take: exits in parts, sized just before each order, and sent again a little smaller."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import RefusalReason
from exitplan.executor.store.journal_file import open_journal
from tests.builders import market, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, statuses
from tests.faults import Fault

SOL = "SOL/USD"


def large(on_stage: Stage, quantity: str = "450", **changes: Any) -> Scene:
    """A zombie of 450 on a market that takes 100 in one market order."""
    markets = {SOL: market(100, step="1", min_amount="1", market_max_amount=100)}
    return on_stage(snapshot(position(SOL, quantity), markets=markets, tracked={SOL: record(entry=None)}), **changes)


def asked(scene: Scene) -> list[Decimal]:
    return [sent.quantity for sent in scene.trouble.orders]


def test_an_exit_above_a_maximum_is_sent_in_parts_with_ids_of_their_own(on_stage: Stage) -> None:
    scene = large(on_stage)
    plan = scene.plan()
    assert [action["id"] for action in plan["actions"]] == ["a1.1", "a1.2", "a1.3", "a1.4", "a1.5"]
    result = scene.apply(plan)
    assert (result.exit_code, asked(scene), scene.held(SOL)) == (0, [Decimal(90)] * 5, "0")
    names = [sent.client_order_id for sent in scene.trouble.orders]
    assert names == [action["client_order_id"] for action in plan["actions"]]
    assert len(set(names)) == 5


def test_parts_are_journalled_one_by_one(on_stage: Stage) -> None:
    scene = large(
        on_stage, exits=[{"id": "zombie", "rule": 4, "when": {"category": "ZOMBIE_LEGACY"}, "action": "close"}]
    )
    plan = scene.plan()
    scene.break_writes(Fault.NONE, Fault.REFUSED)
    scene.apply(plan)
    with open_journal(scene.folder.journal) as journal:
        intents = journal.intents(plan["plan_id"])
    assert [(name, intent.status, intent.filled) for name, intent in intents.items()] == [
        ("a1.1", "done", Decimal(90)),
        ("a1.2", "refused", Decimal(0)),
        ("a1.3", "done", Decimal(90)),
        ("a1.4", "done", Decimal(90)),
        ("a1.5", "done", Decimal(90)),
    ]


def test_a_part_that_is_refused_ends_an_exit_that_is_tried_once(on_stage: Stage) -> None:
    scene = large(on_stage)
    scene.break_writes(Fault.NONE, Fault.REFUSED)
    result = scene.apply()
    assert statuses(result) == ["done", "refused", "skipped", "skipped", "skipped"]
    assert (scene.state().failed_exits, scene.held(SOL)) == ({SOL: 1}, "360")


def test_before_each_further_part_the_account_is_read_also_where_others_go_with_it(on_stage: Stage) -> None:
    markets = {SOL: market(100, step="1", min_amount="1", market_max_amount=60)}
    scene = on_stage(snapshot(position(SOL, 400), position("ZZZ/USD", 100), markets=markets))
    scene.trouble.at_once = 2
    plan = scene.plan()
    assert [action["symbol"] for action in plan["actions"]] == [SOL, SOL, "ZZZ/USD"]
    scene.trouble.calls.clear()
    assert scene.apply(plan).exit_code == 0
    assert (scene.trouble.groups, scene.trouble.calls) == ([1, 2], ["read", "place", "read", "place", "place", "read"])


def test_a_position_closed_in_parts_counts_once(on_stage: Stage) -> None:
    scene = large(on_stage)
    scene.apply()
    metrics = scene.state().metrics
    assert (metrics.total_positions_cleaned, metrics.zombie_positions_closed) == (1, 1)


def test_parts_count_one_by_one_against_the_guard(on_stage: Stage) -> None:
    scene = large(on_stage, guards={"max_actions": 4})
    assert [guard["name"] for guard in scene.plan()["guards"] if not guard["ok"]] == ["max_actions"]


def test_parts_that_were_interrupted_are_finished_by_the_same_plan(on_stage: Stage) -> None:
    scene = large(on_stage)
    plan = scene.plan()
    assert scene.apply(plan, stop_after=2).exit_code == 8
    assert asked(scene) == [Decimal(90)] * 2
    assert (scene.apply(plan).exit_code, scene.held(SOL), asked(scene)) == (0, "0", [Decimal(90)] * 5)


def test_a_part_that_is_filled_in_part_leaves_the_rest_to_the_next_plan(on_stage: Stage) -> None:
    scene = large(on_stage)
    scene.break_writes(Fault.PARTIAL)
    scene.apply()
    assert scene.held(SOL) == "45"
    scene.clock.advance(60)
    scene.apply()
    assert scene.held(SOL) == "0"


def test_parts_of_an_unwind_count_the_cycle_once_all_are_sold(on_stage: Stage) -> None:
    markets = {SOL: market(100, step="1", min_amount="1", market_max_amount=60)}
    scene = on_stage(snapshot(position(SOL, 400), markets=markets))
    plan = scene.plan()
    assert kinds(plan) == ["unwind", "unwind"]
    scene.apply(plan, stop_after=1)
    assert scene.state().unwinds[SOL].cycle == 0
    scene.apply(plan)
    assert (scene.state().unwinds[SOL].cycle, scene.held(SOL)) == (1, "300")


def test_what_is_sold_of_it_by_another_between_two_parts_is_not_sold_twice(on_stage: Stage) -> None:
    scene = large(on_stage)
    plan = scene.plan()
    scene.trouble.before.extend([None, lambda: scene.hold(SOL, "90")])
    scene.apply(plan)
    assert (sum(asked(scene)) <= Decimal(180), scene.held(SOL)) == (True, "0")


def test_the_coin_that_pays_the_fees_is_sold_last_and_sized_anew(on_stage: Stage) -> None:
    coin, other = "BNB/USD", "ZZZ/USD"
    account = snapshot(
        position(coin, 10),
        position(other, 100),
        markets={coin: market(100, step="0.001"), other: market(100)},
        tracked={coin: record(entry=None), other: record(entry=None)},
    )
    scene = on_stage(account, options={"fee_asset": "BNB", "taker_fee": "0.001"}, guards={"max_zombie_pct": 1})
    plan = scene.plan()
    assert [action["symbol"] for action in plan["actions"]] == [coin, other]
    result = scene.apply(plan)
    assert [(sent.symbol, sent.quantity) for sent in scene.trouble.orders] == [
        (other, Decimal(100)),
        (coin, Decimal("9.9")),  # ten of fees were paid in it
    ]
    assert (result.exit_code, statuses(result), scene.state().failed_exits) == (0, ["done", "done"], {})


def short_of(scene: Scene, symbol: str, share: str) -> None:
    """Let a little of a position vanish when its order is on its way, as a fee does."""
    held = Decimal(scene.held(symbol))
    scene.trouble.before.append(lambda: scene.hold(symbol, str(held * Decimal(share))))


@pytest.mark.parametrize(("share", "sold"), [("0.9995", "449"), ("0.992", "446"), ("0.99", None), ("0.98", None)])
def test_an_exit_with_too_little_balance_is_sent_once_more_one_percent_smaller_at_most(
    on_stage: Stage, share: str, sold: str | None
) -> None:
    markets = {SOL: market(100, step="1", min_amount="1")}
    scene = on_stage(snapshot(position(SOL, 450), markets=markets, tracked={SOL: record(entry=None)}))
    plan = scene.plan()
    short_of(scene, SOL, share)
    result = scene.apply(plan)
    assert asked(scene) == [Decimal(450), *([] if sold is None else [Decimal(sold)])]
    assert statuses(result) == ["done" if sold else "skipped"]
    assert scene.state().failed_exits == {}


def test_the_journal_keeps_why_an_exit_was_sent_once_more(on_stage: Stage) -> None:
    markets = {SOL: market(100, step="1", min_amount="1")}
    scene = on_stage(snapshot(position(SOL, 450), markets=markets, tracked={SOL: record(entry=None)}))
    plan = scene.plan()
    short_of(scene, SOL, "0.9995")
    scene.apply(plan)
    with closing(sqlite3.connect(scene.folder.journal)) as journal:
        attempts = journal.execute("SELECT outcome, message FROM attempts ORDER BY attempt").fetchall()
    assert [outcome for outcome, _ in attempts] == ["not sent", "done"]
    assert attempts[0][1].startswith(RefusalReason.INSUFFICIENT_BALANCE.value)


def test_too_little_balance_a_second_time_is_refused_and_still_no_failed_exit(on_stage: Stage) -> None:
    markets = {SOL: market(100, step="0.001")}
    scene = on_stage(snapshot(position(SOL, 450), markets=markets, tracked={SOL: record(entry=None)}))
    plan = scene.plan()
    scene.trouble.before.extend([lambda: scene.hold(SOL, "449.9"), lambda: scene.hold(SOL, "449.8")])
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), len(asked(scene))) == (4, ["refused"], 2)
    assert scene.state().failed_exits == {}
    scene.clock.advance(60)
    assert (scene.apply().exit_code, scene.held(SOL)) == (0, "0")
