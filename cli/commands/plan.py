"""``exitplan plan``: what would be done, and why; nothing is sent."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exitplan.cli.account_set import AccountSet, Stopped, ask_each, deliver_answers
from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.arguments import (
    AccountRef,
    Narrowing,
    Overrides,
    Recording,
    ensure_no_recording,
    make_requested_plan,
    read_overrides,
    request_of,
    scope_of,
)
from exitplan.cli.clock import tell_of_clock
from exitplan.cli.completion import complete_group
from exitplan.cli.data_folders import tell_of_data_folder
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    KEY_HELP,
    AccountsOption,
    AllOption,
    DataOption,
    DustPctOption,
    ExcludeOption,
    JobsOption,
    JsonOption,
    MaxPositionsOption,
    NowOption,
    PhaseOption,
    PolicyOption,
    ProgressOption,
    RuleOption,
    SnapshotOption,
    StaleMinutesOption,
    TagOption,
    TargetOption,
)
from exitplan.cli.output import say
from exitplan.cli.plan_output import (
    PlanOutput,
    code_of_plan,
    deliver_plan,
    make_plan_folder,
    plan_name,
    plans_table,
    save_plan,
)
from exitplan.cli.policy_names import typed_policy
from exitplan.cli.rendering.blocked import left_to_a_person
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.accounts.places import FilePlace
from exitplan.executor.accounts.project import project_data
from exitplan.executor.offline_warnings import tracker_warnings
from exitplan.executor.plan import Planned, plan_account
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import NoSuchSymbol, UsageError
from exitplan.ruleset.model.values import meant_symbol
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.warnings import PlanWarning
from exitplan.schemas.policies import LoadedPolicy

if TYPE_CHECKING:
    from exitplan.executor.signing.keys import SigningKey

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Write the plan to a file; for several accounts, to a folder. Folders that are not there are made.",
    ),
]
DetailedOption = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 2 if something is to be done, with 0 if not.")
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        autocompletion=complete_group,
        help="One plan over all accounts of a group, whose policy is policies/groups/NAME.yaml.",
    ),
]
StableOption = Annotated[
    bool,
    typer.Option("--stable", help="With --json: without ids, times, ages and hashes, for snapshot tests of your own."),
]
SignOption = Annotated[
    str | None, typer.Option("--sign", metavar="KEY", help=f"Sign the plan that --out saves. {KEY_HELP}")
]
app = verb_app()


@app.command()
@delivers_alerts
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    group: GroupOption = None,
    policy: PolicyOption = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    now: NowOption = None,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    rule: RuleOption = None,
    phase: PhaseOption = None,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    out: OutOption = None,
    sign: SignOption = None,
    detailed_exitcode: DetailedOption = False,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    stable: StableOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show what would be done to an account, and why.

    Nothing is sent. With --out the plan is kept in a file that `exitplan show` draws and `exitplan apply` carries out.
    A plan that a guard of the policy refuses is written and shown all the same.

    Several accounts are planned side by side, and shown in a table; --out then names a folder, for one
    ACCOUNT.plan.json each, and --json is one document for all. A failure is reported for its account and does not stop
    the others.

    With --group the accounts that name the group are planned together, by the policy in policies/groups: hedged pairs
    close as one or stay, and a cap and dust hold over all of them. An account that cannot be read leaves no plan.
    """
    narrowing = Narrowing(target or (), exclude or (), rule or (), phase)
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    account_set, recording = (
        AccountSet.of(account, tag, every=every, jobs=jobs, data=data),
        Recording(snapshot, progress, now),
    )
    where = AccountRef(policy=policy, data=data)
    if group is not None:
        others: dict[str, object] = {
            "--account": account,
            "--tag": tag,
            "--all": every,
            "--policy": policy,
            "--snapshot": snapshot,
        }
        others |= {"--progress": progress, "--now": now, "--stable": stable}
        others |= {"--target": target, "--exclude": exclude, "--rule": rule, "--phase": phase}
        ensure_alone(others, overrides)
        from exitplan.cli.group_plan import deliver_group_plan, plan_of_group  # noqa: PLC0415 - only groups need it

        key = _signing_key(sign, out)
        planned_group = plan_of_group(group, data, jobs=jobs, as_json=as_json)
        raise typer.Exit(deliver_group_plan(planned_group.plan, out, key, as_json=as_json, detailed=detailed_exitcode))
    if stable and (not as_json or not account_set.is_one):
        raise UsageError("--stable goes with --json, for one account")
    output = PlanOutput(as_json, out, detailed_exitcode, stable, _signing_key(sign, out))
    if not account_set.is_one:
        ensure_no_recording(recording)
        raise typer.Exit(plan_accounts(account_set, where, narrowing, overrides, output))
    where = replace(where, account=account_set.only_name)
    planned, loaded = make_requested_plan(where, recording, narrowing, overrides)
    if snapshot is None:
        _tell_of_group(loaded)
        for warning in _tracker_warnings(planned, where.data.store_of(planned.plan.account.id)):
            say(f"warning: {warning.text}", err=True)
    next_step = _next_of(planned.plan, output, where, is_recording=snapshot is not None)
    raise typer.Exit(deliver_plan(planned.plan, replace(output, next_step=next_step)))


def ensure_alone(others: Mapping[str, object], overrides: Overrides) -> None:
    """Raise UsageError for what cannot go with --group: a group is planned whole, each account by its own policy."""
    given = [name for name, value in others.items() if value is not None and value is not False] + [
        f"--{name.replace('_', '-')}" for name in overrides
    ]
    if given:
        raise UsageError(f"{given[0]} does not go with --group", hint="a group is planned whole, by its own policies")


def _tell_of_group(loaded: LoadedPolicy) -> None:
    """Say so where an account that is planned alone belongs to a group: what hedges it is not looked at."""
    account = loaded.account or {}
    if account.get("group") is not None:
        name, group = account.get("id"), account["group"]
        text = f"{name} is in the group {group}, and this plan looks at it alone; plan them with --group {group}"
        say(f"warning: {text}", err=True)


def _signing_key(reference: str | None, out: Path | None) -> SigningKey | None:
    if reference is None:
        return None
    if out is None:
        raise UsageError("--sign signs the plan that is saved", hint="add --out FILE")
    from exitplan.executor.signing.keys import read_signing_key  # noqa: PLC0415 - only who signs needs it

    return read_signing_key(reference, Path(), os.environ)


def _tracker_warnings(planned: Planned, store: AccountStore) -> tuple[PlanWarning, ...]:
    """Return what is wrong with the tracker of an account: a plan itself knows nothing of folders."""
    return tuple(tracker_warnings(planned.snapshot, store)) if planned.draft.checks.unregistered else ()


def plan_accounts(
    account_set: AccountSet, where: AccountRef, narrowing: Narrowing, overrides: Overrides, output: PlanOutput
) -> int:
    """Plan several accounts, save and show what there is; returns the worst exit code."""
    selected, folder = account_set.select(), output.out
    if folder is not None:
        make_plan_folder(folder, [plan_name(who.name) for who in selected])
    held: set[str] = set()
    of_tracker: dict[str, tuple[PlanWarning, ...]] = {}

    def work(file: AccountFile, _stopped: Stopped) -> tuple[Plan, int]:
        account = open_account_file(file, request_of(where, overrides))
        tell_of_data_folder(account, as_json=output.as_json)
        planned = plan_account(account, scope_of(narrowing, account.loaded.policy))
        tell_of_clock(account, as_json=output.as_json)
        held.update(planned.snapshot.symbols)
        of_tracker[account.id] = _tracker_warnings(planned, account.store)
        if folder is not None:
            save_plan(planned.plan, folder / plan_name(account.id), output.key)
        return planned.plan, code_of_plan(planned.plan, detailed=output.detailed_exitcode)

    answers = ask_each(selected, work, jobs=account_set.jobs, quiet=output.as_json)
    if all(answer.result is not None for answer in answers):
        _ensure_held(held, narrowing)
    plans = plans_table(folder)
    table = replace(plans, warnings=lambda plan: (*of_tracker[plan.account.id], *plans.warnings(plan)))
    code = deliver_answers(answers, table, as_json=output.as_json)
    if folder is not None and not output.as_json:
        say(f"\nSaved. {_next_step(folder, where)}")
    return code


def _ensure_held(held: set[str], narrowing: Narrowing) -> None:
    """Raise NoSuchSymbol where a symbol is named that none of the accounts holds."""
    for name in (*narrowing.targets, *narrowing.excludes):
        if meant_symbol(name, held) not in held:
            raise NoSuchSymbol(f"none of the accounts has a position or an open order of {name}")


def _next_of(plan: Plan, output: PlanOutput, where: AccountRef, *, is_recording: bool) -> str:
    """Return what a person does next: with the plan that is saved, to save it, or where no plan can help."""
    if plan.refusals:
        return ""
    if output.out is not None:
        return f"Saved. {_next_step(output.out, where, is_recording=is_recording)}"
    if plan.has_changes:
        return "" if is_recording else "To carry it out, keep it with --out plan.json, and apply that file."
    return left_to_a_person(plan) or ""


def _next_step(saved: Path, where: AccountRef, *, is_recording: bool = False) -> str:
    if is_recording:
        return f"To draw it again: exitplan show {shlex.quote(str(saved))}"
    line = ["exitplan", "apply", str(saved)]
    if where.account is not None and Path(where.account).suffix:
        line += ["--account", where.account]
    if where.policy is not None:
        line += ["--policy", typed_policy(where.policy)]
    if where.data != FilePlace(project_data(filter(None, [where.account]))):
        line += ["--data", str(where.data)]
    return f"To carry {'them' if saved.is_dir() else 'it'} out: {shlex.join(line)}"
