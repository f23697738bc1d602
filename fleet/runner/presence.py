"""Which workers there are: a row each, with the time at which it was last heard of."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from exitplan.fleet.runner.ticks import Pool

LOST = timedelta(seconds=15)
"""A worker that was not heard of for so long is taken for dead."""
FORGOTTEN = timedelta(days=1)

_COME = """
INSERT INTO exitplan.workers (worker, host, pid, egress, processes, started_at, seen_at, standing)
VALUES (%s, %s, %s, %s, %s, now(), now(), 'active')
ON CONFLICT (worker) DO UPDATE SET seen_at = now()  -- it has come, and was not told so
"""
_BEAT = "UPDATE exitplan.workers SET seen_at = now() WHERE worker = %s RETURNING standing"
_GO = "UPDATE exitplan.workers SET standing = 'gone', seen_at = now() WHERE worker = %s"
_LOST = """
SELECT worker FROM exitplan.workers WHERE worker <> %s AND (standing = 'gone' OR seen_at < now() - %s)"""
_FORGET = "DELETE FROM exitplan.workers WHERE worker <> %s AND seen_at < now() - %s"


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker: its name, which no other has or had, where it runs and what it may take."""

    worker: str
    host: str
    pid: int
    egress: tuple[str, ...]

    @classmethod
    def mine(cls, egress: Sequence[str]) -> Identity:
        """Return one for this process."""
        host, pid = socket.gethostname(), os.getpid()
        return cls(f"{host}-{pid}-{os.urandom(3).hex()}", host, pid, tuple(egress) or ("",))


def come(pool: Pool, who: Identity, processes: int) -> None:
    """Enter a worker, once however often it is asked; those that were not heard of for a day are forgotten."""
    with pool.connection() as connection:
        connection.execute(_COME, (who.worker, who.host, who.pid, ",".join(who.egress), processes))
        connection.execute(_FORGET, (who.worker, FORGOTTEN))


def beat(pool: Pool, who: Identity) -> str:
    """Give a sign of life; returns how the worker is to stand: active, draining or gone."""
    with pool.connection() as connection:
        row = connection.execute(_BEAT, (who.worker,)).fetchone()
    return "gone" if row is None else str(row[0])


def drain(pool: Pool, who: Identity) -> None:
    """Say that a worker takes nothing more."""
    with pool.connection() as connection:
        connection.execute("UPDATE exitplan.workers SET standing = 'draining' WHERE worker = %s", (who.worker,))


def go(pool: Pool, who: Identity) -> None:
    """Take leave."""
    with pool.connection() as connection:
        connection.execute(_GO, (who.worker,))


def lost(pool: Pool, who: Identity) -> list[str]:
    """Return the other workers that are gone or were not heard of."""
    with pool.connection() as connection:
        return [str(row[0]) for row in connection.execute(_LOST, (who.worker, LOST)).fetchall()]
