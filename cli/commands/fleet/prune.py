"""``exitplan fleet prune``: take old runs, alerts and rollouts out of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from exitplan.cli.arguments import present, read_since
from exitplan.cli.failures import error_document
from exitplan.cli.fleet import FleetOption, opened_place
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time, counted, data_size

if TYPE_CHECKING:
    from exitplan.fleet.pruning import PrunedFleet

app = verb_app()


@app.command()
def command(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Remove what ended before then, such as 400d.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and change nothing.")] = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Remove old runs, alerts and rollouts of all accounts.

    Of each account go the plans, orders and fills of runs that ended before that time, as with `exitplan prune`, which
    can write one account's runs to a file first. Alerts that were not delivered stay, and those that a rollout may
    look back at. Safe while workers are at work: accounts in use stay as they are until the next time.
    """
    before = read_since(older_than, "--older-than")
    with opened_place(data) as fleet:
        from exitplan.fleet.pruning import prune_fleet  # noqa: PLC0415 - help needs none of it

        pruned = prune_fleet(fleet, before, present(), dry_run=dry_run)
    if as_json:
        write_json(_document(pruned, dry_run=dry_run))
    else:
        say(_told(pruned, dry_run=dry_run))
        for account, problem in pruned.problems:
            say(f"{account}: {problem}", err=True)
    raise typer.Exit(ExitCode.worst(problem.exit_code for _, problem in pruned.problems))


def _document(pruned: PrunedFleet, *, dry_run: bool) -> dict[str, Any]:
    names = ("accounts", "runs", "orders", "bytes", "alerts", "rollouts", "in_use")
    problems = [{"account": account, **error_document(problem)} for account, problem in pruned.problems]
    figures = {name: getattr(pruned, name) for name in names}
    return {"dry_run": dry_run, "before": time_text(pruned.before), **figures, "problems": problems}


def _told(pruned: PrunedFleet, *, dry_run: bool) -> str:
    left = f" {counted(pruned.in_use, 'account')} in use: the next time." if pruned.in_use else ""
    if not (pruned.accounts or pruned.alerts or pruned.rollouts):
        return f"Nothing to remove: nothing ended before {clock_time(pruned.before)}, or all is needed.{left}"
    runs = f"{counted(pruned.runs, 'run')} with {counted(pruned.orders, 'order')}"
    of = f"{runs} of {counted(pruned.accounts, 'account')}, about {data_size(pruned.bytes)}"
    what = f"{of}; {counted(pruned.alerts, 'alert')}; {counted(pruned.rollouts, 'rollout')}"
    return f"{f'Would remove {what}. Nothing was changed.' if dry_run else f'Removed {what}.'}{left}"
