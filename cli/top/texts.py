"""What is shown, in words: nothing of it is obeyed, by the terminal or as markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rich.text import Text

from exitplan.cli.rendering.screen import words
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.words import clock_time, counted, duration, exact, money, rounded_percent
from exitplan.web.pages.account_lines import GivenUp, NewestPlan, PositionLine, UnwindLine
from exitplan.web.pages.accounts import AccountRow, Attention, Page

STYLES: Mapping[Attention, str] = {
    Attention.UNREADABLE: "bold red",
    Attention.INCIDENT: "bold red",
    Attention.UNKNOWN: "bold magenta",
    Attention.WAITS: "bold yellow",
    Attention.HALTED: "yellow",
    Attention.CUT_OFF: "bold red",
    Attention.NEEDS_CLEANUP: "yellow",
    Attention.IN_PROGRESS: "cyan",
    Attention.NEVER_VERIFIED: "dim",
    Attention.CLEAN: "green",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list: its heading, its width, from which width of the terminal on it is shown, and its cell."""

    heading: str
    width: int
    needs: int
    cell: Callable[[AccountRow, datetime], Text]


def _right(text: str, width: int, style: str = "") -> Text:
    made = words(text, style)
    made.align("right", width)
    return made


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago something was."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    return f"in {duration(seconds)}" if seconds < 0 else f"{duration(seconds)} ago"


def _held(row: AccountRow) -> str:
    if row.positions is None:
        return "?"
    return f"{row.positions}, cap {row.counted} of {row.cap}" if row.cap is not None else f"{row.positions}"


def _about(row: AccountRow) -> str:
    """Say what a person has to know first."""
    parts = [
        row.problem or "",
        f"{row.missing} to approve" if row.request is not None and row.missing else "",
        counted(row.escalated, "exit") + " given up" if row.escalated else "",
        f"halted: {row.halt}" if row.halt is not None else "",
        "at work" if row.under_way else "",
    ]
    return "; ".join(part for part in parts if part)


COLUMNS: tuple[Column, ...] = (
    Column("account", 18, 0, lambda row, _: words(row.id, "bold")),
    Column("state", 19, 0, lambda row, _: words(row.attention.text, STYLES[row.attention])),
    Column("equity", 20, 66, lambda row, _: _right(money(row.equity, row.quote), 20)),
    Column("positions", 9, 90, lambda row, _: _right(_held(row), 9)),
    Column("unwinds", 7, 110, lambda row, _: _right(str(row.unwinds or ""), 7)),
    Column("verified", 16, 130, lambda row, now: words(ago(row.verified_at, now))),
    Column("venue", 10, 142, lambda row, _: words(row.venue)),
    Column("policy", 16, 160, lambda row, _: words(row.policy, "dim")),
)
ABOUT = Column("about", 10, 0, lambda row, _: words(_about(row), "dim"))
"""What stands last, in all the room that is left, where that is enough."""


def columns_for(width: int) -> list[Column]:
    """Return the columns that a terminal of this width has room for."""
    shown = [column for column in COLUMNS if column.needs <= width]
    left = width - sum(column.width + 2 for column in shown) - 4
    return [*shown, replace(ABOUT, width=left)] if left >= ABOUT.width else shown


def counts_text(page: Page, search: str, wanted: str, at: datetime | None) -> Text:
    """Say how many accounts there are of each state, and which part of them is shown."""
    made = Text()
    for attention, count in page.counts:
        style = STYLES[attention] if not wanted or wanted == attention.name else "dim"
        made.append(f"{count:,} {attention.text}   ", style)
    shown = f"{page.fitting:,} of {page.total:,}" if page.fitting != page.total else f"{page.total:,}"
    made.append(f"\n{shown} accounts", "bold")
    made.append(f", page {page.number} of {page.pages}" if page.pages > 1 else "")
    made.append_text(words(f", with {search!r}" if search else ""))
    made.append(f", as of {at:%H:%M:%S} UTC" if at is not None else "", "dim")
    return made


# --- one account ---


def head_text(row: AccountRow, now: datetime) -> Text:
    """Say how an account stands."""
    made = words(row.id, "bold").append_text(words(f" at {row.venue or '?'}  "))
    made.append_text(words(row.attention.text, STYLES[row.attention]))
    made.append("  live" if row.is_live else "", "bold red")
    facts = f"\nequity {money(row.equity, row.quote)}   positions {_held(row)}   policy {row.policy or '?'}"
    made.append_text(words_of(facts))
    made.append_text(words_of(f"\nverified {ago(row.verified_at, now)}   last run {ago(row.last_run, now)}"))
    about = _about(row)
    return made.append_text(words_of(f"\n{about}", "yellow")) if about else made


def words_of(text: str, style: str = "") -> Text:
    """Take several lines of text as :func:`words` takes one."""
    return Text("\n").join(words(line, style) for line in text.split("\n"))


POSITIONS = (("position", 16), ("value", 14), ("share", 8), ("P&L", 8), ("category", 16), ("plan", 8), ("why", 60))


def position_cells(line: PositionLine) -> tuple[Text, ...]:
    """Return the cells of a position."""
    side = "" if line.side == "long" else f" {line.side}"
    gain = "" if line.profit is None else "green" if line.profit > 0 else "red" if line.profit < 0 else ""
    return (
        words(f"{line.symbol}{side}", "bold"),
        _right(money(line.value), 14),
        _right("?" if line.share is None else rounded_percent(line.share), 8),
        _right("?" if line.profit is None else rounded_percent(line.profit), 8, gain),
        words(line.category),
        words(line.action, "bold"),
        words(line.why, "dim"),
    )


def plan_text(newest: NewestPlan | None, held: int, shown: int) -> Text:
    """Say where the positions are from."""
    if newest is None:
        return words("No plan is known yet: exitplan plan, or exitplan watch, makes one.", "dim")
    part = f"{shown} of {held}" if shown != held else f"{held}"
    return words(f"{part} positions, by {newest.origin}, made {clock_time(newest.plan.created_at)}", "dim")


def unwinds_text(unwinds: Sequence[UnwindLine], now: datetime) -> Text:
    """Draw the unwinds under way as timelines."""
    made = Text("Unwinds", "bold")
    for unwind in unwinds:
        made.append("\n  ").append_text(words(unwind.key, "bold"))
        made.append_text(words(f" of {exact(unwind.progress.initial_quantity)}  "))
        for cycle in unwind.cycles:
            made.append("■" if cycle.is_done else "□", "green" if cycle.is_done else "dim")
        following = next((cycle for cycle in unwind.cycles if not cycle.is_done), None)
        done = sum(cycle.is_done for cycle in unwind.cycles)
        made.append_text(
            words(f"  {done} of {len(unwind.cycles)}, {rounded_percent(unwind.progress.remaining_pct)} left")
        )
        if following is not None and following.due is not None:
            due = "due now" if following.due <= now else f"next {clock_time(following.due)}"
            made.append_text(words(f", {due}", "yellow" if due == "due now" else "dim"))
    return made if unwinds else Text()


def rest_text(
    waiting: str | None,
    given_up: Sequence[GivenUp],
    runs: Sequence[Mapping[str, Any]],
    alerts: Sequence[Mapping[str, Any]],
) -> Text:
    """Say what waits, what was given up, and what happened last."""
    lines = [*_waiting(waiting), *_given_up(given_up), *_runs(runs), *_alerts(alerts)]
    return Text("\n").join(lines)


def _waiting(plan: str | None) -> Iterator[Text]:
    if plan is not None:
        yield Text("Waits for people", "bold yellow")
        yield words(f"  plan {plan}: exitplan pending {plan}, or approve it in the dashboard")


def _given_up(entries: Sequence[GivenUp]) -> Iterator[Text]:
    if entries:
        yield Text("Failed or given up", "bold red")
    for entry in entries:
        yield words(f"  {entry.key}: {entry.reason}")


def _runs(runs: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    if runs:
        yield Text("Last runs", "bold")
    for run in runs:
        state = "at work" if run["under_way"] else run["account_state"] or "not ended"
        done = f"{counted(run['done'], 'action')} done, {run['refused']} refused"
        yield words(f"  {run['run']}  {clock_time(parse_time(run['started_at']))}  {state}  {done}")


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    if alerts:
        yield Text("Last alerts", "bold")
    for alert in alerts:
        style = "red" if alert.get("severity") == "CRITICAL" else ""
        yield words(f"  {alert.get('timestamp')}  {alert.get('alert_type')}", style)
