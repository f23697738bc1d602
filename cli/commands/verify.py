"""``exitplan verify``: is the account clean? Nothing is traded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from rich.text import Text

from exitplan.cli.arguments import AccountRef, Overrides, open_requested, read_overrides, request_of
from exitplan.cli.many import AccountSet, Answer, Stopped, ask_each, deliver_answers, report_of
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    DustPctOption,
    JobsOption,
    JsonOption,
    MaxPositionsOption,
    PolicyOption,
    StaleMinutesOption,
    TagOption,
)
from exitplan.cli.rendering.checks import CHECKS, state_text
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.run import verification_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.verify import verify_account
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.planning.checks import AccountState

Verification = tuple[dict[str, Any], str | None]
"""The four checks and their state, and why they could not be run where they could not."""

_CODES = {"CLEAN": 0, "UNKNOWN": 9}
_NOT_CLEAN = 2


app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    policy: PolicyOption = None,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Run the four checks of a clean account; nothing is traded.

    Exits with 0 where it is CLEAN, with 2 where it is not, with 9 where anything could not be read. Several accounts
    are verified side by side and shown in a table; the exit code is the worst of theirs, as with `exitplan plan`.
    """
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs)
    if not account_set.is_one:
        answers = verify_each(
            account_set.select(), AccountRef(policy=policy, data=data), overrides, jobs, quiet=as_json
        )
        raise typer.Exit(deliver_verifications(answers, as_json=as_json))
    opened = open_requested(AccountRef(account_set.only_name, policy, data), overrides)
    raise typer.Exit(verify_and_show(opened, as_json=as_json))


def verify_and_show(account: Account, *, as_json: bool) -> int:
    """Verify an account and show what was found; returns the exit code."""
    document, problem = verification_of(account)
    if as_json:
        write_json({"account": account.id, "venue": account.venue, **document, "problem": problem})
    elif problem is not None:
        typer.echo(f"{account.id} at {account.venue} is UNKNOWN: {problem}")
    else:
        show(*verification_parts(document))
    return code_of(document["state"])


def verification_of(account: Account) -> Verification:
    """Verify an account; where it cannot be read its state is UNKNOWN, and the reason comes with it."""
    try:
        return verify_account(account).to_document(), None
    except AccountUnreadable as problem:
        return {"state": AccountState.UNKNOWN.value, "checks": None, "deferred": []}, str(problem)


def verify_each(
    selected: Sequence[Selected], where: AccountRef, overrides: Overrides, jobs: int, *, quiet: bool
) -> list[Answer[Verification]]:
    """Verify accounts side by side."""

    def work(file: AccountFile, _stopped: Stopped) -> tuple[Verification, int]:
        found = verification_of(open_account_file(file, request_of(where, overrides)))
        return found, code_of(found[0]["state"])

    return ask_each(selected, work, jobs=jobs, quiet=quiet)


def deliver_verifications(answers: Sequence[Answer[Verification]], *, as_json: bool) -> int:
    """Show what verifying several accounts has found; returns the worst exit code."""
    sheet = TableSpec(
        ("account is", "positions", "zombies", "unregistered", "stale orders"), "lrrrr", _cells, _document
    )
    code = deliver_answers(answers, sheet, as_json=as_json)
    for answer in answers:
        problem = answer.result and answer.result[1]
        if problem and not as_json:
            report_of(answer.account, AccountUnreadable(problem))
    return code


def _cells(found: Verification) -> list[Text | str]:
    state = state_text(found[0])
    if found[0]["checks"] is None:
        return [state, "", "", "", ""]
    count, zombies, registered, stale = (found[0]["checks"][name] for name in CHECKS)
    return [
        state,
        f"{count['current']:,} of {count['max']:,}",
        f"{len(zombies['symbols']):,}",
        f"{len(registered['unregistered']):,}",
        f"{len(stale['stale']):,} of {stale['total']:,}",
    ]


def _document(found: Verification) -> dict[str, Any]:
    document, problem = found
    return {**document, "problem": problem}


def code_of(state: str) -> int:
    """Give the exit code that a state comes to."""
    return _CODES.get(state, _NOT_CLEAN)
