"""Where a reply does not say what an order filled, that is asked beside the next group: two groups are open at most."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.protocol import Found, OrderReport
from exitplan.executor.apply.events import Stop
from exitplan.executor.store.halt import halt
from exitplan.executor.store.journal import Journal
from exitplan.ruleset.errors import OutcomeUnknown
from tests.builders import NOW, order, position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, statuses
from tests.executor.test_data_folder import broken
from tests.executor.test_groups import five, held, rows
from tests.faults import SILENT, Crash, Fault

PLACED, ASKED = "place", "look up"


def ahead(scene: Scene, at_once: int = 2) -> Scene:
    scene.trouble.at_once, scene.trouble.asks_beside = at_once, True
    return scene


def seen_when_sending(scene: Scene) -> list[list[str]]:
    """Note, for each order that is sent, what the journal says of all of them."""
    seen: list[list[str]] = []
    scene.trouble.before.extend([lambda: seen.append([row["status"] for row in rows(scene, "intents")])] * 5)
    return seen


def test_what_a_group_filled_is_asked_beside_the_next(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()))
    result = scene.apply()
    assert (result.exit_code, statuses(result), held(scene)) == (0, ["done"] * 5, ["75"] * 5)
    calls = [call for call in scene.trouble.calls if call in {PLACED, ASKED}]
    assert calls == [PLACED] * 4 + [ASKED] * 2 + [PLACED] + [ASKED] * 3


def test_no_more_than_two_groups_are_open(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()), 1)
    seen = seen_when_sending(scene)
    assert scene.apply().exit_code == 0
    assert [statuses.count("sending") for statuses in seen] == [1, 2, 2, 2, 2]
    assert [statuses.count("done") for statuses in seen] == [0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "became"), [(Fault.LOST_AFTER, "done"), (Fault.REFUSED, "refused")], ids=["unknown", "refused"]
)
def test_a_group_of_which_not_every_order_was_accepted_is_resolved_before_the_next(
    on_stage: Stage, fault: Fault, became: str
) -> None:
    scene = ahead(on_stage(five()))
    scene.break_writes(Fault.NONE, fault)
    seen = seen_when_sending(scene)
    scene.apply()
    assert seen[2][:2] == ["done", became]


def test_an_order_that_nobody_can_tell_of_ends_the_run_after_the_group_beside_it(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()), 1)
    plan = scene.plan()
    scene.trouble.opens["paper-1"] = 99  # it is told as open whenever somebody asks
    result = scene.apply(plan)
    assert (result.exit_code, result.stop) == (9, Stop.OUTCOME_UNKNOWN)
    assert statuses(result) == ["needs_human", "done", "open", "open", "open"]


def test_a_halt_ends_the_run_with_everything_settled(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()), 1)
    scene.trouble.before.extend([None, lambda: halt(scene.folder.root, "stop", NOW)])
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (5, ["done"] * 2 + ["open"] * 3)


def test_who_dies_between_two_groups_leaves_both_to_be_asked_about(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()))
    plan = scene.plan()
    scene.break_writes(*[Fault.NONE] * 3, Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply(plan)
    assert [row["status"] for row in rows(scene, "intents")] == ["sending"] * 4 + ["planned"]
    assert scene.apply(plan).exit_code == 0
    assert (held(scene), len(scene.trouble.orders)) == (["75"] * 5, 5)


def test_a_question_that_fails_is_asked_again(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()))
    scene.trouble.look_ups.extend([SILENT] * 3)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)


def test_an_answer_about_another_order_is_none(on_stage: Stage) -> None:
    scene = ahead(on_stage(five()))
    other = OrderReport(
        order_id="1",
        client_order_id=None,
        symbol="ZZZ/USD",
        side="sell",
        type="market",
        status="cancelled",
        quantity=Decimal(1),
    )
    scene.trouble.look_ups.append(Found(other))
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)


def test_the_first_sale_waits_for_the_cancels_before_it(on_stage: Stage) -> None:
    stale = order("old", "AAA/USD", "sell", 10, price=500, minutes=60)
    held_up = snapshot(position("AAA/USD", 100, locked=10), position("BBB/USD", 100), orders=[stale])
    scene = ahead(on_stage(held_up))
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (0, ["done"] * 3)
    # To plan, to apply, and once the cancel is known to be done.
    assert scene.trouble.calls[: scene.trouble.calls.index(PLACED)] == ["read", "read", "cancel", "read"]


def test_a_journal_that_breaks_while_two_groups_are_open_tells_of_the_orders_of_both(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = ahead(on_stage(five()))
    plan = scene.plan()
    with monkeypatch.context() as context:
        breaks = lambda: [context.setattr(Journal, name, broken) for name in ("begin_sending", "settle")]  # noqa: E731
        scene.trouble.before.extend([None, None, breaks])
        with pytest.raises(OutcomeUnknown, match="does not know the outcome of 4 orders"):
            scene.apply(plan)
    assert (scene.apply(plan).exit_code, held(scene), len(scene.trouble.orders)) == (0, ["75"] * 5, 5)
