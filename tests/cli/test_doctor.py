"""``exitplan doctor``: what it looks at, and what it makes of what is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import Ran, xp
from tests.cli.live import foreign_credentials, init_words, live_venue, use_credentials


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))


def doctor(*words: str) -> tuple[Ran, dict[tuple[str, str], list[tuple[str, str]]]]:
    """Run it; gives what it says of each check, by the account and the name of the check."""
    ran = xp("doctor", "--json", *words)
    Draft7Validator(ANSWERS["doctor"]()).validate(ran.json)
    said: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for entry in ran.json["checks"]:
        said.setdefault((entry["about"], entry["check"]), []).append((entry["grade"], entry["text"]))
    return ran, said


def grades(said: dict[tuple[str, str], list[tuple[str, str]]], check: str, about: str = "platform") -> list[str]:
    return [grade for grade, _ in said[about, check]]


def test_a_new_account_is_well(folder: Path) -> None:
    ran, said = doctor()
    assert ran.code == 0
    assert ran.json["problems"] == 0
    assert "agree on 20 positions" in said["this machine", "engine"][0][1]
    assert said["platform", "journal"] == [("ok", "no run was made yet")]
    assert "paper answers: 20 positions" in said["platform", "venue"][0][1]


def test_every_account_is_looked_at_and_people_get_a_table(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")
    ran = xp("doctor", "--all", "--offline")
    assert ran.code == 0
    assert "\nplatform\n" in ran.out
    assert "\nuser123\n" in ran.out
    assert "escalated: LUNA/USD; a person has to look" in " ".join(ran.out.split())
    assert "answers" not in ran.out


def test_a_damaged_journal_is_a_problem(folder: Path) -> None:
    xp("apply", "--auto-approve")
    journal = Path("data/journal.db")
    content = journal.read_bytes()
    journal.write_bytes(content[:5000] + b"\xff" * (len(content) - 5000))
    ran, said = doctor()
    assert ran.code == 1
    assert grades(said, "journal") == ["problem"]


def test_a_state_that_was_edited_is_a_problem(folder: Path) -> None:
    xp("apply", "--auto-approve")
    state = Path("data/legacy_exit_protocol_state.json")
    state.write_text(state.read_text(encoding="utf-8").replace('"NEEDS_CLEANUP"', '"CLEAN"'), encoding="utf-8")
    ran, said = doctor()
    assert (ran.code, grades(said, "journal")) == (1, ["problem"])
    assert "edited by hand" in said["platform", "journal"][0][1]


def test_a_broken_tracker_and_a_broken_account_file_are_problems(folder: Path) -> None:
    Path("data").mkdir(exist_ok=True)
    Path("data/positions.json").write_text("{", encoding="utf-8")
    assert grades(doctor()[1], "tracker") == ["problem"]
    Path("policies/accounts/user123.yaml").write_text("version: 1\nnam: x\n", encoding="utf-8")
    ran = xp("doctor", "--all", "--json")
    assert ran.code == 1
    assert any(entry["check"] == "account file" and entry["grade"] == "problem" for entry in ran.json["checks"])


def test_a_halt_and_others_who_may_write_are_warnings(folder: Path) -> None:
    assert xp("halt").code == 0
    Path("data").chmod(0o777)
    ran, said = doctor()
    assert ran.code == 0
    assert grades(said, "halt") == ["warning"]
    assert "warning" in grades(said, "data folder")


def test_a_data_folder_that_cannot_be_written_is_a_problem(folder: Path) -> None:
    ran, said = doctor("--offline", "--data", "policies/default.yaml/data")
    assert ran.code == 1
    assert grades(said, "data folder") == ["problem"]


def test_of_a_live_account_keys_and_venue_are_looked_at(
    nothing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_venue("kraken", monkeypatch, tmp_path / "cache") as handle:
        assert xp(*init_words(handle)).code == 0
        words = ("--account", "kraken")
        said = doctor(*words)[1]
        assert grades(said, "credentials", "kraken") == ["ok"]
        assert "kraken answers: 20 positions" in said["kraken", "venue"][0][1]
        use_credentials(foreign_credentials("kraken"), monkeypatch)
        ran, said = doctor(*words)
        assert (ran.code, grades(said, "venue", "kraken")) == (1, ["problem"])
        monkeypatch.delenv("LOOPBACK_API_KEY")
        ran, said = doctor(*words)
        assert (ran.code, grades(said, "credentials", "kraken")) == (1, ["problem"])
        assert ("kraken", "venue") not in said
