"""Carry out a group's plan for a command line; one that was cut short goes on before another is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.approval import ask
from exitplan.cli.arguments import AccountRef, request_of
from exitplan.cli.completion import complete_group
from exitplan.cli.failures import report
from exitplan.cli.group_plan import ensure_group_not_refused, open_group_at, plan_of_group, show_group_plan
from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.operations import EventLines, Showing, event_targets
from exitplan.cli.output import OUTPUT, say
from exitplan.cli.rendering.group_run import GroupScreen, show_group_result
from exitplan.cli.streams import write_bytes
from exitplan.executor.accounts.account import Account, open_account_file
from exitplan.executor.accounts.known_folders import note_folder
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.apply.events import Event
from exitplan.executor.apply.staleness import ensure_not_halted
from exitplan.executor.groups.apply_group import GroupWatch, GroupWork, apply_group_plan, check_group_plan
from exitplan.executor.groups.results import GroupResult
from exitplan.executor.groups.resuming import find_open
from exitplan.executor.signing.approval import ensure_may_be_new, load_signatures
from exitplan.executor.store.saved_plan import load_group_plan
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.writing import group_plan_bytes

GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        autocompletion=complete_group,
        help="One plan over all accounts of a group; one that was cut short goes on first.",
    ),
]


def apply_group(name: str | None, path: Path | None, data: DataPlace, how: Showing) -> ExitCode:
    """Carry out the saved plan of a group, or one that is made now; returns the worst exit code."""
    if how.asks and name is not None and (how.as_json or OUTPUT.is_quiet):
        option = "--json" if how.as_json else "--quiet"
        raise UsageError(f"{option} cannot ask", hint="add --auto-approve, or apply a saved plan")
    saved = None if path is None else load_group_plan(path)
    work = _work(name or (saved.group.name if saved is not None else ""), path, data)
    begun = find_open(work.accounts)
    if begun is not None and (saved is None or saved.group_plan_id == begun.group_plan):
        return _go_on(work, begun.group_plan, how)
    plan = saved if saved is not None else _new_plan(work, data, how)
    if how.dry_run:
        return _dry_run(work, plan, how)
    if saved is None and plan.has_changes and how.asks:
        _approve(work)
    return _carry_out(work, plan, how)


def _work(name: str, path: Path | None, data: DataPlace) -> GroupWork:
    group = open_group_at(name, data)
    request = request_of(AccountRef(data=data))
    accounts = {account: open_account_file(file, request) for account, file in group.files.items()}
    return GroupWork(group.policy, accounts, None if path is None else load_signatures(path))


def _new_plan(work: GroupWork, data: DataPlace, how: Showing) -> GroupPlan:
    if not how.dry_run:
        for name, account in work.accounts.items():
            ensure_may_be_new(account.signature_rule, name, work.policy.name)
    plan = plan_of_group(work.policy.name, data, jobs=how.jobs, as_json=how.as_json).plan
    if not how.as_json:
        show_group_plan(plan)
    elif how.dry_run:
        write_bytes(group_plan_bytes(plan))
    ensure_group_not_refused(plan)
    return plan


def _go_on(work: GroupWork, group_plan: str, how: Showing) -> ExitCode:
    """Go on with a plan that was begun: it was approved then."""
    if not how.as_json:
        say(f"The plan {group_plan} of the group {work.policy.name} was not carried out to its end.", err=True)
    if how.dry_run:
        say("Dry run: it would go on, or be wound down if it has expired; nothing was sent.", err=how.as_json)
        return ExitCode.DONE
    return _carry_out(work, None, how)


def _dry_run(work: GroupWork, plan: GroupPlan, how: Showing) -> ExitCode:
    refusals = check_group_plan(work, plan)
    if refusals:
        code = ExitCode.worst(error.exit_code for error in refusals.values())
        _tell(GroupResult(work.policy.name, plan.group_plan_id, code, refusals), work, how)
        return code
    say("\nDry run: this plan can be carried out now; nothing was sent.", err=how.as_json)
    return ExitCode.DONE


def _approve(work: GroupWork) -> None:
    """Ask whether to go on: only ``yes`` does, where real money moves only the group's name; raises CancelledByUser."""
    for account in work.accounts.values():
        ensure_not_halted(account)
    is_live = any(account.broker.capabilities.live for account in work.accounts.values())
    what = "Real money moves. Type the group's name to go on" if is_live else "Carry this out? Only 'yes' goes on"
    hint = f"use --auto-approve, or review a plan: exitplan plan --group {work.policy.name} --out FILE"
    ask(what, work.policy.name if is_live else "yes", hint)


def _carry_out(work: GroupWork, plan: GroupPlan | None, how: Showing) -> ExitCode:
    with _watching(work.accounts, how) as watch:
        result = apply_group_plan(work, plan, watch=watch)
    for account in work.accounts.values():
        note_folder(account)
    _tell(result, work, how)
    return result.exit_code


@contextmanager
def _watching(accounts: Mapping[str, Account], how: Showing) -> Iterator[GroupWatch]:
    """Draw events, or write them as lines of JSON that name their account; Ctrl-C asks to stop between the legs."""
    with ExitStack() as stack:
        lines = EventLines(list(event_targets(stack, how)))
        screen = None if how.as_json else GroupScreen(accounts)
        stopped = stack.enter_context(asking_to_stop())

        def hear(account: str, event: Event) -> None:
            lines.write(event, account or None)
            if screen is not None:
                screen.notify(account, event)

        yield GroupWatch(hear, stopped)


def _tell(result: GroupResult, work: GroupWork, how: Showing) -> None:
    """Say what it came to; of what was refused every reason goes to stderr."""
    for name, error in result.refusals.items():
        if not how.as_json and name:
            say(f"{name}:", err=True)
        report(error, as_json=how.as_json)
    if not how.as_json and not result.refusals:
        show_group_result(result, {name: account.quote for name, account in work.accounts.items()})
