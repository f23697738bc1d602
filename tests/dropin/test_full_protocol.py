"""The whole protocol through a program's own broker object, with and without trouble."""

from __future__ import annotations

import json
from collections import deque
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan import AccountState, LegacyPositionExitProtocol
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from tests.conftest import examples
from tests.dropin.bot import LOST, RAISES, Bot, bot, held, stale

METHODS = [
    "get_open_positions",
    "get_open_orders",
    "get_account_balance",
    "get_current_price",
    "cancel_order",
    "close_position",
]


def messy(root: Path) -> Bot:
    """A program with a bit of everything: aligned, dust, legacy, a zombie, and orders."""
    positions = [held("BTC-USD", 5000.0), held("DUST-USD", 0.5), held("LTC-USD", 800.0)]
    program = bot(root, *positions, held("GONE-USD", 300.0, current_price=None))
    program.broker.prices["GONE-USD"] = None
    program.track("BTC-USD", "GONE-USD")
    program.broker.orders = [stale(), stale("o2", minutes=1)]
    return program


def test_a_run_tells_its_phases(tmp_path: Path) -> None:
    results = messy(tmp_path).protocol.run_full_protocol()
    diagnostics = results["phase4_verification"].pop("diagnostics")
    assert diagnostics["checks"]["registered_positions"] == {"pass": False, "registered": 2, "unregistered": 1}
    assert {key: value for key, value in results.items() if not key.endswith("_at")} == {
        "user_id": None,
        "phase1_classification": {"total_positions": 4, "classified": 4},
        "phase2_order_cleanup": {"orders_cancelled": 1, "capital_freed_usd": 100.0},
        "phase3_controlled_exits": {"positions_processed": 2, "successful": 2, "failed": 0},
        "high_exposure_monitoring": {
            "enabled": True,
            "positions_tracked": 0,
            "total_value": 0.0,
            "pct_of_account": 0.0,
            "positions": [],
            "alerts": [],
            "alert_count": 0,
        },
        "phase4_verification": {"account_state": "NEEDS_CLEANUP"},
        "success": False,
    }
    assert results["started_at"] <= results["completed_at"]


def test_run_after_run_the_account_becomes_clean(tmp_path: Path) -> None:
    program = messy(tmp_path)
    successes: list[bool] = []
    while not any(successes) and len(successes) < 9:
        program.now += timedelta(minutes=10)
        successes.append(program.protocol.run_full_protocol()["success"])
    assert len(successes) == 4, "four cycles, and thirty minutes without a price are over by then"
    assert list(program.broker.positions) == ["BTC-USD"]
    assert program.protocol.should_enable_trading()


def test_a_dry_run_sends_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    program = messy(tmp_path)
    program.parameters = {"dry_run": True}
    results = program.protocol.run_full_protocol()
    assert program.protocol.cancel_stale_orders() == (1, 100.0)
    assert program.broker.called("cancel_order") == program.broker.called("close_position") == []
    assert results["phase3_controlled_exits"] == {"positions_processed": 2, "successful": 2, "failed": 0}
    assert results["success"] is False
    assert program.protocol.state["last_cleanup_run"] is None


def test_what_goes_wrong_is_told_and_no_success(tmp_path: Path) -> None:
    program = messy(tmp_path)
    program.broker.will("get_open_orders", RAISES)
    results = program.protocol.run_full_protocol()
    assert (results["success"], "venue is away" in results["error"]) == (False, True)


def test_a_halt_stops_a_run_before_anything_is_sent(tmp_path: Path) -> None:
    program = messy(tmp_path)
    (tmp_path / "HALT").touch()
    results = program.protocol.run_full_protocol()
    assert (results["success"], "halted" in results["error"]) == (False, True)
    assert program.broker.called("close_position") == []


def test_a_programming_error_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.executor.operation.plan_account", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        messy(tmp_path).protocol.run_full_protocol()


def test_the_parameters_are_set_over_the_policy(tmp_path: Path) -> None:
    chosen = {"max_positions": 3, "dust_pct_threshold": 0.02, "gradual_unwind_pct": 0.5, "unwind_cycles": 3}
    program = bot(tmp_path, held("DUST-USD", 199.0), held("LTC-USD"), stale_order_minutes=10, **chosen)
    program.broker.orders = [stale(minutes=11)]
    assert program.protocol.run_full_protocol()["phase2_order_cleanup"]["orders_cancelled"] == 1
    assert program.broker.positions["LTC-USD"]["quantity"] == 5.0
    assert list(program.broker.positions) == ["LTC-USD"]
    assert program.protocol.max_positions == 3


def test_a_policy_is_named_or_a_file(tmp_path: Path) -> None:
    assert bot(tmp_path, policy="conservative").protocol.policy.name == "conservative"
    file = tmp_path / "mine.yaml"
    file.write_text("version: 1\nname: mine\nparameters: {max_positions: 2}\n")
    protocol = bot(tmp_path, policy=file).protocol
    assert (protocol.policy.name, protocol.max_positions) == ("mine", 2)


@pytest.mark.parametrize(
    "chosen",
    [
        {"max_positions": 10_001},
        {"max_positions": 1.5},
        {"dust_pct_threshold": "x"},
        {"dust_pct_threshold": 1},
        {"unwind_cycles": 2},
    ],
)
def test_a_parameter_out_of_range_is_refused(tmp_path: Path, chosen: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        bot(tmp_path, **chosen).protocol.cancel_stale_orders()


def test_a_percentage_in_place_of_a_fraction_is_refused_and_much_dust_is_warned_of(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"allowed is 0 to below 0\.5") as caught:
        _ = bot(tmp_path, dust_pct_threshold=1).protocol
    assert caught.value.hint == "1 % is 0.01: write 0.01 for 1 %"
    with pytest.warns(UserWarning, match=r"which is 10 %; 1 % is 0\.01"):
        _ = bot(tmp_path, dust_pct_threshold=0.1).protocol


def test_a_policy_that_there_is_not_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no policy 'conservativ'") as caught:
        bot(tmp_path, policy="conservativ").protocol.cancel_stale_orders()
    assert "conservative" in str(caught.value.hint)


def test_a_state_edited_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    program = messy(tmp_path)
    program.protocol.run_full_protocol()
    file = tmp_path / "legacy_exit_protocol_state.json"
    file.write_text(file.read_text().replace('"cycle": 1', '"cycle": 2'))
    assert "edited by hand" in program.protocol.run_full_protocol()["error"]
    with pytest.raises(FileIsInvalid):
        assert program.protocol.state


# --- trackers ---


class OwnTracker:
    """A position tracker of the program's own."""

    def get_position(self, symbol: str) -> dict[str, object] | None:
        return {"entry_price": 45000.0, "position_source": "nija_strategy"} if symbol == "BTC-USD" else None


def test_a_programs_own_tracker_is_read(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD"), held("DUST-USD", 0.5), position_tracker=OwnTracker())
    assert program.protocol.run_full_protocol()["success"] is True
    assert not (tmp_path / "positions.json").exists()


def test_an_own_tracker_that_fails_leaves_the_account_unread(tmp_path: Path) -> None:
    class Broken:
        def get_position(self, symbol: str) -> None:
            raise KeyError(symbol)

    program = bot(tmp_path, held("BTC-USD"), position_tracker=Broken())
    state, diagnostics = program.protocol.verify_clean_state()
    assert (state, "tracker failed" in diagnostics["error"]) == (AccountState.NEEDS_CLEANUP, True)


def test_what_is_no_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no position tracker"):
        bot(tmp_path, position_tracker=object()).protocol.cancel_stale_orders()


def test_an_own_tracker_cannot_take_what_a_policy_registers(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only read"):
        bot(tmp_path, position_tracker=OwnTracker(), policy="conservative").protocol.cancel_stale_orders()


def test_without_a_tracker_the_one_in_the_folder_counts(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD"))
    program.track("BTC-USD")
    protocol = LegacyPositionExitProtocol(None, program.broker, data_dir=tmp_path, clock=lambda: program.now)
    assert protocol.verify_clean_state()[0] is AccountState.CLEAN


# --- trouble at any time ---

answers = st.lists(st.sampled_from([None, None, RAISES, LOST, (None,), (False,), ("x",), ({},)]), max_size=3)


@examples(10, 200)
@given(st.fixed_dictionaries(dict.fromkeys(METHODS, answers)))
def test_whatever_a_broker_answers_nothing_is_oversold_and_in_the_end_only_the_refused_is_left(
    trouble: dict[str, list[object]],
) -> None:
    with TemporaryDirectory() as folder:
        program = messy(Path(folder))
        program.broker.answers = {method: deque(waiting) for method, waiting in trouble.items()}
        quiet = 0
        while quiet < 12 and not program.protocol.run_full_protocol()["success"]:
            program.now += timedelta(minutes=10)
            quiet = 0 if any(program.broker.answers[name] for name in METHODS[:4]) else quiet + 1
            assert program.broker.positions["BTC-USD"]["quantity"] == 10.0, "what a strategy manages is left alone"
            assert all(position["quantity"] > 0 for position in program.broker.positions.values())
        assert set(program.broker.positions) <= {"BTC-USD", "GONE-USD"}, "a zombie refused once is left to a person"


# --- what the published protocol has left ---


def test_the_state_file_of_the_published_protocol_is_taken_over(tmp_path: Path) -> None:
    entry = {"cycle": 2, "remaining_pct": 0.5625, "started_at": "2026-01-01T10:00:00.1", "last_cycle_at": None}
    left = {
        "account_state": "CLEAN",
        "classified_positions": {"LTC-USD": {"category": "LEGACY_NON_COMPLIANT", "position": {"size_usd": 1.5}}},
        "unwind_progress": {"LTC-USD": entry},
        "last_cleanup_run": "2026-01-01T10:00:00.123456",
        "cleanup_metrics": {"total_positions_cleaned": 7, "stale_orders_cancelled": 2, "capital_freed_usd": 12.5},
        "high_exposure_alerts": [],
    }
    (tmp_path / "legacy_exit_protocol_state.json").write_text(json.dumps(left))
    program = bot(tmp_path, held("LTC-USD"))
    assert program.protocol.state["cleanup_metrics"]["capital_freed_usd"] == 12.5
    assert program.protocol.should_enable_trading() is False, "nobody knows when it was verified"
    assert "error" not in program.protocol.run_full_protocol()
    state = program.protocol.state
    assert state["unwind_progress"]["LTC-USD"]["cycle"] == 1
    assert state["cleanup_metrics"]["total_positions_cleaned"] == 7


def test_a_run_that_fails_leaves_no_old_answer_for_the_gate(tmp_path: Path) -> None:
    program = bot(tmp_path)
    assert program.protocol.run_full_protocol()["success"]
    program.broker.will("get_open_positions", RAISES)
    assert "the venue is away" in program.protocol.run_full_protocol()["error"]
    assert program.protocol.should_enable_trading() is False
    assert program.protocol.state["account_state"] == "NEEDS_CLEANUP", "the published words"
    assert program.protocol.status()["account_state"] == "UNKNOWN"


def test_a_run_that_a_guard_refuses_closes_the_gate(tmp_path: Path) -> None:
    program = bot(tmp_path, max_positions=1)
    assert program.protocol.run_full_protocol()["success"]
    program.broker.positions = {name: held(name, 3000.0) for name in ("AAA-USD", "BBB-USD", "CCC-USD")}
    assert "refused by max_" in program.protocol.run_full_protocol()["error"]
    assert program.protocol.should_enable_trading() is False
