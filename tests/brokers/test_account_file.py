"""The paper account file: started from a recording, changed atomically, never half written."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from exitplan.brokers.paper import storage
from exitplan.brokers.paper.broker import PaperBroker, open_paper_account
from exitplan.brokers.protocol import Clock, Found
from exitplan.ruleset.errors import AccountIsLocked, AccountUnreadable, DataFolderUnusable, FileIsInvalid
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.model.values import time_text
from exitplan.schemas.documents import load_document
from tests.brokers.accounts import NOW, by_client_id, by_id, d, done, limit, order, recorded, snapshot

LATER = NOW + timedelta(days=100)


def write(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps({**snapshot_to_document(snapshot()), **changes}))
    return path


def open_at(folder: Path, clock: Clock = lambda: LATER, **options: object) -> PaperBroker:
    account = {"id": "platform", "venue": "paper", "quote": "USD", "options": {"file": "a.json", **options}}
    return open_paper_account(account, folder, clock)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    return write(tmp_path / "a.json")


def test_an_account_is_read_as_of_now(account: Path) -> None:
    read = open_at(account.parent).read_account()
    assert read.taken_at == LATER
    assert read.positions == snapshot().positions


def test_an_order_survives_a_restart(account: Path) -> None:
    report = done(open_at(account.parent).place_order(order(client_order_id="mine")))
    again = open_at(account.parent)
    assert again.look_up_order(by_client_id("mine")) == again.look_up_order(by_id(report)) == Found(report)
    assert again.read_account().positions[0].quantity == d("4")


def test_the_file_stays_a_valid_snapshot(account: Path) -> None:
    broker = open_at(account.parent)
    done(broker.place_order(limit("sell", "1.234", "150", client_order_id="mine")))
    done(broker.place_order(order(quantity="1.234")))
    broker.read_account()
    document = load_document(account, "snapshot")
    assert document["taken_at"] == time_text(LATER)
    assert len(document["paper"]["closed_orders"]) == 1


def test_a_refused_order_writes_nothing(account: Path) -> None:
    before = account.read_bytes()
    open_at(account.parent).place_order(order(quantity="50"))
    assert account.read_bytes() == before


def test_a_change_made_by_hand_is_seen(account: Path) -> None:
    broker = open_at(account.parent)
    broker.read_account()
    write(account, cash={"free": "7", "locked": "0"})
    assert broker.read_account().cash.free == d("7")


def test_a_first_read_starts_the_account_with_its_ages(tmp_path: Path) -> None:
    resting = snapshot(open_orders=(recorded("o1", "sell", "1", "150", created_at=NOW - timedelta(hours=3)),))
    (tmp_path / "recorded.json").write_text(json.dumps(snapshot_to_document(resting)))
    broker = open_at(tmp_path, start_from="recorded.json")
    created = broker.read_account().open_orders[0].created_at
    assert created == LATER - timedelta(hours=3)
    assert (tmp_path / "a.json").exists()


def test_ages_grow_from_the_first_read_on(tmp_path: Path) -> None:
    times = iter([LATER, LATER + timedelta(hours=1)])
    broker = open_at(tmp_path, clock=lambda: next(times), start_from="demo")
    first, second = broker.read_account(), broker.read_account()
    assert second.taken_at - first.taken_at == timedelta(hours=1)
    assert second.open_orders == first.open_orders


def test_an_order_may_be_the_first_thing_an_account_sees(tmp_path: Path) -> None:
    write(tmp_path / "recorded.json")
    broker = open_at(tmp_path, start_from="recorded.json")
    done(broker.place_order(order()))
    assert broker.read_account().positions[0].quantity == d("4")


def test_a_recording_takes_the_name_of_the_account_it_starts(tmp_path: Path) -> None:
    write(tmp_path / "recorded.json", account="somebody", venue="kraken")
    read = open_at(tmp_path, start_from="recorded.json").read_account()
    assert (read.account, read.venue) == ("platform", "paper")


def test_a_recording_in_another_currency_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "recorded.json", quote="EUR")
    with pytest.raises(FileIsInvalid, match="EUR"):
        open_at(tmp_path, start_from="recorded.json").read_account()


def test_planning_needs_no_right_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    broker = open_at(tmp_path, file="file/a.json", start_from="demo")
    assert broker.read_account().taken_at == LATER
    with pytest.raises(DataFolderUnusable):
        broker.place_order(order())


def test_an_account_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AccountUnreadable) as failure:
        open_at(tmp_path).read_account()
    assert "start_from" in str(failure.value.hint)


def test_an_order_on_an_account_that_is_not_there_leaves_no_account(tmp_path: Path) -> None:
    with pytest.raises(AccountUnreadable):
        open_at(tmp_path).place_order(order())
    assert not (tmp_path / "a.json").exists()


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountUnreadable, match=r"recorded\.json"):
        open_at(tmp_path, start_from="recorded.json").read_account()


def test_an_account_that_is_a_folder_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(AccountUnreadable):
        open_at(tmp_path).read_account()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"format_version": 1}'])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FileIsInvalid):
        open_at(tmp_path).read_account()


@pytest.mark.parametrize(
    "paper",
    [
        {"next_order_id": "x"},
        {"closed_orders": [{}]},
        {"closed_orders": 5},
        {"open_orders": {"o1": {"position_side": "up"}}},
        {"open_orders": 5},
    ],
)
def test_broken_notes_are_refused(tmp_path: Path, paper: object) -> None:
    write(tmp_path / "a.json", paper=paper)
    with pytest.raises(FileIsInvalid, match="notes"):
        open_at(tmp_path).read_account()


def test_a_full_disk_leaves_the_file_as_it_was(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = account.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    broker = open_at(account.parent)
    with pytest.raises(DataFolderUnusable, match="No space left"):
        broker.place_order(order())
    assert account.read_bytes() == before
    assert not list(account.parent.glob("*.tmp"))
    assert not list(account.parent.glob(".*.tmp"))
    assert broker.read_account().positions == snapshot().positions


def test_another_process_at_work_is_waited_for_then_named(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LOCK_SECONDS", 0.05)
    with FileLock(account.with_name(".a.json.lock")), pytest.raises(AccountIsLocked):
        open_at(account.parent).place_order(order())


def test_orders_of_many_writers_are_all_kept(account: Path) -> None:
    def place(number: int) -> str:
        return done(open_at(account.parent).place_order(order(quantity="0.1", client_order_id=str(number)))).order_id

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(place, range(40)))
    assert len(set(names)) == 40
    assert open_at(account.parent).read_account().positions[0].quantity == d("1")


def test_the_rights_of_the_file_stay(account: Path) -> None:
    account.chmod(0o640)
    done(open_at(account.parent).place_order(order()))
    assert account.stat().st_mode & 0o777 == 0o640


def test_a_link_to_the_account_stays_a_link(account: Path) -> None:
    link = account.with_name("link.json")
    link.symlink_to(account)
    done(open_at(account.parent, file="link.json").place_order(order()))
    assert link.is_symlink()
    assert open_at(account.parent).read_account().positions[0].quantity == d("4")


def test_what_a_tracker_keeps_for_itself_stays(tmp_path: Path) -> None:
    text = json.dumps({**snapshot_to_document(snapshot()), "tracker": {"ETH/USD": {"score": 0.25, "tags": ["a"]}}})
    (tmp_path / "a.json").write_text(text)
    done(open_at(tmp_path).place_order(order()))
    open_at(tmp_path).read_account()
    assert open_at(tmp_path).read_account().tracker["ETH/USD"].extra == {"score": "0.25", "tags": ["a"]}


def test_a_recording_that_cannot_be_written_out_in_full_is_refused_before_it_is_kept(account: Path) -> None:
    position = {"symbol": "ETH/USD", "quantity": "5", "entry_price": "1e-90"}
    before = write(account, positions=[position]).read_bytes()
    with pytest.raises(FileIsInvalid):
        open_at(account.parent).place_order(order())
    assert account.read_bytes() == before


def test_an_order_can_be_looked_up_where_nothing_can_be_written(account: Path) -> None:
    report = done(open_at(account.parent).place_order(order()))
    lock = account.with_name(".a.json.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    assert open_at(account.parent).look_up_order(by_id(report)) == Found(report)


def test_a_link_in_a_circle_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "a.json")
    with pytest.raises(AccountUnreadable):
        open_at(tmp_path).read_account()


def test_a_name_no_file_can_have_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(AccountUnreadable):
        open_at(tmp_path, file="a" * 300, start_from="demo").read_account()


def test_a_tracker_key_that_json_cannot_hold_is_refused_before_anything_is_written(account: Path) -> None:
    before = write(account, tracker={"ETH/USD": {"nonce": 2**70}}).read_bytes()
    with pytest.raises(FileIsInvalid, match="cannot be written back"):
        open_at(account.parent).place_order(order())
    assert account.read_bytes() == before
