"""``exitplan restore``: put a backup back, never unknowingly behind orders that were sent."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_requested
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.screen import rows, show, words
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.restore import Restored, restore
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time, counted

app = verb_app()


@app.command()
def command(
    backup: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that exitplan backup made.")],
    account: AccountOption = None,
    accept_orders: Annotated[
        bool,
        typer.Option("--accept-orders", help="Go on although orders were sent since: I know them, and they are right."),
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Put a backup back, after looking for orders sent since.

    Orders sent since then are looked up in the present journal and at the venue. If there are any, they are listed
    and nothing changes; with --accept-orders the account goes on from the backup, and its journal knows these orders.

    The present files are first copied into before-restore-TIME. What a plan in the backup had not sent is never sent.
    The gate stays closed until the account is verified.
    """
    opened = open_requested(AccountRef(only_one(account), data=data))
    restored = restore(opened, backup, accept_orders=accept_orders)
    if as_json:
        write_json(_document(opened.id, restored))
    else:
        _show(opened.id, restored)
        others = _others(backup, opened.id)
        if others:
            say(f"\nNot restored, and in this backup too: {', '.join(others)}. Each by itself:")
            say(f"exitplan restore {shlex.quote(str(backup))} --account {others[0]}")


def _others(backup: Path, restored: str) -> list[str]:
    """List the other accounts that a backup holds, where all of it was named and not the folder of one."""
    users = [place.parent.name for place in sorted(backup.glob("users/*/journal.db"))]
    is_with_platform = bool(users) and DataFolder.of(backup, PLATFORM).journal.exists()
    return [name for name in (*([PLATFORM] if is_with_platform else []), *users) if name != restored]


def _show(account: str, restored: Restored) -> None:
    newest = "" if restored.newest_run_at is None else f", the newest of {clock_time(restored.newest_run_at)}"
    say(f"Restored {account} with {counted(restored.runs, 'run')}{newest}.")
    if restored.sent_since:
        say(f"\n{counted(len(restored.sent_since), 'order')} sent since the backup, which the journal now knows:")
        table = rows("l", "l", "l")
        for order in restored.sent_since:
            table.add_row(words(f"  {order.client_order_id}"), words(order.symbol or ""), words(order.outcome))
        show(table)
    if restored.kept is not None:
        say(f"\nThe files that were there before are in {restored.kept}.")
    if restored.group is not None:
        say(f"\nA plan of the group {restored.group} was on its way in it, and nothing more of that is sent.")
        say(f"To end it in all accounts of the group: exitplan apply --group {restored.group}")
    say("Unwinds go on from where they were in the backup. The gate stays closed until you run: exitplan verify")


def _document(account: str, restored: Restored) -> dict[str, object]:
    newest = restored.newest_run_at
    return {
        "account": account,
        "runs": restored.runs,
        "newest_run_at": None if newest is None else time_text(newest),
        "sent_since": [
            {
                "client_order_id": order.client_order_id,
                "symbol": order.symbol,
                "sent_at": None if order.sent_at is None else time_text(order.sent_at),
                "outcome": order.outcome,
            }
            for order in restored.sent_since
        ],
        "kept": None if restored.kept is None else str(restored.kept),
        "group": restored.group,
    }
