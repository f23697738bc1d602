"""What the published protocol keeps is kept: every way in which the drop-in once sold more than it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exitplan import ExitStrategy, ForcedPositionCleanup, PositionCategory, PositionTracker
from exitplan.ruleset.errors import UsageError
from tests.dropin.bot import Bot, bot, held

A, B = PositionCategory.STRATEGY_ALIGNED, PositionCategory.LEGACY_NON_COMPLIANT


def sold(program: Bot) -> dict[str, float]:
    """What a full run sells, by symbol."""
    before = {name: position["quantity"] for name, position in program.broker.positions.items()}
    assert "error" not in program.protocol.run_full_protocol()
    left = {name: position["quantity"] for name, position in program.broker.positions.items()}
    changes = {name: quantity - left.get(name, 0.0) for name, quantity in before.items()}
    return {name: change for name, change in changes.items() if change}


# --- the tracker and the user ---


def test_a_users_account_is_judged_by_the_tracker_that_was_given(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD"))
    program.track("BTC-USD")
    results = program.protocol.run_full_protocol(user_id="user123")
    assert (results["success"], program.broker.called("close_position")) == (True, [])


def test_what_a_user_no_longer_holds_stays_in_a_tracker_that_is_not_the_users(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    program.track("DUST-USD")
    program.protocol.run_full_protocol(user_id="user123")
    assert program.broker.positions == {}
    assert program.tracker.get_all_positions() == ["DUST-USD"], "the platform may hold it too"


def test_a_users_own_tracker_forgets_what_is_closed(tmp_path: Path) -> None:
    own = PositionTracker(tmp_path / "users/user123/positions.json")
    own.track_entry("DUST-USD", 1.0, 10.0, 10.0)
    program = bot(tmp_path, held("DUST-USD", 0.5), position_tracker=own)
    program.protocol.run_full_protocol(user_id="user123")
    assert own.get_all_positions() == []


def test_the_tracker_of_another_user_is_refused(tmp_path: Path) -> None:
    theirs = PositionTracker(tmp_path / "users/alice/positions.json")
    with pytest.raises(UsageError, match="position tracker of another account than platform"):
        bot(tmp_path, position_tracker=theirs).protocol.cancel_stale_orders()
    program = bot(tmp_path, held("BTC-USD"))
    protocol = program.protocol
    protocol.position_tracker = theirs
    with pytest.raises(UsageError, match="another account"):
        protocol.cancel_stale_orders(user_id="bob")


# --- prices ---


@pytest.mark.parametrize("price", [0, 0.0, None])
def test_a_position_told_without_a_price_is_asked_for_it(tmp_path: Path, price: object) -> None:
    program = bot(tmp_path, held("BTC-USD", current_price=price))
    program.track("BTC-USD")
    assert sold(program) == {}


# --- the cap ---


def test_over_the_cap_what_a_strategy_manages_is_kept(tmp_path: Path) -> None:
    names = [f"P{number}-USD" for number in range(12)]
    program = bot(tmp_path, *[held(name) for name in names], balance=100_000.0)
    program.broker.positions = {name: held(name, 2000.0) for name in names}
    program.track(*names)
    assert sold(program) == {}
    assert program.protocol.verify_clean_state()[1]["checks"]["position_count"] == {
        "pass": False,
        "current": 12,
        "max": 8,
    }


def test_over_the_cap_legacy_positions_are_closed_the_smallest_first(tmp_path: Path) -> None:
    positions = [held("A-USD", 2000.0), held("B-USD", 150.0), held("C-USD", 120.0)]
    program = bot(tmp_path, *positions, max_positions=2, balance=10_000.0)
    program.track("A-USD")
    assert sold(program) == {"C-USD": 10.0, "B-USD": 2.5}


# --- the balance ---


def test_dust_is_measured_by_what_is_available(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD", 50.0), balance={"total": 10_000.0, "available": 1000.0})
    program.track("BTC-USD")
    assert sold(program) == {}
    program.broker.balance = {"total": 10_000.0, "available": 5001.0}
    assert sold(program) == {"BTC-USD": 10.0}


def test_a_position_larger_than_what_is_available_is_no_reason_to_sell_it(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD", 5000.0), balance={"total": 6000.0, "available": 100.0})
    program.track("BTC-USD")
    assert sold(program) == {}


def test_the_guards_measure_by_all_that_is_held_where_the_balance_is_money_alone(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD", 5000.0), balance=100.0)
    assert sold(program) == {"LTC-USD": 2.5}


@pytest.mark.parametrize("balance", [0, 0.0, {"available": 0, "total": 0}])
def test_without_a_balance_dust_is_what_is_worth_less_than_a_dollar(tmp_path: Path, balance: object) -> None:
    program = bot(tmp_path, held("BTC-USD", 1.5), held("DUST-USD", 0.5), held("ETH-USD", 50.0), balance=balance)
    program.track("BTC-USD", "ETH-USD")
    assert sold(program) == {"DUST-USD": 10.0}


# --- records ---


@pytest.mark.parametrize(
    "record", [{"position_source": "nija_strategy"}, {"entry_price": 0, "position_source": "nija_strategy"}]
)
def test_a_tracked_position_without_an_entry_price_is_unwound_and_not_closed(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    class Own:
        def get_position(self, symbol: str) -> dict[str, Any]:
            return {"quantity": 10.0, **record}

    program = bot(tmp_path, held("BTC-USD"), position_tracker=Own())
    assert sold(program) == {"BTC-USD": 2.5}


def test_who_opened_a_position_stays_who_opened_it_first(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD"))
    program.track("BTC-USD")
    program.track("BTC-USD", position_source="manual")
    record = program.tracker.get_position("BTC-USD")
    assert record is not None
    assert (record["position_source"], record["num_adds"]) == ("nija_strategy", 1)
    assert sold(program) == {}


@pytest.mark.parametrize("told", ["BTC-USD", "BTC/USD"])
@pytest.mark.parametrize("known", ["BTC-USD", "BTC/USD"])
def test_a_programs_own_tracker_is_asked_in_every_spelling(tmp_path: Path, told: str, known: str) -> None:
    class Own:
        def get_position(self, symbol: str) -> dict[str, Any] | None:
            return {"entry_price": 1.0, "position_source": "nija_strategy"} if symbol == known else None

    program = bot(tmp_path, held(told), position_tracker=Own())
    assert program.protocol.classify_position(held(told), 10_000.0) is A
    assert sold(program) == {}


# --- parameters ---


def test_an_unwind_of_nothing_sells_nothing_ever(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"), gradual_unwind_pct=0.0)
    for _ in range(6):
        assert sold(program) == {}
        program.now = program.now.replace(hour=(program.now.hour + 1) % 24, day=program.now.day + 1)


def test_an_assigned_parameter_is_in_force(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"))
    protocol = program.protocol
    protocol.gradual_unwind_pct = 0.5
    protocol.stale_order_minutes = 5
    assert (protocol.gradual_unwind_pct, protocol.stale_order_minutes, protocol.max_positions) == (0.5, 5, 8)
    protocol.run_full_protocol()
    assert program.broker.positions["LTC-USD"]["quantity"] == 5.0


@pytest.mark.parametrize(
    ("name", "value"), [("unwind_cycles", 9), ("dust_pct_threshold", 1), ("max_positions", "many")]
)
def test_a_parameter_out_of_range_cannot_be_assigned(tmp_path: Path, name: str, value: object) -> None:
    protocol = bot(tmp_path).protocol
    before = getattr(protocol, name)
    with pytest.raises(UsageError):
        setattr(protocol, name, value)
    assert getattr(protocol, name) == before


@pytest.mark.parametrize("name", ["max_position", "state", "policy"])
def test_what_would_change_nothing_cannot_be_assigned(tmp_path: Path, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(bot(tmp_path).protocol, name, 1)


# --- the forced cleanup ---


def forced(program: Bot, **chosen: Any) -> ForcedPositionCleanup:
    return ForcedPositionCleanup(
        data_dir=program.root,
        clock=lambda: program.now,
        sleep=lambda _: None,
        broker_integration=program.broker,
        **chosen,
    )


def test_the_forced_cleanup_knows_no_share_of_the_account(tmp_path: Path) -> None:
    program = bot(tmp_path, held("SMALL-USD", 50.0), held("BTC-USD", 5000.0), balance=10_000.0)
    assert forced(program).cleanup_positions()["status"] == "clean"
    assert len(program.broker.positions) == 2


def test_the_forced_cleanup_closes_the_smallest_whoever_manages_it(tmp_path: Path) -> None:
    program = bot(tmp_path, held("MINE-USD", 100.0), held("OTHER-USD", 500.0))
    program.track("MINE-USD")
    assert forced(program, max_positions=1).cleanup_positions()["cap_closed"] == 1
    assert list(program.broker.positions) == ["OTHER-USD"]


def test_the_forced_cleanup_leaves_what_has_no_entry_price_or_no_price(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD", 500.0), held("GONE-USD", 500.0))
    program.broker.prices["GONE-USD"] = None
    program.tracker.sync_position_snapshot("BTC-USD", 10.0)
    for _ in range(3):
        assert forced(program).cleanup_positions()["status"] == "clean"
        program.now = program.now.replace(day=program.now.day + 1)
    assert len(program.broker.positions) == 2


def test_the_forced_cleanup_leaves_orders_of_what_stays(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD", 500.0))
    program.broker.orders = [
        {"order_id": "o1", "symbol": "BTC-USD", "created_at": "2026-01-01T00:00:00Z", "value": 5.0}
    ]
    forced(program).cleanup_positions()
    assert len(program.broker.orders) == 1


def test_the_exit_strategy_above_the_cap_is_worst_first(tmp_path: Path) -> None:
    told = bot(tmp_path, max_positions=1).protocol.classify_all_positions([held("A-USD"), held("B-USD", 500.0)], 10_000)
    assert [told[name]["exit_strategy"] for name in ("A-USD", "B-USD")] == [
        ExitStrategy.GRADUAL_UNWIND,
        ExitStrategy.WORST_FIRST,
    ]
    assert all(entry["category"] == B.value for entry in told.values())
