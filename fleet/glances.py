"""What a list of all accounts says of each, in a few questions to the database however many accounts there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from exitplan.executor.escalation.climbing import Ack
from exitplan.executor.store.last_reading import LastReading, kept_reading
from exitplan.executor.store.state import State, state_from_document
from exitplan.fleet.registry import Registry, Row
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.model.visible import printable

if TYPE_CHECKING:
    from psycopg import Connection

_AT_ONCE = 1_000
"""Accounts whose documents are fetched at once."""
# xmin names the transaction that wrote a row last: whoever has read the row needs to read it again where that differs.
_MARKS = """
SELECT a.account, concat_ws(' ', s.xmin::text, '/', r.xmin::text)
FROM exitplan.accounts a LEFT JOIN exitplan.state s USING (account) LEFT JOIN exitplan.readings r USING (account)
"""
_DOCUMENTS = """
SELECT asked.account, s.document, r.document FROM unnest(%s::text[]) AS asked (account)
LEFT JOIN exitplan.state s USING (account) LEFT JOIN exitplan.readings r USING (account)
"""
_HALTS = "SELECT account, text FROM exitplan.halts"
_AT_WORK = (
    "SELECT substr(name, length('account:') + 1) FROM exitplan.leases"
    " WHERE name LIKE 'account:%' AND until > clock_timestamp()"
)
_OPEN_PLANS = "SELECT account, count(*) FROM exitplan.plans WHERE ended_at IS NULL GROUP BY account"
_INCIDENTS = """
SELECT i.account, k.number, k.by_whom, k.at, k.why, k.until, k.is_undone
FROM exitplan.incidents i LEFT JOIN LATERAL (
    SELECT * FROM exitplan.incident_acks k WHERE k.account = i.account AND k.incident_id = i.incident_id
    ORDER BY k.number DESC LIMIT 1
) k ON true WHERE i.ended_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The state of an account and its last reading; ``problem`` is why they cannot be read."""

    state: State = field(default_factory=State)
    reading: LastReading | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """The accounts as they were at a moment.

    ``marks`` differ by account where its state or reading has changed. ``halts`` are texts by account, that of all
    accounts under the empty one. ``incidents`` counts those that nobody has taken, ``taken`` the other open ones.
    """

    marks: Mapping[str, str]
    halts: Mapping[str, str] = field(default_factory=dict)
    at_work: frozenset[str] = frozenset()
    open_plans: Mapping[str, int] = field(default_factory=dict)
    incidents: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)

    def is_about(self, account: str) -> bool:
        """Check whether anything but state and reading is known of an account."""
        return "" in self.halts or any(
            account in those for those in (self.halts, self.at_work, self.open_plans, self.incidents, self.taken)
        )


def glance(registry: Registry, now: datetime) -> Glance:
    """Look at all accounts of the registry."""
    with registry.transaction() as connection:
        silenced = list(_incidents(connection, now))
        return Glance(
            marks=dict(_pairs(connection, _MARKS)),
            halts={account: printable(text) for account, text in _pairs(connection, _HALTS)},
            at_work=frozenset(account for (account,) in connection.execute(_AT_WORK)),
            open_plans=dict(_pairs(connection, _OPEN_PLANS)),
            incidents=Counter(account for account, is_taken in silenced if not is_taken),
            taken=Counter(account for account, is_taken in silenced if is_taken),
        )


def remembered(registry: Registry, accounts: Sequence[str]) -> Iterator[tuple[str, Remembered]]:
    """Read the state and the last reading of some accounts."""
    for begin in range(0, len(accounts), _AT_ONCE):
        some = list(accounts[begin : begin + _AT_ONCE])
        with registry.transaction() as connection:
            rows = connection.execute(_DOCUMENTS, [some]).fetchall()
        yield from ((account, _read(state, reading)) for account, state, reading in rows)


def _read(state: bytes | None, reading: bytes | None) -> Remembered:
    try:
        known = State() if state is None else state_from_document(orjson.loads(state))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        return Remembered(problem=f"its state is damaged: {error}")
    return Remembered(known, None if reading is None else kept_reading(bytes(reading)))


def _incidents(connection: Connection[Row], now: datetime) -> Iterator[tuple[str, bool]]:
    for account, number, by, at, why, until, is_undone in connection.execute(_INCIDENTS):
        if number is None:
            yield account, False
            continue
        ack = Ack(number, by, parse_time(at), why, None if until is None else parse_time(until), bool(is_undone))
        yield account, ack.silences(now)


def _pairs(connection: Connection[Row], query: str) -> Iterable[tuple[Any, Any]]:
    return ((first, second) for first, second in connection.execute(query.encode()))
