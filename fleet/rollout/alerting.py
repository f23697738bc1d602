"""Tell people that a rollout has stopped by itself."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from exitplan.fleet.platform_alerts import raise_for_fleet
from exitplan.fleet.rollout.book import Rollout
from exitplan.fleet.rollout.health import Health, Member
from exitplan.ruleset.model.values import plain

_NAMED = 10


def raise_stopped(connection: Connection[Any], rollout: Rollout, health: Health) -> None:
    """Raise the alert that a rollout has stopped, in the transaction that stops it."""
    figures = {
        "rollout": rollout.number,
        "policy": rollout.name,
        "share": f"{plain(rollout.pace.stages[rollout.stage] * 100)} %",
        "moved": health.counts.moved,
        "failing": health.counts.failing,
        "reason": rollout.why,
        "accounts": ", ".join(_named(member) for member in health.failing[:_NAMED]) or "none by name",
    }
    raise_for_fleet(connection, "ROLLOUT_STOPPED", rollout.looked.ours, figures)


def _named(member: Member) -> str:
    return f"{member.account} ({', '.join(sorted(member.new_troubles))})"
