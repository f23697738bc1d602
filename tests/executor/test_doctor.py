"""What is made of what a venue tells of the clock and the key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from exitplan.brokers.clock_offset import ClockOffset
from exitplan.brokers.inspection import Inspection, KeyRights
from exitplan.executor.doctor import examine_venue
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy

AS_IT_SHOULD_BE = KeyRights(frozenset({"read", "trade"}), True)


class Telling:
    """The scene's broker, at a venue that tells what it is asked."""

    def __init__(self, scene: Scene, told: Inspection) -> None:
        self._broker, self._told = scene.open().broker, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def inspect(self) -> Inspection:
        return self._told


def examined(scene: Scene, told: Inspection) -> Iterator[tuple[str, str, str]]:
    account = replace(scene.open(), venue="kraken", broker=cast("Any", Telling(scene, told)))
    for finding in examine_venue(account):
        if finding.check != "venue":
            yield finding.check, finding.grade.value, finding.text


def test_a_key_that_may_read_and_trade_from_here_is_well(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.trouble.clock_offset = ClockOffset(-0.2, 0.9)
    assert list(examined(scene, Inspection(AS_IT_SHOULD_BE))) == [
        ("clock", "ok", "this machine's clock and the venue's differ by 0.9 seconds at most"),
        ("key", "ok", "it may read, trade"),
    ]


def test_a_key_that_may_withdraw_or_do_more_than_is_needed_is_a_warning(on_stage: Stage) -> None:
    rights = KeyRights(frozenset({"read", "withdraw", "margin"}), is_bound=False)
    said = [text for check, grade, text in examined(on_stage(legacy()), Inspection(rights)) if grade == "warning"]
    assert said == [
        "it may withdraw: whoever has it can take everything",
        "it may not trade: plans can be made but not applied",
        "it has rights that exitplan does not need: margin",
        "it can be used from any address",
    ]


def test_a_clock_that_is_off_is_a_problem_and_silence_is_told(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.trouble.clock_offset = ClockOffset(30, 31)
    found = list(examined(scene, Inspection()))
    assert [(check, grade) for check, grade, _ in found] == [("clock", "problem"), ("key", "ok")]
    assert found[1][2] == "kraken does not tell its rights"
    assert list(examined(scene, Inspection(problem="no answer")))[1][1] == "warning"
