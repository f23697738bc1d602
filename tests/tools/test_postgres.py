"""A Postgres server is started, killed and started again; a run's processes share one."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tools.postgres import Server

from tests.postgres.server import temporary_server
from tools import postgres


def test_what_was_committed_outlives_a_crash_of_the_server(postgres_server: Server) -> None:
    with temporary_server() as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url())
        server.start()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_each_test_has_a_database_of_its_own(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        asked = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(asked).fetchone() == (0,)


def test_a_machine_without_postgres_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    with pytest.raises(postgres.NoPostgres, match=r"no Postgres server: .*apt-get install postgresql"):
        postgres.start_server(tmp_path / "server")
