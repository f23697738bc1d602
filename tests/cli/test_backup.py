"""``exitplan backup``: copies that the other commands can look into."""

from __future__ import annotations

from pathlib import Path

from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp


def test_a_copy_can_be_looked_into(folder: Path) -> None:
    xp("apply", "--auto-approve")
    document = xp("backup", "--out", "kept", "--json").json
    Draft7Validator(ANSWERS["backup"]()).validate(document)
    assert document["runs"] == 1
    assert xp("history", "--data", "kept", "--json").json == xp("history", "--json").json


def test_an_account_without_a_run_has_nothing_to_copy(folder: Path) -> None:
    ran = xp("backup", "--out", "kept")
    assert ran.code == 1
    assert "no run was made yet" in ran.err
    assert not Path("kept").exists()


def test_of_several_accounts_each_is_told(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")
    ran = xp("backup", "--all", "--out", "kept")
    assert ran.code == 1
    assert Path("kept/journal.db").exists()
    assert "user123" in ran.out


def test_the_data_folder_is_no_place_for_its_copy(folder: Path) -> None:
    Path("file").write_text("x", encoding="utf-8")
    assert xp("backup", "--out", "data").code == 64
    assert xp("backup", "--out", "file").code == 64
