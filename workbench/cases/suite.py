"""Run whole files of policy tests, in one process or several, and count what they cover."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from exitplan.schemas.loading.diagnostics import FileHasProblems, Mark
from exitplan.schemas.loading.text import display_name
from exitplan.workbench.cases.case_file import Case, CaseFile, load_cases
from exitplan.workbench.cases.expectations import Difference
from exitplan.workbench.cases.running import Result, Runner
from exitplan.workbench.coverage.counting import Counts
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


@dataclass(frozen=True, slots=True)
class _Ran:
    """What came of some cases of a file: of each the differences, or why it could not be run; and what they showed.

    This is what a process hands on. ``unread`` is what those show that nobody has read.
    """

    outcomes: Sequence[tuple[tuple[Difference, ...], str | None]]
    shown: Counts | None = None
    unread: Counts | None = None


_Part = Callable[[], _Ran]
"""Returns what came of a part of the cases, once it is there."""


def run_files(
    files: Sequence[Path], wanted: str = "", *, is_covering: bool = False, jobs: int = 1
) -> tuple[list[FileReport], list[Coverage]]:
    """Run the cases of files whose name holds ``wanted``; a file that is wrong is told, and the others are run.

    What the cases show of each policy is counted, if that is asked; what those show that nobody has read, by itself.
    ``jobs`` processes share the cases of each file.
    """
    coverages: dict[Path, Coverage] = {}
    with _sharing(jobs, is_covering=is_covering) as share:
        begun = [_begin(path, wanted, share) for path in files]
        reports = [_finish(report, cases, parts, coverages) for report, cases, parts in begun]
    return reports, list(coverages.values())


_Share = Callable[[CaseFile, Path, Sequence[int]], list[_Part]]
"""Begins to run the cases of these numbers of a file."""


@contextmanager
def _sharing(jobs: int, *, is_covering: bool) -> Iterator[_Share]:
    """Return what shares cases out: the first of several parts has the first case, the next the second, and so on."""
    if jobs == 1:
        yield lambda file, _path, numbers: [lambda: _run(file, numbers, is_covering=is_covering)]
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:

        def share(_file: CaseFile, path: Path, numbers: Sequence[int]) -> list[_Part]:
            parts: list[Future[_Ran]] = [
                pool.submit(_read_and_run, path, numbers[first::jobs], is_covering=is_covering)
                for first in range(min(jobs, len(numbers)))
            ]
            return [part.result for part in parts]

        yield share


def _begin(path: Path, wanted: str, share: _Share) -> tuple[FileReport, Sequence[Case], list[_Part]]:
    name = display_name(path)
    try:
        file = load_cases(path)
    except FileHasProblems as problem:
        return FileReport(name, path, problem=problem), (), []
    numbers = [number for number, case in enumerate(file.cases) if wanted.lower() in case.name.lower()]
    return FileReport(name, path, file), [file.cases[number] for number in numbers], share(file, path, numbers)


def _finish(
    report: FileReport, cases: Sequence[Case], parts: Sequence[_Part], coverages: dict[Path, Coverage]
) -> FileReport:
    """Put what came of the parts of a file together, in the order of its cases."""
    results: dict[int, Result] = {}
    for number, part in enumerate(parts):
        ran = part()
        own = range(number, len(cases), len(parts))
        for at, (differences, broken) in zip(own, ran.outcomes, strict=True):
            results[at] = Result(cases[at], differences, broken)
        if report.file is not None and ran.shown is not None and ran.unread is not None:
            policy = report.file.policy
            coverage = coverages.setdefault(policy.resolve(), Coverage(plain_path(str(policy)), report.file.loaded))
            coverage.counts.add(ran.shown)
            coverage.unread.add(ran.unread)
    return replace(report, results=[results[at] for at in range(len(cases))])


def _read_and_run(path: Path, numbers: Sequence[int], *, is_covering: bool) -> _Ran:
    """Run some cases of a file, in a process of its own that reads it anew."""
    return _run(load_cases(path), numbers, is_covering=is_covering)


def _run(file: CaseFile, numbers: Sequence[int], *, is_covering: bool) -> _Ran:
    cases = [file.cases[number] for number in numbers]
    if not is_covering:
        runner = Runner(file)
        return _Ran([_outcome(runner.run(case)) for case in cases])
    shown, unread = Counts(file.loaded.policy), Counts(file.loaded.policy)
    runners = {False: Runner(file, shown.count), True: Runner(file, unread.count)}
    return _Ran([_outcome(runners[case.is_unread].run(case)) for case in cases], shown, unread)


def _outcome(result: Result) -> tuple[tuple[Difference, ...], str | None]:
    return result.differences, result.broken
