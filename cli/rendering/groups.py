"""Draw the groups of a project, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from exitplan.cli.rendering.screen import show, titled, words
from exitplan.executor.accounts.groups import Group
from exitplan.executor.store.group_rows import GroupRow
from exitplan.ruleset.planning.words import money


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group, and the plan of it that was not carried out to its end."""

    group: Group
    open_plan: GroupRow | None


def show_groups(lines: Sequence[GroupLine]) -> None:
    """Show a line for each group, and what to do about those of which a plan was cut off."""
    table = titled("group", "hedged", "legs apart by", "for", "accounts", "plan cut off", justify="llrrll")
    for line in lines:
        policy, row = line.group.policy, line.open_plan
        bound = policy.max_leg_imbalance
        table.add_row(
            words(policy.name),
            words(policy.hedged),
            words(f"at most {money(bound.value, policy.quote)}"),
            words(f"{bound.seconds:,} s"),
            words(", ".join(line.group.files)),
            words("" if row is None else row.group_plan, "bold yellow"),
        )
    show(table)
    for line in lines:
        if line.open_plan is not None:
            show(Text(f"\n{line.open_plan.text}; {line.open_plan.hint}"))
