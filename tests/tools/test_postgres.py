"""A Postgres server is started, killed and started again; a run's processes share one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgres.server import temporary_server
from tools import postgres
from tools.postgres import Server

ROOT = Path(__file__).parents[2]


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


def test_the_server_of_a_run_ends_after_its_users_however_they_end(postgres_server: Server, tmp_path: Path) -> None:
    use = "import os, pathlib, sys; from tests.postgres.server import shared_server;"
    use += "print(shared_server(pathlib.Path(sys.argv[1])).__enter__().pid, flush=True); os.kill(os.getpid(), 9)"
    words = [sys.executable, "-c", use, str(tmp_path)]
    told = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True)
    until = time.monotonic() + 20
    while Path(f"/proc/{int(told.stdout)}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{int(told.stdout)}").exists()
