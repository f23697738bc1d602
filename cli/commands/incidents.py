"""``exitplan incidents``: what goes wrong for too long, and who is told next."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet, report_of
from exitplan.cli.arguments import present
from exitplan.cli.options import DEFAULT_DATA, AllOption, DataOption, HaltedOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.rendering.incidents import ended_table, incidents_table
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.escalation.shown import Shown, shown_incidents
from exitplan.ruleset.errors import ExitplanError

app = verb_app()


@app.command()
def command(
    account: HaltedOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    ended: Annotated[bool, typer.Option("--ended", help="List those that are over instead, the newest first.")] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List incidents: what has gone wrong for too long.

    Lists all accounts, unless some are named. The ladders are in the policy, under `escalation`. Each run, verification
    and round of the watcher checks them; this command does not contact the venue.
    """
    shown, worst = list[Shown](), 0
    for who in AccountSet.of(account, tag, every=every or not (account or tag), data=data).select():
        try:
            shown += _shown_of(_sound(who), data, ended=ended)
        except ExitplanError as problem:  # the incidents of the other accounts are listed all the same
            worst = problem.exit_code
            report_of(who.name, problem)
    if as_json:
        write_json({"incidents": [one.document for one in shown]})
    elif not shown:
        say("No incident has ended." if ended else "No incident is open.")
    elif ended:
        show(ended_table(shown))
    else:
        show(incidents_table(shown))
        say('\nTo acknowledge one: exitplan ack INCIDENT --for 4h --why "..."')
    raise typer.Exit(worst)


def _sound(who: Selected) -> AccountFile:
    """Return the account's file; raises what keeps it from being used."""
    if isinstance(who.file, ExitplanError):
        raise who.file
    return who.file


def _shown_of(file: AccountFile, data: DataPlace, *, ended: bool) -> list[Shown]:
    return shown_incidents(file, data.store_of(file.id), present(), ended=ended)
