"""Rollouts as they are kept: read, changed and logged, always within a transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from exitplan.fleet.rollout.placing import size_of
from exitplan.fleet.rollout.stages import Clocks, Pace, Standing
from exitplan.ruleset.errors import UsageError

_COLUMNS = (
    "rollout, policy, name, scope, stages, hold, max_failures, accounts, stage, standing, why, held,"
    " looked_at, looked_at_here, started_at, ended_at"
)
_SELECT = f"SELECT {_COLUMNS} FROM exitplan.rollouts"  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout: its policy, the accounts it is about, its pace, and how far it is."""

    number: int
    policy: str
    name: str
    scope: str
    pace: Pace
    accounts: int
    stage: int
    standing: Standing
    why: str
    held: timedelta
    looked: Clocks
    started_at: datetime
    ended_at: datetime | None

    @property
    def reach(self) -> int:
        """How many accounts the stage reaches."""
        return self.reach_of(self.stage)

    def reach_of(self, stage: int) -> int:
        """Return how many accounts a stage reaches."""
        return size_of(self.pace.stages[stage], self.accounts)


@dataclass(frozen=True, slots=True)
class Noted:
    """What was done with a rollout, when, by whom and why."""

    at: datetime
    who: str
    what: str
    why: str


def rollout_numbers(connection: Connection[Any], *, running: bool = False) -> list[int]:
    """Return the numbers of all rollouts, the newest first, or of those that are running."""
    asked = "SELECT rollout FROM exitplan.rollouts WHERE standing = 'running' OR NOT %s ORDER BY rollout DESC"
    return [number for (number,) in connection.execute(asked, (running,))]


def rollout_meant(connection: Connection[Any], number: int | None) -> int:
    """Return the number of the rollout that is meant: the one that was named, else the only one that is not over.

    Where all are over, it is the newest. Raises UsageError where there is none, or several are not over.
    """
    standing = dict(connection.execute("SELECT rollout, standing FROM exitplan.rollouts ORDER BY rollout DESC"))
    open_ones = [one for one in standing if not Standing(standing[one]).is_over]
    if number is not None:
        if number not in standing:
            raise UsageError(f"there is no rollout {number}", hint="exitplan fleet rollout status --all lists them")
        return number
    if not standing:
        raise UsageError("there is no rollout", hint="begin one with: exitplan fleet rollout start --policy FILE")
    if len(open_ones) > 1:
        numbers = ", ".join(map(str, sorted(open_ones)))
        raise UsageError(f"which rollout? {numbers} are not over", hint=f"name it, such as {open_ones[0]}")
    return int(next(iter(open_ones or standing)))


def read_rollout(connection: Connection[Any], number: int) -> Rollout:
    """Read a rollout."""
    row = connection.execute(f"{_SELECT} WHERE rollout = %s", (number,)).fetchone()
    if row is None:
        raise UsageError(f"there is no rollout {number}")
    return _rollout(row)


def rollouts_under_way(connection: Connection[Any]) -> list[Rollout]:
    """Read the rollouts that are not over, the newest first."""
    over = [standing.value for standing in Standing if standing.is_over]
    rows = connection.execute(f"{_SELECT} WHERE standing <> ALL (%s) ORDER BY rollout DESC", (over,))
    return [_rollout(row) for row in rows]


def take_rollout(connection: Connection[Any], number: int, *, wait: bool) -> Rollout | None:
    """Read a rollout in order to change it; None where somebody else is at it, and is not waited for."""
    skip = "" if wait else " SKIP LOCKED"
    row = connection.execute(f"{_SELECT} WHERE rollout = %s FOR UPDATE{skip}", (number,)).fetchone()
    return None if row is None else _rollout(row)


def _rollout(row: Sequence[Any]) -> Rollout:
    number, policy, name, scope, stages, hold, most, accounts, stage, standing, why, held, ours, theirs, *ends = row
    pace = Pace(tuple(stages), hold, most)
    begun, ended = ends
    clocks = Clocks(ours, theirs)
    return Rollout(
        number, policy, name, scope, pace, accounts, stage, Standing(standing), why, held, clocks, begun, ended
    )


def change_rollout(connection: Connection[Any], rollout: Rollout) -> None:
    """Keep how far a rollout is."""
    connection.execute(
        "UPDATE exitplan.rollouts SET stage = %s, standing = %s, why = %s, held = %s, looked_at = %s,"
        " looked_at_here = %s, ended_at = %s WHERE rollout = %s",
        (
            *(rollout.stage, rollout.standing.value, rollout.why, rollout.held),
            *(rollout.looked.ours, rollout.looked.theirs, rollout.ended_at, rollout.number),
        ),
    )


def add_rollout(connection: Connection[Any], rollout: Rollout) -> int:
    """Keep a new rollout, whose number is given here."""
    row = connection.execute(
        "INSERT INTO exitplan.rollouts (policy, name, scope, stages, hold, max_failures, accounts, standing,"
        " looked_at, looked_at_here, started_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " RETURNING rollout",
        (
            *(rollout.policy, rollout.name, rollout.scope, list(rollout.pace.stages), rollout.pace.hold),
            *(rollout.pace.max_failures, rollout.accounts, rollout.standing.value),
            *(rollout.looked.ours, rollout.looked.theirs, rollout.started_at),
        ),
    ).fetchone()
    return int(row[0]) if row else 0


def note(connection: Connection[Any], number: int, noted: Noted) -> None:
    """Note what was done with a rollout."""
    connection.execute(
        "INSERT INTO exitplan.rollout_log (rollout, at, who, what, why) VALUES (%s, %s, %s, %s, %s)",
        (number, noted.at, noted.who, noted.what, noted.why),
    )


def read_log(connection: Connection[Any], number: int) -> list[Noted]:
    """Return what was done with a rollout, the oldest first."""
    asked = "SELECT at, who, what, why FROM exitplan.rollout_log WHERE rollout = %s ORDER BY number"
    return [Noted(*row) for row in connection.execute(asked, (number,))]


def clocks(connection: Connection[Any], now: datetime) -> Clocks:
    """Return what our clock and the database's say."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    return Clocks(now, row[0] if row else now)
