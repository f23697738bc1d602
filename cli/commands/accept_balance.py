"""``exitplan accept-balance``: say that what an account holds is right, although it is not what the last run left."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.alert_delivery import delivers_alerts
from exitplan.cli.approval import ask
from exitplan.cli.arguments import AccountRef, only_one, open_requested
from exitplan.cli.failures import warn
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.balance import balance_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accept_balance import accept_balance, change_of, read_balance
from exitplan.executor.plan import read_state
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.progress import balance_document

app = verb_app()


@app.command()
@delivers_alerts
def command(
    account: AccountOption = None,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Confirm that a changed or empty balance is right.

    A plan is refused, and verify is UNKNOWN, where an account holds something else than the last run left, by more than
    max_equity_change_pct: the keys may be those of another account. Look at the account at its venue first. Nothing is
    sent.

    It also confirms that the account's venue, address or API key was changed on purpose, which is refused until then;
    and that orders of exitplan that its journal does not know, open or past, are right.
    """
    if as_json and not auto_approve:
        raise UsageError("--json cannot ask", hint="add --auto-approve")
    opened = open_requested(AccountRef(only_one(account), data=data))
    then, change = read_state(opened).last_balance, change_of(opened)
    if change is not None:
        warn(f"{opened.id} is another account than before: {change}", as_json=as_json)
    now = read_balance(opened)
    if not as_json:
        show(*balance_parts(opened.id, opened.quote, then, now))
    if not auto_approve:
        ask("Is what it holds now right? Only 'yes' goes on")
    accepted = accept_balance(opened, seen=now)
    if as_json:
        before = None if then is None else balance_document(then)
        write_json({"account": opened.id, "then": before, "now": balance_document(accepted)})
    else:
        say(f"\nAccepted. The next plan of {opened.id} is compared with this.")
