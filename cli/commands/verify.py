"""``exitplan verify``: is the account clean? Nothing is traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer
from rich.text import Text

from exitplan.cli.account_set import AccountSet, Answer, Stopped, ask_each, deliver_answers, report_of
from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.arguments import AccountRef, Overrides, present, read_overrides, request_of
from exitplan.cli.clock import tell_of_clock
from exitplan.cli.data_folders import tell_of_data_folder
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
from exitplan.cli.output import say
from exitplan.cli.rendering.checks import state_text
from exitplan.cli.rendering.head import warnings_section
from exitplan.cli.rendering.incidents import incidents_line
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.run import verification_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.waiting import waiting
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.escalation.climbing import Incident
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.offline_warnings import tracker_warnings
from exitplan.executor.operation import code_of_state
from exitplan.executor.verify import examine_account
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.records import write_record
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import report_of as report_of_checks
from exitplan.ruleset.planning.plan_types import CheckReport
from exitplan.ruleset.planning.warnings import PlanWarning


@dataclass(frozen=True, slots=True)
class Verification:
    """The four checks and what a person should know, or why they could not be run, and whether for want of a key."""

    checks: CheckReport | None
    problem: str | None = None
    warnings: tuple[PlanWarning, ...] = ()
    is_refused: bool = False
    incidents: tuple[Incident, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the state; that of a refused key says what to do."""
        return ExitCode.of(CredentialsRefused.exit_code) if self.is_refused else code_of_state(self.state)

    @property
    def state(self) -> AccountState:
        """The state of the account; one that cannot be read is UNKNOWN."""
        return AccountState.UNKNOWN if self.checks is None else self.checks.state

    @property
    def document(self) -> dict[str, Any]:
        """The verification in its JSON form."""
        unknown: dict[str, Any] = {"state": self.state.value, "checks": None, "deferred": []}
        known = unknown if self.checks is None else write_record(self.checks)
        return {
            **known,
            "warnings": [write_record(warning) for warning in self.warnings],
            "problem": self.problem,
            "incidents": [incident.id for incident in self.incidents],
        }


app = verb_app()


@app.command()
@delivers_alerts
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

    Exits with 0 only if it is CLEAN. Several accounts are verified side by side and shown in a table.
    """
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs, data=data)
    where = AccountRef(policy=policy, data=data)
    raise typer.Exit(verify_each(account_set.select(policy), where, overrides, account_set, as_json=as_json))


def verify_each(
    selected: Sequence[Selected], where: AccountRef, overrides: Overrides, account_set: AccountSet, *, as_json: bool
) -> int:
    """Verify accounts side by side and show what was found; returns the worst exit code."""

    def work(file: AccountFile, _stopped: Stopped) -> tuple[Verification, int]:
        opened = open_account_file(file, request_of(where, overrides))
        tell_of_data_folder(opened, as_json=as_json)
        with waiting(f"Reading {opened.id} at {opened.venue}", is_shown=account_set.is_one):
            verification = verify_one(opened)
        tell_of_clock(opened, as_json=as_json)
        return verification, verification.exit_code

    answers = ask_each(selected, work, jobs=account_set.jobs, quiet=as_json, is_one=account_set.is_one)
    if account_set.is_one:
        return _show_only(answers[0], as_json=as_json)
    code = deliver_answers(answers, _TABLE, as_json=as_json)
    for answer in answers:
        if answer.result and answer.result.problem and not as_json:
            report_of(answer.account, AccountUnreadable(answer.result.problem))
    return code


def verify_one(account: Account) -> Verification:
    """Verify an account; if it cannot be read its state is UNKNOWN, and the reason comes with it."""
    try:
        draft = examine_account(account)
    except AccountUnreadable as problem:
        incidents = incidents_in(account.store)
        return Verification(None, str(problem), (), isinstance(problem, CredentialsRefused), incidents)
    of_tracker = tracker_warnings(draft.account.snapshot, account.store) if draft.checks.unregistered else ()
    warnings = (*of_tracker, *draft.warnings)
    return Verification(report_of_checks(draft.checks), warnings=warnings, incidents=incidents_in(account.store))


def _show_only(answer: Answer[Verification], *, as_json: bool) -> int:
    verification = answer.result
    if verification is None:
        return answer.exit_code
    if as_json:
        write_json({"account": answer.account, "venue": answer.venue, **verification.document})
        return answer.exit_code
    line = incidents_line(verification.incidents, present())
    if verification.checks is None:
        say(f"{answer.account} at {answer.venue} is UNKNOWN: {verification.problem}")
        show(line)
    else:
        show(warnings_section(verification.warnings), *verification_parts(verification.checks), line)
    return answer.exit_code


def _cells(verification: Verification) -> list[Text | str]:
    state = state_text(verification.state)
    if verification.checks is None:
        return [state, "", "", "", ""]
    checks = verification.checks.checks
    return [
        state,
        f"{checks.position_count.current:,} of {checks.position_count.max:,}",
        f"{len(checks.zombie_positions.symbols):,}",
        f"{len(checks.registered_positions.unregistered):,}",
        f"{len(checks.stale_orders.stale):,} of {checks.stale_orders.total:,}",
    ]


_TABLE: TableSpec[Verification] = TableSpec(
    ("account is", "positions", "zombies", "unregistered", "stale orders"),
    "lrrrr",
    _cells,
    lambda verification: verification.document,
    lambda verification: verification.warnings,
)
