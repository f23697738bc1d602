"""A rollout goes on with the ticks that begin, and with no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from exitplan.fleet.rollout.at_ticks import LookingAfterRollouts
from exitplan.fleet.rollout.book import read_rollout
from exitplan.fleet.rollout.selection import Where
from exitplan.fleet.rollout.stages import Pace
from exitplan.fleet.rollout.starting import Wanted, start_rollout
from exitplan.fleet.rollout.targets import Targets
from exitplan.fleet.runner.ticks import Begun
from exitplan.fleet.runner.worker import Untold
from tests.builders import NOW
from tests.fleet.rollout.conftest import Fleet


def test_whoever_begins_a_tick_looks_after_the_rollouts(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    fleet.add("a", "b")
    pace = Pace((Decimal("0.5"), Decimal(1)), timedelta(hours=1), Decimal("0.1"))
    wanted = Wanted(Targets(policy_file(parameters={"max_positions": 3})), Where.parse(""), pace, "ann")
    with fleet.work() as connection:
        start_rollout(connection, wanted, NOW)
    later = NOW + timedelta(minutes=5)
    looks = LookingAfterRollouts(Untold(), fleet.registry, lambda: later)

    def looked() -> bool:
        with fleet.work() as connection:
            return read_rollout(connection, 1).looked.ours == later

    looks.begun(Begun(1, is_new=False))
    looks.begun(Begun(2, is_new=True, running=1, left=3))
    assert not looked()
    looks.begun(Begun(3, is_new=True))
    assert looked()
