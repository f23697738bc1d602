"""``exitplan lint``: what is wrong with policies that are well formed, proved for every position."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import outer_invariants
from exitplan.cli.options import JsonOption, UnderOption
from exitplan.cli.output import say
from exitplan.cli.policy_names import comes_with_exitplan, named_policies
from exitplan.cli.rendering.findings import FORMS, LintReport, finding_text, lint_document
from exitplan.cli.streams import save, write_bytes, write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.loading.text import display_name
from exitplan.workbench.lint.files import lint_files
from exitplan.workbench.lint.fixing import Fixed, fix_file

app = verb_app()
FOUND = 1


class Form(StrEnum):
    """How the findings are written."""

    TEXT = "text"
    GITHUB = "github"
    SARIF = "sarif"


@app.command()
def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE|DIR|NAME", help="Policies, folders, or shipped ones by name.  [default: policies]"
        ),
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="For people, annotations of GitHub Actions, or SARIF 2.1.0.")
    ] = Form.TEXT,
    fix: Annotated[
        bool, typer.Option("--fix", help="Take out what is never needed, where it is proved that nothing changes.")
    ] = False,
    under: UnderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove which rules of a policy can never decide.

    Also which match everything or only serve the reason, parts of conditions that say nothing, gaps between limits,
    numbers in the wrong unit, settings without effect, what position would be left without an exit, and which
    invariants of the policy, or of an outer one, can be broken. Each finding holds for every position that an account
    can have; docs/lint.md explains the codes.

    A comment silences a finding: # exitplan: ignore P104 because the reason is a better one.

    Exit code 1 where there is a warning.
    """
    files = list(named_policies(paths))
    if not files:
        raise UsageError(
            "there is no policy to look at", hint="name files, folders, or a shipped policy such as default"
        )
    if fix:
        _fix(files, is_told=form is Form.TEXT and not as_json)
    report = LintReport(files, lint_files(files, outer_invariants(under)))
    if as_json:
        write_json(lint_document(report))
    else:
        write_bytes(FORMS[form](report))
    raise typer.Exit(FOUND if report.warnings else 0)


def _fix(files: Sequence[Path], *, is_told: bool) -> None:
    """Mend files and show how they changed; those that come with exitplan stay as they are."""
    for file in files:
        if comes_with_exitplan(file):
            continue
        fixed = fix_file(file)
        if fixed.after != fixed.before:
            save(file, fixed.after.encode())
        if is_told:
            _tell(file, fixed)


def _tell(file: Path, fixed: Fixed) -> None:
    name = display_name(file)
    lines = difflib.unified_diff(
        fixed.before.splitlines(), fixed.after.splitlines(), name, f"{name} (mended)", lineterm="", n=1
    )
    for line in lines:
        say(line)
    if fixed.mended:
        say(f"{name}: {counted(len(fixed.mended), 'finding')} mended; proved to do the same with every position")
    for placed in fixed.left:
        say(f"not mended, as it could not be proved to change nothing: {finding_text(placed)}")
