"""``exitplan apply``: carry out a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from exitplan.cli.apply_many import apply_account_set, apply_files
from exitplan.cli.apply_runner import ApplyOptions, carry_out
from exitplan.cli.approval import approve
from exitplan.cli.arguments import AccountRef, load_plan, open_requested, overrides_of, recorded_scope
from exitplan.cli.many import AccountSet
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JobsOption,
    JsonOption,
    PolicyOption,
    TagOption,
)
from exitplan.cli.plan_output import PlanOutput, deliver_plan, ensure_not_refused, has_changes
from exitplan.cli.rendering.refresh import show_changes
from exitplan.cli.rendering.run import show_result
from exitplan.cli.streams import write_bytes
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import check_plan
from exitplan.executor.apply.events import ApplyResult
from exitplan.executor.apply.refresh import compare_plans
from exitplan.executor.plan import plan_account
from exitplan.ruleset.errors import UsageError

AutoApproveOption = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
PlansArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PLAN...]", help="Saved plans, or folders of them; without any, plans are made, shown and asked about."
    ),
]
JsonIntoOption = Annotated[
    Path | None, typer.Option("--json-into", metavar="FILE", help="Write the events to a file as well, one a line.")
]
RefreshOption = Annotated[bool, typer.Option("--refresh", help="Make the saved plan anew, show what differs, and ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check and show everything, and send nothing.")]


app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    plans: PlansArgument = None,
    dry_run: DryRunOption = False,
    auto_approve: AutoApproveOption = False,
    refresh: RefreshOption = False,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
    json_into: JsonIntoOption = None,
    jobs: JobsOption = DEFAULT_JOBS,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Carry out a plan, once, and verify the account after it.

    A saved plan is carried out without a question: the file is the approval. It is refused where it has expired, was
    changed or applied before, or where the account has moved since; --refresh then makes it anew, shows what differs
    from what was approved, and asks. Without a file a plan is made and shown, and only `yes` goes on; a live account
    asks for its id.

    With --json every event is one line of JSON. Ctrl-C stops after the orders in flight; applying the same plan again
    goes on from there.

    Several plans, a folder of them, or several accounts are worked on side by side, each by itself, and what goes wrong
    with one stops no other; a table tells what each came to. Without files each account is asked about on its own. With
    --json every event names its account, and the last line tells of all. The exit code is the worst, in this order: 9,
    4, 1, 3, 65, 64, 6, 5, 7, 8, 2, 0.

    Exits with 0, 4 where the venue refused an action, 5 where a guard refuses the plan, 6 where the plan cannot be used
    any more, 7 where the account is in use, 8 where it was cancelled, 9 where nobody can tell what became of an order.
    """
    account_set = AccountSet.of(account, tag, every=every, jobs=jobs)
    wish = ApplyOptions(dry_run, auto_approve, refresh, as_json, json_into)
    raise typer.Exit(apply_requested(plans or (), account_set, AccountRef(policy=policy, data=data), wish))


def apply_requested(plans: Sequence[Path], account_set: AccountSet, where: AccountRef, wish: ApplyOptions) -> int:
    """Apply one saved plan, several of them, or what is planned now for one account or several."""
    if wish.refresh and not plans:
        raise UsageError("--refresh makes a saved plan anew", hint="name the plan, or leave --refresh out")
    if len(plans) == 1 and not plans[0].is_dir():
        return apply_saved(plans[0], replace(where, account=account_set.only_name), wish)
    if plans:
        return apply_files(plans, account_set, where, wish)
    if account_set.is_one:
        return apply_fresh(replace(where, account=account_set.only_name), wish)
    return apply_account_set(account_set, where, wish)


def apply_saved(path: Path, where: AccountRef, wish: ApplyOptions) -> int:
    """Apply a plan file to the account it names."""
    document = load_plan(path)
    account = open_requested(
        AccountRef(where.account or document["account"]["id"], where.policy, where.data), overrides_of(document)
    )
    if wish.refresh:
        return apply_refreshed(account, document, wish)
    if wish.dry_run:
        return check_only(account, document, as_json=wish.as_json)
    return apply_document(account, document, wish).exit_code


def apply_refreshed(account: Account, old: dict[str, Any], wish: ApplyOptions) -> int:
    """Make a plan anew, show what differs from the one that was approved, ask, and apply the new one."""
    if wish.as_json and not (wish.auto_approve or wish.dry_run):
        raise UsageError("--json cannot ask", hint="add --auto-approve, or make a new plan")
    document = plan_account(account, recorded_scope(old)).document
    changes = compare_plans(old, document)
    if wish.as_json:
        told = {
            "event": "plan_refreshed",
            "plan": document["plan_id"],
            "changes": [item.to_document() for item in changes],
        }
        write_bytes(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
    else:
        show_changes(changes, document)
    if wish.dry_run:
        return 0
    ensure_not_refused(document)
    if not wish.auto_approve:
        approve(account)
    return apply_document(account, document, wish).exit_code


def apply_fresh(where: AccountRef, wish: ApplyOptions) -> int:
    """Plan, show, ask, and apply what was shown."""
    if wish.as_json and not (wish.auto_approve or wish.dry_run):
        raise UsageError("--json cannot ask", hint="add --auto-approve, or apply a saved plan")
    account = open_requested(where)
    document = plan_account(account).document
    if wish.dry_run:
        return deliver_plan(document, PlanOutput(as_json=wish.as_json))
    if not wish.as_json:
        deliver_plan(document, PlanOutput())
    ensure_not_refused(document)
    changes = has_changes(document)
    if not (changes or wish.as_json or any(blocked["escalate"] for blocked in document["blocked"])):
        return 0
    if changes and not wish.auto_approve:
        approve(account)
    return apply_document(account, document, wish).exit_code


def check_only(account: Account, document: dict[str, Any], *, as_json: bool) -> int:
    """Show a saved plan and whether it could be applied now; raises what applying it would."""
    code = deliver_plan(document, PlanOutput(as_json=as_json))
    drift = check_plan(account, document)
    if not as_json:
        done = f" {len(drift.done)} of its actions are done already." if drift.done else ""
        typer.echo(f"\nDry run: this plan can be applied now; nothing was sent.{done}")
    return code


def apply_document(account: Account, document: dict[str, Any], wish: ApplyOptions) -> ApplyResult:
    """Apply a plan document and show what came of it."""
    result = carry_out(account, document, as_json=wish.as_json, json_into=wish.json_into)
    if not wish.as_json:
        show_result(result.to_document())
    return result
