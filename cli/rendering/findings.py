"""Findings of lint: for people, as annotations of GitHub Actions, as SARIF 2.1.0, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from exitplan.cli.rendering.github import annotation
from exitplan.cli.streams import json_bytes
from exitplan.ruleset.engine.trace import fact_text
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.words import counted
from exitplan.ruleset.version import VERSION
from exitplan.schemas.loading.diagnostics import Mark
from exitplan.schemas.loading.text import display_name
from exitplan.workbench.lint import CHECKS, Check
from exitplan.workbench.lint.files import Placed

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"warning": "warning", "info": "note"}
_COMMANDS = {"warning": "warning", "info": "notice"}


@dataclass(frozen=True, slots=True)
class LintReport:
    """What lint found in some policies; ``found`` holds what comments silence as well."""

    files: Sequence[Path]
    found: Sequence[Placed]

    @property
    def told(self) -> list[Placed]:
        """The findings that no comment silences."""
        return [placed for placed in self.found if placed.ignored is None]

    @property
    def warnings(self) -> int:
        """How many of them want to be mended."""
        return sum(1 for placed in self.told if placed.finding.is_warning)

    @property
    def summary(self) -> str:
        """What was found, in a sentence."""
        ignored = len(self.found) - len(self.told)
        said = [] if not self.told else [counted(self.warnings, "warning")]
        said += [f"{len(self.told) - self.warnings} for information"] if self.told else ["nothing found"]
        said += [f"{ignored} ignored with a reason"] if ignored else []
        return f"{counted(len(self.files), 'policy', 'policies')}: {', '.join(said)}."


def finding_text(placed: Placed) -> str:
    """Write a finding in one line, and the position that shows it below."""
    finding = placed.finding
    line = f"{placed.mark}: {finding.check.severity} {finding.code.value}: {finding.message}"
    return "\n    ".join([printable(line), *_shown(placed)])


def _shown(placed: Placed) -> Iterator[str]:
    if placed.finding.witness:
        what = "order" if placed.finding.path[:1] == ("orders",) else "position"
        facts = ", ".join(f"{name} {_value(value)}" for name, value in placed.finding.witness.items())
        yield printable(f"such as an ordinary {what} with {facts}")


def _value(value: FactValue | None) -> str:
    return "absent" if value is None else fact_text(value)


def for_people(report: LintReport) -> bytes:
    """Write one finding below the other, and a line that sums up."""
    return "\n".join([*(finding_text(placed) for placed in report.told), report.summary, ""]).encode()


def as_annotations(report: LintReport) -> bytes:
    """Write workflow commands of GitHub Actions, which show each finding at its line of the file."""
    lines = [
        annotation(_COMMANDS[check.severity], placed.mark, f"{check.code.value} {check.name}", _sentence(placed))
        for placed in report.told
        for check in (placed.finding.check,)
    ]
    return "\n".join([*lines, report.summary, ""]).encode()


def _sentence(placed: Placed) -> str:
    return "; ".join([placed.finding.message, *_shown(placed)])


# --- SARIF ---


def as_sarif(report: LintReport) -> bytes:
    """Write a SARIF 2.1.0 log; what a comment silences is there as suppressed, with its reason."""
    checks = list(CHECKS.values())
    driver = {
        "name": "exitplan",
        "semanticVersion": VERSION,
        "rules": [_sarif_rule(check) for check in checks],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(placed, checks) for placed in report.found],
    }
    return json_bytes({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


def _sarif_rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.code.value,
        "name": "".join(word.capitalize() for word in check.name.split("-")),
        "shortDescription": {"text": check.meaning.replace("`", "'")},
        "fullDescription": {"text": check.about.replace("`", "'")},
        "help": {
            "text": f"{check.meaning} {check.about}".replace("`", "'"),
            "markdown": f"{check.meaning} {check.about}",
        },
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
    }


def _sarif_result(placed: Placed, checks: Sequence[Check]) -> dict[str, Any]:
    check = placed.finding.check
    ignored = placed.ignored
    suppressed = [] if ignored is None else [{"kind": "inSource", "justification": ignored.reason}]
    return {
        "ruleId": check.code.value,
        "ruleIndex": checks.index(check),
        "level": _LEVELS[check.severity],
        "message": {"text": printable(_sentence(placed))},
        "locations": [{"physicalLocation": _sarif_location(placed.mark)}],
        "suppressions": suppressed,
    }


def _sarif_location(mark: Mark) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(Path(mark.file).as_posix(), safe="/:@")}}
    if mark.line:
        place["region"] = {"startLine": mark.line, "startColumn": mark.column}
    return place


# --- JSON ---


def lint_document(report: LintReport) -> dict[str, Any]:
    """Return the findings in their JSON form."""
    return {
        "policies": [display_name(file) for file in report.files],
        "findings": [_document(placed) for placed in report.told],
        "ignored": [
            {**_document(placed), "because": placed.ignored.reason, "comment_line": placed.ignored.mark.line}
            for placed in report.found
            if placed.ignored is not None
        ],
    }


def _document(placed: Placed) -> dict[str, Any]:
    finding = placed.finding
    return {
        "code": finding.code.value,
        "name": finding.check.name,
        "severity": finding.check.severity,
        "file": placed.mark.file,
        "line": placed.mark.line or None,
        "column": placed.mark.column or None,
        "rule": finding.about or None,
        "message": finding.message,
        "witness": {name: None if value is None else fact_text(value) for name, value in finding.witness.items()},
    }


FORMS: Mapping[str, Callable[[LintReport], bytes]] = {
    "text": for_people,
    "github": as_annotations,
    "sarif": as_sarif,
}
"""The forms in which findings are written."""
