"""``exitplan show``: draw a saved plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.arguments import present
from exitplan.cli.failures import warn
from exitplan.cli.group_plan import show_group_plan
from exitplan.cli.halts import warn_of_halts
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.plan_output import plans_in, show_plan, signatures_document
from exitplan.cli.streams import write_json, write_line
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import read_account_files
from exitplan.executor.accounts.places import FilePlace
from exitplan.executor.accounts.project import project_data, project_root
from exitplan.executor.signing.approval import Checked, SignatureRule, Signed, check_signatures, load_signatures
from exitplan.executor.store.saved_plan import is_group_plan
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.writing import parse_group_plan, read_group_plan
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.plan import ensure_unaltered, parse_plan
from exitplan.ruleset.planning.words import clock_time, duration
from exitplan.schemas.documents import load_document

PlanArgument = Annotated[
    Path, typer.Argument(metavar="PLAN", help="The file that `exitplan plan --out` wrote, or a folder of them.")
]


app = verb_app()


@app.command()
def command(plan: PlanArgument, as_json: JsonOption = False) -> None:
    """Show a saved plan, even one that can no longer be applied.

    It may be that of an account or of a group.
    Of a folder every plan in it is shown; with --json they are lines of one document each.
    """
    if plan.suffix in {".yaml", ".yml"}:
        hint = f"`exitplan policies show --policy {plan}` shows it merged, `exitplan validate {plan}` checks it"
        raise FileIsInvalid(f"{plan}: this is a policy; `show` draws saved plans", hint=hint)
    warn_of_halts(FilePlace(project_data()), as_json=as_json)
    if is_group_plan(plan):
        show_saved_group(plan, as_json=as_json)
        return
    if not plan.is_dir():
        show_saved(load_document(plan, "plan"), plan, as_json=as_json)
        return
    for number, file in enumerate(plans_in(plan, as_json=as_json)):
        document = load_document(file, "plan")
        if as_json:
            write_line({**document, **signatures_of(parse_plan(document), file).document})
            continue
        say("\n" * (number > 0) + str(file))
        show_saved(document, file, as_json=False)


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures beside a plan, and what its accounts require, by their ids, where their files are at hand."""

    checked: tuple[Checked, ...]
    rules: Mapping[str, SignatureRule]

    @property
    def document(self) -> dict[str, Any]:
        """What is added to a plan in its JSON form: nothing where nothing is signed and nobody wants it."""
        if not self.checked and not self.rules:
            return {}
        needed = max((rule.needed for rule in self.rules.values()), default=0)
        return {"signatures": signatures_document(self.checked), "signatures_needed": needed}

    @property
    def lines(self) -> Iterator[str]:
        """Say for people who has signed, and what is missing."""
        good = {entry.key for entry in self.checked if entry.problem is None and entry.key is not None}
        for entry in self.checked:
            yield f"Signed by {entry}." if entry.problem is None else f"Not counted: {entry}."
        for rule in self.rules.values():
            count = sum(rule.named(key) is not None for key in good)
            if count < rule.needed:
                yield f"Signatures: {count} of the {rule.needed} that {rule.file} requires."


def signatures_of(plan: Signed, path: Path) -> Signatures:
    """Check the signatures beside a plan, by the account files of the project where there are some."""
    files = read_account_files(project_root()).sound
    names = list(plan.accounts) if isinstance(plan, GroupPlan) else [plan.account.id]
    rules = {name: rule for name in names if name in files and (rule := files[name].signature_rule) is not None}
    return Signatures(check_signatures(plan, load_signatures(path), list(rules.values())), rules)


def say_signatures(signed: Signatures) -> None:
    """Say who has signed, below a plan."""
    for number, line in enumerate(signed.lines):
        say("\n" * (number == 0) + printable(line))


def show_saved(document: dict[str, Any], path: Path, *, as_json: bool) -> None:
    """Draw a plan with its signatures, and a warning if it can no longer be applied.

    Raises PlanIsAltered after drawing it.
    """
    plan = parse_plan(document)
    signed = signatures_of(plan, path)
    if as_json:
        write_json({**document, **signed.document})
    else:
        show_plan(plan)
        say_signatures(signed)
    _tell_if_late(plan.expires_at, as_json=as_json)
    ensure_unaltered(document)


def show_saved_group(path: Path, *, as_json: bool) -> None:
    """Draw the plan of a group with its signatures, and a warning if it can no longer be applied.

    Raises PlanIsAltered after drawing it.
    """
    document = load_document(path, "groupplan")
    plan = parse_group_plan(document)
    signed = signatures_of(plan, path)
    if as_json:
        write_json({**document, **signed.document})
    else:
        show_group_plan(plan)
        say_signatures(signed)
    _tell_if_late(plan.expires_at, as_json=as_json)
    read_group_plan(document)


def _tell_if_late(expires_at: datetime, *, as_json: bool) -> None:
    late = (present() - expires_at).total_seconds()
    if late >= 0:
        said = f"this plan expired {duration(late)} ago, at {clock_time(expires_at)}"
        warn(said, hint="make a new one with: exitplan plan", as_json=as_json)
