"""Alerts that are raised in a transaction: of an account, or of the platform account about a fleet as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from psycopg import Connection

from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.store.alerts import make_alert


def raise_for_fleet(connection: Connection[Any], kind: str, now: datetime, figures: Mapping[str, Any]) -> None:
    """Raise an alert about the fleet as a whole, also where it has no account of the platform's name."""
    raise_for(connection, PLATFORM, kind, now, figures)


def raise_for(connection: Connection[Any], account: str, kind: str, now: datetime, figures: Mapping[str, Any]) -> None:
    """Raise an alert in the caller's transaction: it is told if, and only if, what it is about has come to pass."""
    alert = make_alert(kind, account, now, figures)
    connection.execute(
        "INSERT INTO exitplan.alerts (account, at, document) VALUES (%s, %s, %s)", (account, now, orjson.dumps(alert))
    )
