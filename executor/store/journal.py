"""The order journal: what was planned, sent and answered, durable before the network is touched.

The journal is the truth of an account. An action moves ``planned -> sending -> done | refused``; the step to
``sending`` is a compare-and-swap under the run's fencing number and is durable before the order goes out, so that after
a crash every order that may have been sent is known. The account's state document is kept here too, changed in the same
transaction as the outcomes that change it. Outcomes that nothing was told or decided by yet share their commit with the
orders that come after them, so that one durable commit suffices for orders that go out together.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, TypeVar

import orjson
from msgspec.structs import replace

from exitplan.executor.logs import JOURNAL, note
from exitplan.executor.people import actor
from exitplan.executor.store.journal_values import (
    ENTRIES,
    UNRESOLVED,
    Fill,
    Intent,
    JournalMark,
    Resolution,
    Settlement,
    decimal_of,
    document_of,
    intents_of_rows,
    moment_of,
    number_of,
    text_of,
)
from exitplan.executor.store.port import Row, Rows, StoreBroken, StoreUnusable, Tables, WriterIsAnother
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid, PlanIsStale
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.plan_types import Plan

Question = tuple[str, tuple[object, ...]]
"""A statement that changes nothing, and its values."""
_ASK_STATUS = "SELECT ended_at FROM plans WHERE plan_id = ?"
_ASK_OPEN = "SELECT plan_id FROM plans WHERE ended_at IS NULL ORDER BY added_at, plan_id"
_ASK_INTENTS = (
    "SELECT action_id, status, attempt, quantity, sent_at, held_before, filled, order_id, message, fence"
    " FROM intents WHERE plan_id = ?"
)
_ASK_LAST_RUN = "SELECT coalesce(max(run_id), 0) FROM runs"
_ASK_STATE = "SELECT document, (SELECT count(*) FROM state_changes) FROM state"
# Each change is a revision; to write it into the row of the document would write all of that anew.
_ASK_MARK = (
    "SELECT journal_id, (SELECT revision + (SELECT coalesce(max(number), 0) FROM state_changes) FROM state) FROM origin"
)

T = TypeVar("T")
Beside = Callable[[Tables], None]
"""Writes rows of its own within a commit of the journal."""


def _nothing(_: Tables) -> None:
    """Write nothing."""


class Journal:
    """The journal of one account; its store opens it, under the account's lease where it is written.

    ``ensure_in_place`` raises DataFolderUnusable where what is written would be lost with this process.
    ``is_flushed_later`` says that a durable commit in the same log follows before anybody is told how a run has ended.

    The first thing that is written claims the journal: writers are numbered, and once another one has claimed it,
    because the lease was taken from a holder that hung, nothing more is written or sent here. What the holder remembers
    is older than what the journal holds.
    """

    def __init__(
        self, tables: Tables, ensure_in_place: Callable[[], None] = lambda: None, *, writer: int | None = None
    ) -> None:
        """Work on open tables; ``writer`` is the newest one, where that was asked when they were opened."""
        self._db = tables
        self._ensure_in_place = ensure_in_place
        self._writer = tables.newest_writer() if writer is None else writer
        self._has_claimed = False
        self._asked: dict[Question, list[Row]] = {}
        self.is_flushed_later = False
        # What is known of the state's rows: nobody else changes them without claiming the journal.
        self._has_state, self._may_have_changes = False, True

    @contextmanager
    def _transaction(self, *, is_durable: bool = True) -> Iterator[Tables]:
        """Run a block as one transaction."""
        self._asked.clear()
        is_written = False
        try:
            with self._db.writing(self._writer, is_durable=is_durable):
                if not self._has_claimed:
                    self._db.execute("UPDATE origin SET writer = ?", (self._writer + 1,))
                yield self._db
            is_written = True
        except WriterIsAnother as error:
            raise self._taken_over from error
        except StoreUnusable as error:
            raise DataFolderUnusable(f"the journal cannot be written: {error}") from error
        finally:
            if not is_written:
                self._has_state, self._may_have_changes = False, True
        self._writer += not self._has_claimed
        self._has_claimed = True

    def claim(self, plan_id: str | None = None, *more: Question) -> None:
        """Let nobody else who has the journal open write in it, or send, from here on.

        To be done before anything is read that is acted on: until then another one may still change it. It need not be
        durable: a crash that loses it has lost what came after it too, so nothing was sent.

        What a run of the plan asks next is asked along with it, and so is ``more``: it stays true until something is
        written here.
        """
        questions: list[Question] = [(_ASK_STATE, ()), (_ASK_OPEN, ()), (_ASK_MARK, ()), (_ASK_LAST_RUN, ()), *more]
        if plan_id is not None:
            questions.append((_ASK_STATUS, (plan_id,)))
        with self._transaction(is_durable=False) as db:
            rows = [db.execute(*question) for question in questions]
        self._asked = {question: one.fetchall() for question, one in zip(questions, rows, strict=True)}
        known = self._asked[_ASK_STATE, ()]
        self._has_state, self._may_have_changes = bool(known), any(changes for _, changes in known)

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        """Return the rows of a question, which may have been asked by :meth:`claim`."""
        known = self._asked.get((sql, values))
        return self._db.execute(sql, values).fetchall() if known is None else known

    def ensure_claimed(self) -> None:
        """Raise FileIsInvalid where another process has claimed the journal: what is about to be sent must not be."""
        if self._db.newest_writer() != self._writer:
            raise self._taken_over

    @property
    def _taken_over(self) -> FileIsInvalid:
        return FileIsInvalid(
            "the account was taken over by another run",
            hint="nothing more was written or sent; the other run resolves what this one left open",
        )

    # --- what is kept beside plans ---

    def write_beside(self, write: Beside) -> None:
        """Write rows beside those of plans in one durable commit, as the writer that this is."""
        self._ensure_in_place()
        with self._transaction() as db:
            write(db)

    def read_beside(self, read: Callable[[Tables], T]) -> T:
        """Read rows beside those of plans."""
        return read(self._db)

    # --- plans ---

    def plan_status(self, plan_id: str) -> Literal["unknown", "open", "ended"]:
        """Check whether a plan was never applied, is open, or has ended."""
        rows = self.rows(_ASK_STATUS, (plan_id,))
        if not rows:
            return "unknown"
        return "open" if rows[0][0] is None else "ended"

    def plan_sha256(self, plan_id: str) -> str | None:
        """Return the hash of a plan as it was begun; None where it never was."""
        row = self._db.execute("SELECT sha256 FROM plans WHERE plan_id = ?", (plan_id,)).fetchone()
        return None if row is None else str(row[0])

    def plan_document(self, plan_id: str) -> dict[str, Any]:
        """Return the document of a plan that is in the journal."""
        (text,) = _row(self._db.execute("SELECT document FROM plans WHERE plan_id = ?", (plan_id,)))
        return document_of(text)

    def open_plan_ids(self) -> list[str]:
        """Return the ids of all plans whose run has not ended, the oldest first."""
        return [plan_id for (plan_id,) in self.rows(_ASK_OPEN)]

    def end_plan(self, plan_id: str, now: datetime, beside: Beside = _nothing) -> None:
        """Note that a plan is used up, and in the same commit what is to stand ``beside`` it."""
        with self._transaction() as db:
            self._end_plan(db, plan_id, now)
            beside(db)
        _note_step("plan_ended", plan_id=plan_id)

    @staticmethod
    def _end_plan(db: Tables, plan_id: str, now: datetime) -> None:
        db.execute("UPDATE plans SET ended_at = ? WHERE plan_id = ?", (time_text(now), plan_id))

    def intents(self, plan_id: str) -> dict[str, Intent]:
        """Return a plan's intents by action id, in the order of the plan."""
        return intents_of_rows(plan_id, self._db.execute(f"{_ASK_INTENTS} ORDER BY number", (plan_id,)).fetchall())

    def unresolved(self, plan_id: str) -> dict[str, Intent]:
        """Return those of a plan's intents that may have reached the venue without a clear answer, as above."""
        asked = f"{_ASK_INTENTS} AND status IN ({', '.join('?' * len(UNRESOLVED))}) ORDER BY number"
        return intents_of_rows(plan_id, self._db.execute(asked, (plan_id, *sorted(UNRESOLVED))).fetchall())

    def count_planned(self, plan_id: str) -> int:
        """Count the intents of a plan that were not sent, or never arrived."""
        asked = "SELECT count(*) FROM intents WHERE plan_id = ? AND status = 'planned'"
        return int(_row(self._db.execute(asked, (plan_id,)))[0])

    def unknown_orders(self, client_order_ids: Iterable[str]) -> list[str]:
        """Return which of these orders, all named as exitplan names its own, no plan here has and nobody accepted."""
        return [name for name in client_order_ids if not self._knows(name)]

    def _knows(self, client_order_id: str) -> bool:
        asked = (
            "SELECT 1 FROM intents WHERE client_order_id = ?"
            " UNION ALL SELECT 1 FROM accepted_orders WHERE client_order_id = ?"
            " UNION ALL SELECT 1 FROM pruned_orders WHERE client_order_id = ? LIMIT 1"
        )
        return self._db.execute(asked, (client_order_id,) * 3).fetchone() is not None

    def last_run_at(self) -> datetime | None:
        """Return when the newest run that is known here began; None where none is."""
        row = self._db.execute("SELECT started_at FROM runs ORDER BY run_id DESC LIMIT 1").fetchone()
        return None if row is None else moment_of(row[0])

    def accept_orders(self, client_order_ids: Iterable[str]) -> None:
        """Note that a person knows of these orders, which no plan here has."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO accepted_orders (client_order_id) VALUES (?) ON CONFLICT DO NOTHING",
                [(name,) for name in client_order_ids],
            )

    # --- the order protocol ---

    def begin_sending(
        self, intents: Sequence[Intent], fence: int, now: datetime, settled: Settlement | None = None
    ) -> list[Intent]:
        """Move intents from planned to sending, durably and all together, with what was ``settled`` before them.

        Each carries the quantity that it is going to ask for and what is held before. Raises FileIsInvalid where
        somebody else moved one of them first; then none is.
        """
        self._ensure_in_place()
        with self._transaction() as db:
            if settled is not None:
                self._put_settlement(db, settled)
            begun = self._begin_all(db, intents, fence, now)
        if settled is not None:
            _note_settlement(settled)
        if JOURNAL.isEnabledFor(logging.DEBUG):
            for intent in begun:
                _note_step("sending", intent, run=fence, attempt=intent.attempt, quantity=intent.quantity)
        return begun

    @classmethod
    def _begin_all(cls, db: Tables, intents: Sequence[Intent], fence: int, now: datetime) -> list[Intent]:
        for intent in intents:
            cls._begin(db, intent, fence, now)
        return [
            replace(
                intent,
                status="sending",
                attempt=intent.attempt + 1,
                sent_at=now,
                filled=None,
                message=None,
                fence=fence,
            )
            for intent in intents
        ]

    @staticmethod
    def _begin(db: Tables, intent: Intent, fence: int, now: datetime) -> None:
        """Move an intent on, and add the attempt; each changes one row where nobody else was there before."""
        attempt, moment, quantity = intent.attempt + 1, time_text(now), text_of(intent.quantity)
        problem = f"action {intent.action_id} was taken by another run"
        taken = FileIsInvalid(problem, hint="it was not sent from here")
        db.change_one(
            "UPDATE intents SET status = 'sending',"
            " attempt = ?, fence = ?, quantity = ?, sent_at = ?, held_before = ?"
            " WHERE plan_id = ? AND action_id = ? AND status = 'planned' AND attempt = ?"
            " AND ? = (SELECT max(run_id) FROM runs)",
            (
                *(attempt, fence, quantity, moment, text_of(intent.held_before)),
                *(intent.plan_id, intent.action_id, intent.attempt, fence),
            ),
            taken,
        )
        db.change_one(
            "INSERT INTO attempts (plan_id, action_id, attempt, sent_at, quantity, run) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (intent.plan_id, intent.action_id, attempt, moment, quantity, fence),
            taken,
        )

    def settle(self, settled: Settlement) -> None:
        """Record how attempts ended and what that changes in the account's state: in one commit, all or nothing."""
        with self._transaction() as db:
            self._put_settlement(db, settled)
        _note_settlement(settled)

    def _put_settlement(self, db: Tables, settled: Settlement) -> None:
        for intent, resolution, at in settled.resolved:
            moment = time_text(at)
            self._put_resolution(db, intent, resolution, moment)
            if resolution.filled:
                self._put_fill(db, intent, resolution, moment)
        if settled.changes:
            self._may_have_changes = True
            db.execute(
                "INSERT INTO state_changes (number, document)"
                " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM state_changes), ?)",
                (orjson.dumps(settled.changes),),
            )

    @staticmethod
    def _put_resolution(db: Tables, intent: Intent, resolution: Resolution, moment: str) -> None:
        values = (plain(resolution.filled), resolution.order_id, resolution.message, moment)
        db.execute(
            "UPDATE attempts SET outcome = ?, filled = ?, order_id = ?, message = ?, settled_at = ?"
            " WHERE plan_id = ? AND action_id = ? AND attempt = ?",
            (resolution.status, *values, intent.plan_id, intent.action_id, intent.attempt),
        )
        db.execute(
            "UPDATE intents SET status = ?, filled = ?, order_id = ?, message = ?, settled_at = ?"
            " WHERE plan_id = ? AND action_id = ?",
            (resolution.status, *values, intent.plan_id, intent.action_id),
        )

    @staticmethod
    def _put_fill(db: Tables, intent: Intent, resolution: Resolution, moment: str) -> None:
        """Note what was filled, in place of what was told of it before."""
        values = _fill_values(intent, resolution, moment)
        db.execute(
            "UPDATE fills SET order_id = ?, quantity = ?, average_price = ?, fee = ?, fee_currency = ?, told_at = ?"
            " WHERE plan_id = ? AND action_id = ? AND attempt = ?",
            values,
        )
        db.execute(
            "INSERT INTO fills (order_id, quantity, average_price, fee, fee_currency, told_at, plan_id, action_id,"
            " attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            values,
        )

    def fills(self, plan_id: str) -> list[dict[str, Any]]:
        """Return what the venue filled of a plan's orders, an entry an attempt, as it told it last."""
        names = ("action_id", "attempt", "order_id", "quantity", "average_price", "fee", "fee_currency", "told_at")
        columns = ", ".join(f"fills.{name}" for name in names)
        rows = self._db.execute(
            f"SELECT {columns} FROM fills LEFT JOIN intents USING (plan_id, action_id) WHERE fills.plan_id = ?"  # noqa: S608 - our own names
            " ORDER BY intents.number, fills.attempt",
            (plan_id,),
        )
        fills = [dict(zip(names, row, strict=True)) for row in rows]
        return sorted(fills, key=lambda fill: moment_of(fill["told_at"]))

    def fills_since(self, since: datetime) -> list[Fill]:
        """Return what the venue filled since a time, of all plans, in the order in which it was told."""
        rows = self._db.execute(
            "SELECT fills.told_at, fills.plan_id, fills.action_id, fills.quantity, average_price, fee, fee_currency,"
            " fills.order_id, attempts.sent_at"
            " FROM fills LEFT JOIN intents USING (plan_id, action_id)"
            " LEFT JOIN attempts ON attempts.plan_id = fills.plan_id AND attempts.action_id = fills.action_id"
            " AND attempts.attempt = fills.attempt"
            " ORDER BY fills.plan_id, intents.number, fills.attempt"
        )
        fills = [_fill(*row) for row in rows if moment_of(row[0]) >= since]
        return sorted(fills, key=lambda fill: fill.told_at)

    def settled_since(self, since: datetime) -> list[tuple[str, str, str]]:
        """Return plan, action and status of what was settled since a time, in the order of the plans."""
        rows = self._db.execute(
            "SELECT settled_at, plan_id, action_id, status FROM intents JOIN plans USING (plan_id)"
            " WHERE settled_at IS NOT NULL ORDER BY added_at, plan_id, number"
        )
        return [(plan_id, action_id, status) for at, plan_id, action_id, status in rows if moment_of(at) >= since]

    def back_to_planned(self, intent: Intent, message: str, now: datetime) -> Intent:
        """Note that an attempt never reached the venue; the intent may be sent again, as a further attempt.

        What was known of an order is forgotten with it: the next attempt must not be looked up as this one.
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE attempts SET outcome = 'not sent', message = ?, settled_at = ?"
                " WHERE plan_id = ? AND action_id = ? AND attempt = ?",
                (message, time_text(now), intent.plan_id, intent.action_id, intent.attempt),
            )
            db.execute(
                "UPDATE intents SET status = 'planned', filled = NULL, order_id = NULL"
                " WHERE plan_id = ? AND action_id = ?",
                (intent.plan_id, intent.action_id),
            )
        _note_step("not_sent", intent, why=message)
        return replace(intent, status="planned", filled=None, order_id=None)

    # --- runs ---

    def begin_run(
        self,
        plan: Plan,
        state: Mapping[str, Any],
        now: datetime,
        *,
        is_resumed: bool = False,
        beside: Beside = _nothing,
    ) -> int:
        """Start a run; its number is the fencing number of everything it sends.

        A plan that is not resumed is added with all its intents, all or nothing, in the same commit as the run and the
        state that it begins with; whatever waited for people's approval waits no more, and the approvals are used up.
        What is to stand ``beside`` it is written in that commit too.
        Raises PlanIsStale where a person has rejected the plan meanwhile.

        It need not be durable, unless another journal is to rely on it: nothing is sent before the commit that says so,
        which takes this one along, and a crash before that leaves the plan as if it had never been begun.
        """
        self._ensure_in_place()
        number, (name, revision) = int(_first(self.rows(_ASK_LAST_RUN))[0]) + 1, _first(self.rows(_ASK_MARK))
        with self._transaction(is_durable=beside is not _nothing) as db:
            if not is_resumed:
                self._close_requests(db, plan, now)
                self._put_plan(db, plan, now)
            db.execute(
                "INSERT INTO runs (run_id, plan_id, started_at, pid, host, actor) VALUES (?, ?, ?, ?, ?, ?)",
                (number, plan.plan_id, time_text(now), os.getpid(), socket.gethostname(), actor(os.environ)),
            )
            self._put_state(db, state)
            beside(db)
        # Whoever notes by which journal the account is traded asks for it next.
        self._asked[_ASK_MARK, ()] = [(name, int(revision or 0) + 1)]
        if not is_resumed:
            _note_step("plan_added", plan_id=plan.plan_id, actions=len(plan.actions))
        _note_step("run_begun", plan_id=plan.plan_id, run=number)
        return number

    @staticmethod
    def _close_requests(db: Tables, plan: Plan, now: datetime) -> None:
        stale = PlanIsStale(
            "a person has rejected the plan, or another one was carried out in its place",
            hint="see exitplan pending --closed; to go on all the same, make a new plan",
        )
        rejected = "SELECT 1 FROM requests WHERE plan_id = ? AND standing IN ('rejected', 'withdrawn')"
        db.ensure_none(rejected, (plan.plan_id,), stale)
        of_others = "" if plan.actions else " AND plan_id = ?"
        db.execute(
            "UPDATE requests SET standing = CASE WHEN plan_id = ? THEN 'applied' ELSE 'withdrawn' END, changed_at = ?"  # noqa: S608 - our own words
            f" WHERE standing = 'waiting'{of_others}",
            (plan.plan_id, time_text(now), *(() if plan.actions else (plan.plan_id,))),
        )

    @staticmethod
    def _put_plan(db: Tables, plan: Plan, now: datetime) -> None:
        db.execute(
            "INSERT INTO plans (plan_id, sha256, document, added_at) VALUES (?, ?, ?, ?)",
            (plan.plan_id, plan.sha256, orjson.dumps(plan.document), time_text(now)),
        )
        db.executemany(
            "INSERT INTO intents (plan_id, action_id, number, status, client_order_id) VALUES (?, ?, ?, 'planned', ?)",
            [(plan.plan_id, action.id, index, action.client_order_id) for index, action in enumerate(plan.actions)],
        )

    def end_run(
        self,
        run: int,
        exit_code: int,
        summary: Mapping[str, Any],
        state: Mapping[str, Any],
        now: datetime,
        *,
        used_plan: str | None = None,
        beside: Beside = _nothing,
    ) -> None:
        """Note how a run ended, the state it leaves, and that its plan is used up, if it is, in one commit.

        What is to stand ``beside`` it is written in that commit too. It is durable, unless that is made up for later: a
        crash before loses no order, and the next run ends the plan.
        """
        with self._transaction(is_durable=beside is not _nothing or not self.is_flushed_later) as db:
            db.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, state = ?, summary = ? WHERE run_id = ?",
                (time_text(now), exit_code, state.get("account_state"), orjson.dumps(summary), run),
            )
            if used_plan is not None:
                self._end_plan(db, used_plan, now)
            self._put_state(db, state)
            beside(db)
        _note_step("run_ended", run=run, exit_code=int(exit_code))
        if used_plan is not None:
            _note_step("plan_ended", plan_id=used_plan)

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, the newest first."""
        rows = self._db.execute(
            "SELECT run_id, plan_id, started_at, ended_at, exit_code, state, pid, host, actor, summary FROM runs"
            " ORDER BY run_id DESC"
        )
        return [_run(*row) for row in rows]

    # --- the account's state ---

    def state(self) -> dict[str, Any] | None:
        """Return the account's state document; None before the first run."""
        rows = self.rows(_ASK_STATE)
        if not rows:
            return None
        ((content, changes),) = rows
        document = document_of(content)
        if not changes:
            return document
        changed = self._db.execute("SELECT document FROM state_changes ORDER BY number")
        _change(document, [document_of(change) for (change,) in changed])
        return document

    def put_state(self, document: Mapping[str, Any]) -> None:
        """Replace the account's state document."""
        with self._transaction() as db:
            self._put_state(db, document)

    def mark(self) -> JournalMark:
        """Return which journal this is, and the revision of its state; 0 before the first."""
        name, revision = _first(self.rows(_ASK_MARK))
        return JournalMark(str(name), int(revision or 0))

    def exported_sha256(self) -> str | None:
        """Return the hash of the state file as it was last exported."""
        row = self._db.execute("SELECT exported_sha256 FROM state").fetchone()
        return None if row is None else row[0]

    @contextmanager
    def exporting(self, sha256: str) -> Iterator[None]:
        """Write the state file in the block, and remember its hash: meanwhile nobody else claims the journal."""
        with self._transaction() as db:
            yield
            db.execute("UPDATE state SET exported_sha256 = ?", (sha256,))

    def _put_state(self, db: Tables, document: Mapping[str, Any]) -> None:
        """Replace the document, with all changes of it."""
        content = orjson.dumps(document)
        changed = db.execute(
            "UPDATE state SET document = ?,"
            " revision = revision + 1 + (SELECT coalesce(max(number), 0) FROM state_changes)",
            (content,),
        )
        if self._may_have_changes:
            db.execute("DELETE FROM state_changes")
        if not self._has_state and not changed.rowcount:
            db.execute("INSERT INTO state (document, revision) VALUES (?, 1)", (content,))
        self._has_state, self._may_have_changes = True, False


def _change(document: dict[str, Any], changes: Iterable[Mapping[str, Any]]) -> None:
    """Change a state document by what outcomes have changed of it, one after the other."""
    newest: dict[str, dict[str, Any]] = {}
    for change in changes:
        for name, part in change.items():
            if name in ENTRIES:
                newest.setdefault(name, {}).update(part)
            else:
                document[name] = part
    for name, entries in newest.items():
        known = document.setdefault(name, {})
        known.update(entries)
        for key in [key for key, entry in entries.items() if entry is None]:
            del known[key]


def _fill_values(intent: Intent, resolution: Resolution, moment: str) -> tuple[object, ...]:
    told = (resolution.order_id, plain(resolution.filled), text_of(resolution.average_price))
    costs = (text_of(resolution.fee), resolution.fee_currency, moment)
    return (*told, *costs, intent.plan_id, intent.action_id, intent.attempt)


def _note_settlement(settled: Settlement) -> None:
    if not JOURNAL.isEnabledFor(logging.DEBUG):
        return
    for intent, resolution, _ in settled.resolved:
        figures = {"filled": resolution.filled, "order": resolution.order_id, "why": resolution.message}
        _note_step(resolution.status, intent, **figures)


def _note_step(step: str, intent: Intent | None = None, **fields: object) -> None:
    """Log a step of the journal once it is on the disk."""
    about = {} if intent is None else {"plan_id": intent.plan_id, "action": intent.action_id}
    note(JOURNAL, step, level=logging.DEBUG, **about, **fields)


def _first(rows: Sequence[Row]) -> Row:
    """Return the first of rows, which must be there."""
    if not rows:
        raise StoreBroken("a row of it is missing")
    return rows[0]


def _row(rows: Rows) -> Row:
    """Return a row that must be there."""
    row = rows.fetchone()
    if row is None:
        raise StoreBroken("a row of it is missing")
    return row


def _fill(told_at: str, *row: Any) -> Fill:  # noqa: ANN401 - a row of the journal
    plan_id, action_id, quantity, price, fee, currency, order_id, sent_at = row
    return Fill(
        plan_id=plan_id,
        action_id=action_id,
        quantity=number_of(quantity),
        average_price=decimal_of(price),
        fee=decimal_of(fee),
        fee_currency=currency,
        told_at=moment_of(told_at),
        order_id=order_id,
        sent_at=None if sent_at is None else moment_of(sent_at),
    )


def _run(*row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of the journal
    names = ("run", "plan_id", "started_at", "ended_at", "exit_code", "account_state", "pid", "host", "actor")
    run = dict(zip(names, row[:-1], strict=True))
    moment_of(run["started_at"])  # whoever reads it takes it for a time
    if run["ended_at"] is not None:
        moment_of(run["ended_at"])
    return {**run, "summary": document_of(row[-1]) if row[-1] else None}
