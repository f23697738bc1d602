"""``exitplan approve``: say yes to a plan that waits."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.arguments import AccountRef, present, request_of
from exitplan.cli.completion import complete_request
from exitplan.cli.failures import warn
from exitplan.cli.operations import Showing, carry_out
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.watching import plan_text
from exitplan.cli.requests import person, requested, what_follows
from exitplan.cli.streams import write_line
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.apply.staleness import ensure_fresh
from exitplan.executor.approvals.book import requests_of
from exitplan.executor.approvals.deciding import Found, approve
from exitplan.executor.approvals.documents import request_document
from exitplan.executor.operation import Operation
from exitplan.ruleset.errors import PlanIsExpired
from exitplan.ruleset.exit_codes import ExitCode

RequestArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        autocompletion=complete_request,
        help="The request: its id, the start of its id, or its plan's id.",
    ),
]

app = verb_app()


@app.command()
@delivers_alerts
def command(
    request: RequestArgument,
    apply: Annotated[
        bool, typer.Option("--apply", help="Apply the plan now, if enough people have approved it.")
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Approve a plan that waits.

    The approval is recorded in the account's journal with your name and the time. It is valid for a day, while the plan
    stays the same and prices stay within `max_price_move_pct`. In its next round the watcher makes the plan anew and
    applies it; --apply does it now. If the policy asks for several people, all of them must approve first.

    Your name is that of your login; set EXITPLAN_USER if several people share one.
    """
    now = present()
    found = approve(requested(request, data, as_json=as_json), person(), now)
    if as_json:
        write_line({"event": "plan_approved", **request_document(found, now)})
    else:
        say(approval_text(found))
    missing = found.missing(now)
    if apply and not missing:
        raise typer.Exit(apply_now(found, data, as_json=as_json))
    if not as_json:
        say(f"{missing} more must approve it." if missing else what_follows(found))
    raise typer.Exit(ExitCode.PENDING if apply else ExitCode.DONE)


def approval_text(found: Found) -> str:
    """Say what was approved, and by how many."""
    request, now = found.request, present()
    count = f"{len(found.approvals(now))} of {request.people}"
    name = request.votes[-1].person
    again = " again" if any(vote.person.casefold() == name.casefold() for vote in request.votes[:-1]) else ""
    return f"Approved{again} as {name} ({count}): {request.account}, {plan_text(request.plan)}."


def apply_now(found: Found, data: DataPlace, *, as_json: bool) -> ExitCode:
    """Carry an approved plan out as it waits; raises PlanIsExpired, before anything is sent."""
    plan, file = found.request.plan, found.file
    try:
        ensure_fresh(plan, file.loaded.policy, present())
    except PlanIsExpired as problem:
        again = (
            "the approval is still valid: exitplan watch --once makes the plan anew, and applies it if it is the same"
        )
        raise PlanIsExpired(str(problem), hint=again) from problem

    def task(account_file: AccountFile) -> tuple[Account, Operation]:
        return open_account_file(account_file, request_of(AccountRef(data=data))), Operation(plan)

    try:
        return carry_out([Selected(file.id, file)], task, Showing(as_json, is_saved=True))
    finally:
        if any(one.id == found.request.id and one.standing == "waiting" for one in requests_of(found.store)):
            end = f'to take it back: exitplan reject {found.request.id} --why "..."'
            warn("nothing was begun; the approval stands, and a watcher may carry it out", hint=end, as_json=as_json)
