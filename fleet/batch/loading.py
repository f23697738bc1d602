"""Load what the accounts of a shard remember, by one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from exitplan.executor.watching.troubles import Troubles

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one account had in the database when its shard was loaded.

    ``writer`` and ``revision`` tell whether anybody has written since; both are None where there is no journal, the
    revision where there is no state. ``halt`` is the text of the halt in force and ``halts_all`` whether that is
    everybody's. ``is_busy`` says that somebody holds its lease, a plan is open, a request waits, outcomes are not in
    the state yet, or its journal is gone; ``has_rejected`` that people have rejected a request; ``has_incidents`` that
    there is something of incidents. ``digest`` and ``taken_at`` are those of the snapshot that is kept, ``troubles``
    are what was wrong with its rounds.
    """

    account: str
    writer: int | None = None
    document: bytes | None = None
    revision: int | None = None
    reading: bytes | None = None
    tracker: bytes | None = None
    mark: str | None = None
    halt: str | None = None
    halts_all: bool = False
    is_busy: bool = False
    has_rejected: bool = False
    has_incidents: bool = False
    digest: bytes | None = None
    taken_at: datetime | None = None
    troubles: Troubles = Troubles()  # noqa: RUF009 - it is frozen


_QUERY = """
SELECT asked.account, origin.writer, state.document, state.revision, readings.document, trackers.document, marks.text,
    coalesce(everybody.text, halts.text), everybody.text IS NOT NULL,
    CASE WHEN origin.writer IS NULL THEN asked.account IN (SELECT account FROM exitplan.last_traded) ELSE false END
        OR EXISTS (SELECT FROM exitplan.leases AS l
            WHERE l.name = 'account:' || asked.account AND l.until > clock_timestamp())
        OR EXISTS (SELECT FROM exitplan.plans WHERE plans.account = asked.account AND plans.ended_at IS NULL)
        OR EXISTS (SELECT FROM exitplan.requests AS r WHERE r.account = asked.account AND r.standing = 'waiting')
        OR EXISTS (SELECT FROM exitplan.state_changes AS c WHERE c.account = asked.account),
    EXISTS (SELECT FROM exitplan.requests AS r WHERE r.account = asked.account AND r.standing = 'rejected'),
    EXISTS (SELECT FROM exitplan.incidents AS i WHERE i.account = asked.account AND i.ended_at IS NULL)
        OR EXISTS (SELECT FROM exitplan.untold_alerts AS u WHERE u.account = asked.account)
        OR EXISTS (SELECT FROM exitplan.troubles AS t WHERE t.account = asked.account),
    snapshots.digest, snapshots.taken_at, troubles.causes, troubles.kept_since
FROM unnest(%s::text[]) AS asked (account)
LEFT JOIN exitplan.origin ON origin.account = asked.account
LEFT JOIN exitplan.state ON state.account = asked.account
LEFT JOIN exitplan.readings ON readings.account = asked.account
LEFT JOIN exitplan.trackers ON trackers.account = asked.account
LEFT JOIN exitplan.gate_marks AS marks ON marks.account = asked.account
LEFT JOIN exitplan.halts AS everybody ON everybody.account = ''
LEFT JOIN exitplan.halts ON halts.account = asked.account
LEFT JOIN exitplan.snapshots ON snapshots.account = asked.account
LEFT JOIN exitplan.round_troubles AS troubles ON troubles.account = asked.account
"""


def load_accounts(connection: Connection[Any], accounts: Sequence[str]) -> dict[str, Loaded]:
    """Load accounts by their ids."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(_QUERY, (list(accounts),), prepare=True)
        return {row[0]: _loaded(*row) for row in cursor}


def _loaded(*row: Any) -> Loaded:  # noqa: ANN401 - a row of Postgres
    *known, causes, kept_since = row
    loaded = Loaded(*known)
    return loaded if causes is None else replace(loaded, troubles=Troubles(tuple(causes), kept_since))
