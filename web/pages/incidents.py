"""What goes wrong for too long: each incident with its ladder, who is told next, and who has taken it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from exitplan.executor.escalation.climbing import Incident, next_step_at
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.language.escalation import Ladder
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
    """An incident of an account as it stands now; the ladder is None where the policy has it no more."""

    account: str
    incident: Incident
    ladder: Ladder | None
    now: datetime

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
        return self.incident.is_silenced(self.now)

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
    def rungs(self) -> list[Rung]:
        """The steps of its ladder."""
        steps = () if self.ladder is None else self.ladder.steps
        return [Rung(step.text, number <= self.incident.step) for number, step in enumerate(steps, 1)]


def incident_lines(desk: Desk, account: str, *, ended: bool = False) -> list[IncidentLine]:
    """Return the incidents of an account, open or ended."""
    now = desk.given.clock()
    ladders = {ladder.id: ladder for ladder in desk.file(account).loaded.policy.escalation}
    incidents = incidents_in(desk.store(account), ended=ended)
    return [IncidentLine(account, incident, ladders.get(incident.ladder), now) for incident in incidents]


def incidents_page(request: Request) -> Response:
    """Show the open incidents of all accounts, those that nobody has taken first; or of one account, with the ended."""
    desk = desk_of(request)
    only = request.query_params.get("account")
    names = [only] if only else [row.id for row in desk.overview.now().rows if row.incidents or row.taken]
    lines, problems = list[IncidentLine](), list[str]()
    for name in names:
        try:
            lines += incident_lines(desk, name)
        except ExitplanError as problem:  # the incidents of the other accounts are shown all the same
            problems.append(f"{name}: {problem}")
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
