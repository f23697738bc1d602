"""Keep the plans that wait for a person, and the votes, in tables of the account's journal.

People vote while a run is at work. So nothing here claims the journal: each call is one short, durable transaction.
What it has to tell is written with it. A run writes here one thing alone, in the commit in which it begins a plan: that
nothing waits any more (:meth:`Journal.begin_run`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from exitplan.executor.approvals.content import content_of, prices_of
from exitplan.executor.approvals.request import Request, Standing, Vote
from exitplan.executor.approvals.telling import approved_alert, rejected_alert, waiting_alert
from exitplan.executor.store.port import AccountStore, StoreBroken, StoreUnusable, Tables
from exitplan.executor.store.untold import raise_untold, tell_later
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.values import parse_time, time_text
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.ruleset.planning.plan_types import Plan

REQUEST_COLUMNS = (
    "request_id, content, plan_id, document, reasons, people, asked_at, standing, changed_at, replaced_by, until"
)
VOTE_COLUMNS = "vote, person, at, plan_id, prices, why"
_ID_LENGTH = 8
KEPT = timedelta(days=7)
"""How long a request stays that waits no more and that nobody has said anything of."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a question: the request, whether people are asked anew, and the id of the one it replaces."""

    request: Request
    is_new: bool = False
    replaced: str | None = None


class ApprovalBook:
    """The requests of one account; open it with :func:`open_book`."""

    def __init__(self, tables: Tables, store: AccountStore) -> None:
        self._db = tables
        self._store = store

    # --- looking ---

    def requests(self, standing: Standing | None = None) -> list[Request]:
        """Return the requests, the oldest first; only those that stand so, where that is asked."""
        return self._select("1 = 1") if standing is None else self._select("standing = ?", standing)

    def waiting(self) -> Request | None:
        """Return the request that waits; there is one at most."""
        return next(iter(self.requests("waiting")), None)

    # --- what the watcher does ---

    def ask(self, plan: Plan, reasons: Sequence[str], people: int, now: datetime) -> Asked:
        """Ask about a plan, unless the same was asked before: then it takes the place of the earlier plan.

        What was rejected is not asked again while that holds. A request for something else is superseded.
        """
        content = content_of(plan)
        with self._transaction():
            waiting = self.waiting()
            if waiting is not None and waiting.content == content:
                self._renew(waiting, plan, reasons, people)
                return Asked(self._known(waiting.id))
            rejected = self._rejected(content, now)
            if rejected is not None:
                self._stand(waiting, "superseded", now, rejected.id)
                return Asked(rejected)
            self._forget(now)
            name = self._insert(plan, content, reasons, people, now)
            self._stand(waiting, "superseded", now, name)
            asked = Asked(self._known(name), is_new=True, replaced=None if waiting is None else waiting.id)
            tell_later(self._db, waiting_alert(asked.request, asked.replaced), now)
            return asked

    def withdraw(self, now: datetime) -> None:
        """Note that nothing of the request that waits, if one does, is wanted any more."""
        waiting = self.waiting()
        if waiting is not None:
            with self._transaction():
                self._stand(self.waiting(), "withdrawn", now)

    def rejection_of(self, plan: Plan, now: datetime) -> Request | None:
        """Return the request by which a person has rejected just this, where that holds."""
        return self._rejected(content_of(plan), now)

    def raise_alerts(self) -> None:
        """Raise what was to be told, once that is in the journal."""
        raise_untold(self._db, self._store)

    def interrupted(self) -> Request | None:
        """Return the request that people have approved and whose run was interrupted; None where there is none."""
        open_ = self._select("plan_id IN (SELECT plan_id FROM plans WHERE ended_at IS NULL)")
        return next((request for request in open_ if request.approvers), None)

    # --- what people do ---

    def approve(self, name: str, person: str, now: datetime, most_move: Decimal) -> Request:
        """Write down that a person approves a request; returns it as it is then, raises NotWaiting."""
        with self._transaction():
            self._vote(self._waiting(name), "approve", person, now)
            request = self._known(name)
            count = len(request.approvals(now, most_move))
            tell_later(self._db, approved_alert(request, request.votes[-1], count), now)
            return request

    def reject(self, name: str, person: str, now: datetime, why: str, until: datetime | None = None) -> Request:
        """Write down that a person rejects a request, until a time or for ever; raises NotWaiting."""
        with self._transaction():
            request = self._waiting(name)
            self._vote(request, "reject", person, now, why)
            self._stand(request, "rejected", now)
            moment = None if until is None else time_text(until)
            self._db.execute("UPDATE requests SET until = ? WHERE request_id = ?", (moment, name))
            request = self._known(name)
            tell_later(self._db, rejected_alert(request, request.votes[-1], until), now)
            return request

    def withdraw_approval(self, person: str, now: datetime, why: str) -> Request | None:
        """Write down that a person's approval of what waits counts no more; None where there is none."""
        with self._transaction():
            waiting = self.waiting()
            if waiting is None or not waiting.has_approval_of(person):
                return None
            self._vote(waiting, "withdraw", person, now, why)
            return self._known(waiting.id)

    # --- rows ---

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._db.writing():
                yield
        except StoreUnusable as error:
            raise DataFolderUnusable(f"the journal cannot be written: {error}") from error

    def _select(self, condition: str, *values: str) -> list[Request]:
        asked = f"SELECT {REQUEST_COLUMNS} FROM requests WHERE {condition} ORDER BY number"  # noqa: S608 - our own words
        return [self._request(*row) for row in self._db.execute(asked, values)]

    def _known(self, name: str) -> Request:
        (request,) = self._select("request_id = ?", name)
        return request

    def _waiting(self, name: str) -> Request:
        request = self._known(name)
        if request.standing != "waiting":
            raise request.no_more()
        return request

    def _vote(self, request: Request, kind: str, person: str, now: datetime, why: str | None = None) -> None:
        self._db.execute(
            "INSERT INTO votes (number, request_id, vote, person, why, at, plan_id, prices)"
            " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM votes), ?, ?, ?, ?, ?, ?, ?)",
            (
                *(request.id, kind, person, why, time_text(now), request.plan_id),
                orjson.dumps(prices_of(request.plan)),
            ),
        )

    def _rejected(self, content: str, now: datetime) -> Request | None:
        same = self._select("content = ?", content)
        return same[-1] if same and same[-1].forbids(now) else None

    def _forget(self, now: datetime) -> None:
        """Drop what nobody has said anything of and that has not waited for a while: plans are large."""
        self._db.execute(
            "DELETE FROM requests WHERE standing IN ('superseded', 'withdrawn') AND changed_at < ?"
            " AND request_id NOT IN (SELECT request_id FROM votes)",
            (time_text(now - KEPT),),
        )

    def _insert(self, plan: Plan, content: str, reasons: Sequence[str], people: int, now: datetime) -> str:
        name = hashlib.sha256(f"{self._store.account} {plan.plan_id}".encode()).hexdigest()[:_ID_LENGTH]
        moment = time_text(now)
        self._db.execute(
            f"INSERT INTO requests ({REQUEST_COLUMNS}, number) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, NULL, NULL,"  # noqa: S608 - as above
            " (SELECT coalesce(max(number), 0) + 1 FROM requests))",
            (
                *(name, content, plan.plan_id, plan_bytes(plan)),
                *(orjson.dumps(list(reasons)), people, moment, moment),
            ),
        )
        return name

    def _renew(self, request: Request, plan: Plan, reasons: Sequence[str], people: int) -> None:
        self._db.execute(
            "UPDATE requests SET plan_id = ?, document = ?, reasons = ?, people = ? WHERE request_id = ?",
            (plan.plan_id, plan_bytes(plan), orjson.dumps(list(reasons)), people, request.id),
        )

    def _stand(self, request: Request | None, standing: Standing, now: datetime, by: str | None = None) -> None:
        if request is not None:
            self._db.execute(
                "UPDATE requests SET standing = ?, changed_at = ?, replaced_by = ? WHERE request_id = ?",
                (standing, time_text(now), by, request.id),
            )

    def _votes(self, name: str) -> tuple[Vote, ...]:
        asked = f"SELECT {VOTE_COLUMNS} FROM votes WHERE request_id = ? ORDER BY number"  # noqa: S608 - our own words
        return tuple(read_vote(*row) for row in self._db.execute(asked, (name,)))

    def _request(self, *row: Any) -> Request:  # noqa: ANN401 - a row of the journal
        return read_request(self._store.account, row, self._votes(row[0]))


def read_vote(kind: Any, person: str, at: str, plan_id: str, prices: bytes, why: str | None) -> Vote:  # noqa: ANN401 - as it is written
    """Read a vote from a row of VOTE_COLUMNS; raises StoreBroken."""
    return Vote(kind, person, parse_time(at), plan_id, _json(prices), why)


def read_request(account: str, row: Sequence[Any], votes: tuple[Vote, ...]) -> Request:
    """Read a request of an account from a row of REQUEST_COLUMNS; raises StoreBroken."""
    name, content, plan_id, written, reasons, people, asked_at, standing, changed_at, replaced_by, until = row
    return Request(
        *(name, account, content, plan_id, written, tuple(_json(reasons)), people),
        *(parse_time(asked_at), standing, parse_time(changed_at), replaced_by),
        until=None if until is None else parse_time(until),
        votes=votes,
    )


def _json(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise StoreBroken(f"a request in it is broken: {error}") from error


@contextmanager
def open_book(store: AccountStore) -> Iterator[ApprovalBook]:
    """Open the requests of an account for the time of the block, beginning its journal where there is none.

    Raises FileIsInvalid for a broken journal, or one that is missing where there was one; DataFolderUnusable.
    """
    store.ensure_journal()
    with store.open_tables(may_begin=True) as tables:
        yield ApprovalBook(tables, store)


def requests_of(store: AccountStore) -> list[Request]:
    """Return the requests of an account, the oldest first; where there is no journal there are none."""
    if not store.has_journal():
        return []
    with open_book(store) as book:
        return book.requests()
