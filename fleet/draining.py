"""What gets no new cycle: accounts, shards, venues, and workers that take no further shard; all of it can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exitplan.fleet.registry import Registry
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import nearest

Kind = Literal["worker", "account", "shard", "venue"]


@dataclass(frozen=True, slots=True)
class Drain:
    """A shard or a venue that is drained."""

    kind: str
    name: str
    why: str
    drained_by: str
    drained_at: datetime


def ensure_all_known(registry: Registry, named: Sequence[tuple[Kind, str]]) -> None:
    """Raise UsageError, NoSuchAccount for the first of several that the fleet does not have."""
    for kind, name in named:
        if kind == "account":
            registry.account(name)
        else:
            _ensure_known(registry, kind, name)


def drain(registry: Registry, kind: Kind, name: str, why: str, who: str) -> bool:
    """Give something no new cycle; what is under way ends as it would. False where it is so already.

    Raises UsageError, NoSuchAccount for what the fleet does not have.
    """
    if kind == "account":
        return registry.drain_account(name, why)
    if kind == "worker":
        return _turn_worker(registry, name, "active", "draining")
    _ensure_known(registry, kind, name)
    query = "INSERT INTO exitplan.drains (kind, name, why, drained_by) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
    with registry.transaction() as connection:
        return connection.execute(query, [kind, name, why, who]).rowcount == 1


def undo_drain(registry: Registry, kind: Kind, name: str) -> bool:
    """Let something have cycles again; False where it was not drained. Raises as :func:`drain` does."""
    if kind == "account":
        return registry.drain_account(name, "", undo=True)
    if kind == "worker":
        return _turn_worker(registry, name, "draining", "active")
    with registry.transaction() as connection:
        query = "DELETE FROM exitplan.drains WHERE kind = %s AND name = %s"
        if connection.execute(query, [kind, name]).rowcount:
            return True
    _ensure_known(registry, kind, name)
    return False


def drains(registry: Registry) -> list[Drain]:
    """List the shards and venues that are drained."""
    query = "SELECT kind, name, why, drained_by, drained_at FROM exitplan.drains ORDER BY kind, name"
    with registry.transaction() as connection:
        return [Drain(*row) for row in connection.execute(query)]


def _turn_worker(registry: Registry, name: str, before: str, after: str) -> bool:
    query = "UPDATE exitplan.workers SET standing = %s WHERE worker = %s AND standing = %s"
    with registry.transaction() as connection:
        if connection.execute(query, [after, name, before]).rowcount:
            return True
    _ensure_known(registry, "worker", name)
    return False


_KNOWN = {
    "worker": "SELECT worker FROM exitplan.workers WHERE standing <> 'gone' ORDER BY worker",
    "shard": "SELECT shard::text FROM exitplan.shards ORDER BY shard",
    "venue": "SELECT DISTINCT venue FROM exitplan.accounts ORDER BY venue",
}


def _ensure_known(registry: Registry, kind: Literal["worker", "shard", "venue"], name: str) -> None:
    with registry.transaction() as connection:
        known = [str(one) for (one,) in connection.execute(_KNOWN[kind])]
    if name not in known:
        near = nearest(name, known)
        listed = f"it has {', '.join(known)}" if len(known) < 20 else "exitplan fleet status lists them"  # noqa: PLR2004 - a line
        hint = f"did you mean {near!r}?" if near else listed if known else f"it has no {kind} at all"
        raise UsageError(f"the fleet has no {kind} {name!r}", hint=hint)
