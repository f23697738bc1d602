"""What a person decides about a rollout: go on now, pause it, or abort it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from exitplan.fleet.rollout.book import Noted, Rollout, change_rollout, clocks, note, rollout_meant, take_rollout
from exitplan.fleet.rollout.moving import accept, put_back
from exitplan.fleet.rollout.stages import Decision, Standing, Step
from exitplan.fleet.rollout.tending import ITSELF, Tended, begin_stage, finish
from exitplan.ruleset.errors import UsageError


@dataclass(frozen=True, slots=True)
class Aborted:
    """A rollout that was aborted: how many accounts have their old policy back, and which were left alone."""

    rollout: Rollout
    put_back: int = 0
    left_alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, when and why; ``number`` is the rollout that was named, if one was."""

    who: str
    now: datetime
    why: str = ""
    number: int | None = None

    def note(self, connection: Connection[Any], rollout: Rollout, what: str) -> None:
        """Note what was decided."""
        note(connection, rollout.number, Noted(self.now, self.who or ITSELF, what, self.why))


def advance(connection: Connection[Any], person: Person) -> Tended:
    """Go on with the next stage at once, whatever stopped or paused the rollout; what fails now is accepted.

    After the last stage the rollout is done. Raises UsageError where it is over.
    """
    rollout = _taken(connection, person)
    accept(connection, rollout)
    decision = Decision(Step.NEXT, person.why)
    if rollout.stage + 1 >= len(rollout.pace.stages):
        return finish(connection, rollout, person.who, decision)
    return begin_stage(connection, rollout, person.who, decision)


def pause(connection: Connection[Any], person: Person) -> Rollout:
    """Let no account move until somebody says so; raises UsageError where the rollout is over."""
    rollout = _taken(connection, person)
    if rollout.standing is Standing.STOPPED:
        raise UsageError(f"rollout {rollout.number} has stopped: nothing moves", hint="advance it, or abort it")
    paused = replace(rollout, standing=Standing.PAUSED, why=person.why)
    change_rollout(connection, paused)
    person.note(connection, paused, "paused")
    return paused


def unpause(connection: Connection[Any], person: Person) -> Rollout:
    """End a pause: the stage is held as long as was left of its hold. Raises UsageError where it is not paused."""
    rollout = _taken(connection, person)
    if rollout.standing is not Standing.PAUSED:
        hint = "advance it, or abort it" if rollout.standing is Standing.STOPPED else ""
        raise UsageError(f"rollout {rollout.number} is not paused but {rollout.standing.value}", hint=hint or None)
    running = replace(rollout, standing=Standing.RUNNING, why="")
    change_rollout(connection, running)
    person.note(connection, running, "pause ended")
    return running


def abort(connection: Connection[Any], person: Person, *, roll_back: bool) -> Aborted:
    """End a rollout as it is; with ``roll_back`` moved accounts get their old policies back.

    An account whose policy somebody else has changed since it moved is left alone, and told. What is done can still be
    rolled back. Raises UsageError where the rollout is over otherwise.
    """
    rollout = _taken(connection, person, or_done=roll_back)
    aborted = replace(rollout, standing=Standing.ABORTED, why=person.why, ended_at=person.now)
    number, left = put_back(connection, aborted, person.now) if roll_back else (0, [])
    change_rollout(connection, aborted)
    person.note(connection, aborted, f"aborted; {number} accounts put back" if roll_back else "aborted")
    return Aborted(aborted, number, tuple(left))


def _taken(connection: Connection[Any], person: Person, *, or_done: bool = False) -> Rollout:
    """Read the rollout in order to change it, with the clocks of this moment; raises UsageError where it is over."""
    number = rollout_meant(connection, person.number)
    rollout = take_rollout(connection, number, wait=True)
    is_done = rollout is not None and rollout.standing is Standing.DONE
    if rollout is None or (rollout.standing.is_over and not (is_done and or_done)):
        standing = "gone" if rollout is None else rollout.standing.value
        raise UsageError(f"rollout {number} is {standing}", hint="begin another one: exitplan fleet rollout start")
    return replace(rollout, looked=clocks(connection, person.now))
