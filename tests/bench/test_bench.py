from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench import policy_tests
from bench.__main__ import PAGE, SECTIONS, _parser, marks, replaced
from bench.comparison import EnginesDisagree, Measured, compare_engines, engines_table
from bench.engines import ENGINES, FLOOR, installed_engines
from bench.policy_tests import single_positions, time_tests
from bench.portfolio import facts_of, portfolio
from bench.rules import bench_policy, twelve_rules
from bench.tables import aligned, figure


def test_an_account_is_the_same_for_the_same_size() -> None:
    assert portfolio(50) == portfolio(50)
    assert portfolio(50) != portfolio(50, outages=False)


def test_every_engine_that_is_installed_gives_the_same_answers() -> None:
    rules, facts = twelve_rules(), list(facts_of(1_500, bench_policy()))
    expected = ENGINES[FLOOR].prepare(rules, facts)()
    for name in installed_engines():
        assert ENGINES[name].prepare(rules, facts)() == expected, name


def test_the_facts_bring_most_rules_to_match() -> None:
    answers = ENGINES[FLOOR].prepare(twelve_rules(), list(facts_of(1_500, bench_policy())))()
    matched = {number for number in range(12) for answer in answers if answer >> number & 1}
    assert len(matched) >= 8


def test_a_worker_measures_a_plan() -> None:
    command = [sys.executable, "-m", "bench.worker", "plan", "over", "20"]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=PAGE.parents[1]).stdout)
    assert measured["size"] == 20
    assert measured["us"] > 0
    assert measured["actions"] > 10


def test_a_worker_measures_the_way_from_file_to_file() -> None:
    command = [sys.executable, "-m", "bench.worker", "plan", "file", "20"]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=PAGE.parents[1]).stdout)
    assert measured["size"] == 20
    assert measured["plan_mb"] > 0


def test_engines_that_disagree_give_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_what: str, name: str, size: int) -> Measured:
        return Measured(size, 1.0, 0.0, 20.0, {"answers": name, "answers_of_a_tenth": name})

    monkeypatch.setattr("bench.comparison._measured", measured)
    with pytest.raises(EnginesDisagree, match="answer differently about 10 positions"):
        compare_engines([10], rounds=1)


def test_what_was_measured_at_a_smaller_size_is_marked() -> None:
    whole, part = Measured(100, 1.0, 0.0, 20.0, {}), Measured(10, 50.0, 0.0, 20.0, {})
    assert "50*" in engines_table({FLOOR: {100: whole}, "json-logic": {100: part}})


def test_tables_are_aligned_and_figures_short() -> None:
    table = aligned(["what", "us"], [["a", figure(0.517)], ["long one", figure(1234.5)]])
    assert len({len(line) for line in table.splitlines()}) == 1
    assert [figure(value) for value in (0.517, 7.26, 84.6, 1234.5)] == ["0.52", "7.3", "85", "1,234"]


def test_only_what_is_between_the_marks_is_replaced() -> None:
    begin, end = marks("live")
    page = f"before\n{begin}\nold\n{end}\nafter\n"
    assert replaced(page, "live", "new") == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    with pytest.raises(ValueError, match="lacks the marks"):
        replaced(page, "deciding", "new")


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_has_the_marks_of_every_section(section: str) -> None:
    assert replaced(PAGE.read_text(encoding="utf-8"), section, "new")


def test_everything_is_measured_unless_a_section_is_named() -> None:
    assert _parser().parse_args([]).sections == []
    assert _parser().parse_args(["live"]).sections == ["live"]
    with pytest.raises(SystemExit):
        _parser().parse_args(["dead"])


def test_the_files_of_policy_tests_that_are_timed_pass_and_hold_so_many_cases() -> None:
    times = time_tests(cases=20, rounds=1)  # a command that fails raises
    assert [took.cases for took in times.values()] == [20, 20, 1]
    assert "| 20 cases: at most 5 s on one core " in policy_tests.tests_table(times)
    assert len(single_positions(1_000)["tables"][0]["rows"]) == 600
