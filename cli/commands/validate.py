"""``exitplan validate``: everything that is wrong in policies, account files, snapshots and plans, at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.account_checks import with_channels_checked, with_venues_checked
from exitplan.cli.arguments import outer_invariants
from exitplan.cli.failures import diagnostic_document
from exitplan.cli.group_checks import with_groups_checked
from exitplan.cli.ladder_checks import with_ladders_checked
from exitplan.cli.lint_warnings import with_lint
from exitplan.cli.options import JsonOption, UnderOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.ruleset.language.policy import Invariant
from exitplan.ruleset.language.problems import Problem
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.loading.diagnostics import Diagnostic, Mark, locate
from exitplan.schemas.policies import load_policy
from exitplan.schemas.validation import CHANNELS_FILE, Validated, validate_paths
from exitplan.workbench.invariants import find_broken_invariants

app = verb_app()


@app.command()
def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE|DIR",
            help="What to check; a folder means the policies in it.  [default: policies, and alerts.yaml]",
        ),
    ] = None,
    under: UnderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check files: every problem with file, line and column.

    YAML files are policies, of accounts or of groups, or account files, and alerts.yaml names channels; what a JSON
    file is can be seen from its keys: a snapshot, plan, state, tracker or alert. An account file must name a venue that
    exists, and credentials if it is a live one; the venue is not contacted. A group must have a policy, and two
    accounts that name it. Of policies the warnings of exitplan lint are shown as well, as far as they are found at
    once.

    With --under it is also proved that no policy can break an invariant of an outer one.

    Warnings alone are no failure.
    """
    invariants = outer_invariants(under)
    results = with_channels_checked(with_venues_checked(with_lint(validate_paths(paths or _default_paths()))))
    results = with_groups_checked(with_ladders_checked(results))
    if invariants:
        results = with_invariants_proved(results, invariants)
    raise typer.Exit(show_validated(results, as_json=as_json))


def with_invariants_proved(results: Sequence[Validated], under: Sequence[Invariant]) -> list[Validated]:
    """Add an error to each policy for each invariant of an outer one that it can break; what it inherits once."""
    proved, reported = [], set[tuple[Mark, str]]()
    for result in results:
        found = list(_broken(result, under))
        news = tuple(problem for problem in found if (problem.mark, problem.message) not in reported)
        reported |= {(problem.mark, problem.message) for problem in news}
        old = len(found) - len(news)
        proved.append(replace(result, diagnostics=(*result.diagnostics, *news), repeated=result.repeated + old))
    return proved


def _broken(result: Validated, under: Sequence[Invariant]) -> Iterator[Diagnostic]:
    if result.kind == "policy" and result.ok:
        loaded = load_policy(result.path)
        for broken in find_broken_invariants(loaded.policy, under):
            yield locate(Problem(broken.path, broken.message), loaded.marks, {})


def _default_paths() -> list[Path]:
    root = project_root()
    folder, channels = root / "policies", root / CHANNELS_FILE
    if not folder.is_dir():
        raise UsageError(
            "what is to be checked? There is no folder policies here", hint="name files or folders, or -C PROJECT"
        )
    return [folder, channels] if channels.is_file() else [folder]


def show_validated(results: Sequence[Validated], *, as_json: bool) -> int:
    """Show all problems and a summary; returns the exit code."""
    document = validated_document(results)
    if as_json:
        write_json(document)
    else:
        for result in results:
            for problem in result.diagnostics:
                say(problem.text)
        say(_summary(document))
    return 0 if all(result.ok for result in results) else FileIsInvalid.exit_code


def validated_document(results: Sequence[Validated]) -> dict[str, Any]:
    """Return the results in their JSON form."""
    problems = [problem for result in results for problem in result.diagnostics]
    return {
        "files": [
            {
                "path": str(result.path),
                "kind": result.kind,
                "ok": result.ok,
                "problems": [diagnostic_document(problem) for problem in result.diagnostics],
            }
            for result in results
        ],
        "errors": sum(1 for problem in problems if problem.severity == "error"),
        "warnings": sum(1 for problem in problems if problem.severity != "error"),
    }


def _summary(document: dict[str, Any]) -> str:
    files, errors, warnings = document["files"], document["errors"], document["warnings"]
    wrong = [entry["path"] for entry in files if not entry["ok"]]
    said = f"{counted(len(files), 'file')} checked: "
    if not errors and not warnings:
        return f"{said}nothing is wrong."
    counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    return f"{said}{counts}; not usable: {', '.join(wrong)}." if wrong else f"{said}{counts}."
