"""The last snapshot of each account, kept so that a changed policy can be planned for all of them without asking.

One is kept where positions or orders have changed, or the one that is kept has grown old: prices alone are no reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from exitplan.fleet.batch.loading import Loaded
from exitplan.fleet.snapshots import packed
from exitplan.ruleset.model.snapshot import Snapshot

if TYPE_CHECKING:
    from psycopg import Connection

KEPT_FOR = timedelta(hours=1)
"""How old a snapshot of the same positions and orders may grow before a newer one takes its place."""
_DIGEST = 12

_WRITE = """
INSERT INTO exitplan.snapshots (account, taken_at, digest, document)
SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::bytea[], %s::bytea[])
ON CONFLICT (account) DO UPDATE
    SET taken_at = excluded.taken_at, digest = excluded.digest, document = excluded.document
    WHERE snapshots.taken_at < excluded.taken_at
"""


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """A snapshot as it is kept, packed, with a digest of its positions and orders."""

    account: str
    taken_at: datetime
    digest: bytes
    document: bytes


def snapshot_to_keep(loaded: Loaded, snapshot: Snapshot, kept_for: timedelta = KEPT_FOR) -> KeptSnapshot | None:
    """Return the snapshot where it has to take the place of the one that is kept; None where that one will do."""
    if snapshot.missing:
        return None
    digest = digest_of(snapshot)
    is_new = loaded.taken_at is None or not timedelta(0) <= snapshot.taken_at - loaded.taken_at < kept_for
    if digest == loaded.digest and not is_new:
        return None
    return KeptSnapshot(loaded.account, snapshot.taken_at, digest, packed(snapshot))


def digest_of(snapshot: Snapshot) -> bytes:
    """Return a digest of what an account holds and has ordered."""
    held = [f"{one.symbol}{one.side}{one.quantity}{one.locked}{one.debt}" for one in snapshot.positions]
    orders = [f"{one.id}{one.filled}{one.quantity}{one.price}" for one in snapshot.open_orders]
    return hashlib.blake2b("|".join([*held, "", *orders]).encode(), digest_size=_DIGEST).digest()


def write_snapshots(connection: Connection, kept: Iterable[KeptSnapshot]) -> None:
    """Write snapshots, unless newer ones are there."""
    rows: Sequence[KeptSnapshot] = sorted(kept, key=lambda one: one.account)
    if rows:
        columns = zip(*((one.account, one.taken_at, one.digest, one.document) for one in rows), strict=True)
        connection.execute(_WRITE, [list(column) for column in columns])
