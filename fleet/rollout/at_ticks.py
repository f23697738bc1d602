"""Rollouts go on with the ticks of a fleet: whoever begins one looks after them first."""

from __future__ import annotations

from datetime import datetime

from exitplan.executor.logs import RUN, note
from exitplan.fleet.registry import Registry
from exitplan.fleet.rollout.tending import tend_rollout


def look_after_rollouts(registry: Registry, now: datetime) -> None:
    """Look after the rollouts before a tick, and log what was done; raises what :func:`tend_rollout` does."""
    for one in tend_rollout(registry, now):
        note(RUN, "rollout_tended", rollout=one.rollout.number, step=str(one.decision.step), moved=one.moved)
