"""A person settles what the venue cannot tell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.executor.apply.manual_resolution import resolve_by_hand, unresolved_orders
from exitplan.ruleset.errors import UsageError
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.faults import SILENT, Fault


def stuck(on_stage: Stage, fault: Fault) -> tuple[Scene, Any, str]:
    """An account that stopped because nobody can tell what became of its slice of 25."""
    scene = on_stage(legacy())
    scene.break_writes(fault)
    scene.trouble.look_ups.extend([SILENT] * 4)
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 9
    (name,) = unresolved_orders(scene.open())
    return scene, plan, name


def test_an_order_found_filled_counts_and_the_run_goes_on(on_stage: Stage) -> None:
    scene, plan, name = stuck(on_stage, Fault.LOST_AFTER)
    resolve_by_hand(scene.open(), name, Decimal(25))
    assert scene.state().unwinds["AAA/USD"].cycle == 1
    assert (scene.apply(plan).exit_code, scene.held(), unresolved_orders(scene.open())) == (0, "75", {})


def test_an_order_that_never_traded_is_left_out_and_planned_again(on_stage: Stage) -> None:
    scene, plan, name = stuck(on_stage, Fault.LOST_BEFORE)
    resolve_by_hand(scene.open(), name, Decimal(0))
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "100")
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


def test_more_than_was_sent_is_not_believed(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with pytest.raises(UsageError, match="for 25: 26 cannot"):
        resolve_by_hand(scene.open(), name, Decimal(26))


def test_an_order_that_is_not_unresolved_is_refused_with_the_nearest_one(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with pytest.raises(UsageError) as refused:
        resolve_by_hand(scene.open(), name[:-1], Decimal(0))
    assert refused.value.hint == f"did you mean {name!r}?"
