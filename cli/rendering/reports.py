"""Results of policy tests: for people, as TAP, as JUnit's XML, as annotations of GitHub Actions, as JSON."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from rich.text import Text

from exitplan.cli.rendering.github import annotation
from exitplan.cli.rendering.screen import console, show
from exitplan.ruleset.model.visible import printable, printable_lines
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.loading.diagnostics import Mark
from exitplan.workbench.cases.running import Result
from exitplan.workbench.cases.suite import FileReport


def _failures(report: FileReport, result: Result) -> Iterator[tuple[Mark, str]]:
    """List what went wrong in a case, each with its place."""
    if result.broken is not None:
        yield report.mark(result), result.broken
    for difference in result.differences:
        notes = f"; {' '.join(note.strip() for note in difference.notes)}" if difference.notes else ""
        text = f"{difference.what}: expected {difference.expected}, got {difference.got}{notes}"
        yield report.mark(result, difference), text


def for_people(reports: Sequence[FileReport]) -> bytes:
    """Show what failed, with both values, and one line that sums up."""
    out = io.StringIO()
    screen = console()
    screen.file = out
    parts = failed_parts(reports)
    passed, failed = _sums(reports)
    broken = sum(1 for report in reports if report.problem is not None)
    said = [f"{counted(passed, 'case')} passed"]
    said += [f"{failed} failed"] if failed else []
    said += [f"{counted(broken, 'file')} not usable"] if broken else []
    unread = sum(result.case.is_unread for report in reports for result in report.results)
    said += [f"{unread} of them read by nobody yet (unread: true)"] if unread else []
    show(*parts, Text(", ".join(said) + ".", "bold red" if failed or broken else "green"), on=screen)
    return out.getvalue().encode()


def failed_parts(reports: Sequence[FileReport]) -> list[Text]:
    """Show what failed, with both values, and what is wrong with files."""
    return [part for report in reports for part in _shown(report)]


def _shown(report: FileReport) -> Iterator[Text]:
    if report.problem is not None:
        yield Text(printable_lines(str(report.problem)))
    for result in report.results:
        if not result.passed:
            yield _failed_case(report, result)


def _failed_case(report: FileReport, result: Result) -> Text:
    text = Text()
    mark = report.mark(result)
    text.append(printable(result.case.name), "bold red")
    text.append(f"  {printable(str(mark))}\n", "dim")
    if result.broken is not None:
        text.append(f"  {printable(result.broken)}\n")
    for difference in result.differences:
        text.append(f"  {printable(difference.what)}  ")
        text.append(f"line {report.mark(result, difference).line}\n", "dim")
        text.append(f"    - {printable(difference.expected)}\n", "green")
        text.append(f"    + {printable(difference.got)}\n", "red")
        for note in difference.notes:
            text.append(f"      {printable(note)}\n", "dim")
    return Text.from_markup("") if not text.plain else text[: len(text.plain.rstrip("\n"))]


def as_tap(reports: Sequence[FileReport]) -> bytes:
    """Write TAP, version 13: a line a case, and below a failed one its reasons."""
    lines: list[str] = []
    number = 0
    for report in reports:
        if report.problem is not None:
            number += 1
            lines.append(f"not ok {number} - {report.name}")
            lines += [f"  # {line}" for line in printable_lines(str(report.problem)).split("\n")]
        for result in report.results:
            number += 1
            name = printable(result.case.name).replace("#", "\\#")
            lines.append(f"{'ok' if result.passed else 'not ok'} {number} - {name}")
            lines += [f"  # {mark}: {printable(text)}" for mark, text in _failures(report, result)]
    return "\n".join(["TAP version 13", f"1..{number}", *lines, ""]).encode()


def as_junit(reports: Sequence[FileReport]) -> bytes:
    """Write the XML that CI servers read, a suite a file."""
    root = ET.Element("testsuites")
    for report in reports:
        failed = sum(1 for result in report.results if not result.passed)
        errors = int(report.problem is not None)
        figures = {"tests": str(len(report.results) + errors), "failures": str(failed), "errors": str(errors)}
        suite = ET.SubElement(root, "testsuite", {"name": report.name, **figures})
        if report.problem is not None:
            case = ET.SubElement(suite, "testcase", {"name": "the file", "classname": report.name})
            ET.SubElement(case, "error", {"message": printable(str(report.problem).split("\n")[0])})
        for result in report.results:
            names = {"name": printable(result.case.name), "classname": report.name}
            case = ET.SubElement(suite, "testcase", {**names, "line": str(report.mark(result).line)})
            told = [f"{mark}: {printable(text)}" for mark, text in _failures(report, result)]
            if told:
                ET.SubElement(case, "failure", {"message": told[0]}).text = "\n".join(told)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def as_annotations(reports: Sequence[FileReport]) -> bytes:
    """Write workflow commands of GitHub Actions, which show each failure at its line of the file."""
    lines = []
    for report in reports:
        problems = () if report.problem is None else report.problem.diagnostics
        lines += [annotation("error", problem.mark, "the file is wrong", problem.message) for problem in problems]
        for result in report.results:
            lines += [annotation("error", mark, result.case.name, text) for mark, text in _failures(report, result)]
    passed, failed = _sums(reports)
    return "\n".join([*lines, f"{counted(passed, 'case')} passed, {failed} failed.", ""]).encode()


def report_document(reports: Sequence[FileReport]) -> dict[str, Any]:
    """Return the results in their JSON form."""
    passed, failed = _sums(reports)
    return {
        "files": [
            {
                "path": report.name,
                "policy": None if report.file is None else str(report.file.policy),
                "problem": None if report.problem is None else str(report.problem),
                "cases": [_case_document(report, result) for result in report.results],
            }
            for report in reports
        ],
        "passed": passed,
        "failed": failed,
    }


def _case_document(report: FileReport, result: Result) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "line": report.mark(result).line,
        "passed": result.passed,
        "unread": result.case.is_unread,
        "problem": result.broken,
        "differences": [
            {
                "what": difference.what,
                "expected": difference.expected,
                "got": difference.got,
                "line": report.mark(result, difference).line,
                "notes": list(difference.notes),
            }
            for difference in result.differences
        ],
    }


def _sums(reports: Sequence[FileReport]) -> tuple[int, int]:
    results = [result.passed for report in reports for result in report.results]
    return results.count(True), results.count(False)


REPORTS: Mapping[str, Callable[[Sequence[FileReport]], bytes]] = {
    "text": for_people,
    "tap": as_tap,
    "junit": as_junit,
    "github": as_annotations,
}
"""The forms in which results are written."""
