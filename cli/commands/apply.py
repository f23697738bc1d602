"""``exitplan apply``: carry out a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.arguments import AccountRef, overrides_of, request_of
from exitplan.cli.group_apply import GroupOption, apply_group
from exitplan.cli.operations import Showing, carry_out
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JobsOption,
    JsonOption,
    PolicyOption,
    TagOption,
)
from exitplan.cli.plan_output import plans_in
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import (
    Account,
    AccountFile,
    AccountFiles,
    find_account,
    no_such_account,
    open_account_file,
)
from exitplan.executor.accounts.project import project_root
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.operation import Operation
from exitplan.executor.signing.approval import load_signatures
from exitplan.executor.store.saved_plan import is_group_plan, load_plan
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.planning.plan_types import Plan

AutoApproveOption = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
PlansArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PLAN...]", help="Saved plans, or folders of them; without any, plans are made, shown and asked about."
    ),
]
JsonIntoOption = Annotated[
    Path | None, typer.Option("--json-into", metavar="FILE", help="Write the events to a file as well, one a line.")
]
RefreshOption = Annotated[bool, typer.Option("--refresh", help="Make the saved plan anew, show what differs, and ask.")]
FromRecordingOption = Annotated[
    bool, typer.Option("--from-recording", help="Carry out a plan that was made with `plan --snapshot`.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check and show everything, and send nothing.")]


app = verb_app()


@app.command()
@delivers_alerts
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    plans: PlansArgument = None,
    dry_run: DryRunOption = False,
    auto_approve: AutoApproveOption = False,
    refresh: RefreshOption = False,
    from_recording: FromRecordingOption = False,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
    json_into: JsonIntoOption = None,
    jobs: JobsOption = DEFAULT_JOBS,
    data: DataOption = DEFAULT_DATA,
    group: GroupOption = None,
) -> None:
    """Carry out a plan, once, and verify the account after it.

    A saved plan is carried out without a question: the file is the approval. It is refused if it has expired, was
    changed or applied before, or if the account has moved since. --refresh then makes a new plan, shows what differs
    from the approved one, and asks. Without a file a plan is made and shown, and only `yes` goes on; a live account
    asks for its id. A plan with nothing to do asks nothing; its run is journalled and the account verified all the
    same.

    With --json every event is one line of JSON. Ctrl-C stops after in-flight orders; apply the same plan again to go
    on from there.

    Several plans, a folder of them (the plans of the last `plan --out` there), or several accounts are worked on side
    by side, and shown in a table. A failure is reported for its account and does not stop the others. Each account is
    asked about on its own. With --json every event names its account, and the last line sums up.

    With --group, or the saved plan of a group, nothing is sent before all of its accounts are ready; then the legs of
    each pair go in slices, never further apart than the group's policy allows. What was begun and cut short goes on
    first.
    """
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs, data=data)
    where = AccountRef(policy=policy, data=data)
    how = Showing(
        as_json,
        json_into,
        dry_run=dry_run,
        asks=not (auto_approve or dry_run),
        from_recording=from_recording,
        jobs=jobs,
    )
    if group is not None or any(map(is_group_plan, plans or ())):
        _ensure_alone(group, plans or (), account_set, where, refresh=refresh, from_recording=from_recording)
        raise typer.Exit(apply_group(group, next(iter(plans or ()), None), data, how))
    raise typer.Exit(apply_requested(plans or (), account_set, where, how, refresh=refresh))


def _ensure_alone(
    group: str | None,
    plans: Sequence[Path],
    account_set: AccountSet,
    where: AccountRef,
    *,
    refresh: bool,
    from_recording: bool,
) -> None:
    """Raise UsageError for what does not go with the plan of a group."""
    if len(plans) > 1 or (group is not None and plans):
        raise UsageError("the plan of a group is applied alone", hint="name its file, or --group NAME")
    given = {"--refresh": refresh, "--from-recording": from_recording, "--policy": where.policy is not None}
    others = [option for option, is_given in given.items() if is_given]
    if others or account_set.selection.names or not account_set.is_one:
        what = others[0] if others else "--account, --tag or --all"
        raise UsageError(f"{what} does not go with a group", hint="a group is carried out whole, by its own policies")


def apply_requested(
    plans: Sequence[Path], account_set: AccountSet, where: AccountRef, how: Showing, *, refresh: bool
) -> int:
    """Apply one saved plan, several of them, or what is planned now; returns the worst exit code."""
    if len(plans) == 1 and not plans[0].is_dir():
        return apply_saved(plans[0], account_set.only_name, where, how, refresh=refresh)
    if refresh and plans:
        raise UsageError("--refresh is about one plan at a time", hint="name one plan, or make new ones with --all")
    if refresh:
        raise UsageError("--refresh makes a saved plan anew", hint="name the plan, or leave --refresh out")
    if plans:
        return apply_files(plans, account_set, where, how)

    def task(file: AccountFile) -> tuple[Account, Operation]:
        return open_account_file(file, request_of(where)), Operation(dry_run=how.dry_run)

    how = replace(how, is_one=account_set.is_one)
    return carry_out(account_set.select(where.policy), task, how)


def apply_saved(path: Path, account: str | None, where: AccountRef, how: Showing, *, refresh: bool) -> int:
    """Apply one saved plan to the account that it names, or with ``refresh`` one made anew within its scope."""
    plan = load_plan(path)
    file = find_account(request_of(AccountRef(account or plan.account.id, data=where.data)))

    def task(account_file: AccountFile) -> tuple[Account, Operation]:
        opened = open_account_file(account_file, request_of(where, overrides_of(plan)))
        if refresh:
            return opened, Operation(scope=plan.scope, dry_run=how.dry_run)
        return opened, saved_operation(path, plan, how)

    how = replace(how, approved=plan) if refresh else replace(how, is_saved=True, asks=False)
    return carry_out([Selected(file.id, file)], task, how)


def saved_operation(path: Path, plan: Plan, how: Showing) -> Operation:
    """Return the operation that carries out a saved plan, with the signatures beside its file."""
    signatures = load_signatures(path)
    return Operation(plan, dry_run=how.dry_run, from_recording=how.from_recording, signatures=signatures)


def apply_files(paths: Sequence[Path], account_set: AccountSet, where: AccountRef, how: Showing) -> int:
    """Apply saved plans, each to the account that it names."""
    if account_set.selection.names or not account_set.is_one:
        raise UsageError(
            "several plans name their accounts themselves", hint="leave out --account, --tag and --all, or the plans"
        )
    plans, origins, selected = _find_accounts(list(_each_plan(paths, as_json=how.as_json)), where.data.files())

    def task(file: AccountFile) -> tuple[Account, Operation]:
        plan = plans[file.id]
        opened = open_account_file(file, request_of(where, overrides_of(plan)))
        return opened, saved_operation(origins[file.id], plan, how)

    return carry_out(selected, task, replace(how, is_one=False, is_saved=True, asks=False))


def _each_plan(paths: Sequence[Path], *, as_json: bool) -> Iterator[Path]:
    """Return the plan files that are named, and those in the folders that are."""
    for path in paths:
        yield from plans_in(path, as_json=as_json) if path.is_dir() else [path]


def _find_accounts(
    paths: Sequence[Path], files: AccountFiles
) -> tuple[dict[str, Plan], dict[str, Path], list[Selected]]:
    """Load plans, and find the file and the account of each; raises UsageError for two plans of one account."""
    plans: dict[str, Plan] = {}
    selected: list[Selected] = []
    origins: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        try:
            plan = load_plan(path)
        except ExitplanError as error:
            selected.append(Selected(str(path), error))
            continue
        name = plan.account.id
        if name in plans:
            raise UsageError(
                f"{origins[name]} and {path} are two plans of the account {name}", hint="apply one of them"
            )
        plans[name], origins[name] = plan, path
        selected.append(Selected(name, _account_of(name, files)))
    return plans, origins, selected


def _account_of(name: str, files: AccountFiles) -> AccountFile | ExitplanError:
    file = files.sound.get(name) or files.problem_of(name)
    return file or no_such_account(name, list(files.sound), project_root())
