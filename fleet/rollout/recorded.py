"""Look ahead on a fleet: read what is kept of each account, plan it under both policies, and add up what changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from exitplan.fleet.rollout.forecast import AccountForecast, Forecast, Tally, Unknown
from exitplan.fleet.rollout.planning import CHUNK, Chunk, Recorded, plan_chunks
from exitplan.fleet.rollout.selection import Where
from exitplan.fleet.rollout.targets import Targets, policy_in
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.policies import LoadedPolicy

_AT_ONCE = 1_000
"""Rows that are fetched at once."""
_MOST_KEPT = 5_000
"""Accounts that wait until there are enough of their policy for a chunk."""
_KEPT = """
SELECT a.account, a.venue, a.policy, a.own_guards, s.taken_at, s.document, j.document
FROM exitplan.accounts a
LEFT JOIN exitplan.snapshots s USING (account)
LEFT JOIN exitplan.state j USING (account)
WHERE """
_Key = tuple[str, tuple[str, ...]]
"""Hash of the policy, and the guards that the accounts set themselves."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a fleet: what the targets would change, for which accounts, as of when.

    ``most`` is how many accounts are named, ``each`` is told of every account where anything changes. ``jobs`` is the
    number of processes.
    """

    targets: Targets
    where: Where
    now: datetime
    max_age: timedelta
    most: int = 10
    jobs: int | None = None
    each: Callable[[AccountForecast], None] = lambda _: None


def forecast_fleet(connection: Connection[Any], asked: Question) -> Forecast:
    """Plan the accounts of a fleet from their last snapshots, in the caller's transaction.

    A fleet of any size needs the same memory.

    What is wrong with an account is told in the forecast. Raises FileHasProblems for a new policy that is broken.
    """
    forecast = Forecast(asked.most)
    _ = asked.targets.written  # whatever is wrong with the policy itself is no account's problem
    for answer in plan_chunks(_Chunks(connection, asked, forecast).read(), asked.jobs):
        forecast.add(answer.tally, answer.changes, answer.unknown)
        for change in answer.changes:
            asked.each(change)
    return forecast


@dataclass(frozen=True, slots=True)
class _Chunks:
    """The accounts, put together by their policies; those that need no planning are counted at once."""

    connection: Connection[Any]
    asked: Question
    forecast: Forecast

    def read(self) -> Iterator[Chunk]:
        kept: dict[_Key, list[Recorded]] = {}
        number = 0
        # Processes may have to be started anew between two rows.
        self.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        with self.connection.cursor(name="exitplan_forecast", binary=True) as rows:
            rows.itersize = _AT_ONCE
            rows.execute(_KEPT + self.asked.where.condition, self.asked.where.values)
            for account, venue, policy, own_guards, taken_at, snapshot, state in rows:
                key = (policy, tuple(own_guards))
                kept.setdefault(key, []).append(Recorded(account, venue, taken_at, snapshot, state))
                number += 1
                if len(kept[key]) >= CHUNK:
                    number -= CHUNK
                    yield from self._chunk(key, kept.pop(key))
                elif number >= _MOST_KEPT:
                    yield from self._chunks(kept)
                    kept, number = {}, 0
        yield from self._chunks(kept)

    def _chunks(self, kept: dict[_Key, list[Recorded]]) -> Iterator[Chunk]:
        for key, accounts in kept.items():
            yield from self._chunk(key, accounts)

    def _chunk(self, key: _Key, accounts: list[Recorded]) -> Iterator[Chunk]:
        """Make a chunk of accounts, unless they have the new policy, or it cannot be put in the place of theirs."""
        try:
            old, new = self._pair(key)
        except FileIsInvalid as error:
            lost = tuple(Unknown(account.account, "unreadable", str(error)) for account in accounts)
            tally = Tally()
            tally.unknown["unreadable"] += len(lost)
            self.forecast.add(tally, (), lost)
            return
        if old.policy.sha256 == new.policy.sha256:
            self.forecast.add(Tally(already=len(accounts)), (), ())
        else:
            yield Chunk(old.policy, new.policy, tuple(accounts), self.asked.now, self.asked.max_age)

    def _pair(self, key: _Key) -> tuple[LoadedPolicy, LoadedPolicy]:
        old = policy_in(self.connection, key[0])
        return old, self.asked.targets.of(old, key[1])
