"""``exitplan unlock``: break the lease of an account whose holder hangs."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.brokers.registry import PAPER
from exitplan.cli.approval import ask_for_approval
from exitplan.cli.arguments import AccountRef, only_one, open_offline, request_of
from exitplan.cli.failures import warn
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import find_account

app = verb_app()


@app.command()
def command(
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")] = False,
    account: AccountOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Break the lease of an account whose holder hangs.

    This is the last resort: the lease of a process that has died is free already. This is for one that hangs. End
    that process first if you can. Should it wake up, its next order is refused by the journal; an order it has
    already sent is looked up by the next run.
    """
    where = AccountRef(only_one(account), data=data)
    opened, file = open_offline(where), find_account(request_of(where))
    identity = file.identity(keyring=True)
    holder = opened.store.holder(identity)
    if holder is not None:
        warn(f"the account {opened.id} is in use {holder}: make sure that it is not at work")
        if not auto_approve:
            ask_for_approval(opened.id, live=opened.venue != PAPER)
    broken = None if holder is None else opened.store.break_lease(identity)
    if as_json:
        write_json({"account": opened.id, "unlocked": broken is not None, "holder": broken})
    elif broken is None:
        say(f"Nobody holds the account {opened.id}.")
    else:
        say(f"Unlocked {opened.id}; it was held {broken}.")
