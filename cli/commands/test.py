"""``exitplan test``: policy tests, cases in YAML beside the policies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.coverage import as_html, as_lcov, coverage_document, gaps, percent_text, summary
from exitplan.cli.rendering.reports import REPORTS, FileReport, report_document
from exitplan.cli.rendering.screen import console, show
from exitplan.cli.streams import save, write_bytes, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.validation import CASES_ENDING
from exitplan.workbench.cases.case_file import find_files, load_cases
from exitplan.workbench.cases.running import Runner
from exitplan.workbench.coverage.report import Coverage, plain_path

app = verb_app()
FAILED = 1


class Form(StrEnum):
    """How the results are written."""

    TEXT = "text"
    TAP = "tap"
    JUNIT = "junit"
    GITHUB = "github"


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
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
    covering: Annotated[
        bool, typer.Option("--coverage", help="Tell what the cases show of each rule, and what they do not.")
    ] = False,
    fail_under: Annotated[
        int | None,
        typer.Option("--fail-under", metavar="PERCENT", min=0, max=100, help="Fail where less of a policy is covered."),
    ] = None,
    lcov: Annotated[
        Path | None, typer.Option("--lcov", metavar="FILE", help="Write the coverage as a tracefile of lcov.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the policy in HTML, coloured by coverage.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test policies: cases in YAML, and what a plan makes of them.

    A case names facts of one position, or an account, and what is expected. What it does not say is ordinary, what it
    does not expect is not asked. Nothing is read from a venue, and no credentials are needed.

    Exit code 1 where a case fails or too little is covered, 65 where a file of tests is wrong, 64 where there is
    nothing to test.
    """
    files = find_files(paths or [_default_folder()])
    if not files:
        raise UsageError(f"there is no test (*{CASES_ENDING}) in {', '.join(map(str, paths or [_default_folder()]))}")
    is_covering = covering or fail_under is not None or lcov is not None or html is not None
    coverages: dict[Path, Coverage] | None = {} if is_covering else None
    reports = list(_run(files, wanted or "", coverages))
    covered = [] if coverages is None else list(coverages.values())
    if not any(report.results or report.problem for report in reports):
        raise UsageError(f"no case has {wanted!r} in its name: nothing was tested")
    if as_json:
        covered_document = {"coverage": [coverage_document(one) for one in covered]} if is_covering else {}
        write_json({**report_document(reports), **covered_document})
    else:
        write_bytes(REPORTS[form](reports))
    for coverage in () if as_json else covered:
        is_beside = form is not Form.TEXT
        say(err=is_beside)
        show(*summary(coverage), on=console(sys.stderr if is_beside else None))
        for line in gaps(coverage):
            say(line, err=is_beside)
    for path, content in ((junit, REPORTS[Form.JUNIT](reports)), (lcov, as_lcov(covered)), (html, as_html(covered))):
        if path is not None:
            save(path, content)
    raise typer.Exit(exit_code(reports, covered, fail_under or 0))


def exit_code(reports: list[FileReport], covered: list[Coverage], fail_under: int) -> int:
    """Return 65 where a file could not be read, 1 where a case failed or too little is covered, else 0."""
    if any(report.problem is not None for report in reports):
        return FileIsInvalid.exit_code
    low = [one for one in covered if one.percent < fail_under]
    for one in low:
        say(f"error: {one.name}: {percent_text(one)} covered, less than --fail-under {fail_under}", err=True)
    passed = all(result.passed for report in reports for result in report.results)
    return 0 if passed and not low else FAILED


def _default_folder() -> Path:
    return project_root() / "policies"


def _run(files: list[Path], wanted: str, coverages: dict[Path, Coverage] | None) -> Iterator[FileReport]:
    """Run the cases of each file; one that is wrong is told, and the others are run all the same.

    What they show of each policy is counted in ``coverages``, by its file.
    """
    for path in files:
        shown = display_name(path)
        try:
            file = load_cases(path)
        except FileHasProblems as problem:
            yield FileReport(shown, problem=problem)
            continue
        runner = Runner(file)
        if coverages is not None:
            name = plain_path(str(file.policy))
            coverage = coverages.setdefault(file.policy.resolve(), Coverage(name, file.loaded))
            runner = Runner(file, coverage.count)
        cases = [case for case in file.cases if wanted.lower() in case.name.lower()]
        yield FileReport(shown, file, [runner.run(case) for case in cases])
