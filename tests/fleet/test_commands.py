"""The verbs of ``exitplan fleet`` on a real Postgres: what they say, and what they leave with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from exitplan.cli.verbs import FLEET_VERBS
from exitplan.fleet.registry import Registry
from tests.cli.conftest import nothing, xp
from tests.cli.test_answer_schemas import ensure
from tests.fleet.database import registry_at, write_accounts

__all__ = ["nothing"]


@pytest.fixture
def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EXITPLAN_DATA", postgres_url)
    return postgres_url


@pytest.fixture
def registry(database: str, tmp_path: Path) -> Iterator[Registry]:
    """A fleet of six accounts in three shards."""
    with registry_at(database) as opened:
        assert xp("fleet", "import", write_accounts(tmp_path, 6), "--size", "2").code == 0
        yield opened


@pytest.mark.parametrize("verb", FLEET_VERBS)
def test_the_summary_of_a_verb_is_the_first_line_of_its_help(verb: str) -> None:
    shown = xp("fleet", verb, "--help")
    assert shown.code == 0
    assert FLEET_VERBS[verb].summary in " ".join(shown.out.split())


def test_help_lists_the_verbs_and_what_is_mistyped_gets_a_hint() -> None:
    shown = xp("fleet", "--help")
    assert all(verb.summary in shown.out for verb in FLEET_VERBS.values())
    assert "hint: did you mean 'status'?" in xp("fleet", "stauts").err
    assert "hint: did you mean --dry-run?" in xp("fleet", "rebalance", "--dryrun").err
    assert (xp("fleet").code, xp("fleet", "zzz").code) == (64, 64)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status"], "error: which fleet?\nhint: name its database: --data postgresql://"),
        (["status", "--data", "data"], "error: data is a folder: a fleet is kept in Postgres"),
        (["status", "--data", "postgresql://me:geheim@h/d"], "error: the address of the database carries a password"),
        (["status", "--data", "postgresql:///x?host=/nowhere"], "error: the database postgresql:///nowhere/x cannot"),
    ],
)
def test_a_database_that_is_not_named_or_not_there_is_told(words: list[str], said: str) -> None:
    shown = xp("fleet", *words)
    assert shown.code in {1, 64}
    assert shown.err.startswith(said)
    assert "geheim" not in shown.err


def test_init_is_safe_to_repeat(database: str) -> None:
    assert "is not set up for exitplan" in xp("fleet", "status").err
    assert xp("fleet", "init").out.startswith("Made the tables of a fleet in postgresql://")
    assert xp("fleet", "init").out.endswith(" are up to date.\n")
    shown = xp("fleet", "status")
    assert shown.code == 0
    assert "no accounts yet; take some in with: exitplan fleet import" in shown.out


def test_import_is_all_or_nothing_unless_told_to_go_on(database: str, tmp_path: Path) -> None:
    xp("fleet", "init")
    folder = write_accounts(tmp_path, 3)
    broken = folder / "u1.yaml"
    broken.write_text(broken.read_text().replace("binance", "binanse"))
    shown = xp("fleet", "import", folder)
    assert (shown.code, shown.out) == (65, "")
    assert f"{broken.relative_to(tmp_path)}" in shown.err or str(broken) in shown.err
    assert "did you mean 'binance'?" in shown.err
    assert "Nothing was imported: 1 problem in the files." in shown.err
    assert "--keep-going takes in the 2 sound accounts." in shown.err
    assert "The fleet has no accounts yet" in xp("fleet", "accounts").out
    kept = xp("fleet", "import", folder, "--keep-going")
    assert (kept.code, kept.out) == (65, "Added 2, changed 0, unchanged 0; 1 policy, 1 new shard.\n")
    checked = xp("fleet", "import", folder / "u0.yaml", "--dry-run")
    assert (checked.code, checked.out) == (0, "1 account can be imported; nothing was changed.\n")


def test_a_stream_of_accounts_comes_on_stdin(database: str, tmp_path: Path) -> None:
    xp("fleet", "init")
    write_accounts(tmp_path, 3)
    texts = [file.read_text() for file in sorted((tmp_path / "policies" / "accounts").iterdir())]
    stream = "---\n".join(texts).replace("../ours", "policies/ours")
    shown = xp("fleet", "import", "-", typed=stream)
    assert shown.out == "Added 3, changed 0, unchanged 0; 1 policy, 1 new shard.\n"


@pytest.mark.usefixtures("registry")
def test_export_and_import_are_each_other_s_way_back(tmp_path: Path) -> None:
    assert xp("fleet", "export", "out").out == "Wrote 6 accounts into out/accounts.\n"
    assert xp("fleet", "import", "out/accounts").out == "Added 0, changed 0, unchanged 6; 1 policy.\n"
    assert "out is not empty" in xp("fleet", "export", "out").err
    assert xp("fleet", "export", "some", "--tag", "desk-1").out == "Wrote 2 accounts into some/accounts.\n"


@pytest.mark.usefixtures("registry")
def test_accounts_are_listed_and_narrowed() -> None:
    shown = xp("fleet", "accounts", "--shard", "2")
    assert [line.split()[0] for line in shown.out.splitlines()] == ["account", "u2", "u3"]
    assert "These are the first 2 of 6;" in xp("fleet", "accounts", "--limit", "2").out
    assert xp("fleet", "accounts", "--venue", "kraken").out == "The fleet has no such account.\n"
    assert "the fleet has no such account" in xp("fleet", "export", "none", "--venue", "kraken").err
    assert "there is no standing 'alive'" in xp("fleet", "accounts", "--standing", "alive").err


def test_what_is_drained_is_told_and_undone(registry: Registry) -> None:
    shown = xp("fleet", "drain", "--venue", "binance", "--account", "u1", "--shard", "3", "--why", "moves house")
    assert shown.out.splitlines() == [
        "The account u1 gets no new cycle.",
        "The shard 3 gets no new cycle.",
        "The venue binance gets no new cycle.",
    ]
    assert registry.shards() == []
    status = xp("fleet", "status").out
    assert "venue binance" in status
    assert "moves house" in status
    assert "was drained or set aside already" in xp("fleet", "drain", "--shard", "3").out
    xp("fleet", "drain", "--venue", "binance", "--account", "u1", "--shard", "3", "--undo")
    assert registry.shards() == [1, 2, 3]
    assert "was not drained" in xp("fleet", "drain", "--account", "u1", "--undo").out
    assert "did you mean 'binance'?" in xp("fleet", "drain", "--venue", "binanse").err
    assert xp("fleet", "drain", "--account", "u1", "--account", "u9").code == 64
    assert xp("fleet", "accounts", "--standing", "drained").out == "The fleet has no such account.\n"
    assert "what is to be drained?" in xp("fleet", "drain").err


def test_a_worker_is_drained(registry: Registry) -> None:
    with registry.transaction() as connection:
        connection.execute("INSERT INTO exitplan.workers (worker, host, pid, processes) VALUES ('w1', 'h', 7, 2)")
    assert (
        xp("fleet", "drain", "--worker", "w1").out
        == "The worker w1 takes no new shard, and leaves when those it has are done.\n"
    )
    assert "draining" in xp("fleet", "status").out
    assert xp("fleet", "drain", "--worker", "w1", "--undo").out == "The worker w1 takes shards again.\n"
    assert "it has w1" in xp("fleet", "drain", "--worker", "zz").err


def test_a_worker_that_was_killed_is_told_as_lost(registry: Registry) -> None:
    with registry.transaction() as connection:
        connection.execute(
            "INSERT INTO exitplan.workers (worker, host, pid, processes, seen_at)"
            " VALUES ('w1', 'h', 7, 2, now() - interval '16 s'), ('w2', 'h', 8, 2, now())"
        )
    assert "1 at work; 1 lost, killed or cut off" in xp("fleet", "status").out
    told = xp("fleet", "status", "--json").json
    assert [worker["standing"] for worker in told["workers"]] == ["lost", "active"]


def test_an_address_of_something_else_is_refused(nothing: Path) -> None:
    for verb in (("fleet", "status"), ("status",), ("plan",)):
        shown = xp(*verb, "--data", "postgre://exitplan@db/exitplan")
        assert (shown.code, "postgre:// is no address of Postgres" in shown.err) == (64, True)
    assert not list(nothing.glob("postgre*"))


def test_a_role_that_is_not_there_and_a_server_that_is_away_have_hints_of_their_own(postgres_url: str) -> None:
    database = postgres_url.rpartition("/")[2].partition("?")[0]
    unknown = xp("fleet", "status", "--data", postgres_url.replace(f"/{database}", "/nowhere", 1))
    assert (unknown.code, "docs/postgres.md shows how role and database are set up" in unknown.err) == (1, True)
    away = xp("fleet", "status", "--data", "postgresql://exitplan@127.0.0.1:1/exitplan")
    assert (away.code, "start the server or mend the way to it" in away.err) == (1, True)
    assert "Is the server running" not in away.err


@pytest.mark.parametrize(
    "words",
    [
        "fleet status",
        "fleet tick",
        "fleet worker",
        "fleet import policies/accounts",
        "fleet plan --policy published",
        "plan",
        "pending",
    ],
)
def test_without_the_packages_of_a_fleet_it_is_said_what_to_install(
    nothing: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    write_accounts(nothing, 1)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    shown = xp(*words.split(), "--data", "postgresql://exitplan@127.0.0.1:1/exitplan")
    assert (shown.code, shown.err.splitlines()[0]) == (64, "error: the packages that a fleet needs are not installed")
    assert "pip install 'exitplan[fleet]'" in shown.err


def test_the_dead_are_listed_and_revived(registry: Registry) -> None:
    assert xp("fleet", "dead").out == "No account is set aside.\n"
    registry.set_aside("u3", "its process was killed by SIGSEGV twice")
    shown = xp("fleet", "dead").out
    assert "u3" in shown
    assert "SIGSEGV twice" in shown
    assert xp("fleet", "dead", "--revive", "u3", "--revive", "u2").out.splitlines() == [
        "u3 has cycles again.",
        "u2 was not set aside.",
    ]
    assert "did you mean 'u3'?" in xp("fleet", "dead", "--revive", "u33").err


def test_shards_are_rebalanced(registry: Registry) -> None:
    assert xp("fleet", "rebalance", "--size", "6", "--dry-run").out == (
        "Would move 4 accounts and open 0 shards. The fleet has 3 shards.\n"
    )
    assert xp("fleet", "rebalance", "--size", "6").out.startswith("Moved 4 accounts and opened 0 shards.")
    assert xp("fleet", "rebalance", "--size", "6").out == "Nothing to move. The fleet has 1 shard.\n"


def test_an_account_with_an_open_run_is_not_removed(registry: Registry) -> None:
    with registry.transaction() as connection:
        connection.execute(
            "INSERT INTO exitplan.plans (account, plan_id, sha256, document, added_at) VALUES ('u1', 'p', '', '', '')"
        )
    shown = xp("fleet", "remove", "u0", "u1")
    assert shown.code == 64
    assert "a run has not ended of u1" in shown.err
    assert xp("fleet", "remove", "u0").out == "Removed 1 account.\n"
    assert "the fleet has no account 'u0'" in xp("fleet", "remove", "u1", "u0").err


def test_the_last_tick_and_the_states_of_accounts_are_shown(registry: Registry) -> None:
    with registry.transaction() as connection:
        connection.execute("INSERT INTO exitplan.ticks (tick) VALUES (1), (2)")
        connection.execute(
            "INSERT INTO exitplan.cycles (tick, shard, worker, ended_at, figures) VALUES"
            """ (2, 1, 'w1', now(), '{"accounts": 2, "orders": 1, "exit_code": 2, "kinds": {"applied": 2}}'),"""
            """ (2, 2, 'w1', now(), '{"accounts": 2, "exit_code": 9, "kinds": {"quiet": 1, "applied": 1}}'),"""
            " (2, 3, 'w2', NULL, NULL), (1, 1, 'w1', now(), NULL)"
        )
        connection.execute(
            "INSERT INTO exitplan.state (account, document) VALUES ('u1', %s)", [b'{"account_state": "CLEAN"}']
        )
        connection.execute(
            "INSERT INTO exitplan.buckets (scope, level, granted, rest_until, at) VALUES ('api.venue a', 3, 1, 0, 0),"
            " ('api.venue b', -2, 0.5, extract(epoch FROM now()) + 600, 0)"
        )
        connection.execute("INSERT INTO exitplan.ticks (tick, why) VALUES (3, 'skipped: another one runs')")
    shown = xp("fleet", "status", "--json")
    ensure("fleet-status", shown.json)
    (limit,) = shown.json["limits"]
    assert (limit["buckets"], limit["resting"], limit["lowest"], limit["granted"]) == (2, 1, -2, 0.5)
    tick = shown.json["tick"]
    assert (tick["tick"], tick["shards"], tick["done"]) == (2, 3, 2)
    assert tick["figures"] == {"accounts": 4, "orders": 1, "rounds.applied": 3, "rounds.quiet": 1}
    assert shown.json["states"] == {"CLEAN": 1, "not run yet": 5}
    assert "2 of 3 shards done" in xp("fleet", "status").out
    assert "api.venue" in xp("fleet", "status").out


def test_what_the_verbs_print_fits_its_schema(registry: Registry, tmp_path: Path) -> None:
    registry.set_aside("u3", "why not")
    ensure("fleet-accounts", xp("fleet", "accounts", "--json").json)
    ensure("fleet-dead", xp("fleet", "dead", "--json").json)
    ensure("fleet-moves", xp("fleet", "rebalance", "--json").json)
    (tmp_path / "x.yaml").write_text("version: 1\n")
    for path in ("policies/accounts", "x.yaml"):
        ensure("fleet-import", xp("fleet", "import", path, "--json").json)


def test_a_database_of_a_later_version_is_left_alone(database: str) -> None:
    xp("fleet", "init")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE exitplan.versions SET version = 99 WHERE part = 'fleet'")
    assert "is of version 99 (fleet)" in xp("fleet", "status").err
    assert xp("fleet", "init").code == 1
