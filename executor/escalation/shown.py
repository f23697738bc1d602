"""Incidents as they are shown: each with its ladder, and its JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.escalation.climbing import Incident, next_step_at
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.language.escalation import Ladder
from exitplan.ruleset.model.values import time_text


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


def shown_incidents(file: AccountFile, store: AccountStore, now: datetime, *, ended: bool = False) -> list[Shown]:
    """Return the incidents of an account, open or ended, each with its ladder; raises FileIsInvalid."""
    return [shown_incident(file, incident, now) for incident in incidents_in(store, ended=ended)]


def shown_incident(file: AccountFile, incident: Incident, now: datetime) -> Shown:
    """Return an incident of an account with its ladder."""
    ladder = next((one for one in file.loaded.policy.escalation if one.id == incident.ladder), None)
    return Shown(file.id, incident, ladder, now)


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)
