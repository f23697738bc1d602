"""What is remembered, in the published shape: in the file and in ``.state``, and changed by hand only on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exitplan import LegacyPositionExitProtocol
from exitplan.executor.store.state import state_from_file
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.schemas.policies import load_policy, shipped_policy
from tests.dropin.bot import LOST, RAISES, Bot, bot, held
from tests.executor.scene import ensure_registered

FILE = "legacy_exit_protocol_state.json"


def begun(root: Path, name: str = "LTC-USD") -> Bot:
    """A program that has unwound a first slice."""
    program = bot(root, held(name), held("DOGE-USD", 2000.0))
    program.track("DOGE-USD")
    program.protocol.run_full_protocol()
    return program


@pytest.mark.parametrize("name", ["LTC-USD", "LTC/USD"])
def test_the_file_has_the_published_shape(tmp_path: Path, name: str) -> None:
    program = begun(tmp_path, name)
    state = json.loads((tmp_path / FILE).read_text())
    assert state["account_state"] == "CLEANUP_IN_PROGRESS"
    assert state["unwind_progress"][name] == {
        "cycle": 1,
        "remaining_pct": 0.75,
        "started_at": state["unwind_progress"][name]["started_at"],
        "last_cycle_at": state["last_cleanup_run"],
        "initial_quantity": "10",
    }
    local = program.now.astimezone().replace(tzinfo=None)
    assert state["last_cleanup_run"] == local.isoformat(), "local, without a zone"
    entry = state["classified_positions"][name]
    assert (entry["category"], entry["exit_strategy"]) == ("LEGACY_NON_COMPLIANT", "GRADUAL_UNWIND")
    assert state["cleanup_metrics"]["capital_freed_usd"] == 0.0
    assert state["high_exposure_assets_tracked"] == ["DOGE-USD"]


def test_the_state_is_what_the_file_says_in_this_process_and_the_next(tmp_path: Path) -> None:
    program = begun(tmp_path, "LTC/USD")
    assert program.protocol.state == json.loads((tmp_path / FILE).read_text())


def test_before_anything_was_done_an_account_needs_cleanup(tmp_path: Path) -> None:
    state = bot(tmp_path).protocol.state
    assert (state["account_state"], state["unwind_progress"]) == ("NEEDS_CLEANUP", {})
    assert not (tmp_path / FILE).exists()


def test_the_state_cannot_be_written_to(tmp_path: Path) -> None:
    state = begun(tmp_path).protocol.state
    for change in (state.clear, state["unwind_progress"].clear):
        with pytest.raises(TypeError, match="only read"):
            change()
    with pytest.raises(TypeError, match="only read"):
        state["unwind_progress"] = {}
    assert json.loads(json.dumps(state)) == state


def test_the_file_can_be_taken_in_again_with_its_unwinds(tmp_path: Path) -> None:
    begun(tmp_path)
    unwind = state_from_file(tmp_path / FILE).unwinds["LTC/USD"]
    assert (unwind.cycle, str(unwind.initial_quantity)) == (1, "10")


def test_an_edit_by_hand_is_noticed(tmp_path: Path) -> None:
    program = begun(tmp_path)
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text().replace('"cycle": 1', '"cycle": 3'))
    with pytest.raises(FileIsInvalid, match="edited by hand"):
        program.protocol.cancel_stale_orders()


def test_the_state_file_is_named(tmp_path: Path) -> None:
    protocol = bot(tmp_path).protocol
    assert (protocol.state_file, protocol.data_dir) == (tmp_path / FILE, tmp_path)


# --- afterwards, without account files ---


def test_a_failed_exit_is_tried_again_when_a_person_says_so(tmp_path: Path) -> None:
    program = bot(tmp_path, held("UNKNOWN"))
    program.protocol.run_full_protocol()
    protocol = program.protocol
    assert list(protocol.status()["escalated"]) == ["UNKNOWN"]
    assert (protocol.retry("UNKNOWN"), protocol.retry("UNKNOWN")) == (True, False)
    assert protocol.state["escalated"] == {}


def test_past_runs_are_listed(tmp_path: Path) -> None:
    program = begun(tmp_path)
    program.protocol.run_full_protocol(user_id="user123")
    (run,) = program.protocol.history()
    assert (run["done"], len(program.protocol.history("user123")), program.protocol.history("nobody")) == (2, 1, [])


def unclear(root: Path) -> tuple[Bot, LegacyPositionExitProtocol, str]:
    """A program that does not know what became of a close."""
    program = bot(root, held("DUST-USD", 0.5))
    program.broker.will("close_position", LOST)
    program.broker.will("get_open_positions", None, None, *[RAISES] * 9)
    program.protocol.run_full_protocol()
    program.broker.will("get_open_positions")
    protocol = program.protocol
    (order,) = protocol.unresolved()
    return program, protocol, order


def test_an_order_that_nobody_can_tell_of_is_resolved_by_hand(tmp_path: Path) -> None:
    _, protocol, order = unclear(tmp_path)
    assert protocol.unresolved()[order]["symbol"] == "DUST-USD"
    with pytest.raises(UsageError, match="a quantity is expected"):
        protocol.resolve(order, "all")
    protocol.resolve(order, 10.0)
    assert protocol.unresolved() == {}


def test_a_balance_nobody_expected_is_accepted_by_a_person(tmp_path: Path) -> None:
    program = bot(tmp_path, held("BTC-USD", 4000.0))
    program.track("BTC-USD")
    assert program.protocol.run_full_protocol()["success"]
    program.broker.positions, program.broker.balance = {"BTC-USD": held("BTC-USD", 40_000.0, 100.0)}, 100_000.0
    state, diagnostics = program.protocol.verify_clean_state()
    assert (state, "max_equity_change_pct" in diagnostics["error"]) == ("NEEDS_CLEANUP", True)
    program.protocol.accept_balance()
    assert program.protocol.verify_clean_state()[0] == "CLEAN"


# --- coins of high exposure ---


def test_coins_of_high_exposure_are_told_and_alerted(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = [
        held("PEPE-USD", 1500.0),
        held("SHIB/USD", 1200.0),
        held("BTC-USD", 2000.0),
        held("LUNA-USD", 150.0),
    ]
    report = bot(tmp_path).protocol.monitor_high_exposure_assets(told, 10_000.0)
    assert (report["positions_tracked"], report["total_value"], report["pct_of_account"]) == (3, 2850.0, 28.5)
    kinds = [(alert["type"], alert["severity"], alert.get("symbol")) for alert in report["alerts"]]
    assert kinds == [
        ("OVERSIZED_HIGH_EXPOSURE", "CRITICAL", "PEPE-USD"),
        ("OVERSIZED_HIGH_EXPOSURE", "CRITICAL", "SHIB/USD"),
        ("NEAR_DUST_THRESHOLD", "WARNING", "LUNA-USD"),
        ("EXCESSIVE_HIGH_EXPOSURE_CONCENTRATION", "CRITICAL", None),
    ]
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    for alert in lines:
        ensure_registered(alert)
    assert [(line["alert_type"], line["severity"]) for line in lines] == [(kind, level) for kind, level, _ in kinds]


@pytest.mark.parametrize(("watched", "category"), [(True, "LEGACY_NON_COMPLIANT"), (False, "STRATEGY_ALIGNED")])
def test_coins_of_high_exposure_are_never_aligned_while_they_are_monitored(
    tmp_path: Path, watched: bool, category: str
) -> None:
    program = bot(tmp_path, monitor_high_exposure=watched)
    program.track("DOGE-USD")
    protocol = program.protocol
    assert protocol.classify_position(held("DOGE-USD"), 10_000.0) == category
    assert protocol.monitor_high_exposure_assets([held("DOGE-USD")], 10_000.0)["enabled"] is watched
    protocol.monitor_high_exposure = not watched
    assert protocol.classify_position(held("DOGE-USD"), 10_000.0) != category


def test_the_coins_that_are_monitored_are_those_that_the_policy_names() -> None:
    rules = load_policy(shipped_policy("published")).document["classification"]
    (rule,) = [rule for rule in rules if rule["id"] == "legacy.high-exposure"]
    named = [symbol.replace("/", "-") for symbol in rule["when"]["symbol"]["in"]]
    assert named == LegacyPositionExitProtocol.HIGH_EXPOSURE_ASSETS
