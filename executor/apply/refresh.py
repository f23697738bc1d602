"""Compare a plan with one made anew: what would be done now that was not approved, and what no longer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exitplan.ruleset.model.records import Document, write_record
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.plan_types import Plan

if TYPE_CHECKING:  # an account of no group needs nothing of groups
    from exitplan.ruleset.groups.group_plan import GroupPlan

_OF_PAIRS = ("hedged", "max_leg_imbalance", "on_leg_failure")
_COMPARED = ("quantity", "est_value", "rule", "trigger_price", "limit_price")


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One action that differs: ``old`` is None for a new one, ``new`` for one that is no longer planned."""

    old: Action | None
    new: Action | None

    @property
    def action(self) -> Action:
        """The action, as it is planned now or was before."""
        action = self.new or self.old
        assert action is not None  # noqa: S101 - one of the two is there
        return action

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in which the two differ."""
        if self.old is None or self.new is None:
            return ()
        return tuple(name for name in _COMPARED if getattr(self.old, name) != getattr(self.new, name))

    def to_document(self) -> dict[str, Any]:
        """Write the change in its JSON form."""
        kind = "added" if self.old is None else "removed" if self.new is None else "changed"
        return {"change": kind, "fields": list(self.fields), "old": _document(self.old), "new": _document(self.new)}


def _document(action: Action | None) -> Document | None:
    return None if action is None else write_record(action)


def compare_plans(old: Plan, new: Plan) -> list[PlanChange]:
    """List what differs between the actions of two plans, in the order of the new one, what is gone last."""
    before = {_identity(action): action for action in old.actions}
    after = {_identity(action): action for action in new.actions}
    changes = [PlanChange(before.get(key), action) for key, action in after.items()]
    differing = [change for change in changes if change.old is None or change.fields]
    return differing + [PlanChange(action, None) for key, action in before.items() if key not in after]


def compare_group_plans(old: GroupPlan, new: GroupPlan) -> dict[str, list[PlanChange]]:
    """List what differs between two plans of a group, by account; what is in one of them alone is new, or gone."""
    changes: dict[str, list[PlanChange]] = {}
    for name in sorted({*old.accounts, *new.accounts}):
        before, after = old.accounts.get(name), new.accounts.get(name)
        if before is not None and after is not None:
            changes[name] = compare_plans(before, after)
        else:
            gone, come = (() if plan is None else plan.actions for plan in (before, after))
            changes[name] = [*(PlanChange(one, None) for one in gone), *(PlanChange(None, one) for one in come)]
    return {name: found for name, found in changes.items() if found}


def policy_changes(old: GroupPlan, new: GroupPlan) -> list[str]:
    """Name what the group's policy says otherwise of how its pairs are planned and carried out."""
    return [name for name in _OF_PAIRS if getattr(old.group, name) != getattr(new.group, name)]


def _identity(action: Action) -> tuple[str | None, ...]:
    return (action.kind, action.symbol, action.position_side, action.order_id, action.id.partition(".")[2])
