"""One cycle of a shard: its accounts are loaded at once, given a round each, and what they remember is written at once.

A round is the same as that of the watcher: :func:`begin_round` over a store that answers from what was loaded. A quiet
account, which is most of them, opens nothing. Orders, questions to people and what an earlier run has left open go
through the account's full store and journal, with its lease and its fence, as everywhere.

Fail closed: what a cycle has found is remembered all together, in its end, and only under the shard's lease. Where that
fails, or the process dies before, nothing of the quiet accounts is remembered, and the answer that stood before ages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from exitplan.brokers.call_log import as_caller
from exitplan.brokers.clock_offset import TOLD
from exitplan.brokers.registry import PAPER
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.reconcile import Sleep
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.port import AccountStore
from exitplan.executor.tracing import span
from exitplan.executor.watching.rounds import GoOn, Round, begin_round
from exitplan.fleet.batch.batched_store import BatchedStore
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.figures import ShardFigures
from exitplan.fleet.reading_ahead import reading_ahead
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.planning.checks import AccountState

AT_ONCE = 96
"""Accounts of a live venue that are read side by side: each asks two or three questions in turn, so that at 50 ms a
question some 600 a second are on their way; the venue's limits bound the calls.
"""
ORDERS_AT_ONCE = 6
"""Accounts that have their orders sent side by side: each takes a connection to the database, which keeps eight."""
ON_PAPER_AT_ONCE = 2
"""The same at simulated venues: only the database is waited for, and more threads would keep one another from work."""

AtWork = Callable[[int], None]
Stopped = Callable[[], bool]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Unopened:
    """An account that could not be opened, and the round that came of that.

    ``offline`` it is opened without its venue, for its incidents; None where that cannot be done either.
    """

    store: AccountStore
    round: Round
    offline: Account | None


def run_shard(
    accounts: Sequence[Account],
    batch: ShardBatch,
    at_work: AtWork,
    stopped: Stopped,
    *,
    unopened: Sequence[Unopened] = (),
    sleep: Sleep = time.sleep,
    at_once: int | None = None,
) -> ShardFigures:
    """Give each account of a shard a round, and return what they came to.

    ``at_work`` is told the place of each account before it is worked on, and again while its orders are waited for:
    should the process die there, it is to blame. All that was collected is gone with it then, so the others of the
    shard are to be done again, also those before it. What is wrong with those ``unopened`` is told with the others'.
    Once ``stopped`` says so no further round begins, and what has ended is remembered. Raises DataFolderUnusable.
    """
    began = time.monotonic()
    batch.load([*(account.id for account in accounts), *(one.store.account for one in unopened)])
    shard = _Shard(batch, at_work, stopped, sleep)
    is_on_paper = all(one.venue == PAPER for one in accounts)
    reading, sending = at_once or (1 if is_on_paper else AT_ONCE), ON_PAPER_AT_ONCE if is_on_paper else ORDERS_AT_ONCE
    rounds = [*shard.take_in(unopened), *shard.run(accounts, reading, sending)]
    written = batch.write()
    shard.tend()
    return ShardFigures.of(rounds, written, time.monotonic() - began)


class _Shard:
    """The rounds of one cycle, planned one after another in this thread: where the rule engine crashes, one is at work.

    Orders are sent by other threads, so that their commits and answers are waited for together; at a live venue
    accounts are read ahead likewise.
    """

    def __init__(self, batch: ShardBatch, at_work: AtWork, stopped: Stopped, sleep: Sleep) -> None:
        self._batch = batch
        self._at_work, self._stopped, self._sleep = at_work, stopped, sleep
        self._begun: list[tuple[Account, BatchedStore]] = []

    def run(self, accounts: Sequence[Account], reading: int, sending: int) -> list[Round]:
        """Give the accounts their rounds, so many of them on their way from the venue, and having orders sent."""
        with (
            ThreadPoolExecutor(reading, "exitplan reads") as readers,
            ThreadPoolExecutor(sending, "exitplan orders") as senders,
        ):
            coming = accounts if reading == 1 else reading_ahead(accounts, self._is_read, readers, reading)
            begun = self._begin(coming)
            rounds = [one if isinstance(one, Round) else senders.submit(as_caller(one)) for one in begun]
            return [self._awaited(place, one) if isinstance(one, Future) else one for place, one in enumerate(rounds)]

    def take_in(self, unopened: Iterable[Unopened]) -> list[Round]:
        """Note what came of accounts that could not be opened."""
        for one in unopened:
            store = self._batch.store_of(one.store)
            store.round = one.round
            if one.offline is not None:
                self._begun.append((one.offline, store))
        return [one.round for one in unopened]

    def _awaited(self, place: int, ending: Future[Round]) -> Round:
        self._at_work(place)
        return ending.result()

    def tend(self) -> None:
        """Tend the incidents of those that may have some, once what was found is written."""
        for account, store in self._begun:
            if _may_have_incidents(account, store):
                tend(account, account.clock())

    def _begin(self, accounts: Iterable[Account]) -> Iterator[Round | GoOn]:
        """Plan the accounts one by one; what is left to do of a round is a function, for whatever thread."""
        for place, account in enumerate(accounts):
            if self._stopped():
                return
            self._at_work(place)
            store = self._batch.store_of(account.store)
            self._begun.append((account, store))
            batched = replace(account, store=store)
            with span("round", is_root=True, account=account.id, venue=account.venue):
                begun = _guarded(batched, lambda: begin_round(batched, self._stopped, self._sleep))  # noqa: B023 - called at once
            if isinstance(begun, Round):
                store.round = begun
                yield begun
            else:
                yield partial(_ended, batched, store, begun)

    def _is_read(self, account: Account) -> bool:
        """Check whether a round will read the account: nobody asks for one that is halted, or in use."""
        known = self._batch.loaded(account.id)
        return not known.is_busy and (known.halt is None or account.rulebook.policy.halt_allows_exits)


def _ended(account: Account, store: BatchedStore, go_on: GoOn) -> Round:
    store.round = done = _guarded(account, go_on)
    return done


def _guarded(account: Account, task: Callable[[], R]) -> R | Round:
    """Do a round or a part of it; whatever breaks in it is told, and must not keep the others from theirs."""
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - as the docstring says
        name = f"{type(error).__name__}: {error}"
        note(RUN, "round_broke", level=logging.ERROR, account=account.id, message=name)
        problem = AccountUnreadable(name, hint="this is a bug in exitplan; please report it")
        return Round(account.id, account.venue, account.clock(), "failed", 1, problem=problem)


def _may_have_incidents(account: Account, store: BatchedStore) -> bool:
    """Check whether an account has incidents, or something that may become one; else there is nothing to look at."""
    offset = account.clock_offset
    if store.loaded.has_incidents or (offset is not None and offset.problem(TOLD) is not None):
        return True
    if not account.rulebook.policy.escalation or store.round is None:
        return False
    if store.has_passed_on or store.find_mark() is not None or store.round.state is not AccountState.CLEAN:
        return True
    state = store.collected.state
    return state is None or bool(state.failed_exits or state.escalated or state.unwinds)
