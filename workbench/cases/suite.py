"""Run whole files of policy tests, one after the other, and count what they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exitplan.schemas.loading.diagnostics import FileHasProblems, Mark
from exitplan.schemas.loading.text import display_name
from exitplan.workbench.cases.case_file import CaseFile, load_cases
from exitplan.workbench.cases.expectations import Difference
from exitplan.workbench.cases.running import Result, Runner
from exitplan.workbench.coverage.report import Coverage, plain_path


@dataclass(frozen=True, slots=True)
class FileReport:
    """What came of one file of tests: results, or why it could not be read."""

    name: str
    path: Path
    file: CaseFile | None = None
    results: Sequence[Result] = field(default_factory=list)
    problem: FileHasProblems | None = None

    def mark(self, result: Result, difference: Difference | None = None) -> Mark:
        """Return the place of a case, or of what it expected in vain."""
        if self.file is None:
            return Mark(self.name)
        path = result.case.path if difference is None else result.case.place_of(difference.path)
        return self.file.mark(path)


def run_files(
    files: Sequence[Path], wanted: str = "", *, is_covering: bool = False
) -> tuple[list[FileReport], list[Coverage]]:
    """Run the cases of files whose name holds ``wanted``; a file that is wrong is told, and the others are run.

    What the cases show of each policy is counted, if that is asked; what those show that nobody has read, by itself.
    """
    coverages: dict[Path, Coverage] = {}
    reports = [_run(path, wanted, coverages if is_covering else None) for path in files]
    return reports, list(coverages.values())


def _run(path: Path, wanted: str, coverages: dict[Path, Coverage] | None) -> FileReport:
    name = display_name(path)
    try:
        file = load_cases(path)
    except FileHasProblems as problem:
        return FileReport(name, path, problem=problem)
    usual = unread = Runner(file)
    if coverages is not None:
        coverage = coverages.setdefault(file.policy.resolve(), Coverage(plain_path(str(file.policy)), file.loaded))
        usual, unread = Runner(file, coverage.counts.count), Runner(file, coverage.unread.count)
    chosen = [case for case in file.cases if wanted.lower() in case.name.lower()]
    return FileReport(name, path, file, [(unread if case.is_unread else usual).run(case) for case in chosen])
