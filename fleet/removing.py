"""Accounts leave a fleet: only where nobody works on them, and no order of theirs is open or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from exitplan.fleet.registry import Registry
from exitplan.ruleset.errors import AccountIsLocked, UsageError

_NAMED = 5
_LOCK = """
SELECT account, shard FROM exitplan.accounts WHERE account = ANY (%s) ORDER BY account FOR UPDATE
"""
# Who takes a lease while it is looked at waits for its row: so there is one of each that may be taken.
_PUT_LEASES = """
INSERT INTO exitplan.leases (name, token, holder, host, pid, process, fence, taken_at, until)
SELECT name, '', '', '', 0, '', 0, 'epoch', 'epoch' FROM unnest(%s::text[]) AS asked (name) ORDER BY name
ON CONFLICT DO NOTHING
"""
_LOCK_LEASES = "SELECT FROM exitplan.leases WHERE name = ANY (%s) ORDER BY name FOR UPDATE"
_IN_USE = """
SELECT a.account FROM exitplan.accounts a JOIN exitplan.leases l ON l.until > clock_timestamp() AND (
    l.name = 'account:' || a.account
    OR (l.name = 'shard:' || a.shard AND NOT (a.standing <> 'active' AND a.changed_at < l.taken_at)))
WHERE a.account = ANY (%s)
"""  # who was drained before the shard was taken is not in that worker's hands
_OPEN = "SELECT account FROM exitplan.plans WHERE account = ANY (%s) AND ended_at IS NULL"
_UNKNOWN = "SELECT account FROM exitplan.intents WHERE account = ANY (%s) AND status IN ('sending', 'needs_human')"


def remove_accounts(registry: Registry, names: Sequence[str]) -> list[str]:
    """Take accounts out of the registry, all or none; what was done with them stays in their journals.

    Returns them by id. Raises NoSuchAccount, AccountIsLocked where somebody works on one, and UsageError where a run of
    one has not ended, or it is unknown what became of an order.
    """
    with registry.transaction() as connection:
        shards = dict(connection.execute(_LOCK, [list(names)]).fetchall())
        for name in names:
            if name not in shards:
                raise registry.missing(connection, name)
        _lock_leases(connection, shards)
        _ensure_at_rest(connection, list(shards))
        connection.execute("DELETE FROM exitplan.accounts WHERE account = ANY (%s)", [list(shards)])
    return sorted(shards)


def _lock_leases(connection: Connection[Any], shards: dict[str, int | None]) -> None:
    leases = [f"account:{account}" for account in shards]
    leases += [f"shard:{shard}" for shard in set(shards.values()) if shard is not None]
    connection.execute(_PUT_LEASES, [leases])
    connection.execute(_LOCK_LEASES, [leases])


def _ensure_at_rest(connection: Connection[Any], names: list[str]) -> None:
    in_use = _listed(connection, _IN_USE, names)
    if in_use:
        raise AccountIsLocked(
            f"somebody is at work on {in_use}",
            hint="drain it first, so that workers leave it alone: exitplan fleet drain --account ID; then try again",
        )
    unknown = _listed(connection, _UNKNOWN, names)
    if unknown:
        raise UsageError(
            f"it is unknown what became of an order of {unknown}",
            hint="let the next cycle find out, or say what you know: exitplan resolve --account ID",
        )
    busy = _listed(connection, _OPEN, names)
    if busy:
        raise UsageError(
            f"a run has not ended of {busy}: orders may be open at the venue",
            hint="let the next cycle end it, or: exitplan run --account ID",
        )


def _listed(connection: Connection[Any], query: str, names: list[str]) -> str:
    rows = connection.execute(query.encode(), [names]).fetchall()
    found = sorted({str(account) for (account,) in rows})
    return ", ".join(found[:_NAMED]) + (" ..." if len(found) > _NAMED else "")
