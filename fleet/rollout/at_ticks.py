"""Rollouts go on with the ticks of a fleet: whoever begins one looks after them first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exitplan.brokers.protocol import Clock
from exitplan.executor.logs import RUN, note
from exitplan.fleet.registry import Registry
from exitplan.fleet.rollout.tending import tend_rollout
from exitplan.fleet.runner.port import ShardCycle
from exitplan.fleet.runner.ticks import Begun
from exitplan.fleet.runner.worker import Told
from exitplan.ruleset.errors import ExitplanError


@dataclass(frozen=True, slots=True)
class LookingAfterRollouts:
    """Hears of ticks on behalf of another one, and looks after the rollouts at each that this worker has begun."""

    told: Told
    registry: Registry
    clock: Clock

    def begun(self, begun: Begun) -> None:
        """Look after the rollouts, unless the tick is skipped; what fails there is logged, and the tick goes on."""
        if begun.is_new and begun.running is None:
            try:
                tended = tend_rollout(self.registry, self.clock())
            except ExitplanError as problem:
                note(RUN, "rollouts_not_tended", level=logging.WARNING, message=str(problem))
            else:
                for one in tended:
                    step = str(one.decision.step)
                    note(RUN, "rollout_tended", rollout=one.rollout.number, step=step, moved=one.moved)
        self.told.begun(begun)

    def shard(self, cycle: ShardCycle, figures: Mapping[str, Any]) -> None:
        """Pass it on."""
        self.told.shard(cycle, figures)

    def alive(self) -> None:
        """Pass it on."""
        self.told.alive()
