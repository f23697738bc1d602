"""Incidents, drawn: what is wrong since when, who is told next, and who has taken it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import titled, words
from exitplan.executor.escalation.climbing import Incident, next_step_at
from exitplan.ruleset.language.escalation import Ladder
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time, counted, reason_text


@dataclass(frozen=True, slots=True)
class Shown:
    """An incident of an account as it stands now; the ladder is None where its policy has none for it any more."""

    account: str
    incident: Incident
    ladder: Ladder | None
    now: datetime

    @property
    def next_at(self) -> datetime | None:
        """When the next step is told unless it is over before; None where none is."""
        incident, ack = self.incident, self.incident.ack
        if self.ladder is None or incident.ended_at is not None:
            return None
        if ack is not None and ack.silences(self.now) and ack.until is None:
            return None
        return next_step_at(incident, self.ladder)

    @property
    def document(self) -> dict[str, Any]:
        """The incident in its JSON form."""
        incident, ack = self.incident, self.incident.ack
        is_taken = ack is not None and ack.silences(self.now)
        taken = {"by": ack.by, "at": _time(ack.at), "until": _time(ack.until), "why": ack.why} if ack else None
        return {
            "id": incident.id,
            "account": self.account,
            "ladder": incident.ladder,
            "about": incident.kind,
            "subject": incident.subject,
            "reason": incident.reason,
            "since": _time(incident.since),
            "opened_at": _time(incident.opened_at),
            "step": incident.step,
            "steps": None if self.ladder is None else len(self.ladder.steps),
            "told_at": _time(incident.told_at),
            "told": list(incident.told),
            "next_at": _time(self.next_at),
            "acknowledged": taken if is_taken else None,
            "ended_at": _time(incident.ended_at),
            "ended_how": incident.ended_how,
        }


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


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)
