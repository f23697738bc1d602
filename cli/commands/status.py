"""``exitplan status``: how an account stands, as its last run left it."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from exitplan.cli.arguments import AccountRef, open_offline, request_of
from exitplan.cli.many import AccountSet, Stopped, ask_each, deliver_answers
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JobsOption,
    JsonOption,
    TagOption,
)
from exitplan.cli.rendering.checks import state_text
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.screen import show, words
from exitplan.cli.rendering.status import status_parts
from exitplan.cli.rendering.words import clock_time
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.store.history import account_status

app = verb_app()


@app.command()
def command(
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show unwinds under way, escalations and the last run.

    This is what exitplan remembers; nothing is asked of the venue.
    """
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs)
    if not account_set.is_one:
        raise typer.Exit(status_many(account_set, AccountRef(data=data), as_json=as_json))
    show_status(account_status(open_offline(AccountRef(account_set.only_name, data=data))), as_json=as_json)


def status_many(account_set: AccountSet, where: AccountRef, *, as_json: bool) -> int:
    """Show how several accounts stand, a line each; returns the worst exit code."""

    def work(file: AccountFile, _stopped: Stopped) -> tuple[dict[str, Any], int]:
        return account_status(open_account_file(file, request_of(where, offline=True))), 0

    answers = ask_each(account_set.select(), work, jobs=account_set.jobs, quiet=as_json)
    headings = ("account was", "last run", "verified", "unwinds", "escalated", "open plans")
    return deliver_answers(answers, TableSpec(headings, "lllrrr", _cells, lambda status: status), as_json=as_json)


def _cells(status: dict[str, Any]) -> list[Text | str]:
    times = [clock_time(status[key]) if status[key] else "never" for key in ("last_cleanup_run", "last_verified_at")]
    state = (
        words("not verified yet") if status["account_state"] is None else state_text({"state": status["account_state"]})
    )
    counts = [f"{len(status[key]):,}" for key in ("unwind_progress", "escalated", "open_plans")]
    return [state, *times, *counts]


def show_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Show the status document of an account."""
    if as_json:
        write_json(status)
        return
    show(*status_parts(status))
    if status["account_state"] is None:
        typer.echo("\nNo run yet. Begin with: exitplan plan")
