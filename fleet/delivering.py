"""The alerts of a fleet for delivery: taken from their table in the order of their transactions, the outbox beside it.

Any machine may deliver, several at once too: what is taken in, claimed and marked is one transaction each, one at a
time, so an alert is sent by one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.alerting.intake import Router, Taken
from exitplan.executor.alerting.outbox import Cursor, Outbox
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.failures import told
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.store.postgres.tables import PostgresTables
from exitplan.fleet.registry import Registry
from exitplan.ruleset.model.values import parse_time

EVERYBODY = ""
"""The one cursor's account: it runs over the alerts of all of them."""
MOST_AT_ONCE = 10_000
_PREFIX = "exitplan.outbox_"
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('exitplan.outbox', 0))"
# Numbers are given before they are committed, so a later one may be there first. Transactions older than all that are
# under way have ended: after the last of those nothing comes in between any more.
_NEW = (
    "SELECT tx::text::bigint, number, document FROM exitplan.alerts WHERE (tx, number) > (%s::text::xid8, %s)"
    " AND tx < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY tx, number LIMIT %s"
)


class OutboxTables(PostgresTables):
    """The tables of the outbox, which belong to no account."""

    @contextmanager
    def writing(
        self,
        writer: int | None = None,  # noqa: ARG002 - there is no journal
        *,
        is_durable: bool = True,  # noqa: ARG002 - all of them are
    ) -> Iterator[None]:
        """Run a block as one transaction, one deliverer at a time."""
        with self._transaction(b"BEGIN"):
            self.execute(_ALONE)
            yield


@dataclass(frozen=True, slots=True)
class FleetPost:
    """The alerts of all accounts of a fleet, and the outbox for them."""

    registry: Registry
    database: Database

    def has_outbox(self) -> bool:
        """Return true: its tables are made with those of the fleet."""
        return True

    @contextmanager
    def outbox(self) -> Iterator[Outbox]:
        """Open the outbox; raises DataFolderUnusable."""
        with told(self.database.place), self.database.session("") as connection:
            yield Outbox(OutboxTables(connection), _PREFIX)

    def take_in(self, outbox: Outbox, router: Router, since: datetime, now: datetime) -> Taken:
        """Take in the alerts after the last one that was; those that are being written go with the next delivery.

        The cursor's inode is the transaction of that one.
        """
        taken, cursor = Taken(), outbox.cursor(EVERYBODY)
        with self.database.connection() as connection:
            rows = connection.execute(_NEW, (cursor.inode, cursor.position, MOST_AT_ONCE)).fetchall()
        newest = cursor.newest
        for _, _, document in rows:
            alert = orjson.loads(document)
            raised_at = parse_time(alert["timestamp"])
            newest = max(newest, raised_at)
            if raised_at < since:
                taken.too_old += 1
            else:
                taken.alerts += 1
                taken.unknown |= router.route(outbox, alert, raised_at, now)
        if rows:
            outbox.move_cursor(EVERYBODY, Cursor(position=rows[-1][1], inode=rows[-1][0], newest=newest))
        return taken

    def tags_of(self, account: str) -> frozenset[str] | None:
        """Look into the registry; None for an account that has left it."""
        with self.registry.transaction() as connection:
            row = connection.execute("SELECT tags FROM exitplan.accounts WHERE account = %s", [account]).fetchone()
        return None if row is None else frozenset(row[0])

    def tell(self, kind: str, figures: Mapping[str, Any], now: datetime) -> None:
        """Add to the alerts of the platform account."""
        PostgresStore(self.database, PLATFORM).raise_alert(kind, now, figures)
