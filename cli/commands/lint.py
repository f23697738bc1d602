"""``exitplan lint``: what is wrong with policies that are well formed, proved for every position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.arguments import outer_invariants
from exitplan.cli.options import JsonOption, UnderOption
from exitplan.cli.output import say
from exitplan.cli.rendering.words import counted
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.engine.trace import fact_text
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.policy import Invariant
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.visible import printable
from exitplan.schemas.loading.diagnostics import Mark
from exitplan.schemas.policies import LoadedPolicy, load_policy, shipped_policy
from exitplan.schemas.validation import CASES_ENDING, policies_in
from exitplan.workbench.lint import Finding, lint

app = verb_app()
FOUND = 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding with the place it is about."""

    mark: Mark
    finding: Finding

    @property
    def text(self) -> str:
        """The finding in one line, and the position that shows it below."""
        severity = "warning" if self.finding.is_warning else "info"
        line = f"{self.mark}: {severity} {self.finding.code.value}: {self.finding.message}"
        if not self.finding.witness:
            return printable(line)
        shown = ", ".join(f"{name} {_value(value)}" for name, value in self.finding.witness.items())
        return f"{printable(line)}\n    such as an ordinary position with {printable(shown)}"


@app.command()
def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE|DIR|NAME", help="Policies, folders, or shipped ones by name.  [default: policies]"
        ),
    ] = None,
    under: UnderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove which rules of a policy can never decide.

    Also which never match, which match everything, which only serve the reason, what position would be left without an
    exit, and which invariants of the policy, or of an outer one, can be broken. Each finding holds for every position
    that an account can have; docs/lint.md explains the codes. Exit code 1 where there is a warning.
    """
    files = list(_policies(paths or [project_root() / "policies"]))
    if not files:
        raise UsageError(
            "there is no policy to look at", hint="name files, folders, or a shipped policy such as default"
        )
    found = list(_findings(files, outer_invariants(under)))
    warnings = sum(1 for placed in found if placed.finding.is_warning)
    if as_json:
        write_json(lint_document(files, found))
    else:
        for placed in found:
            say(placed.text)
        say(f"{counted(len(files), 'policy', 'policies')}: {_summary(len(found), warnings)}")
    raise typer.Exit(FOUND if warnings else 0)


def _summary(found: int, warnings: int) -> str:
    if not found:
        return "nothing found."
    return f"{counted(warnings, 'warning')}, {found - warnings} for information."


def _policies(paths: Sequence[Path]) -> Iterator[Path]:
    """List the policies that are named: files, those of folders, and shipped ones by their names."""
    for path in paths:
        shipped = shipped_policy(str(path))
        if path.is_dir():
            yield from (file for file in policies_in(path) if not file.name.endswith(CASES_ENDING))
        else:
            yield shipped if not path.exists() and shipped.is_file() else path


def _findings(files: Sequence[Path], under: Sequence[Invariant]) -> Iterator[Placed]:
    """Find what is wrong with each policy; what several inherit is told once."""
    seen: set[tuple[Mark, str]] = set()
    for file in files:
        loaded = load_policy(file)
        for finding in lint(loaded.policy, under):
            placed = Placed(_mark(loaded, finding), finding)
            if (placed.mark, finding.message) not in seen:
                seen.add((placed.mark, finding.message))
                yield placed


def _mark(loaded: LoadedPolicy, finding: Finding) -> Mark:
    path = finding.path
    while path and path not in loaded.marks:
        path = path[:-1]
    return loaded.marks.get(path) or Mark(str(loaded.files[-1]))


def _value(value: FactValue | None) -> str:
    return "absent" if value is None else fact_text(value)


def lint_document(files: Sequence[Path], found: Sequence[Placed]) -> dict[str, Any]:
    """Return the findings in their JSON form."""
    return {
        "policies": [str(file) for file in files],
        "findings": [
            {
                "code": placed.finding.code.value,
                "severity": "warning" if placed.finding.is_warning else "info",
                "file": placed.mark.file,
                "line": placed.mark.line,
                "column": placed.mark.column,
                "message": placed.finding.message,
                "witness": {
                    name: None if value is None else fact_text(value) for name, value in placed.finding.witness.items()
                },
            }
            for placed in found
        ],
    }
