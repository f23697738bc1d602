"""Hand a plan over: to a file, to stdout, and as an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from exitplan.cli.rendering.plan import plan_parts, refused_guards
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import save, write_bytes
from exitplan.ruleset.errors import RefusedByGuard
from exitplan.ruleset.planning.plan import plan_bytes

CHANGES = 2
"""The exit code of ``--detailed-exitcode`` where something is pending."""


@dataclass(frozen=True, slots=True)
class PlanOutput:
    """Where a plan goes and what its exit code tells; ``next_step`` is the command to go on with once it is saved."""

    as_json: bool = False
    out: Path | None = None
    detailed_exitcode: bool = False
    next_step: str = ""


def deliver_plan(document: dict[str, Any], output: PlanOutput) -> int:
    """Write and show a plan; raises RefusedByGuard after that, where a guard refuses it."""
    content = plan_bytes(document)
    if output.out is not None:
        save(output.out, content)
    if output.as_json:
        write_bytes(content)
    else:
        show_plan(document, output.next_step)
    ensure_not_refused(document)
    return code_of_plan(document, detailed=output.detailed_exitcode)


def show_plan(document: dict[str, Any], next_step: str = "") -> None:
    """Draw a plan on stdout, and how to go on with it unless it is refused."""
    show(*plan_parts(document))
    if next_step and not refused_guards(document):
        typer.echo(f"\nSaved. {next_step}")  # not drawn: a command that is wrapped cannot be copied


def has_changes(document: dict[str, Any]) -> bool:
    """Tell whether a plan does anything: sends something, or counts a cycle."""
    return bool(document["actions"]) or any(
        (position.get("unwind") or {}).get("counts") for position in document["positions"]
    )


def code_of_plan(document: dict[str, Any], *, detailed: bool = False) -> int:
    """Give the exit code that a plan comes to: that of a guard's refusal, else whether anything is pending."""
    if refused_guards(document):
        return RefusedByGuard.exit_code
    return CHANGES if detailed and has_changes(document) else 0


def ensure_not_refused(document: dict[str, Any]) -> None:
    """Raise RefusedByGuard, naming the guards, where one refuses the plan."""
    names = refused_guards(document)
    if names:
        raise RefusedByGuard(
            f"the plan is refused by {' and '.join(names)}",
            hint="narrow it with --target, --exclude or --rule, or set another limit under guards in the policy",
        )
