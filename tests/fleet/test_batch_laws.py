"""Laws of a batched shard: no update is lost, nothing is CLEAN over a halt or a run, and it remembers what all do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exitplan.executor.accounts.account import Account
from exitplan.executor.approvals.book import open_book
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.plan import plan_account
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.leases import Lease
from exitplan.executor.store.state import State, state_to_document
from exitplan.executor.verify import verify_account
from exitplan.executor.watching.rounds import Round, begin_round, round_of
from exitplan.fleet.batch.batched_store import BatchedStore, Collected
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.planning.checks import AccountState
from tests.conftest import examples
from tests.fleet.shards import Shard, ToldWorld

_first = itertools.count(0, 7)
SIZE = 2
places = st.integers(0, SIZE - 1)


class Meddling(RuleBasedStateMachine):
    """A shard is loaded, worked on and written, while others do to its accounts what they may do at any moment.

    ``touched`` are those that anybody has changed since the shard was loaded, ``answers`` what its rounds collected.
    """

    database: Database

    @initialize()
    def begin(self) -> None:
        self.shard = Shard(self.database, ToldWorld(), first=next(_first), size=SIZE)
        self.batch: ShardBatch | None = None
        self.stores: dict[int, BatchedStore] = {}
        self.touched: set[int] = set()
        self.halts: dict[int, str | None] = {}
        self.leases: dict[int, Lease] = {}
        self.runs: dict[int, tuple[str, int]] = {}
        self.names = itertools.count()

    def teardown(self) -> None:
        for lease in self.leases.values():
            lease.release()

    def account(self, place: int) -> Account:
        return self.shard.account(place)

    # --- the shard ---

    @precondition(lambda self: self.batch is None)
    @rule(done=st.sets(places, min_size=1), unreadable=st.sets(places))
    def load_and_plan(self, done: set[int], unreadable: set[int]) -> None:
        world = self.shard.world
        world.cycle += 1
        world.unreadable = {self.shard.first + place for place in unreadable}
        self.batch, self.touched = ShardBatch(self.database), set()
        self.halts = {place: self.halt_of(place) for place in range(SIZE)}
        self.batch.load([self.account(place).id for place in range(SIZE)])
        for place in sorted(done):
            account = self.account(place)
            self.stores[place] = store = self.batch.store_of(account.store)
            begun = begin_round(replace(account, store=store), lambda: False, lambda _: None)
            assert isinstance(begun, Round) or place in self.runs  # which it would bring to its end

    @precondition(lambda self: self.batch is not None)
    @rule()
    def write(self) -> None:
        before = {place: self.kept(place) for place in range(SIZE)}
        written = self.batch.write()  # type: ignore[union-attr]
        for place in range(SIZE):
            name = self.account(place).id
            store = self.stores.get(place)
            if name in written.remembered:
                assert store is not None
                assert place not in self.touched, "what somebody wrote is lost"
                assert self.halts[place] == self.halt_of(place)  # one that came and went since is nobody's loss
                assert place not in self.runs
                assert place not in self.leases
                assert self.kept(place) == store.collected.state
            elif self.kept(place) != before[place]:
                raise AssertionError("something else was written")
            else:
                collected = Collected() if store is None else store.collected
                state = collected.state or State(account_state=AccountState.CLEAN)
                if collected.is_verified and state.account_state is not AccountState.CLEAN:
                    assert not self.shard.gate(place).open
        self.batch, self.stores = None, {}

    def kept(self, place: int) -> State | None:
        store = self.account(place).store
        return store.read_state() if store.has_journal() else None

    def halt_of(self, place: int) -> str | None:
        halt = self.account(place).store.find_halt()
        return None if halt is None else halt.text

    # --- the others ---

    def is_free(self, place: int) -> bool:
        return place not in self.leases and place not in self.runs

    @rule(place=places)
    def verify(self, place: int) -> None:
        if self.is_free(place):
            with suppress(AccountUnreadable):
                verify_account(self.account(place))
            self.touched.add(place)

    @rule(place=places)
    def change_state(self, place: int) -> None:
        if self.is_free(place):
            entry = {"reason": f"number {next(self.names)}"}
            self.account(place).store.change_state(
                lambda state: replace(state, escalated={"X/USD": entry}), self.shard.world.now()
            )
            self.touched.add(place)

    @rule(place=places)
    def halt(self, place: int) -> None:
        self.account(place).store.halt(f"number {next(self.names)}", self.shard.world.now())

    @rule(place=places)
    def resume(self, place: int) -> None:
        self.account(place).store.resume()

    @rule(place=places)
    def close_gate(self, place: int) -> None:
        self.account(place).store.mark_gate_closed(f"number {next(self.names)}", self.shard.world.now())
        self.touched.add(place)

    @rule(place=places)
    def ask(self, place: int) -> None:
        with self.readable(), open_book(self.account(place).store) as book:
            if self.is_free(place):
                book.ask(plan_account(self.account(place)).plan, ["so it is"], 1, self.shard.world.now())
                self.touched.add(place)

    @contextmanager
    def readable(self) -> Iterator[None]:
        self.shard.world.later += timedelta(seconds=1)  # two plans of one moment would be one
        self.shard.world.unreadable, unreadable = set(), self.shard.world.unreadable
        yield
        self.shard.world.unreadable = unreadable

    @rule(place=places)
    def take_lease(self, place: int) -> None:
        if self.is_free(place):
            self.leases[place] = self.database.leases.take([f"account:{self.account(place).id}"], "it is in use")

    @rule(place=places)
    def end_lease(self, place: int) -> None:
        if place in self.leases:
            self.leases.pop(place).release()

    @rule(place=places)
    def begin_run(self, place: int) -> None:
        if not self.is_free(place):
            return
        account = self.account(place)
        with self.readable():
            plan = plan_account(account).plan
        now = self.shard.world.now()
        with account.store.lease(now), account.store.open_journal() as journal:
            if journal.plan_status(plan.plan_id) == "unknown":
                number = journal.begin_run(plan, state_to_document(account.store.load_state(journal)), now)
                self.runs[place] = plan.plan_id, number
        self.touched.add(place)

    @rule(place=places)
    def end_run(self, place: int) -> None:
        if place not in self.runs:
            return
        plan_id, number = self.runs.pop(place)
        account, now = self.account(place), self.shard.world.now()
        with account.store.lease(now), account.store.open_journal() as journal:
            state = state_to_document(account.store.load_state(journal))
            journal.end_run(number, 0, {}, state, now, used_plan=plan_id)
        self.touched.add(place)

    @invariant()
    def no_gate_is_open_that_must_not_be(self) -> None:
        for place in range(SIZE):
            if self.gate_must_be_closed(place):
                assert not self.shard.gate(place).open

    def gate_must_be_closed(self, place: int) -> bool:
        if not hasattr(self, "leases"):
            return False
        return place in self.leases or place in self.runs or self.account(place).store.find_halt() is not None


def test_whatever_others_do_meanwhile_a_shard_takes_nothing_back(database: Database) -> None:
    Meddling.database = database
    run_state_machine_as_test(
        Meddling,
        settings=settings(examples(25, 200), stateful_step_count=25, suppress_health_check=[*HealthCheck]),
    )


happenings = st.sets(st.sampled_from(["unreadable", "selling", "halt", "resume", "mark", "asked"]), max_size=3)


def happen(shard: Shard, what: set[str]) -> None:
    """Let things happen to the first account before a cycle."""
    store, now = shard.account(0).store, shard.world.now()
    shard.world.unreadable = {shard.first} if "unreadable" in what else set()
    shard.world.selling = {shard.first} if "selling" in what else set()
    if "halt" in what:
        store.halt("so it is", now)
    if "resume" in what:
        store.resume()
    if "mark" in what and store.has_journal():
        store.mark_gate_closed("so it is", now)
    if "asked" in what and store.has_journal() and "unreadable" not in what:
        with open_book(store) as book:
            book.ask(plan_account(shard.account(0)).plan, ["so it is"], 1, now)


def remembered(shard: Shard) -> tuple[str, ...]:
    """Return all that can be seen of the first account, without its name and times of the wall."""
    account = shard.account(0)
    store = account.store
    document = state_to_document(store.read_state()) if store.has_journal() else {}
    reading = store.last_reading()
    alerts = [kind for kind in shard.alerts(0) if kind != "ROUND_FAILED"]  # the watcher raises that outside of rounds
    told = (reading or "", document, alerts, store.find_mark(), shard.gate(0).open, len(past_runs(account)))
    return tuple(str(part).replace(account.id, "ACCOUNT") for part in told)


@given(st.lists(happenings, min_size=1, max_size=5))
def test_a_batched_shard_remembers_what_single_rounds_do(database: Database, story: list[set[str]]) -> None:
    number = next(_first)
    single, batched = (Shard(database, ToldWorld(), number + offset, size=1) for offset in (0, 70_000))
    for what in story:
        for shard in (single, batched):
            shard.world.cycle += 1
            happen(shard, what)
        account = single.account(0)
        done = round_of(account, lambda: False, lambda _: None)
        tend(account, account.clock())
        batched.world.cycle -= 1
        assert batched.cycle().kinds == {done.kind: 1}
        (reading, *rest), (full_reading, *full_rest) = remembered(batched), remembered(single)
        assert rest == full_rest
        assert reading == full_reading or not full_reading  # a single round that begins the journal keeps none
