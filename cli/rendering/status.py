"""The status of an account and its past runs, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from exitplan.cli.rendering.checks import STATE_STYLES
from exitplan.cli.rendering.screen import heading, rows, titled, words
from exitplan.cli.rendering.words import clock_time, exact, money, percent, reason_text

Document = Mapping[str, Any]
_MEANINGS = {
    None: ("cut off", "yellow"),
    0: ("done", "green"),
    1: ("error", "bold red"),
    4: ("some failed", "bold red"),
    8: ("stopped", "yellow"),
    9: ("unknown", "bold magenta"),
}


def status_parts(status: Document) -> Iterator[RenderableType]:
    """Draw how an account stands."""
    yield _head(status)
    if status["unwind_progress"]:
        yield _unwinds(status["unwind_progress"])
    if status["escalated"] or status["failed_exits"]:
        yield _given_up(status)
        yield words("exitplan retry SYMBOL has an exit tried again that has failed.", "dim")
    yield _metrics(status["cleanup_metrics"])


def _head(status: Document) -> Table:
    table = rows("l", "l")
    state = status["account_state"] or "not verified yet"
    table.add_row(heading("Account"), words(f"{status['account']} at {status['venue']}", "bold"))
    table.add_row(words("State"), words(state, STATE_STYLES.get(state, "")))
    for label, key in (("Last run", "last_cleanup_run"), ("Verified", "last_verified_at")):
        table.add_row(words(label), words(clock_time(status[key]) if status[key] else "never"))
    for plan in status["open_plans"]:
        table.add_row(
            words("Open", "yellow"), words(f"{plan}: not applied to its end; apply it again to go on", "yellow")
        )
    return table


def _unwinds(unwinds: Mapping[str, Document]) -> Table:
    table = titled("Unwinds under way", "cycles done", "may remain", "of", "started", "last cycle", justify="lrrrll")
    for key, unwind in unwinds.items():
        table.add_row(
            words(f"  {key}"),
            words(unwind["cycle"]),
            words(percent(str(unwind["remaining_pct"]))),
            words(exact(str(unwind["initial_quantity"]))),
            words(clock_time(unwind["started_at"])),
            words(clock_time(unwind["last_cycle_at"]) if unwind["last_cycle_at"] else "-"),
        )
    return table


def _given_up(status: Document) -> Table:
    table = titled("Needs a person", "failed", "reason")
    for key in sorted({*status["escalated"], *status["failed_exits"]}):
        entry = status["escalated"].get(key) or {}
        failed = str(status["failed_exits"].get(key, 0))
        reason = str(entry.get("reason") or "the exit failed")
        table.add_row(words(f"  {key}", "yellow"), words(failed), words(reason_text(reason)))
    return table


def _metrics(metrics: Document) -> Table:
    table = rows("l", "r")
    table.add_row(heading("So far"), "")
    for label, key in (
        ("positions closed", "total_positions_cleaned"),
        ("of them zombies", "zombie_positions_closed"),
        ("of them unwound", "legacy_positions_unwound"),
        ("stale orders cancelled", "stale_orders_cancelled"),
    ):
        table.add_row(words(f"  {label}"), words(f"{int(metrics[key]):,}"))
    table.add_row(words("  capital freed"), words(money(str(metrics["capital_freed_usd"]))))
    return table


def history_table(runs: Sequence[Document]) -> Table:
    """Draw past runs, one a line."""
    table = titled("run", "started", "plan", "result", "done", "refused", "account then", justify="rlllrrl")
    for run in runs:
        label, style = _MEANINGS.get(run["exit_code"], (f"exit {run['exit_code']}", "bold red"))
        label = "under way" if run["under_way"] else label
        state = run["account_state"] or "?"
        table.add_row(
            words(run["run"]),
            words(clock_time(run["started_at"])),
            words(run["plan_id"]),
            words(label, style),
            words(run["done"]),
            words(run["refused"]),
            words(state, STATE_STYLES.get(state, "")),
        )
    return table
