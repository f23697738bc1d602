"""The log beside a paper account: what happened is there again after any end, and the file shows it once read."""

from __future__ import annotations

import errno
import json
import os
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.paper import account_file
from exitplan.brokers.paper.account_file import Owner, PaperFile
from exitplan.brokers.paper.changes import RecordingEngine, change_from_document, change_to_document
from exitplan.brokers.paper.options import read_options
from exitplan.brokers.protocol import Found, OrderReference
from exitplan.ruleset.errors import AccountUnreadable, DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from tests.brokers.accounts import NOW, by_client_id, charging, d, done, limit, order, snapshot
from tests.brokers.test_account_file import open_at, write
from tests.brokers.test_laws import STEPS, Step, fresh, take

LATER = NOW + timedelta(days=1)


def log_of(account: Path) -> Path:
    return account.with_name(f".{account.name}.log")


@pytest.fixture
def account(tmp_path: Path) -> Path:
    return write(tmp_path / "a.json")


def held(account: Path, **options: Any) -> str:
    return str(open_at(account.parent, **options).read_account().positions[0].quantity)


def paper_file(path: Path) -> PaperFile:
    return PaperFile(path, Owner("platform", "USD"), charging())


def carry_out(path: Path, steps: list[Step], restarts: set[int], readings: set[int]) -> bytes:
    """Do the steps in turn, in a new process or after a reading before some of them; return the file at the end."""
    path.write_text(json.dumps(snapshot_to_document(snapshot())))
    file = paper_file(path)
    for number, step in enumerate(steps):
        if number in restarts:
            file = paper_file(path)
        if number in readings:
            file.read(LATER)
        file.change(LATER, lambda engine, number=number, step=step: take(engine, number, step))  # type: ignore[misc]
    paper_file(path).read(LATER)
    return path.read_bytes()


@given(STEPS, st.sets(st.integers(0, 25)), st.sets(st.integers(0, 25)))
def test_processes_and_readings_in_between_change_nothing(
    steps: list[Step], restarts: set[int], readings: set[int]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        assert carry_out(path, steps, restarts, readings) == carry_out(path, steps, set(), set(range(26)))
        assert not log_of(path).exists()


@given(STEPS)
def test_a_change_reads_back_as_it_was(steps: list[Step]) -> None:
    recording = RecordingEngine(fresh())
    for number, step in enumerate(steps):
        take(recording, number, step)
    for change in recording.changes:
        assert change_from_document(json.loads(json.dumps(change_to_document(change)))) == change


def test_a_reference_keeps_its_time() -> None:
    recording = RecordingEngine(fresh())
    taken = done(recording.place(limit("sell", "1", "150", client_order_id="mine"), NOW))
    recording.cancel(OrderReference(symbol="ETH/USD", order_id=taken.order_id, since=NOW), NOW)
    assert [change_from_document(change_to_document(change)) for change in recording.changes] == recording.changes


def test_an_order_is_in_the_log_before_its_answer_and_in_the_file_after_a_reading(account: Path) -> None:
    before = account.read_bytes()
    broker = open_at(account.parent)
    done(broker.place_order(order(client_order_id="mine")))
    assert account.read_bytes() == before
    assert log_of(account).read_bytes().count(b"\n") == 2
    broker.read_account()
    assert json.loads(account.read_bytes())["positions"][0]["quantity"] == "4"
    assert not log_of(account).exists()


def test_orders_that_go_out_together_are_one_write(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = open_at(account.parent)
    done(broker.place_order(order()))
    synced = list[int]()
    monkeypatch.setattr(os, "fsync", synced.append)
    outcomes = broker.place_orders([order(quantity="50"), order(client_order_id="b"), order(client_order_id="c")])
    assert (len(synced), [type(outcome).__name__ for outcome in outcomes]) == (1, ["Refused", "Done", "Done"])
    assert held(account) == "2"


def test_of_orders_whose_write_was_cut_off_those_on_the_disk_are_found(account: Path) -> None:
    names = ["a", "b", "c"]
    open_at(account.parent).place_orders([order(client_order_id=name) for name in names])
    log_of(account).write_bytes(log_of(account).read_bytes()[:-20])
    again = open_at(account.parent)
    assert [isinstance(again.look_up_order(by_client_id(name)), Found) for name in names] == [True, True, False]


def test_a_refused_order_leaves_no_log(account: Path) -> None:
    open_at(account.parent).place_order(order(quantity="50"))
    assert not log_of(account).exists()


def test_an_order_of_another_process_is_seen(account: Path) -> None:
    mine, theirs = open_at(account.parent), open_at(account.parent)
    done(mine.place_order(order(client_order_id="mine")))
    done(theirs.place_order(order(client_order_id="theirs")))
    assert isinstance(mine.look_up_order(by_client_id("theirs")), Found)
    assert str(mine.read_account().positions[0].quantity) == "3"


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_was_never_answered(account: Path, cut: int) -> None:
    broker = open_at(account.parent)
    done(broker.place_order(order(client_order_id="first")))
    done(broker.place_order(order(client_order_id="second")))
    log_of(account).write_bytes(log_of(account).read_bytes()[:-cut])
    again = open_at(account.parent)
    done(again.place_order(order(client_order_id="third")))
    assert held(account) == "3"


def test_a_log_cut_off_in_its_first_line_says_nothing(account: Path) -> None:
    done(open_at(account.parent).place_order(order()))
    log_of(account).write_bytes(log_of(account).read_bytes()[:20])
    assert held(account) == "5"


@pytest.mark.parametrize("line", [b"{}", b"[]", b"\xff", b'{"do": "fly", "at": "2026-02-18T22:00:00Z"}', b'"becomes"'])
def test_a_log_broken_in_the_middle_is_refused(account: Path, line: bytes) -> None:
    done(open_at(account.parent).place_order(order()))
    log_of(account).write_bytes(log_of(account).read_bytes() + line + b"\n")
    with pytest.raises(FileIsInvalid, match=r"\.a\.json\.log"):
        open_at(account.parent).read_account()


def test_a_file_edited_while_a_log_waits_is_refused(account: Path) -> None:
    done(open_at(account.parent).place_order(order()))
    write(account, cash={"free": "7", "locked": "0"})
    with pytest.raises(AccountUnreadable, match="by hand") as failure:
        open_at(account.parent).read_account()
    assert "remove the log" in str(failure.value.hint)
    log_of(account).unlink()
    assert open_at(account.parent).read_account().cash.free == d("7")


def test_an_account_that_is_removed_starts_anew_without_its_log(tmp_path: Path) -> None:
    write(tmp_path / "recorded.json")
    done(open_at(tmp_path, start_from="recorded.json").place_order(order()))
    (tmp_path / "a.json").unlink()
    assert held(tmp_path / "a.json", start_from="recorded.json") == "5"
    assert not log_of(tmp_path / "a.json").exists()


def test_a_crash_between_the_new_file_and_the_end_of_its_log_counts_nothing_twice(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = open_at(account.parent)
    done(broker.place_order(order()))
    with monkeypatch.context() as crashing:
        crashing.setattr(PaperFile, "_remove_log", lambda _: os._exit(1) if os.fork() == 0 else os.wait())
        broker.read_account()
    assert log_of(account).exists()
    assert held(account) == "4"
    done(open_at(account.parent).place_order(order()))
    assert held(account) == "3"


def test_a_crash_before_the_new_file_is_in_place_loses_nothing(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = open_at(account.parent)
    done(broker.place_order(order()))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(account_file, "replace_file", crash)
        with pytest.raises(KeyboardInterrupt):
            broker.read_account()
    done(open_at(account.parent).place_order(order()))
    assert held(account) == "3"


def test_other_options_hold_for_what_comes_not_for_what_was(account: Path) -> None:
    done(open_at(account.parent, taker_fee="0.1").place_order(order()))
    free = open_at(account.parent, taker_fee=0)
    assert done(free.place_order(order())).fee == 0
    assert free.read_account().cash.free == d("1000") + d("99") * d("0.9") + d("99")


def test_a_full_disk_keeps_the_orders_before_and_refuses_the_next(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = open_at(account.parent)
    done(broker.place_order(order()))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as crowded:
        crowded.setattr(os, "fsync", full)
        with pytest.raises(DataFolderUnusable, match="No space left"):
            broker.place_order(order())
    assert str(broker.read_account().positions[0].quantity) == held(account) == "4"


def test_a_log_that_cannot_be_folded_yet_is_read_all_the_same(account: Path) -> None:
    done(open_at(account.parent).place_order(order()))
    lock = account.with_name(".a.json.lock")
    lock.unlink()
    lock.mkdir()
    assert held(account) == "4"
    assert log_of(account).exists()


def test_a_long_log_is_folded_between_readings(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_file, "MOST_LOGGED", 200)
    broker = open_at(account.parent)
    for _ in range(4):
        done(broker.place_order(order(quantity="0.1")))
    assert json.loads(account.read_bytes())["positions"][0]["quantity"] != "5"
    assert held(account) == "4.6"


def test_an_account_is_read_while_another_process_changes_it(account: Path) -> None:
    done(open_at(account.parent).place_order(order()))
    other = PaperFile(account, Owner("platform"), read_options({"file": account.name}))
    assert other.change(LATER, lambda _: held(account)) == "4"
    assert log_of(account).exists()
