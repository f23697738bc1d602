"""``exitplan doctor``: whether all is there that a run needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.alert_delivery import channels_root
from exitplan.cli.arguments import AccountRef, present, request_of
from exitplan.cli.fleet import fleet_of
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, AllOption, DataOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.rendering.screen import rows, show, words
from exitplan.cli.rendering.waiting import waiting
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.accounts.places import FilePlace
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.alerting.examining import examine_channels
from exitplan.executor.doctor import Finding, Grade, examine_account, examine_machine
from exitplan.ruleset.errors import CredentialsMissing, ExitplanError
from exitplan.schemas.validation import CHANNELS_FILE

app = verb_app()
FOUND = 1
_STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "bold red"}


@app.command()
def command(
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the venues.")] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Check the engine, the files of accounts, and their venues.

    The channels of alerts are checked as well. Nothing is traded, and nothing sent. Of a fleet the database is
    checked, with how its workers and ticks stand, and those accounts alone that are named.
    Exit code 1 where there is a problem.
    """
    is_fleet = not isinstance(data, FilePlace)
    accounts = AccountSet.of(account, tag, every=every, data=data)
    selected = () if is_fleet and accounts.is_one and accounts.only_name is None else accounts.select()
    where = AccountRef(data=data)
    examined = {"this machine": examine_machine()}
    if is_fleet:
        from exitplan.fleet.doctor import examine_fleet  # noqa: PLC0415 - only who names a database needs it

        examined["fleet"] = examine_fleet(fleet_of(data), present)
    root = channels_root(data)
    if (root / CHANNELS_FILE).is_file():
        examined["alerts"] = examine_channels(root, data.post(root))
    for who in selected:
        with waiting(f"Asking {who.venue} about {who.name}", is_shown=not offline):
            examined[who.name] = _examined(who, where, asks_venue=not offline)
    found = [finding for findings in examined.values() for finding in findings]
    if as_json:
        write_json(doctor_document(examined))
    else:
        _show(examined)
    raise typer.Exit(FOUND if any(finding.grade is Grade.PROBLEM for finding in found) else 0)


def _examined(who: Selected, where: AccountRef, *, asks_venue: bool) -> list[Finding]:
    if isinstance(who.file, ExitplanError):
        return [Finding("account file", Grade.PROBLEM, str(who.file), who.file.hint)]
    sound = [Finding("account file", Grade.OK, f"{who.file.path} is sound, policy {who.file.loaded.policy.name}")]
    try:
        opened = _opened(who.file, where, asks_venue=asks_venue)
    except ExitplanError as problem:
        return [*sound, Finding("account file", Grade.PROBLEM, str(problem), problem.hint)]
    return [*sound, *examine_account(opened, who.file, asks_venue=asks_venue)]


def _opened(file: AccountFile, where: AccountRef, *, asks_venue: bool) -> Account:
    try:
        return open_account_file(file, request_of(where, offline=not asks_venue))
    except CredentialsMissing:  # which the check of the credentials tells
        return open_account_file(file, request_of(where, offline=True))


def _show(examined: dict[str, list[Finding]]) -> None:
    for number, (name, findings) in enumerate(examined.items()):
        if number:
            say()
        say(name)
        table = rows("l", "l", "l")
        for finding in findings:
            hint = f"; {finding.hint}" if finding.hint else ""
            graded = words(finding.grade.value, _STYLES[finding.grade])
            table.add_row(words(f"  {finding.check}"), graded, words(finding.text + hint))
        show(table)


def doctor_document(examined: dict[str, list[Finding]]) -> dict[str, Any]:
    """Return what was found in its JSON form."""
    return {
        "checks": [
            {"about": name, **_document(finding)} for name, findings in examined.items() for finding in findings
        ],
        "problems": _count(examined, Grade.PROBLEM),
        "warnings": _count(examined, Grade.WARNING),
    }


def _document(finding: Finding) -> dict[str, Any]:
    return {"check": finding.check, "grade": finding.grade.value, "text": finding.text, "hint": finding.hint}


def _count(examined: dict[str, list[Finding]], grade: Grade) -> int:
    return sum(finding.grade is grade for findings in examined.values() for finding in findings)
