"""The problems of a file as ``validate``, ``test`` and ``lint`` tell them, in the same words, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Literal

from exitplan.cli.account_checks import with_channels_checked, with_venues_checked
from exitplan.cli.editor.project import Project, is_cases
from exitplan.ruleset.errors import ExitplanError
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.validation import Validated, validate_paths
from exitplan.workbench.cases.case_file import load_cases
from exitplan.workbench.lint.files import lint_loaded

Severity = Literal["error", "warning", "info"]
EFFORT = 100_000
"""The effort of the proofs while somebody types: some tenths of a second. What they leave open is not told."""
_MEANT = re.compile(r"did you mean '([^']+)'\?$")
_WRITE = re.compile(r"write (?P<value>[\w$.-]+|\[[^]]*\]|\{[^}]*\})$")
_TOKEN = re.compile(r"\"[^\"\n]*\"?|'[^'\n]*'?|[^\s,{}\[\]:#][^\s,{}\[\]:]*")


@dataclass(frozen=True, slots=True)
class Shown:
    """A problem in a file that is open; offsets are those of its text.

    ``mend`` is what to write instead, where that is known; ``code`` is that of lint.
    """

    start: int
    end: int
    severity: Severity
    message: str
    code: str = ""
    mend: str | None = None


def diagnose(project: Project, path: FilePath) -> list[Shown]:
    """Find all that is wrong in a file as it is in the editor, or in what it extends."""
    text = project.text(path)
    with project.reading():
        (result,) = with_channels_checked(with_venues_checked(validate_paths([path])))
        problems = [*_of_validation(result), *(_of_cases(path) if is_cases(path) and result.ok else ())]
        findings = list(_of_lint(result))
    told = [_shown(text, path, *problem) for problem in (*problems, *findings)]
    return sorted(set(told), key=lambda one: (one.start, one.message))


_Told = tuple[Mark, Severity, str, str, str | None]


def _of_validation(result: Validated) -> Iterator[_Told]:
    # What is warned of while a good policy is loaded is told by lint as well, which knows what is silenced.
    by_lint = set(result.loaded.warnings) if result.loaded is not None else set()
    return _worded(problem for problem in result.diagnostics if problem not in by_lint)


def _worded(problems: Iterable[Diagnostic]) -> Iterator[_Told]:
    for problem in problems:
        head = f"{problem.mark}: {problem.severity}: "
        yield problem.mark, problem.severity, problem.line.removeprefix(head), "", _mend_of(problem.hint)


def _of_cases(path: FilePath) -> Iterator[_Told]:
    try:
        load_cases(path)
    except FileHasProblems as error:
        yield from _worded(error.diagnostics)
    except ExitplanError as error:
        yield Mark(display_name(path), 1, 1), "error", str(error), "", None


def _of_lint(result: Validated) -> Iterator[_Told]:
    if result.loaded is None:
        return
    for placed in lint_loaded(result.loaded, effort=EFFORT):
        finding = placed.finding
        if placed.ignored is None and not finding.is_open:
            yield placed.mark, finding.check.severity, finding.message, finding.code.value, _mend_of(finding.message)


def _mend_of(hint: str | None) -> str | None:
    """Return what a hint says to write; None where it is advice and no word."""
    meant = _MEANT.search(hint or "")
    if meant is not None:
        return meant[1]
    write = _WRITE.fullmatch(hint or "")
    return None if write is None else write["value"]


def _shown(
    text: str, path: FilePath, mark: Mark, severity: Severity, message: str, code: str, mend: str | None
) -> Shown:
    """Place a problem in the file that is open; one of a file that it extends is told at ``extends``."""
    if mark.file == display_name(path):
        start, end = _span(text, mark)
        return Shown(start, end, severity, message, code, mend)
    extends = re.search(r"^extends:[ \t]*(\S+)", text, re.MULTILINE)
    start, end = extends.span(1) if extends else (0, 0)
    return Shown(start, end, severity, f"{mark}: {message}", code)


def _span(text: str, mark: Mark) -> tuple[int, int]:
    """Return where the word at a place starts and ends; the end of the text where it is beyond."""
    lines = text.split("\n")
    if not 1 <= mark.line <= len(lines):
        return (0, 0) if mark.line < 1 else (len(text), len(text))
    start = sum(len(line) + 1 for line in lines[: mark.line - 1])
    start = min(start + max(mark.column - 1, 0), start + len(lines[mark.line - 1]))
    token = _TOKEN.match(text, start)
    return start, token.end() if token else min(start + 1, len(text))
