"""Accounts whose rounds fail again and again: they pause between tries, longer each time, up to a limit.

The first failures are tried again at the next tick: mostly it was the venue. From the third in a row on an account
pauses for a minute, then for twice as long as before, and never for more than a quarter of an hour. Its venue is not
asked meanwhile, and its gate stays closed. Changing the account in the registry ends the pause: its file, its policy,
its standing. The times are the database's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

FREE = 2
"""So many failures in a row are followed by no pause."""
FIRST = timedelta(minutes=1)
LONGEST = timedelta(minutes=15)
_MOST_SHOWN = 10
_DOUBLINGS = 10
"""After so many the limit is long reached, and no number grows beyond what can be computed with."""

PAUSES = """
ALTER TABLE exitplan.round_troubles
    ADD COLUMN failures INTEGER NOT NULL DEFAULT 0,  -- in a row
    ADD COLUMN failed_at TIMESTAMPTZ,
    ADD COLUMN exit_code INTEGER;  -- of the last failure
"""
_UNTIL = (
    f"t.failed_at + least(interval '{LONGEST.total_seconds()} s',"
    f" interval '{FIRST.total_seconds()} s' * 2 ^ least(t.failures - {FREE + 1}, {_DOUBLINGS}))"
)
_PAUSES = f"t.failures > {FREE} AND a.changed_at < t.failed_at AND {_UNTIL} > now()"
PAUSES_WITH = f"(SELECT t.exit_code FROM exitplan.round_troubles t WHERE t.account = a.account AND {_PAUSES})"  # noqa: S608 - our own words
"""The exit code of the last failure of an account ``a`` that pauses now; null for any other."""

_COUNT = """
UPDATE exitplan.round_troubles t SET failures = t.failures + 1, failed_at = now(), exit_code = failed.exit_code
FROM unnest(%s::text[], %s::int[]) AS failed (account, exit_code) WHERE t.account = failed.account
"""
_FAILING = f"""
SELECT a.account, t.failures, coalesce(t.causes[cardinality(t.causes)], ''),
    CASE WHEN {_PAUSES} THEN date_trunc('second', {_UNTIL}) END,
    count(*) OVER (), count(*) FILTER (WHERE {_PAUSES}) OVER ()
FROM exitplan.round_troubles t JOIN exitplan.accounts a USING (account)
WHERE t.failures > 0 AND a.standing = 'active' ORDER BY t.failures DESC, a.account LIMIT %s
"""  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Failing:
    """An account whose rounds fail: how often in a row, why, and until when it pauses if it does."""

    account: str
    failures: int
    cause: str
    pauses_until: datetime | None


@dataclass(frozen=True, slots=True)
class FailingAccounts:
    """How many accounts fail, how many of them pause now, and those that have failed most often."""

    count: int = 0
    pausing: int = 0
    worst: tuple[Failing, ...] = ()


def count_failures(connection: Connection[Any], failed: Sequence[tuple[str, int]]) -> None:
    """Count that rounds have failed, by account and exit code; what is wrong with them is in its table already."""
    if failed:
        accounts, codes = zip(*sorted(failed), strict=True)
        connection.execute(_COUNT, (list(accounts), list(codes)))


def failing_accounts(connection: Connection[Any]) -> FailingAccounts:
    """Look up which accounts fail."""
    rows = connection.execute(_FAILING.encode(), (_MOST_SHOWN,)).fetchall()
    if not rows:
        return FailingAccounts()
    return FailingAccounts(rows[0][-2], rows[0][-1], tuple(Failing(*row[:4]) for row in rows))
