"""The ``exitplan`` command: the one way in and out."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.failures import ReportingGroup, silence_stdout
from exitplan.cli.logs import start_logging
from exitplan.cli.output import say
from exitplan.executor.accounts.project import enter
from exitplan.ruleset.version import VERSION

app = typer.Typer(
    name="exitplan",
    cls=ReportingGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def print_version(wanted: bool) -> None:
    """Print the version and leave, where that is wanted."""
    if wanted:
        say(f"exitplan {VERSION}")
        raise typer.Exit


@app.callback()
def exitplan(
    version: Annotated[  # noqa: ARG001 - printed by its callback
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("-C", metavar="DIR", help="Work in this folder, as if it was the working folder."),
    ] = None,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, metavar="", help="Log what is done to stderr; -vv every step.")
    ] = 0,
    quiet: Annotated[  # noqa: ARG001 - read off the command line before anything is written
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors and --json; the exit code tells the rest.")
    ] = False,
    no_color: Annotated[  # noqa: ARG001 - as above
        bool, typer.Option("--no-color", help="No colours, bold or dim text, as where NO_COLOR is set.")
    ] = False,
    log_file: Annotated[
        Path | None,
        typer.Option("--log-file", envvar="EXITPLAN_LOG", metavar="FILE", help="Log every step into a file, as JSON."),
    ] = None,
) -> None:
    """Bring trading accounts back to a clean, strategy-aligned state.

    Policies in YAML, a plan to review, controlled exits.

    Begin with `exitplan init demo && cd demo && exitplan plan`.
    """
    start_logging(verbose, log_file)
    if folder is not None:
        enter(folder)


def main() -> None:
    """Run the command line and leave with its exit code."""
    collect_seldom()
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal or pipe that cannot show a symbol shows its code instead.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="exitplan")
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            silence_stdout()


def collect_seldom() -> None:
    """Look for garbage in circles seldom: plans are made of none, and each look goes through the venue's libraries."""
    gc.set_threshold(50_000, 20, 100)


def _open_closed_streams() -> None:
    """Give a program that was started without stdin, stdout or stderr an empty one.

    Otherwise the next file that is opened would take its number, and what is printed would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))
