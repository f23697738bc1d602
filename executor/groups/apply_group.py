"""Apply a group's plan: all of its accounts are prepared before anything is sent, and what is begun comes to an end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import Event
from exitplan.executor.apply.reconcile import Sleep
from exitplan.executor.escalation.ladder import tended_after
from exitplan.executor.groups.participants import Hear, Held, holding
from exitplan.executor.groups.preparing import Ready, check, ensure_all_signed, ensure_static, prepare
from exitplan.executor.groups.refusals import GROUP, NotPrepared
from exitplan.executor.groups.results import GroupResult
from exitplan.executor.groups.resuming import (
    Over,
    begun_in,
    end_without_leader,
    end_without_sending,
    made_ready,
    what_ended,
)
from exitplan.executor.groups.saga import Past, Saga, Stopped
from exitplan.executor.standing import no_answer_left
from exitplan.executor.store.group_rows import GroupRow, group_run
from exitplan.ruleset.errors import AccountIsInGroupRun, ExitplanError, PlanIsUsed
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_policy import GroupPolicy


@dataclass(frozen=True, slots=True)
class GroupWatch:
    """Who hears the events of a group's run, and who is asked between its legs whether to stop.

    ``hear`` is told the account that an event is of; the group itself has an empty name.
    """

    hear: Hear = lambda _account, _event: None
    stopped: Stopped = lambda: False


@dataclass(frozen=True, slots=True)
class GroupWork:
    """A group, its policy, and its accounts opened, by their ids.

    ``signatures`` are those beside the file of its plan; None for a plan that is in no file.
    """

    policy: GroupPolicy
    accounts: Mapping[str, Account]
    signatures: str | None = None


def check_group_plan(work: GroupWork, plan: GroupPlan) -> Mapping[str, ExitplanError]:
    """Return, by account, why a group's plan could not be carried out now; nothing is sent or changed."""
    try:
        check(plan, work.policy, work.accounts, work.signatures)
    except NotPrepared as refused:
        return refused.refusals
    return {}


def apply_group_plan(
    work: GroupWork,
    plan: GroupPlan | None,
    *,
    watch: GroupWatch = GroupWatch(),
    sleep: Sleep = time.sleep,
) -> GroupResult:
    """Carry out a group's plan, or go on with it where it was begun; without one, with whichever was begun.

    Where anything is missing in any of the accounts nothing is sent in any, and the result says why, by account. Raises
    OutcomeUnknown and DataFolderUnusable where a data folder breaks in the middle.
    """
    with ExitStack() as stack:
        for account in work.accounts.values():
            stack.enter_context(tended_after(account))
            stack.enter_context(no_answer_left(account))
        try:
            with holding(work.accounts, watch.hear, sleep) as held:
                return _under_leases(work, plan, held, watch)
        except NotPrepared as refused:
            return _refused(work, plan, refused, watch)


def _refused(work: GroupWork, plan: GroupPlan | None, refused: NotPrepared, watch: GroupWatch) -> GroupResult:
    plan_id = GROUP if plan is None else plan.group_plan_id
    result = GroupResult.refused(work.policy.name, plan_id, refused.refusals)
    now = next(iter(work.accounts.values())).clock()
    watch.hear(GROUP, Event("group_refused", now, result.to_document()))
    return result


def _under_leases(work: GroupWork, plan: GroupPlan | None, held: Mapping[str, Held], watch: GroupWatch) -> GroupResult:
    begun = begun_in(held)
    if begun is None:
        if plan is None:
            return GroupResult(work.policy.name, GROUP, ExitCode.DONE)
        _ensure_not_ended(plan, held)
        ensure_static(plan, work.policy, work.accounts)
        ensure_all_signed(plan, work.accounts, work.signatures)
        ready = replace(prepare(plan, work.policy, held), signatures=work.signatures or "")
        return _saga(plan, ready, None, watch).carry_out()
    row = begun if isinstance(begun, GroupRow) else begun.row
    if plan is not None and plan.group_plan_id != row.group_plan:
        other = AccountIsInGroupRun(
            f"another plan of the group {work.policy.name} was not carried out to its end ({row.group_plan})",
            hint=row.hint,
        )
        raise NotPrepared({GROUP: other})
    if isinstance(begun, GroupRow):
        return _ended(work, row, end_without_leader(begun, held), watch)
    if (over := what_ended(begun, held)) is not None:
        end_without_sending(begun, held, over)
        return _ended(work, row, over, watch)
    return _saga(begun.plan, *made_ready(begun, held, work.signatures or ""), watch).carry_out()


def _ended(work: GroupWork, row: GroupRow, over: Over, watch: GroupWatch) -> GroupResult:
    """Tell that a plan has ended without anything more being sent."""
    result = GroupResult(work.policy.name, row.group_plan, over.code, note=over.why)
    now = next(iter(work.accounts.values())).clock()
    data = {"group_plan_id": row.group_plan, "exit_code": over.code, "is_open": False, "note": over.why}
    watch.hear(GROUP, Event("group_finished", now, data))
    return result


def _ensure_not_ended(plan: GroupPlan, held: Mapping[str, Held]) -> None:
    if any(group_run(one.journal, plan.group_plan_id) is not None for one in held.values()):
        used = PlanIsUsed(
            "the plan was applied before", hint=f"make a new one: exitplan plan --group {plan.group.name}"
        )
        raise NotPrepared({GROUP: used})


def _saga(plan: GroupPlan, ready: Ready, past: Past | None, watch: GroupWatch) -> Saga:
    def hear(event: Event) -> None:
        watch.hear(GROUP, event)

    return Saga(plan, ready, hear, watch.stopped, past)
