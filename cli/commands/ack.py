"""``exitplan ack``: a person takes an incident."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, present, read_duration, request_of
from exitplan.cli.completion import complete_incident
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import find_account
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.escalation.acknowledging import acknowledge
from exitplan.executor.escalation.climbing import Ack
from exitplan.executor.people import actor
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time

app = verb_app()


@app.command()
def command(
    incident: Annotated[
        str,
        typer.Argument(
            metavar="INCIDENT",
            autocompletion=complete_incident,
            help="The incident's id, or the beginning of it, from exitplan incidents.",
        ),
    ],
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="What is being done about it.")] = None,
    span: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="For how long, such as 30m or 4h.  [default: until the incident is over]"
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the acknowledgement back: the ladder goes on.")] = False,
    account: HaltedOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Acknowledge an incident: no further step is told.

    When the time of --for is over, its ladder goes on from where it was. Without --for it stays silent until it is
    over; its end is still told. A run in progress is not disturbed.
    """
    ack = _ack_of(why, span, undo=undo)
    name, found = acknowledge(_stores(account, data), incident, ack)
    if as_json:
        until = None if ack.until is None else time_text(ack.until)
        write_json({"account": name, "incident": found.id, "by": ack.by, "until": until, "undone": undo})
    elif undo:
        say(f"Taken back: the ladder of {found.id} ({name}) goes on.")
    else:
        until_text = f"until {clock_time(ack.until)}" if ack.until else "until it is over"
        say(f"Acknowledged {found.id} ({name}) as {ack.by}, {until_text}.")


def _ack_of(why: str | None, span: str | None, *, undo: bool) -> Ack:
    now = present()
    if undo and span is not None:
        raise UsageError("--undo and --for cannot be used together")
    if not undo and not (why or "").strip():
        raise UsageError(
            "an acknowledgement needs a reason", hint='say what is being done: --why "the venue is informed"'
        )
    wait: timedelta | None = None if span is None else read_duration("--for", span)
    until = None if wait is None else now + wait
    return Ack(0, actor(os.environ), now, (why or "").strip(), until, undo)


def _stores(accounts: Sequence[str] | None, data: DataPlace) -> dict[str, AccountStore]:
    """Find the stores of the accounts that were named, else of all; those of broken account files too."""
    if accounts:
        names = [find_account(request_of(AccountRef(name, data=data))).id for name in accounts]
    else:
        files = data.files("incidents")
        names = [*files.sound, *(broken.id for broken in files.broken if broken.id is not None)]
    return {name: data.store_of(name) for name in names}
