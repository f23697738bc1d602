"""The journal for an auditor: who ran what under which policy, and each order with what became of it, run by run.

It is read as of one moment, also while a run is at work, and one run at a time: memory stays bounded however long the
history is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.store.journal import open_journal
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.values import parse_time

_RUNS = (
    "SELECT run_id AS run, plan_id, started_at, runs.ended_at, exit_code, state AS account_state, actor, pid, host,"
    " sha256 FROM runs JOIN plans USING (plan_id) ORDER BY run_id"
)
# Attempts of earlier versions carry no run: they are of the newest that had begun by then.
_ORDERS = """
SELECT a.action_id, a.attempt, a.quantity AS asked, coalesce(f.quantity, a.filled) AS filled, f.average_price, f.fee,
    f.fee_currency, a.order_id, a.sent_at, a.settled_at, a.outcome, a.message
FROM attempts a
LEFT JOIN fills f ON (f.plan_id, f.action_id, f.attempt) = (a.plan_id, a.action_id, a.attempt)
WHERE a.plan_id = ?1 AND coalesce(a.run, (
    SELECT max(run_id) FROM runs WHERE plan_id = ?1 AND julianday(started_at) <= julianday(a.sent_at))) = ?2
ORDER BY a.rowid
"""
_VOTES = """
SELECT vote, person, votes.at, why FROM votes JOIN requests USING (request_id)
WHERE requests.plan_id = ?1 OR votes.plan_id = ?1 ORDER BY number
"""
_OF_ACTION = ("client_order_id", "kind", "symbol", "side", "rule")

Entry = dict[str, Any]


def audit_trail(account: str, path: Path, since: datetime | None = None) -> Iterator[Entry]:
    """Return an account's runs, the oldest first, each with its orders; none where there is no journal.

    Only those that began at or after ``since``. Raises FileIsInvalid for a damaged journal.
    """
    if not path.exists():
        return
    with open_journal(path):  # which brings it to this version, and checks it
        pass
    try:
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")  # all of it is of one moment
            for run in db.execute(_RUNS):
                if since is None or parse_time(run["started_at"]) >= since:
                    yield _entry(account, run, db)
    except sqlite3.OperationalError as error:
        raise DataFolderUnusable(f"{path} cannot be read: {error}") from error
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        raise FileIsInvalid(f"{path}: the journal is damaged: {error}", hint="restore it from a backup") from error


def _entry(account: str, run: sqlite3.Row, db: sqlite3.Connection) -> Entry:
    (text,) = db.execute("SELECT document FROM plans WHERE plan_id = ?", (run["plan_id"],)).fetchone()
    document = orjson.loads(text)
    actions = {action["id"]: action for action in document["actions"]}
    told = {name: run[name] for name in run.keys() if name not in {"plan_id", "sha256"}}  # noqa: SIM118 - of a row
    policy = document["policy"]
    orders = db.execute(_ORDERS, (run["plan_id"], run["run"]))
    return {
        "account": account,
        "venue": document["account"]["venue"],
        **told,
        "policy": {"name": policy["name"], "sha256": policy["sha256"], "overrides": policy["overrides"]},
        "plan": {"plan_id": run["plan_id"], "sha256": run["sha256"], "created_at": document["created_at"]},
        "approvals": [dict(vote) for vote in db.execute(_VOTES, (run["plan_id"],))] if has_requests(db) else [],
        "orders": [_order(order, actions[order["action_id"]]) for order in orders],
    }


def has_requests(db: sqlite3.Connection) -> bool:
    """Check whether a journal keeps what waits for people."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'requests'").fetchone() is not None


def _order(order: sqlite3.Row, action: Mapping[str, Any]) -> Entry:
    of_action = {name: action[name] for name in _OF_ACTION}
    return {**of_action, "planned_price": action["expects"].get("mark_price"), **dict(order)}
