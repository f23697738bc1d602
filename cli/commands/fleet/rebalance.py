"""``exitplan fleet rebalance``: shards of about one size."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.fleet import FleetOption, SizeOption, opened_registry
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.planning.words import counted

app = verb_app()


@app.command()
def command(
    size: SizeOption = 150,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the moves.")] = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Bring the shards to about one size, with few moves.

    A shard keeps to one venue and one egress. One with less than two thirds of the usual size is joined with others,
    one with more than four thirds is split; all others stay as they are. Safe while workers are at work.
    """
    with opened_registry(data) as registry:
        moves = registry.rebalance(size, dry_run=dry_run)
        shards = len(registry.shards())
    if as_json:
        write_json({"dry_run": dry_run, "moved": len(moves.placed), "opened": len(moves.opened), "shards": shards})
        return
    moved, opened = counted(len(moves.placed), "account"), counted(len(moves.opened), "shard")
    said = f"Would move {moved} and open {opened}." if dry_run else f"Moved {moved} and opened {opened}."
    say(f"{said if moves.placed else 'Nothing to move.'} The fleet has {counted(shards, 'shard')}.")
