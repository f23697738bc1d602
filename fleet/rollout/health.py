"""How accounts fare that have moved: what is wrong with them that was not before, and who was not planned since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg import Connection

from exitplan.fleet.rollout.book import Rollout
from exitplan.fleet.rollout.stages import Counts
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.checks import AccountState

FAILURES = frozenset(
    {
        "ACCOUNT_HANGS",
        "ACCOUNT_SET_ASIDE",
        "ENGINE_DISAGREEMENT",
        "EXIT_FAILED",
        "OUTCOME_UNKNOWN",
        "ROUND_FAILED",
        "ZOMBIE_ESCALATED",
    }
)
"""The alerts that say that an account fails."""

_MEMBERS = """
SELECT r.account, r.new, r.moved_at, r.troubles, a.policy, a.standing, j.document, d.document,
    a.standing <> 'active' OR EXISTS (
        SELECT FROM exitplan.drains b WHERE (b.kind = 'shard' AND b.name = a.shard::text)
        OR (b.kind = 'venue' AND b.name = a.venue)) AS rests
FROM exitplan.rollout_accounts r
JOIN exitplan.accounts a USING (account)
LEFT JOIN exitplan.state j USING (account)
LEFT JOIN exitplan.readings d USING (account)
WHERE r.rollout = %s AND r.put_back_at IS NULL AND r.left_alone IS NULL
"""
_MOVED = f"{_MEMBERS} AND r.moved_at IS NOT NULL AND a.policy = r.new"
_NEXT = f"{_MEMBERS} AND r.moved_at IS NULL AND r.place < %s"
_ALERTS = """
SELECT account, document FROM exitplan.alerts
WHERE at >= %s AND account IN (SELECT account FROM exitplan.rollout_accounts WHERE rollout = %s)
"""


@dataclass(frozen=True, slots=True)
class Member:
    """An account of a rollout: what is wrong with it, what was before it moved, and whether it was planned since.

    One that ``rests`` gets no cycles, so none is waited for.
    """

    account: str
    troubles: frozenset[str]
    known: frozenset[str]
    is_seen: bool
    rests: bool

    @property
    def new_troubles(self) -> frozenset[str]:
        """What is wrong with it that was not before."""
        return self.troubles - self.known


def moved_members(connection: Connection[Any], rollout: Rollout) -> list[Member]:
    """Return the accounts that have moved; those that somebody has given another policy since are none any more."""
    rows = connection.execute(_MOVED, (rollout.number,)).fetchall()
    since = min((row[2] for row in rows), default=None)
    alerts = {} if since is None else _alerts(connection, rollout, since)
    return [_member(row, alerts, row[2]) for row in rows]


def next_members(connection: Connection[Any], rollout: Rollout, reach: int, now: datetime) -> list[Member]:
    """Return the accounts that are to move, with what is wrong with them before: alerts of one hold back count."""
    rows = connection.execute(_NEXT, (rollout.number, reach)).fetchall()
    since = now - rollout.pace.hold
    alerts = _alerts(connection, rollout, since)
    return [_member(row, alerts, since) for row in rows]


def count(members: Iterable[Member]) -> Counts:
    """Count how accounts fare that have moved. Pure."""
    moved = failing = unseen = 0
    for member in members:
        moved += 1
        failing += bool(member.new_troubles)
        unseen += not (member.new_troubles or member.is_seen or member.rests)
    return Counts(moved, failing, unseen)


def _member(row: tuple[Any, ...], alerts: Mapping[str, list[tuple[datetime, str]]], since: datetime) -> Member:
    account, new, moved_at, known, _, standing, state, reading, rests = row
    remembered, read = _document(state), _document(reading)
    troubles = {kind for at, kind in alerts.get(account, ()) if at >= since}
    if moved_at is None or _is_after(read, "at", moved_at):
        troubles |= {f"refused by {guard}" for guard in read.get("refused_by") or ()}
    is_seen = moved_at is not None and remembered.get("verified_policy") == new
    is_seen = is_seen and _is_after(remembered, "last_verified_at", moved_at)
    if remembered.get("account_state") == AccountState.UNKNOWN.value and (is_seen or moved_at is None):
        troubles.add("UNKNOWN")
    if standing == "dead":
        troubles.add("set aside")
    return Member(account, frozenset(troubles), frozenset(known), is_seen, rests)


def _alerts(connection: Connection[Any], rollout: Rollout, since: datetime) -> dict[str, list[tuple[datetime, str]]]:
    found: dict[str, list[tuple[datetime, str]]] = {}
    for account, content in connection.execute(_ALERTS, (since - timedelta(seconds=1), rollout.number)):
        alert = _document(content)
        if alert.get("alert_type") in FAILURES:
            found.setdefault(account, []).append((parse_time(alert["timestamp"]), alert["alert_type"]))
    return found


def _is_after(document: Mapping[str, Any], key: str, moment: datetime) -> bool:
    try:
        return parse_time(document[key]) >= moment
    except (KeyError, TypeError, ValueError):
        return False


def _document(content: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as the driver hands it on
    """Read a JSON object; what is none says nothing."""
    if isinstance(content, Mapping):
        return content
    try:
        found = orjson.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
