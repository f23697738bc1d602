"""``exitplan groups``: which groups of accounts there are, and which plan of them was cut off."""

from __future__ import annotations

from typing import Any

import typer

from exitplan.cli.failures import report
from exitplan.cli.group_plan import ensure_files, open_group_at
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.groups import GroupLine, show_groups
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.groups import Group, group_files
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.store.group_rows import GroupRow, open_group_run
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import plain

app = verb_app()


@app.command()
def command(as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """List groups of accounts, and which plan was cut off.

    A group has its policy in policies/groups/NAME.yaml, and its accounts name it with `group: NAME`. `exitplan plan
    --group NAME` plans them together, `exitplan apply --group NAME` carries that out. No venue is asked.
    """
    ensure_files(data)
    lines, codes = list[GroupLine](), list[int]()
    for name in group_files(project_root()):
        try:
            group = open_group_at(name, data)
            lines.append(GroupLine(group, _open_plan(group, data)))
        except ExitplanError as error:
            report(error, as_json=as_json)
            codes.append(error.exit_code)
    if as_json:
        write_json({"groups": [_document(line) for line in lines]})
    elif lines:
        show_groups(lines)
    elif not codes:
        say("There is no group: write one's policy into policies/groups/NAME.yaml, and group: NAME into its accounts.")
    raise typer.Exit(ExitCode.worst(codes))


def _open_plan(group: Group, data: DataPlace) -> GroupRow | None:
    for name in group.files:
        store = data.store_of(name)
        if store.has_journal():
            with store.open_journal() as journal:
                if (row := open_group_run(journal)) is not None:
                    return row
    return None


def _document(line: GroupLine) -> dict[str, Any]:
    policy, row = line.group.policy, line.open_plan
    return {
        "group": policy.name,
        "file": str(line.group.loaded.path),
        "quote": policy.quote,
        "hedged": policy.hedged,
        "max_leg_imbalance": {
            "value": plain(policy.max_leg_imbalance.value),
            "seconds": policy.max_leg_imbalance.seconds,
        },
        "accounts": list(line.group.files),
        "open_plan": None if row is None else row.group_plan,
    }
