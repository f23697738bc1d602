"""What is kept of an account beside its journal, a row each: halts, marks, alerts, the last reading."""

from __future__ import annotations

import getpass
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from exitplan.executor.logs import RUN, note
from exitplan.executor.people import proven_actor
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.postgres.connection import StoreConnection
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.failures import told
from exitplan.executor.store.postgres.tables import marked
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.values import parse_time, time_text
from exitplan.ruleset.model.visible import printable

Lent = Callable[[], AbstractContextManager[StoreConnection]]
"""Lends a connection, to statements that name their account."""
EVERYBODY = ""
"""Under which the halt of all accounts is kept."""
_AT_ONCE = 5_000
"""Alerts that are fetched at once."""
# Of what nothing is decided by: an answer need not wait for the disk.
LAZILY = "(SELECT set_config('synchronous_commit', 'off', true)) AS lazily"
PUT_READING = (
    "INSERT INTO exitplan.readings (account, document) SELECT %s, %s FROM " + LAZILY + " ON CONFLICT (account)"  # noqa: S608 - our own words
    " DO UPDATE SET document = excluded.document"
)
_PUT_HALT = (
    "INSERT INTO exitplan.halts (account, text, at) VALUES (%s, %s, %s)"
    " ON CONFLICT (account) DO UPDATE SET text = excluded.text, at = excluded.at"
)
_PUT_MARK = (
    "INSERT INTO exitplan.gate_marks (account, text) VALUES (?, ?)"
    " ON CONFLICT (account) DO UPDATE SET text = excluded.text"
)


@dataclass(frozen=True, slots=True)
class Records:
    """The rows of one account; what cannot be used raises DataFolderUnusable.

    They are asked by a connection that ``lent`` gives, where that is told.
    """

    database: Database
    account: str
    lent: Lent | None = None

    # --- halts and marks ---

    def find_halt(self) -> Halt | None:
        """Find the halt in force, of all accounts or this one; where that cannot be looked at, there is one."""
        asked = "SELECT account, text FROM exitplan.halts WHERE account IN ('', ?) ORDER BY account"
        try:
            row = self._row(asked, self.account)
        except ExitplanError as error:
            return Halt(self._place, f"it cannot be looked at: {error}", self.account)
        return None if row is None else Halt(self._place, printable(row[1]), row[0] or None)

    def halt(self, reason: str, now: datetime) -> Halt:
        """Halt the account."""
        halt_accounts(self.database, self.account, reason, now)
        return Halt(self._place, reason, self.account)

    def resume(self) -> bool:
        """End the account's own halt; False where there was none."""
        return resume_accounts(self.database, self.account)

    def put_mark(self, text: str) -> None:
        """Note that no verification stands."""
        self._row(_PUT_MARK, self.account, text)

    def lift_mark(self) -> None:
        """Take the note away."""
        self._row("DELETE FROM exitplan.gate_marks WHERE account = ?", self.account)

    def find_mark(self) -> str | None:
        """Return the note; where it cannot be looked at, there is one."""
        try:
            row = self._row("SELECT text FROM exitplan.gate_marks WHERE account = ?", self.account)
        except ExitplanError as error:
            return f"{self._place} cannot be looked at: {error}"
        return None if row is None else str(row[0])

    # --- what others look at ---

    def write_alert(self, alert: Mapping[str, Any]) -> bool:
        """Add an alert, durably; false, and logged, where that cannot be done."""
        added = "INSERT INTO exitplan.alerts (account, at, document) VALUES (?, ?, ?)"
        try:
            self._row(added, self.account, parse_time(alert["timestamp"]), orjson.dumps(alert))
        except ExitplanError as error:
            kind = alert["alert_type"]
            note(
                RUN, "alert_not_written", level=logging.ERROR, account=self.account, alert_type=kind, message=str(error)
            )
            return False
        return True

    def reading(self) -> bytes | None:
        """Return the figures of the last reading."""
        row = self._row("SELECT document FROM exitplan.readings WHERE account = ?", self.account)
        return None if row is None else bytes(row[0])

    def put_reproducer(self, name: str, content: bytes) -> None:
        """Keep a case; one that is there already stays."""
        added = "INSERT INTO exitplan.reproducers (account, name, document) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self._row(added, self.account, name, content)

    @property
    def _place(self) -> str:
        return self.database.place

    def _session(self) -> AbstractContextManager[StoreConnection]:
        return self.database.session(None) if self.lent is None else self.lent()

    def _row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """Run one statement, whose marks are ``?``, and give the first of its rows, where it has any."""
        with told(self.database.place), self._session() as connection:
            return connection.run(marked(sql), values).fetchone()


def halt_accounts(database: Database, account: str, reason: str, now: datetime) -> None:
    """Halt one account, or :data:`EVERYBODY`; raises DataFolderUnusable."""
    who = f"{proven_actor() or f'{getpass.getuser()} on {socket.gethostname()}'}, {time_text(now)}"
    with database.connection() as connection:
        connection.execute(_PUT_HALT, (account, f"{printable(reason)} ({who})", now))


def resume_accounts(database: Database, account: str) -> bool:
    """End a halt; False where there was none. Raises DataFolderUnusable."""
    with database.connection() as connection:
        return connection.execute("DELETE FROM exitplan.halts WHERE account = %s", (account,)).rowcount == 1


def halts_of(database: Database) -> list[Halt]:
    """List the halts of a database: that of all accounts, then those of single ones; raises DataFolderUnusable."""
    with database.connection() as connection:
        rows = connection.execute("SELECT account, text FROM exitplan.halts ORDER BY account").fetchall()
    return [Halt(database.place, printable(text), account or None) for account, text in rows]


def newest_alerts(database: Database, account: str, most: int) -> list[dict[str, Any]]:
    """Read the newest alerts of an account, the newest first; raises DataFolderUnusable."""
    asked = "SELECT document FROM exitplan.alerts WHERE account = %s ORDER BY number DESC LIMIT %s"
    with database.connection() as connection:
        return [orjson.loads(document) for (document,) in connection.execute(asked, (account, most))]


def alerts_in(database: Database, account: str | None, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the alerts of an account, or of all, after a number, the oldest first, each with its number.

    They are read as they are asked for. Raises DataFolderUnusable.
    """
    whose = "" if account is None else " AND account = %(account)s"
    asked = (
        f"SELECT number, document FROM exitplan.alerts WHERE number > %(after)s{whose} ORDER BY number LIMIT %(most)s"  # noqa: S608 - our own words
    )
    while True:
        with database.connection() as connection:
            values = {"after": after, "account": account, "most": _AT_ONCE}
            rows = connection.execute(asked.encode(), values).fetchall()
        for number, document in rows:
            after = number
            yield number, orjson.loads(document)
        if len(rows) < _AT_ONCE:
            return
