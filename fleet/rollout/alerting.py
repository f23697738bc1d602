"""Tell people that a rollout has stopped by itself."""

from __future__ import annotations

from typing import Any

import orjson
from psycopg import Connection

from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.store.alerts import make_alert
from exitplan.fleet.rollout.book import Rollout
from exitplan.fleet.rollout.health import Health, Member
from exitplan.ruleset.model.values import plain

_NAMED = 10


def raise_stopped(connection: Connection[Any], rollout: Rollout, health: Health) -> None:
    """Raise the alert that a rollout has stopped, in the transaction that stops it.

    Like all that is about no single account it is one of the platform account.
    """
    now = rollout.looked.ours
    figures = {
        "rollout": rollout.number,
        "policy": rollout.name,
        "share": f"{plain(rollout.pace.stages[rollout.stage] * 100)} %",
        "moved": health.counts.moved,
        "failing": health.counts.failing,
        "reason": rollout.why,
        "accounts": ", ".join(_named(member) for member in health.failing[:_NAMED]) or "none by name",
    }
    alert = make_alert("ROLLOUT_STOPPED", PLATFORM, now, figures)
    connection.execute(
        "INSERT INTO exitplan.alerts (account, at, document) VALUES (%s, %s, %s)", (PLATFORM, now, orjson.dumps(alert))
    )


def _named(member: Member) -> str:
    return f"{member.account} ({', '.join(sorted(member.new_troubles))})"
