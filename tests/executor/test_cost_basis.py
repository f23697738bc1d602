"""What a rule wants to know of a position's past is asked of the venue, and only then."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.executor.plan import with_cost_basis
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.cost_basis import CostBasis
from tests.builders import NOW, ago, position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import legacy, zombie

EARLIER = ago(minutes=5)
BOUGHT = CostBasis(Decimal(80), NOW)


def test_a_position_that_the_trades_explain_is_no_zombie_for_plan_and_verify_alike(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.trouble.history["AAA/USD"] = BOUGHT
    plan = scene.plan()
    assert (plan["actions"], plan["checks"]["state"], scene.verify().state) == ([], "CLEAN", "CLEAN")
    assert (scene.apply(plan).exit_code, scene.says()) == (0, "CLEAN")


def test_a_position_that_the_trades_do_not_explain_stays_a_zombie(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    assert [action["rule"] for action in scene.plan()["actions"]] == ["zombie"]
    assert scene.trouble.calls == ["read", "basis"]


def test_trades_are_not_asked_for_where_no_rule_cares(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    assert "basis" not in scene.trouble.calls


def test_trades_that_cannot_be_read_are_no_plan(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.trouble.reads.extend([True, False])
    with pytest.raises(AccountUnreadable):
        scene.plan()


def test_what_the_venue_says_itself_stands() -> None:
    known = position("AAA/USD", entry=70)
    dated = position("BBB/USD", opened_at=EARLIER)
    wrong = position("CCC/USD", entry=0)
    explained = dict.fromkeys(("AAA/USD", "BBB/USD", "CCC/USD"), BOUGHT)
    account = with_cost_basis(snapshot(known, dated, wrong, position("DDD/USD")), explained)
    told = [(found.entry_price, found.opened_at) for found in account.positions]
    assert told == [(Decimal(70), NOW), (Decimal(80), EARLIER), (Decimal(80), NOW), (None, None)]
