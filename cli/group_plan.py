"""Plan a group of accounts for a command line, and hand its plan over: to a file, to stdout, and as an exit code."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from exitplan.cli.account_set import Stopped, ask_each, report_of
from exitplan.cli.arguments import AccountRef, request_of
from exitplan.cli.clock import tell_of_clock
from exitplan.cli.data_folders import tell_of_data_folder
from exitplan.cli.output import say
from exitplan.cli.rendering.group_plan import group_plan_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import ensure_output, save, write_bytes
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.accounts.groups import Group, open_group
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.apply.staleness import way_out
from exitplan.executor.group_plan import GroupPlanned, plan_accounts_together
from exitplan.executor.plan import Planned, plan_account
from exitplan.executor.signing.approval import forget_signatures, sign_plan
from exitplan.ruleset.errors import AccountUnreadable, ExitplanError, RefusedByGuard, UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.writing import group_plan_bytes
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.plan_words import guard_text

if TYPE_CHECKING:
    from exitplan.executor.signing.keys import SigningKey

_LIMITS = frozenset({"max_run_pct", "max_actions", "max_order_value", "max_spread_pct"})
"""Guards that the size of an account's part trips: the other side of a hedge may be more than its account can carry."""


def plan_of_group(name: str, data: DataPlace, *, jobs: int, as_json: bool) -> GroupPlanned:
    """Read and plan every account of a group, and all of them together.

    Raises NoSuchAccount, FileIsInvalid, UsageError, and where any account cannot be planned its own error: what is not
    known of one account may be the hedge of what the others hold.
    """
    group = open_group_at(name, data)
    selected = [Selected(account, file) for account, file in group.files.items()]
    planned: dict[str, Planned] = {}

    def work(file: AccountFile, _stopped: Stopped) -> tuple[Planned, int]:
        account = open_account_file(file, request_of(AccountRef(data=data)))
        tell_of_data_folder(account, as_json=as_json)
        made = plan_account(account)
        tell_of_clock(account, as_json=as_json)
        planned[account.id] = made
        return made, ExitCode.DONE

    answers = ask_each(selected, work, jobs=jobs, quiet=as_json)
    failed = [(answer.account, answer.problem) for answer in answers if answer.problem is not None]
    if failed:
        raise _unplanned(name, failed)
    return plan_accounts_together(group.policy, planned)


def open_group_at(name: str, data: DataPlace) -> Group:
    """Open a group of the project; raises UsageError where accounts are in no files."""
    ensure_files(data)
    return open_group(name, project_root())


def ensure_files(data: DataPlace) -> None:
    """Raise UsageError where accounts are in no files: those of a fleet have no groups."""
    if not isinstance(data, FilePlace):
        raise UsageError(f"groups are of accounts in files, not of {data}", hint="leave out --data, or name a folder")


def _unplanned(name: str, failed: list[tuple[str, ExitplanError]]) -> ExitplanError:
    """Tell of every account that failed, and return what that means for the group, with the worst exit code."""
    for account, problem in failed:
        report_of(account, problem)
    names = ", ".join(account for account, _ in failed)
    worst = ExitCode.worst(problem.exit_code for _, problem in failed)
    error = AccountUnreadable(
        f"the group {name} has no plan: {names} could not be planned, and may hold the other side of anything",
        hint="nothing of the group is planned until all its accounts can be read",
    )
    if worst != error.exit_code:
        return next(problem for _, problem in failed if problem.exit_code == worst)
    return error


def deliver_group_plan(
    plan: GroupPlan, out: Path | None, key: SigningKey | None, *, as_json: bool, detailed: bool
) -> ExitCode:
    """Write a group's plan, signed where there is a key, and show it; raises RefusedByGuard after that, if refused."""
    if out is not None:
        ensure_output(out)
        forget_signatures(out)
        save(out, group_plan_bytes(plan))
        if key is not None:
            sign_plan(plan, out, key)
    if as_json:
        write_bytes(group_plan_bytes(plan))
    else:
        show_group_plan(plan)
        _say_next(plan, out)
    ensure_group_not_refused(plan)
    return ExitCode.PENDING if detailed and plan.has_changes else ExitCode.DONE


def show_group_plan(plan: GroupPlan) -> None:
    """Draw a group's plan on stdout."""
    show(*group_plan_parts(plan))


def _say_next(plan: GroupPlan, out: Path | None) -> None:
    if plan.is_refused or not plan.has_changes:
        return
    if out is not None:
        say(f"\nSaved. To carry it out: exitplan apply {shlex.quote(str(out))}")
    else:
        say("\nTo carry it out, keep it with --out groupplan.json, and apply that file.")


def ensure_group_not_refused(plan: GroupPlan) -> None:
    """Raise RefusedByGuard where a guard of the group, or of one of its accounts, refuses the plan."""
    if plan.refusals:
        said = "; ".join(f"{guard.name}: {guard_text(guard)}" for guard in plan.refusals)
        raise RefusedByGuard(
            f"the plan is refused by a guard of the group {plan.group.name} ({said})",
            hint="set another limit under guards in the group's policy, or wait",
        )
    for name, made in plan.accounts.items():
        if made.refusals:
            said = "; ".join(f"{guard.name}: {guard_text(guard)}" for guard in made.refusals)
            raise RefusedByGuard(
                f"the plan of {name} is refused by a guard of its own policy ({said})", hint=_way_out(made)
            )


def _way_out(plan: Plan) -> str:
    """Return what helps where a group refuses for one of its accounts: a group's plan cannot be narrowed."""
    if all(guard.name in _LIMITS for guard in plan.refusals):
        name = plan.account.id
        return (
            "a group is carried out whole, and never past a guard of any account: in the policy of"
            f" {name}, set another limit under guards; or keep the pair with hedged: keep in the group's"
        )
    return way_out(plan)
