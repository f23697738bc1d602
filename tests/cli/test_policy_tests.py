"""``exitplan test``: what it prints for people and for CI servers, and its exit codes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.policies import SHIPPED
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

GOOD = "  - {name: dust is sold, given: {value_usd: 0.5}, expect: {exit: dust}}\n"
BAD = "  - {name: all is well, given: {tracked: false}, expect: {do: nothing}}\n"


@pytest.fixture(autouse=True)
def tests(nothing: Path) -> Path:
    file = nothing / "policies" / "tests" / "x.test.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"policy: default\ncases:\n{GOOD}{BAD}", encoding="utf-8")
    return file


def test_a_failed_case_is_shown_with_both_values_and_the_line() -> None:
    ran = xp("test")
    assert ran.code == 1
    assert ran.out.splitlines()[0] == "all is well  policies/tests/x.test.yaml:4:5"
    assert "    - nothing\n    + unwind 2.5\n" in ran.out
    assert "legacy.untracked decided (default.yaml:" in ran.out
    assert ran.out.splitlines()[-1] == "1 case passed, 1 failed."


def test_all_that_passes_is_one_line() -> None:
    ran = xp("test", "-k", "dust")
    assert (ran.code, ran.out) == (0, "1 case passed.\n")


def test_a_file_that_is_wrong_is_told_and_the_others_are_run(tests: Path) -> None:
    tests.with_name("y.test.yaml").write_text("policy: default\ncases:\n  - {name: x, expect: {}}\n", encoding="utf-8")
    ran = xp("test")
    assert ran.code == 65
    assert "y.test.yaml:3:23: error: cases[0].expect" in ran.out
    assert "1 case passed, 1 failed, 1 file not usable." in ran.out


@pytest.mark.parametrize("words", [["-k", "no such case"], ["elsewhere"]])
def test_where_nothing_is_tested_nothing_has_passed(words: list[str], nothing: Path) -> None:
    (nothing / "elsewhere").mkdir()
    ran = xp("test", *words)
    assert ran.code == 64
    assert "error:" in ran.err


def test_json_fits_its_schema() -> None:
    ran = xp("test", "--json")
    Draft7Validator(ANSWERS["test"]()).validate(ran.json)
    (file,) = ran.json["files"]
    assert [case["passed"] for case in file["cases"]] == [True, False]
    assert file["cases"][1]["differences"][0]["line"] == 4
    assert (ran.code, ran.json["passed"], ran.json["failed"]) == (1, 1, 1)


def test_tap_counts_and_numbers_the_cases() -> None:
    lines = xp("test", "--format", "tap").out.splitlines()
    assert lines[:4] == ["TAP version 13", "1..2", "ok 1 - dust is sold", "not ok 2 - all is well"]
    assert lines[4].startswith("  # policies/tests/x.test.yaml:4:")


def test_junit_goes_to_stdout_or_beside_it(nothing: Path) -> None:
    ran = xp("test", "--format", "junit", "--junit", "out.xml")
    assert ran.out.encode() == (nothing / "out.xml").read_bytes()
    suite = ET.fromstring(ran.out.encode())[0]  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert [case.get("name") for case in suite] == ["dust is sold", "all is well"]
    assert "expected nothing, got unwind 2.5" in str(suite[1][0].get("message"))


def test_github_shows_each_failure_at_its_line(tests: Path) -> None:
    tests.write_text(tests.read_text().replace("all is well", '"a: b, 5%"'), encoding="utf-8")
    line = xp("test", "--format", "github").out.splitlines()[0]
    assert line.startswith("::error file=policies/tests/x.test.yaml,line=4,col=")
    assert "title=a%3A b%2C 5%25::do: expected nothing, got unwind 2.5" in line


def test_what_a_case_says_reaches_no_terminal_raw(tests: Path) -> None:
    tests.write_text(tests.read_text().replace("all is well", '"a\\e[31m\\u202eb"'), encoding="utf-8")
    for form in ("text", "tap", "junit", "github"):
        out = xp("test", "--format", form).out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_validate_checks_files_of_tests_as_such(tests: Path) -> None:
    assert xp("validate", tests).code == 0
    tests.write_text("policy: default\ncase: []\n", encoding="utf-8")
    ran = xp("validate", "policies")
    assert ran.code == 65
    assert "did you mean 'cases'" in ran.out


def test_the_shipped_policies_pass_their_tests() -> None:
    ran = xp("test", SHIPPED)
    assert ran.code == 0, ran.out
