"""Wherever a line is started it works in the same project, on the same data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import xp


@pytest.fixture
def project(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fill a folder beside the working folder, and have the demo account unwound once."""
    assert xp("init", "trading").code == 0
    monkeypatch.chdir("trading")
    assert xp("apply", "--auto-approve").code == 0
    (nothing / "elsewhere").mkdir()
    monkeypatch.chdir(nothing / "elsewhere")
    return nothing / "trading"


def runs(*words: str | Path) -> int:
    shown = xp(*words, "history", "--json")
    assert shown.code == 0, shown.err
    return len(shown.json["runs"])


def nothing_new() -> bool:
    return list(Path().iterdir()) == []


def test_a_folder_is_named_as_to_git(project: Path) -> None:
    assert runs("-C", "../trading") == 1
    assert runs("-C", project / "policies" / "accounts") == 1


def test_the_folder_may_be_named_anywhere_in_the_line(project: Path) -> None:
    assert xp("apply", "--auto-approve", "-C", project).code == 0
    assert runs("-C", project) == 2


def test_the_environment_names_the_project_and_typed_paths_stay_where_they_are_typed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXITPLAN_HOME", str(project))
    assert runs() == 1
    planned = xp("plan", "--out", "plan.json")
    assert (planned.code, [str(path) for path in Path().iterdir()]) == (0, ["plan.json"])
    assert "exitplan apply plan.json\n" in planned.out
    assert xp("apply", "plan.json").code == 0
    assert runs() == 2


def test_what_is_typed_goes_before_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_HOME", "/")
    assert runs("-C", project) == 1


def test_an_account_that_is_named_by_its_file_brings_its_project_along(project: Path) -> None:
    file = project / "policies/accounts/demo.yaml"
    assert len(xp("history", "--json", "--account", file).json["runs"]) == 1
    assert xp("apply", "--auto-approve", "--account", file).code == 0
    assert len(xp("history", "--json", "--account", file).json["runs"]) == 2
    assert nothing_new()


def test_in_a_folder_of_the_project_the_project_is_meant(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "policies")
    assert runs() == 1
    assert "nothing is wrong" in xp("validate").out
    assert not Path("data").exists()


def test_a_data_folder_that_is_named_is_taken_as_it_is_typed(project: Path) -> None:
    assert len(xp("-C", project, "history", "--json", "--data", "other").json["runs"]) == 0
    assert len(xp("-C", project, "history", "--json", "--data", project / "data").json["runs"]) == 1


def test_accounts_of_two_projects_have_no_data_folder_in_common(project: Path) -> None:
    assert xp("init", "another").code == 0
    files = (project / "policies/accounts/demo.yaml", "another/policies/accounts/user123.yaml")
    refused = xp("plan", "--account", files[0], "--account", files[1])
    assert (refused.code, "of several projects" in refused.err) == (64, True)


@pytest.mark.parametrize("words", [["-C", "nowhere"], ["-C", "file"]])
def test_a_project_that_is_no_folder_is_a_usage_error(nothing: Path, words: list[str]) -> None:
    (nothing / "file").write_text("")
    assert xp(*words, "status").code == 64


def test_a_home_that_is_no_folder_is_a_usage_error(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_HOME", "nowhere")
    refused = xp("status")
    assert (refused.code, "EXITPLAN_HOME names no folder" in refused.err) == (64, True)


def test_where_there_is_no_project_the_ways_to_name_one_are_told(nothing: Path) -> None:
    refused = xp("plan")
    assert (refused.code, "-C DIR or EXITPLAN_HOME" in refused.err) == (64, True)


def test_a_policy_that_is_taken_for_the_account_brings_its_project_along(project: Path) -> None:
    file = project / "policies/accounts/demo.yaml"
    planned = xp("plan", "--policy", file, "--json").json
    assert {action["because"].partition(":")[0] for action in planned["actions"]} == {
        "not managed by a strategy; cycle 2 of 4"
    }
    assert nothing_new()
