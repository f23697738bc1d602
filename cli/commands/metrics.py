"""``exitplan metrics``: the metrics for Prometheus, printed once, as a file, or served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.failures import warn
from exitplan.cli.fleet import fleet_of
from exitplan.cli.interrupts import ended_by_signal
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.streams import ensure_output, save
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.accounts.selection import AccountSelection
from exitplan.executor.metrics.accounts import MeasuredAccounts
from exitplan.executor.metrics.collector import Collects, ProjectCollector, registry_of
from exitplan.executor.metrics.serving import parse_address, serve
from exitplan.ruleset.errors import UsageError

app = verb_app()
_READABLE = 0o644
"""node_exporter, which reads the file, is another user."""


@app.command()
def command(
    account: HaltedOption = None,
    tag: TagOption = None,
    textfile: Annotated[
        Path | None,
        typer.Option("--textfile", metavar="FILE", help="Replace this file, for node_exporter's textfile collector."),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen", metavar="HOST:PORT", help="Serve /metrics at this address until Ctrl-C, such as 127.0.0.1:9464."
        ),
    ] = None,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="With --listen: allow addresses that other machines can reach.")
    ] = False,
    symbols: Annotated[
        int,
        typer.Option(
            "--symbols", metavar="N", min=0, max=1000, help="Also show the N most valuable positions of each account."
        ),
    ] = 0,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show Prometheus how the accounts stand and what was done.

    Reads what the last runs and readings left in the data folder; no venue is contacted. docs/reference/metrics.md
    lists every metric. With the database of a fleet it is the fleet's own, as a worker shows them with --metrics.
    """
    if textfile is not None and listen is not None:
        raise UsageError("--textfile and --listen cannot be used together", hint="start exitplan metrics once for each")
    selection = AccountSelection(tuple(account or ()), tuple(tag or ()), every=not account and not tag)
    collector = _collector(data, selection, symbols)
    if listen is not None:
        serve_metrics(collector, listen, anywhere=anywhere)
    elif textfile is not None:
        write_textfile(collector, textfile)
    else:
        say(_exposition(collector).decode(), nl=False)


def _collector(data: DataPlace, selection: AccountSelection, symbols: int) -> Collects:
    """Return what measures accounts of a project, or a fleet as a whole."""
    if isinstance(data, FilePlace):
        accounts = MeasuredAccounts(selection, project_root())
        accounts.find()  # what is mistyped is told at once
        return ProjectCollector(accounts.find, data.folder, symbols)
    if not selection.every or symbols:
        hint = "leave out --account, --tag and --symbols; exitplan fleet status and exitplan report tell more"
        raise UsageError("the metrics of a fleet are about all of its accounts together", hint=hint)
    from exitplan.fleet.metrics import FleetCollector  # noqa: PLC0415 - a project has no fleet

    return FleetCollector(fleet_of(data).database)


def write_textfile(collector: Collects, textfile: Path) -> None:
    """Replace the file in one step; a name that node_exporter passes over is warned of."""
    ensure_output(textfile)
    if not textfile.absolute().parent.is_dir():
        raise UsageError(
            f"the folder {textfile.parent} does not exist", hint="name the folder that node_exporter reads"
        )
    if textfile.suffix != ".prom":
        warn(f"node_exporter reads files that end with .prom; {textfile.name} does not")
    save(textfile, _exposition(collector), mode=_READABLE)


def serve_metrics(collector: Collects, listen: str, *, anywhere: bool) -> None:
    """Serve until somebody ends it."""
    address = parse_address("--listen", listen, anywhere=anywhere)
    with ended_by_signal() as ended, serve(address, collector) as place:
        say(f"Serving http://{place}/metrics. Press Ctrl-C to stop.", err=True)
        ended.wait()


def _exposition(collector: Collects) -> bytes:
    from prometheus_client import generate_latest  # noqa: PLC0415 - loaded with the collector, named where it is used

    return generate_latest(registry_of(collector))
