"""Alerts that are written into the journal together with what they tell, until they are in the account's alerts.

Whoever is killed in between leaves them there, and the next tending raises them with the same id, by which a channel
gets each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from exitplan.executor.store.alerts import make_alert
from exitplan.executor.store.port import AccountStore, StoreBroken, Tables
from exitplan.ruleset.model.values import parse_time, time_text


@dataclass(frozen=True, slots=True)
class Told:
    """An alert to be raised: an id by which it is delivered once, and its figures; None is the severity of its kind."""

    alert_id: str
    kind: str
    severity: str | None
    figures: Mapping[str, Any]


def tell_later(db: Tables, alert: Told, now: datetime) -> None:
    """Note an alert that is to be raised, within the transaction of what it tells."""
    document = orjson.dumps({**asdict(alert), "at": time_text(now)})
    number = "(SELECT coalesce(max(number), 0) + 1 FROM untold_alerts)"
    db.execute(f"INSERT INTO untold_alerts (number, document) VALUES ({number}, ?)", (document,))  # noqa: S608 - our own words


def raise_untold(db: Tables, store: AccountStore) -> None:
    """Raise what is to be told, outside of a transaction; what a process that was killed left behind comes first.

    What cannot be written into the account's alerts, as on a full disk, stays for the next time.
    """
    for number, document in db.execute("SELECT number, document FROM untold_alerts ORDER BY number").fetchall():
        alert = _alert(document, store.account)
        if not store.write_alert(alert):
            return
        # Another process may have raised it too, and a later alert stand under its number by now.
        db.execute("DELETE FROM untold_alerts WHERE number = ? AND document = ?", (number, document))


def _alert(document: bytes, account: str) -> dict[str, Any]:
    try:
        told = orjson.loads(document)
        figures = {"alert_id": told["alert_id"], **told["figures"]}
        return make_alert(told["kind"], account, parse_time(told["at"]), figures, told["severity"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreBroken(f"an alert in it is broken: {error}") from error
