"""Alerts: one JSON object a line, for whoever watches the accounts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.logs import RUN, note
from exitplan.executor.store.files import append_line
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.model.visible import printable, with_escapes


@dataclass(frozen=True, slots=True)
class AlertKind:
    """A kind of alert, its severity unless a rule names another, and what it tells."""

    name: str
    severity: str
    meaning: str


ALERT_KINDS: Mapping[str, AlertKind] = {
    kind.name: kind
    for kind in (
        AlertKind("POSITION_CAP_VIOLATION", "CRITICAL", "The account holds more positions than the cap allows."),
        AlertKind("ZOMBIE_ESCALATED", "CRITICAL", "A zombie cannot be closed; a person must look at it."),
        AlertKind("EXIT_FAILED", "WARNING", "The venue refused an exit, or it never got there."),
        AlertKind("UNWIND_REANCHORED", "WARNING", "A position has grown while it was unwound; its unwind starts anew."),
        AlertKind("OUTCOME_UNKNOWN", "CRITICAL", "The outcome of an order is unknown; the account stops."),
        AlertKind("ENGINE_DISAGREEMENT", "CRITICAL", "The rule engine cannot be trusted; nothing was planned."),
        AlertKind("BALANCE_ACCEPTED", "INFO", "A person has said that what the account holds is right."),
        AlertKind("JOURNAL_RESTORED", "WARNING", "The account's journal was put back from a backup."),
        AlertKind("PRICE_UNAVAILABLE", "WARNING", "A price could not be read; nothing was sent for the position."),
        AlertKind("OVERSIZED_HIGH_EXPOSURE", "CRITICAL", "One coin of high exposure is much of the account."),
        AlertKind("NEAR_DUST_THRESHOLD", "WARNING", "A coin of high exposure is about to become dust."),
        AlertKind(
            "EXCESSIVE_HIGH_EXPOSURE_CONCENTRATION", "CRITICAL", "Coins of high exposure are much of the account."
        ),
    )
}

SEVERITIES = ("INFO", "WARNING", "CRITICAL")
"""How bad alerts are, the mildest first."""
_LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "CRITICAL": logging.CRITICAL}


def raise_alert(
    path: Path, kind: str, account: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
) -> dict[str, Any]:
    """Append an alert to the account's alerts and return its JSON form.

    An alert that cannot be written is lost to the file alone: it is logged and goes to whoever watches, and the work
    that it is about goes on.
    """
    alert = {
        "timestamp": time_text(now),
        "alert_type": kind,
        "severity": severity or ALERT_KINDS[kind].severity,
        "user_id": account,
        **{name: printable(value) if isinstance(value, str) else value for name, value in figures.items()},
    }
    note(RUN, kind, level=_LEVELS.get(alert["severity"], logging.WARNING), account=account, **figures)
    try:
        append_line(path, with_escapes(orjson.dumps(alert, option=orjson.OPT_APPEND_NEWLINE)))
    except DataFolderUnusable as error:
        note(RUN, "alert_not_written", level=logging.ERROR, account=account, alert_type=kind, message=str(error))
    return alert
