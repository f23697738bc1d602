"""Write cases for what no case shows yet: from positions that were proved to show it, for a person to read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.values import micro_text, parse_decimal
from exitplan.schemas.validation import CASES_ENDING
from exitplan.workbench.cases.answers import Answers
from exitplan.workbench.cases.case_file import ABSENT, CaseFile
from exitplan.workbench.cases.expectations import NONE
from exitplan.workbench.cases.updating import flow_text
from exitplan.workbench.coverage.counting import Counts
from exitplan.workbench.coverage.report import Coverage, Goal
from exitplan.workbench.invention import FactsWanted, Replayed

HEADING = """\
{first}# Written by `exitplan test --write-missing`: what the policy does today, which need not be what it should do.
# Read each case. Where it is right, take `unread: true` away, and give it a name that says why: it counts from then on.
policy: {policy}
cases:
"""


@dataclass(frozen=True, slots=True)
class MissingCases:
    """Cases in YAML for what is missing, how many there are, and what none could be written for."""

    text: str
    written: int
    left: tuple[Goal, ...]


def missing_cases(coverage: Coverage, names: Collection[str] = ()) -> MissingCases:
    """Write a case for each goal that no case shows, not even one that nobody has read; one case may show several.

    ``names`` are taken by other cases of the file.
    """
    taken = set(names)
    shown = Counts(coverage.loaded.policy)
    shown.add(coverage.unread)
    lines: list[str] = []
    left: list[Goal] = []
    written = 0
    for goal in coverage.missed:
        if goal.wanted.hits(shown):
            continue
        replayed = goal.proof.replayed
        if replayed is None:
            left.append(goal)
            continue
        shown.count(replayed.draft, coverage.loaded.policy, replayed.decision.key)
        name = _free_name(f"{goal.rule.id}: {goal.text}", taken)
        taken.add(name)
        lines += ["", *_case(name, goal.proof.witness or {}, replayed)]
        written += 1
    return MissingCases("\n".join([*lines[1:], ""]), written, tuple(left))


def _free_name(name: str, taken: Collection[str]) -> str:
    names = (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def _case(name: str, witness: FactsWanted, replayed: Replayed) -> Iterator[str]:
    answers, key = Answers(replayed.draft), replayed.decision.key
    expected = {
        "category": answers.category(key),
        "rule": answers.rule(key) or NONE,
        "exit": answers.exit(key) or NONE,
        "do": answers.do(key),
    }
    blocked = answers.blocked(key)
    given = {fact: _as_written(value) for fact, value in witness.items()}
    yield f"  - name: {flow_text(name)}"
    yield "    unread: true"
    yield f"    given: {flow_text(given)}"
    yield f"    expect: {flow_text(expected if blocked is None else {**expected, 'blocked': blocked})}"


def _as_written(value: FactValue | None) -> object:
    if value is None:
        return ABSENT
    return value if isinstance(value, bool | str) else parse_decimal(micro_text(value))


def missing_file(tests: CaseFile) -> Path:
    """Return the file that missing cases are written to: beside the tests of the policy."""
    return tests.path.with_name(f"{tests.policy.stem}.missing{CASES_ENDING}")


def with_missing(before: str | None, cases: str, tests: CaseFile) -> str:
    """Return the text of a file with missing cases at its end; ``before`` is what it holds, None where it is new."""
    if before is not None:
        return f"{before.rstrip()}\n\n{cases}"
    first = tests.document.source.text.split("\n", 1)[0] + "\n"
    modeline = first if first.startswith("# yaml-language-server:") else ""
    return HEADING.format(first=modeline, policy=flow_text(tests.document.value["policy"])) + cases
