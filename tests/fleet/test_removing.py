"""Which accounts leave a fleet, and which cannot: nobody may be at work on them, and no order be open or unknown."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from exitplan.fleet.importing import import_accounts, read_accounts, texts_of
from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.removing import remove_accounts
from exitplan.ruleset.errors import AccountIsLocked, NoSuchAccount, UsageError
from tests.fleet.database import write_accounts


@pytest.fixture
def fleet(postgres_url: str, tmp_path: Path) -> Iterator[FleetPlace]:
    init_fleet(postgres_url)
    with open_fleet(postgres_url) as place:
        import_accounts(place.registry, read_accounts(texts_of([write_accounts(tmp_path, 3)])).drafts)
        yield place


def do(fleet: FleetPlace, sql: str, *values: object) -> None:
    with fleet.registry.transaction() as connection:
        connection.execute(sql.encode(), values)


def shard_is_held(fleet: FleetPlace) -> None:
    do(
        fleet,
        "INSERT INTO exitplan.leases VALUES ('shard:1', 'w', 'worker', 'h', 1, '', 1, now(), now() + interval '1 min')"
        " ON CONFLICT (name) DO UPDATE SET taken_at = now(), until = excluded.until",
    )


def test_an_account_that_somebody_works_on_stays_and_all_that_were_named_with_it(fleet: FleetPlace) -> None:
    lease = fleet.database.leases.take(["account:u1"], "u1 is in use")
    with pytest.raises(AccountIsLocked, match="at work on u1"):
        remove_accounts(fleet.registry, ["u0", "u1"])
    assert fleet.ids() == ["u0", "u1", "u2"]
    lease.release()
    assert remove_accounts(fleet.registry, ["u0", "u1", "u1"]) == ["u0", "u1"]


def test_while_a_worker_has_the_shard_only_who_was_drained_before_leaves(fleet: FleetPlace) -> None:
    assert fleet.registry.drain_account("u0", "")
    shard_is_held(fleet)
    with pytest.raises(AccountIsLocked, match="at work on u1") as refused:
        remove_accounts(fleet.registry, ["u0", "u1"])
    assert "drain" in str(refused.value.hint)
    assert fleet.registry.drain_account("u1", "")  # the worker may have it in hand
    with pytest.raises(AccountIsLocked, match="at work on u1"):
        remove_accounts(fleet.registry, ["u1"])
    assert remove_accounts(fleet.registry, ["u0"]) == ["u0"]
    shard_is_held(fleet)
    assert remove_accounts(fleet.registry, ["u1"]) == ["u1"]


@pytest.mark.parametrize("status", ["sending", "needs_human"])
def test_an_account_with_an_order_of_which_nobody_knows_stays(fleet: FleetPlace, status: str) -> None:
    do(
        fleet,
        "INSERT INTO exitplan.plans (account, plan_id, sha256, document, added_at, ended_at)"
        " VALUES ('u1', 'p', '', '', '', 'then')",
    )
    do(
        fleet,
        "INSERT INTO exitplan.intents (account, plan_id, action_id, number, status, attempt)"
        " VALUES ('u1', 'p', 'a', 1, %s, 1)",
        status,
    )
    with pytest.raises(UsageError, match="unknown what became of an order of u1"):
        remove_accounts(fleet.registry, ["u0", "u1"])
    with pytest.raises(NoSuchAccount, match="'u9'"):
        remove_accounts(fleet.registry, ["u0", "u9"])
    assert fleet.ids() == ["u0", "u1", "u2"]


def test_nobody_begins_to_work_on_an_account_while_it_leaves(fleet: FleetPlace, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as another, ThreadPoolExecutor(1) as pool:
        another.execute(  # somebody takes the lease just now
            "INSERT INTO exitplan.leases VALUES ('account:u1', 't', 'x', 'h', 1, '', 1, now(), now() + interval '1 h')"
        )
        removing = pool.submit(remove_accounts, fleet.registry, ["u1"])
        with pytest.raises(TimeoutError):
            removing.result(0.5)
        another.commit()
        with pytest.raises(AccountIsLocked):
            removing.result(5)
