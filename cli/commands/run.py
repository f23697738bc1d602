"""``exitplan run``: the whole protocol, from classification to the clean account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.arguments import AccountRef, ensure_phase, read_overrides, request_of
from exitplan.cli.commands.verify import verify_each
from exitplan.cli.compat import Mode, find_for_line, one_name
from exitplan.cli.operations import Showing, carry_out
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataDirOption,
    JobsOption,
    JsonOption,
    MaxPositionsOption,
    PhaseOption,
    PolicyOption,
    StaleMinutesOption,
    TagOption,
)
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, find_account_files, open_account_file
from exitplan.executor.accounts.env_accounts import ensure_venue
from exitplan.executor.accounts.places import FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.operation import Operation
from exitplan.ruleset.errors import NoSuchAccount, UsageError
from exitplan.ruleset.planning.actions import Phase
from exitplan.ruleset.planning.planner import PlanScope

BrokerOption = Annotated[
    str | None,
    typer.Option(
        "--broker",
        metavar="VENUE",
        help="The venue of the account, such as paper. Where no account file is at it, the account of the keys in the "
        "environment, such as COINBASE_API_KEY, is meant.",
    ),
]
UserOption = Annotated[
    str | None, typer.Option("--user-id", "--account-id", metavar="ID", help="The same as --account.")
]
ModeOption = Annotated[
    Mode | None,
    typer.Option(
        "--mode", help="full: all accounts, the platform account first; user-background: a user must be named."
    ),
]
DustOption = Annotated[
    str | None,
    typer.Option(
        "--dust-pct",
        "--dust-threshold-pct",
        metavar="FRACTION",
        help="Set dust_pct_threshold over the policy, as a fraction: 0.01 is 1 %.",
    ),
]
VerifyOption = Annotated[bool, typer.Option("--verify-only", help="Phase 4 alone: no trades.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")]

app = verb_app()


@app.command()
@delivers_alerts
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    broker: BrokerOption = None,
    user_id: UserOption = None,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    mode: ModeOption = None,
    policy: PolicyOption = None,
    phase: PhaseOption = None,
    verify_only: VerifyOption = False,
    dry_run: DryRunOption = False,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustOption = None,
    stale_minutes: StaleMinutesOption = None,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataDirOption = DEFAULT_DATA,
) -> None:
    """Run the whole protocol: classify, cancel, exit, verify.

    It does not ask, not even on live accounts: it is made for cron, and the guards of the policy bound what one run may
    do. To review first, use `exitplan plan --out FILE` and `exitplan apply FILE`.

    Exits with 0 only if the account is CLEAN in the end; one of the phases 1 to 3 alone, if it was done. Several
    accounts are worked on as by `exitplan apply`.
    """
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    chosen = Phase.VERIFY if verify_only else ensure_phase(phase)
    account_set = accounts_of_mode(AccountSet.of(account, tag, every=every, jobs=jobs, data=data), mode, user_id)
    where = AccountRef(policy=policy, data=data)
    venue = None if broker is None else broker.casefold()
    if account_set.is_one:
        where = replace(where, account=one_name(account_set.only_name, user_id))
        file = find_for_line(venue, where, as_json=as_json)
        selected = [Selected(file.id, file)]
    else:
        selected = at_venue(account_set.select(), account_set, venue)
    if chosen == Phase.VERIFY:
        raise typer.Exit(verify_each(selected, where, overrides, account_set, as_json=as_json))
    operation = Operation(
        scope=PlanScope(phase=chosen), dry_run=dry_run or chosen == Phase.CLASSIFY, to_clean=chosen is None
    )

    def task(account_file: AccountFile) -> tuple[Account, Operation]:
        return open_account_file(account_file, request_of(where, overrides)), operation

    how = Showing(as_json, is_one=account_set.is_one, is_protocol=True, dry_run=operation.dry_run, jobs=jobs)
    raise typer.Exit(carry_out(selected, task, how))


def accounts_of_mode(account_set: AccountSet, mode: Mode | None, user: str | None) -> AccountSet:
    """Return the accounts that a mode of the original means; raises UsageError where it contradicts what is named."""
    if user is not None and not account_set.is_one:
        raise UsageError("--user-id names one account", hint="leave it out, or --account, --tag and --all")
    named = user is not None or account_set.selection.names
    if mode is Mode.USER_BACKGROUND and not named and account_set.is_one:
        raise UsageError("--mode user-background is about a user's account", hint="name it with --user-id")
    has_files = not isinstance(account_set.data, FilePlace) or bool(find_account_files(project_root()))
    if mode is Mode.FULL and not named and account_set.is_one and has_files:
        return replace(account_set, selection=replace(account_set.selection, every=True))
    return account_set


def at_venue(selected: Sequence[Selected], account_set: AccountSet, venue: str | None) -> list[Selected]:
    """Narrow accounts to those at a venue; one that was named and is elsewhere is reported as a mistake.

    Broken files stay, since they may be at the venue. Raises NoSuchAccount where none is left.
    """
    if venue is None:
        return list(selected)
    named = set(account_set.selection.names)
    left = [
        _elsewhere(who, venue)
        for who in selected
        if who.venue in {venue, None} or not _is_by_group(who, account_set, named)
    ]
    if not left:
        raise NoSuchAccount(f"none of the accounts is at {venue}")
    return left


def _is_by_group(who: Selected, account_set: AccountSet, named: set[str]) -> bool:
    """Check whether an account is meant by its tag or as one of all, and not by its name."""
    return (account_set.selection.every or bool(account_set.selection.tags)) and who.name not in named


def _elsewhere(who: Selected, venue: str) -> Selected:
    if isinstance(who.file, AccountFile):
        try:
            ensure_venue(who.file, venue)
        except UsageError as problem:
            return replace(who, file=problem)
    return who
