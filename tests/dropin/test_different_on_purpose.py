"""The page on migrating: what stays different from the original on purpose, each line with a test of its own."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.errors import FileIsInvalid
from tests.docs.console import ROOT
from tests.dropin.bot import RAISES, bot, held
from tests.dropin.test_cleanup_methods import broker, forced

HERE = Path(__file__).parent
LINES = {
    "A position whose price cannot be read": "test_a_price_of_none_is_missing_and_one_that_raises_is_unavailable",
    "A position's own `current_price`": "test_a_position_that_carries_its_price_needs_no_question",
    "A zombie without a price is sold": "test_a_zombie_without_a_price_is_not_sold_before_half_an_hour",
    "If orders cannot be queried": "test_without_open_orders_positions_are_sold_and_the_account_is_not_clean",
    "A balance that cannot be read": "test_without_a_balance_that_can_be_read_nothing_is_sold",
    "An empty tracker or state replaces": "test_a_broken_state_file_is_left_as_it_is",
    "A tracker that raises": "test_a_record_that_is_not_known_matters_only_where_it_makes_a_difference",
    "An exception while sending": "test_a_close_that_is_unclear_is_told_by_the_position_before_and_after",
    "Each cycle sells 25 %": "test_a_legacy_position_is_unwound_over_four_cycles",
    "After the last cycle": "test_a_legacy_position_is_unwound_over_four_cycles",
    "Every run does the next cycle": "test_a_legacy_position_is_unwound_over_four_cycles",
    "Closes sell the reported quantity": "test_a_close_clears_its_way_whatever_the_options_say",
    "Every run tries zombies again": "test_a_close_that_answers_false_was_refused_and_a_zombie_is_not_tried_again",
    "Over the cap, all positions count": "test_what_is_closed_as_dust_does_not_count_for_the_cap",
    "A position without `size_usd`": "test_an_adapter_is_read_and_sold_through_its_market_orders",
    "`execute_controlled_exits` sells": "test_an_exit_of_an_account_that_cannot_be_read_has_failed",
    "Nothing limits a run": "test_a_guard_refuses_to_sell_most_of_an_account",
    "Two processes may run": "test_a_second_run_at_the_same_time_does_nothing",
    "Times without a zone": "test_a_naive_time_is_local_time",
    "`classify_all_positions` writes": "test_classifying_writes_nothing",
    "`track_entry` records": "test_an_entry_without_a_price_is_refused",
    "`sync_with_broker(None)`": "test_what_the_broker_no_longer_holds_is_dropped",
    "One tracker serves": "test_what_a_user_no_longer_holds_stays_in_a_tracker_that_is_not_the_users",
    "The forced cleanup blacklists": "test_the_forced_cleanup_tries_again_what_it_could_not_sell",
    "`identify_dust_positions` leaves out": "test_the_same_dust_is_named_again",
    "The forced cleanup of a user": "test_a_broker_that_cannot_be_read_hides_positions_and_no_more_is_closed_for_it",
}


def rows() -> list[str]:
    """The first cells of the table of differences."""
    page = (ROOT / "docs/migrating.md").read_text()
    table = page.partition("## What behaves differently")[2]
    cells = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    return [cell for cell in cells if cell not in {"the original", "---"}]


def names_of_tests() -> set[str]:
    trees = [ast.parse(file.read_text()) for file in HERE.glob("test_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_of_the_page_has_a_test() -> None:
    assert set(LINES.values()) <= names_of_tests()
    untold = [row for row in rows() if sum(row.startswith(beginning) for beginning in LINES) != 1]
    assert (untold, len(rows())) == ([], len(LINES))


def test_without_a_balance_that_can_be_read_nothing_is_sold(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    program.broker.will("get_account_balance", RAISES)
    assert "venue is away" in program.protocol.run_full_protocol()["error"]
    assert program.broker.called("close_position") == []


def test_a_broken_state_file_is_left_as_it_is(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    file = tmp_path / "legacy_exit_protocol_state.json"
    file.write_text("{")
    with pytest.raises(FileIsInvalid):
        assert program.protocol.state
    assert program.protocol.run_full_protocol()["success"] is False
    assert (file.read_text(), program.broker.called("close_position")) == ("{", [])


def test_what_is_closed_as_dust_does_not_count_for_the_cap(tmp_path: Path) -> None:
    dust = [held(f"D{number}-USD", 0.5) for number in range(5)]
    program = bot(tmp_path, held("A-USD", 500.0), held("B-USD", 600.0), *dust, max_positions=2)
    program.protocol.run_full_protocol()
    assert {name: entry["quantity"] for name, entry in program.broker.positions.items()} == {"A-USD": 7.5, "B-USD": 7.5}


def test_a_second_run_at_the_same_time_does_nothing(tmp_path: Path) -> None:
    program = bot(tmp_path, held("DUST-USD", 0.5))
    with account_lease(tmp_path / "account.lock", "platform", program.now):
        results = program.protocol.run_full_protocol()
    assert (results["success"], program.broker.called("close_position")) == (False, [])
    assert program.protocol.run_full_protocol()["success"] is True


def test_the_forced_cleanup_tries_again_what_it_could_not_sell(tmp_path: Path) -> None:
    source, cleanup = broker(held("D-USD", 4.0)), forced(tmp_path, dust_threshold_usd=5)
    source.will("close_position", False)
    assert cleanup.cleanup_single_account(source)["dust_closed"] == 0
    assert cleanup.cleanup_single_account(source)["dust_closed"] == 1


def test_the_same_dust_is_named_again(tmp_path: Path) -> None:
    cleanup = forced(tmp_path)
    first = cleanup.identify_dust_positions([held("A-USD", 0.5)])
    assert first == cleanup.identify_dust_positions([held("A-USD", 0.5)]) != []


def test_a_zombie_without_a_price_is_not_sold_before_half_an_hour(tmp_path: Path) -> None:
    program = bot(tmp_path, held("GONE-USD"))
    program.broker.prices["GONE-USD"] = None
    program.track("GONE-USD")
    program.protocol.run_full_protocol()
    program.now += timedelta(minutes=29)
    program.protocol.run_full_protocol()
    assert program.broker.called("close_position") == []
    program.now += timedelta(minutes=1)
    program.protocol.run_full_protocol()
    assert program.broker.positions == {}
