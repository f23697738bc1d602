"""``exitplan sign``: approve a saved plan with a key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.group_plan import show_group_plan
from exitplan.cli.options import KEY_HELP, JsonOption
from exitplan.cli.output import say
from exitplan.cli.plan_output import show_plan, signatures_document
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.signing.approval import Signed, sign_plan, signatures_file
from exitplan.executor.signing.keys import read_signing_key
from exitplan.executor.store.saved_plan import is_group_plan, load_group_plan, load_plan
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.model.visible import printable

PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="The file that `exitplan plan --out` wrote.")]
KeyOption = Annotated[str, typer.Option("--key", "-k", metavar="KEY", help=KEY_HELP)]

app = verb_app()


@app.command()
def command(plan: PlanArgument, key: KeyOption, as_json: JsonOption = False) -> None:
    """Sign a saved plan, for an account that requires it.

    It may be that of an account or of a group, which holds those of all its accounts.
    The plan is shown, so that you see what you sign. The signature goes into PLAN.sig, beside those of others, in the
    format of `ssh-keygen -Y sign -n exitplan`, which may be used instead. Neither the account nor its keys are needed.
    """
    signing_key = read_signing_key(key, Path(), os.environ)
    approved = load_group_plan(plan) if is_group_plan(plan) else load_plan(plan)
    if not as_json:
        show_group_plan(approved) if isinstance(approved, GroupPlan) else show_plan(approved)
    checked = sign_plan(approved, plan, signing_key)
    file = signatures_file(plan)
    if as_json:
        write_json(
            {
                **_named(approved),
                "file": str(file),
                "key": signing_key.public.fingerprint,
                "signatures": signatures_document(checked),
            }
        )
        return
    good = sum(entry.problem is None for entry in checked)
    count = "the only signature" if good == 1 else f"one of {good} signatures"
    say(f"\nSigned with {signing_key.public.fingerprint}: {count} in {printable(str(file))}.")


def _named(plan: Signed) -> dict[str, str | None]:
    """Say which plan it is, and whose."""
    if isinstance(plan, GroupPlan):
        return {"plan_id": plan.group_plan_id, "account": None, "group": plan.group.name}
    return {"plan_id": plan.plan_id, "account": plan.account.id, "group": None}
