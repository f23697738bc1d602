"""Halt accounts and resume them, and take incidents."""

from __future__ import annotations

from datetime import timedelta

from exitplan.executor.escalation.acknowledging import acknowledge
from exitplan.executor.escalation.climbing import Ack
from exitplan.ruleset.errors import UsageError
from exitplan.web.acts.deciding import said
from exitplan.web.acts.desk import Desk

ACK_HOURS = (1, 4, 12, 24)
"""For how long an incident can be taken, in hours; else until it is over."""
_MOST_WORDS = 300
"""Characters of a reason that are kept of a halt, which has to be possible with any: who it was stands behind it."""


def halt_accounts(desk: Desk, account: str | None, why: str) -> None:
    """Send nothing for an account, or for none at all, until somebody resumes; raises DataFolderUnusable.

    The halt itself says who is logged in.
    """
    reason = f"{why.strip()[:_MOST_WORDS] or 'halted'}, in the dashboard"
    if account is None:
        desk.given.place.halt(reason, desk.given.clock())
        desk.overview.renew_all()
    else:
        desk.store(account).halt(reason, desk.given.clock())
        desk.overview.renew(account)


def resume_accounts(desk: Desk, account: str | None) -> bool:
    """End a halt; false where there was none."""
    if account is None:
        ended = desk.given.place.resume()
        desk.overview.renew_all()
        return ended
    ended = desk.store(account).resume()
    desk.overview.renew(account)
    return ended


def take_incident(desk: Desk, account: str, incident: str, person: str, why: str, hours: str, *, undo: bool) -> None:
    """Note that a person has taken an incident, or gives it back; raises UsageError."""
    now = desk.given.clock()
    reason = why.strip()[:_MOST_WORDS] if undo else said(why, "an acknowledgement")
    until = None if undo or not hours else now + timedelta(hours=_hours(hours))
    acknowledge({account: desk.store(account)}, incident, Ack(0, person, now, reason, until, undo))
    desk.overview.renew(account)


def _hours(text: str) -> int:
    if text not in {str(hours) for hours in ACK_HOURS}:
        raise UsageError(f"an incident cannot be taken for {text!r} hours", hint="choose one of the times in the form")
    return int(text)
