"""What metrics tell of an account: out of its journal, state, alerts and last reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from exitplan.brokers.call_log import Call
from exitplan.executor.accounts.account import load_account_file
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.metrics.call_totals import call_totals
from exitplan.executor.metrics.collector import ProjectCollector, registry_of
from exitplan.executor.metrics.registry import METRICS
from exitplan.executor.store.alerts import raise_alert
from exitplan.executor.store.halt import NAME as HALT
from exitplan.executor.store.last_reading import read_last_reading
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import NOW, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting, zombie
from tests.faults import Crash, Fault

Series = Mapping[str, float]


def two_to_close() -> Snapshot:
    positions = (position("DST/USD", "0.5"), position("ZOM/USD", 100))
    return snapshot(*positions, tracked={"ZOM/USD": record(entry=None)})


def collector_of(scene: Scene, symbols: int = 0) -> ProjectCollector:
    scene.open()
    who = Selected("platform", load_account_file(scene.root / "account.yaml"))
    return ProjectCollector(lambda: [who], scene.root / "data", symbols)


def told(collector: ProjectCollector) -> Series:
    """Return what a scrape gets, by name and the labels besides account, venue and currency."""
    text = generate_latest(registry_of(collector)).decode()
    found = {}
    for sample in (sample for family in parse(text) for sample in family.samples):
        besides = [sample.labels[name] for name in sample.labels if name not in {"account", "venue", "currency"}]
        found[" ".join([sample.name.removeprefix("exitplan_"), *besides])] = sample.value
    return found


def metrics(scene: Scene, symbols: int = 0) -> Series:
    return told(collector_of(scene, symbols))


def test_an_account_without_a_run_is_readable_and_nothing_else_is_known(on_stage: Stage) -> None:
    known = metrics(on_stage(legacy()))
    assert known["account_readable"] == 1
    assert not {"equity", "account_state CLEAN", "open_orders", "unwinds", "positions_cleaned_total"} & known.keys()


def test_a_run_is_told_with_what_it_left(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100), tracked=["BBB/USD"]))
    scene.apply()
    known = metrics(scene)
    assert known["equity"] == 30_000
    assert (known["positions LEGACY_NON_COMPLIANT"], known["positions_value LEGACY_NON_COMPLIANT"]) == (1, 7500)
    assert known["positions_equity_ratio LEGACY_NON_COMPLIANT"] == pytest.approx(7500 / known["equity"])
    assert (known["positions ZOMBIE_LEGACY"], known["positions_value ZOMBIE_LEGACY"]) == (0, 0)
    assert (known["unwinds"], known["unwinds_remaining_ratio"]) == (1, 0.75)
    assert (known["runs_total 0"], known["actions_total unwind done"]) == (1, 1)
    assert known["exits_planned_value_total"] == known["exits_proceeds_total"] == 2500
    assert known["reading_timestamp_seconds"] == known["run_end_timestamp_seconds"] == scene.clock.now.timestamp()


def test_the_five_counters_of_the_protocol_are_those_of_the_state(on_stage: Stage) -> None:
    scene = on_stage(two_to_close())
    scene.until_quiet()
    known, state = metrics(scene), scene.state().metrics
    assert known["positions_cleaned_total"] == state.total_positions_cleaned == 2
    assert known["zombie_positions_closed_total"] == state.zombie_positions_closed
    assert known["legacy_positions_unwound_total"] == state.legacy_positions_unwound
    assert known["stale_orders_cancelled_total"] == known["capital_freed_total"] == 0


def test_what_was_counted_is_kept_and_made_anew_where_it_is_lost(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    first = metrics(scene)
    scene.apply()
    second = metrics(scene)  # by another process, which goes on from what is kept
    assert second["actions_total unwind done"] == first["actions_total unwind done"] + 1 == 2
    scene.folder.totals.write_text("{")
    assert metrics(scene) == second


def test_a_journal_that_was_replaced_is_counted_from_its_beginning(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    metrics(scene)
    text = scene.folder.totals.read_text()
    scene.folder.totals.write_text(text.replace('"journal":"', '"journal":"another-').replace(":1,", ":900,"))
    assert metrics(scene)["actions_total unwind done"] == 1


def test_a_plan_that_was_left_open_is_told_and_its_actions_are_counted_once(on_stage: Stage) -> None:
    scene = on_stage(two_to_close())
    plan = scene.plan()
    scene.apply(plan, stop_after=1)
    known = metrics(scene)
    assert (known["open_plans"], known["actions_total close done"], known["runs_total 8"]) == (1, 1, 1)
    scene.apply(plan)
    known = metrics(scene)
    assert (known["open_plans"], known["actions_total close done"], known["runs_total 0"]) == (0, 2, 1)


def test_an_order_whose_outcome_is_unknown_is_told(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply()
    known = metrics(scene)
    assert (known["open_plans"], known["unknown_orders"]) == (1, 1)
    assert "run_end_timestamp_seconds" not in known
    scene.apply()
    known = metrics(scene)
    assert (known["unknown_orders"], known["runs_total none"], known["actions_total close done"]) == (0, 1, 1)


def test_a_refused_exit_is_counted_by_its_outcome(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    known = metrics(scene)
    assert (known["actions_total close refused"], known["failed_exits"]) == (1, 1)
    assert known["alerts_total EXIT_FAILED CRITICAL"] == 1


def test_every_kind_of_alert_begins_at_zero(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    known = metrics(scene)
    assert (known["alerts_total EXIT_FAILED WARNING"], known["engine_disagreements_total"]) == (0, 0)
    raise_alert(scene.folder.alerts, "ENGINE_DISAGREEMENT", "platform", NOW, {})
    assert metrics(scene)["engine_disagreements_total"] == 1


def test_alerts_go_on_counting_where_their_file_was_emptied(on_stage: Stage) -> None:
    scene, collector = on_stage(legacy()), None
    for _ in range(2):
        raise_alert(scene.folder.alerts, "EXIT_FAILED", "platform", NOW, {})
    collector = collector_of(scene)
    assert told(collector)["alerts_total EXIT_FAILED WARNING"] == 2
    scene.folder.alerts.write_bytes(b"")
    told(collector)
    raise_alert(scene.folder.alerts, "EXIT_FAILED", "platform", NOW, {})
    assert told(collector)["alerts_total EXIT_FAILED WARNING"] == 3


def test_what_waits_for_a_person_is_told(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    with closing(sqlite3.connect(scene.folder.journal)) as db:
        db.executescript(
            "DROP TABLE IF EXISTS requests; CREATE TABLE requests (standing TEXT);"
            "INSERT INTO requests VALUES ('waiting'), ('applied');"
            "DROP TABLE IF EXISTS incidents; CREATE TABLE incidents (ended_at TEXT);"
            "INSERT INTO incidents VALUES (NULL)"
        )
    known = metrics(scene)
    assert (known["waiting_plans"], known["open_incidents"]) == (1, 1)


def test_orders_and_what_they_hold_are_told(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 5})
    scene.verify()
    known = metrics(scene)
    assert (known["open_orders"], known["stale_orders"], known["locked_capital"]) == (1, 0, 4000)
    assert (known["counted_positions"], known["max_positions"]) == (3, 5)


def test_a_position_without_a_price_is_in_no_sum(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD"), position("XXX/USD"), markets={"XXX/USD": None}))
    scene.verify()
    known = metrics(scene)
    assert sum(value for name, value in known.items() if name.startswith("positions_without_value")) == 1
    assert "positions_value ZOMBIE_LEGACY" not in known


def test_clean_stays_told_after_it_is_over(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD"), tracked=["AAA/USD"]))
    scene.verify()
    assert metrics(scene)["account_state CLEAN"] == 1
    scene.clock.advance(3600)
    scene.track()
    scene.verify()
    known = metrics(scene)
    assert known["account_state CLEAN"] == 0
    assert known["clean_timestamp_seconds"] == NOW.timestamp()
    assert known["verified_timestamp_seconds"] == (NOW + timedelta(hours=1)).timestamp()


def test_symbols_are_told_only_where_asked_and_only_so_many(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 1), position("BBB/USD", 3), position("CCC/USD", 2)))
    scene.apply()
    assert not [name for name in metrics(scene) if "/" in name]
    known = metrics(scene, symbols=2)
    assert [name for name in known if name.startswith("position_value")] == [
        "position_value LEGACY_NON_COMPLIANT long BBB/USD",
        "position_value LEGACY_NON_COMPLIANT long CCC/USD",
    ]
    assert known["unwind_cycles long BBB/USD"] == 1


@pytest.mark.parametrize("damage", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + bytes(4000)])
def test_a_damaged_journal_is_told_and_hides_nothing_else(on_stage: Stage, damage: bytes) -> None:
    scene = on_stage(legacy())
    scene.apply()
    Path(f"{scene.folder.journal}-wal").unlink(missing_ok=True)
    scene.folder.journal.write_bytes(damage)
    known = metrics(scene)
    assert (known["account_readable"], known["account_halted"]) == (0, 0)
    assert "equity" not in known


def test_a_broken_account_file_is_told_beside_the_others(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    good = collector_of(scene).find_accounts()[0]
    bad = Selected("desk", FileIsInvalid("desk.yaml: nothing in it"))
    text = generate_latest(registry_of(ProjectCollector(lambda: [bad, good], scene.root / "data"))).decode()
    assert 'exitplan_account_readable{account="desk",venue=""} 0.0' in text
    assert 'exitplan_account_readable{account="platform",venue="paper"} 1.0' in text


def test_what_has_not_changed_is_not_read_again(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = on_stage(legacy())
    scene.apply()
    collector = collector_of(scene)
    before = told(collector)
    monkeypatch.setattr("exitplan.executor.metrics.collector.read_figures", None)
    assert told(collector) == before
    scene.folder.path.joinpath(HALT).write_text("stop")
    assert told(collector)["account_halted"] == 1


def test_metrics_change_nothing_of_the_account(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    kept = (scene.folder.journal, scene.folder.state, scene.folder.reading)
    before = [path.read_bytes() for path in kept]
    metrics(scene)
    assert [path.read_bytes() for path in kept] == before
    assert scene.apply().exit_code == 0


def test_a_reading_that_cannot_be_kept_stops_nothing(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    scene.folder.reading.unlink()
    scene.folder.reading.mkdir()
    assert scene.apply().exit_code == 0
    assert read_last_reading(scene.folder) is None
    assert "equity" not in metrics(scene)


def test_every_metric_that_is_told_is_in_the_registry_with_its_labels(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    call_totals(scene.root / "data").count(Call("kraken", "GET /0/public/Time", 0.2, "ok"))
    text = generate_latest(registry_of(collector_of(scene, symbols=5))).decode()
    for family in parse(text):
        for sample in family.samples:
            spec = METRICS.get(sample.name) or METRICS[family.name]
            assert set(sample.labels) - {"le"} == set(spec.labels), sample.name
