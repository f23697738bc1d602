"""The forced cleanup: dust and the cap at once, nothing unwound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exitplan import ForcedPositionCleanup
from exitplan.ruleset.errors import UsageError
from tests.dropin.bot import RAISES, Bot, bot, held


def cleanup(program: Bot, **chosen: Any) -> dict[str, Any]:
    forced = ForcedPositionCleanup(
        broker_integration=program.broker,
        data_dir=program.root,
        clock=lambda: program.now,
        sleep=lambda _: None,
        **{"max_positions": 2, **chosen},
    )
    return forced.cleanup_positions()


def crowded(root: Path) -> Bot:
    return bot(root, held("A-USD", 0.5), held("B-USD", 3000.0), held("C-USD", 3500.0), held("D-USD", 2000.0))


def test_dust_and_what_is_above_the_cap_are_closed_and_the_rest_is_left(tmp_path: Path) -> None:
    program = crowded(tmp_path)
    assert cleanup(program) == {
        "account_id": "platform",
        "initial_positions": 4,
        "dust_closed": 1,
        "cap_closed": 1,
        "final_positions": 2,
        "status": "cleaned",
    }
    assert {name: found["quantity"] for name, found in program.broker.positions.items()} == {"B-USD": 10, "C-USD": 10}
    assert cleanup(program)["status"] == "clean"


def test_a_dry_run_closes_nothing(tmp_path: Path) -> None:
    program = crowded(tmp_path)
    found = cleanup(program, dry_run=True)
    assert (found["dust_closed"], found["cap_closed"], found["final_positions"]) == (1, 1, 2)
    assert len(program.broker.positions) == 4


def test_the_thresholds_are_set_over_the_policy(tmp_path: Path) -> None:
    program = crowded(tmp_path)
    assert cleanup(program, dust_threshold_usd=2500, max_positions=8)["dust_closed"] == 2


def test_what_cannot_be_read_is_an_error_and_nothing_is_sold(tmp_path: Path) -> None:
    program = crowded(tmp_path)
    program.broker.will("get_open_positions", RAISES)
    found = cleanup(program)
    assert (found["status"], "venue is away" in found["error"]) == ("error", True)
    assert program.broker.called("close_position") == []


def test_a_parameter_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError):
        ForcedPositionCleanup(max_positions=-1)
