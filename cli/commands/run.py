"""``exitplan run``: the whole protocol, from classification to the clean account."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.apply_runner import ApplyOptions
from exitplan.cli.arguments import AccountRef, ensure_phase, read_overrides, request_of
from exitplan.cli.commands.apply import apply_document
from exitplan.cli.commands.verify import code_of, verify_and_show
from exitplan.cli.compat import Mode, find_for_line, one_name
from exitplan.cli.many import AccountSet
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    JobsOption,
    JsonOption,
    MaxPositionsOption,
    PhaseOption,
    PolicyOption,
    StaleMinutesOption,
    TagOption,
)
from exitplan.cli.plan_output import ensure_not_refused, show_plan
from exitplan.cli.rendering.run import show_phases
from exitplan.cli.run_many import VERIFY, RunOptions, run_many
from exitplan.cli.streams import write_bytes
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, find_account_files, open_account_file
from exitplan.executor.plan import plan_account
from exitplan.executor.verify import no_old_answer
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.plan import plan_bytes
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
DataDirOption = Annotated[
    Path,
    typer.Option(
        "--data", "--data-dir", envvar="EXITPLAN_DATA", metavar="DIR", help="Where state, journal and alerts are kept."
    ),
]
VerifyOption = Annotated[bool, typer.Option("--verify-only", help="Phase 4 alone: no trades.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")]

_CLASSIFY = 1

app = verb_app()


@app.command()
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

    Exits with 0 only where the account is CLEAN in the end, with 2 where it is not yet; otherwise as `exitplan apply`.
    Several accounts are worked on as by `exitplan apply`.
    """
    wish = RunOptions(
        AccountRef(policy=policy, data=data),
        read_overrides(max_positions, dust_pct, stale_minutes),
        phase=VERIFY if verify_only else ensure_phase(phase),
        dry_run=dry_run,
        as_json=as_json,
    )
    account_set = crowd_of(AccountSet.of(account, tag, every=every, jobs=jobs), mode, user_id)
    venue = None if broker is None else broker.casefold()
    raise typer.Exit(
        run_one(account_set, user_id, venue, wish) if account_set.is_one else run_many(account_set, venue, wish)
    )


def crowd_of(account_set: AccountSet, mode: Mode | None, user: str | None) -> AccountSet:
    """Give the accounts that a mode of the original means; raises UsageError where it contradicts what is named."""
    if user is not None and not account_set.is_one:
        raise UsageError("--user-id names one account", hint="leave it out, or --account, --tag and --all")
    named = user is not None or account_set.selection.names
    if mode is Mode.USER_BACKGROUND and not named and account_set.is_one:
        raise UsageError("--mode user-background is about a user's account", hint="name it with --user-id")
    if mode is Mode.FULL and not named and account_set.is_one and find_account_files(Path()):
        return replace(account_set, selection=replace(account_set.selection, every=True))
    return account_set


def run_one(account_set: AccountSet, user: str | None, broker: str | None, wish: RunOptions) -> int:
    """Run the protocol for the one account that a line is about; returns the exit code."""
    where = replace(wish.where, account=one_name(account_set.only_name, user))
    found = find_for_line(broker, where, as_json=wish.as_json)
    opened = open_account_file(found, request_of(where, wish.overrides))
    return run_protocol(opened, wish.phase, dry_run=wish.dry_run, as_json=wish.as_json)


def run_protocol(account: Account, phase: int | None, *, dry_run: bool, as_json: bool) -> int:
    """Run all phases, or one; returns the exit code."""
    if phase == VERIFY:
        return verify_and_show(account, as_json=as_json)
    only_looks = dry_run or phase == _CLASSIFY
    with nullcontext() if only_looks else no_old_answer(account):
        document = plan_account(account, PlanScope(phase=phase)).document
        _show_phases(document, as_json=as_json and only_looks, quiet=as_json)
        ensure_not_refused(document)
        if only_looks:
            return code_of(document["checks"]["state"])
        result = apply_document(account, document, ApplyOptions(as_json=as_json))
    if not as_json:
        show_phases(document, result.to_document())
    return result.exit_code or code_of(result.checks.state.value if result.checks else "UNKNOWN")


def _show_phases(document: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        write_bytes(plan_bytes(document))
    elif not quiet:
        show_plan(document)
