"""Incidents, drawn: what is wrong since when, who is told next, and who has taken it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import titled, words
from exitplan.executor.escalation.climbing import Incident
from exitplan.executor.escalation.shown import Shown
from exitplan.ruleset.planning.words import clock_time, counted, reason_text


def incidents_table(shown: Sequence[Shown]) -> Table:
    """Draw open incidents."""
    table = titled("incident", "account", "what", "since", "step", "next", "acknowledged by", justify="lllllll")
    for one in shown:
        table.add_row(
            words(one.incident.id, "bold"),
            words(one.account),
            _what(one.incident),
            words(clock_time(one.incident.since)),
            words(_step(one)),
            words(clock_time(one.next_at) if one.next_at else "-"),
            _taken(one),
        )
    return table


def ended_table(shown: Sequence[Shown]) -> Table:
    """Draw incidents that have ended."""
    table = titled("incident", "account", "what", "since", "ended", "how", justify="llllll")
    for one in shown:
        incident = one.incident
        ended = clock_time(incident.ended_at) if incident.ended_at else "-"
        table.add_row(
            words(incident.id, "bold"),
            words(one.account),
            _what(incident),
            words(clock_time(incident.since)),
            words(ended),
            words(incident.ended_how or "-"),
        )
    return table


def incidents_line(incidents: Sequence[Incident], now: datetime) -> Text | None:
    """Write how many incidents are open, and of how many nobody has taken care; None where none is."""
    if not incidents:
        return None
    free = sum(not incident.is_silenced(now) for incident in incidents)
    said = f"{counted(len(incidents), 'open incident')}, {free} not acknowledged: see exitplan incidents"
    return words(said, "bold red" if free else "yellow")


def _what(incident: Incident) -> Text:
    about = incident.kind.replace("_", " ")
    subject = "" if incident.kind == "not_clean" else f" {incident.subject}"
    reason = f" ({reason_text(incident.reason)})" if incident.reason else ""
    return words(f"{about}{subject}{reason}")


def _step(one: Shown) -> str:
    return f"{one.incident.step} of {len(one.ladder.steps)}" if one.ladder else str(one.incident.step)


def _taken(one: Shown) -> Text:
    ack = one.incident.ack
    if ack is None or not ack.silences(one.now):
        return words("nobody", "red")
    until = f" until {clock_time(ack.until)}" if ack.until else ""
    return words(f"{ack.by}{until}: {ack.why}")
