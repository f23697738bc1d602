"""``exitplan top``: the dashboard in the terminal."""

from __future__ import annotations

import os
import sys

from exitplan.cli.arguments import present
from exitplan.cli.commands.serve import own_folder
from exitplan.cli.fleet import fleet_of
from exitplan.cli.options import DEFAULT_DATA, DataOption
from exitplan.cli.output import OUTPUT
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.places import FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import UsageError

EXTRA = "pip install 'exitplan[tui]'"

app = verb_app()


@app.command()
def command(data: DataOption = DEFAULT_DATA) -> None:
    """Watch all accounts in the terminal, live.

    Those that need somebody come first. Enter opens one: positions, unwinds, what waits. / searches, f filters, n and p
    turn pages, q ends. It shows what runs, readings and the watcher left, anew every few seconds, asks no venue and
    changes nothing.
    """
    with_terminal_toolkit()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal", hint="exitplan status --all prints the same once")
    from exitplan.cli.top.app import Top  # noqa: PLC0415 - needs the extra
    from exitplan.web.observed import Observed  # noqa: PLC0415 - `exitplan top --help` needs none of it

    if OUTPUT.is_plain:
        os.environ["NO_COLOR"] = "1"
    fleet = None if isinstance(data, FilePlace) else fleet_of(data)
    Top(Observed.of(project_root(), own_folder(data), present, fleet)).run()


def with_terminal_toolkit() -> None:
    """Raise UsageError where the extra is not installed."""
    try:
        import textual  # noqa: F401, PLC0415 - is it there?
    except ModuleNotFoundError as missing:
        raise UsageError(f"top needs {missing.name}, which is not installed", hint=EXTRA) from missing
