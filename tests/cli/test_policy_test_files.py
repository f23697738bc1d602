"""``exitplan test --update``, ``--write-missing`` and ``--watch``: what they write, and when they test again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from queue import Queue

import pytest

from tests.cli.conftest import xp

BEFORE = """\
# What a person wrote stays as it is.
policy: default

tables:
  - name: dust   # in columns
    columns: [value_usd, account_pct, "=>", category,         rule,        exit, do]
    rows:
      - [     0.999999,  0.5,         "=>", STRATEGY_ALIGNED, none,        dust, nothing]   # one
      - [     1,         0.5,         "=>", ZOMBIE_LEGACY,    zombie.dust, none, nothing]
cases:
  - name: "one"
    given: {tracked: false}
    expect: {do: close, because: "something*", rule: none}   # kept
  - name: two
    account: {cash: 5000, positions: {ADA: {is: 2600 @ 0.42, tracked: false}}}
    cycles: 4
    expect:
      do: {ADA: [unwind 650, unwind 1, unwind 365.625, close]}
      left: {ADA: [1950, 7, ~, 0]}
      over_cap:
        - ADA
      guards: {max_actions: refused}
      state: [CLEAN]
      checks: {zombie_positions: false}
      clean_after: 3
      only: true
"""
AFTER = """\
# What a person wrote stays as it is.
policy: default

tables:
  - name: dust   # in columns
    columns: [value_usd, account_pct, "=>", category,         rule,        exit, do]
    rows:
      - [     0.999999,  0.5,         "=>", ZOMBIE_LEGACY,    zombie.dust, dust, close]   # one
      - [     1,         0.5,         "=>", STRATEGY_ALIGNED, none,        none, nothing]
cases:
  - name: "one"
    given: {tracked: false}
    expect: {do: unwind, because: 'not managed by a strategy; cycle 1 of 4: down to 75 % of 10', rule: legacy.untracked}   # kept
  - name: two
    account: {cash: 5000, positions: {ADA: {is: 2600 @ 0.42, tracked: false}}}
    cycles: 4
    expect:
      do: {ADA: [unwind 650, unwind 487.5, unwind 365.625, unwind]}
      left: {ADA: [1950, 1462.5, ~, 0]}
      over_cap:
        []
      guards: {max_actions: ok}
      state: [CLEANUP_IN_PROGRESS]
      checks: {zombie_positions: true}
      clean_after: 4
      only: true
"""  # noqa: E501 - the sentence is the plan's


@pytest.fixture(autouse=True)
def tests(nothing: Path) -> Path:
    file = nothing / "policies" / "tests" / "x.test.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(BEFORE, encoding="utf-8")
    return file


def test_processes_that_share_the_cases_tell_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.test.yaml").write_text(BEFORE, encoding="utf-8")
    (tmp_path / "broken.test.yaml").write_text("cases: 5\n", encoding="utf-8")
    alone = xp("test", tmp_path, "--coverage", "--format", "json")
    assert alone.code == 65
    assert alone.json["failed"]
    together = xp("test", tmp_path, "--coverage", "--format", "json", "-j", "3")
    assert (together.code, together.out) == (alone.code, alone.out)


def test_an_update_changes_what_is_expected_and_nothing_else(tests: Path) -> None:
    ran = xp("test", "--update")
    assert tests.read_text(encoding="utf-8") == AFTER
    assert "policies/tests/x.test.yaml:8: category: STRATEGY_ALIGNED -> ZOMBIE_LEGACY\n" in ran.out
    assert "16 expectations written anew: read the difference before you keep it.\n" in ran.out
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "4 cases passed.")
    assert xp("test", "--update").out == "4 cases passed.\n"


def test_only_the_chosen_cases_are_updated(tests: Path) -> None:
    assert xp("test", "--update", "-k", "dust").code == 0
    assert tests.read_text(encoding="utf-8").splitlines()[10:] == BEFORE.splitlines()[10:]


def test_what_no_value_says_and_what_others_share_is_left_and_told(tests: Path) -> None:
    shared = (
        "policy: default\ncases:\n"
        "  - {name: a, given: {tracked: false}, expect: &same {do: close}}\n"
        "  - {name: b, given: {has_exit_logic: false}, expect: *same}\n"
        "  - name: c\n    account: {cash: 5000, positions: {ADA: {is: 2600 @ 0.42, tracked: false}}}\n"
        "    cycles: 1\n    expect: {clean_after: 1, only: true}\n"
    )
    tests.write_text(shared, encoding="utf-8")
    ran = xp("test", "--update")
    assert ran.code == 1
    assert "x.test.yaml:8: clean_after: 1 -> not clean  not written: no value says so" in ran.out
    assert "not written: others share it by an alias" in ran.out
    assert tests.read_text(encoding="utf-8") == shared.replace("{do: close}", "{do: unwind}")


def test_missing_cases_are_written_for_review_and_count_once_they_are_read(tests: Path) -> None:
    tests.write_text("policy: default\ncases: [{name: x, given: {tracked: false}, expect: {do: unwind}}]\n")
    ran = xp("test", "--write-missing")
    missing = tests.with_name("default.missing.test.yaml")
    assert "cases written to policies/tests/default.missing.test.yaml: read each before you trust it." in ran.out
    assert "orphan-stop: decides: no case was written, there is no witness" in ran.out
    text = missing.read_text(encoding="utf-8")
    assert text.startswith("# Written by `exitplan test --write-missing`")
    assert "    unread: true\n    given: {has_entry_price: false}\n    expect: {category: ZOMBIE_LEGACY, " in text
    before = xp("test", "--coverage")
    assert before.code == 0
    assert "of them read by nobody yet (unread: true)." in before.out
    assert "zombie.dust: decides" in before.out
    assert "cases written" not in xp("test", "--write-missing").out
    assert missing.read_text(encoding="utf-8") == text
    missing.write_text(text.replace("    unread: true\n", ""), encoding="utf-8")
    after = xp("test", "--coverage")
    assert after.code == 0
    witnessed = [line for line in after.out.splitlines() if "such as an ordinary position" in line]
    assert witnessed == []


def test_missing_cases_go_behind_those_that_are_there(tests: Path) -> None:
    tests.write_text("policy: default\ncases: [{name: x, given: {tracked: false}, expect: {do: unwind}}]\n")
    missing = tests.with_name("default.missing.test.yaml")
    xp("test", "--write-missing")
    first = missing.read_text(encoding="utf-8")
    kept = first[: first.index("\n\n", first.index("zombie.dust"))] + "\n"
    missing.write_text(kept, encoding="utf-8")
    xp("test", "--write-missing")
    assert missing.read_text(encoding="utf-8") == first


def test_nothing_is_said_to_be_missing_where_not_every_case_was_run(tests: Path) -> None:
    assert xp("test", "--write-missing", "-k", "one").code == 64
    tests.with_name("y.test.yaml").write_text("policy: default\n", encoding="utf-8")
    ran = xp("test", "--write-missing")
    assert ran.code == 65
    assert "no missing case was written: first mend the files that cannot be read" in ran.out
    assert {path.name for path in tests.parent.iterdir()} == {"x.test.yaml", "y.test.yaml"}


def test_watching_tests_again_after_a_change(tests: Path) -> None:
    good = "policy: default\ncases: [{name: x, given: {tracked: false}, expect: {do: unwind}}]\n"
    tests.write_text(good, encoding="utf-8")
    command = [sys.executable, "-m", "exitplan", "test", "--watch"]
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    lines: Queue[str] = Queue()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unbuffered) as ran:
        try:
            assert ran.stdout is not None
            threading.Thread(target=hand_on, args=[ran.stdout, lines], daemon=True).start()
            assert lines.get(timeout=20) == "1 case passed.\n"
            put(tests, good.replace("unwind", "close"))
            assert "x  policies/tests/x.test.yaml" in until(lines, "1 failed")
            put(tests, "policy: default\n")
            assert "there is no case in this file" in until(lines, "1 file not usable")
            ran.send_signal(signal.SIGINT)
            assert ran.wait(timeout=20) == 0
        finally:
            ran.kill()  # it would wait for a change for ever


def put(path: Path, text: str) -> None:
    """Replace a file in one step, so that nobody sees half of it."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def hand_on(stream: Iterable[str], lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)


def until(lines: Queue[str], last: str) -> str:
    told = ""
    while last not in told:
        told += lines.get(timeout=20)
    return told


@pytest.mark.parametrize("other", ["--json", "--update", "--write-missing"])
def test_watching_goes_with_nothing_that_writes(other: str) -> None:
    assert xp("test", "--watch", other).code == 64
