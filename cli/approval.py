"""Ask a person before anything is sent."""

from __future__ import annotations

import sys

import typer

from ruleset.errors import CancelledByUser

_YES = "yes"


def ask_for_approval(account: str, *, live: bool) -> None:
    """Ask whether to go on: only ``yes`` does, on a live account only its id; raises CancelledByUser."""
    if not sys.stdin.isatty():
        raise CancelledByUser(
            "nobody is there to say yes: this is not a terminal",
            hint="use --auto-approve, or review a plan: exitplan plan --out FILE, then exitplan apply FILE",
        )
    wanted = account if live else _YES
    what = "Real money moves. Type the account's id to go on" if live else "Carry this out? Only 'yes' goes on"
    typer.echo(f"\n{what}: ", nl=False, err=True)
    answer = sys.stdin.readline().strip()
    if answer != wanted:
        raise CancelledByUser("cancelled: nothing was sent")
