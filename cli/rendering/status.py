"""The status of an account and its past runs, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.checks import STATE_STYLES, state_text
from exitplan.cli.rendering.screen import heading, rows, titled, words
from exitplan.executor.store.history import AccountStatus
from exitplan.executor.store.state import Metrics, State
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.values import parse_decimal
from exitplan.ruleset.planning.words import clock_time, exact, money, reason_text, rounded_percent, total

Document = Mapping[str, Any]
_MEANINGS = {
    None: ("cut off", "yellow"),
    0: ("done", "green"),
    1: ("error", "bold red"),
    4: ("some failed", "bold red"),
    8: ("stopped", "yellow"),
    9: ("unknown", "bold magenta"),
}


def status_parts(status: AccountStatus) -> Iterator[RenderableType]:
    """Draw how an account stands."""
    yield _head(status)
    state = status.state
    if state.unwinds:
        yield _unwinds(state.unwinds)
    if state.escalated or state.failed_exits:
        yield _given_up(state)
        yield words("To try a failed exit again: exitplan retry SYMBOL", "dim")
    yield _metrics(state.metrics)


def _head(status: AccountStatus) -> Table:
    table, state = rows("l", "l"), status.state
    table.add_row(heading("Account"), words(f"{status.account} at {status.venue}", "bold"))
    table.add_row(words("State"), state_text(state.account_state))
    for label, at in (("Last run", state.last_cleanup_run), ("Verified", state.last_verified_at)):
        table.add_row(words(label), words(clock_time(at) if at else "never"))
    group = status.group_run
    if group is not None:
        table.add_row(words("Open", "yellow"), words(f"{group.text}; {group.hint}", "yellow"))
    for plan in status.open_plans if group is None else ():
        table.add_row(
            words("Open", "yellow"), words(f"{plan}: not applied to its end; apply it again to go on", "yellow")
        )
    return table


def _unwinds(unwinds: Mapping[str, UnwindProgress]) -> Table:
    table = titled("Unwinds under way", "cycles done", "may remain", "of", "started", "last cycle", justify="lrrrll")
    for key, unwind in sorted(unwinds.items()):
        table.add_row(
            words(f"  {key}"),
            words(unwind.cycle),
            words(rounded_percent(unwind.remaining_pct)),
            words(exact(unwind.initial_quantity)),
            words(clock_time(unwind.started_at)),
            words(clock_time(unwind.last_cycle_at) if unwind.last_cycle_at else "-"),
        )
    return table


def _given_up(state: State) -> Table:
    table = titled("Needs attention", "failed", "reason")
    for key in sorted({*state.escalated, *state.failed_exits}):
        entry = state.escalated.get(key) or {}
        failed = str(state.failed_exits.get(key, 0))
        reason = str(entry.get("reason") or "the exit failed")
        table.add_row(words(f"  {key}", "yellow"), words(failed), words(reason_text(reason)))
    return table


def _metrics(metrics: Metrics) -> Table:
    table = rows("l", "r")
    table.add_row(heading("So far"), "")
    for label, count in (
        ("positions closed", metrics.total_positions_cleaned),
        ("of them zombies", metrics.zombie_positions_closed),
        ("of them unwound", metrics.legacy_positions_unwound),
        ("stale orders cancelled", metrics.stale_orders_cancelled),
    ):
        table.add_row(words(f"  {label}"), words(f"{count:,}"))
    table.add_row(words("  capital freed"), words(money(metrics.capital_freed_usd)))
    return table


def run_parts(run: Document) -> Iterator[RenderableType]:
    """Draw one past run: every action, what was filled at which price against the plan's, and what it cost."""
    by = f" by {run['actor']}" if run.get("actor") else ""
    yield heading(f"Run {run['run']}", f"{run['plan_id']}, started {clock_time(run['started_at'])}{by}")
    outcomes = (run.get("summary") or {}).get("outcomes", [])
    table = titled(
        "symbol", "outcome", "action", "filled", "at", "planned at", "brought in", "fee", "", justify="lllrrrrrl"
    )
    for entry in outcomes:
        table.add_row(
            words(entry["symbol"]),
            words(entry["status"]),
            words(entry["kind"].replace("_", " ")),
            _figure(entry.get("filled")),
            _figure(entry.get("average_price")),
            _figure(entry.get("planned_price") if entry.get("average_price") else None),
            Text("" if entry.get("proceeds") is None else money(entry["proceeds"]), no_wrap=True),
            Text(_fee(entry), no_wrap=True),
            words(entry["message"] or "", "dim"),
        )
    yield table if outcomes else words("Nothing is known of it: it was cut off before its end.", "yellow")
    for vote in run.get("approved_by", ()):
        yield words(f"Approved by {vote['person']}, {clock_time(vote['at'])}.", "dim")
    expected = [parse_decimal(entry["expected_fee"]) for entry in outcomes if entry.get("expected_fee") is not None]
    if expected:
        yield words(f"The plan expected fees of ~ {money(total(expected))}.", "dim")


def _figure(amount: str | None) -> Text:
    return Text("" if amount is None else exact(amount), no_wrap=True)


def _fee(entry: Document) -> str:
    fee = entry.get("fee")
    return "" if fee is None or not parse_decimal(fee) else money(fee, str(entry.get("fee_currency") or ""))


def _sold(run: Document) -> str:
    """Return what the sales of a run brought in; empty where none did, or none is known."""
    outcomes = (run.get("summary") or {}).get("outcomes", [])
    sold = [parse_decimal(entry["proceeds"]) for entry in outcomes if entry.get("proceeds") is not None]
    return money(total(sold)) if sold else ""


def history_table(runs: Sequence[Document]) -> Table:
    """Draw past runs, one a line."""
    headings = ["run", "started", "plan", "result", "done", "refused", "sold for", "account then"]
    were_asked = any(run.get("approved_by") for run in runs)
    table = titled(*headings, *(["approved by"] if were_asked else []), justify="rlllrrrll")
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
            words(_sold(run)),
            words(state, STATE_STYLES.get(state, "")),
            *([words(", ".join(vote["person"] for vote in run.get("approved_by", ())))] if were_asked else []),
        )
    return table
