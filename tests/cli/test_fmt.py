"""``exitplan fmt``: files laid out in place, checked, compared, and from stdin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

UGLY = "version:   1\nname: x # why\nparameters: {max_positions: 5 ,   unwind_cycles: 3}\n"
NEAT = "version: 1\nname: x  # why\nparameters: {max_positions: 5, unwind_cycles: 3}\n"


@pytest.fixture
def ugly(nothing: Path) -> Path:
    path = nothing / "policies" / "x.yaml"
    path.parent.mkdir()
    path.write_text(UGLY, encoding="utf-8")
    return path


def test_a_folder_is_laid_out_in_place_once(ugly: Path) -> None:
    (ugly.parent / "neat.test.yaml").write_text("policy: x.yaml\n", encoding="utf-8")
    ran = xp("fmt", "policies")
    assert (ran.code, ran.out) == (0, "policies/x.yaml\n")
    assert ugly.read_text(encoding="utf-8") == NEAT
    again = xp("fmt", "policies")
    assert (again.code, again.out, again.err) == (0, "", "nothing to do, 2 files looked at.\n")


def test_a_check_writes_nothing_and_says_that_changes_are_pending(ugly: Path) -> None:
    ran = xp("fmt", ugly, "--check")
    assert (ran.code, ran.out.strip()) == (2, str(ugly))
    assert ugly.read_text(encoding="utf-8") == UGLY
    ugly.write_text(NEAT, encoding="utf-8")
    assert xp("fmt", ugly, "--check").code == 0


def test_a_diff_shows_the_lines_and_writes_nothing(ugly: Path) -> None:
    ran = xp("fmt", "policies/x.yaml", "--diff")
    assert ran.code == 0
    assert ran.out.startswith("--- policies/x.yaml\n+++ policies/x.yaml (laid out)\n@@")
    assert "-version:   1\n" in ran.out
    assert "+version: 1\n" in ran.out
    assert ugly.read_text(encoding="utf-8") == UGLY


def test_json_fits_its_schema(ugly: Path) -> None:
    ran = xp("fmt", ugly, "--check", "--json")
    Draft7Validator(ANSWERS["fmt"]()).validate(ran.json)
    assert ran.code == 2
    assert ran.json["changed"] == 1


def test_a_broken_file_is_told_with_its_line_and_does_not_stop_the_others(ugly: Path) -> None:
    broken = ugly.with_name("broken.yaml")
    broken.write_text("a: [1\nb: 2\n", encoding="utf-8")
    ran = xp("fmt", "policies")
    assert ran.code == 65
    assert "policies/broken.yaml:2:2: error: this is not YAML" in ran.err
    assert ugly.read_text(encoding="utf-8") == NEAT
    assert broken.read_text(encoding="utf-8") == "a: [1\nb: 2\n"


@pytest.mark.parametrize(("words", "code"), [(["-"], 0), (["-", "--check"], 2)])
def test_stdin_goes_to_stdout(words: list[str], code: int) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "exitplan", "fmt", *words], check=False, input=UGLY, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (code, NEAT if code == 0 else "", "")


def test_what_cannot_be_laid_out_is_said(nothing: Path) -> None:
    (nothing / "empty").mkdir()
    (nothing / "x.json").write_text("{}", encoding="utf-8")
    assert xp("fmt", "empty").code == 64
    assert xp("fmt", "x.json").code == 64
    assert xp("fmt", "-", "x.yaml").code == 64
    missing = xp("fmt", "missing.yaml")
    assert missing.code == 65
    assert "there is no such file" in missing.err
