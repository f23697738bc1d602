"""Give accounts their new policies, and put the old ones back: who has got another one meanwhile is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from psycopg import Connection

from exitplan.fleet.rollout.book import Rollout
from exitplan.fleet.rollout.health import Member, moved_members, next_members

GONE = "it is no longer in the fleet"
CHANGED = "somebody else has changed its policy"

_MOVE = """
UPDATE exitplan.accounts a SET policy = r.new, changed_at = now()
FROM exitplan.rollout_accounts r
WHERE r.rollout = %(rollout)s AND r.account = a.account AND r.place < %(reach)s AND r.moved_at IS NULL
    AND r.left_alone IS NULL AND a.policy = r.old
RETURNING a.account
"""
_MARK_MOVED = """
UPDATE exitplan.rollout_accounts SET moved_at = %(now)s WHERE rollout = %(rollout)s AND account = ANY(%(accounts)s)
"""
_LEAVE = """
UPDATE exitplan.rollout_accounts r SET left_alone =
    CASE WHEN EXISTS (SELECT FROM exitplan.accounts a WHERE a.account = r.account) THEN %(changed)s ELSE %(gone)s END
WHERE rollout = %(rollout)s AND place < %(reach)s AND moved_at IS NULL AND left_alone IS NULL
"""
_KNOW = """
UPDATE exitplan.rollout_accounts r SET troubles = string_to_array(k.troubles, chr(10))
FROM unnest(%(accounts)s::text[], %(troubles)s::text[]) AS k (account, troubles)
WHERE r.rollout = %(rollout)s AND r.account = k.account
"""
_PUT_BACK = """
UPDATE exitplan.accounts a SET policy = r.old, changed_at = now()
FROM exitplan.rollout_accounts r
WHERE r.rollout = %(rollout)s AND r.account = a.account AND r.moved_at IS NOT NULL AND r.put_back_at IS NULL
    AND a.policy = r.new
RETURNING a.account
"""
_MARK_PUT_BACK = """
UPDATE exitplan.rollout_accounts SET put_back_at = %(now)s
WHERE rollout = %(rollout)s AND account = ANY(%(accounts)s)
"""
_LEAVE_MOVED = """
UPDATE exitplan.rollout_accounts r SET left_alone =
    CASE WHEN EXISTS (SELECT FROM exitplan.accounts a WHERE a.account = r.account) THEN %(changed)s ELSE %(gone)s END
WHERE rollout = %(rollout)s AND moved_at IS NOT NULL AND put_back_at IS NULL
RETURNING r.account
"""


def move(connection: Connection[Any], rollout: Rollout, now: datetime) -> int:
    """Give the accounts that the stage reaches their new policies; returns how many got theirs now."""
    values = {"rollout": rollout.number, "reach": rollout.reach, "now": now, "changed": CHANGED, "gone": GONE}
    _know(connection, rollout, next_members(connection, rollout, rollout.reach, now))
    moved = [account for (account,) in connection.execute(_MOVE, values)]
    connection.execute(_MARK_MOVED, {**values, "accounts": moved})
    connection.execute(_LEAVE, values)
    return len(moved)


def accept(connection: Connection[Any], rollout: Rollout) -> None:
    """Take what is wrong with moved accounts now for known: it is no reason to stop any more."""
    _know(connection, rollout, moved_members(connection, rollout))


def put_back(connection: Connection[Any], rollout: Rollout, now: datetime) -> tuple[int, list[str]]:
    """Give moved accounts their old policies back; returns how many, and which were left alone."""
    values = {"rollout": rollout.number, "now": now, "changed": CHANGED, "gone": GONE}
    back = [account for (account,) in connection.execute(_PUT_BACK, values)]
    connection.execute(_MARK_PUT_BACK, {**values, "accounts": back})
    left = sorted(account for (account,) in connection.execute(_LEAVE_MOVED, values))
    return len(back), left


def _know(connection: Connection[Any], rollout: Rollout, members: Iterable[Member]) -> None:
    known = [(member.account, member.known | member.troubles) for member in members if member.troubles]
    accounts, texts = [account for account, _ in known], ["\n".join(sorted(troubles)) for _, troubles in known]
    connection.execute(_KNOW, {"rollout": rollout.number, "accounts": accounts, "troubles": texts})
