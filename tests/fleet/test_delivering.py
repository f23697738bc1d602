"""Alerts of a fleet go out once, whichever machine delivers them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exitplan.executor.alerting.delivery import DeliveryReport, Wanted, channel_states, deliver_post
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.importing import import_accounts, read_accounts, texts_of
from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.place import FleetPlace
from tests.builders import NOW
from tests.cli.conftest import xp
from tests.executor.alerting.conftest import FAILED, Desk, desk, server
from tests.fleet.database import write_accounts

__all__ = ["desk", "server"]


@pytest.fixture
def fleet(postgres_url: str, tmp_path: Path) -> Iterator[FleetPlace]:
    init_fleet(postgres_url)
    with open_fleet(postgres_url) as place:
        drafts = read_accounts(texts_of([write_accounts(tmp_path / "files", 3)])).drafts
        import_accounts(place.registry, drafts)
        yield place


def deliver(desk: Desk, fleet: FleetPlace, after: timedelta = timedelta(), **more: Any) -> DeliveryReport:
    desk.now += after
    return deliver_post(desk.root, fleet.post(desk.root), desk.now, sleep=desk.slept.append, budget=None, **more)


def alert(fleet: FleetPlace, account: str, *, waits: bool = True, **figures: Any) -> None:
    """Raise an alert, and wait for whoever writes in other databases of the server: until then it is not taken in."""
    PostgresStore(fleet.database, account).raise_alert("EXIT_FAILED", NOW, {**FAILED, **figures})
    asked = "SELECT count(*) FROM exitplan.alerts WHERE tx >= pg_snapshot_xmin(pg_current_snapshot())"
    with fleet.database.connection() as connection:
        while waits and connection.execute(asked).fetchone() != (0,):
            time.sleep(0.01)


def test_alerts_go_to_the_channels_by_the_tags_of_the_registry(desk: Desk, fleet: FleetPlace) -> None:
    desk.write(desk={}, first={"tags": ["desk-1"]})
    for account in ("u0", "u1"):
        alert(fleet, account)
    assert deliver(desk, fleet).sent == {"desk": 2, "first": 1}
    assert deliver(desk, fleet, timedelta(hours=2)).sent == {}
    assert "u1" in desk.bodies("first")[0]


def test_many_deliver_at_once_and_each_alert_goes_once(desk: Desk, fleet: FleetPlace) -> None:
    desk.write(desk={"repeat": "1m"})
    for number in range(40):
        alert(fleet, "u0", symbol=f"S{number}/USD")
    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(lambda _: deliver(desk, fleet), range(6)))
    assert sum(report.sent.get("desk", 0) for report in reports) == 40
    assert sum(report.taken for report in reports) == 40


def test_an_alert_whose_transaction_ends_late_is_not_passed_over(desk: Desk, fleet: FleetPlace) -> None:
    desk.write(desk={})
    url = fleet.database.url
    with psycopg.connect(url) as late:
        late.execute(
            "INSERT INTO exitplan.alerts (account, at, document) VALUES ('u0', now(), convert_to(%s, 'UTF8'))",
            ['{"timestamp": "2026-02-18T22:00:00Z", "alert_type": "X", "severity": "INFO", "symbol": "LATE/USD"}'],
        )
        alert(fleet, "u1", waits=False)
        deliver(desk, fleet, how=Wanted(since=NOW - timedelta(days=30)))
        late.commit()
    alert(fleet, "u2")
    deliver(desk, fleet, timedelta(minutes=1))
    assert sum("LATE/USD" in body for body in desk.bodies("desk")) == 1
    assert len(desk.bodies("desk")) <= 2


def test_a_channel_that_fails_is_told_to_the_others_and_shown(desk: Desk, fleet: FleetPlace) -> None:
    desk.write(desk={}, pager={})
    desk.receiver.failing.add("desk")
    alert(fleet, "u0")
    report = deliver(desk, fleet)
    assert set(report.failed) == {"desk"}
    (state,) = [state for channel, state in channel_states(desk.root, fleet.post(desk.root)) if channel.name == "desk"]
    assert state.failures == 3
    deliver(desk, fleet, timedelta(seconds=1))
    assert any("desk" in body for body in desk.bodies("pager"))


def test_the_verb_delivers_for_a_fleet(desk: Desk, fleet: FleetPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write(desk={})
    monkeypatch.chdir(desk.root)
    monkeypatch.setenv("EXITPLAN_DATA", fleet.database.url)
    alert(fleet, "u0")
    assert xp("alerts", "send", "--since", "2020-01-01").code == 0
    assert len(desk.bodies("desk")) == 1
    assert "desk" in xp("alerts", "channels").out
    assert xp("alerts", "test").code == 0
    assert "EXIT_FAILED" in xp("alerts", "--all").out
