"""Channels of alerts, drawn: what each gets, how it stands, and what a delivery came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from exitplan.cli.rendering.screen import rows, titled, words
from exitplan.executor.alerting.channels import Channel
from exitplan.executor.alerting.delivery import DeliveryReport
from exitplan.executor.alerting.outbox import ChannelState
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time, counted

States = Sequence[tuple[Channel, ChannelState]]


def channels_table(states: States) -> Table:
    """Draw channels, one a row."""
    table = titled("channel", "address", "gets", "waiting", "last sent", "state", justify="lllrll")
    for channel, state in states:
        style = "bold red" if state.failures else ""
        table.add_row(
            words(channel.name),
            words(channel.url),
            words(_gets(channel)),
            words(f"{state.waiting:,}"),
            words(clock_time(state.sent_at) if state.sent_at else "never"),
            words(_standing(state), style),
        )
    return table


def problems_table(states: States, now: datetime) -> Table | None:
    """Draw why channels fail, and when they are tried again; None where none does."""
    table = rows("l", "l")
    for channel, state in states:
        if state.failures:
            table.add_row(words(channel.name, "bold red"), words(_problem(state, now)))
    return table if table.row_count else None


def _gets(channel: Channel) -> str:
    if channel.only_named:
        return "alerts that name it"
    kinds = ", ".join(sorted(channel.kinds)) or f"{channel.severity.lower()} or worse"
    whose = [*sorted(channel.accounts), *(f"#{tag}" for tag in sorted(channel.tags))]
    return f"{kinds}, of {', '.join(whose)}" if whose else kinds


def _standing(state: ChannelState) -> str:
    if state.failures:
        return "fails"
    return "works" if state.sent_at else "not used yet"


def _problem(state: ChannelState, now: datetime) -> str:
    since = clock_time(state.failed_since) if state.failed_since else "?"
    again = clock_time(state.next_try) if state.next_try > now else "with the next delivery"
    why = (state.problem or "").rstrip(".")
    return f"failed {state.failures} times since {since}: {why}; next attempt {again}"


def channel_document(channel: Channel, state: ChannelState) -> dict[str, Any]:
    """Return a channel in its JSON form."""
    return {
        "channel": channel.name,
        "url": channel.url,
        "severity": channel.severity,
        "only_named": channel.only_named,
        "waiting": state.waiting,
        "sent_at": state.sent_at and time_text(state.sent_at),
        "failures": state.failures,
        "failed_since": state.failed_since and time_text(state.failed_since),
        "problem": state.problem,
        "next_try": time_text(state.next_try) if state.failures else None,
    }


def tests_table(tried: Mapping[str, str | None]) -> Table:
    """Draw what came of test messages."""
    table = rows("l", "l", "l")
    for name, problem in tried.items():
        verdict = words("failed", "bold red") if problem else words("sent", "green")
        table.add_row(words(name), verdict, words(problem or "check that it arrived", "" if problem else "dim"))
    return table


def delivery_text(report: DeliveryReport) -> str:
    """Say in a line what went to whom, and what waits."""
    parts = list(_parts(report))
    return f"{'; '.join(parts)}." if parts else "No alerts to send."


def _parts(report: DeliveryReport) -> Iterator[str]:
    for name, count in report.sent.items():
        yield f"{counted(count, 'alert')} sent to {name}"
    for name, count in report.waiting.items():
        yield f"{counted(count, 'alert waits', 'alerts wait')} for {name}"


def delivery_document(report: DeliveryReport) -> dict[str, Any]:
    """Return what a delivery came to in its JSON form."""
    names = dict.fromkeys((*report.sent, *report.failed, *report.waiting))
    return {
        "taken": report.taken,
        "too_old": report.too_old,
        "channels": [
            {
                "channel": name,
                "sent": report.sent.get(name, 0),
                "waiting": report.waiting.get(name, 0),
                "problem": report.failed.get(name),
            }
            for name in names
        ],
        "warnings": list(report.warnings),
    }
