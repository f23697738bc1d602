"""How full the buckets of a fleet are: a row each in its database, by the database's clock.

One statement answers the questions of all threads of a process that wait at that moment, for any number of buckets;
with the blocks of :mod:`exitplan.fleet.blocks` a thousand calls cost some tens of them. The commits are not waited
for (``synchronous_commit`` off, for this connection alone): a database that crashes forgets half a second of what was
drawn, and is away for longer.

Where the database is away no tokens are granted, so nothing is asked of a venue: LevelsUnknown, which makes an account
unreadable. A share of the limits for each worker to go on with would not help: neither leases nor the journal can be
written then, so nothing could be sent, and a share has to be kept free at all other times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from exitplan.brokers.live.buckets import LevelsUnknown
from exitplan.executor.store.postgres.database import Database
from exitplan.fleet.blocks import Ask, BlockBucket, Grant, hold_of, kept_back

_SETTINGS = "SET synchronous_commit = off; SET statement_timeout = '3s'"
"""Of the connection that draws, beside those that all connections to the database have."""
PATIENCE = 4.0
"""Seconds until a server that does not answer is given up."""
_ROUNDING = 1e-9
_LOOSENING = 0.1
"""The part of its own figures by which a bucket grows again with one reply that allows it."""

_COLUMNS = (
    ("scope", "text"),
    *(
        (name, "float8")
        for name in (
            "capacity",
            "refill",
            "hold",
            "held_back",
            "must",
            "likely",
            "want",
            "longest",
            "back",
            "back_at",
            "remaining",
            "allowed",
            "told_window",
            "told_rest",
        )
    ),
    ("back_era", "bigint"),
)
_ASKED = ", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS)
_BEGIN = """
INSERT INTO exitplan.buckets (scope, level, at)
SELECT scope, level, coalesce(%(now)s, extract(epoch FROM clock_timestamp()))::float8
FROM unnest(%(scope)s::text[], %(level)s::float8[]) AS new(scope, level) ORDER BY scope
ON CONFLICT DO NOTHING
"""
_DRAW = f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest({_ASKED}) AS asked({", ".join(name for name, _ in _COLUMNS)})
), held AS MATERIALIZED (  -- in one order, so that no two wait for each other
    SELECT * FROM exitplan.buckets WHERE scope = ANY (%(scope)s::text[]) ORDER BY scope FOR UPDATE
), timed AS MATERIALIZED (  -- the time is looked up once the rows are ours
    SELECT *, greatest(at, coalesce(%(now)s, extract(epoch FROM clock_timestamp()))::float8) AS now,
        CASE WHEN allowed IS NULL THEN granted ELSE least(1, allowed, granted + {_LOOSENING}) END AS part
    FROM held JOIN asked USING (scope)
), sized AS (
    SELECT *, part * (capacity - held_back) AS room, part * refill AS rate,
        CASE WHEN now < quota_until THEN quota ELSE 'Infinity' END AS quota_left,
        greatest(rest_until, now + told_rest) AS resting_until, era + (told_rest > 0)::int AS new_era
    FROM timed
), filled AS (
    SELECT *, least(room, level + (now - at) * granted * refill  -- what has refilled did so as slowly as was granted
        + CASE WHEN back_era = era AND now - back_at <= 2 * hold THEN back ELSE 0 END) AS content
    FROM sized
), told AS (
    SELECT *,
        CASE WHEN told_rest > 0 THEN greatest(least(content, 0), -rate * hold)
            ELSE least(content, coalesce(remaining, content)) END AS there,
        CASE WHEN told_window > 0 AND remaining <= quota_left THEN remaining ELSE quota_left END AS new_quota,
        CASE WHEN told_window > 0 AND remaining <= quota_left THEN now + told_window ELSE quota_until END AS new_until
    FROM filled
), lots AS (
    SELECT *, CASE WHEN must - there <= {_ROUNDING} * room THEN NULL
        ELSE greatest(must, least(likely, rate * hold, new_quota)) END AS lot
    FROM told
), waiting AS (
    SELECT *, greatest(0, resting_until - now) AS rest, CASE WHEN must > new_quota THEN new_until - now
        WHEN lot IS NULL THEN 0 ELSE (lot - there) / rate END AS wait
    FROM lots
), settled AS (
    SELECT *, CASE WHEN rest > 0 OR must > new_quota OR wait > longest THEN 0 WHEN wait > 0 THEN lot
        ELSE greatest(must, least(want, there, new_quota)) END AS taken
    FROM waiting
)
UPDATE exitplan.buckets SET level = there - taken, granted = part, quota = new_quota - taken, quota_until = new_until,
    rest_until = resting_until, era = new_era, at = now
FROM settled WHERE buckets.scope = settled.scope
RETURNING buckets.scope, taken, wait, rest, new_era, now
"""  # noqa: S608 - our own words


@dataclass(slots=True)
class _Question:
    """What a thread wants to know, and the answer, or why there is none."""

    ask: Ask
    grant: Grant | None = None
    problem: str | None = None


@dataclass(slots=True)
class PostgresLevels:
    """Keeps the levels of buckets in a fleet's database, over one connection of its own.

    ``url`` is where that is. ``wall`` gives the seconds since 1970 in place of the database, in tests.
    """

    url: str
    wall: Callable[[], float] | None = None
    queries: int = 0
    _connection: psycopg.Connection[Any] | None = None
    _begun: set[str] = field(default_factory=set)
    _waiting: list[_Question] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        """Keep levels until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the connection."""
        self.close()

    def bucket(self, scope: str, capacity: float, refill: float) -> BlockBucket:
        """Return a bucket that draws from the row of its scope."""
        return BlockBucket(scope, capacity, refill, self)

    def draw(self, ask: Ask) -> Grant:
        """Put a question with all that other threads want to know by then; raises LevelsUnknown."""
        question = _Question(ask)
        with self._lock:
            self._waiting.append(question)
        with self._turn:
            while question.grant is None and question.problem is None:
                self._answer(self._gathered())
        if question.grant is None:
            raise LevelsUnknown(question.problem or "the database did not tell what is left of its limits")
        return question.grant

    def close(self) -> None:
        """Let go of the connection; the next question opens another one."""
        with self._turn:
            self._disconnect()

    def _gathered(self) -> list[_Question]:
        """Take the questions that wait, one for each bucket: a rest may be told beside a question for tokens."""
        with self._lock:
            first: dict[str, _Question] = {}
            for question in self._waiting:
                first.setdefault(question.ask.scope, question)
            self._waiting = [one for one in self._waiting if first[one.ask.scope] is not one]
        return list(first.values())

    def _answer(self, questions: Sequence[_Question]) -> None:
        """Answer questions; over a new connection where the old one turns out to be broken."""
        by_scope = {question.ask.scope: question for question in questions}
        for is_last in (False, True):
            try:
                self._ask({scope: question.ask for scope, question in by_scope.items()}, by_scope)
            except psycopg.Error as error:
                self._disconnect()
                if not is_last and isinstance(error, psycopg.OperationalError):
                    continue
                for question in questions:
                    question.problem = f"the database that keeps its limits cannot be used ({type(error).__name__})"
            return

    def _ask(self, asks: dict[str, Ask], by_scope: dict[str, _Question]) -> None:
        connection = self._connected()
        self._begin(connection, [ask for scope, ask in asks.items() if scope not in self._begun])
        for _ in range(2):
            for scope, *granted in self._run(connection, _DRAW, _arguments(list(asks.values()))):
                question = by_scope[scope]
                tokens, wait, rest, era, at = granted
                question.grant = Grant(tokens, wait, rest, era, at, question.ask.clock())
            gone = [ask for scope, ask in asks.items() if by_scope[scope].grant is None]
            if not gone:
                return
            self._begin(connection, gone)  # somebody removed their rows
            asks = {ask.scope: ask for ask in gone}

    def _begin(self, connection: psycopg.Connection[Any], asks: Sequence[Ask]) -> None:
        """Make the rows of buckets that are new, full."""
        if asks:
            levels = [ask.capacity - kept_back(ask.capacity, ask.refill) for ask in asks]
            connection.execute(_BEGIN, {"scope": [ask.scope for ask in asks], "level": levels, "now": self._now()})
            self._begun.update(ask.scope for ask in asks)

    def _run(self, connection: psycopg.Connection[Any], text: str, arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
        self.queries += 1
        return connection.execute(text, {**arguments, "now": self._now()}, prepare=True).fetchall()

    def _now(self) -> float | None:
        return None if self.wall is None else self.wall()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            connection = Database(self.url, lease_seconds=PATIENCE).connect()
            try:
                connection.execute(_SETTINGS)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _arguments(asks: Sequence[Ask]) -> dict[str, Any]:
    rows = [_row(ask) for ask in asks]
    return {name: [row[name] for row in rows] for name, _ in _COLUMNS}


def _row(ask: Ask) -> dict[str, Any]:
    note = ask.note
    return {
        "scope": ask.scope,
        "capacity": ask.capacity,
        "refill": ask.refill,
        "hold": hold_of(ask.capacity, ask.refill),
        "held_back": kept_back(ask.capacity, ask.refill),
        "must": ask.must,
        "likely": ask.likely,
        "want": ask.want,
        "longest": ask.longest,
        "back": note.back,
        "back_at": note.back_at,
        "back_era": note.back_era,
        "remaining": note.remaining,
        "allowed": None if note.limit is None else note.limit / ask.capacity,
        "told_window": note.window,
        "told_rest": note.rest,
    }
