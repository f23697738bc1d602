"""``exitplan diff``: what one plan does that another does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.rendering.refresh import show_changes
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.apply.refresh import compare_plans
from exitplan.executor.store.saved_plan import load_plan
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.exit_codes import ExitCode

app = verb_app()


@app.command()
def command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A saved plan.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another one of the same account.")],
    as_json: JsonOption = False,
) -> None:
    """Compare two saved plans.

    What NEW does that OLD does not is shown, and the other way round. Exits with 2 if they differ, with 0 if they do
    the same.
    """
    before, after = load_plan(old), load_plan(new)
    if before.account.id != after.account.id:
        raise UsageError(f"{old} is for {before.account.id}, {new} for {after.account.id}", hint="compare two of one")
    changes = compare_plans(before, after)
    if as_json:
        document = {"old": before.plan_id, "new": after.plan_id, "account": after.account.id}
        write_json({**document, "changes": [change.to_document() for change in changes]})
    else:
        show_changes(changes, after, "From the old plan to the new one", "Both plans do the same.")
    raise typer.Exit(ExitCode.PENDING if changes else ExitCode.DONE)
