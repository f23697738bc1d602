"""``exitplan snapshot``: record an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption, PolicyOption
from cli.requests import Where, open_requested
from cli.streams import json_bytes, save, write_bytes
from cli.verbs import verb_app
from executor.accounts import Account
from executor.planning import read_snapshot
from ruleset.snapshot import snapshot_to_document

app = verb_app()


@app.command()
def command(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; stdout without it.")
    ] = None,
    account: AccountOption = None,
    policy: PolicyOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Record an account in a snapshot file.

    Cash, positions, orders, markets and tracker, as they are now; no secret is in it.

    `exitplan plan --snapshot FILE` plans from it at any time, and a paper account can start from it.
    """
    document = record(open_requested(Where(account, policy, data)))
    content = json_bytes(document)
    if out is None:
        write_bytes(content)
        return
    save(out, content)
    if as_json:
        write_bytes(content)
    else:
        typer.echo(f"Recorded {len(document['positions'])} positions of {document['account']} in {out}.")


def record(account: Account) -> dict[str, Any]:
    """Read an account, and give it in the form of a snapshot file."""
    return snapshot_to_document(read_snapshot(account))
