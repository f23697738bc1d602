"""Every verb of the command line takes a stand on fleets: it works on one, refuses with what to use, or has no data."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exitplan.cli.verbs import VERBS, LoadedVerbs
from tests.cli.conftest import nothing, xp
from tools.fleet_demo import write_accounts

__all__ = ["nothing"]
COUNT = 20
FULL, CLEAN = "--account user-00000", "--account user-00001"
"""One that has something to sell, and one that has nothing."""

WORKS = {
    "plan": (f"plan {FULL}", 0, "1 to close, 1 order to cancel"),
    "apply": ("plan --account user-00010 --out plan.json; apply plan.json", 0, "Applied: 2 done."),
    "verify": ("verify --all", 2, "user-00019"),
    "run": (f"run --dry-run {FULL}", 2, "ETH/USD"),
    "gate": (f"verify {CLEAN}; gate {CLEAN}", 0, "open"),
    "halt": ("halt --account user-00003 --why tried", 0, "nothing is sent for user-00003"),
    "resume": ("halt --account user-00004 --why tried; resume --account user-00004", 0, "user-00004"),
    "pending": ("pending", 0, "No plan waits."),
    "approve": ("approve 0-0", 64, "no waiting plan has the id"),
    "reject": ("reject 0-0 --why no", 64, "no waiting plan has the id"),
    "alerts": ("alerts --all", 0, "No alerts."),
    "incidents": ("incidents", 0, "No incident is open."),
    "ack": ("ack i1 --why seen", 64, "there is no incident 'i1'"),
    "metrics": ("metrics", 0, f'exitplan_fleet_accounts{{standing="active"}} {COUNT}'),
    "install-service": ("install-service --fleet", 0, "fleet worker --every 5m"),
    "positions": (f"positions {FULL}", 0, "ETH/USD"),
    "explain": (f"explain ETH/USD {FULL}", 0, "legacy"),
    "eval": (f"eval 'pnl_pct < 0' {FULL}", 0, "user-00000"),
    "status": ("status --all", 0, "user-00019"),
    "history": (f"history {CLEAN}", 0, ""),
    "report": ("report --all", 0, ""),
    "lots": (f"lots {FULL}", 0, ""),
    "health": ("health explain", 0, "barrier"),
    "policies": (f"policies show {FULL}", 0, "the fleet's account user-00000"),
    "doctor": (f"doctor {FULL}", 0, "tables of version"),
    "resolve": (f"resolve {FULL}", 0, "No order of user-00000 is unresolved."),
    "unlock": (f"unlock {FULL}", 0, "Nobody holds the account user-00000."),
    "retry": (f"retry ETH/USD {FULL}", 0, "Nothing to clear"),
    "adopt": (f"adopt ETH/USD --entry-price 2000 {FULL}", 0, "Registered ETH/USD"),
    "forget": (f"forget BTC/USD {CLEAN}", 64, "the tracker of user-00001 has no record of BTC/USD"),
    "accept-balance": (f"accept-balance {CLEAN} --auto-approve", 0, ""),
    "snapshot": (f"snapshot {FULL} --out seen.json", 0, "Recorded 1 position"),
    "simulate": (f"simulate {FULL} --paths 2 --cycles 2", 0, "fleet-demo"),
    "prune": (f"prune --older-than 1d {CLEAN}", 0, "Nothing to remove from user-00001"),
    "users": ("users add ada --role viewer --no-password --users team.json; users list --users team.json", 0, "ada"),
}
"""What a verb does on a fleet: a line, or some, the exit code of the last, and what it says."""

REFUSES = {
    "watch": ("watch --once", "exitplan fleet tick"),
    "groups": ("groups", "accounts in files"),
    "backup": ("backup --out copy", "a database is copied by pg_dump"),
    "restore": (f"restore copy {FULL}", "such as pg_dump"),
    "state": (f"state export {FULL}", "exitplan status"),
}
"""Verbs that are about files as such, and what they name instead."""

GOES_ON = {"serve", "top"}
"""Verbs that work until they are ended: tests/web and tests/cli/top have those of a fleet."""

WITHOUT_DATA = {
    *("init", "venues", "validate", "test", "lint", "compare", "fmt", "show", "sign", "diff", "graph"),
    *("keygen", "lsp", "schema"),
}
"""Verbs that neither read nor keep anything of an account."""


@pytest.fixture(scope="module")
def fleet(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twenty paper accounts, two of which have something to sell."""
    url, folder = new_database(), tmp_path_factory.mktemp("fleet")
    assert xp("fleet", "init", "--data", url).code == 0
    write_accounts(folder, COUNT)
    assert xp("fleet", "import", folder / "accounts", "--data", url).code == 0
    return url


@pytest.fixture(autouse=True)
def database(fleet: str, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("EXITPLAN_DATA", fleet)
    yield
    assert not (nothing / "data").exists()


def options(command: Any) -> set[str]:
    """Return the options of a verb, with those of its own verbs."""
    inner = [options(one) for one in getattr(command, "commands", {}).values()]
    return {option for one in command.params for option in one.opts}.union(*inner)


def test_every_verb_takes_a_stand() -> None:
    stands = [*WORKS, *REFUSES, *GOES_ON, *WITHOUT_DATA, "fleet"]
    assert sorted(stands) == sorted(VERBS)
    verbs = LoadedVerbs()
    assert {name for name in VERBS if name != "fleet" and "--data" not in options(verbs[name])} == WITHOUT_DATA


@pytest.mark.parametrize("verb", WORKS)
def test_a_verb_works_on_a_fleet(verb: str) -> None:
    line, code, said = WORKS[verb]
    *before, last = (shlex.split(one) for one in line.split("; "))
    assert {xp(*words).code for words in before} <= {0}
    shown = xp(*last)
    assert (shown.code, said in shown.out + shown.err) == (code, True), shown.out + shown.err
    assert "works on files" not in shown.err


@pytest.mark.parametrize("verb", REFUSES)
def test_a_verb_that_is_about_files_refuses_and_says_what_to_use(verb: str) -> None:
    line, instead = REFUSES[verb]
    shown = xp(*shlex.split(line))
    assert shown.code == 64
    assert "postgresql://" in shown.err
    assert instead in shown.err


def test_a_gate_is_closed_where_the_database_is_away() -> None:
    shown = xp("gate", "--account", "user-00001", "--data", "postgresql:///x?host=/nowhere")
    assert shown.code not in {0, 2}
    assert "cannot be used" in shown.err
