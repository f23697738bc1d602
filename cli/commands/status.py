"""``exitplan status``: how an account stands, as its last run left it."""

from __future__ import annotations

import typer
from rich.text import Text

from exitplan.cli.account_set import AccountSet, Stopped, deliver_answers
from exitplan.cli.arguments import AccountRef, request_of
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
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.status import status_parts
from exitplan.cli.rendering.words import clock_time
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.store.history import AccountStatus, account_status

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

    This is what exitplan remembers; the venue is not contacted.
    """
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs)
    where = AccountRef(data=data)

    def work(file: AccountFile, _stopped: Stopped) -> tuple[AccountStatus, int]:
        return account_status(open_account_file(file, request_of(where, offline=True))), 0

    answers = account_set.ask(work, quiet=as_json)
    if not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, _TABLE, as_json=as_json))
    show_status(answers[0].result, as_json=as_json)


def _cells(status: AccountStatus) -> list[Text | str]:
    state = status.state
    times = [clock_time(at) if at else "never" for at in (state.last_cleanup_run, state.last_verified_at)]
    counts = [f"{len(found):,}" for found in (state.unwinds, state.escalated, status.open_plans)]
    return [state_text(state.account_state), *times, *counts]


_TABLE: TableSpec[AccountStatus] = TableSpec(
    ("account was", "last run", "verified", "unwinds", "escalated", "open plans"),
    "lllrrr",
    _cells,
    lambda status: status.document,
)


def show_status(status: AccountStatus | None, *, as_json: bool) -> None:
    """Show how an account stands."""
    if status is None:
        return
    if as_json:
        write_json(status.document)
        return
    show(*status_parts(status))
    if status.state.account_state is None:
        typer.echo("\nNo run yet. Begin with: exitplan plan")
