"""A fleet in a real database: accounts under policies, with what the cycles of their shards have left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from psycopg import Connection

from exitplan.executor.store.alerts import make_alert
from exitplan.fleet.registry import Registry
from exitplan.fleet.snapshots import packed
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import time_text
from exitplan.schemas.policies import LoadedPolicy, load_policy, policy_from_document, shipped_policy
from tests.builders import NOW, position, snapshot
from tests.fleet.database import registry_at

DEFAULT = load_policy(shipped_policy("default"))


def extending(**parts: Any) -> LoadedPolicy:
    return policy_from_document({"version": 1, "name": "mine", "extends": "default.yaml", **parts})


def of(account: str, *positions: Any, minutes: float = 1, **more: Any) -> Snapshot:
    made = snapshot(*(positions or (position("AAA/USD"), position("BBB/USD"))), **more)
    return replace(made, account=account, taken_at=NOW - timedelta(minutes=minutes))


@dataclass
class Fleet:
    """A registry, and what workers write beside it."""

    registry: Registry

    def policy(self, sha256: str) -> LoadedPolicy:
        return self.registry.policy(sha256)

    def one(self, sql: str, *values: object) -> Any:
        with self.registry.transaction() as connection:
            return connection.execute(sql, values).fetchone()

    def do(self, sql: str, *values: object) -> None:
        with self.registry.transaction() as connection:
            connection.execute(sql, values)

    def add(
        self,
        *accounts: str,
        policy: LoadedPolicy = DEFAULT,
        venue: str = "paper",
        tags: tuple[str, ...] = (),
        own_guards: tuple[str, ...] = (),
    ) -> None:
        sha256 = policy.policy.sha256
        self.registry.add_policy(policy)
        with self.registry.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO exitplan.accounts (account, venue, quote, block, policy, tags, own_guards)"
                " VALUES (%s, %s, 'USD', '{}', %s, %s, %s)",
                [(account, venue, sha256, list(tags), list(own_guards)) for account in accounts],
            )

    def saw(self, *snapshots: Snapshot) -> None:
        """Keep what a cycle has seen."""
        with self.registry.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO exitplan.snapshots (account, taken_at, document) VALUES (%s, %s, %s)"
                " ON CONFLICT (account) DO UPDATE SET taken_at = excluded.taken_at, document = excluded.document",
                [(one.account, one.taken_at, packed(one)) for one in snapshots],
            )

    def policies(self) -> dict[str, str]:
        with self.registry.transaction() as connection:
            return dict(connection.execute("SELECT account, policy FROM exitplan.accounts"))

    def under(self, policy: LoadedPolicy) -> set[str]:
        return {account for account, sha256 in self.policies().items() if sha256 == policy.policy.sha256}

    def cycle(
        self,
        at: datetime,
        *,
        refused: Mapping[str, str] | None = None,
        unknown: tuple[str, ...] = (),
        only: tuple[str, ...] | None = None,
    ) -> None:
        """Let accounts have a round, in which these are refused by a guard or come to be UNKNOWN."""
        for account, policy in self.policies().items():
            if only is not None and account not in only:
                continue
            state = "UNKNOWN" if account in unknown else "CLEAN"
            known = {"unwind_progress": {}, "account_state": state, "last_verified_at": time_text(at)}
            guard = (refused or {}).get(account)
            self._keep("state", account, {**known, "verified_policy": policy})
            self._keep("readings", account, {"at": time_text(at), **({"refused_by": [guard]} if guard else {})})

    def _keep(self, table: str, account: str, document: Mapping[str, Any]) -> None:
        self.do(
            f"INSERT INTO exitplan.{table} (account, document) VALUES (%s, %s)"  # noqa: S608 - our own names
            " ON CONFLICT (account) DO UPDATE SET document = excluded.document",
            *(account, orjson.dumps(document)),
        )

    def trouble(self, account: str, cause: str) -> None:
        """Have the rounds of an account fail."""
        self.do("INSERT INTO exitplan.round_troubles (account, causes) VALUES (%s, %s)", account, [cause])

    def alert(self, account: str, kind: str, at: datetime) -> None:
        alert = make_alert(kind, account, at, {"reason": "so it is"})
        self.do(
            "INSERT INTO exitplan.alerts (account, at, document) VALUES (%s, %s, %s)", account, at, orjson.dumps(alert)
        )

    @contextmanager
    def work(self) -> Iterator[Connection[Any]]:
        with self.registry.transaction() as connection:
            yield connection


@pytest.fixture
def fleet(postgres_url: str) -> Iterator[Fleet]:
    with registry_at(postgres_url) as registry:
        yield Fleet(registry)


@pytest.fixture
def policy_file(tmp_path: Any) -> Callable[..., Any]:
    """Write a policy that extends the shipped default one."""

    def write(**parts: Any) -> Any:
        path = tmp_path / "new.yaml"
        document = {"version": 1, "name": "new", "extends": str(shipped_policy("default")), **parts}
        path.write_bytes(orjson.dumps(document))  # JSON is YAML
        return path

    return write
