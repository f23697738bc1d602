"""A position is an asset: what is held under another market is neither gone nor done."""

from __future__ import annotations

import pytest

from exitplan.ruleset.errors import PlanIsStale
from tests.builders import market, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, legacy, statuses


def rename(scene: Scene, old: str, new: str) -> None:
    """Let the venue show a position under another market, as readers do where the first is no longer listed."""
    document = scene.document()
    for entry in document["positions"]:
        if entry["symbol"] == old:
            entry["symbol"] = new
    document["markets"][new] = document["markets"].pop(old)
    document["rates"] = {"EUR": "1"}
    scene._write(document)


def test_a_position_under_another_market_is_stale_and_not_done(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    rename(scene, "AAA/USD", "AAA/EUR")
    with pytest.raises(PlanIsStale, match="it is held as AAA/EUR now"):
        scene.apply(plan)
    assert (scene.trouble.sent, scene.held("AAA/EUR")) == ([], "100")


def test_its_record_and_progress_stay_while_its_balance_is_there(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)))
    scene.track(AAA=record("manual"))
    scene.apply()
    scene.clock.advance(60)
    plan = scene.plan()
    rename(scene, "AAA/USD", "AAA/EUR")
    result = scene.apply(plan)
    assert statuses(result) == ["skipped", "done"]
    assert (set(scene.tracked()), scene.state().unwinds["AAA/EUR"].cycle) == ({"AAA/USD"}, 1)


def test_an_unwind_goes_on_under_the_other_market(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    rename(scene, "AAA/USD", "AAA/EUR")
    scene.clock.advance(60)
    assert (scene.apply().exit_code, scene.held("AAA/EUR")) == (0, "56.25")


def test_a_record_goes_once_the_balance_is_gone(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("OWN/USD", 100)))
    scene.track(AAA=record(entry=None), OWN=record())
    scene.apply()
    assert (scene.held(), set(scene.tracked())) == ("0", {"OWN/USD"})


def test_a_record_stays_where_a_part_is_left(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.track(AAA=record("manual"))
    scene.apply()
    assert (scene.held(), set(scene.tracked())) == ("75", {"AAA/USD"})


def test_a_market_that_is_suspended_after_the_plan_sends_nothing_and_forgets_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)))
    scene.track(AAA=record("manual"))
    scene.apply()
    scene.clock.advance(60)
    plan = scene.plan()
    scene.list_market("AAA/USD", active=False)
    result = scene.apply(plan)
    assert (statuses(result), scene.held()) == (["skipped", "done"], "75")
    assert "the market does not trade" in str(result.outcomes[0].reason)
    assert (set(scene.tracked()), "AAA/USD" in scene.state().unwinds) == ({"AAA/USD"}, True)
    scene.list_market("AAA/USD", active=True)
    scene.clock.advance(60)
    assert (scene.apply().exit_code, scene.held()) == (0, "56.25")


def test_protection_covers_the_asset_in_whatever_market(on_stage: Stage) -> None:
    markets = {"AAA/EUR": market(100)}
    scene = on_stage(
        snapshot(position("AAA/EUR", 100), markets=markets, rates={"EUR": "1"}),
        protect=[{"symbol": "AAA/USD", "reason": "mine"}],
    )
    assert (kinds(scene.plan()), scene.apply().exit_code, scene.held("AAA/EUR")) == ([], 0, "100")
