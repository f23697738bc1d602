"""Phases 2 to 4 of the Python API, through a program's own broker object."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from exitplan import AccountState, LegacyPositionExitProtocol
from exitplan.ruleset.errors import AccountUnreadable, RefusedByGuard, UsageError
from tests.dropin.bot import LOST, RAISES, WAITED, Bot, bot, held, stale


def balance_of(program: Bot) -> float:
    return float(program.broker.balance)


def exits(program: Bot, *names: str) -> dict[str, bool]:
    """Classify and exit as a program does, all or only what is named."""
    protocol = program.protocol
    told = protocol.classify_all_positions(program.broker.get_open_positions(), balance_of(program))
    wanted = {name: entry for name, entry in told.items() if not names or name in names}
    return protocol.execute_controlled_exits(wanted, balance_of(program))


# --- phase 2 ---


def test_stale_orders_are_cancelled_and_what_they_held_is_told(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.broker.orders = [stale("o1"), stale("o2", minutes=15, value=50.0), stale("o3", value=75.0)]
    assert program.protocol.cancel_stale_orders() == (2, 175.0)
    assert program.broker.called("cancel_order") == [("o1",), ("o3",)]
    assert program.protocol.state["cleanup_metrics"]["stale_orders_cancelled"] == 2


def test_an_order_may_have_an_id_a_text_for_a_time_and_a_size_in_dollars(tmp_path: Path) -> None:
    program = bot(tmp_path)
    made = (program.now - timedelta(minutes=45)).isoformat().replace("+00:00", "Z")
    program.broker.orders = [{"id": 7, "symbol": "ETH-USD", "created_at": made, "size_usd": 12.5}]
    assert program.protocol.cancel_stale_orders() == (1, 12.5)
    assert program.broker.called("cancel_order") == [(7,)]


def test_a_naive_time_is_local_time(tmp_path: Path) -> None:
    program = bot(tmp_path)
    made = program.now.astimezone().replace(tzinfo=None) - timedelta(minutes=31)
    program.broker.orders = [stale("o1", created_at=made), stale("o2", created_at=made.isoformat())]
    assert program.protocol.cancel_stale_orders()[0] == 2


def test_an_order_without_an_id_cannot_be_cancelled_and_is_no_crash(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.broker.orders = [stale(order_id=None)]
    assert program.protocol.cancel_stale_orders() == (0, 0.0)
    assert program.broker.called("cancel_order") == []
    assert program.protocol.verify_clean_state()[0] is AccountState.NEEDS_CLEANUP


def test_a_time_that_is_none_makes_the_account_unreadable(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.broker.orders = [stale(created_at="some time ago")]
    with pytest.raises(AccountUnreadable, match="which is no time"):
        program.protocol.cancel_stale_orders()


def test_a_cancel_that_answers_false_was_refused(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.broker.orders = [stale()]
    program.broker.will("cancel_order", False)
    assert program.protocol.cancel_stale_orders() == (0, 0.0)
    assert len(program.broker.orders) == 1


@pytest.mark.parametrize("answer", [LOST, RAISES, "done", {"ok": 1}])
def test_a_cancel_that_is_unclear_is_told_by_the_open_orders(tmp_path: Path, answer: object) -> None:
    program = bot(tmp_path)
    program.broker.orders = [stale()]
    program.broker.will("cancel_order", answer)
    assert program.protocol.cancel_stale_orders() == (1, 100.0)
    assert program.broker.orders == []


# --- phase 3 ---


def test_dust_is_closed_and_the_tracker_forgets_it(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.75, 3.0))
    program.track("DUST-USD")
    assert exits(program) == {"DUST-USD": True}
    assert program.broker.called("close_position") == [("DUST-USD", 3.0)]
    assert program.tracker.get_all_positions() == []


def test_a_legacy_position_is_unwound_over_four_cycles(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD", 1000.0, 10.0))
    left = []
    for _ in range(4):
        program.now += timedelta(minutes=5)
        assert exits(program) == {"LTC-USD": True}
        assert exits(program) == {}, "the next cycle is not due"
        left.append(program.broker.positions.get("LTC-USD", {"quantity": 0.0})["quantity"])
    assert left == pytest.approx([7.5, 5.625, 4.21875, 0.0])
    state = program.protocol.state
    assert state["unwind_progress"] == {}
    assert state["cleanup_metrics"]["legacy_positions_unwound"] == 1


def test_the_progress_of_an_unwind_survives_a_restart(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"))
    exits(program)
    document = orjson.loads((tmp_path / "legacy_exit_protocol_state.json").read_bytes())
    assert document == program.protocol.state
    assert document["unwind_progress"]["LTC-USD"]["remaining_pct"] == 0.75


def test_over_the_cap_the_smallest_is_closed_at_once(tmp_path: Path) -> None:
    positions = [held("GOOD-USD", 300.0), held("BAD-USD", 150.0), held("MID-USD", 200.0), held("OK-USD", 400.0)]
    program = bot(tmp_path, *positions, max_positions=3)
    program.track("OK-USD", "MID-USD", "GOOD-USD")
    assert exits(program) == {"BAD-USD": True}
    assert sorted(program.broker.positions) == ["GOOD-USD", "MID-USD", "OK-USD"]


def test_only_what_was_classified_is_touched(tmp_path: Path) -> None:
    program = bot(tmp_path, held("A-USD", 0.5), held("B-USD", 0.5))
    assert exits(program, "B-USD") == {"B-USD": True}
    assert list(program.broker.positions) == ["A-USD"]


def test_the_balance_given_is_the_equity(tmp_path: Path) -> None:
    program = bot(tmp_path, held("A-USD", 500.0))
    program.track("A-USD")
    told = program.protocol.classify_all_positions([held("A-USD", 500.0)], 10_000.0)
    assert program.protocol.execute_controlled_exits(told, 50_000.0) == {}
    assert program.protocol.execute_controlled_exits(told, 50_001.0) == {"A-USD": True}


def test_a_zombie_of_no_market_is_told_and_escalated_and_nothing_is_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = bot(tmp_path, held(None), held("UNKNOWN"))
    assert exits(program) == {"UNKNOWN": False, "UNKNOWN.2": False}
    logged = [entry for entry in caplog.records if entry.levelname == "CRITICAL"]
    assert [str(entry.msg).partition(" rule")[0] for entry in logged] == [
        "ZOMBIE_ESCALATED account=platform symbol=UNKNOWN",
        "ZOMBIE_ESCALATED account=platform symbol=UNKNOWN.2",
    ]
    assert program.broker.called("close_position") == []
    assert len(program.protocol.state["escalated"]) == 2


def test_a_close_that_answers_false_was_refused_and_a_zombie_is_not_tried_again(tmp_path: Path) -> None:
    program = bot(tmp_path, held("Z-USD", current_price=None))
    program.broker.prices["Z-USD"] = None
    program.track("Z-USD")
    program.broker.will("close_position", False)
    assert exits(program) == {}, "a price that is missing may come back"
    program.now += timedelta(minutes=30)
    assert exits(program) == {"Z-USD": False}
    assert exits(program) == {"Z-USD": False}
    assert len(program.broker.called("close_position")) == 1
    assert program.protocol.state["failed_exits"] == {"Z/USD": 1}


@pytest.mark.parametrize("answer", [LOST, "filled", 1, {"status": "error"}, {"status": "accepted"}])
def test_a_close_that_is_unclear_is_told_by_the_position_before_and_after(tmp_path: Path, answer: object) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    program.broker.will("close_position", answer)
    assert exits(program) == {"DUST-USD": True}
    assert program.slept[0] == WAITED
    assert program.broker.positions == {}


def test_a_close_that_never_arrives_is_not_called_done(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    program.broker.will("close_position", *[RAISES] * 3)
    assert exits(program) == {"DUST-USD": False}
    assert exits(program) == {"DUST-USD": True}


def test_what_became_of_a_close_that_nobody_can_tell_stops_the_account(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    told = program.protocol.classify_all_positions([held("DUST-USD", 0.5)], 10_000.0)
    program.broker.will("close_position", LOST)
    program.broker.will("get_open_positions", None, None, RAISES, RAISES)
    assert program.protocol.execute_controlled_exits(told, 10_000.0) == {"DUST-USD": False}
    results = program.protocol.run_full_protocol()
    assert results["success"] is True, "the next run finds out that it is gone"


def test_a_guard_refuses_to_sell_most_of_an_account(tmp_path: Path) -> None:
    program = bot(tmp_path, *[held(f"Z{n}-USD", 3000.0) for n in range(3)], max_positions=1)
    with pytest.raises(RefusedByGuard, match="max_run_pct"):
        exits(program)
    assert program.broker.called("close_position") == []


def test_a_close_gets_the_quantity_as_it_was_told(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5, 0.1 + 0.2))
    exits(program)
    assert program.broker.called("close_position") == [("DUST-USD", 0.30000000000000004)]


def test_a_broker_that_cannot_close_is_told_so(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    program.broker.close_position = None
    assert exits(program) == {"DUST-USD": False}


# --- phase 4 ---


def checks_of(diagnostics: Mapping[str, Any]) -> dict[str, bool]:
    return {name: found["pass"] for name, found in diagnostics["checks"].items()}


def test_a_clean_account_is_clean(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD"))
    program.track("BTC-USD")
    state, diagnostics = program.protocol.verify_clean_state()
    assert state is AccountState.CLEAN
    assert diagnostics["all_checks_pass"] is True
    assert diagnostics["checks"] == {
        "position_count": {"pass": True, "current": 1, "max": 8},
        "zombie_positions": {"pass": True, "count": 0},
        "registered_positions": {"pass": True, "registered": 1, "unregistered": 0},
        "stale_orders": {"pass": True, "stale": 0, "total": 0},
    }


def test_an_account_that_is_not_clean_says_why(tmp_path: Path) -> None:
    program = bot(tmp_path, *[held(f"P{n}-USD") for n in range(10)], held("Z-USD", 0.5), max_positions=8)
    program.broker.orders = [stale(), stale("o2", minutes=1)]
    state, diagnostics = program.protocol.verify_clean_state()
    assert state is AccountState.NEEDS_CLEANUP
    assert checks_of(diagnostics) == dict.fromkeys(diagnostics["checks"], False)
    assert diagnostics["checks"]["stale_orders"] == {"pass": False, "stale": 1, "total": 2}
    assert (diagnostics["zombies"], diagnostics["stale_order_ids"]) == (["Z-USD"], ["o1"])


def test_while_an_unwind_is_under_way_the_cleanup_is_in_progress(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"))
    exits(program)
    assert program.protocol.verify_clean_state()[0] is AccountState.CLEANUP_IN_PROGRESS


READS = ["get_open_positions", "get_open_orders", "get_account_balance", "get_current_price"]


@pytest.mark.parametrize("method", READS)
def test_what_cannot_be_read_is_never_clean(tmp_path: Path, method: str) -> None:
    program = bot(tmp_path, held("BTC-USD"))
    program.track("BTC-USD")
    assert program.protocol.verify_clean_state()[0] is AccountState.CLEAN
    program.broker.will(method, RAISES)
    state, diagnostics = program.protocol.verify_clean_state()
    assert (state, bool(diagnostics["error"])) == (AccountState.NEEDS_CLEANUP, True)
    assert program.protocol.should_enable_trading() is False


@pytest.mark.parametrize("method", READS[:3])
@pytest.mark.parametrize("answer", [{}, "nothing", None])
def test_an_answer_that_is_nonsense_is_no_answer(tmp_path: Path, method: str, answer: object) -> None:
    program = bot(tmp_path)
    program.broker.answers[method] = deque([(answer,)])
    state, diagnostics = program.protocol.verify_clean_state()
    assert (state, bool(diagnostics["error"])) == (AccountState.NEEDS_CLEANUP, True)


def test_a_broker_without_a_method_that_reads_is_never_clean(tmp_path: Path) -> None:
    program = bot(tmp_path)
    program.broker.get_open_orders = None
    state, diagnostics = program.protocol.verify_clean_state()
    assert state is AccountState.NEEDS_CLEANUP
    assert diagnostics["error"] == "open orders could not be read"


# --- the gate ---


def test_trading_is_enabled_by_a_verification_that_is_clean_and_fresh(tmp_path: Path) -> None:
    program = bot(tmp_path)
    assert program.protocol.should_enable_trading() is False
    program.protocol.verify_clean_state()
    assert program.protocol.should_enable_trading() is True
    assert program.protocol.should_enable_trading(max_age=timedelta(seconds=1)) is False
    program.now += timedelta(hours=1)
    assert program.protocol.should_enable_trading() is False


def test_a_verification_by_other_rules_enables_nothing(tmp_path: Path) -> None:
    protocol = bot(tmp_path).protocol
    protocol.verify_clean_state()
    protocol.max_positions = 3
    assert protocol.should_enable_trading() is False
    protocol.max_positions = None
    assert protocol.should_enable_trading() is True


def test_without_a_folder_its_data_are_those_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / ".exitplan").touch()
    monkeypatch.chdir(tmp_path / "below")
    assert LegacyPositionExitProtocol().data_dir == tmp_path / "data"
    assert LegacyPositionExitProtocol(data_dir="./data").data_dir == Path("data")


# --- accounts ---


def test_accounts_are_kept_apart(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"))
    program.protocol.run_full_protocol(user_id="user123")
    assert ("user123",) in program.broker.called("get_open_positions")
    assert program.protocol.state["unwind_progress"] == {}
    assert set(program.protocol.state_of("user123")["unwind_progress"]) == {"LTC-USD"}
    assert (tmp_path / "users/user123/journal.db").exists()


@pytest.mark.parametrize("user", ["../evil", "", "a/b", "platform"])
def test_a_user_id_that_could_be_no_folder_is_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(UsageError):
        bot(tmp_path).protocol.cancel_stale_orders(user_id=user)


def test_a_broker_that_knows_no_users_is_asked_without_one(tmp_path: Path) -> None:
    class Alone:
        def get_open_positions(self) -> list[object]:
            return []

        def get_open_orders(self) -> list[object]:
            return []

        def get_account_balance(self) -> dict[str, int]:
            return {"available": 10, "total": 20}

    program = Bot(tmp_path, Alone())
    assert program.protocol.verify_clean_state()[0] is AccountState.CLEAN
    with pytest.raises(UsageError, match="takes no user_id"):
        program.protocol.cancel_stale_orders(user_id="user123")
