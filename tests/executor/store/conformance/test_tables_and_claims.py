"""Transactions: whole or not at all, one writer at a time, and nobody writes who was taken over."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import pytest

from exitplan.executor.store.port import AccountStore, StoreError, StoreOpener, Tables
from exitplan.executor.store.untold import Told, tell_later
from exitplan.ruleset.errors import FileIsInvalid
from tests.builders import NOW

REPLACED = "taken over by another run"
TOLD = Told("approval-1", "APPROVAL_WAITING", None, {"request": "1"})


class Torn(Exception):
    """What goes wrong in the middle of a transaction."""


def count(tables: Tables) -> int:
    row = tables.execute("SELECT count(*) FROM untold_alerts").fetchone()
    assert row is not None
    return int(row[0])


def test_a_transaction_is_written_whole_or_not_at_all(store: AccountStore, again: AccountStore) -> None:
    def torn(tables: Tables) -> None:
        with tables.writing():
            tell_later(tables, TOLD, NOW)
            raise Torn

    with store.open_tables(may_begin=True) as tables:
        with pytest.raises(Torn):
            torn(tables)
        assert count(tables) == 0
        with tables.writing():
            tell_later(tables, TOLD, NOW)
        with again.open_tables() as others:
            assert (count(tables), count(others)) == (1, 1)


@pytest.mark.parametrize(
    "sql", ["SELECT nothing FROM nowhere", "INSERT INTO plans (plan_id) VALUES (NULL)", "no statement at all"]
)
def test_whatever_goes_wrong_is_an_error_of_the_port_and_the_tables_can_be_used_on(
    store: AccountStore, sql: str
) -> None:
    with store.open_tables(may_begin=True) as tables:
        with pytest.raises(StoreError):
            tables.execute(sql).fetchall()
        assert count(tables) == 0
        with pytest.raises(StoreError):
            _in_a_transaction(tables, lambda: tables.execute(sql).fetchall())
        with tables.writing():
            tell_later(tables, TOLD, NOW)
        assert count(tables) == 1


def _in_a_transaction(tables: Tables, act: Callable[[], object]) -> None:
    with tables.writing():
        act()


def test_rows_come_one_by_one_or_all_and_say_how_many_were_changed(store: AccountStore) -> None:
    with store.open_tables(may_begin=True) as tables:
        with tables.writing():
            values = [("clock", str(number), "x") for number in range(3)]
            tables.executemany("INSERT INTO troubles (kind, subject, first_seen) VALUES (?, ?, ?)", values)
        asked = "SELECT subject FROM troubles WHERE kind = ? ORDER BY subject"
        rows = tables.execute(asked, ("clock",))
        assert (rows.fetchone(), rows.fetchall(), rows.fetchone()) == (("0",), [("1",), ("2",)], None)
        assert list(tables.execute(asked, ("clock",))) == [("0",), ("1",), ("2",)]
        with tables.writing():
            again = "INSERT INTO troubles (kind, subject, first_seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            assert (
                tables.execute(again, ("clock", "0", "y")).rowcount,
                tables.execute(again, ("a", "0", "y")).rowcount,
            ) == (0, 1)
            assert tables.execute("DELETE FROM troubles WHERE kind = ?", ("clock",)).rowcount == 3


def test_whoever_reads_sees_one_moment_and_keeps_nobody_from_writing(store: AccountStore, again: AccountStore) -> None:
    with store.open_tables(may_begin=True) as reader, again.open_tables() as writer:
        with reader.reading():
            assert count(reader) == 0
            with writer.writing():
                tell_later(writer, TOLD, NOW)
            assert (count(reader), count(writer)) == (0, 1)
        assert count(reader) == 1


def test_writers_of_one_account_come_one_after_another(store_of: StoreOpener) -> None:
    """Numbers are one more than the highest: two that looked at once would have the same."""
    with store_of("desk").open_journal():
        pass
    problems: list[BaseException] = []

    def write() -> None:
        try:
            with store_of("desk").open_tables() as tables:
                for _ in range(20):
                    with tables.writing():
                        tell_later(tables, TOLD, NOW)
        except BaseException as problem:
            problems.append(problem)
            raise

    writers = [Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with store_of("desk").open_tables() as tables:
        numbers = [number for (number,) in tables.execute("SELECT number FROM untold_alerts ORDER BY number")]
    assert (problems, numbers) == ([], list(range(1, 81)))


def test_whoever_claims_the_journal_is_the_only_one_to_write_in_it(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as first:
        first.claim()
        store.ensure_leased(first)
        with again.open_journal() as second:
            first.end_plan("any", NOW)  # to look is no claim
            second.claim()
            with pytest.raises(FileIsInvalid, match=REPLACED):
                first.end_plan("any", NOW)
            with pytest.raises(FileIsInvalid, match=REPLACED):
                store.ensure_leased(first)
            second.end_plan("any", NOW)


def test_the_first_thing_that_is_written_is_a_claim(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as first, again.open_journal() as second:
        second.put_state({"unwind_progress": {}})
        with pytest.raises(FileIsInvalid, match=REPLACED):
            first.put_state({"unwind_progress": {}})
        assert first.mark().revision == 1
