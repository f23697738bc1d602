"""``exitplan install-service``: print the unit that keeps accounts watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.arguments import read_duration
from exitplan.cli.commands.watch import EveryOption
from exitplan.cli.fleet import fleet_of
from exitplan.cli.fleet_work import EgressOption
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, DataOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.service_units import Installation, cron_line, service_unit, timer_units, worker_unit
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import is_path
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.ruleset.errors import UsageError

TimerOption = Annotated[
    bool, typer.Option("--timer", help="Print a service for one round, and the timer that starts it.")
]
CronOption = Annotated[bool, typer.Option("--cron", help="Print a line for crontab.")]
FleetUnitOption = Annotated[
    bool, typer.Option("--fleet", help="For a worker of the fleet whose database --data names.")
]
CutOffOption = Annotated[str, typer.Option("--cut-off", metavar="DURATION", help="As for `exitplan watch`.")]

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    timer: TimerOption = False,
    cron: CronOption = False,
    fleet: FleetUnitOption = False,
    egress: EgressOption = None,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: EveryOption = "5m",
    cut_off: CutOffOption = "5m",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a systemd unit or cron line that watches accounts.

    It installs nothing: read the unit, put it in its place, and start it. The unit has the absolute paths of this
    installation and this project, and watches all accounts unless you name some.

    With --fleet it is a worker of a fleet that also begins ticks; with --timer or --cron, the ticks of a fleet.

    Example: exitplan install-service | sudo tee /etc/systemd/system/exitplan.service
    """
    if timer and cron:
        raise UsageError("--timer and --cron cannot be used together", hint="choose one of them")
    if fleet:
        if account or tag:
            raise UsageError("--fleet is about all accounts", hint="leave out --account and --tag, or name --egress")
        say(_of_fleet(data, FleetUnit(egress, every, cut_off, is_cron=cron, is_timer=timer)), nl=False)
        return
    if egress or not isinstance(data, FilePlace):
        told = "--egress is about workers of a fleet" if egress else f"{data} is the database of a fleet"
        raise UsageError(told, hint="add --fleet, for a worker")
    account_set = AccountSet.of(account, tag, every=not (account or tag), data=data)
    account_set.select()
    where, pause = Installation.here(data.folder), read_duration("--every", every)
    words = list(_words(account_set, ["--cut-off", cut_off] if cut_off != "5m" else []))
    limit = read_duration("--cut-off", cut_off)
    if cron:
        text = cron_line(where, where.line(["--once", *words]), pause)
    elif timer:
        text = timer_units(where, where.line(["--once", *words]), pause)
    else:
        text = service_unit(where, [*words, "--every", every], limit)
    say(text, nl=False)


@dataclass(frozen=True, slots=True)
class FleetUnit:
    """What the unit of a fleet is to do."""

    egress: list[str] | None
    every: str
    cut_off: str
    is_cron: bool
    is_timer: bool


def _of_fleet(data: DataPlace, unit: FleetUnit) -> str:
    """Write the unit of a worker, or of what begins ticks."""
    where, pause = Installation.here(None, fleet_of(data).database.url), read_duration("--every", unit.every)
    read_duration("--cut-off", unit.cut_off)
    words = [word for name in unit.egress or () for word in ("--egress", name)]
    words += ["--cut-off", unit.cut_off] if unit.cut_off != "5m" else []
    if unit.is_cron:
        return cron_line(where, where.fleet_line(["tick", *words]), pause)
    if unit.is_timer:
        return timer_units(where, where.fleet_line(["tick", *words]), pause)
    return worker_unit(where, [*words, "--every", unit.every])


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
