"""Plan a group: every account as it is now, by its own policy, then all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exitplan.executor.plan import Planned
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_planner import GroupDraft, plan_group
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import Member
from exitplan.ruleset.groups.writing import write_group_plan


@dataclass(frozen=True, slots=True)
class GroupPlanned:
    """A group's plan, what it was made of, and the plans of its accounts with what those were made of."""

    plan: GroupPlan
    draft: GroupDraft
    accounts: Mapping[str, Planned]


def plan_accounts_together(policy: GroupPolicy, planned: Mapping[str, Planned]) -> GroupPlanned:
    """Plan a group of which every account was planned by itself; an account that is missing is none of the group.

    Raises AccountUnreadable without a rate between two quotes, and EngineDisagreement.
    """
    draft = plan_group(policy, members_of(planned))
    accounts = {name: _with_group(one, draft, name) for name, one in planned.items()}
    plan = write_group_plan(draft, {name: one.plan for name, one in accounts.items()})
    return GroupPlanned(plan, draft, accounts)


def members_of(planned: Mapping[str, Planned]) -> dict[str, Member]:
    """Return accounts that were planned by themselves as the members of a group."""
    return {name: Member(one.given, one.draft) for name, one in planned.items()}


def _with_group(planned: Planned, draft: GroupDraft, name: str) -> Planned:
    """Return what an account comes to with what the group says of it: the same where that is nothing."""
    if draft.drafts[name] is planned.draft:
        return planned
    return replace(planned, draft=draft.drafts[name], given=draft.givens[name])
