"""What the accounts of one shard remember, loaded at once and written at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from exitplan.executor.store.last_reading import next_reading
from exitplan.executor.store.port import AccountStore
from exitplan.executor.store.state import state_to_document
from exitplan.executor.watching.troubles import Troubles, failure_alert
from exitplan.fleet.batch.batched_store import BatchedStore
from exitplan.fleet.batch.loading import Loaded, load_accounts
from exitplan.fleet.batch.snapshots import KEPT_FOR, snapshot_to_keep, write_snapshots
from exitplan.fleet.batch.writing import (
    Entry,
    ShardLease,
    write_alerts,
    write_entries,
    write_readings,
    write_troubles,
)
from exitplan.fleet.pausing import count_failures
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.checks import AccountState

if TYPE_CHECKING:
    from psycopg import Connection

    from exitplan.executor.store.postgres.database import Database

_BY_INDEX = (
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),"
    " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('jit', 'off', true)"
)
"""A shard is a few rows of large tables: whatever the statistics say, each is found by its key. A plan that was made
while a table was small would else read all of it."""


@dataclass(frozen=True, slots=True)
class Written:
    """The accounts whose answers were written with their shard's, and those whose were not.

    Somebody else has touched those that were ``lost``, or the shard's lease had ended.
    """

    remembered: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()


class ShardBatch:
    """One cycle of one shard: :meth:`load`, then a store for each account, then :meth:`write`."""

    def __init__(
        self, database: Database, *, lease: ShardLease | None = None, snapshots_kept_for: timedelta = KEPT_FOR
    ) -> None:
        """Work in a database; under a ``lease`` nothing is written once that has ended."""
        self._database = database
        self._lease = lease
        self._kept_for = snapshots_kept_for
        self._loaded: dict[str, Loaded] = {}
        self._stores: list[BatchedStore] = []

    def load(self, accounts: Sequence[str]) -> None:
        """Load what accounts remember; raises DataFolderUnusable."""
        with self._transaction() as connection:
            self._loaded = load_accounts(connection, accounts)

    def loaded(self, account: str) -> Loaded:
        """Return what was loaded of an account."""
        return self._loaded[account]

    def store_of(self, full: AccountStore) -> BatchedStore:
        """Return the store of an account that was loaded, for one round; ``full`` is the one for what goes beyond."""
        store = BatchedStore(full, self._loaded[full.account])
        self._stores.append(store)
        return store

    def write(self) -> Written:
        """Write all that was collected; raises DataFolderUnusable, and then nothing is written."""
        stores, self._stores = self._stores, []
        entries = [entry for store in stores if (entry := _entry_of(store)) is not None]
        seen = [(store.loaded, draft.account.snapshot) for store in stores if (draft := store.collected.draft)]
        kept = [one for known, snapshot in seen if (one := snapshot_to_keep(known, snapshot, self._kept_for))]
        readings = {store.account: _reading_of(store) for store in stores if store.has_passed_on}
        troubles, failures = _troubles_of(stores)
        failed = [(done.account, int(done.exit_code)) for store in stores if (done := store.round) and done.is_failure]
        accounts = frozenset(entry.account for entry in entries)
        with self._transaction() as connection:
            written = write_entries(connection, entries, self._lease)
            if written is None:
                return Written(lost=accounts)
            write_troubles(connection, troubles)
            count_failures(connection, failed)
            write_alerts(connection, [*(alert for store in stores for alert in _alerts_of(store, written)), *failures])
            write_readings(connection, readings)
            write_snapshots(connection, kept)
        return Written(written, accounts - written)

    @contextmanager
    def _transaction(self) -> Iterator[Connection[Any]]:
        with self._database.connection() as connection, connection.transaction():
            connection.execute(_BY_INDEX)
            yield connection


def _entry_of(store: BatchedStore) -> Entry | None:
    """Return what an account has to remember; None where nothing was collected."""
    collected, known = store.collected, store.loaded
    state = collected.state
    if state is None:
        return None
    is_answer = collected.is_verified and state.account_state is not None
    closing = None
    if is_answer and state.account_state is not AccountState.CLEAN:
        at = time_text(collected.at.replace(microsecond=0))
        closing = f"that the account was {state.account_state} could not be remembered ({at})"
    return Entry(
        account=known.account,
        writer=known.writer,
        revision=known.revision,
        halt=known.halt,
        mark=known.mark,
        document=orjson.dumps(state_to_document(state)),
        is_verified=collected.is_verified,
        reading=_reading_of(store),
        closing=closing,
    )


def _reading_of(store: BatchedStore) -> bytes | None:
    """Return the figures of the reading as they are kept."""
    collected, known = store.collected, store.loaded
    if collected.draft is None:
        return None
    return next_reading(collected.draft, known.reading, is_verification=collected.is_verification)


def _troubles_of(stores: Iterable[BatchedStore]) -> tuple[dict[str, Troubles], list[dict[str, Any]]]:
    """Return what has changed of what is wrong with rounds, by account, and the alerts of what fails anew."""
    changed: dict[str, Troubles] = {}
    failures = []
    for store in stores:
        if store.round is not None:
            before = store.loaded.troubles
            known, done = before.taking_in(store.round, store.round.at)
            after = known.after(done)
            if done.is_failure and not known.knows(done):
                failures.append(failure_alert(done))
            if after != before:
                changed[store.account] = after
    return changed, failures


def _alerts_of(store: BatchedStore, written: Collection[str]) -> list[dict[str, Any]]:
    """Return the alerts of an account: of those about its state none where that was not written."""
    collected = store.collected
    return [*collected.told, *(collected.alerts if store.account in written else ())]
