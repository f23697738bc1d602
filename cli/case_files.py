"""Write into files of policy tests: what came out instead of what was expected, and cases for what none shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exitplan.cli.output import say
from exitplan.cli.streams import save
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.workbench.cases.case_file import CaseFile, load_cases
from exitplan.workbench.cases.suite import FileReport
from exitplan.workbench.cases.updating import updated
from exitplan.workbench.coverage.missing import missing_cases, missing_file, with_missing
from exitplan.workbench.coverage.report import Coverage


def update_files(reports: Sequence[FileReport], *, err: bool) -> int:
    """Update what cases expect that did not come out, tell each change, and return how many there are."""
    done = 0
    for report in reports:
        if report.file is None:
            continue
        update = updated(report.file, report.results)
        made = [change for change in update.changes if change.reason is None]
        if made:
            _replace(report.file.path, update.text)
        for change in update.changes:
            told = f"{report.name}:{change.line}: {change.what}: {change.before} -> {change.after}"
            say(told if change.reason is None else f"{told}  not written: {change.reason}", err=err)
        done += len(made)
    if done:
        say(f"{counted(done, 'expectation')} written anew: read the difference before you keep it.", err=err)
    return done


def write_missing_cases(reports: Sequence[FileReport], covered: Sequence[Coverage], *, err: bool) -> None:
    """Write cases for what none shows of each policy, into a file beside its tests, and tell where.

    Nothing is written while a file of tests cannot be read: what it shows would be missing.
    """
    if any(report.problem is not None for report in reports):
        say("no missing case was written: first mend the files that cannot be read", err=err)
        return
    for coverage in covered:
        tests = next(one.file for one in reports if one.file is not None and _is_about(one.file, coverage))
        path = missing_file(tests)
        names = {case.name for one in reports if one.path == path and one.file is not None for case in one.file.cases}
        missing = missing_cases(coverage, names)
        if missing.written:
            before = path.read_text(encoding="utf-8") if path.exists() else None
            _replace(path, with_missing(before, missing.text, tests))
            say(f"{counted(missing.written, 'case')} written to {path}: read each before you trust it.", err=err)
        for goal in missing.left:
            say(f"{goal.mark}: {goal.rule.id}: {goal.text}: no case was written, there is no witness", err=err)


def _is_about(file: CaseFile, coverage: Coverage) -> bool:
    return file.loaded.policy.sha256 == coverage.loaded.policy.sha256 and file.loaded.files == coverage.loaded.files


def _replace(path: Path, text: str) -> None:
    """Write a file of tests, and put back what was there where it can then no longer be read."""
    before = path.read_bytes() if path.exists() else None
    save(path, text.encode())
    try:
        load_cases(path)
    except FileHasProblems as problem:
        if before is None:
            path.unlink()
        else:
            save(path, before)
        raise ExitplanError(
            f"{path} is left as it was: with what would be written it cannot be read", hint=str(problem)
        ) from problem
