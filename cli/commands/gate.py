"""``exitplan gate``: whether a bot may start trading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet, Answer, answers_document, report_of
from exitplan.cli.arguments import AccountRef, present, read_duration, request_of
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, AllOption, DataOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, find_account, find_account_files
from exitplan.executor.accounts.env_accounts import ensure_account_id
from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.gate import GateAnswer, gate_document, trading_gate
from exitplan.ruleset.errors import ExitplanError, NoSuchAccount
from exitplan.ruleset.exit_codes import ExitCode

app = verb_app()


@app.command()
def command(
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="DURATION", help="How old a verification may be: 90s, 15m, 1h, 1d.")
    ] = "1h",
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Check that the account was recently verified CLEAN.

    It reads what `exitplan verify`, `run` and `apply` left behind and does not contact the venue: no keys are needed.
    For the start script of a bot, as in `exitplan gate --account platform && exec my-bot`.

    Exits with 0 only if the last verification found every account CLEAN under its own policy as it is now, and is fresh
    enough. The gate is also closed while the account is halted, while a run is under way or was cut off, while the
    outcome of an order is unknown, and after a plan, run or verification that failed or could not be remembered. Where
    the keys are at hand, they must be those that it was verified with. It does not stop a bot that is running.
    """
    age = read_duration("--max-age", max_age)
    account_set = AccountSet.of(account, tag, every=every, data=data)
    if account_set.is_one:
        name, file = find_gated(account_set.only_name, data)
        raise typer.Exit(show_gate([_answer(name, file, age, data)], age, as_json=as_json, is_one=True))
    answers = [_answer(who.name, who.file, age, data) for who in account_set.select()]
    raise typer.Exit(show_gate(answers, age, as_json=as_json))


def find_gated(name: str | None, data: DataPlace) -> tuple[str, AccountFile | None]:
    """Find an account's id and file; one without a file, and so without a policy to look at, must have a data folder.

    Raises NoSuchAccount, FileIsInvalid for a broken account file.
    """
    try:
        file = find_account(request_of(AccountRef(name, data=data)))
    except NoSuchAccount:
        if not isinstance(data, FilePlace) or (name is None and find_account_files(project_root())):
            raise
        ensure_account_id(name or PLATFORM)
        folder = DataFolder.of(data.folder, name or PLATFORM)
        if folder.journal.exists() or folder.state.exists():
            return name or PLATFORM, None
        raise
    return file.id, file


def _answer(name: str, file: AccountFile | ExitplanError | None, age: timedelta, data: DataPlace) -> Answer[GateAnswer]:
    if isinstance(file, ExitplanError):
        return Answer(name, None, file.exit_code, problem=file)
    store, moment = data.store_of(name), present()
    if file is None:
        answer = trading_gate(store, age, moment)
    else:
        answer = trading_gate(store, age, moment, file.loaded.policy.sha256, file.identity())
    return Answer(name, None, 0 if answer.open else ExitCode.PENDING, answer)


def show_gate(answers: Sequence[Answer[GateAnswer]], age: timedelta, *, as_json: bool, is_one: bool = False) -> int:
    """Show of each account in one line whether its gate is open, and why; returns the exit code."""
    code = ExitCode.worst(answer.exit_code for answer in answers)
    if as_json:
        document = answers_document(answers, lambda answer: gate_document(answer, age))
        write_json(document["accounts"][0] if is_one else document)
        return code
    for answer in answers:
        if answer.result is not None:
            said = "open" if answer.result.open else "closed"
            say(f"{answer.account}: {said}, {answer.result.reason}")
        elif answer.problem is not None:
            report_of(answer.account, answer.problem)
    return code
