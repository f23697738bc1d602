"""The cap: who is counted, when it is off, and who is chosen."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Position
from exitplan.ruleset.planning.plan import Document
from tests.builders import (
    A,
    B,
    Given,
    actions,
    ago,
    failed,
    judged,
    market,
    order,
    over_cap,
    plan_of,
    position,
    record,
    snapshot,
)

THREE = ("AAA/USD", "BBB/USD", "CCC/USD")


def counted(plan: Document) -> int:
    current: int = plan["checks"]["checks"]["position_count"]["current"]
    return current


def three(*more: Position, sizes: tuple[int, ...] = (10, 20, 30), **given: Given) -> Document:
    """Plan three aligned positions worth 1000, 2000 and 3000, under a cap of two."""
    account = given.pop("account", {})
    held = [position(symbol, size) for symbol, size in zip(THREE, sizes, strict=True)]
    account.setdefault("tracked", THREE)
    return plan_of(snapshot(*held, *more, **account), **{"max_positions": 2, **given})


def test_at_the_cap_nothing_is_chosen() -> None:
    assert over_cap(three(max_positions=3)) == []


def test_above_it_the_smallest_goes() -> None:
    plan = three()
    assert over_cap(plan) == ["AAA/USD"]
    assert judged(plan) == (B, "legacy.over-cap")
    assert actions(plan) == [("close", "AAA/USD", "10", "over-cap")]


def test_a_cap_of_zero_chooses_all() -> None:
    assert over_cap(three(max_positions=0)) == list(THREE)


def test_category_b_goes_before_smaller_ones_of_category_a() -> None:
    plan = three(account={"tracked": THREE[:2]})
    assert over_cap(plan) == ["CCC/USD"]
    assert judged(plan, "CCC/USD") == (B, "legacy.untracked")
    assert actions(plan) == [("close", "CCC/USD", "30", "over-cap")]


def test_scope_legacy_spares_category_a() -> None:
    plan = three(account={"tracked": THREE[:2]}, max_positions=1, cap={"scope": "legacy"})
    assert over_cap(plan) == ["CCC/USD"]
    assert judged(plan) == (A, None)


def test_equal_values_go_by_the_worse_result() -> None:
    records = {"AAA/USD": record(entry=100), "BBB/USD": record(entry=200), "CCC/USD": record(entry=50)}
    assert over_cap(three(sizes=(10, 10, 10), account={"tracked": records})) == ["BBB/USD"]


@pytest.mark.parametrize(("entry", "chosen"), [(200, "BBB/USD"), (50, "AAA/USD")])
def test_an_unknown_result_counts_as_zero(entry: int, chosen: str) -> None:
    account = snapshot(position(), position("BBB/USD", entry=entry))
    assert over_cap(plan_of(account, max_positions=1)) == [chosen]


def test_then_the_oldest_goes_and_an_unknown_age_is_last() -> None:
    held = [position(), position("BBB/USD", opened_at=ago(5)), position("CCC/USD", opened_at=ago(6))]
    assert over_cap(plan_of(snapshot(*held), max_positions=2)) == ["CCC/USD"]
    assert over_cap(plan_of(snapshot(*held), max_positions=1)) == ["BBB/USD", "CCC/USD"]


def test_then_the_symbol_decides() -> None:
    assert over_cap(three(sizes=(10, 10, 10))) == ["AAA/USD"]


def test_long_comes_before_short() -> None:
    held = [position("X/USD:USD", side="short"), position("X/USD:USD")]
    plan = plan_of(snapshot(*held), max_positions=1)
    assert [found["facts"]["over_cap"] for found in plan["positions"]] == [True, False]
    assert [found["facts"]["side"] for found in plan["positions"]] == ["long", "short"]


def test_rank_by_is_the_policy_s() -> None:
    records = {"AAA/USD": record(entry=100), "BBB/USD": record(entry=200), "CCC/USD": record(entry=300)}
    assert over_cap(three(account={"tracked": records}, cap={"rank_by": ["pnl_pct"]})) == ["CCC/USD"]


def test_ranking_stays_inside_the_category() -> None:
    assert over_cap(three(account={"tracked": ["AAA/USD"]}, max_positions=1)) == ["BBB/USD", "CCC/USD"]


def test_dust_and_zombies_that_this_plan_closes_are_not_counted() -> None:
    plan = three(
        position("DUST/USD", "0.001"), position("ZOMBIE/USD"), account={"markets": {"ZOMBIE/USD": market(None)}},
        max_positions=3,
    )  # fmt: skip
    assert counted(plan) == 3
    assert over_cap(plan) == []


def test_unsellable_zombies_are_not_counted() -> None:
    plan = three(position("GONE/USD"), account={"markets": {"GONE/USD": None}}, max_positions=3)
    assert counted(plan) == 3


def test_unless_the_policy_counts_them() -> None:
    plan = three(
        position("GONE/USD"), account={"markets": {"GONE/USD": None}}, max_positions=3, cap={"count_untradeable": True}
    )
    assert counted(plan) == 4
    assert over_cap(plan) == ["AAA/USD"]


def test_unsellable_dust_is_among_the_unsellable_zombies() -> None:
    listed = {"DUST/USD": market(100, min_amount=1)}
    given: dict[str, Any] = {"account": {"markets": listed}, "max_positions": 3}
    assert counted(three(position("DUST/USD", "0.001"), **given)) == 3
    assert counted(three(position("DUST/USD", "0.001"), **given, cap={"count_untradeable": True})) == 4


def test_unsellable_positions_of_other_categories_are_counted_but_never_chosen() -> None:
    plan = three(account={"markets": {"AAA/USD": market(100, active=False)}})
    assert counted(plan) == 3
    assert over_cap(plan) == ["BBB/USD"]


def test_a_zombie_whose_exit_is_blocked_as_locked_is_counted() -> None:
    plan = three(position("ZOMBIE/USD", locked=10), account={"markets": {"ZOMBIE/USD": market(None)}})
    assert plan["blocked"][0]["reason"] == "locked"
    assert counted(plan) == 4
    assert over_cap(plan) == ["AAA/USD", "BBB/USD"]


def test_a_zombie_whose_attempts_are_used_up_is_counted_but_never_chosen() -> None:
    account = snapshot(*map(position, THREE), tracked=THREE[1:], markets={"AAA/USD": market(None)})
    plan = plan_of(account, failed(AAA=1), max_positions=2)
    assert counted(plan) == 3
    assert over_cap(plan) == ["BBB/USD"]


def test_while_a_position_is_deferred_nothing_is_chosen() -> None:
    down = {"DDD/USD": market(100, price_status="unavailable")}
    plan = three(position("DDD/USD"), account={"markets": down})
    assert counted(plan) == 4
    assert over_cap(plan) == []
    assert plan["actions"] == []


def test_a_protected_deferred_position_does_not_switch_the_cap_off() -> None:
    down = {"DDD/USD": market(100, price_status="unavailable")}
    plan = three(position("DDD/USD"), account={"markets": down}, protect=[{"symbol": "DDD/USD"}])
    assert counted(plan) == 3
    assert over_cap(plan) == ["AAA/USD"]


def test_protected_positions_are_neither_counted_nor_chosen() -> None:
    assert over_cap(three(protect=[{"symbol": "AAA/USD"}])) == []
    assert over_cap(three(protect=[{"symbol": "AAA/USD"}], max_positions=1)) == ["BBB/USD"]


def test_there_may_be_fewer_candidates_than_excess() -> None:
    plan = three(account={"markets": dict.fromkeys(THREE[:2], market(100, active=False))}, max_positions=0)
    assert over_cap(plan) == ["CCC/USD"]


def test_the_chosen_are_classified_again_with_the_fact() -> None:
    rules = [
        {"id": "spared", "category": "ZOMBIE_LEGACY", "when": {"over_cap": True}},
        {"id": "rest", "category": "LEGACY_NON_COMPLIANT", "when": {"tracked": False}},
    ]
    plan = plan_of(snapshot(position(), position("BBB/USD", 20)), max_positions=1, classification=rules)
    assert judged(plan) == ("ZOMBIE_LEGACY", "spared")
    assert judged(plan, "BBB/USD") == (B, "rest")


def test_an_unwind_under_way_is_counted_and_may_be_chosen() -> None:
    plan = three(account={"tracked": THREE[1:]})
    assert actions(plan) == [("close", "AAA/USD", "10", "over-cap")]


def test_a_chosen_position_cancels_its_orders_first() -> None:
    plan = three(account={"orders": [order("o1", "AAA/USD", quantity=4)]})
    assert [found[0] for found in actions(plan)] == ["cancel_order", "close"]
