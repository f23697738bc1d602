"""``exitplan status``: how an account stands, as its last run left it."""

from __future__ import annotations

import typer
from rich.text import Text

from exitplan.cli.account_set import AccountSet, Stopped, deliver_answers
from exitplan.cli.alert_delivery import SEE, channels_root
from exitplan.cli.arguments import AccountRef, present, request_of
from exitplan.cli.failures import warn
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
from exitplan.cli.output import say
from exitplan.cli.rendering.checks import state_text
from exitplan.cli.rendering.head import warnings_section
from exitplan.cli.rendering.incidents import incidents_line
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.status import status_parts
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.alerting.examining import failing_channels
from exitplan.executor.known_status import KnownStatus, known_status
from exitplan.ruleset.planning.words import clock_time

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
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs, data=data)
    where = AccountRef(data=data)

    def work(file: AccountFile, _stopped: Stopped) -> tuple[KnownStatus, int]:
        return known_status(open_account_file(file, request_of(where, offline=True)), file), 0

    answers = account_set.ask(work, quiet=as_json)
    root = channels_root(data)
    for told in failing_channels(root, data.post(root)):
        warn(told, hint=SEE, as_json=as_json)
    if not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, _TABLE, as_json=as_json))
    show_status(answers[0].result, as_json=as_json)


def _cells(known: KnownStatus) -> list[Text | str]:
    status, state = known.status, known.status.state
    times = [clock_time(at) if at else "never" for at in (state.last_cleanup_run, state.last_verified_at)]
    counts = [f"{len(entries):,}" for entries in (state.unwinds, state.escalated, status.open_plans)]
    return [state_text(state.account_state), *times, *counts]


_TABLE: TableSpec[KnownStatus] = TableSpec(
    ("account was", "last run", "verified", "unwinds", "escalated", "open plans"),
    "lllrrr",
    _cells,
    lambda known: known.document,
    lambda known: known.warnings,
)


def show_status(known: KnownStatus | None, *, as_json: bool) -> None:
    """Show how an account stands."""
    if known is None:
        return
    if as_json:
        write_json(known.document)
        return
    line = incidents_line(known.status.incidents, present())
    show(*status_parts(known.status), line, warnings_section(known.warnings))
    if known.status.state.account_state is None:
        say("\nNo run yet. Begin with: exitplan plan")
