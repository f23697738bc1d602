"""A week of a desk: ten accounts at three venues, faults, a watcher that dies, people who are slow to answer.

Nothing is lost or sold twice, every step of a ladder is told, and every alert arrives once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import market, order, position, snapshot
from tests.desk.desk import CHANNELS, HOUR, Desk, desk_at
from tests.executor.crashes import Points
from tests.executor.scene import legacy, over_cap, zombie
from tests.faults import Crash
from tests.venues.faults import Fault, fault

AUTO = {"approval": "auto"}


def unwinding(hours: int) -> dict[str, Any]:
    return {"parameters": {"unwind_interval_minutes": 60 * hours, "unwind_cycles": 4}, **AUTO}


PAPER: Mapping[str, tuple[Snapshot, dict[str, Any]]] = {
    "platform": (snapshot(position(), tracked=["AAA/USD"]), AUTO),
    "gradual": (legacy(), unwinding(24)),
    "capped": (over_cap(), {"parameters": {"max_positions": 2}}),
    "dusty": (snapshot(position("DDD/USD", "0.001"), orders=[order(minutes=600)]), AUTO),
    "stuck": (zombie(markets={"AAA/USD": market(active=False)}), AUTO),
    "rejected": (zombie(), {}),
    "two": (zombie(), {"approval": {"mode": "manual", "people": 2}}),
}
"""The accounts on paper, each with what its policy says otherwise."""
LIVE: Mapping[str, tuple[str, Snapshot]] = {
    "harbour": ("kraken", legacy(position("BBB/USD", 50))),
    "lantern": ("kraken", zombie()),
    "mill": ("binance", snapshot(position("AAA/USDT", 100), quote="USDT")),
}
LIVE_POLICIES = {"harbour": unwinding(12), "lantern": AUTO, "mill": unwinding(8)}
NAMES = (*PAPER, *LIVE)
LEFT = {
    "platform": {"AAA/USD": Decimal(10)},
    "capped": {"BBB/USD": Decimal(200), "CCC/USD": Decimal(300)},
    "dusty": {"DDD/USD": Decimal("0.001")},
}
"""What is held in the end: what is aligned, and dust that no market takes."""

SLOWLY = pytest.param(2, marks=pytest.mark.thorough)
WEEK = 7 * 24


def harbour_goes_down(desk: Desk) -> None:
    desk.venues["harbour"].venue.faults.plan("reads", *[fault("error_before")] * 1000)


def plan_writes(name: str, *faults: Fault) -> Callable[[Desk], object]:
    return lambda desk: desk.venues[name].venue.faults.plan("writes", *faults)


SCRIPT: Mapping[int, Callable[[Desk], object]] = {
    0: plan_writes("lantern", fault("refused"), fault("refused")),
    8: lambda desk: desk.reject("rejected", 72 * HOUR),
    9: plan_writes("mill", fault("vanished", seconds=60)),
    10: plan_writes("harbour", fault("lost_after")),
    11: lambda desk: desk.receiver.failing.add("desk"),
    16: lambda desk: desk.approve("capped", "ann"),
    17: lambda desk: desk.ack("stuck", 24 * HOUR),
    18: lambda desk: desk.approve("two", "ann"),
    25: lambda desk: desk.receiver.failing.clear(),
    32: lambda desk: desk.approve("two", "bob"),
    34: plan_writes("mill", fault("rate_limited", seconds=5)),
    36: harbour_goes_down,
    56: lambda desk: desk.venues["harbour"].venue.faults.clear(),
    60: lambda desk: desk.change_market("stuck", "AAA/USD", active=True),
    80: lambda desk: desk.clock.advance(6 * 3600),
    104: lambda desk: desk.approve("rejected", "ann"),
    120: lambda desk: desk.clock.advance(-600),
}
"""What happens before the first round after so many hours: faults, people, a market that trades again, clocks set."""
DIES_AFTER = 24
"""When the watcher dies between an order and what it writes of it."""


def live_a_week(desk: Desk, patch: pytest.MonkeyPatch) -> None:
    """Let a week go by."""
    every = desk.every // HOUR
    for hour in range(0, WEEK, every):
        for moment in range(hour, hour + every):
            if moment in SCRIPT:
                SCRIPT[moment](desk)
        if hour != DIES_AFTER:
            desk.step()
            continue
        with patch.context() as dying:
            Points(12).install(dying)
            with pytest.raises(Crash):
                desk.step()
        desk.die()


def open_desk(root: Path, every: int, stack: ExitStack, patch: pytest.MonkeyPatch) -> Desk:
    desk = stack.enter_context(desk_at(root, timedelta(hours=every), LIVE, patch))
    for name, (account, policy) in PAPER.items():
        desk.add(name, account, **policy)
    for name, (venue, account) in LIVE.items():
        desk.add(name, account, venue, **LIVE_POLICIES[name])
    return desk


@pytest.mark.parametrize("every", [8, SLOWLY])
def test_a_week_of_a_desk(every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        desk = open_desk(tmp_path, every, stack, monkeypatch)
        live_a_week(desk, monkeypatch)
        assert {name: desk.state(name) for name in NAMES} == dict.fromkeys(NAMES, "CLEAN")
        for name in NAMES:
            assert desk.filled(name) == desk.journalled(name)
            assert desk.held(name) == LEFT.get(name, {})
            assert not desk.open_plans(name)
            assert_ladders_were_climbed(desk, name)
        for channel in CHANNELS:
            assert desk.delivered(channel) == desk.raised(channel)
        assert_everything_happened(desk)


def assert_ladders_were_climbed(desk: Desk, name: str) -> None:
    """Check that each incident is over, and that its steps and its end were told once each, in their order."""
    told = [alert["alert_id"] for alert in desk.alerts(name) if alert["alert_type"].startswith("ESCALATION")]
    for incident in desk.incidents(name):
        steps = [f"{incident.id}.{step}" for step in range(1, incident.step + 1)]
        assert incident.ended_how == "its cause is gone"
        assert [alert for alert in told if alert.startswith(incident.id)] == [*steps, f"{incident.id}.end"]
    assert len(told) == len(set(told))


def assert_everything_happened(desk: Desk) -> None:
    """Check that the week was as hard as it was meant to be."""
    kinds = {name: [alert["alert_type"] for alert in desk.alerts(name)] for name in NAMES}
    steps = {(incident.kind, incident.step) for name in NAMES for incident in desk.incidents(name)}
    assert desk.deaths == 1
    assert {("zombie_exit_failed", 3), ("not_clean", 2)} <= steps
    assert kinds["platform"] == ["CHANNEL_FAILED", "CHANNEL_RECOVERED"]
    assert {"APPROVAL_WAITING", "PLAN_APPROVED", "POSITION_CAP_VIOLATION"} <= set(kinds["capped"])
    assert kinds["stuck"].count("ZOMBIE_ESCALATED") == 1
    assert (kinds["rejected"].count("APPROVAL_WAITING"), kinds["rejected"].count("PLAN_REJECTED")) == (2, 1)
    assert kinds["two"].count("PLAN_APPROVED") == 2
    assert kinds["harbour"].count("ROUND_FAILED") == 1
    assert "EXIT_FAILED" in kinds["lantern"]
    assert "OUTCOME_UNKNOWN" in kinds["mill"]
