"""Decide what becomes of incidents: which are opened, which climb a step, and which are over. Pure.

Each step is told once, and only after the one before it; at one tending an incident climbs one step at most, however
far the clock has jumped: the wait for the next step begins when a step is told. A clock that jumps back tells nothing
anew: the wait begins again. An acknowledgement silences until it ends; from then on the ladder goes on from where it
was. What is over is told once, to those who were told of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from exitplan.executor.store.untold import Told
from exitplan.ruleset.language.escalation import ESCALATION_KINDS, Ladder, Step
from exitplan.ruleset.model.values import time_text

_ID_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong now: its kind, what it is about, since when, and how often it failed.

    ``reason`` says more to a person. ``since`` is the moment from which it counts, ``is_given_up`` that exitplan tries
    nothing more by itself: then no number of failures is waited for.
    """

    kind: str
    subject: str
    since: datetime
    failures: int = 0
    is_given_up: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """A person's word on an incident: taken care of until a time, without one until it is over; or taken back."""

    number: int
    by: str
    at: datetime
    why: str
    until: datetime | None = None
    is_undone: bool = False

    def silences(self, now: datetime) -> bool:
        """Check whether nobody is to be told now."""
        return not self.is_undone and (self.until is None or now < self.until)

    @property
    def ended_at(self) -> datetime:
        """When it stopped to silence, of one that has."""
        return self.at if self.is_undone or self.until is None else self.until


@dataclass(frozen=True, slots=True)
class Incident:
    """A trouble that lasted too long, and how far up its ladder it has come.

    ``step`` counts the steps that were told, ``repeats`` how often the last one was told again. ``waits_from`` is when
    the wait for what comes next begins. ``ack`` is the newest word of a person, ``resumed`` the number of the one after
    whose end the ladder went on.
    """

    id: str
    ladder: str
    kind: str
    subject: str
    opened_at: datetime
    since: datetime
    waits_from: datetime
    step: int = 0
    repeats: int = 0
    told_at: datetime | None = None
    told: tuple[str, ...] = ()
    reason: str | None = None
    resumed: int = 0
    ended_at: datetime | None = None
    ended_how: str | None = None
    ack: Ack | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which ladder it climbs, and what it is about: of these there is one open incident."""
        return self.ladder, self.subject

    def is_silenced(self, now: datetime) -> bool:
        """Check whether a person has taken it."""
        return self.ack is not None and self.ack.silences(now)


@dataclass(frozen=True, slots=True)
class Tended:
    """What became of the incidents: those that are open or have just ended, and what is told."""

    incidents: tuple[Incident, ...] = ()
    alerts: tuple[Told, ...] = ()

    @property
    def open(self) -> tuple[Incident, ...]:
        """The incidents that are open."""
        return tuple(incident for incident in self.incidents if incident.ended_at is None)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is wrong with an account now; ``unread`` are the kinds of which nobody could find out.

    ``incidents`` is how many the account has ever had: two that are opened at one moment, since the clock went back,
    have different ids. ``interval`` is that between the cycles of an unwind.
    """

    account: str
    now: datetime
    troubles: Sequence[Trouble] = ()
    unread: Collection[str] = ()
    interval: timedelta = timedelta(0)
    incidents: int = 0


def tend_incidents(ladders: Sequence[Ladder], open_now: Sequence[Incident], seen: Situation) -> Tended:
    """Open, climb and end incidents."""
    climbs = [_go_on(ladders, incident, seen) for incident in open_now]
    known = {incident.key for incident in open_now}
    climbs += [
        _climb(incident, ladder, seen)
        for ladder in ladders
        for incident in _opened(ladder, seen)
        if incident.key not in known
    ]
    return Tended(tuple(incident for incident, _ in climbs), tuple(alert for _, alert in climbs if alert is not None))


def next_step_at(incident: Incident, ladder: Ladder) -> datetime | None:
    """Return when the next step is told, or the last one again, unless somebody takes it; None where none is."""
    step = _next_step(incident, ladder)
    if step is None:
        return None
    wait = step.after if incident.step < len(ladder.steps) else step.repeat or timedelta(0)
    due = incident.waits_from + wait
    return max(due, incident.ack.ended_at) if _resumes(incident) and incident.ack else due


def _opened(ladder: Ladder, seen: Situation) -> Iterator[Incident]:
    for trouble in seen.troubles:
        lasted, patience = seen.now - trouble.since, ladder.patience
        is_due = trouble.is_given_up and patience.failures is not None
        if trouble.kind == ladder.on and (is_due or patience.is_over(trouble.failures, lasted, seen.interval)):
            yield Incident(
                id=_id_of(seen, ladder, trouble),
                ladder=ladder.id,
                kind=trouble.kind,
                subject=trouble.subject,
                opened_at=seen.now,
                since=trouble.since,
                waits_from=seen.now,
                reason=trouble.reason,
            )


def _id_of(seen: Situation, ladder: Ladder, trouble: Trouble) -> str:
    """Return an id that tells the ladder and differs with account, subject and moment."""
    about = f"{seen.account}\n{ladder.id}\n{trouble.kind}\n{trouble.subject}\n{seen.now.isoformat()}\n{seen.incidents}"
    return f"{ladder.id}-{hashlib.sha256(about.encode()).hexdigest()[:_ID_DIGITS]}"


def _go_on(ladders: Sequence[Ladder], incident: Incident, seen: Situation) -> tuple[Incident, Told | None]:
    ladder = next((one for one in ladders if (one.id, one.on) == (incident.ladder, incident.kind)), None)
    if ladder is None:
        return _end(incident, "the policy no longer has this ladder", seen)
    if incident.kind in seen.unread:
        return _climb(incident, ladder, seen)
    trouble = next((one for one in seen.troubles if _is_of(one, incident)), None)
    if trouble is None:
        return _end(incident, "its cause is gone", seen)
    return _climb(replace(incident, reason=trouble.reason), ladder, seen)


def _is_of(trouble: Trouble, incident: Incident) -> bool:
    """Check whether an incident is about a trouble that is still there."""
    has_moved = ESCALATION_KINDS[trouble.kind].moves and trouble.since != incident.since
    return (trouble.kind, trouble.subject) == (incident.kind, incident.subject) and not has_moved


def _climb(incident: Incident, ladder: Ladder, seen: Situation) -> tuple[Incident, Told | None]:
    """Tell the next step where its time has come, unless somebody has taken the incident."""
    if seen.now < incident.waits_from:  # the clock went back: the wait begins again
        incident = replace(incident, waits_from=seen.now)
    due, step = next_step_at(incident, ladder), _next_step(incident, ladder)
    if step is None or due is None or seen.now < due or incident.is_silenced(seen.now):
        return incident, None
    is_new = incident.step < len(ladder.steps)
    climbed = replace(
        incident,
        step=incident.step + is_new,
        repeats=0 if is_new else incident.repeats + 1,
        told_at=seen.now,
        waits_from=seen.now,
        told=tuple(dict.fromkeys((*incident.told, *step.channels))),
        resumed=incident.ack.number if _resumes(incident) and incident.ack else incident.resumed,
    )
    return climbed, _alert_of(climbed, ladder, step)


def _next_step(incident: Incident, ladder: Ladder) -> Step | None:
    """Return the next step; the last one again where it repeats, or where an acknowledgement has run out."""
    if incident.step < len(ladder.steps):
        return ladder.steps[incident.step]
    last = ladder.steps[-1]
    return last if last.repeat is not None or _resumes(incident) else None


def _resumes(incident: Incident) -> bool:
    """Check whether the ladder has still to go on after the newest acknowledgement, once that has run out."""
    ack = incident.ack
    return ack is not None and ack.number > incident.resumed and (ack.is_undone or ack.until is not None)


def _alert_of(incident: Incident, ladder: Ladder, step: Step) -> Told:
    again = f".{incident.repeats}" if incident.repeats else ""
    figures = {
        **_figures(incident),
        "step": f"{incident.step} of {len(ladder.steps)}",
        "since": time_text(incident.since),
        "channels": list(step.channels),
    }
    return Told(f"{incident.id}.{incident.step}{again}", "ESCALATION", step.severity, figures)


def _end(incident: Incident, how: str, seen: Situation) -> tuple[Incident, Told | None]:
    """End an incident; whoever was told of it is told that."""
    ended = replace(incident, ended_at=seen.now, ended_how=how)
    if not incident.told:
        return ended, None
    figures = {**_figures(ended), "ended": how, "channels": list(incident.told)}
    return ended, Told(f"{incident.id}.end", "ESCALATION_ENDED", "INFO", figures)


def _figures(incident: Incident) -> dict[str, Any]:
    about = ESCALATION_KINDS[incident.kind].subject
    subject = {"symbol" if about == "position" else about: incident.subject} if about != "account" else {}
    return {"incident": incident.id, "about": incident.kind, **subject, "reason": incident.reason}
