"""The position tracker: the published file, kept exactly, whoever writes it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan import PositionTracker
from exitplan.executor.store.tracker import load_records
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from tests.builders import NOW

PUBLISHED = {
    "positions": {
        "BTC-USD": {
            "entry_price": 45000.1,
            "quantity": 0.02,
            "size_usd": 900.002,
            "first_entry_time": "2026-01-01T10:00:00.123456",
            "last_entry_time": "2026-01-01T10:00:00.123456",
            "strategy": "APEX_v7.1",
            "num_adds": 0,
            "note": {"mine": 1.10},
        }
    },
    "last_updated": "2026-01-01T10:00:00.123456",
}


@pytest.fixture
def tracker(tmp_path: Path) -> PositionTracker:
    return PositionTracker(tmp_path / "positions.json", clock=lambda: NOW)


def published(tmp_path: Path) -> PositionTracker:
    (tmp_path / "positions.json").write_text(json.dumps(PUBLISHED))
    return PositionTracker(str(tmp_path / "positions.json"), clock=lambda: NOW)


def test_an_entry_is_there_for_the_next_process(tracker: PositionTracker) -> None:
    assert tracker.track_entry("BTC-USD", 45000.0, 0.02, 900.0, stop_price=40000.5)
    assert PositionTracker(tracker.storage_file).get_position("BTC/USD") == {
        "entry_price": 45000.0,
        "quantity": 0.02,
        "size_usd": 900.0,
        "strategy": "APEX_v7.1",
        "position_source": "nija_strategy",
        "stop_price": 40000.5,
        "first_entry_time": "2026-02-18T22:00:00Z",
        "last_entry_time": "2026-02-18T22:00:00Z",
        "num_adds": 0,
        "previous_profit_pct": 0.0,
    }


def test_the_published_file_is_read_and_what_is_not_known_in_it_kept(tmp_path: Path) -> None:
    tracker = published(tmp_path)
    assert load_records(tracker.path)["BTC/USD"].entry_price == Decimal("45000.1")
    tracker.track_entry("BTC/USD", 55000.1, 0.02, 1100.002, strategy="other")
    written = json.loads(tracker.path.read_text())["positions"]
    assert list(written) == ["BTC-USD"]
    record = written["BTC-USD"]
    assert (record["entry_price"], record["quantity"], record["size_usd"]) == (50000.1, 0.04, 2000.004)
    assert (record["first_entry_time"], record["num_adds"]) == ("2026-01-01T10:00:00.123456", 1)
    assert (record["note"], record["strategy"]) == ({"mine": 1.10}, "other")


def test_an_exit_in_part_keeps_the_share_of_what_was_paid(tracker: PositionTracker) -> None:
    tracker.track_entry("ETH-USD", 2000, 2, 4000)
    assert tracker.track_exit("ETH/USD", 0.5)
    found = tracker.get_position("ETH-USD")
    assert found is not None
    assert (found["quantity"], found["size_usd"], found["entry_price"]) == (1.5, 3000.0, 2000.0)


@pytest.mark.parametrize("quantity", [None, 2, 2.5])
def test_an_exit_of_all_removes_the_record(tracker: PositionTracker, quantity: float | None) -> None:
    tracker.track_entry("ETH-USD", 2000, 2, 4000)
    assert tracker.track_exit("ETH-USD", quantity)
    assert (tracker.get_position("ETH-USD"), tracker.get_all_positions()) == (None, [])


def test_an_exit_from_what_is_not_tracked_is_false(tracker: PositionTracker) -> None:
    assert tracker.track_exit("ETH-USD") is False
    assert not tracker.path.exists()


def test_the_result_is_told_as_a_fraction(tracker: PositionTracker) -> None:
    tracker.track_entry("ETH-USD", 2000, 2, 4000)
    assert tracker.calculate_pnl("ETH-USD", 2100.0) == {
        "symbol": "ETH-USD",
        "entry_price": 2000.0,
        "current_price": 2100.0,
        "quantity": 2.0,
        "entry_value": 4000.0,
        "current_value": 4200.0,
        "pnl_dollars": 200.0,
        "pnl_percent": 0.05,
        "previous_profit_pct": 0.0,
    }
    second = tracker.calculate_pnl("ETH-USD", 1900.0)
    assert second is not None
    assert (second["pnl_percent"], second["previous_profit_pct"]) == (-0.05, 0.05)
    assert tracker.calculate_pnl("BTC-USD", 1) is None


def test_what_the_broker_no_longer_holds_is_dropped(tracker: PositionTracker) -> None:
    for symbol in ("A-USD", "B-USD", "C-USD"):
        tracker.track_entry(symbol, 1, 1, 1)
    assert tracker.sync_with_broker([{"symbol": "B/USD"}, {"symbol": None}]) == 2
    assert tracker.get_all_positions() == ["B-USD"]
    assert tracker.sync_with_broker([{"symbol": "B-USD"}]) == 0
    with pytest.raises(UsageError):
        tracker.sync_with_broker(None)  # type: ignore[arg-type] # a question that failed


def test_all_is_cleared(tracker: PositionTracker) -> None:
    tracker.track_entry("A-USD", 1, 1, 1)
    assert tracker.clear_all()
    assert tracker.positions == {}


@pytest.mark.parametrize("content", ["{", "[]", '{"positions": 7}', '{"positions": {"A/USD": {}, "A-USD": {}}}'])
def test_a_broken_file_is_an_error_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "positions.json"
    tracker = PositionTracker(file)
    file.write_text(content)
    for attempt in (lambda: PositionTracker(file), lambda: tracker.track_entry("A-USD", 1, 1, 1), tracker.clear_all):
        with pytest.raises(FileIsInvalid):
            attempt()
    assert file.read_text() == content


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), "x", None, -1, 0])
def test_an_entry_without_a_price_is_refused(tracker: PositionTracker, amount: object) -> None:
    assert tracker.track_entry("A-USD", amount, 1, 1) is False
    assert tracker.track_entry("A-USD", 1, amount, 1) is False
    assert not tracker.path.exists()


def test_many_threads_lose_nothing(tracker: PositionTracker) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: PositionTracker(tracker.path).track_entry("A-USD", 1, 1, 1), range(40)):
            pass
    found = tracker.get_position("A-USD")
    assert found is not None
    assert (found["quantity"], found["num_adds"]) == (40.0, 39)


@given(st.floats(1e-9, 1e12), st.floats(1e-9, 1e12))
def test_floats_come_back_as_they_went(price: float, quantity: float) -> None:
    import tempfile  # noqa: PLC0415 - Hypothesis wants a folder for each example

    with tempfile.TemporaryDirectory() as folder:
        tracker = PositionTracker(Path(folder) / "p.json")
        tracker.track_entry("A-USD", price, quantity, 1)
        found = tracker.get_position("A-USD")
        assert found is not None
        assert (found["entry_price"], found["quantity"]) == (price, quantity)


@pytest.mark.parametrize("content", ["", "{}", " {}\n"])
def test_a_file_that_says_nothing_has_no_records(tmp_path: Path, content: str) -> None:
    file = tmp_path / "positions.json"
    file.write_text(content)
    tracker = PositionTracker(file)
    assert (tracker.positions, tracker.track_exit("A-USD")) == ({}, False)
    assert tracker.track_entry("A-USD", 1, 1, 1)
    assert tracker.get_all_positions() == ["A-USD"]


def test_a_snapshot_of_the_broker_replaces_the_quantity_and_nothing_that_is_known(tracker: PositionTracker) -> None:
    tracker.track_entry("ETH-USD", 2000.0, 2.0, 4000.0)
    assert tracker.sync_position_snapshot("ETH/USD", 1.5, current_price=2500.0, size_usd=3750.0)
    found = tracker.get_position("ETH-USD")
    assert found is not None
    assert (found["quantity"], found["entry_price"], found["size_usd"]) == (1.5, 2000.0, 3000.0)
    assert (found["position_source"], found["strategy"], found["num_adds"]) == ("nija_strategy", "APEX_v7.1", 0)


def test_a_snapshot_takes_no_market_price_for_an_entry_price(tracker: PositionTracker) -> None:
    assert tracker.sync_position_snapshot("A-USD", 2.0, current_price=5.0, size_usd=10.0)
    found = tracker.get_position("A-USD")
    assert found is not None
    assert (found["entry_price"], found["entry_price_source"]) == (0.0, "reconciliation_required")
    assert (found["size_usd"], found["position_source"]) == (10.0, "broker_existing")
    assert tracker.sync_position_snapshot("A-USD", 2.0, entry_price=4.0, entry_price_source="api")
    assert load_records(tracker.path)["A/USD"].entry_price == 4
    assert tracker.sync_position_snapshot("A-USD", 0.0) is tracker.sync_position_snapshot("", 1.0) is False
