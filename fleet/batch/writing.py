"""Write what the quiet accounts of a shard remember: one transaction, and each account by compare-and-swap.

An account is written where it is just as it was loaded: the same writer and revision, the same halt and mark, no plan
begun, nobody at work on it. Who has lost keeps the answer that was there, which ages. Only where what was found now is
not CLEAN is that noted as a mark: an earlier answer must not open the gate then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import orjson

from exitplan.executor.watching.troubles import Troubles
from exitplan.ruleset.model.visible import with_escapes

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True, slots=True)
class ShardLease:
    """The lease under which a shard is worked on, and its fencing number."""

    name: str
    fence: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What one account remembers, and as what it was loaded.

    ``is_verified`` lifts the mark. ``closing`` is what the mark says where the rest cannot be written; None where the
    answer that stands may age.
    """

    account: str
    writer: int | None
    revision: int | None
    halt: str | None
    mark: str | None
    document: bytes
    is_verified: bool
    reading: bytes | None
    closing: str | None


_LOCK = "SELECT account FROM exitplan.origin WHERE account = ANY (%s) ORDER BY account FOR UPDATE SKIP LOCKED"
"""Nobody else writes in these journals until the commit. Who is writing in one now is not waited for."""

_FENCE = """
SELECT FROM exitplan.leases WHERE name = %s AND fence = %s AND until > clock_timestamp()
"""

_ALERTS = """
INSERT INTO exitplan.alerts (account, at, document)
SELECT account, at, document FROM unnest(%s::text[], %s::timestamptz[], %s::bytea[])
    WITH ORDINALITY AS told (account, at, document, place) ORDER BY place
"""
_READINGS = """
INSERT INTO exitplan.readings (account, document) SELECT account, document
FROM unnest(%s::text[], %s::bytea[]) AS told (account, document) JOIN exitplan.origin USING (account)
ON CONFLICT (account) DO UPDATE SET document = excluded.document
"""
_TROUBLES = """
INSERT INTO exitplan.round_troubles (account, causes, kept_since)
SELECT account, ARRAY(SELECT jsonb_array_elements_text(causes)), kept_since
FROM unnest(%s::text[], %s::jsonb[], %s::timestamptz[]) AS told (account, causes, kept_since)
ON CONFLICT (account) DO UPDATE SET causes = excluded.causes, kept_since = excluded.kept_since,
    failures = CASE WHEN excluded.causes = '{}' THEN 0 ELSE round_troubles.failures END
"""

_WRITE = """
WITH told AS (
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bool[],
        %s::bytea[], %s::text[], %s::bool[])
        AS told (account, writer, revision, halt, mark, document, is_verified, reading, closing, is_ours)
), fit AS (
    SELECT told.* FROM told
    LEFT JOIN exitplan.origin ON origin.account = told.account
    LEFT JOIN exitplan.state ON state.account = told.account
    LEFT JOIN exitplan.gate_marks ON gate_marks.account = told.account
    LEFT JOIN exitplan.halts AS everybody ON everybody.account = ''
    LEFT JOIN exitplan.halts ON halts.account = told.account
    WHERE (told.is_ours OR told.writer IS NULL)
        AND origin.writer IS NOT DISTINCT FROM told.writer
        AND state.revision IS NOT DISTINCT FROM told.revision
        AND gate_marks.text IS NOT DISTINCT FROM told.mark
        AND coalesce(everybody.text, halts.text) IS NOT DISTINCT FROM told.halt
        AND NOT EXISTS (SELECT FROM exitplan.leases AS l
            WHERE l.name = 'account:' || told.account AND l.until > clock_timestamp())
        AND NOT EXISTS (SELECT FROM exitplan.plans AS p WHERE p.account = told.account AND p.ended_at IS NULL)
        AND NOT EXISTS (SELECT FROM exitplan.requests AS r
            WHERE r.account = told.account AND r.standing = 'waiting')
        AND NOT EXISTS (SELECT FROM exitplan.state_changes AS c WHERE c.account = told.account)
), claimed AS (
    UPDATE exitplan.origin SET writer = origin.writer + 1 FROM fit
    WHERE origin.account = fit.account RETURNING fit.*
), begun AS (
    INSERT INTO exitplan.origin (account, journal_id, writer)
    SELECT account, substr(replace(gen_random_uuid()::text, '-', ''), 1, 16), 1 FROM fit
    WHERE writer IS NULL
    ON CONFLICT DO NOTHING RETURNING account
), ours AS (
    SELECT * FROM claimed UNION ALL SELECT fit.* FROM begun JOIN fit USING (account)
), stated AS (
    INSERT INTO exitplan.state (account, document, revision)
    SELECT account, document, 1 FROM ours
    ON CONFLICT (account) DO UPDATE SET document = excluded.document, revision = state.revision + 1
), read AS (
    INSERT INTO exitplan.readings (account, document) SELECT account, reading FROM ours WHERE reading IS NOT NULL
    ON CONFLICT (account) DO UPDATE SET document = excluded.document
), lifted AS (
    DELETE FROM exitplan.gate_marks USING ours
    WHERE ours.account = gate_marks.account AND ours.is_verified AND ours.mark IS NOT NULL
), closed AS (
    INSERT INTO exitplan.gate_marks (account, text) SELECT account, closing FROM told
    WHERE closing IS NOT NULL AND account NOT IN (SELECT account FROM ours)
    ON CONFLICT (account) DO UPDATE SET text = excluded.text
)
SELECT account FROM ours
"""

_COLUMNS = tuple(attrgetter(field.name) for field in fields(Entry))


def write_entries(
    connection: Connection[Any], entries: Sequence[Entry], lease: ShardLease | None = None
) -> frozenset[str] | None:
    """Write entries within a transaction; returns the accounts that were written, None where the lease has ended."""
    entries = sorted(entries, key=lambda entry: entry.account)
    columns = [[value(entry) for entry in entries] for value in _COLUMNS]
    locked = {account for (account,) in connection.execute(_LOCK, (columns[0],), prepare=True)}
    if lease is not None and connection.execute(_FENCE, (lease.name, lease.fence)).fetchone() is None:
        return None
    columns.append([entry.account in locked for entry in entries])
    with connection.cursor(binary=True) as cursor:
        return frozenset(account for (account,) in cursor.execute(_WRITE, columns, prepare=True))


def write_alerts(connection: Connection[Any], alerts: Sequence[Mapping[str, Any]]) -> None:
    """Write alerts, in their order."""
    if alerts:
        names, times = [alert["user_id"] for alert in alerts], [alert["timestamp"] for alert in alerts]
        documents = [with_escapes(orjson.dumps(alert)) for alert in alerts]
        connection.execute(_ALERTS, (names, times, documents))


def write_troubles(connection: Connection[Any], troubles: Mapping[str, Troubles]) -> None:
    """Write what is wrong with the rounds of accounts; a row goes where nothing is any more."""
    gone = [account for account, now in troubles.items() if now == Troubles()]
    there = [
        (account, json.dumps([cause.replace("\0", "\ufffd") for cause in now.causes]), now.kept_since)
        for account, now in sorted(troubles.items())
        if now != Troubles()
    ]
    if gone:
        connection.execute("DELETE FROM exitplan.round_troubles WHERE account = ANY (%s)", (gone,))
    if there:
        connection.execute(_TROUBLES, [list(column) for column in zip(*there, strict=True)])


def write_readings(connection: Connection[Any], readings: Mapping[str, bytes | None]) -> None:
    """Write the readings of accounts that have remembered theirs themselves, where they have a journal."""
    known = sorted((account, reading) for account, reading in readings.items() if reading is not None)
    if known:
        connection.execute(_READINGS, [list(column) for column in zip(*known, strict=True)])
