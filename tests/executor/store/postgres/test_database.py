"""What is demanded of a database, and what whoever runs exitplan is told where it does not do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from exitplan.executor.store.port import StoreBroken, StoreUnusable
from exitplan.executor.store.postgres import database as module
from exitplan.executor.store.postgres.connection import StoreConnection
from exitplan.executor.store.postgres.database import Database, open_database
from exitplan.executor.store.postgres.failures import as_store_error
from exitplan.executor.store.postgres.postgres_store import PostgresStore, stores_in
from exitplan.executor.store.postgres.schema import UPGRADES
from exitplan.executor.store.postgres.url import ensure_no_password, is_database_url, is_remote, place_of
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, FileIsInvalid, UsageError
from tests.builders import NOW
from tests.executor.store.postgres.conftest import Ground
from tests.postgres.server import temporary_server
from tools.postgres import Server

Opened = Callable[..., Database]


def refusal(url: str) -> DataFolderUnusable:
    with pytest.raises(DataFolderUnusable) as refused, open_database(url) as database:
        stores_in(database)
    assert refused.value.exit_code == 1
    return refused.value


# --- the server ---


def test_a_server_that_does_not_flush_is_refused(postgres_server: Server) -> None:
    with temporary_server(fsync=False) as server:
        refused = refusal(server.url())
    assert "the server runs with fsync = off" in str(refused)
    assert "lost in a power cut" in str(refused.hint)


@pytest.mark.parametrize("owner", ["ROLE {0.role}", "DATABASE {0.name}"])
def test_a_role_or_database_whose_commits_are_not_on_the_disk_is_refused(ground: Ground, owner: str) -> None:
    ground.run(f"ALTER {owner.format(ground)} SET synchronous_commit = off")
    refused = refusal(ground.url_of_role)
    assert "synchronous_commit is off" in str(refused)
    assert "ALTER ROLE ... RESET synchronous_commit" in str(refused.hint)


def test_a_database_of_another_encoding_is_refused(ground: Ground) -> None:
    ground.run(f"CREATE DATABASE {ground.name}_l1 ENCODING 'LATIN1' TEMPLATE template0")
    assert "its encoding is LATIN1" in str(refusal(ground.server.url(f"{ground.name}_l1")))


def test_a_database_that_cannot_be_written_is_refused(ground: Ground) -> None:
    ground.run(f"ALTER DATABASE {ground.name} SET default_transaction_read_only = on")
    assert "session is read-only" in str(refusal(ground.url))


@pytest.mark.parametrize(
    ("changed", "told"), [("'off' = 'on'", "a pooler in between"), ("130000", "it is Postgres 13")]
)
def test_what_is_no_server_that_does_is_refused(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, changed: str, told: str
) -> None:
    was = "pg_backend_pid()" if "pooler" in told else "current_setting('server_version_num')::int"
    monkeypatch.setattr(module, "_DEMANDED", module._DEMANDED.replace(was, changed))
    assert told in str(refusal(ground.url))


def test_a_server_that_is_away_is_told_as_that(tmp_path: Path) -> None:
    refused = refusal(f"postgresql://me@/exitplan?host={quote(str(tmp_path), safe='')}")
    assert f"the database postgresql://me@{tmp_path}/exitplan cannot be used: " in str(refused)
    assert "start the server or mend the way to it" in str(refused.hint)


def test_a_server_that_goes_away_is_told_and_comes_back(postgres_server: Server, opened: Opened) -> None:
    with temporary_server() as server:
        database = opened(server.url())
        module_store = _set_up(database)
        with module_store.open_journal() as journal:
            server.restart()
            with pytest.raises(DataFolderUnusable, match="cannot be written"):
                journal.put_state({})
        server.stop()
        with pytest.raises(DataFolderUnusable, match="cannot be used"):
            module_store.read_state()
        halted = module_store.find_halt()
        assert halted is not None
        assert "it cannot be looked at" in halted.text
        assert "cannot be looked at" in str(module_store.find_mark())
        assert not module_store.write_alert({"timestamp": "2026-02-18T22:00:00Z", "alert_type": "X"})
        server.start()
        assert (module_store.has_journal(), module_store.find_halt()) == (True, None)


def test_a_server_that_does_not_answer_is_given_up(postgres_server: Server, opened: Opened) -> None:
    with temporary_server() as server:
        store = _set_up(opened(server.url(), lease_seconds=0.4))
        with store.open_journal() as journal:
            server.pause()
            with pytest.raises(DataFolderUnusable, match="has not answered for"):
                journal.put_state({})
            server.resume()


def _set_up(database: Database) -> PostgresStore:
    from exitplan.executor.store.postgres.migrations import create_journal  # noqa: PLC0415

    create_journal(database)
    store = PostgresStore(database, "desk")
    with store.open_journal():
        return store


# --- the address ---


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@host/db", "postgresql://me@host/db?password=s3cret", "postgres://me:s3cret@[/db"]
)
def test_a_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        ensure_no_password(url)
    assert "s3cret" not in f"{refused.value} {refused.value.hint} {place_of(url)}"
    assert "s3cret" not in repr(Database(url))


def test_a_password_of_the_environment_is_in_no_message(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    refused = refusal(ground.server.url("s3cret"))
    assert 'database "***" does not exist' in str(refused)
    assert "s3cret" not in caplog.text


def test_an_address_that_says_nonsense_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(UsageError, match=r"the address of the database, postgresql://me@host/db, cannot be read"):
        open_database("postgresql://me@host/db?colour=red")


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("postgresql://me@db.example.com/x", True),
        ("postgresql://me@10.0.0.1:5432/x", True),
        ("postgresql://me@/x?host=db.example.com", True),
        ("postgresql://me@localhost:5432,far:5432/x", True),
        ("postgresql://me@[2001:db8::1]:5432/x", True),
        ("postgresql://me@localhost/x", False),
        ("postgresql://me@127.0.0.1:5432/x", False),
        ("postgresql://me@[::1]:5432/x", False),
        ("postgresql:///x", False),
        ("postgresql://me@/x?host=/var/run/postgresql", False),
        ("postgresql://me@%2Fvar%2Frun/x", False),
    ],
)
def test_a_way_over_the_network_is_known_as_one(url: str, remote: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert (is_database_url(url), is_remote(url)) == (True, remote)


def test_over_the_network_nothing_is_said_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def connect(**options: object) -> None:
        asked.update(options)
        raise psycopg.OperationalError("no")

    monkeypatch.setattr(StoreConnection, "connect", connect)
    for url, mode in (
        ("postgresql://me@far/x", "require"),
        ("postgresql://me@far/x?sslmode=verify-full", "verify-full"),
    ):
        with pytest.raises(DataFolderUnusable):
            open_database(url)
        assert asked["sslmode"] == mode


# --- what is in it ---


def test_a_database_that_is_not_set_up_is_told_how(ground: Ground) -> None:
    refused = refusal(ground.url)
    assert "is not set up for exitplan" in str(refused)
    assert "exitplan fleet init" in str(refused.hint)


@pytest.mark.parametrize(("version", "told"), [(99, f"knows up to {len(UPGRADES)}"), (0, "not set up")])
def test_a_schema_of_another_version_is_refused(ground: Ground, version: int, told: str) -> None:
    ground.set_up()
    statement = f"UPDATE exitplan.versions SET version = {version}"  # noqa: S608 - a number of ours
    ground.run(statement)
    assert told in str(refusal(ground.url))


def test_a_role_that_may_not_is_told_what_it_lacks(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    ground.run(
        f"GRANT USAGE ON SCHEMA exitplan TO {ground.role}", f"GRANT SELECT ON exitplan.versions TO {ground.role}"
    )
    store = stores_in(opened(ground.url_of_role))("desk")
    with pytest.raises(DataFolderUnusable, match="the role lacks a right") as refused:
        store.read_state()
    assert "docs/postgres.md" in str(refused.value.hint)


def test_a_role_with_the_rights_of_the_docs_can_do_all(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    page = Path("docs/postgres.md").read_text(encoding="utf-8")
    grants = [line.strip() for line in page.splitlines() if line.strip().startswith(("GRANT", "ALTER DEFAULT"))]
    ground.run(*(line.replace("exitplan_worker", ground.role).replace("DATABASE exitplan", f"DATABASE {ground.name}")
                 for line in grants))  # fmt: skip
    store = stores_in(opened(ground.url_of_role))("desk")
    store.change_state(lambda state: state, NOW, lifts_mark=True)
    store.mark_gate_closed("a test", NOW)
    store.raise_alert("EXIT_FAILED", NOW, {})
    store.halt("a test", NOW)
    store.ensure_ready()
    assert (store.has_journal(), store.resume()) == (True, True)


def test_a_journal_that_is_gone_from_a_database_is_noticed(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    ground.run("INSERT INTO exitplan.last_traded VALUES ('key', 'desk', 'a journal', 7)")
    store = stores_in(opened(ground.url))("desk")
    for ask in (store.ensure_journal, store.ensure_ready, store.read_state):
        with pytest.raises(FileIsInvalid, match="is gone from"):
            ask()


def test_a_document_that_is_broken_is_told_as_damage(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    store = stores_in(opened(ground.url))("desk")
    store.change_state(lambda state: state, NOW)
    ground.run("UPDATE exitplan.state SET document = '{'")
    with pytest.raises(FileIsInvalid, match="the data is damaged: a document in it is broken"):
        store.read_state()


def test_no_account_sees_the_rows_of_another_and_none_set_sees_nothing(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    database = opened(ground.url)
    one, other = (stores_in(database)(name) for name in ("one", "other"))
    one.change_state(lambda state: state, NOW)
    assert (one.has_journal(), other.has_journal()) == (True, False)
    with pytest.raises(ExitplanError), database.connection() as connection:
        connection.execute("INSERT INTO origin (journal_id) VALUES ('x')")
    with psycopg.connect(ground.url) as connection, pytest.raises(psycopg.errors.UndefinedObject):
        connection.execute("SELECT * FROM exitplan_account.origin")


def test_text_may_hold_what_postgres_does_not_take(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    store = stores_in(opened(ground.url))("desk")
    with store.open_tables(may_begin=True) as tables, tables.writing():
        tables.execute(
            "INSERT INTO troubles (kind, subject, first_seen) VALUES (?, ?, ?)", ("a\0b", "100 %", "é\u2028")
        )
    with store.open_tables() as tables:
        rows = tables.execute("SELECT kind, subject, first_seen FROM troubles WHERE subject LIKE '100 %'").fetchall()
    assert rows == [("a\ufffdb", "100 %", "é\u2028")]


def test_a_database_is_used_by_the_process_that_opened_it(ground: Ground, opened: Opened) -> None:
    database = opened(ground.url)
    database._pid = os.getpid() + 1
    with pytest.raises(RuntimeError, match="by the process that uses it"), database.connection():
        pass


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *((state, StoreUnusable) for state in ("08006", "25006", "25P02", "25P03", "40001", "40P01", "42501", "42P01")),
        *((state, StoreUnusable) for state in ("53100", "53300", "55P03", "57014", "57P01", "58030")),
        *((state, StoreBroken) for state in ("22P02", "23505", "XX000", "XX001", "XX002")),
    ],
)
def test_what_says_nothing_of_the_data_is_not_told_as_damage(state: str, kind: type[Exception]) -> None:
    assert type(as_store_error(psycopg.errors.lookup(state)("it failed"))) is kind


def test_a_connection_that_is_given_back_after_the_end_is_closed(ground: Ground, opened: Opened) -> None:
    database = opened(ground.url)
    with database.session("desk") as connection:
        database.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert connection.closed


def test_statements_are_prepared_once(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    database = opened(ground.url)
    store = stores_in(database)("desk")
    for _ in range(4):
        store.change_state(lambda state: state, NOW)
    with database.connection() as connection:
        rows = connection.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert any("UPDATE state SET document" in statement for (statement,) in rows)


def test_what_a_rollback_lets_go_of_is_prepared_anew(ground: Ground, opened: Opened) -> None:
    ground.set_up()
    database = opened(ground.url)
    store = stores_in(database)("desk")
    for _ in range(4):
        store.change_state(lambda state: state, NOW)
        with database.session("desk") as connection, connection.transaction():
            connection.execute("SELECT 1", prepare=True)
            raise psycopg.Rollback
    assert store.has_journal()
