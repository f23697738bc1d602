"""Mutants are made from the code as it is, and each that stays has its reason."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys

import pytest

from exitplan.executor.apply.quantities import amount_step
from tools.mutants.__main__ import print_scores
from tools.mutants.faults import Mutant, mutants_of
from tools.mutants.rooms import ROOMS, ROOT, known_survivors
from tools.mutants.running import Outcome, _live_functions


def changes(code: str) -> list[str]:
    """Give the mutants of a function of this body, without the place."""
    text = f"def f():\n    {code}\n"
    return [mutant.name.removeprefix("x.py f: ") for mutant in mutants_of("x.py", text)]


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("return held < target", ["held < target -> held <= target", "held < target -> held >= target"]),
        ("return a and not b", ["a and (not b) -> not b", "a and (not b) -> a", "not b -> b"]),
        ("return min(a, b)", ["min -> max"]),
        ("return a - b", ["a - b -> a + b"]),
        ("release(order)", ["release(order) -> None"]),
        ("return {'a', 'b'}", ["{'a', 'b'} -> {'b'}", "{'a', 'b'} -> {'a'}"]),
        ("raise ValueError(1 + 1)", []),
        ("self._tell('done', 1 < 2)", []),
    ],
)
def test_a_fault_is_one_small_change_of_what_is_done(code: str, faults: list[str]) -> None:
    assert changes(code) == faults


def test_a_constant_of_a_module_is_changed_too() -> None:
    (mutant, *_) = mutants_of("x.py", "WAIT = timedelta(minutes=1)  # for clocks that differ\n")
    assert mutant.source == "WAIT = (timedelta(days=1))  # for clocks that differ\n"


def test_code_that_spans_lines_is_replaced_as_a_whole() -> None:
    (mutant, *_) = mutants_of("x.py", "x = [\n    'é', a <\n    b,\n]\n")
    assert mutant.source == "x = [\n    'é', (a <= b),\n]\n"


@pytest.mark.parametrize("file", ROOMS)
def test_every_mutant_of_the_rooms_is_valid_code_with_a_name_of_its_own(file: str) -> None:
    mutants = list(mutants_of(file, (ROOT / file).read_text()))
    assert len({mutant.name for mutant in mutants}) == len(mutants) > 0
    for mutant in mutants[::10]:
        ast.parse(mutant.source)


def test_what_stays_is_still_a_mutant_of_the_code() -> None:
    files = {name.partition(" ")[0] for name in known_survivors()}
    names = {mutant.name for file in files for mutant in mutants_of(file, (ROOT / file).read_text())}
    assert known_survivors().keys() <= names
    assert all(known_survivors().values())


OPEN, CLOSED = (Mutant("executor/apply/run.py", 1, "f", name, "") for name in ("open", "closed"))


@pytest.mark.parametrize(
    ("outcome", "known", "good"),
    [
        (Outcome.KILLED, {}, True),
        (Outcome.TIMED_OUT, {}, True),
        (Outcome.SURVIVED, {"open": "It changes nothing."}, True),
        (Outcome.SURVIVED, {}, False),
    ],
)
def test_a_survivor_without_a_reason_fails(
    outcome: Outcome, known: dict[str, str], good: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = {"open": outcome, "closed": Outcome.KILLED}
    assert print_scores([OPEN, CLOSED], outcomes, known) is good
    assert ("50.0%" in capsys.readouterr().out) is not good


def test_a_function_that_the_collection_of_tests_has_frozen_is_found_and_changed_in_a_fork() -> None:
    gc.freeze()
    found = _live_functions(["executor/apply/quantities.py"])
    gc.freeze()  # as it was
    line = amount_step.__code__.co_firstlineno
    assert found["executor/apply/quantities.py", "amount_step", line] == [amount_step]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("only", "tests", "survives"),
    [
        ("guards.py _spread: 2 -> 3", "tests/ruleset/test_guards.py", 0),
        ("guards.py module: 3 -> 4", "tests/ruleset/test_guards.py", 0),  # works on import
        ("guards.py _spread: 2 -> 3", "tests/ruleset/test_checks.py", 1),  # which do not reach it
        ("unwind.py Slice._reaching: ceil_to_step", "tests/ruleset/test_order_sizes.py", 0),  # stays, for its reason
    ],
)
def test_the_tool_tells_who_survives(only: str, tests: str, survives: int) -> None:
    command = [sys.executable, "-m", "tools.mutants", "--only", only, "--tests", tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("SURVIVES")) == (survives, survives), done.stderr
