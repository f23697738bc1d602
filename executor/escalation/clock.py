"""Tell that this machine's clock is off the venue's: once when that begins, and once when it is right again."""

from __future__ import annotations

from datetime import datetime

from exitplan.brokers.clock_offset import TOLD
from exitplan.executor.accounts.account import Account
from exitplan.executor.escalation.incidents import IncidentFile
from exitplan.executor.store.untold import Told
from exitplan.ruleset.model.values import time_text

CLOCK = "clock_off"


def compare_clocks(account: Account, file: IncidentFile, now: datetime) -> None:
    """Have a change told: the clock is surely off by more than a second, or surely right again."""
    offset = account.clock_offset
    if offset is None:
        return
    problem, was_off = offset.problem(TOLD), file.is_noted(CLOCK)
    if problem is not None and not was_off:
        _tell(file, "CLOCK_OFF", "WARNING", {"reason": problem, "venue": account.venue}, now)
    elif was_off and offset.is_within(TOLD):
        _tell(file, "CLOCK_RIGHT", "INFO", {"venue": account.venue}, now)


def _tell(file: IncidentFile, kind: str, severity: str, figures: dict[str, str], now: datetime) -> None:
    with file.changing():
        file.note(CLOCK, now, is_there=kind == "CLOCK_OFF")
        file.tell_later(Told(f"{kind.lower()}-{time_text(now)}", kind, severity, figures), now)
