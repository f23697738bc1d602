"""The plans of a whole fleet that wait for people, in two questions to the database however many accounts have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exitplan.executor.approvals.book import REQUEST_COLUMNS, VOTE_COLUMNS, read_request, read_vote
from exitplan.executor.approvals.deciding import MOST_LISTED
from exitplan.executor.approvals.request import Request, Vote
from exitplan.executor.store.port import StoreBroken
from exitplan.fleet.registry import Registry, Row
from exitplan.ruleset.errors import FileIsInvalid

if TYPE_CHECKING:
    from psycopg import Connection

_OF_THE_FLEET = "account IN (SELECT account FROM exitplan.accounts)"
_REQUESTS = f"SELECT account, {REQUEST_COLUMNS} FROM exitplan.requests WHERE {_OF_THE_FLEET}"  # noqa: S608 - our own words
_OLDEST_FIRST = " ORDER BY asked_at, account, number"
_WAITING = f"{_REQUESTS} AND standing = 'waiting'"
_NAMED = f"{_REQUESTS} AND (left(request_id, length(%(name)s)) = %(name)s OR plan_id = %(name)s)"
_VOTES = f"SELECT account, request_id, {VOTE_COLUMNS} FROM exitplan.votes WHERE account = ANY(%s) ORDER BY number"  # noqa: S608 - as above


def requests_in(registry: Registry, name: str | None = None, *, closed: bool = True) -> list[Request]:
    """Return the requests of all accounts of the registry, the oldest first; without ``closed`` those that wait.

    Where one is named, by its id, the start of it or the id of its plan, those that fit; where none fits, some of those
    that wait, for a hint. Raises FileIsInvalid for one that is broken.
    """
    with registry.transaction() as connection:
        rows = _rows(connection, name, closed=closed)
        votes = _votes(connection, sorted({row[0] for row in rows}))
    try:
        return [read_request(account, rest, tuple(votes.get((account, rest[0]), ()))) for account, *rest in rows]
    except StoreBroken as error:
        raise FileIsInvalid(str(error)) from error


def _rows(connection: Connection[Row], name: str | None, *, closed: bool) -> list[Row]:
    if name is None:
        return connection.execute(((_REQUESTS if closed else _WAITING) + _OLDEST_FIRST).encode()).fetchall()
    named = connection.execute((_NAMED + _OLDEST_FIRST).encode(), {"name": name}).fetchall()
    some = f"{_WAITING}{_OLDEST_FIRST} LIMIT {MOST_LISTED + 1}"
    return named or connection.execute(some.encode()).fetchall()


def _votes(connection: Connection[Row], accounts: list[Any]) -> dict[tuple[str, str], list[Vote]]:
    votes: dict[tuple[str, str], list[Vote]] = {}
    for account, request, *row in connection.execute(_VOTES.encode(), (accounts,)):
        votes.setdefault((account, request), []).append(read_vote(*row))
    return votes
