"""Phase 1 of the Python API: the published categories, by the same rules as everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exitplan import ExitStrategy, PositionCategory
from exitplan.ruleset.errors import AccountUnreadable
from tests.dropin.bot import RAISES, bot, held

A, B, C = PositionCategory.STRATEGY_ALIGNED, PositionCategory.LEGACY_NON_COMPLIANT, PositionCategory.ZOMBIE_LEGACY


def test_a_tracked_position_of_a_strategy_is_aligned(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.track("BTC-USD")
    assert program.protocol.classify_position(held("BTC-USD", pnl_pct=5.0), 10_000.0) is A


def test_an_untracked_position_is_legacy(tmp_path: Path) -> None:
    assert bot(tmp_path).protocol.classify_position(held("LTC-USD"), 10_000.0) is B


def test_a_position_opened_by_hand_is_legacy(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.track("XRP-USD", position_source="manual")
    assert program.protocol.classify_position(held("XRP-USD"), 10_000.0) is B


@pytest.mark.parametrize(
    "position",
    [
        pytest.param(held("ETH-USD", 0.5), id="below a dollar"),
        pytest.param(held("ETH-USD", 99.99), id="below one per cent"),
        pytest.param({"symbol": "ETH-USD", "quantity": 10.0, "usd_value": 0.99}, id="told as usd_value"),
        pytest.param(held("ETH-USD", 1000.0, -1.0), id="with a negative quantity"),
        pytest.param(held("ETH-USD", -5.0), id="with a negative value"),
        pytest.param(held("ETH-USD", 0.0), id="worth nothing"),
        pytest.param(held(None), id="without a symbol"),
        pytest.param(held("UNKNOWN"), id="of an unknown symbol"),
        pytest.param(held(7), id="of a symbol that is no text"),
        pytest.param(held("no symbol at all"), id="of a symbol that is none"),
        pytest.param({"symbol": "ETH-USD"}, id="with nothing but a symbol"),
        pytest.param({"symbol": "ETH-USD", "quantity": float("nan"), "size_usd": None}, id="of no quantity"),
        pytest.param({}, id="empty"),
    ],
)
def test_a_zombie_is(tmp_path: Path, position: dict[str, Any]) -> None:
    program = bot(tmp_path)
    program.track("ETH-USD")
    assert program.protocol.classify_position(position, 10_000.0) is C


def test_one_per_cent_exactly_is_no_dust(tmp_path: Path) -> None:
    assert bot(tmp_path).protocol.classify_position(held("ETH-USD", 100.0, 0.3), 10_000.0) is B


@pytest.mark.parametrize("told", [{}, {"current_price": None}, {"current_price": 0}, {"current_price": 0.0}])
def test_a_position_without_a_price_asks_for_one(tmp_path: Path, told: dict[str, Any]) -> None:
    program = bot(tmp_path)
    program.track("BTC-USD")
    assert program.protocol.classify_position(held("BTC-USD", **told), 10_000.0) is A
    program.broker.prices["BTC-USD"] = None
    assert program.protocol.classify_position(held("BTC-USD", **told), 10_000.0) is C


def test_a_price_of_none_is_missing_and_one_that_raises_is_unavailable(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.broker.prices["ETH-USD"] = None
    assert program.protocol.classify_position(held("ETH-USD"), 10_000.0) is C
    program.broker.will("get_current_price", RAISES)
    assert program.protocol.classify_position(held("ETH-USD"), 10_000.0) is PositionCategory.DEFERRED


@pytest.mark.parametrize("price", [float("nan"), float("inf"), "about 100"])
def test_a_price_that_is_no_number_is_unavailable(tmp_path: Path, price: object) -> None:
    found = bot(tmp_path).protocol.classify_position(held("ETH-USD", current_price=price), 10_000.0)
    assert found is PositionCategory.DEFERRED


def test_a_position_told_without_a_quantity_is_judged_by_its_value(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.track("BTC-USD")
    assert program.protocol.classify_position({"symbol": "BTC-USD", "size_usd": 500.0}, 10_000.0) is A


def test_one_position_alone_knows_no_cap(tmp_path: Path) -> None:
    program = bot(tmp_path, max_positions=0)
    assert program.protocol.classify_position(held("BTC-USD"), 10_000.0) is B
    told = program.protocol.classify_all_positions([held("BTC-USD")], 10_000.0)
    assert told["BTC-USD"]["exit_strategy"] == ExitStrategy.WORST_FIRST


def test_all_positions_are_told_by_the_callers_symbols(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.track("BTC-USD")
    told = [held("BTC-USD"), held("ETH/USD", 0.5), held("UNKNOWN"), held(None), held("LTC-USD")]
    found = program.protocol.classify_all_positions(told, 10_000.0)
    assert {name: (entry["category"], entry["exit_strategy"]) for name, entry in found.items()} == {
        "BTC-USD": ("STRATEGY_ALIGNED", "EMERGENCY_STOP"),
        "ETH/USD": ("ZOMBIE_LEGACY", "MARKET_IMMEDIATE"),
        "UNKNOWN": ("ZOMBIE_LEGACY", "MARKET_IMMEDIATE"),
        "UNKNOWN.2": ("ZOMBIE_LEGACY", "MARKET_IMMEDIATE"),
        "LTC-USD": ("LEGACY_NON_COMPLIANT", "GRADUAL_UNWIND"),
    }
    assert found["BTC-USD"]["position"] is told[0]
    assert found["BTC-USD"]["classified_at"] == "2026-02-18T22:00:01Z"


def test_above_the_cap_the_smallest_and_then_the_worst_go_first(tmp_path: Path) -> None:
    positions = [held("A-USD", 500, pnl_pct=0.1), held("B-USD", 500, pnl_pct=-0.2), held("C-USD", 600, pnl_pct=-0.9)]
    found = bot(tmp_path, max_positions=2).protocol.classify_all_positions(positions, 10_000)
    assert [name for name, entry in found.items() if entry["exit_strategy"] == ExitStrategy.WORST_FIRST] == ["B-USD"]


def test_classifying_writes_nothing(tmp_path: Path) -> None:
    bot(tmp_path).protocol.classify_all_positions([held("BTC-USD")], 10_000.0)
    assert list(tmp_path.iterdir()) == []


def test_a_symbol_told_twice_is_no_account(tmp_path: Path) -> None:
    with pytest.raises(AccountUnreadable, match="twice"):
        bot(tmp_path).protocol.classify_all_positions([held("BTC-USD"), held("BTC/USD")], 10_000.0)


@pytest.mark.parametrize("balance", [None, float("nan"), "much", {}, {"total": None}, True])
def test_a_balance_that_is_no_amount_is_refused(tmp_path: Path, balance: object) -> None:
    with pytest.raises(AccountUnreadable, match="no amount"):
        bot(tmp_path).protocol.classify_position(held("BTC-USD"), balance)
