"""``exitplan test``: policy tests, cases in YAML beside the policies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.case_files import update_files, write_missing_cases
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.coverage import (
    COVERAGE_FILES,
    coverage_annotations,
    coverage_document,
    gaps,
    percent_text,
    summary,
)
from exitplan.cli.rendering.reports import REPORTS, report_document
from exitplan.cli.rendering.screen import console, show
from exitplan.cli.streams import ensure_output, save, write_bytes, write_json
from exitplan.cli.verbs import verb_app
from exitplan.cli.watching import watch, watched_files
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.schemas.validation import CASES_ENDING
from exitplan.workbench.cases.case_file import find_files
from exitplan.workbench.cases.suite import FileReport, run_files
from exitplan.workbench.coverage.report import Coverage

app = verb_app()
FAILED = 1


class Form(StrEnum):
    """How the results are written."""

    TEXT = "text"
    TAP = "tap"
    JUNIT = "junit"
    GITHUB = "github"
    JSON = "json"


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
        Form, typer.Option("--format", help="For people, TAP, JUnit's XML, annotations of GitHub Actions, or JSON.")
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
    update: Annotated[
        bool, typer.Option("--update", help="Write what comes out in the place of what was expected, for review.")
    ] = False,
    write_missing: Annotated[
        bool, typer.Option("--write-missing", help="Write a case for what no case shows of a policy, for review.")
    ] = False,
    watching: Annotated[
        bool, typer.Option("--watch", help="Test again whenever a policy, test or recording changes, until Ctrl-C.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=1,
            max=64,
            help="Share the cases between so many processes; it pays for cycles.",
        ),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Test policies: cases in YAML, and what a plan makes of them.

    A case names facts of one position, or an account, and what is expected. What it does not say is ordinary, what it
    does not expect is not asked. Nothing is read from a venue, and no credentials are needed.

    Exit code 1 where a case fails or too little is covered, 65 where a file of tests is wrong, 64 where there is
    nothing to test.
    """
    is_covering = covering or write_missing or fail_under is not None or lcov is not None or html is not None
    outputs = Outputs(Form.JSON if as_json else form, {"junit": junit, "lcov": lcov, "html": html}, fail_under)
    request = Request(paths or [project_root() / "policies"], wanted or "", is_covering=is_covering, jobs=jobs)
    for path in (junit, lcov, html):
        if path is not None:
            ensure_output(path)
    if write_missing and wanted:
        raise UsageError("--write-missing goes without -k: what the other cases show would be missing")
    if watching:
        if as_json or update or write_missing:
            raise UsageError("--watch goes with none of --json, --update and --write-missing")
        watch(lambda: _told_round(request, outputs), lambda: watched_files(request.paths))
        return
    reports, covered = request.run()
    if update and update_files(reports, err=outputs.is_beside):
        reports, covered = request.run()
    if write_missing:
        write_missing_cases(reports, covered, err=outputs.is_beside)
    raise typer.Exit(outputs.write(reports, covered))


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be tested, and how."""

    paths: list[Path]
    wanted: str
    is_covering: bool
    jobs: int = 1

    def run(self) -> tuple[list[FileReport], list[Coverage]]:
        """Find the files and run their cases; raises UsageError where nothing is tested."""
        files = find_files(self.paths)
        if not files:
            raise UsageError(f"there is no test (*{CASES_ENDING}) in {', '.join(map(str, self.paths))}")
        reports, covered = run_files(files, self.wanted, is_covering=self.is_covering, jobs=self.jobs)
        if not any(report.results or report.problem for report in reports):
            raise UsageError(f"no case has {self.wanted!r} in its name: nothing was tested")
        return reports, covered


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results go: stdout in one form, and files."""

    form: Form
    files: Mapping[str, Path | None]
    fail_under: int | None

    @property
    def is_beside(self) -> bool:
        """Check whether stdout is for programs, so that people read stderr."""
        return self.form is not Form.TEXT

    def write(self, reports: list[FileReport], covered: list[Coverage]) -> int:
        """Write everything; returns the exit code."""
        if self.form is Form.JSON:
            coverage = {"coverage": [coverage_document(one) for one in covered]} if covered else {}
            write_json({**report_document(reports), **coverage})
        else:
            write_bytes(REPORTS[self.form](reports))
        for one in () if self.form is Form.JSON else covered:
            say(err=self.is_beside)
            show(*summary(one), on=console(sys.stderr if self.is_beside else None))
            for line in gaps(one):
                say(line, err=self.is_beside)
            for line in coverage_annotations(one) if self.form is Form.GITHUB else ():
                say(line)
        for name, path in self.files.items():
            if path is not None:
                save(path, REPORTS[Form.JUNIT](reports) if name == "junit" else COVERAGE_FILES[name](covered))
        return exit_code(reports, covered, self.fail_under or 0)


def exit_code(reports: list[FileReport], covered: list[Coverage], fail_under: int) -> int:
    """Return 65 where a file could not be read, 1 where a case failed or too little is covered, else 0."""
    if any(report.problem is not None for report in reports):
        return FileIsInvalid.exit_code
    low = [one for one in covered if one.percent < fail_under]
    for one in low:
        say(f"error: {one.name}: {percent_text(one)} covered, less than --fail-under {fail_under}", err=True)
    passed = all(result.passed for report in reports for result in report.results)
    return 0 if passed and not low else FAILED


def _told_round(request: Request, outputs: Outputs) -> None:
    """Test once while watching: what is wrong is told, and waits to be mended."""
    try:
        outputs.write(*request.run())
    except UsageError as problem:
        say(f"error: {problem}", err=True)
