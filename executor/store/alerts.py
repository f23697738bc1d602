"""Alerts: one JSON object a line, for whoever watches the accounts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.logs import RUN, note
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.executor.store.files import append_line
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.model.visible import printable, with_escapes

_LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "CRITICAL": logging.CRITICAL}


def raise_alert(
    path: Path, kind: str, account: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
) -> dict[str, Any]:
    """Append an alert to the account's alerts and return its JSON form.

    An alert that cannot be written is lost to the file alone: it is logged and goes to whoever watches, and the work
    that it is about goes on. The kinds and their figures are in :mod:`exitplan.executor.store.alert_kinds`; one that is
    not registered is written all the same, as a WARNING. Two figures direct its delivery: ``alert_id``, with which it
    reaches a channel once only, and ``channels``, the names of those that it goes to in place of the routes.
    """
    alert = make_alert(kind, account, now, figures, severity)
    write_alert(path, alert)
    return alert


def make_alert(
    kind: str, account: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
) -> dict[str, Any]:
    """Return the JSON form of an alert, and log it."""
    known = ALERT_KINDS.get(kind)
    alert = {
        "timestamp": time_text(now),
        "alert_type": kind,
        "severity": severity or (known.severity if known else "WARNING"),
        "user_id": account,
        **{name: printable(value) if isinstance(value, str) else value for name, value in figures.items()},
    }
    note(RUN, kind, level=_LEVELS.get(alert["severity"], logging.WARNING), account=account, **figures)
    return alert


def write_alert(path: Path, alert: Mapping[str, Any]) -> bool:
    """Append an alert to a file of alerts; false, and logged, where that cannot be written."""
    try:
        append_line(path, with_escapes(orjson.dumps(alert, option=orjson.OPT_APPEND_NEWLINE)))
    except DataFolderUnusable as error:
        account, kind = alert["user_id"], alert["alert_type"]
        note(RUN, "alert_not_written", level=logging.ERROR, account=account, alert_type=kind, message=str(error))
        return False
    return True
