"""``exitplan diff``: what one plan does that another does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.rendering.refresh import show_changes, show_group_changes
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.apply.refresh import PlanChange, compare_group_plans, compare_plans, policy_changes
from exitplan.executor.store.saved_plan import is_group_plan, load_group_plan, load_plan
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.groups.group_plan import GroupPlan

app = verb_app()


@app.command()
def command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A saved plan.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another one of the same account, or group.")],
    as_json: JsonOption = False,
) -> None:
    """Compare two saved plans.

    What NEW does that OLD does not is shown, and the other way round. Exits with 2 if they differ, with 0 if they do
    the same. Two plans of a group are compared account by account, and by what its policy says of their pairs.
    """
    kinds = is_group_plan(old), is_group_plan(new)
    if all(kinds):
        raise typer.Exit(_diff_groups(load_group_plan(old), load_group_plan(new), as_json=as_json))
    if any(kinds):
        of_group, of_account = (old, new) if kinds[0] else (new, old)
        raise UsageError(f"{of_group} is the plan of a group, {of_account} is not", hint="compare two of one group")
    before, after = load_plan(old), load_plan(new)
    if before.account.id != after.account.id:
        raise UsageError(f"{old} is for {before.account.id}, {new} for {after.account.id}", hint="compare two of one")
    changes = compare_plans(before, after)
    if as_json:
        document = {"old": before.plan_id, "new": after.plan_id, "account": after.account.id, "group": None}
        write_json({**document, "policy": [], "changes": [_document(after.account.id, change) for change in changes]})
    else:
        show_changes(changes, after, "From the old plan to the new one", "Both plans do the same.")
    raise typer.Exit(ExitCode.PENDING if changes else ExitCode.DONE)


def _diff_groups(old: GroupPlan, new: GroupPlan, *, as_json: bool) -> ExitCode:
    if old.group.name != new.group.name:
        raise UsageError(f"the plans are of {old.group.name} and of {new.group.name}", hint="compare two of one group")
    changes, policy = compare_group_plans(old, new), policy_changes(old, new)
    if as_json:
        document = {"old": old.group_plan_id, "new": new.group_plan_id, "account": None, "group": new.group.name}
        told = [_document(account, change) for account, found in changes.items() for change in found]
        write_json({**document, "policy": policy, "changes": told})
    else:
        show_group_changes(changes, policy)
    return ExitCode.PENDING if changes or policy else ExitCode.DONE


def _document(account: str, change: PlanChange) -> dict[str, Any]:
    return {"account": account, **change.to_document()}
