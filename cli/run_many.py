"""Run the protocol for several accounts: each by itself, and a table of what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from exitplan.cli.apply_many import APPLIED, FINISHED, Applied, carry_out_each
from exitplan.cli.apply_runner import ApplyOptions, Watch
from exitplan.cli.arguments import AccountRef, Overrides, request_of
from exitplan.cli.commands.verify import code_of, deliver_verifications, verify_each
from exitplan.cli.many import AccountSet, Stopped, deliver_answers
from exitplan.cli.plan_output import ensure_not_refused
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.accounts.env_accounts import ensure_venue
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.plan import plan_account
from exitplan.executor.verify import no_old_answer
from exitplan.ruleset.errors import NoSuchAccount, UsageError
from exitplan.ruleset.planning.planner import PlanScope

VERIFY = 4
"""The phase that trades nothing."""

_CLASSIFY = 1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the protocol is to be run."""

    where: AccountRef
    overrides: Overrides
    phase: int | None = None
    dry_run: bool = False
    as_json: bool = False


def run_many(account_set: AccountSet, venue: str | None, wish: RunOptions) -> int:
    """Run all phases, or one, for each account; returns the worst exit code."""
    selected = at_venue(account_set.select(), account_set, venue)
    if wish.phase == VERIFY:
        answers = verify_each(selected, wish.where, wish.overrides, account_set.jobs, quiet=wish.as_json)
        return deliver_verifications(answers, as_json=wish.as_json)

    def work(file: AccountFile, stopped: Stopped, watch: Watch) -> tuple[Applied, int]:
        ran = _run(file, wish, stopped, watch)
        sent = 0 if ran.result is None else ran.result.exit_code
        return ran, sent or code_of(ran.state)

    applying = carry_out_each(selected, work, ApplyOptions(as_json=wish.as_json), account_set.jobs)
    return deliver_answers(applying, APPLIED, as_json=wish.as_json, last_event=FINISHED)


def _run(file: AccountFile, wish: RunOptions, stopped: Stopped, watch: Watch) -> Applied:
    """Plan for one account and apply the plan, unless nothing is to be sent; raises RefusedByGuard."""
    account = open_account_file(file, request_of(wish.where, wish.overrides))
    only_looks = wish.dry_run or wish.phase == _CLASSIFY
    with nullcontext() if only_looks else no_old_answer(account):
        document = plan_account(account, PlanScope(phase=wish.phase)).document
        ensure_not_refused(document)
        if only_looks:
            return Applied(document)
        return Applied(document, apply_plan(account, document, notify=watch, stopped=stopped))


def at_venue(selected: Sequence[Selected], account_set: AccountSet, venue: str | None) -> list[Selected]:
    """Narrow accounts to those at a venue; one that was named and is elsewhere is told as a mistake.

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
    """Tell whether an account is meant by its tag or as one of all, and not by its name."""
    return (account_set.selection.every or bool(account_set.selection.tags)) and who.name not in named


def _elsewhere(who: Selected, venue: str) -> Selected:
    if isinstance(who.file, AccountFile):
        try:
            ensure_venue(who.file, venue)
        except UsageError as problem:
            return replace(who, file=problem)
    return who
