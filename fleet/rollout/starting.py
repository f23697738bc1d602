"""Begin a rollout: who is in it, in which order, and the first of them move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from exitplan.fleet.registry import put_policies
from exitplan.fleet.rollout.book import Noted, Rollout, add_rollout, clocks, note
from exitplan.fleet.rollout.moving import move
from exitplan.fleet.rollout.placing import in_order
from exitplan.fleet.rollout.selection import Where
from exitplan.fleet.rollout.stages import Pace, Standing
from exitplan.fleet.rollout.targets import Targets, policy_in
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.policy import Policy
from exitplan.schemas.policies import LoadedPolicy

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('exitplan.rollouts'))"
_MEMBERS = "SELECT a.account, a.venue, a.policy, a.own_guards FROM exitplan.accounts a WHERE "
_UNDER_WAY = """
SELECT l.rollout, count(*) FROM exitplan.rollout_accounts r JOIN exitplan.rollouts l USING (rollout)
WHERE l.standing NOT IN ('done', 'aborted') AND r.account = ANY(%s) GROUP BY l.rollout ORDER BY l.rollout LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be rolled out, to whom, how fast, and by whom."""

    targets: Targets
    where: Where
    pace: Pace
    who: str


@dataclass(frozen=True, slots=True)
class _Member:
    """An account that is to move, from one policy to another."""

    account: str
    venue: str
    old: str
    new: LoadedPolicy

    @property
    def is_new(self) -> bool:
        """Whether it does not have the policy already."""
        return self.old != self.new.policy.sha256


def start_rollout(connection: Connection[Any], wanted: Wanted, now: datetime) -> Rollout:
    """Begin a rollout, in the caller's transaction: its first accounts get their new policies at once.

    Raises UsageError where nobody needs the policy, or an account of it is in a rollout that is not over, FileIsInvalid
    where the policy cannot be put in the place of an account's.
    """
    connection.execute(_LOCK)
    members = {one.account: one for one in _members(connection, wanted) if one.is_new}
    if not members:
        raise UsageError("every account that was asked for has this policy", hint="there is nothing to roll out")
    _ensure_free(connection, list(members))
    put_policies(connection, (one.new for one in members.values()))
    rollout = _new(connection, wanted, len(members), now)
    begun = replace(rollout, number=add_rollout(connection, rollout))
    _put_members(connection, begun, members)
    moved = move(connection, begun, now)
    told = f"started; stage 1 of {len(begun.pace.stages)}: {moved} accounts moved"
    note(connection, begun.number, Noted(now, wanted.who, told, wanted.where.text))
    return begun


def _members(connection: Connection[Any], wanted: Wanted) -> list[_Member]:
    rows = connection.execute(_MEMBERS + wanted.where.condition + " FOR UPDATE OF a", wanted.where.values)
    return [
        _Member(account, venue, old, wanted.targets.of(policy_in(connection, old), guards))
        for account, venue, old, guards in rows.fetchall()
    ]


def _ensure_free(connection: Connection[Any], accounts: list[str]) -> None:
    row = connection.execute(_UNDER_WAY, (accounts,)).fetchone()
    if row is not None:
        number, common = row
        raise UsageError(
            f"{common:,} of the accounts are in rollout {number}, which is not over",
            hint=f"see exitplan fleet rollout status {number}; let it end, or abort it",
        )


def _new(connection: Connection[Any], wanted: Wanted, accounts: int, now: datetime) -> Rollout:
    policy: Policy = wanted.targets.written.policy
    return Rollout(
        number=0,
        policy=policy.sha256,
        name=policy.name,
        scope=wanted.where.text,
        pace=wanted.pace,
        accounts=accounts,
        stage=0,
        standing=Standing.RUNNING,
        why="",
        held=timedelta(),
        looked=clocks(connection, now),
        started_at=now,
        ended_at=None,
    )


def _put_members(connection: Connection[Any], rollout: Rollout, members: dict[str, _Member]) -> None:
    order = in_order(((one.account, one.venue) for one in members.values()), rollout.policy)
    columns = "(rollout, account, place, old, new)"
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY exitplan.rollout_accounts {columns} FROM STDIN") as rows,
    ):
        for place, account in enumerate(order):
            member = members[account]
            rows.write_row((rollout.number, account, place, member.old, member.new.policy.sha256))
