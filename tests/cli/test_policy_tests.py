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


def test_the_shipped_policies_pass_their_tests_and_are_wholly_tested() -> None:
    ran = xp("test", SHIPPED, "--json", "--coverage")
    assert (ran.code, ran.json["failed"]) == (0, 0), ran.out
    covered = {Path(one["policy"]).name: one["percent"] for one in ran.json["coverage"]}
    assert covered == {path.name: "100" for path in SHIPPED.glob("*.yaml")}, ran.out


# --- coverage ---


def test_coverage_tells_what_rules_did_and_what_no_case_shows() -> None:
    ran = xp("test", "-k", "dust", "--coverage")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "1 case passed."
    assert "policies/default.yaml: " in lines[2]
    assert "more cannot happen" in lines[2]
    (dust,) = [line.split() for line in lines if line.startswith("zombie.dust ")]
    assert dust[1:4] == ["1", "1", "0"]
    assert "default.yaml:37:5: legacy.external: decides" in ran.out
    assert "such as an ordinary position with" in ran.out
    assert "the rest of the rule then settles the answer" in ran.out


def test_too_little_coverage_fails_and_names_the_lines() -> None:
    ran = xp("test", "-k", "dust", "--fail-under", "90", "--format", "tap")
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "ok 1 - dust is sold"
    assert "covered, less than --fail-under 90" in ran.err
    assert "default.yaml:37:5: legacy.external: decides" in ran.err
    assert xp("test", "-k", "dust", "--fail-under", "1").code == 0


def test_coverage_in_json_fits_the_schema() -> None:
    document = xp("test", "--json", "--coverage").json
    Draft7Validator(ANSWERS["test"]()).validate(document)
    (covered,) = document["coverage"]
    (rule,) = [one for one in covered["rules"] if one["rule"] == "legacy.untracked"]
    assert (rule["block"], rule["decided"], rule["goals"][0]["hits"]) == ("classification", 1, 1)
    assert "coverage" not in xp("test", "--json").json


def test_lcov_adds_up(nothing: Path) -> None:
    xp("test", "--lcov", "out.info")
    lines = (nothing / "out.info").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "TN:default"
    source = Path(lines[1].removeprefix("SF:"))
    assert source.samefile(SHIPPED / "default.yaml")
    branches = [line.split(",") for line in lines if line.startswith("BRDA:")]
    assert len({tuple(branch[:3]) for branch in branches}) == len(branches)
    taken = sum(branch[3] != "0" for branch in branches)
    assert (f"BRF:{len(branches)}" in lines, f"BRH:{taken}" in lines, lines[-1]) == (True, True, "end_of_record")
    decided = source.read_text(encoding="utf-8").splitlines().index("exits:") + 1
    hits = {int(line[3:].split(",")[0]): int(line.split(",")[1]) for line in lines if line.startswith("DA:")}
    assert len(hits) == int(next(line for line in lines if line.startswith("LF:"))[3:])
    assert hits[decided + 1] == 1  # the dust exit


def test_html_shows_each_line_in_its_colour(nothing: Path) -> None:
    xp("test", "--html", "out.html")
    page = (nothing / "out.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    spans = [line for line in page.split("<span") if "legacy.over-cap, category" in line]
    assert spans[0].startswith(' class="missed"')
    dust = [line for line in page.split("<span") if "  dust: {price_basis" in line]
    assert dust[0].startswith(' class="part"')
    assert "NOT SHOWN  legacy.over-cap: decides" in spans[0]
    assert "<script" not in page


def test_github_shows_what_is_missing_at_the_lines_of_the_policy() -> None:
    ran = xp("test", "-k", "dust", "--coverage", "--format", "github")
    missing = [
        line for line in ran.out.splitlines() if "legacy.external%3A decides" in line or "external: decides" in line
    ]
    assert missing[0].startswith("::warning file=")
    assert ",line=37,col=5,title=no case shows this::" in missing[0]


@pytest.mark.parametrize("option", ["--html", "--lcov", "--junit"])
def test_no_output_is_written_over_a_policy(option: str, tests: Path) -> None:
    before = tests.read_bytes()
    assert xp("test", option, tests).code == 64
    assert tests.read_bytes() == before
