"""A world whose account is kept in Postgres, and what may happen to the server and on the way to it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.apply.events import ApplyResult
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.leases import LeaseKeeper
from exitplan.executor.store.postgres.migrations import create_journal
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.store.postgres.records import Records
from exitplan.executor.store.postgres.tracker_row import TrackerRow
from exitplan.executor.store.state import State, state_from_document
from exitplan.ruleset.errors import AccountIsLocked
from exitplan.ruleset.model.snapshot import TrackerRecord
from exitplan.ruleset.model.snapshot_reading import tracker_from_document
from exitplan.schemas.documents import parse_document
from tests.chaos.world import World
from tests.executor.crashes import Points, raise_crash
from tests.executor.scene import ensure_registered
from tests.postgres.server import temporary_server

SHARED: list[str] = []
"""The database of all experiments that leave its server alone, for processes that are forked from here on."""
LONE: list[Path] = []
"""Where servers are put that belong to one experiment; with the other temporary files where this is empty."""
LEASE_SECONDS = 0.9
"""How long leases last here that nobody renews."""
_PATIENCE = 20.0


@dataclass
class PostgresWorld(World):
    """A world whose account is in a database; ``way`` leads to it for whoever works on the account."""

    url: str = field(kw_only=True)
    way: str = ""
    lease_seconds: float = 30.0

    @property
    def store(self) -> PostgresStore:
        return PostgresStore(_opened(os.getpid(), self.way or self.url, self.lease_seconds), self.account_id)

    @property
    def folder(self) -> DataFolder:
        """Where nothing is."""
        return DataFolder.of(self.root / "data", "platform")

    @property
    def account_id(self) -> str:
        """The name in the database: one for each world, so that all can share one."""
        return self.root.name

    def open(self) -> Account:
        """Open the account as one with a key, so that it is leased at its venue too."""
        account = super().open()
        return replace(account, identity=self.identity(account))

    def identity(self, account: Account) -> Identity:
        return replace(account.identity, key=self.account_id)

    def apply(self, *args: Any, **named: Any) -> ApplyResult:
        """Apply a plan; the lease of one that is cut off, or on another machine, has to end first."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return super().apply(*args, **named)
            except AccountIsLocked:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def points(self, at: int = 0, die: Callable[[], object] = raise_crash) -> Points:
        return RowPoints(at, die=die)

    # --- what is there, past exitplan's own reading ---

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Ask the database, past all that may be in the way."""
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def run(self, sql: str) -> None:
        """Let the database do something."""
        self.rows(sql)

    def intents(self) -> list[Mapping[str, Any]]:
        return [*self.rows("SELECT * FROM exitplan.intents WHERE account = %s", self.account_id)]

    def journal_content(self) -> list[str]:
        tables = ("plans", "intents", "attempts", "runs", "state", "state_changes", "fills")
        asked = "SELECT t::text AS row FROM exitplan.{} AS t WHERE account = %s ORDER BY 1"
        return [str(row["row"]) for table in tables for row in self.rows(asked.format(table), self.account_id)]

    def state_document(self) -> dict[str, Any]:
        (row,) = self.rows("SELECT document FROM exitplan.state WHERE account = %s", self.account_id)
        return parse_document(bytes(row["document"]), "state", "the state")

    def has_state(self) -> bool:
        return bool(self.rows("SELECT 1 FROM exitplan.state WHERE account = %s", self.account_id))

    def state(self) -> State:
        return state_from_document(self.state_document())

    def has_tracker(self) -> bool:
        return bool(self.rows("SELECT 1 FROM exitplan.trackers WHERE account = %s", self.account_id))

    def tracked(self) -> dict[str, TrackerRecord]:
        (row,) = self.rows("SELECT document FROM exitplan.trackers WHERE account = %s", self.account_id)
        return tracker_from_document(parse_document(bytes(row["document"]), "tracker", "the tracker")["positions"])

    def alerts(self) -> list[dict[str, Any]]:
        asked = "SELECT document FROM exitplan.alerts WHERE account = %s ORDER BY number"
        alerts = [
            parse_document(bytes(row["document"]), "alert", "alerts") for row in self.rows(asked, self.account_id)
        ]
        for alert in alerts:
            ensure_registered(alert)
        return alerts

    def break_leases(self) -> None:
        with open_database(self.url) as database:
            PostgresStore(database, self.account_id).break_lease(self.identity(super().open()))


class RowPoints(Points):
    """The places of any run, and those around what is kept in rows of its own."""

    def install(self, patch: pytest.MonkeyPatch) -> None:
        super().install(patch)
        for owner, name in (
            (LeaseKeeper, "take"),
            (LeaseKeeper, "release"),
            (Records, "write_alert"),
            (PostgresStore, "keep_reading"),
            (TrackerRow, "update"),
        ):
            patch.setattr(owner, name, self.around(getattr(owner, name)))


@cache
def _opened(pid: int, url: str, lease_seconds: float) -> Database:
    """Open the database, once in each process."""
    return open_database(url, lease_seconds=lease_seconds)


def world_at(url: str) -> Callable[..., PostgresWorld]:
    """Return what makes worlds whose accounts are in a database that was set up."""

    def made(*args: Any, **named: Any) -> PostgresWorld:
        return PostgresWorld(*args, **named, url=url)

    return made


def set_up(url: str) -> None:
    """Make what accounts need in an empty database."""
    with open_database(url) as database:
        create_journal(database)


@contextmanager
def shared_database() -> Iterator[None]:
    """Start a server for all experiments of the block that leave it alone; the others' end with the block too."""
    folder = Path(mkdtemp(prefix="exitplan-chaos-pg-"))
    folder.chmod(0o711)
    try:
        with temporary_server() as server:
            set_up(server.url())
            SHARED.append(server.url())
            LONE.append(folder)
            yield
    finally:
        SHARED.clear()
        LONE.clear()
        for note in folder.glob("*/data/postmaster.pid"):  # of experiments that were interrupted
            with suppress(ProcessLookupError):
                os.kill(int(note.read_text().split()[0]), signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
