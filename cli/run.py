"""``exitplan run``: the whole protocol, from classification to the clean account."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.apply import ApplyWish, apply_document
from cli.options import (
    DEFAULT_DATA,
    AccountOption,
    DataOption,
    DustPctOption,
    JsonOption,
    MaxPositionsOption,
    PhaseOption,
    PolicyOption,
    StaleMinutesOption,
)
from cli.plan import ensure_not_refused, show_plan
from cli.rendering.run import show_phases
from cli.requests import Where, ensure_phase, open_requested, read_overrides
from cli.streams import write_bytes
from cli.verbs import verb_app
from cli.verify import code_of, verify_and_show
from executor.accounts import Account
from executor.planning import plan_account
from ruleset.errors import UsageError
from ruleset.plan import plan_bytes
from ruleset.planner import PlanScope

_VERIFY = 4


app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    broker: Annotated[
        str | None,
        typer.Option("--broker", metavar="VENUE", help="The venue that the account must be at, such as paper."),
    ] = None,
    user_id: Annotated[str | None, typer.Option("--user-id", metavar="ID", help="The same as --account.")] = None,
    account: AccountOption = None,
    policy: PolicyOption = None,
    phase: PhaseOption = None,
    verify_only: Annotated[bool, typer.Option("--verify-only", help="Phase 4 alone: no trades.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send nothing.")] = False,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Run the whole protocol: classify, cancel, exit, verify.

    It does not ask, on live accounts neither: it is made for cron, and the guards of the policy bound what one run may
    do. To review first, use `exitplan plan --out FILE` and `exitplan apply FILE`.

    Exits with 0 only where the account is CLEAN in the end, with 2 where it is not yet; otherwise as `exitplan apply`.
    """
    ensure_phase(phase)
    where = Where(one_account(account, user_id), policy, data)
    opened = open_requested(where, read_overrides(max_positions, dust_pct, stale_minutes))
    ensure_venue(opened, broker)
    raise typer.Exit(run_protocol(opened, _VERIFY if verify_only else phase, dry_run=dry_run, as_json=as_json))


def one_account(account: str | None, user: str | None) -> str | None:
    """Give the account that two options name; raises UsageError where they differ."""
    if account is not None and user is not None and account != user:
        raise UsageError(f"--account {account} and --user-id {user} are two accounts", hint="give one of them")
    return account if user is None else user


def ensure_venue(account: Account, venue: str | None) -> None:
    """Raise UsageError where the account is at another venue than the command line says."""
    if venue is not None and venue != account.venue:
        raise UsageError(
            f"the account {account.id} is at {account.venue}, not at {venue}",
            hint=f"its venue is set in {account.file}",
        )


def run_protocol(account: Account, phase: int | None, *, dry_run: bool, as_json: bool) -> int:
    """Run all phases, or one; returns the exit code."""
    if phase == _VERIFY:
        return verify_and_show(account, as_json=as_json)
    document = plan_account(account, PlanScope(phase=phase)).document
    _show_phases(document, as_json=as_json and (dry_run or phase == 1), quiet=as_json)
    ensure_not_refused(document)
    if dry_run or phase == 1:
        return code_of(document["checks"]["state"])
    result = apply_document(account, document, ApplyWish(as_json=as_json))
    if not as_json:
        show_phases(document, result.to_document())
    return result.exit_code or code_of(result.checks.state.value if result.checks else "UNKNOWN")


def _show_phases(document: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        write_bytes(plan_bytes(document))
    elif not quiet:
        show_plan(document)
