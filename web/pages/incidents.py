"""What goes wrong for too long: each incident with its ladder, who is told next, and who has taken it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from exitplan.executor.approvals.deciding import Unread
from exitplan.executor.escalation.climbing import Incident
from exitplan.executor.escalation.shown import Shown, shown_incidents
from exitplan.ruleset.planning.words import reason_text
from exitplan.web.acts.desk import Desk, desk_of
from exitplan.web.acts.halting import ACK_HOURS, take_incident
from exitplan.web.pages.showing import place_in, see, show

_MOST_ENDED = 30


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: after how long, who is told, and whether they were."""

    text: str
    is_told: bool


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident of an account as it stands now, as a page draws it."""

    shown: Shown

    @property
    def account(self) -> str:
        """The account that it is of."""
        return self.shown.account

    @property
    def incident(self) -> Incident:
        """The incident."""
        return self.shown.incident

    @property
    def what(self) -> str:
        """What it is about."""
        incident = self.incident
        subject = "" if incident.kind == "not_clean" else f" {incident.subject}"
        reason = f" ({reason_text(incident.reason)})" if incident.reason else ""
        return f"{incident.kind.replace('_', ' ')}{subject}{reason}"

    @property
    def is_taken(self) -> bool:
        """Whether somebody has taken it, and that holds."""
        return self.incident.is_silenced(self.shown.now)

    @property
    def next_at(self) -> datetime | None:
        """When the next step is told unless it is over before; None where none is."""
        return self.shown.next_at

    @property
    def rungs(self) -> list[Rung]:
        """The steps of its ladder."""
        steps = () if self.shown.ladder is None else self.shown.ladder.steps
        return [Rung(step.text, number <= self.incident.step) for number, step in enumerate(steps, 1)]


def incident_lines(desk: Desk, account: str, *, ended: bool = False) -> list[IncidentLine]:
    """Return the incidents of an account, open or ended."""
    shown = shown_incidents(desk.file(account), desk.store(account), desk.given.clock(), ended=ended)
    return [IncidentLine(one) for one in shown]


def incidents_page(request: Request) -> Response:
    """Show the open incidents of all accounts, those that nobody has taken first; or of one account, with the ended."""
    desk = desk_of(request)
    only = request.query_params.get("account")
    if only:
        lines, unread = incident_lines(desk, only), list[Unread]()
    else:
        among = [row.id for row in desk.overview.now().rows if row.incidents or row.taken]
        shown, unread = desk.given.incidents(among=among)
        lines = [IncidentLine(one) for one in shown]
    problems = [f"{name}: {problem}" for name, problem in unread]
    lines.sort(key=lambda line: (line.is_taken, line.incident.since))
    ended = incident_lines(desk, only, ended=True)[:_MOST_ENDED] if only else []
    return show(request, "incidents.html", lines=lines, problems=problems, only=only, ended=ended, ack_hours=ACK_HOURS)


def take_act(request: Request) -> Response:
    """Take an incident, or give it back."""
    desk, form, asked = desk_of(request), request.state.form, request.path_params
    take_incident(
        desk,
        asked["account"],
        asked["incident"],
        request.state.person,
        form.get("why", ""),
        form.get("hours", ""),
        undo=form.get("undo") == "1",
    )
    return see(place_in(request, "/incidents"))
