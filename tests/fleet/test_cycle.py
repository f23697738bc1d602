"""A cycle of a shard: what quiet accounts remember is written at once, everything else goes as everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from threading import Barrier, Event, current_thread, main_thread
from typing import Any

import psycopg
import pytest

from bench.fleet.world import SimulatedBroker
from exitplan.brokers.protocol import OrderRequest, Outcome
from exitplan.executor.approvals.book import open_book
from exitplan.executor.plan import plan_account
from exitplan.executor.store.history import past_runs
from exitplan.executor.verify import verify_account
from exitplan.fleet.batch import shard_batch
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.batch.writing import ShardLease
from exitplan.fleet.cycle import run_shard
from exitplan.fleet.snapshots import unpacked
from exitplan.ruleset.errors import DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.checks import AccountState
from tests.fleet.shards import Shard, ToldWorld


def states(shard: Shard) -> list[AccountState | None]:
    return [account.store.read_state().account_state for account in shard.accounts]


# --- quiet accounts ---


def test_quiet_accounts_are_verified_and_their_gates_open(shard: Shard) -> None:
    figures = shard.cycle()
    assert (figures.kinds, figures.remembered, figures.lost) == ({"quiet": 3}, 3, 0)
    assert [shard.gate(place).open for place in range(3)] == [True, True, True]
    assert shard.account(0).store.last_reading() is not None


def test_a_further_quiet_account_takes_no_further_statement(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    count, execute = 0, psycopg.Cursor.execute

    def counted(*given: Any, **more: Any) -> object:
        nonlocal count
        count += 1
        return execute(*given, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    counts = []
    for shard.size in (3, 30):
        shard.world.selling = {shard.first + place for place in range(shard.size)}  # so that they have trackers
        shard.cycle()
        shard.world.selling = set()
        shard.cycle()
        count = 0
        shard.cycle()
        counts.append(count)
    assert counts[0] == counts[1] < 20


def test_a_halted_account_is_left_alone(shard: Shard) -> None:
    shard.cycle()
    shard.account(1).store.halt("look at it", shard.world.now())
    before = shard.account(1).store.read_state()
    assert shard.cycle().kinds == {"quiet": 2, "halted": 1}
    assert shard.account(1).store.read_state() == before


def test_an_account_in_use_is_left_to_whoever_uses_it(shard: Shard) -> None:
    with shard.account(2).store.lease(shard.world.now()):
        assert shard.cycle().kinds == {"quiet": 2, "locked": 1}
    assert states(shard) == [AccountState.CLEAN, AccountState.CLEAN, None]


# --- orders ---


def test_what_is_to_be_sold_goes_through_the_journal(shard: Shard) -> None:
    shard.world.selling = {shard.first + 1}
    figures = shard.cycle()
    assert (figures.kinds, figures.orders, figures.states) == ({"quiet": 2, "applied": 1}, 1, {"CLEAN": 3})
    assert [len(past_runs(account)) for account in shard.accounts] == [0, 1, 0]
    assert shard.gate(1).open
    assert shard.account(1).store.last_reading() is not None


def test_a_halt_made_since_the_shard_was_loaded_keeps_orders_back(shard: Shard) -> None:
    shard.world.selling = {shard.first + 1}

    def halt_all(place: int) -> None:
        if place == 1:
            shard.account(1).store.halt("at once", shard.world.now())

    figures = run_shard(shard.accounts, ShardBatch(shard.database), halt_all, lambda: False)
    assert (figures.kinds, figures.orders) == ({"quiet": 2, "halted": 1}, 0)


# --- failures ---


def test_an_account_that_cannot_be_read_is_unknown_and_that_is_told_once(shard: Shard) -> None:
    shard.cycle()
    shard.world.unreadable = {shard.first}
    assert [shard.cycle().kinds for _ in range(2)] == [{"failed": 1, "quiet": 2}] * 2
    assert states(shard)[0] is AccountState.UNKNOWN
    assert not shard.gate(0).open
    assert shard.alerts(0) == ["ROUND_FAILED"]
    asked = "SELECT failures FROM exitplan.round_troubles WHERE account = %s"
    assert shard.ask(asked, shard.account(0).id) == [(2,)]
    shard.world.unreadable = set()
    shard.cycle()
    assert shard.ask(asked, shard.account(0).id) == []
    shard.world.unreadable = {shard.first}
    shard.cycle()
    assert shard.alerts(0) == ["ROUND_FAILED", "ROUND_FAILED"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"unwind_progress": 7}', b'{"last_verified_at": "soon"}', b"\xff"]
)
def test_a_damaged_state_is_told_and_keeps_nobody_else(shard: Shard, content: bytes) -> None:
    shard.cycle()
    spoil = "UPDATE exitplan.{} SET document = %s WHERE account = %s RETURNING 1"
    for table in ("state", "readings"):
        shard.ask(spoil.format(table), content, shard.account(0).id)
    assert shard.cycle().kinds == {"failed": 1, "quiet": 2}
    assert not shard.gate(0).open


def test_a_damaged_tracker_is_told_and_keeps_nobody_else(shard: Shard) -> None:
    shard.cycle()
    shard.ask("INSERT INTO exitplan.trackers VALUES (%s, %s) RETURNING 1", shard.account(0).id, b'{"positions": 7}')
    assert shard.cycle().kinds == {"failed": 1, "quiet": 2}
    assert states(shard)[0] is AccountState.UNKNOWN


def test_an_account_that_is_locked_for_an_hour_is_told(shard: Shard) -> None:
    with shard.account(0).store.lease(shard.world.now()):
        for _ in range(13):
            shard.cycle()
    assert shard.alerts(0) == ["ROUND_FAILED"]


def test_whoever_verified_meanwhile_keeps_what_they_wrote(shard: Shard) -> None:
    shard.cycle()

    def verify(place: int) -> None:
        if place == 2:
            verify_account(shard.account(0))

    shard.world.unreadable = {shard.first}
    batch = ShardBatch(shard.database)
    accounts = shard.accounts

    def meddle(place: int) -> None:
        if place == 2:
            shard.world.unreadable = set()
            verify(place)

    figures = run_shard(accounts, batch, meddle, lambda: False)
    assert (figures.remembered, figures.lost) == (2, 1)
    assert states(shard)[0] is AccountState.CLEAN
    assert not shard.gate(0).open  # the shard found it UNKNOWN, and could not say so


def test_a_worker_that_has_lost_its_shard_writes_nothing(shard: Shard) -> None:
    shard.cycle()
    before = [account.store.read_state() for account in shard.accounts]
    figures = shard.cycle(ShardBatch(shard.database, lease=ShardLease("shard:1", 7)))
    assert (figures.remembered, figures.lost) == (0, 3)
    assert [account.store.read_state() for account in shard.accounts] == before


def test_where_the_database_is_away_in_the_end_nothing_is_remembered(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard.cycle()
    before = [account.store.read_state() for account in shard.accounts]

    def cut(*_: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(shard_batch, "write_snapshots", cut)
    with pytest.raises(DataFolderUnusable, match="server closed"):
        shard.cycle()
    assert [account.store.read_state() for account in shard.accounts] == before


def test_a_stopped_shard_begins_no_further_round_and_keeps_what_has_ended(shard: Shard) -> None:
    begun: list[int] = []
    figures = run_shard(shard.accounts, ShardBatch(shard.database), begun.append, lambda: len(begun) == 2)
    assert (begun, figures.kinds, figures.remembered) == ([0, 1], {"quiet": 1, "stopped": 1}, 1)


def test_where_people_were_asked_meanwhile_the_shard_says_nothing(shard: Shard) -> None:
    def ask(place: int) -> None:
        if place == 2:
            account = shard.account(0)
            with open_book(account.store) as book:
                book.ask(plan_account(account).plan, ["so it is"], 1, shard.world.now())

    shard.cycle()
    figures = run_shard(shard.accounts, ShardBatch(shard.database), ask, lambda: False)
    assert (figures.remembered, figures.lost) == (2, 1)


def test_a_verification_that_is_remembered_lifts_the_mark(shard: Shard) -> None:
    shard.cycle()
    shard.account(0).store.mark_gate_closed("so it is", shard.world.now())
    assert not shard.gate(0).open
    shard.cycle()
    assert shard.gate(0).open


def test_a_run_lifts_the_mark_that_was_there_when_its_shard_was_loaded(shard: Shard) -> None:
    shard.cycle()
    shard.account(0).store.mark_gate_closed("so it is", shard.world.now())
    shard.world.selling = {shard.first}
    assert shard.cycle().kinds == {"applied": 1, "quiet": 2}
    assert shard.gate(0).open


def test_a_mark_that_comes_while_orders_are_sent_stays_until_the_next_round(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard.cycle()
    place = SimulatedBroker.place_orders

    def marked_meanwhile(broker: SimulatedBroker, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        shard.account(0).store.mark_gate_closed("so it is", shard.world.now())
        return place(broker, requests)

    monkeypatch.setattr(SimulatedBroker, "place_orders", marked_meanwhile)
    shard.world.selling = {shard.first}
    assert shard.cycle().kinds == {"applied": 1, "quiet": 2}
    assert not shard.gate(0).open
    shard.world.selling = set()
    shard.cycle()
    assert shard.gate(0).open


def test_a_writer_that_has_hung_since_before_the_cycle_writes_nothing_more(shard: Shard) -> None:
    shard.cycle()
    with shard.account(0).store.open_journal() as journal:
        shard.cycle()
        with pytest.raises(FileIsInvalid, match="taken over by another run"):
            journal.put_state({})


def test_whoever_is_writing_is_not_waited_for_and_keeps_what_they_write(shard: Shard) -> None:
    shard.cycle()
    account = shard.account(0)
    with shard.database.connection() as other, other.transaction():
        other.execute("SELECT FROM exitplan.origin WHERE account = %s FOR UPDATE", (account.id,))
        other.execute("UPDATE exitplan.state SET revision = revision + 1 WHERE account = %s", (account.id,))
        assert shard.cycle().lost == 1
    assert shard.cycle().lost == 0


# --- venues that take their time ---


def test_accounts_are_read_and_their_orders_sent_side_by_side(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    together = {name: Barrier(shard.size) for name in ("read", "place")}
    once = {name: set[int]() for name in together}

    def meet(name: str, number: int) -> None:
        if number not in once[name]:
            once[name].add(number)
            together[name].wait(timeout=30)

    class Slow(ToldWorld):
        def read(self, number: int, account: str) -> Snapshot:
            meet("read", number)
            return super().read(number, account)

    place = SimulatedBroker.place_orders

    def place_slowly(broker: SimulatedBroker, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        meet("place", broker.number)
        return place(broker, requests)

    monkeypatch.setattr(SimulatedBroker, "place_orders", place_slowly)
    shard.world = Slow(selling={shard.first + place for place in range(3)})
    planned: list[tuple[int, str]] = []
    figures = run_shard(
        shard.accounts,
        ShardBatch(shard.database),
        lambda place: planned.append((place, current_thread().name)),
        lambda: False,
        at_once=3,
    )
    assert (figures.kinds, figures.orders) == ({"applied": 3}, 3)
    assert planned == [(place, main_thread().name) for place in range(3)] * 2


def test_whose_orders_are_waited_for_is_in_hand(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    in_hand: list[int] = []
    waited_for = Event()

    def take_in_hand(place: int) -> None:
        in_hand.append(place)
        if in_hand[-2:] == [2, 0]:
            waited_for.set()

    place = SimulatedBroker.place_orders

    def place_slowly(broker: SimulatedBroker, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        assert waited_for.wait(20)
        return place(broker, requests)

    monkeypatch.setattr(SimulatedBroker, "place_orders", place_slowly)
    shard.world.selling = {shard.first}
    figures = run_shard(shard.accounts, ShardBatch(shard.database), take_in_hand, lambda: False)
    assert (figures.kinds, in_hand) == ({"applied": 1, "quiet": 2}, [0, 1, 2, 0])


def test_a_halted_account_is_not_read_ahead(shard: Shard) -> None:
    read: list[int] = []

    class Watched(ToldWorld):
        def read(self, number: int, account: str) -> Snapshot:
            read.append(number - shard.first)
            return super().read(number, account)

    shard.world = Watched()
    shard.account(1).store.halt("so it is", shard.world.now())
    figures = run_shard(shard.accounts, ShardBatch(shard.database), lambda _: None, lambda: False, at_once=2)
    assert (figures.kinds, sorted(read)) == ({"quiet": 2, "halted": 1}, [0, 2])


# --- snapshots ---


def test_a_snapshot_is_kept_until_positions_change_or_an_hour_has_passed(shard: Shard) -> None:
    asked = "SELECT taken_at, document FROM exitplan.snapshots WHERE account = %s"

    def kept() -> tuple[object, bytes]:
        ((at, document),) = shard.ask(asked, shard.account(1).id)
        return at, document

    shard.cycle()
    first, document = kept()
    snapshot = unpacked(document, shard.account(1).id)
    assert snapshot.positions == shard.account(1).broker.read_account().positions
    shard.cycle()
    assert kept()[0] == first
    shard.world.later = timedelta(hours=1)
    shard.cycle()
    second, _ = kept()
    assert second > first  # type: ignore[operator]
    shard.world.selling = {shard.first + 1}
    shard.cycle()
    shard.world.selling = set()
    shard.cycle()
    assert kept()[0] >= second  # type: ignore[operator]
