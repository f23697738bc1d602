"""``exitplan plan``: what would be done, and why; nothing is sent."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import (
    DEFAULT_DATA,
    AccountOption,
    DataOption,
    DustPctOption,
    ExcludeOption,
    JsonOption,
    MaxPositionsOption,
    NowOption,
    PhaseOption,
    PolicyOption,
    ProgressOption,
    RuleOption,
    SnapshotOption,
    StaleMinutesOption,
    TargetOption,
)
from cli.rendering.plan import plan_parts, refused_guards
from cli.rendering.screen import show
from cli.requests import Narrowing, Recording, Where, make_requested_plan, read_overrides
from cli.streams import save, write_bytes
from cli.verbs import verb_app
from ruleset.errors import RefusedByGuard
from ruleset.plan import plan_bytes

CHANGES = 2
"""The exit code of ``--detailed-exitcode`` where something is pending."""


@dataclass(frozen=True, slots=True)
class PlanOutput:
    """Where a plan goes and what its exit code tells; ``next_step`` is the command to go on with once it is saved."""

    as_json: bool = False
    out: Path | None = None
    detailed_exitcode: bool = False
    next_step: str = ""


app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountOption = None,
    policy: PolicyOption = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    now: NowOption = None,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    rule: RuleOption = None,
    phase: PhaseOption = None,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the plan to a file.")] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where something is to be done, with 0 where not.")
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show what would be done to an account, and why.

    Nothing is sent. With --out the plan is kept in a file that `exitplan show` draws and `exitplan apply` carries out.

    Exits with 0, with 2 where --detailed-exitcode is given and something is to be done, with 5 where a guard of the
    policy refuses the plan, which is written and shown all the same.
    """
    where = Where(account, policy, data)
    planned, _ = make_requested_plan(
        where,
        Recording(snapshot, progress, now),
        Narrowing(target or (), exclude or (), rule or (), phase),
        read_overrides(max_positions, dust_pct, stale_minutes),
    )
    next_step = _next_step(out, where, is_recording=snapshot is not None)
    raise typer.Exit(deliver_plan(planned.document, PlanOutput(as_json, out, detailed_exitcode, next_step)))


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
    return CHANGES if output.detailed_exitcode and has_changes(document) else 0


def show_plan(document: dict[str, Any], next_step: str = "") -> None:
    """Draw a plan on stdout, and how to go on with it unless it is refused."""
    show(*plan_parts(document))
    if next_step and not refused_guards(document):
        typer.echo(f"\nSaved. {next_step}")  # not drawn: a command that is wrapped cannot be copied


def _next_step(saved: Path | None, where: Where, *, is_recording: bool) -> str:
    if saved is None:
        return ""
    if is_recording:
        return f"To draw it again: exitplan show {shlex.quote(str(saved))}"
    line = ["exitplan", "apply", str(saved)]
    if where.account is not None and Path(where.account).suffix:
        line += ["--account", where.account]
    if where.policy is not None:
        line += ["--policy", str(where.policy)]
    if where.data != DEFAULT_DATA:
        line += ["--data", str(where.data)]
    return f"To carry it out: {shlex.join(line)}"


def has_changes(document: dict[str, Any]) -> bool:
    """Tell whether a plan does anything: sends something, or counts a cycle."""
    return bool(document["actions"]) or any(
        (position.get("unwind") or {}).get("counts") for position in document["positions"]
    )


def ensure_not_refused(document: dict[str, Any]) -> None:
    """Raise RefusedByGuard, naming the guards, where one refuses the plan."""
    names = [guard["name"] for guard in document["guards"] if not guard["ok"]]
    if names:
        raise RefusedByGuard(
            f"the plan is refused by {' and '.join(names)}",
            hint="narrow it with --target, --exclude or --rule, or set another limit under guards in the policy",
        )
