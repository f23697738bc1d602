"""What a person is told of an account block that is wrong, by the commands that meet it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import xp

FILE = Path("policies/accounts/demo.yaml")
POLICY = "version: 1\nname: demo\nextends: ../default.yaml\n"


def write_block(text: str) -> None:
    FILE.write_text(f"{POLICY}account: {text}\n", encoding="utf-8")


@pytest.mark.parametrize("line", ["plan", "verify", "positions"])
@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{id: platform, venue: papre, quote: USD}", "there is no venue `papre`"),
        ("{id: platform, venue: paper, quote: USD, options: {fil: x}}", "account.options.fil: no such option"),
    ],
)
def test_a_wrong_block_is_an_invalid_file_and_names_it(folder: Path, line: str, block: str, message: str) -> None:
    write_block(block)
    ran = xp(line)
    assert ran.code == 65
    assert f"error: {FILE}: {message}" in ran.err


@pytest.mark.parametrize("line", ["plan", "status", "doctor"])
def test_two_files_of_one_id_are_told_where_there_is_no_other(folder: Path, line: str) -> None:
    write_block("{id: user123, venue: paper, quote: USD, options: {start_from: demo}}")
    ran = xp(line)
    assert ran.code == 65
    assert f"the account id 'user123' is used by {FILE} as well" in ran.err


def test_a_recording_to_start_from_that_is_not_there_is_named_as_one(folder: Path) -> None:
    write_block("{id: platform, venue: paper, quote: USD, options: {file: new.json, start_from: nope}}")
    ran = xp("plan")
    assert ran.code == 1
    assert "policies/accounts/nope, which the paper account policies/accounts/new.json starts from" in ran.err
