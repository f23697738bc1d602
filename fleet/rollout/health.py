"""How accounts fare that have moved: what is wrong with them that was not before, and who was not planned since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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

FAILED_BEFORE = "its rounds failed"
"""The trouble of an account that could not be opened or read before it moved: nobody can tell whether it is planned."""
_AT_ONCE = 1_000
"""Rows that are fetched at once: whole states and readings are in them."""
_FIRST_MOVE = "SELECT min(moved_at) FROM exitplan.rollout_accounts WHERE rollout = %s"
_MEMBERS = """
SELECT r.account, r.new, r.moved_at, r.troubles, a.policy, a.standing, j.document, d.document,
    a.standing <> 'active' OR EXISTS (
        SELECT FROM exitplan.drains b WHERE (b.kind = 'shard' AND b.name = a.shard::text)
        OR (b.kind = 'venue' AND b.name = a.venue))
        OR EXISTS (SELECT FROM exitplan.halts h WHERE h.account = a.account) AS rests,
    coalesce(cardinality(t.causes), 0) > 0 AS fails
FROM exitplan.rollout_accounts r
JOIN exitplan.accounts a USING (account)
LEFT JOIN exitplan.state j USING (account)
LEFT JOIN exitplan.readings d USING (account)
LEFT JOIN exitplan.round_troubles t USING (account)
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

    One that ``rests`` gets no cycles, or is halted, so none is waited for.
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

    @property
    def is_silent(self) -> bool:
        """Whether it was not planned since it moved, although it was before as far as anybody can tell."""
        return not (self.is_seen or self.rests or FAILED_BEFORE in self.known)


@dataclass(frozen=True, slots=True)
class Health:
    """How the accounts fare that have moved: the numbers, and those that fail anew."""

    counts: Counts
    failing: tuple[Member, ...] = ()

    @classmethod
    def of(cls, members: Iterable[Member]) -> Health:
        """Count how accounts fare; only those that fail are kept."""
        moved = unseen = 0
        failing = []
        for member in members:
            moved += 1
            if member.new_troubles:
                failing.append(member)
            else:
                unseen += member.is_silent
        return cls(Counts(moved, len(failing), unseen), tuple(sorted(failing, key=lambda member: member.account)))


def moved_members(connection: Connection[Any], rollout: Rollout) -> Iterator[Member]:
    """Read the accounts that have moved; those that somebody has given another policy since are none any more.

    They are read as they are asked for, in the caller's transaction.
    """
    row = connection.execute(_FIRST_MOVE, (rollout.number,)).fetchone()
    since = row[0] if row else None
    if since is None:
        return
    alerts = _alerts(connection, rollout, since)
    with connection.cursor(name="exitplan_moved", binary=True) as rows:
        rows.itersize = _AT_ONCE
        for values in rows.execute(_MOVED, (rollout.number,)):
            yield _member(values, alerts, values[2])


def next_members(connection: Connection[Any], rollout: Rollout, reach: int, now: datetime) -> Iterator[Member]:
    """Read the accounts that are to move, with what is wrong with them before: alerts of one hold back count."""
    since = now - rollout.pace.hold
    alerts = _alerts(connection, rollout, since)
    with connection.cursor(name="exitplan_next", binary=True) as rows:
        rows.itersize = _AT_ONCE
        for values in rows.execute(_NEXT, (rollout.number, reach)):
            yield _member(values, alerts, since)


def _member(row: tuple[Any, ...], alerts: Mapping[str, list[tuple[datetime, str]]], since: datetime) -> Member:
    account, new, moved_at, known, _, standing, state, reading, rests, fails = row
    remembered, read = _document(state), _document(reading)
    troubles = {kind for at, kind in alerts.get(account, ()) if at >= since}
    if moved_at is None or _is_after(read, "at", moved_at):
        troubles |= {f"refused by {guard}" for guard in read.get("refused_by") or ()}
    is_seen = moved_at is not None and remembered.get("verified_policy") == new
    is_seen = is_seen and _is_after(remembered, "last_verified_at", moved_at)
    if remembered.get("account_state") == AccountState.UNKNOWN.value and (is_seen or moved_at is None):
        troubles.add("UNKNOWN")
    if fails and moved_at is None:  # what fails anew later raises an alert
        troubles.add(FAILED_BEFORE)
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
