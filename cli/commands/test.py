"""``exitplan test``: policy tests, cases in YAML beside the policies."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.rendering.reports import REPORTS, FileReport, report_document
from exitplan.cli.streams import save, write_bytes, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.validation import CASES_ENDING
from exitplan.workbench.cases.case_file import find_files, load_cases
from exitplan.workbench.cases.running import Runner

app = verb_app()
FAILED = 1


class Form(StrEnum):
    """How the results are written."""

    TEXT = "text"
    TAP = "tap"
    JUNIT = "junit"
    GITHUB = "github"


@app.command()
def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE|DIR", help=f"Test files, or folders with *{CASES_ENDING}.  [default: policies]"),
    ] = None,
    wanted: Annotated[
        str | None, typer.Option("-k", metavar="TEXT", help="Only the cases whose name holds this text.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="For people, TAP, JUnit's XML, or annotations of GitHub Actions.")
    ] = Form.TEXT,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML into a file as well.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test policies: cases in YAML, and what a plan makes of them.

    A case names facts of one position, or an account, and what is expected. What it does not say is ordinary, what it
    does not expect is not asked. Nothing is read from a venue, and no credentials are needed.

    Exit code 1 where a case fails, 65 where a file of tests is wrong, 64 where there is nothing to test.
    """
    files = find_files(paths or [_default_folder()])
    if not files:
        raise UsageError(f"there is no test (*{CASES_ENDING}) in {', '.join(map(str, paths or [_default_folder()]))}")
    reports = list(_run(files, wanted or ""))
    if not any(report.results or report.problem for report in reports):
        raise UsageError(f"no case has {wanted!r} in its name: nothing was tested")
    if as_json:
        write_json(report_document(reports))
    else:
        write_bytes(REPORTS[form](reports))
    if junit is not None:
        save(junit, REPORTS[Form.JUNIT](reports))
    raise typer.Exit(exit_code(reports))


def exit_code(reports: list[FileReport]) -> int:
    """Return 65 where a file could not be read, 1 where a case failed, else 0."""
    if any(report.problem is not None for report in reports):
        return FileIsInvalid.exit_code
    return 0 if all(result.passed for report in reports for result in report.results) else FAILED


def _default_folder() -> Path:
    return project_root() / "policies"


def _run(files: list[Path], wanted: str) -> Iterator[FileReport]:
    """Run the cases of each file; one that is wrong is told, and the others are run all the same."""
    for path in files:
        name = display_name(path)
        try:
            file = load_cases(path)
        except FileHasProblems as problem:
            yield FileReport(name, problem=problem)
            continue
        runner = Runner(file)
        cases = [case for case in file.cases if wanted.lower() in case.name.lower()]
        yield FileReport(name, file, [runner.run(case) for case in cases])
