"""``exitplan reject``: say no to a plan that waits."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.arguments import present, read_duration
from exitplan.cli.commands.approve import RequestArgument
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.watching import plan_text
from exitplan.cli.requests import person, requested
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.approvals.deciding import reject
from exitplan.executor.approvals.documents import request_document
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import clock_time

WhyOption = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="Your reason: it is recorded, and told to the others.")
]
ForOption = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="DURATION",
        help="Ask again after this time, such as 1h or 1d.  [default: when the plan changes]",
    ),
]

app = verb_app()


@app.command()
@delivers_alerts
def command(
    request: RequestArgument,
    why: WhyOption,
    duration: ForOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Reject a plan that waits, and say why.

    The same plan is not asked for again until it changes, or until the time of --for is over. One rejection is enough,
    even if others have approved.
    """
    if not why.strip():
        raise UsageError("--why is empty", hint="write your reason, for those who look at it later")
    now = present()
    until = None if duration is None else now + read_duration("--for", duration)
    found = reject(requested(request, data, as_json=as_json), person(), now, why, until)
    if as_json:
        write_json(request_document(found, now))
        return
    said = found.request
    say(f"Rejected as {said.votes[-1].person}: {said.account}, {plan_text(said.plan)}.")
    say(f"The request does not come back until {'the plan changes' if until is None else clock_time(until)}.")
