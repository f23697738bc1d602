"""Take out of a fleet's database what nothing needs any more: old runs of its accounts, old alerts, old rollouts.

It is safe while workers are at work: an account is pruned under its lease, and one that is in use is left for the next
time. What stays of an account is what :mod:`exitplan.executor.prune` leaves. What workers leave behind, and what was
delivered of alerts, is forgotten without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from exitplan.executor.prune import prune
from exitplan.fleet.delivering import EVERYBODY
from exitplan.ruleset.errors import AccountIsLocked, DataFolderUnusable, ExitplanError
from exitplan.ruleset.model.values import time_text

if TYPE_CHECKING:
    from psycopg import Connection

    from exitplan.fleet.place import FleetPlace

_AT_ONCE = 10_000
"""Alerts that go in one transaction: the server answers in time, and nobody waits for it."""
_DUE = """
SELECT DISTINCT account FROM exitplan.plans WHERE ended_at < %s AND octet_length(document) > 2 ORDER BY account
"""
# What was not taken in for delivery stays, and what a rollout that is not over may look back at.
_ALERTS = """
FROM exitplan.alerts a WHERE at < least(%(before)s, (
        SELECT min(started_at) FROM exitplan.rollouts WHERE standing IN ('running', 'paused', 'stopped')))
    AND (NOT EXISTS (SELECT FROM exitplan.outbox_started) OR EXISTS (
        SELECT FROM exitplan.outbox_cursors c WHERE c.account = %(everybody)s
            AND (a.tx::text::bigint, a.number) <= (c.inode, c.position)))
"""
_ROLLOUTS = "FROM exitplan.rollouts WHERE standing IN ('done', 'aborted') AND ended_at < %s"


@dataclass
class PrunedFleet:
    """What went out of a fleet's database; ``bytes`` is about how much.

    ``in_use`` counts accounts that somebody was working on, which stay as they are; ``problems`` has why the journal of
    an account could not be pruned.
    """

    before: datetime
    accounts: int = 0
    runs: int = 0
    orders: int = 0
    bytes: int = 0
    alerts: int = 0
    rollouts: int = 0
    in_use: int = 0
    problems: list[tuple[str, ExitplanError]] = field(default_factory=list)


def prune_fleet(fleet: FleetPlace, before: datetime, now: datetime, *, dry_run: bool = False) -> PrunedFleet:
    """Take out what is older than a time.

    Raises DataFolderUnusable where the database is away: what has gone by then has gone as a whole.
    """
    pruned = PrunedFleet(before)
    with fleet.database.connection() as connection:
        due = [str(account) for (account,) in connection.execute(_DUE, (time_text(before),))]
    for account in due:
        _prune_account(fleet, account, now, pruned, dry_run=dry_run)
    with fleet.database.connection() as connection:
        pruned.alerts = sum(_alerts_gone(connection, before, dry_run=dry_run))
        pruned.rollouts = _rollouts_gone(connection, before, dry_run=dry_run)
    return pruned


def _prune_account(fleet: FleetPlace, account: str, now: datetime, pruned: PrunedFleet, *, dry_run: bool) -> None:
    try:
        gone = prune(fleet.store_of(account), pruned.before, now, dry_run=dry_run)
    except AccountIsLocked:
        pruned.in_use += 1
    except DataFolderUnusable:
        raise
    except ExitplanError as problem:
        pruned.problems.append((account, problem))
    else:
        pruned.accounts += gone.plans > 0
        pruned.runs += gone.runs
        pruned.orders += gone.orders
        pruned.bytes += gone.bytes


def _alerts_gone(connection: Connection[Any], before: datetime, *, dry_run: bool) -> Iterator[int]:
    values = {"before": before, "everybody": EVERYBODY, "most": _AT_ONCE}
    if dry_run:
        row = connection.execute(f"SELECT count(*) {_ALERTS}".encode(), values).fetchone()
        yield row[0] if row else 0
        return
    some = f"DELETE FROM exitplan.alerts WHERE number IN (SELECT number {_ALERTS} LIMIT %(most)s)"  # noqa: S608 - our own words
    while gone := connection.execute(some.encode(), values).rowcount:
        yield gone


def _rollouts_gone(connection: Connection[Any], before: datetime, *, dry_run: bool) -> int:
    rows = connection.execute(f"SELECT rollout {_ROLLOUTS}".encode(), (before,)).fetchall()
    for (rollout,) in [] if dry_run else rows:
        connection.execute("DELETE FROM exitplan.rollouts WHERE rollout = %s", (rollout,))
    return len(rows)
