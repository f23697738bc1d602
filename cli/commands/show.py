"""``exitplan show``: draw a saved plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.arguments import present
from exitplan.cli.failures import warn
from exitplan.cli.halts import warn_of_halts
from exitplan.cli.options import JsonOption
from exitplan.cli.plan_output import plans_in, show_plan
from exitplan.cli.rendering.words import clock_time, duration
from exitplan.cli.streams import write_json, write_line
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_data
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.planning.plan import ensure_unaltered, parse_plan
from exitplan.schemas.documents import load_document

PlanArgument = Annotated[
    Path, typer.Argument(metavar="PLAN", help="The file that `exitplan plan --out` wrote, or a folder of them.")
]


app = verb_app()


@app.command()
def command(plan: PlanArgument, as_json: JsonOption = False) -> None:
    """Show a saved plan, even one that can no longer be applied.

    Of a folder every plan in it is shown; with --json they are lines of one document each.
    """
    if plan.suffix in {".yaml", ".yml"}:
        hint = f"`exitplan policy show --policy {plan}` shows it merged, `exitplan validate {plan}` checks it"
        raise FileIsInvalid(f"{plan}: this is a policy; `show` draws saved plans", hint=hint)
    warn_of_halts(project_data(), as_json=as_json)
    if not plan.is_dir():
        show_saved(load_document(plan, "plan"), as_json=as_json)
        return
    for number, file in enumerate(plans_in(plan, as_json=as_json)):
        document = load_document(file, "plan")
        if as_json:
            write_line(document)
            continue
        typer.echo("\n" * (number > 0) + str(file))
        show_saved(document, as_json=False)


def show_saved(document: dict[str, Any], *, as_json: bool) -> None:
    """Draw a plan, with a warning if it can no longer be applied; raises PlanIsAltered after drawing it."""
    plan = parse_plan(document)
    if as_json:
        write_json(document)
    else:
        show_plan(plan)
    late = (present() - plan.expires_at).total_seconds()
    if late >= 0:
        said = f"this plan expired {duration(late)} ago, at {clock_time(plan.expires_at)}"
        warn(said, hint="make a new one with: exitplan plan", as_json=as_json)
    ensure_unaltered(document)
