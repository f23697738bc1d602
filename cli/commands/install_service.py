"""``exitplan install-service``: print the unit that keeps accounts watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.arguments import read_duration
from exitplan.cli.commands.watch import EveryOption
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, DataOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.service_units import Installation, cron_line, service_unit, timer_units
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import is_path
from exitplan.ruleset.errors import UsageError

TimerOption = Annotated[
    bool, typer.Option("--timer", help="Print a service for one round, and the timer that starts it.")
]
CronOption = Annotated[bool, typer.Option("--cron", help="Print a line for crontab.")]
CutOffOption = Annotated[str, typer.Option("--cut-off", metavar="DURATION", help="As for `exitplan watch`.")]

app = verb_app()


@app.command()
def command(
    timer: TimerOption = False,
    cron: CronOption = False,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: EveryOption = "5m",
    cut_off: CutOffOption = "5m",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a systemd unit or cron line that watches accounts.

    It installs nothing: read the unit, put it in its place, and start it. The unit has the absolute paths of this
    installation and this project, and watches all accounts unless you name some.

    Example: exitplan install-service | sudo tee /etc/systemd/system/exitplan.service
    """
    if timer and cron:
        raise UsageError("--timer and --cron cannot be used together", hint="choose one of them")
    account_set = AccountSet.of(account, tag, every=not (account or tag), data=data)
    account_set.select()
    where, pause = Installation.here(data.folder), read_duration("--every", every)
    words = list(_words(account_set, ["--cut-off", cut_off] if cut_off != "5m" else []))
    limit = read_duration("--cut-off", cut_off)
    if cron:
        text = cron_line(where, words, pause)
    elif timer:
        text = timer_units(where, words, pause)
    else:
        text = service_unit(where, [*words, "--every", every], limit)
    say(text, nl=False)


def _words(account_set: AccountSet, more: list[str]) -> Iterator[str]:
    """Return what chooses the accounts; files that are named are named from wherever the unit is started."""
    selection = account_set.selection
    if selection.every:
        yield "--all"
    for name in selection.names:
        if is_path(name):
            raise UsageError(f"{name} is a file", hint="name the account by its id: a unit is started elsewhere")
        yield from ("--account", name)
    for tag in selection.tags:
        yield from ("--tag", tag)
    yield from more
