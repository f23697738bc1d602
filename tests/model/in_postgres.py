"""The model with the account in a real Postgres server, whose leases end by time, and which may lose its power."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from exitplan.executor.store.journal import Journal
from exitplan.executor.store.port import Tables
from exitplan.executor.store.postgres import leases
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.store.postgres.records import Records
from exitplan.executor.store.postgres.tracker_row import TrackerRow
from tests.chaos.in_postgres import PostgresWorld, set_up
from tests.chaos.wire import WireFile
from tests.faults import Trouble
from tests.model.broker import ModelBroker
from tests.model.lasting import Durable
from tests.model.setting import Setting, staged
from tests.model.world import ModelWorld
from tests.postgres.server import temporary_server

_LEASE_SECONDS = 600.0
"""How long a lease lasts: no run takes that long, so none ends but where the checker says so."""
_TABLES = (
    "SELECT table_name AS name FROM information_schema.columns JOIN information_schema.tables"
    " USING (table_schema, table_name) WHERE table_schema = 'exitplan' AND column_name = 'account'"
    " AND table_type = 'BASE TABLE' AND table_name NOT IN ('alerts', 'halts') ORDER BY 1"
)


@dataclass
class InPostgres(ModelWorld, PostgresWorld):
    """A world whose processes each have connections of their own to one database."""

    databases: dict[str, Database] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    slept_through: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.past = self.stack.enter_context(psycopg.connect(self.url, autocommit=True, row_factory=dict_row))
        self.tables = [str(row["name"]) for row in self.rows(_TABLES)]

    @property
    def store(self) -> PostgresStore:
        if self.who not in self.databases:
            database = open_database(self.url, lease_seconds=_LEASE_SECONDS)
            self.databases[self.who] = self.stack.enter_context(database)
        return PostgresStore(self.databases[self.who], self.account_id)

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return self.past.execute(sql.encode(), values).fetchall()

    def end(self) -> None:
        self.stack.close()

    # --- the borders ---

    def install(self, patch: pytest.MonkeyPatch) -> None:
        super().install(patch)
        clock, ensure_claimed = leases._clock, Journal.ensure_claimed

        def looking(journal: Journal) -> None:
            ensure_claimed(journal)
            self.hold_up()

        patch.setattr(leases, "_clock", lambda: clock() + self.slept_through)
        patch.setattr(Journal, "ensure_claimed", looking)

    def writers(self) -> Iterator[tuple[object, str]]:
        yield Records, "write_alert"
        yield PostgresStore, "keep_reading"
        yield TrackerRow, "update"

    def hold_up(self) -> None:
        """Let the process stand still until its lease has ended and another one has taken over, or go on at once."""
        process = self.machine.running
        if process is None or process.is_dying or len(self.machine.processes) > 1 or self.is_locked:
            return
        if self.choices.choose(f"{process.name} has looked", ["on", "is held up"]) == "is held up":
            self.slept_through += _LEASE_SECONDS
            self.pass_time(_LEASE_SECONDS)
            self.past.execute("UPDATE exitplan.leases SET until = 'epoch'")
            self.take_over()

    def is_synced(self, db: Tables) -> bool:
        (told,) = db.execute("SELECT current_setting('synchronous_commit')").fetchone() or ("off",)
        return bool(told != "off")

    # --- what lasts ---

    def keep(self) -> Durable:
        return replace(super().keep(), rows=self.kept_journal())

    def restore(self, kept: Durable) -> None:
        super().restore(kept)
        self.put_journal(kept.rows)

    def ended_plans(self) -> set[str]:
        asked = "SELECT plan_id FROM exitplan.plans WHERE account = %s AND ended_at IS NOT NULL"
        return {str(row["plan_id"]) for row in self.rows(asked, self.account_id)}

    def journal_content(self) -> list[str]:
        return [self.kept_journal().decode()]

    def kept_journal(self) -> bytes:
        pairs = [SQL("{}, (SELECT json_agg(t) FROM {} AS t)").format(name, _table(name)) for name in self.tables]
        (row,) = self.past.execute(SQL("SELECT json_build_object({})::text AS kept").format(SQL(", ").join(pairs)))
        return str(row["kept"]).encode()

    def put_journal(self, kept: bytes) -> None:
        with self.past.transaction(), self.past.pipeline():
            self.past.execute("SET LOCAL session_replication_role = replica")  # the order of rows is no matter then
            for name in self.tables:
                self.past.execute(SQL("DELETE FROM {}").format(_table(name)))
                if rows := json.loads(kept)[name]:
                    put = SQL("INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, %s)")
                    self.past.execute(put.format(_table(name)), (json.dumps(rows),))
            self.past.execute("DELETE FROM exitplan.leases")

    def begin_journal(self) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self.store.open_journal():
            pass


def _table(name: str) -> Identifier:
    return Identifier("exitplan", name)


def in_postgres(root: Path, setting: Setting) -> InPostgres:
    """Set the scene of a paper account whose journal is in a server of its own."""
    with ExitStack() as stack:
        server = stack.enter_context(temporary_server())
        set_up(server.url())
        scene = staged(root, setting, setting.account())
        return InPostgres(
            root,
            scene.clock,
            Trouble(),
            scene.policy,
            wire=WireFile(root / "wire"),
            connect=lambda world: ModelBroker(world.venue(), world),
            at_once=setting.at_once,
            asks_beside=setting.asks_beside,
            may_halt=setting.may_halt,
            url=server.url(),
            stack=stack.pop_all(),
        )
