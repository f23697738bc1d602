"""``exitplan verify``: is the account clean? Nothing is traded."""

from __future__ import annotations

from typing import Any

import typer

from cli.options import (
    DEFAULT_DATA,
    AccountOption,
    DataOption,
    DustPctOption,
    JsonOption,
    MaxPositionsOption,
    PolicyOption,
    StaleMinutesOption,
)
from cli.rendering.run import verification_parts
from cli.rendering.screen import show
from cli.requests import Where, open_requested, read_overrides
from cli.streams import write_json
from cli.verbs import verb_app
from executor.accounts import Account
from executor.verify import verify_account
from ruleset.checks import AccountState
from ruleset.errors import AccountUnreadable

_CODES = {"CLEAN": 0, "UNKNOWN": 9}
_NOT_CLEAN = 2


app = verb_app()


@app.command()
def command(
    account: AccountOption = None,
    policy: PolicyOption = None,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Run the four checks of a clean account; nothing is traded.

    Exits with 0 where it is CLEAN, with 2 where it is not, with 9 where anything could not be read.
    """
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    raise typer.Exit(verify_and_show(open_requested(Where(account, policy, data), overrides), as_json=as_json))


def verify_and_show(account: Account, *, as_json: bool) -> int:
    """Verify an account and show what was found; returns the exit code."""
    document, problem = verification_of(account)
    if as_json:
        write_json({"account": account.id, "venue": account.venue, **document, "problem": problem})
    elif problem is not None:
        typer.echo(f"{account.id} at {account.venue} is UNKNOWN: {problem}")
    else:
        show(*verification_parts(document))
    return code_of(document["state"])


def verification_of(account: Account) -> tuple[dict[str, Any], str | None]:
    """Verify an account; where it cannot be read its state is UNKNOWN, and the reason comes with it."""
    try:
        return verify_account(account).to_document(), None
    except AccountUnreadable as problem:
        return {"state": AccountState.UNKNOWN.value, "checks": None, "deferred": []}, str(problem)


def code_of(state: str) -> int:
    """Give the exit code that a state comes to."""
    return _CODES.get(state, _NOT_CLEAN)
