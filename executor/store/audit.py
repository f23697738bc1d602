"""The journal for an auditor: who ran what under which policy, and each order with what became of it, run by run.

It is read as of one moment, also while a run is at work, and one run at a time: memory stays bounded however long the
history is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from exitplan.executor.store.journal import Journal
from exitplan.executor.store.port import AccountStore, StoreBroken, Tables
from exitplan.ruleset.model.values import parse_time

_OF_RUN = (
    *("run", "plan_id", "started_at", "ended_at", "exit_code", "account_state", "actor", "pid", "host", "sha256"),
)
_RUNS = (
    "SELECT run_id, plan_id, started_at, runs.ended_at, exit_code, state, actor, pid, host, sha256"
    " FROM runs JOIN plans USING (plan_id) ORDER BY run_id"
)
_OF_ORDER = (
    *("action_id", "attempt", "asked", "filled", "average_price", "fee", "fee_currency", "order_id", "sent_at"),
    *("settled_at", "outcome", "message"),
)
_ORDERS = """
SELECT a.action_id, a.attempt, a.quantity, coalesce(f.quantity, a.filled), f.average_price, f.fee,
    f.fee_currency, a.order_id, a.sent_at, a.settled_at, a.outcome, a.message
FROM attempts a
LEFT JOIN intents i ON i.plan_id = a.plan_id AND i.action_id = a.action_id
LEFT JOIN fills f ON f.plan_id = a.plan_id AND f.action_id = a.action_id AND f.attempt = a.attempt
WHERE a.plan_id = ? AND a.run = ?
ORDER BY i.number, a.attempt
"""
_OF_VOTE = ("vote", "person", "at", "why")
_VOTES = """
SELECT vote, person, votes.at, why FROM votes JOIN requests USING (request_id)
WHERE requests.plan_id = ? OR votes.plan_id = ? ORDER BY votes.number
"""
_OF_ACTION = ("client_order_id", "kind", "symbol", "side", "rule")

Entry = dict[str, Any]


@contextmanager
def open_past(store: AccountStore) -> Iterator[Journal | None]:
    """Open the journal of an account for those who look back; None where there never was one.

    Raises FileIsInvalid for a damaged one, and for one that is lost while the state knows of it.
    """
    if not store.has_journal():
        store.ensure_journal()
        yield None
        return
    with store.open_journal() as journal:
        if not journal.runs():
            store.load_state(journal)
        yield journal


def audit_trail(store: AccountStore, since: datetime | None = None) -> Iterator[Entry]:
    """Return an account's runs, the oldest first, each with its orders; none where there is no journal.

    Only those that began at or after ``since``. Raises FileIsInvalid for a lost or damaged journal.
    """
    with open_past(store) as journal:  # which brings it to this version, and checks it
        if journal is None:
            return
    with store.open_tables() as tables:
        yield from runs_in(store.account, tables, since)


def runs_in(account: str, tables: Tables, since: datetime | None = None) -> Iterator[Entry]:
    """Return the runs that are in the tables of an account, as :func:`audit_trail` does; raises StoreBroken."""
    try:
        with tables.reading():  # all of it is of one moment
            for row in tables.execute(_RUNS):
                run = dict(zip(_OF_RUN, row, strict=True))
                if since is None or parse_time(run["started_at"]) >= since:
                    yield _entry(account, run, tables)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreBroken(str(error)) from error


def _entry(account: str, run: Mapping[str, Any], tables: Tables) -> Entry:
    plan_id = run["plan_id"]
    ((text,),) = tables.execute("SELECT document FROM plans WHERE plan_id = ?", (plan_id,))
    document = orjson.loads(text)
    actions = {action["id"]: action for action in document["actions"]}
    told = {name: value for name, value in run.items() if name not in {"plan_id", "sha256"}}
    policy = document["policy"]
    orders = [dict(zip(_OF_ORDER, row, strict=True)) for row in tables.execute(_ORDERS, (plan_id, run["run"]))]
    votes = tables.execute(_VOTES, (plan_id, plan_id))
    return {
        "account": account,
        "venue": document["account"]["venue"],
        **told,
        "policy": {"name": policy["name"], "sha256": policy["sha256"], "overrides": policy["overrides"]},
        "plan": {"plan_id": plan_id, "sha256": run["sha256"], "created_at": document["created_at"]},
        "approvals": [dict(zip(_OF_VOTE, vote, strict=True)) for vote in votes],
        "orders": [
            _order(order, actions[order["action_id"]])
            for order in sorted(orders, key=lambda order: parse_time(order["sent_at"]))
        ],
    }


def _order(order: Mapping[str, Any], action: Mapping[str, Any]) -> Entry:
    of_action = {name: action[name] for name in _OF_ACTION}
    return {**of_action, "planned_price": action["expects"].get("mark_price"), **order}
