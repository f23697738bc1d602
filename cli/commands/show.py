"""``exitplan show``: draw a saved plan."""

from __future__ import annotations

from collections.abc import Iterator
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
from exitplan.executor.signing.approval import Checked, SignatureRule, check_signatures, load_signatures
from exitplan.executor.store.saved_plan import is_group_plan
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.groups.writing import parse_group_plan, read_group_plan
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.plan import ensure_unaltered, parse_plan
from exitplan.ruleset.planning.plan_types import Plan
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
class Signed:
    """The signatures beside a plan, and what its account requires, where its file is at hand."""

    checked: tuple[Checked, ...]
    rule: SignatureRule | None

    @property
    def document(self) -> dict[str, Any]:
        """What is added to a plan in its JSON form: nothing where nothing is signed and nobody wants it."""
        if not self.checked and self.rule is None:
            return {}
        needed = 0 if self.rule is None else self.rule.needed
        return {"signatures": signatures_document(self.checked), "signatures_needed": needed}

    @property
    def lines(self) -> Iterator[str]:
        """Say for people who has signed, and what is missing."""
        good = {entry.key for entry in self.checked if entry.problem is None}
        for entry in self.checked:
            yield f"Signed by {entry}." if entry.problem is None else f"Not counted: {entry}."
        if self.rule is not None and len(good) < self.rule.needed:
            yield f"Signatures: {len(good)} of the {self.rule.needed} that {self.rule.file} requires."


def signatures_of(plan: Plan, path: Path) -> Signed:
    """Check the signatures beside a plan, by the account file of the project where there is one."""
    file = read_account_files(project_root()).sound.get(plan.account.id)
    rule = None if file is None else file.signature_rule
    return Signed(check_signatures(plan, load_signatures(path), rule), rule)


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
        for number, line in enumerate(signed.lines):
            say("\n" * (number == 0) + printable(line))
    _tell_if_late(plan.expires_at, as_json=as_json)
    ensure_unaltered(document)


def show_saved_group(path: Path, *, as_json: bool) -> None:
    """Draw the plan of a group, and a warning if it can no longer be applied.

    Raises PlanIsAltered after drawing it.
    """
    document = load_document(path, "groupplan")
    plan = parse_group_plan(document)
    if as_json:
        write_json(document)
    else:
        show_group_plan(plan)
    _tell_if_late(plan.expires_at, as_json=as_json)
    read_group_plan(document)


def _tell_if_late(expires_at: datetime, *, as_json: bool) -> None:
    late = (present() - expires_at).total_seconds()
    if late >= 0:
        said = f"this plan expired {duration(late)} ago, at {clock_time(expires_at)}"
        warn(said, hint="make a new one with: exitplan plan", as_json=as_json)
