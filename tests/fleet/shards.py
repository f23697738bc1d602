"""A shard of accounts in a real database, at venues that do as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.fleet.world import World, account_of
from exitplan.executor.accounts.account import Account
from exitplan.executor.gate import GateAnswer, trading_gate
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.migrations import create_journal, migrate
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet import schema
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.cycle import run_shard
from exitplan.fleet.figures import ShardFigures
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Snapshot


@dataclass
class ToldWorld(World):
    """A world in which a test says who sells, who cannot be read, and what time it is."""

    selling: set[int] = field(default_factory=set)
    unreadable: set[int] = field(default_factory=set)
    later: timedelta = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.later

    def sells(self, number: int) -> bool:
        return number in self.selling

    def read(self, number: int, account: str) -> Snapshot:
        if number in self.unreadable:
            raise AccountUnreadable("the venue does not answer")
        return super().read(number, account)


@dataclass
class Shard:
    """Some accounts in a database."""

    database: Database
    world: ToldWorld
    first: int = 0
    size: int = 3

    @property
    def accounts(self) -> list[Account]:
        """The accounts, opened with their full stores."""
        return [self.account(place) for place in range(self.size)]

    def account(self, place: int) -> Account:
        number = self.first + place
        account = account_of(number, self.world, PostgresStore(self.database, ""))
        return replace(account, store=PostgresStore(self.database, account.id))

    def cycle(self, batch: ShardBatch | None = None, accounts: Sequence[Account] | None = None) -> ShardFigures:
        """Do a cycle, five minutes after the last one."""
        self.world.cycle += 1
        given = self.accounts if accounts is None else accounts
        return run_shard(given, batch or ShardBatch(self.database), lambda _: None, lambda: False)

    def gate(self, place: int) -> GateAnswer:
        account = self.account(place)
        return trading_gate(
            account.store,
            timedelta(hours=1),
            self.world.now(),
            policy_sha256=account.loaded.policy.sha256,
            identity=account.identity,
        )

    def alerts(self, place: int) -> list[str]:
        """The kinds of an account's alerts, in their order."""
        asked = "SELECT document FROM exitplan.alerts WHERE account = %s ORDER BY number"
        return [orjson.loads(document)["alert_type"] for (document,) in self.ask(asked, self.account(place).id)]

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database.connection() as connection:
            return connection.execute(sql.encode(), values).fetchall()


def fleet_database(url: str) -> Database:
    """Set a database up for a fleet."""
    database = open_database(url)
    create_journal(database)
    migrate(database, schema.PART, schema.UPGRADES)
    return database
