"""A store that answers from what its shard has loaded, and collects what a quiet account remembers.

It opens nothing. What goes beyond that (orders, questions to people, open plans, incidents) it hands to the account's
full store, and from then on everything: a round is either collected as a whole, or done on the full store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from exitplan.brokers.identity import Identity
from exitplan.executor.store.alerts import make_alert
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import JournalMark
from exitplan.executor.store.last_reading import LastReading
from exitplan.executor.store.port import AccountStore, Tables
from exitplan.executor.store.state import State, state_from_document
from exitplan.executor.store.tracker import OwnTracker
from exitplan.executor.watching.rounds import Round
from exitplan.fleet.batch.loaded_tracker import LoadedTracker
from exitplan.fleet.batch.loading import Loaded
from exitplan.ruleset.errors import AccountIsLocked, FileIsInvalid
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.planner import Draft

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Collected:
    """What an account has to remember of its round: a state where it changed, a reading, and alerts.

    ``is_verified`` says that the state holds the answer of a verification, with which the mark goes. ``alerts`` are
    those about the state, which are told with it alone; what is ``told`` stands whatever becomes of that.
    """

    state: State | None = None
    at: datetime = _NEVER
    is_verified: bool = False
    draft: Draft | None = None
    is_verification: bool = False
    alerts: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)


class BatchedStore:
    """The store of one account of a shard, for one round.

    An account that somebody is in the middle of when its shard is loaded is left to the full store from the start.
    """

    def __init__(self, full: AccountStore, loaded: Loaded) -> None:
        """Answer from what was ``loaded``, and leave to ``full`` what goes beyond."""
        self.full = full
        self.loaded = loaded
        self.collected = Collected()
        self.round: Round | None = None
        self.has_passed_on = loaded.is_busy
        self._known: State | None = None
        self._document: dict[str, Any] | None = None
        self._has_marked = False

    @property
    def account(self) -> str:
        """The account's id."""
        return self.loaded.account

    @property
    def place(self) -> str:
        """The database without its password."""
        return self.full.place

    @property
    def tracker(self) -> OwnTracker:
        """The account's own position tracker, as it was loaded."""
        if self.has_passed_on:
            return self.full.tracker
        return LoadedTracker(self.loaded.tracker, self.full.tracker)

    def _passed_on(self) -> AccountStore:
        """Hand what was collected to the full store, which does the rest of the round, and return it.

        A reading stays here: nothing is decided by it, and it is written with the others'. Raises AccountIsLocked where
        somebody has changed the state since it was loaded: what was planned is older.
        """
        if not self.has_passed_on:
            self.has_passed_on = True
            collected, self.collected = self.collected, replace(self.collected, state=None, alerts=[], told=[])
            if collected.state is not None:
                self._hand_over(collected.state, collected)
            for alert in (*collected.told, *collected.alerts):
                self.full.write_alert(alert)
        return self.full

    def _hand_over(self, state: State, collected: Collected) -> None:
        before = self._remembered()
        if state == replace(before, last_prices=state.last_prices):
            return  # prices alone are read again before anything is sent

        def unless_changed(known: State) -> State:
            if known != before:
                raise AccountIsLocked(
                    f"the account {self.account} was changed by another process since it was read",
                    hint="the next round tries again",
                )
            return state

        self.full.change_state(unless_changed, collected.at, lifts_mark=collected.is_verified)

    def _remembered(self) -> State:
        """Return the state as it was loaded; raises FileIsInvalid where it is damaged."""
        if self._known is None:
            self._known, self._document = self._read()
        return self._known

    def _read(self) -> tuple[State, dict[str, Any] | None]:
        if self.loaded.document is None:
            return State(), None
        try:
            document = orjson.loads(self.loaded.document)
            return state_from_document(document), document
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileIsInvalid(
                f"{self.place}: the state of {self.account} is damaged: {error}",
                hint="restore the database from a backup",
            ) from error

    # --- the journal ---

    def has_journal(self) -> bool:
        """Check whether a journal was begun, or will be with what was collected."""
        if self.has_passed_on:
            return self.full.has_journal()
        return self.loaded.writer is not None or self.collected.state is not None

    def may_have_requests(self, *, rejected: bool = False) -> bool:
        """Check whether a plan was open or a request waited, or one was rejected, when the shard was loaded."""
        return self.loaded.is_busy or (rejected and self.loaded.has_rejected)

    def may_have_incidents(self) -> bool:
        """Check whether there was anything of incidents when the shard was loaded."""
        return self.loaded.has_incidents

    @contextmanager
    def open_journal(self) -> Iterator[Journal]:
        """Open the journal of the full store; what the shard has found is written, durably, after its runs."""
        with self._passed_on().open_journal() as journal:
            journal.is_flushed_later = True
            yield journal

    def open_tables(self, *, may_begin: bool = False) -> AbstractContextManager[Tables]:
        """Open the tables of the full store."""
        return self._passed_on().open_tables(may_begin=may_begin)

    def ensure_journal(self) -> None:
        """Ask the full store, where it is at work."""
        if self.has_passed_on:
            self.full.ensure_journal()

    def ensure_ready(self) -> None:
        """Ask the full store, unless the journal was loaded from it just now: something is about to be sent."""
        full = self._passed_on()
        if self.loaded.is_busy or self.loaded.writer is None:
            full.ensure_ready()

    # --- the state ---

    def read_state(self) -> State:
        """Return what is remembered, with what was collected."""
        return self.full.read_state() if self.has_passed_on else self.collected.state or self._remembered()

    def load_state(self, journal: Journal) -> State:
        """Return what is remembered, of a journal of the full store."""
        full = self._passed_on()
        return self._still_known(journal) or full.load_state(journal)

    def take_state(self, journal: Journal) -> State:
        """Load the state of a journal of the full store, in order to change it."""
        full = self._passed_on()
        return self._still_known(journal) or full.take_state(journal)

    def _still_known(self, journal: Journal) -> State | None:
        """Return the state that was read already, where the journal has it still."""
        is_same = self._document is not None and journal.state() == self._document
        return self._known if is_same else None

    def export_state(self, journal: Journal, state: State, *, over_edits: bool = False) -> None:
        """Do what the full store does."""
        self._passed_on().export_state(journal, state, over_edits=over_edits)

    def change_state(self, change: Callable[[State], State], now: datetime, *, lifts_mark: bool = False) -> State:
        """Collect a change of the state."""
        if self.has_passed_on:
            return self.full.change_state(change, now, lifts_mark=lifts_mark)
        collected = self.collected
        told, collected.told = collected.told, []
        try:
            state = change(collected.state or self._remembered())
        finally:
            told, collected.told = collected.told, told
        collected.state, collected.at = state, now
        collected.alerts += told
        collected.is_verified |= lifts_mark
        return state

    # --- one writer ---

    def lease(self, now: datetime) -> AbstractContextManager[None]:
        """Take the lease at the full store."""
        return self._passed_on().lease(now)

    def trading_lease(self, identity: Identity, now: datetime) -> AbstractContextManager[None]:
        """Take the leases at the full store."""
        return self._passed_on().trading_lease(identity, now)

    def ensure_leased(self, journal: Journal) -> None:
        """Ask the full store."""
        self.full.ensure_leased(journal)

    def holder(self, identity: Identity | None = None) -> str | None:
        """Ask the full store, where it is at work; else nobody did when the shard was loaded."""
        return self.full.holder(identity) if self.has_passed_on else None

    def seems_held(self, identity: Identity | None = None) -> str | None:
        """Ask the full store, where it is at work; else nobody did when the shard was loaded."""
        return self.full.seems_held(identity) if self.has_passed_on else None

    def is_held_by(self, pid: int, host: str) -> bool:
        """Ask the full store."""
        return self.full.is_held_by(pid, host)

    def break_lease(self, identity: Identity | None = None) -> str | None:
        """Break the leases at the full store."""
        return self.full.break_lease(identity)

    def ensure_newest_traded(self, identity: Identity, mark: JournalMark) -> None:
        """Ask the full store."""
        self.full.ensure_newest_traded(identity, mark)

    def note_journal(self, identity: Identity, mark: JournalMark) -> None:
        """Note it at the full store."""
        self.full.note_journal(identity, mark)

    # --- halts, and the mark that no verification stands ---

    def find_halt(self) -> Halt | None:
        """Find the halt that was in force when the shard was loaded; once there is a plan, the one in force now."""
        if self.has_passed_on or self.collected.draft is not None:
            return self.full.find_halt()
        return None if self.loaded.halt is None else _halt_of(self.loaded, self.loaded.halt, self.place)

    def halt(self, reason: str, now: datetime) -> Halt:
        """Halt the account at once."""
        return self.full.halt(reason, now)

    def resume(self) -> bool:
        """End the account's halt at once."""
        return self.full.resume()

    def mark_gate_closed(self, reason: str, now: datetime) -> None:
        """Close the gate at once; what was collected is then not written over it."""
        self._has_marked = True
        self.full.mark_gate_closed(reason, now)

    def lift_mark(self) -> None:
        """Lift the mark at the full store, if there was one; one that came since then stays, as for quiet accounts."""
        full = self._passed_on()
        if self._has_marked or self.loaded.mark is not None:
            full.lift_mark()

    def find_mark(self) -> str | None:
        """Return what the mark says, unless a verification was collected that lifts it."""
        if self.has_passed_on:
            return self.full.find_mark()
        return None if self.collected.is_verified else self.loaded.mark

    # --- what others look at ---

    def raise_alert(
        self, kind: str, now: datetime, figures: Mapping[str, Any], severity: str | None = None
    ) -> dict[str, Any]:
        """Collect an alert."""
        if self.has_passed_on:
            return self.full.raise_alert(kind, now, figures, severity)
        alert = make_alert(kind, self.account, now, figures, severity)
        self.write_alert(alert)
        return alert

    def write_alert(self, alert: Mapping[str, Any]) -> bool:
        """Collect an alert that was made before."""
        if self.has_passed_on:
            return self.full.write_alert(alert)
        self.collected.told.append(dict(alert))
        return True

    def keep_reading(self, draft: Draft, *, is_verification: bool = False) -> None:
        """Collect a reading."""
        self.collected.draft, self.collected.is_verification = draft, is_verification

    def last_reading(self) -> LastReading | None:
        """Return what the full store has."""
        return self.full.last_reading()

    def save_reproducer(self, name: str, content: bytes) -> None:
        """Keep it at once."""
        self.full.save_reproducer(name, content)


def _halt_of(loaded: Loaded, text: str, place: str) -> Halt:
    """Return the halt that was in force; everybody's counts before an account's own."""
    return Halt(place, printable(text), None if loaded.halts_all else loaded.account)
