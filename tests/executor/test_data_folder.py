"""The data folder: where each account keeps its files, and what happens where they cannot be written."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.standing import no_old_answer
from exitplan.executor.store.files import append_line, ensure_writable, write_atomically
from exitplan.executor.store.gate_mark import find_mark
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.port import StoreUnusable
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, OutcomeUnknown, PlanIsUsed
from tests.builders import position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, statuses
from tests.faults import Fault


def within(limit: int, act: Callable[[], object]) -> int:
    """Act in a process that may write files of so many bytes at most; gives its exit code."""
    child = os.fork()
    if not child:  # pragma: no cover - measured nowhere, since it dies
        code = 0
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            act()
        except ExitplanError as error:
            code = error.exit_code if isinstance(error, DataFolderUnusable | OutcomeUnknown) else 99
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_platform_account_keeps_its_files_in_the_folder_itself(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    names = {path.name for path in (scene.root / "data").iterdir()}
    assert names == {"account.lock", "journal.db", "last_reading.json", "legacy_exit_protocol_state.json"}


def test_user_accounts_live_below_users(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD"), markets={"AAA/USD": None}), account_id="user123")
    scene.apply()
    folder = scene.root / "data" / "users" / "user123"
    assert (folder / "legacy_exit_protocol_state.json").exists()
    assert not (scene.root / "data" / "journal.db").exists()
    assert scene.alerts()[0]["user_id"] == "user123"


def test_two_accounts_know_nothing_of_each_other(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert DataFolder.of(data, "platform").journal == data / "journal.db"
    assert DataFolder.of(data, "user123").journal == data / "users" / "user123" / "journal.db"


def test_a_data_folder_below_a_regular_file_is_an_error_before_the_first_order(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    (scene.root / "data").write_text("a file")
    with pytest.raises(DataFolderUnusable, match="cannot write") as refusal:
        scene.apply(plan)
    assert (refusal.value.exit_code, scene.trouble.sent) == (1, [])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("limit", [0, 1_000, 60_000, 70_000, 100_000])
def test_a_full_disk_is_an_error_and_loses_nothing(on_stage: Stage, limit: int) -> None:
    scene = on_stage(snapshot(*(position(f"A{number}/USD", 100) for number in range(20))))
    plan = scene.plan()
    before = scene.document()["positions"]
    code = within(limit, lambda: scene.apply(plan))
    assert code in {1, 9}
    if limit < 65_536:
        assert code == 1
        assert scene.document()["positions"] == before
    result = scene.apply(plan)
    assert (result.exit_code, {entry["quantity"] for entry in scene.document()["positions"]}) == (0, {"75"})


def three_sales(on_stage: Stage) -> Scene:
    return on_stage(snapshot(*(position(f"A{number}/USD", 100) for number in range(3))))


def test_a_data_folder_that_is_moved_away_ends_the_run_before_the_next_order_and_nothing_is_in_flight(
    on_stage: Stage,
) -> None:
    scene = three_sales(on_stage)
    plan, data, away = scene.plan(), scene.root / "data", scene.root / "away"
    scene.trouble.before.append(lambda: data.rename(away))
    with pytest.raises(
        DataFolderUnusable, match=r"cut short when 1 of 3 actions were done: the journal .* was moved"
    ) as cut:
        scene.apply(plan)
    assert (cut.value.exit_code, len(scene.trouble.orders)) == (1, 1)
    assert "nothing is in flight" in str(cut.value.hint)
    away.rename(data)
    assert statuses(scene.apply(plan)) == ["done"] * 3
    assert len(scene.trouble.orders) == 3


def test_nothing_is_made_where_a_data_folder_was_moved_away_from(on_stage: Stage) -> None:
    scene = three_sales(on_stage)
    scene.apply()
    data = scene.root / "data"

    def move_it_away() -> NoReturn:
        data.rename(scene.root / "away")
        raise DataFolderUnusable("it was moved")

    with pytest.raises(DataFolderUnusable, match="moved"), no_old_answer(scene.open()):
        move_it_away()
    assert not data.exists()
    assert find_mark(scene.folder) is not None


def test_a_journal_that_breaks_before_the_first_order_says_that_nothing_was_sent(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = three_sales(on_stage)
    plan = scene.plan()
    monkeypatch.setattr(Journal, "begin_sending", broken)
    with pytest.raises(DataFolderUnusable, match="the journal can no longer be used: unable to open") as cut:
        scene.apply(plan)
    assert (cut.value.exit_code, scene.trouble.orders) == (1, [])
    assert "nothing was sent" in str(cut.value.hint)


def test_a_journal_that_breaks_while_an_order_is_in_flight_is_an_unknown_outcome_and_the_next_run_asks(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = three_sales(on_stage)
    plan = scene.plan()
    with monkeypatch.context() as context:
        scene.trouble.before.append(
            lambda: [context.setattr(Journal, name, broken) for name in ("begin_sending", "settle")]
        )
        with pytest.raises(OutcomeUnknown, match="the journal does not know the outcome of 1 order") as cut:
            scene.apply(plan)
    assert (cut.value.exit_code, len(scene.trouble.orders)) == (9, 1)
    assert statuses(scene.apply(plan)) == ["done"] * 3
    assert len(scene.trouble.orders) == 3


def test_what_never_reached_the_venue_is_not_in_flight_where_the_journal_breaks_after_it(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = three_sales(on_stage)
    plan = scene.plan()
    scene.break_writes(Fault.BUSY)
    with monkeypatch.context() as context:
        context.setattr(scene.clock, "sleep", lambda _: context.setattr(Journal, "begin_sending", broken))
        with pytest.raises(DataFolderUnusable, match="when 0 of 3 actions were done") as cut:
            scene.apply(plan)
    assert "nothing is in flight" in str(cut.value.hint)
    assert statuses(scene.apply(plan)) == ["done"] * 3


def test_a_run_whose_state_file_cannot_be_written_has_ended_all_the_same(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = three_sales(on_stage)
    plan = scene.plan()
    with monkeypatch.context() as context:
        scene.trouble.before.append(lambda: context.setattr(Journal, "exporting", broken))
        with pytest.raises(DataFolderUnusable, match="the run has ended and is in the journal"):
            scene.apply(plan)
    with pytest.raises(PlanIsUsed):
        scene.apply(plan)


def broken(*_: object, **__: object) -> NoReturn:
    raise StoreUnusable("unable to open database file")


def test_an_alert_that_cannot_be_written_ends_no_run(on_stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    scene = on_stage(snapshot(*(position(f"A{number}/USD", 100) for number in range(3))))
    plan = scene.plan()
    scene.break_writes(Fault.REFUSED)
    scene.folder.alerts.mkdir(parents=True)
    assert statuses(scene.apply(plan)) == ["refused", "done", "done"]
    assert "alert_not_written" in caplog.text
    assert "nothing was sent" not in caplog.text


def test_a_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_replacing_a_file_leaves_the_old_one_where_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.mkdir()
    (target / "kept").write_text("old")
    with pytest.raises(DataFolderUnusable):
        write_atomically(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_half_a_line_left_by_a_full_disk_spoils_no_later_alert(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts.jsonl"
    append_line(alerts, b'{"a":1}\n')
    with alerts.open("ab") as file:
        file.write(b'{"b":')
    append_line(alerts, b'{"c":3}\n')
    append_line(alerts, b'{"d":4}\n')
    assert alerts.read_text().splitlines() == ['{"a":1}', '{"b":', '{"c":3}', '{"d":4}']


def test_no_file_holds_a_credential(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.policy["account"]["credentials"] = "env:EXITPLAN_TEST_KEY"
    scene.apply()
    content = b"".join(path.read_bytes() for path in scene.folder.path.iterdir())
    assert b"EXITPLAN_TEST_KEY" not in content


def test_the_state_can_be_read_with_cat(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    text = scene.folder.state.read_text()
    assert text.endswith("}\n")
    assert '\n  "account_state": "CLEANUP_IN_PROGRESS",\n' in text
    assert json.loads(text)["format_version"] == 1


def test_the_state_file_is_whole_at_every_event(on_stage: Stage) -> None:
    scene = on_stage(snapshot(*(position(f"A{number}/USD", 100) for number in range(5))))
    scene.apply()
    assert len(scene.events) == 13  # at each of them the scene has read the file
