"""Alerts about a fleet as a whole: of the platform account, also where the fleet has no account of that name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from psycopg import Connection

from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.store.alerts import make_alert


def raise_for_fleet(connection: Connection[Any], kind: str, now: datetime, figures: Mapping[str, Any]) -> None:
    """Raise an alert in the caller's transaction: it is told if, and only if, what it is about has come to pass."""
    alert = make_alert(kind, PLATFORM, now, figures)
    connection.execute(
        "INSERT INTO exitplan.alerts (account, at, document) VALUES (%s, %s, %s)", (PLATFORM, now, orjson.dumps(alert))
    )
