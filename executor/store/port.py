"""What an account's data is kept in: files and SQLite on one machine, or rows of Postgres. Everybody else sees this.

The statements of the journal are the same for both, so they keep to what both speak: marks are plain ``?``, columns are
named, numbers come from ``coalesce(max(number), 0) + 1`` within the transaction, conflicts are met with ``ON CONFLICT
DO NOTHING`` without a target, and nothing is ordered by where a row happens to lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # a store is made of what its tables are the ground of
    from exitplan.brokers.identity import Identity
    from exitplan.executor.store.halt import Halt
    from exitplan.executor.store.journal import Journal
    from exitplan.executor.store.journal_values import JournalMark
    from exitplan.executor.store.last_reading import LastReading
    from exitplan.executor.store.state import State
    from exitplan.executor.store.tracker import OwnTracker
    from exitplan.ruleset.planning.planner import Draft

Row = tuple[Any, ...]


class StoreError(Exception):
    """The tables of an account failed; whoever has opened them tells it to people, in words of their own."""


class StoreUnusable(StoreError):
    """They cannot be used now: a full disk, a lock, a server that is away. Becomes DataFolderUnusable."""


class WriterIsAnother(StoreError):
    """Another one has claimed the journal since: what is to be written is older than what is there."""


class StoreBroken(StoreError):
    """What is in them cannot be right. Becomes FileIsInvalid."""


ASK_WRITER = "SELECT writer FROM origin"


def writer_of(row: Row | None) -> int:
    """Return the number of a writer as it was read; raises StoreBroken where the row that has it is missing."""
    if row is None:
        raise StoreBroken("a row of it is missing")
    return int(row[0])


class Rows(Protocol):
    """The rows that a statement gives; each once. Reading them raises what running it does."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement has changed."""
        ...

    def __iter__(self) -> Iterator[Row]:
        """Return the rows that are left, one by one."""
        ...

    def fetchone(self) -> Row | None:
        """Return the next row; None where there is none left."""
        ...

    def fetchall(self) -> list[Row]:
        """Return all that are left."""
        ...


class Tables(Protocol):
    """The tables of one account, for the time they are open; raises StoreUnusable and StoreBroken alone."""

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement; outside of :meth:`writing` and :meth:`reading` it is a transaction by itself."""
        ...

    def executemany(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of the values, within :meth:`writing`."""
        ...

    def writing(self, writer: int | None = None, *, is_durable: bool = True) -> AbstractContextManager[None]:
        """Run a block as one transaction, durable when the block has ended, one writer of the account at a time.

        ``writer`` has to be the number of the newest one: WriterIsAnother is raised otherwise, before the first answer
        is seen and before the commit. Statements may then wait for one another, to go out together with the commit;
        answers are there once one of them is looked at, and when the block has ended.

        Where the block raises, or the commit does, nothing of it is written. Blocks are not nested. One that need not
        be durable may be lost in a crash, until the next one that is.
        """
        ...

    def ensure_none(self, sql: str, values: Sequence[object], problem: Exception) -> None:
        """Let a block of :meth:`writing` fail with a problem where a question has rows, at its end at the latest."""
        ...

    def change_one(self, sql: str, values: Sequence[object], problem: Exception) -> None:
        """Run a statement that must change one row; else a block of :meth:`writing` fails with a problem, as above."""
        ...

    def newest_writer(self) -> int:
        """Return the number of the writer that has claimed the journal last: in :meth:`writing` it stays that."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Run a block of questions that all see one moment; whoever writes meanwhile is not kept waiting."""
        ...


class AccountStore(Protocol):
    """All that exitplan keeps of one account.

    What cannot be used raises DataFolderUnusable, what is damaged FileIsInvalid, from whatever is called here.
    """

    @property
    def account(self) -> str:
        """The account's id."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for messages: a path, or a database without its password."""
        ...

    @property
    def tracker(self) -> OwnTracker:
        """The account's own position tracker."""
        ...

    # --- the journal ---

    def has_journal(self) -> bool:
        """Check whether a journal was begun."""
        ...

    def may_have_requests(self, *, rejected: bool = False) -> bool:
        """Check whether a plan may be open, or a request wait for people; or, where asked for, whether one is rejected.

        False only where it is known that there is none.
        """
        ...

    def may_have_incidents(self) -> bool:
        """Check whether there may be anything of incidents, or to be told; false only where it is known."""
        ...

    def open_journal(self) -> AbstractContextManager[Journal]:
        """Open the journal, beginning it where there is none, and check that it is sound."""
        ...

    def open_tables(self, *, may_begin: bool = False) -> AbstractContextManager[Tables]:
        """Open the tables unchecked, beside whoever holds the lease: for approvals, incidents and those who look back.

        Where there is no journal it raises, unless it ``may_begin`` one.
        """
        ...

    def ensure_journal(self) -> None:
        """Raise FileIsInvalid where there was a journal and is none."""
        ...

    def ensure_ready(self) -> None:
        """Raise DataFolderUnusable unless it can be written, with room for a run; and as ensure_journal does."""
        ...

    # --- the state ---

    def read_state(self) -> State:
        """Return what is remembered, changing nothing; raises FileIsInvalid where it was edited by hand."""
        ...

    def load_state(self, journal: Journal) -> State:
        """Return what is remembered, of a journal that is open; raises as :meth:`read_state` does."""
        ...

    def take_state(self, journal: Journal) -> State:
        """Load the state in order to change it; what a crash left undone beside the journal is made up for first."""
        ...

    def export_state(self, journal: Journal, state: State, *, over_edits: bool = False) -> None:
        """Show the state, which must be the journal's, to people and other tools, where the store does that.

        What was edited by hand since is left as it is, unless ``over_edits``.
        """
        ...

    def change_state(self, change: Callable[[State], State], now: datetime, *, lifts_mark: bool = False) -> State:
        """Change the state under the lease, durably, and show it; returns it as it is then.

        ``change`` is called once at most. With ``lifts_mark`` it is the answer of a verification, and the mark that
        none stands goes with it. Raises AccountIsLocked.
        """
        ...

    # --- one writer ---

    def lease(self, now: datetime) -> AbstractContextManager[None]:
        """Hold the account's lease for the time of the block; raises AccountIsLocked, naming who holds it."""
        ...

    def trading_lease(self, identity: Identity, now: datetime) -> AbstractContextManager[None]:
        """Hold the account's lease, and that of the account at its venue, whatever its name; raises AccountIsLocked."""
        ...

    def ensure_leased(self, journal: Journal) -> None:
        """Raise FileIsInvalid right before a send where another one may be at work: the lease ended, or was taken."""
        ...

    def holder(self, identity: Identity | None = None) -> str | None:
        """Return who holds the lease, or that of the account at its venue, in words; None where nobody does."""
        ...

    def seems_held(self, identity: Identity | None = None) -> str | None:
        """Return the same by what was noted, without getting in the way of whoever wants to take the lease."""
        ...

    def is_held_by(self, pid: int, host: str) -> bool:
        """Check whether this very process holds the lease and lives, as far as can be seen; for telling people."""
        ...

    def break_lease(self, identity: Identity | None = None) -> str | None:
        """Take the leases away from whoever holds them: who that was; None where nobody did. The last resort."""
        ...

    def ensure_newest_traded(self, identity: Identity, mark: JournalMark) -> None:
        """Raise FileIsInvalid where the account was traded by another journal, or by this one later on."""
        ...

    def note_journal(self, identity: Identity, mark: JournalMark) -> None:
        """Note by which journal the account is about to be traded."""
        ...

    # --- halts, and the mark that no verification stands ---

    def find_halt(self) -> Halt | None:
        """Find the halt in force for the account; a place that cannot be looked at counts as one."""
        ...

    def halt(self, reason: str, now: datetime) -> Halt:
        """Halt this account alone."""
        ...

    def resume(self) -> bool:
        """End the account's own halt; False where there was none."""
        ...

    def mark_gate_closed(self, reason: str, now: datetime) -> None:
        """Let no earlier verification open the gate; raises where not even that can be noted."""
        ...

    def lift_mark(self) -> None:
        """Take the mark away, since a later verification is in the journal."""
        ...

    def find_mark(self) -> str | None:
        """Return what the mark says; None where there is none. A place that cannot be looked at counts as one."""
        ...

    # --- what others look at ---

    def raise_alert(
        self, kind: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
    ) -> dict[str, Any]:
        """Add an alert and return its JSON form; one that cannot be kept is logged, and the work goes on."""
        ...

    def write_alert(self, alert: Mapping[str, Any]) -> bool:
        """Add an alert that was made before; false, and logged, where that cannot be done."""
        ...

    def keep_reading(self, draft: Draft, *, is_verification: bool = False) -> None:
        """Keep the figures of a reading, where there is a journal; never fails the work that they are of."""
        ...

    def last_reading(self) -> LastReading | None:
        """Return the figures of the last reading; None where none were kept, or they are damaged."""
        ...

    def save_reproducer(self, name: str, content: bytes) -> None:
        """Keep a case in which the rule engine could not be trusted."""
        ...


class StoreOpener(Protocol):
    """Finds the store of an account by its id, opening nothing yet."""

    def __call__(self, account: str, /) -> AccountStore:
        """Return the store of an account."""
        ...
