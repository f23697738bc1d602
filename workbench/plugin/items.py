"""Policy tests as pytest shows them: a file of cases, and each case an item of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.model.visible import printable, printable_lines
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.workbench.cases.case_file import Case, CaseFile, load_cases
from exitplan.workbench.cases.running import Result, Runner


class CaseFailed(Exception):
    """A case that is not as expected."""


class PolicyTests(pytest.File):
    """A file of policy tests."""

    def collect(self) -> Iterator[PolicyTest]:
        """Read the cases; what is wrong with the file is an error of the collection, with its lines."""
        try:
            file = load_cases(self.path)
        except FileHasProblems as problem:
            raise self.CollectError(printable_lines(str(problem))) from problem
        runner = Runner(file)
        for case in file.cases:
            yield PolicyTest.from_parent(self, name=printable(case.name), case=case, runner=runner)


class PolicyTest(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, runner: Runner, **others: Any) -> None:  # noqa: ANN401 - pytest's own
        """Keep the case, and what runs the cases of its file."""
        super().__init__(**others)
        self.case, self.runner = case, runner

    def runtest(self) -> None:
        """Run the case; raises CaseFailed."""
        result = self.runner.run(self.case)
        if not result.passed:
            place = os.path.relpath(self.path, self.config.invocation_params.dir)
            raise CaseFailed(failure_text(self.runner.file, result, place))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - as above
        """Show a case that failed as it is; anything else with its traceback."""
        return str(excinfo.value) if isinstance(excinfo.value, CaseFailed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the case stands; pytest counts lines from 0."""
        return self.path, self.runner.file.mark(self.case.path).line - 1, self.name


def failure_text(file: CaseFile, result: Result, name: str) -> str:
    """Say what is not as expected: both values, the line, and which rule decided."""
    mark = file.mark(result.case.path)
    lines = [f"{printable(result.case.name)}  {printable(name)}:{mark.line}:{mark.column}"]
    if result.broken is not None:
        lines.append(f"  {printable(result.broken)}")
    for difference in result.differences:
        place = file.mark(result.case.place_of(difference.path))
        lines.append(f"  {printable(difference.what)}  line {place.line}")
        lines += [f"    - {printable(difference.expected)}", f"    + {printable(difference.got)}"]
        lines += [f"      {printable(note)}" for note in difference.notes]
    return "\n".join(lines)
