"""A clock that is off the venue's is told once, and once more when it is right again."""

from __future__ import annotations

from exitplan.brokers.clock_offset import ClockOffset
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy


def verified(scene: Scene, offset: ClockOffset | None) -> list[str]:
    """Verify where the venue tells such a time; gives what is told then."""
    before = len(scene.alerts())
    scene.trouble.clock_offset = offset
    scene.clock.advance(60)
    scene.verify()
    return [alert["alert_type"] for alert in scene.alerts()[before:]]


def test_a_clock_that_is_off_is_told_once_until_it_is_right_again(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    off, doubtful, right = ClockOffset(1.5, 2.6), ClockOffset(0.5, 1.6), ClockOffset(-0.5, 0.6)
    told = [verified(scene, offset) for offset in (right, doubtful, off, off, doubtful, None, off, right, right, off)]
    assert told == [[], [], ["CLOCK_OFF"], [], [], [], [], ["CLOCK_RIGHT"], [], ["CLOCK_OFF"]]


def test_the_alert_says_by_how_much_and_in_which_direction(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    verified(scene, ClockOffset(-2.58, -1.57))
    (alert,) = scene.alerts()
    assert alert["reason"] == "this machine's clock is 1.5 seconds or more ahead of the venue's"
    assert alert["severity"] == "WARNING"
