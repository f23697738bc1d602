"""Ticks of a fleet: a line each while workers are at them, and what one came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table

from exitplan.cli.rendering.screen import heading, rows, words
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import counted, duration

if TYPE_CHECKING:
    from exitplan.fleet.runner.port import ShardCycle
    from exitplan.fleet.runner.ticks import Begun, Progress

_MOST_SHOWN = 20
_LISTS = ("set_aside", "problems", "failures")
"""The figures that are lists, and have a key of their own."""
_GOOD = frozenset({"quiet", "applied", "CLEAN"})


def begun_line(begun: Begun) -> str:
    """Say that a tick was begun, or skipped."""
    if begun.running is not None:
        return f"tick {begun.tick}  {begun.why}"
    return f"tick {begun.tick}  begun" + (f"; {begun.why}" if begun.why else "")


def shard_line(cycle: ShardCycle, figures: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a shard; None where nothing is."""
    wrong = [
        *(f"{account} was set aside: exitplan fleet dead" for account in figures.get("set_aside", ())),
        *figures.get("problems", ()),
        *(f"{account}: {cause}" for account, cause in figures.get("failures", ())),
    ]
    if not wrong:
        return None
    more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
    return f"tick {cycle.tick}  shard {cycle.shard}  {wrong[0]}{more}"


def tick_parts(
    progress: Progress, figures: Mapping[str, Any], unserved: Mapping[str, int], *, is_stopped: bool = False
) -> list[RenderableType]:
    """Draw what a tick came to; it was stopped where a person has said so before its end."""
    accounts, seconds = int(figures.get("accounts", 0)), progress.seconds
    done = sum(1 for shard in progress.shards if shard.ended_at)
    workers = {shard.worker for shard in progress.shards if shard.worker}
    pace = f", {accounts / seconds:,.0f} a second" if seconds and accounts else ""
    said = f"{counted(accounts, 'account')} in {counted(done, 'shard')}, {duration(seconds)}{pace}"
    parts: list[RenderableType] = [
        Group(heading(f"Tick {progress.tick}", f"{said}, {counted(len(workers), 'worker')}"), _counts(figures))
    ]
    if not progress.shards:
        parts.append(words("No account gets a cycle: exitplan fleet status shows what is drained or set aside."))
    wrong = _wrong(progress, figures, {} if is_stopped else unserved)
    if is_stopped and not progress.is_over:
        left = counted(len(progress.shards) - done, "shard")
        wrong.add_row(words("stopped", "yellow"), words(f"{left} left to workers that are there, or to the next tick"))
    return [*parts, wrong] if wrong.row_count else parts


def _counts(figures: Mapping[str, Any]) -> Table:
    table = rows("l", "l")
    for title, counts in (("rounds", figures.get("kinds", {})), ("accounts", figures.get("states", {}))):
        if counts:
            line = words("")
            for number, (name, count) in enumerate(sorted(counts.items(), key=lambda entry: -entry[1])):
                line.append(", " if number else "").append(f"{count:,} {name}", "green" if name in _GOOD else "yellow")
            table.add_row(words(title, "dim"), line)
    if figures.get("orders"):
        table.add_row(words("orders", "dim"), words(f"{figures['orders']:,}"))
    return table


def _wrong(progress: Progress, figures: Mapping[str, Any], unserved: Mapping[str, int]) -> Table:
    """List what a person has to look at."""
    table = rows("l", "l")
    for egress, count in sorted(unserved.items()):
        what = f"egress {egress}" if egress else "no egress"
        hint = f" --egress {egress}" if egress else ""
        said = f"{counted(count, 'shard')} of {what}: no worker may take them; exitplan fleet worker{hint}"
        table.add_row(words("left", "bold red"), words(said))
    for account in figures.get("set_aside", ())[:_MOST_SHOWN]:
        table.add_row(words("set aside", "bold red"), words(f"{account}: exitplan fleet dead"))
    for problem in figures.get("problems", ())[:_MOST_SHOWN]:
        table.add_row(words("failed", "bold red"), words(problem))
    for account, cause in figures.get("failures", ())[:_MOST_SHOWN]:
        table.add_row(words("failed", "bold red"), words(f"{account}: {cause}"))
    if progress.why.startswith("skipped"):
        table.add_row(words("skipped", "yellow"), words(progress.why))
    return table


def tick_document(progress: Progress, figures: Mapping[str, Any], unserved: Mapping[str, int]) -> dict[str, Any]:
    """Write what a tick came to in its JSON form."""
    return {
        "tick": progress.tick,
        "begun_at": time_text(progress.begun_at),
        "ended_at": None if progress.ended_at is None else time_text(progress.ended_at),
        "seconds": progress.seconds,
        "shards": len(progress.shards),
        "done": sum(1 for shard in progress.shards if shard.ended_at),
        "workers": sorted({shard.worker for shard in progress.shards if shard.worker}),
        "unserved": dict(unserved),
        "figures": {
            name: value for name, value in figures.items() if name not in {"failures", "problems", "set_aside"}
        },
        "set_aside": list(figures.get("set_aside", ())),
        "problems": list(figures.get("problems", ())),
        "failures": [{"account": account, "cause": cause} for account, cause in figures.get("failures", ())],
    }


def begun_document(begun: Begun) -> dict[str, Any]:
    """Write the beginning of a tick, or that it is skipped, in its JSON form."""
    kind = "begun" if begun.running is None else "skipped"
    return {"event": f"tick_{kind}", "tick": begun.tick, "running": begun.running, "why": begun.why or None}


def shard_document(cycle: ShardCycle, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Write what came of a shard in its JSON form."""
    return {"event": "shard", "tick": cycle.tick, "shard": cycle.shard, "figures": dict(figures)}
