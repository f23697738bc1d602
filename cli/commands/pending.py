"""``exitplan pending``: the plans that wait for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import present
from exitplan.cli.completion import complete_request
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.plan_output import show_plan
from exitplan.cli.rendering.pending import request_parts, requests_table
from exitplan.cli.rendering.screen import show
from exitplan.cli.requests import known_requests, requested, what_follows
from exitplan.cli.streams import ensure_output, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.approvals.documents import request_document
from exitplan.executor.signing.approval import forget_signatures
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.plan_text import plan_bytes

LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, help="List at most so many, the oldest first; --json lists all.")
]
ClosedOption = Annotated[bool, typer.Option("--closed", help="Also list closed requests, and how each ended.")]

app = verb_app()


@app.command()
def command(
    request: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            autocompletion=complete_request,
            help="One request: its id, the start of its id, or its plan's id.",
        ),
    ] = None,
    closed: ClosedOption = False,
    limit: LimitOption = 50,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="With an ID: save the plan, to sign or apply it.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List the plans that wait for a person, or show one.

    Each round of `exitplan watch` makes the plan of a request anew. While the plan stays the same, the request keeps
    its id. Decide with `exitplan approve ID` or `exitplan reject ID --why TEXT`.
    """
    if request is None:
        if out is not None:
            raise UsageError("--out saves one plan", hint="name the request: exitplan pending ID --out plan.json")
        known, problem = known_requests(data, closed=closed, as_json=as_json)
        show_requests(known, limit, as_json=as_json)
        if problem is not None:
            raise typer.Exit(problem.exit_code)
        return
    found = requested(request, data, as_json=as_json)
    if out is not None:
        ensure_output(out)
        save(out, plan_bytes(found.request.plan))
        forget_signatures(out)
    show_request(found, out, as_json=as_json)


def show_requests(found: list[Found], limit: int, *, as_json: bool) -> None:
    """Show requests, the oldest first, so many at most; as JSON all of them."""
    now = present()
    if as_json:
        write_json({"requests": [request_document(one, now) for one in found]})
    elif not found:
        say("No plan waits.")
    else:
        show(requests_table(found[:limit], now))
        if len(found) > limit:
            say(f"\nThese are the {limit:,} oldest of {len(found):,}; --limit shows more.")


def show_request(found: Found, out: Path | None, *, as_json: bool) -> None:
    """Show one request with its plan."""
    now, request = present(), found.request
    if as_json:
        write_json({**request_document(found, now), "plan": request.plan.document})
        return
    show_plan(request.plan)
    say()
    show(*request_parts(found, now))
    if out is not None:
        say(f"\nSaved. To carry it out: exitplan apply {out}")
    elif request.standing == "waiting" and not found.missing(now):
        say(f"\n{what_follows(found)}")
    elif request.standing == "waiting":
        say(f"\nDecide with: exitplan approve {request.id}, or exitplan reject {request.id} --why TEXT")
