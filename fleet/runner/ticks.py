"""Ticks and the shards in them, as rows: the one truth of what is to be done, by whom, and what came of it.

A shard is taken by one statement that also takes its lease. The lease is what keeps two workers apart; whoever loses
it, because he died or was cut off from the database, loses the shard to the next who asks. Times are the database's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from exitplan.executor.store.postgres.holders import has_died, this_process
from exitplan.fleet.platform_alerts import raise_for_fleet
from exitplan.fleet.runner.port import Claim, ShardCycle

if TYPE_CHECKING:
    from psycopg import Connection

LEASE = timedelta(seconds=15)
"""How long a shard stays with a worker that is not heard of."""
KEPT = timedelta(days=2)
"""How long it can be seen what came of the shards of a tick."""


class Pool(Protocol):
    """Lends connections to the fleet's database; raises DataFolderUnusable where it is away."""

    def connection(self) -> AbstractContextManager[Connection[Any]]:
        """Lend a connection for the time of the block."""
        ...


_SKIPPED = "skipped: "
_BEGUN_ONCE = "SELECT pg_advisory_xact_lock(hashtext('exitplan.ticks'))"
_UNDER_WAY = """
SELECT t.tick, count(*), count(*) FILTER (WHERE l.until > now() OR EXISTS (
         SELECT FROM exitplan.workers w WHERE w.standing = 'active' AND w.seen_at > now() - %(lease)s
                                          AND position(',' || s.egress || ',' IN ',' || w.egress || ',') > 0))
  FROM exitplan.ticks t JOIN exitplan.cycles c USING (tick) JOIN exitplan.shards s USING (shard)
  LEFT JOIN exitplan.leases l ON l.name = 'shard:' || c.shard
 WHERE t.ended_at IS NULL AND c.ended_at IS NULL GROUP BY t.tick"""
_LAST = """
SELECT coalesce(why, '') LIKE 'skipped%%', now() FROM exitplan.ticks WHERE tick < %s ORDER BY tick DESC LIMIT 1"""
_LEAVE = """
UPDATE exitplan.cycles c SET ended_at = now(), figures = '{"missed": true}' FROM exitplan.shards s
 WHERE c.tick = %(tick)s AND c.ended_at IS NULL AND s.shard = c.shard RETURNING s.egress, now()"""
_WERE_LEFT = """
SELECT FROM exitplan.cycles WHERE figures ? 'missed' AND tick = (
  SELECT max(tick) FROM exitplan.ticks WHERE tick < %s AND coalesce(why, '') NOT LIKE 'skipped%%') LIMIT 1"""
_ADD_CYCLES = """
INSERT INTO exitplan.cycles (tick, shard) SELECT %(tick)s, shard FROM exitplan.shards s
 WHERE EXISTS (SELECT FROM exitplan.accounts a WHERE a.shard = s.shard AND a.standing = 'active')
   AND NOT EXISTS (SELECT FROM exitplan.drains d
                    WHERE (d.kind, d.name) IN (('shard', s.shard::TEXT), ('venue', s.venue)))"""
_TAKE = """
WITH due AS (
  SELECT c.tick, c.shard FROM exitplan.cycles c JOIN exitplan.shards s USING (shard)
   WHERE c.ended_at IS NULL AND s.egress = ANY (%(egress)s)
     AND (%(shard)s::INT IS NULL OR (c.tick, c.shard) = (%(tick)s, %(shard)s))
     AND NOT EXISTS (SELECT FROM exitplan.leases l WHERE l.name = 'shard:' || c.shard AND l.until > now())
   ORDER BY c.tick, c.shard LIMIT 1 FOR UPDATE OF c SKIP LOCKED
), lease AS (
  INSERT INTO exitplan.leases AS l (name, token, holder, host, pid, process, fence, taken_at, until)
  SELECT 'shard:' || shard, %(worker)s, %(holder)s, %(host)s, %(pid)s, %(process)s, 1, now(), now() + %(lease)s FROM due
  ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token, holder = EXCLUDED.holder, host = EXCLUDED.host,
                                   pid = EXCLUDED.pid, process = EXCLUDED.process, fence = l.fence + 1,
                                   taken_at = now(), until = EXCLUDED.until WHERE l.until <= now()
  RETURNING fence
)
UPDATE exitplan.cycles c SET worker = %(worker)s, begun_at = now() FROM due, lease
 WHERE (c.tick, c.shard) = (due.tick, due.shard) RETURNING c.tick, c.shard, lease.fence"""
_RENEW = """
UPDATE exitplan.leases SET until = now() + %(lease)s
 WHERE token = %(worker)s AND name = ANY (%(names)s) AND until > now() RETURNING name"""
_END = """
UPDATE exitplan.cycles SET ended_at = now(), figures = %(figures)s
 WHERE (tick, shard) = (%(tick)s, %(shard)s) AND worker = %(worker)s AND ended_at IS NULL
   AND EXISTS (SELECT FROM exitplan.leases
                WHERE name = 'shard:' || %(shard)s AND token = %(worker)s AND fence = %(fence)s)"""
_LET_GO = """
UPDATE exitplan.leases SET until = 'epoch', token = ''
 WHERE name = 'shard:' || %(shard)s AND token = %(worker)s AND fence = %(fence)s"""
_CLOSE = """
UPDATE exitplan.ticks t SET ended_at = now() WHERE ended_at IS NULL
   AND NOT EXISTS (SELECT FROM exitplan.cycles c WHERE c.tick = t.tick AND c.ended_at IS NULL)"""
_PROGRESS = """
SELECT t.begun_at, t.ended_at, t.why, now() FROM exitplan.ticks t WHERE t.tick = %s"""


def left_of(count: int) -> str:
    """Say how many shards of a tick are not done."""
    return "1 of its shards is not done" if count == 1 else f"{count:,} of its shards are not done"


@dataclass(frozen=True, slots=True)
class Begun:
    """What beginning a tick came to: it runs, or it is skipped because an earlier one still does.

    ``is_new`` is False where somebody else has begun the same tick.
    """

    tick: int
    is_new: bool
    running: int | None = None
    left: int = 0
    missed: int = 0

    @property
    def why(self) -> str:
        """Say in a sentence why it is skipped, or what of the one before was left; empty where all is well."""
        if self.running is not None:
            return f"{_SKIPPED}tick {self.running} still runs, {left_of(self.left)}"
        shards = "1 shard" if self.missed == 1 else f"{self.missed:,} shards"
        return f"{shards} of the tick before had no worker" if self.missed else ""


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """A shard in a tick: who has taken it, when, and what came of it."""

    shard: int
    egress: str
    worker: str | None
    begun_at: datetime | None
    ended_at: datetime | None
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a tick is."""

    tick: int
    begun_at: datetime
    ended_at: datetime | None
    why: str
    now: datetime
    shards: tuple[ShardProgress, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.ended_at is not None or all(shard.ended_at for shard in self.shards)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken until now."""
        return ((self.ended_at or self.now) - self.begun_at).total_seconds()


def begin(pool: Pool, tick: int, why: str) -> Begun:
    """Begin a tick with the shards that have accounts; once in the whole fleet, whoever asks and however often."""
    with pool.connection() as connection, connection.transaction():
        connection.execute(_BEGUN_ONCE)
        if connection.execute("SELECT FROM exitplan.ticks WHERE tick = %s", (tick,)).fetchone() is not None:
            return Begun(tick, is_new=False)
        rows = connection.execute(_UNDER_WAY, {"lease": LEASE}).fetchall()
        for running, left, _ in [row for row in rows if row[2]]:
            return _skip(connection, Begun(tick, is_new=True, running=running, left=left))
        missed = sum(_leave(connection, old) for old, _, _ in rows)
        connection.execute("INSERT INTO exitplan.ticks (tick, begun_at, why) VALUES (%s, now(), %s)", (tick, why))
        connection.execute(_ADD_CYCLES, {"tick": tick})
        connection.execute(_CLOSE)
        _forget(connection)
    return Begun(tick, is_new=True, missed=missed)


def take(pool: Pool, worker: str, egress: Sequence[str], cycle: ShardCycle | None = None) -> Claim | None:
    """Take the next shard that is free, or the one that is named, with its lease; None where there is none."""
    wanted = (None, None) if cycle is None else (cycle.tick, cycle.shard)
    values = {**this_process(os.getpid()), "worker": worker, "egress": list(egress), "lease": LEASE}
    with pool.connection() as connection:
        row = connection.execute(_TAKE, {**values, "tick": wanted[0], "shard": wanted[1]}).fetchone()
    return None if row is None else Claim(ShardCycle(row[0], row[1]), row[2])


def renew(pool: Pool, worker: str, shards: Sequence[int]) -> set[int]:
    """Keep the leases of these shards; returns those that are still the worker's."""
    names = [f"shard:{shard}" for shard in shards]
    with pool.connection() as connection:
        rows = connection.execute(_RENEW, {"worker": worker, "names": names, "lease": LEASE}).fetchall()
    return {int(name.removeprefix("shard:")) for (name,) in rows}


def end(pool: Pool, worker: str, claim: Claim, figures: Mapping[str, object] | None) -> None:
    """Note what came of a shard and let go of it; without figures it is given back, for whoever comes next."""
    cycle = claim.cycle
    values = {"tick": cycle.tick, "shard": cycle.shard, "worker": worker, "fence": claim.fence}
    with pool.connection() as connection, connection.transaction():
        if figures is not None:
            connection.execute(_END, {**values, "figures": json.dumps(figures)})
        connection.execute(_LET_GO, values)


def free(pool: Pool) -> None:
    """End the leases of workers that were processes of this system and are none any more: nobody waits for those."""
    # By their names: the leases of all accounts that were ever traded are in the table.
    theirs = "name = ANY (ARRAY(SELECT 'shard:' || shard FROM exitplan.shards))"
    statement = f"SELECT DISTINCT token, process FROM exitplan.leases WHERE {theirs} AND until > now()"  # noqa: S608 - our own words
    with pool.connection() as connection:
        dead = [token for token, process in connection.execute(statement).fetchall() if has_died(process)]
        if dead:
            connection.execute(
                f"UPDATE exitplan.leases SET until = 'epoch', token = '' WHERE {theirs} AND token = ANY (%s)",  # noqa: S608 - as above
                (dead,),
            )
            connection.execute("UPDATE exitplan.workers SET standing = 'gone' WHERE worker = ANY (%s)", (dead,))


def close(pool: Pool) -> None:
    """End the ticks of which every shard is done: apart from that, since two shards may end at the same moment."""
    with pool.connection() as connection:
        connection.execute(_CLOSE)


def open_cycles(pool: Pool, egress: Sequence[str]) -> list[ShardCycle]:
    """Return what is left to do in ticks that run, for workers with these egress addresses."""
    statement = """
    SELECT c.tick, c.shard, s.egress FROM exitplan.cycles c JOIN exitplan.ticks t USING (tick)
      JOIN exitplan.shards s USING (shard)
     WHERE t.ended_at IS NULL AND c.ended_at IS NULL AND s.egress = ANY (%s) ORDER BY c.tick, c.shard"""
    with pool.connection() as connection:
        rows = connection.execute(statement, (list(egress),)).fetchall()
    return [ShardCycle(*row) for row in rows]


def is_done(pool: Pool, cycle: ShardCycle) -> bool:
    """Check whether nothing is left to do of a shard in a tick."""
    statement = "SELECT FROM exitplan.cycles WHERE (tick, shard) = (%s, %s) AND ended_at IS NULL"
    with pool.connection() as connection:
        return connection.execute(statement, (cycle.tick, cycle.shard)).fetchone() is None


def progress(pool: Pool, tick: int) -> Progress | None:
    """Read how far a tick is; None for one that nobody has begun."""
    statement = """
    SELECT shard, egress, worker, begun_at, ended_at, coalesce(figures, '{}') FROM exitplan.cycles
      JOIN exitplan.shards USING (shard) WHERE tick = %s ORDER BY shard"""
    with pool.connection() as connection:
        row = connection.execute(_PROGRESS, (tick,)).fetchone()
        shards = connection.execute(statement, (tick,)).fetchall()
    if row is None:
        return None
    begun_at, ended_at, why, now = row
    return Progress(tick, begun_at, ended_at, why or "", now, tuple(ShardProgress(*shard) for shard in shards))


def counts(pool: Pool, tick: int) -> tuple[int, int]:
    """Return how many shards of a tick are done, and how many it has."""
    statement = "SELECT count(ended_at), count(*) FROM exitplan.cycles WHERE tick = %s"
    with pool.connection() as connection:
        row = connection.execute(statement, (tick,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def unserved(pool: Pool, tick: int) -> dict[str, int]:
    """Count the shards of a tick that are left although no worker may take them, by their egress."""
    statement = """
    SELECT s.egress, count(*) FROM exitplan.cycles c JOIN exitplan.shards s USING (shard)
     WHERE c.tick = %(tick)s AND c.ended_at IS NULL
       AND NOT EXISTS (SELECT FROM exitplan.leases l WHERE l.name = 'shard:' || c.shard AND l.until > now())
       AND NOT EXISTS (SELECT FROM exitplan.workers w WHERE w.standing = 'active' AND w.seen_at > now() - %(lease)s
                          AND position(',' || s.egress || ',' IN ',' || w.egress || ',') > 0)
     GROUP BY s.egress"""
    with pool.connection() as connection:
        return dict(connection.execute(statement, {"tick": tick, "lease": LEASE}).fetchall())


def is_begun(pool: Pool, tick: int) -> bool:
    """Check whether somebody has begun a tick, or skipped it."""
    with pool.connection() as connection:
        return connection.execute("SELECT FROM exitplan.ticks WHERE tick = %s", (tick,)).fetchone() is not None


def why_skipped(pool: Pool, tick: int) -> str:
    """Return why a tick was skipped; empty where it was not."""
    with pool.connection() as connection:
        row = connection.execute("SELECT why FROM exitplan.ticks WHERE tick = %s", (tick,)).fetchone()
    why = "" if row is None else str(row[0] or "")
    return why.removeprefix(_SKIPPED) if why.startswith(_SKIPPED) else ""


def _skip(connection: Connection[Any], skipped: Begun) -> Begun:
    """Note that a tick is skipped, with an alert unless the one before was skipped too."""
    last = connection.execute(_LAST, (skipped.tick,)).fetchone()
    connection.execute(
        "INSERT INTO exitplan.ticks (tick, begun_at, ended_at, why) VALUES (%s, now(), now(), %s)",
        (skipped.tick, skipped.why),
    )
    if last is not None and not last[0]:
        figures = {"tick": skipped.tick, "running": skipped.running, "left": skipped.left}
        raise_for_fleet(connection, "TICK_SKIPPED", last[1], figures)
    return skipped


def _leave(connection: Connection[Any], tick: int) -> int:
    """Give up the shards that no worker took; returns how many. An alert tells, unless some were left before."""
    left = connection.execute(_LEAVE, {"tick": tick}).fetchall()
    if left and connection.execute(_WERE_LEFT, (tick,)).fetchone() is None:
        egress = ", ".join(sorted({name or "none" for name, _ in left}))
        raise_for_fleet(connection, "SHARDS_LEFT", left[0][1], {"tick": tick, "left": len(left), "egress": egress})
    return len(left)


def _forget(connection: Connection[Any]) -> None:
    """Remove what is long over."""
    connection.execute(
        "DELETE FROM exitplan.cycles WHERE tick IN (SELECT tick FROM exitplan.ticks WHERE ended_at < now() - %s)",
        (KEPT,),
    )
    connection.execute("DELETE FROM exitplan.ticks WHERE ended_at < now() - %s", (KEPT,))
