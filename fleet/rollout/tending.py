"""Look after the rollouts of a fleet, once a tick: go on, wait, or stop and tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from exitplan.executor.logs import RUN
from exitplan.executor.logs import note as log
from exitplan.executor.store.postgres.records import EVERYBODY
from exitplan.fleet.registry import Registry
from exitplan.fleet.rollout.alerting import raise_stopped
from exitplan.fleet.rollout.book import Noted, Rollout, change_rollout, clocks, note, rollout_numbers, take_rollout
from exitplan.fleet.rollout.health import Health, moved_members
from exitplan.fleet.rollout.moving import move
from exitplan.fleet.rollout.stages import Clocks, Decision, Standing, Step, credited, decide
from exitplan.ruleset.errors import ExitplanError

ITSELF = "exitplan"
"""Who is noted where no person has decided."""
_HALTED = "SELECT FROM exitplan.halts WHERE account = %s"
ReadClocks = Callable[[Connection[Any], datetime], Clocks]


@dataclass(frozen=True, slots=True)
class Tended:
    """What was done with a rollout at a look."""

    rollout: Rollout
    decision: Decision
    moved: int = 0


def tend_rollout(registry: Registry, now: datetime, *, read_clocks: ReadClocks = clocks) -> list[Tended]:
    """Look after every rollout that is running, each in a transaction of its own; to be called once a tick.

    One that somebody else is at is left to the next tick. Raises DataFolderUnusable where the database is away, and
    ExitplanError that names those with which something is wrong, once the others are looked after: these have not
    moved.
    """
    with registry.transaction() as connection:
        numbers = rollout_numbers(connection, running=True)
    tended, broken = [], []
    for number in numbers:
        try:
            with registry.transaction() as connection:
                rollout = take_rollout(connection, number, wait=False)
                if rollout is None or rollout.standing is not Standing.RUNNING:
                    continue
                one = _tend(connection, rollout, read_clocks(connection, now))
        except Exception as problem:  # noqa: BLE001 - whatever it is, the other rollouts go on or stop all the same
            broken.append(f"rollout {number}: {str(problem) or type(problem).__name__}")
        else:
            tended.append(one)
            log(RUN, "rollout_tended", rollout=number, step=str(one.decision.step), moved=one.moved)
    if broken:
        raise ExitplanError("; ".join(broken))
    return tended


def _tend(connection: Connection[Any], rollout: Rollout, at: Clocks) -> Tended:
    health = Health.of(moved_members(connection, rollout))
    is_halted = connection.execute(_HALTED, (EVERYBODY,)).fetchone() is not None
    held = rollout.held if is_halted else rollout.held + credited(rollout.pace.hold, rollout.looked, at)
    decision = decide(rollout.pace, rollout.stage, held, health.counts, is_halted=is_halted)
    looked = replace(rollout, held=held, looked=at, why=decision.why)
    match decision.step:
        case Step.NEXT:
            return begin_stage(connection, looked, ITSELF, decision)
        case Step.FINISH:
            return finish(connection, looked, ITSELF, decision)
        case Step.STOP:
            return _stop(connection, looked, decision, health)
        case Step.WAIT:
            change_rollout(connection, looked)
            return Tended(looked, decision)


def begin_stage(connection: Connection[Any], rollout: Rollout, who: str, decision: Decision) -> Tended:
    """Move on to the next stage: its accounts get their new policies, and its hold begins."""
    begun = replace(rollout, stage=rollout.stage + 1, standing=Standing.RUNNING, why="", held=rollout.held * 0)
    moved = move(connection, begun, begun.looked.ours)
    change_rollout(connection, begun)
    told = f"stage {begun.stage + 1} of {len(begun.pace.stages)}: {moved} accounts moved"
    note(connection, begun.number, Noted(begun.looked.ours, who, told, decision.why))
    return Tended(begun, decision, moved)


def finish(connection: Connection[Any], rollout: Rollout, who: str, decision: Decision) -> Tended:
    """End a rollout whose last stage was held."""
    done = replace(rollout, standing=Standing.DONE, why="", ended_at=rollout.looked.ours)
    change_rollout(connection, done)
    note(connection, done.number, Noted(done.looked.ours, who, "done", decision.why))
    return Tended(done, decision)


def _stop(connection: Connection[Any], rollout: Rollout, decision: Decision, health: Health) -> Tended:
    stopped = replace(rollout, standing=Standing.STOPPED)
    change_rollout(connection, stopped)
    note(connection, stopped.number, Noted(stopped.looked.ours, ITSELF, "stopped", decision.why))
    raise_stopped(connection, stopped, health)
    return Tended(stopped, decision)
