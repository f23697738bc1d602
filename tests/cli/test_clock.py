"""A clock that is off the venue's, as commands tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.brokers.clock_offset import ClockOffset
from exitplan.cli.clock import tell_of_clock
from exitplan.executor.accounts.account import load_account_file
from exitplan.executor.doctor import Finding, examine_account
from tests.executor.scene import Scene, legacy, stage


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return stage(tmp_path, legacy())


def examined(scene: Scene, offset: ClockOffset | None) -> list[Finding]:
    scene.trouble.clock_offset = offset
    account = scene.open()
    found = examine_account(account, load_account_file(account.file), asks_venue=True)
    return [finding for finding in found if finding.check == "clock"]


@pytest.mark.parametrize(
    ("offset", "grade", "said"),
    [
        (ClockOffset(-0.25, 0.5), "ok", "differ by 0.5 seconds at most"),
        (ClockOffset(1.25, 2.5), "warning", "1.2 seconds or more behind the venue's"),
        (ClockOffset(-9.5, -8.25), "problem", "8.2 seconds or more ahead of the venue's"),
    ],
)
def test_the_doctor_shows_how_far_the_clock_is_off(scene: Scene, offset: ClockOffset, grade: str, said: str) -> None:
    (finding,) = examined(scene, offset)
    assert (finding.grade.value, said in finding.text) == (grade, True)
    assert ("nothing is sent" in (finding.hint or "")) == (grade == "problem")


def test_of_a_venue_that_tells_no_time_the_doctor_says_nothing(scene: Scene) -> None:
    assert examined(scene, None) == []


def test_a_difference_of_more_than_a_second_is_a_warning_on_stderr(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for offset in (None, ClockOffset(0.5, 1.5)):
        scene.trouble.clock_offset = offset
        tell_of_clock(scene.open())
    assert capsys.readouterr().err == ""
    scene.trouble.clock_offset = ClockOffset(1.5, 2.5)
    tell_of_clock(scene.open())
    assert "warning: platform: this machine's clock is 1.5 seconds or more behind" in capsys.readouterr().err
