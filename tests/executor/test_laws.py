"""Laws that hold for any account and whatever goes wrong on the wire."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from exitplan.brokers.protocol import LookUp
from exitplan.executor.store.history import account_status
from exitplan.ruleset.errors import AccountUnreadable, OutcomeUnknown, PlanIsStale
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import Amount, market, order, position, record, snapshot
from tests.conftest import examples
from tests.executor.scene import Scene, stage
from tests.faults import SILENT, Crash, Fault

_NUMBERS = itertools.count()
SYMBOLS = ("AAA/USD", "BBB/USD", "CCC/USD", "DDD/USD")
AMOUNTS = st.decimals("0.001", 200, places=3).map(str)
TRACKED = st.sampled_from([None, record(), record(entry=None), record("manual"), record(stop=None)])


@st.composite
def accounts(draw: st.DrawFn) -> Snapshot:
    """An account of up to four positions, some tracked, some with orders that hold a part of them."""
    held: dict[str, Amount] = draw(st.dictionaries(st.sampled_from(SYMBOLS), AMOUNTS, min_size=1))
    shares = {symbol: draw(st.sampled_from([None, None, "0.4", "1"])) for symbol in held}
    locked = {symbol: _share(held[symbol], share) for symbol, share in shares.items() if share}
    minutes = draw(st.sampled_from([5, 60]))
    orders = [
        order(symbol[:3], symbol, "sell", str(amount), price=500, minutes=minutes) for symbol, amount in locked.items()
    ]
    known = {symbol: draw(TRACKED) for symbol in held}
    return snapshot(
        *(position(symbol, amount, locked=str(locked.get(symbol, 0))) for symbol, amount in held.items()),
        orders=[found for found in orders if found.quantity],
        markets={symbol: market(100, step=draw(st.sampled_from(["0.001", "0.1", None]))) for symbol in held},
        tracked={symbol: entry for symbol, entry in known.items() if entry},
    )


def _share(amount: Amount, share: str) -> Decimal:
    return (Decimal(amount) * Decimal(share)).quantize(Decimal("0.001"))


FAULTS = st.lists(st.sampled_from(Fault), max_size=8)
LOOK_UPS = st.lists(st.sampled_from([SILENT]), max_size=6)
READS = st.lists(st.sampled_from([True, True, True, False]), max_size=12)
TIERS = st.sampled_from(["A", "B", "C"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(account=accounts(), most=st.integers(0, 3))
def test_an_undisturbed_run_ends_where_its_plan_forecast(tmp_path: Path, account: Snapshot, most: int) -> None:
    assume(not slices_to_dust(account))
    folder = tmp_path / str(next(_NUMBERS))
    folder.mkdir()
    scene = stage(folder, account, parameters={"max_positions": most})
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 0
    assert without_crumbs(scene.plan()["checks"]) == without_crumbs(plan["forecast"])


def slices_to_dust(account: Snapshot) -> bool:
    """Check whether a slice would leave something of a position that is dust by its size: then another rule applies."""
    total = account.cash.free + sum(entry.quantity * 100 for entry in account.positions)
    shares = [entry.quantity * 100 / total for entry in account.positions]
    return any(Decimal("0.009") < share < Decimal("0.015") for share in shares)


def without_crumbs(checks: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the tolerated dust: what a close leaves below the amount step is in no forecast."""
    zombies = {**checks["checks"]["zombie_positions"], "tolerated_dust": None}
    return {**checks, "checks": {**checks["checks"], "zombie_positions": zombies}}


def cycle(scene: Scene, *, again: bool) -> bool:
    """Plan and apply once, and the same plan again where the first time did not end it; False where all is quiet."""
    scene.clock.advance(60)
    with suppress(AccountUnreadable, OutcomeUnknown, PlanIsStale, Crash):
        plan = scene.plan()
        code = None
        with suppress(Crash):
            code = scene.apply(plan).exit_code
        if again and code in {None, 8, 9}:
            code = scene.apply(plan).exit_code
        return code != 0 or has_work(plan)
    return True


def has_work(plan: Mapping[str, Any]) -> bool:
    return bool(plan["actions"]) or any(found.get("unwind") for found in plan["positions"])


def approved(plans: list[dict[str, Any]]) -> Mapping[str, tuple[str, Decimal]]:
    return {
        action["client_order_id"]: (action["symbol"], Decimal(action["quantity"]))
        for plan in plans
        for action in plan["actions"]
    }


@pytest.mark.parametrize("base", ["default", "conservative"])
@settings(examples(20, 300), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    account=accounts(),
    faults=FAULTS,
    look_ups=LOOK_UPS,
    reads=READS,
    tier=TIERS,
    at_once=st.sampled_from([1, 3]),
    asks_beside=st.booleans(),
    again=st.booleans(),
)
def test_whatever_goes_wrong_the_account_comes_to_rest_and_nothing_is_sold_twice(  # noqa: PLR0917 - drawn by name
    tmp_path: Path,
    base: str,
    account: Snapshot,
    faults: list[Fault],
    look_ups: list[LookUp],
    reads: list[bool],
    tier: str,
    at_once: int,
    asks_beside: bool,
    again: bool,
) -> None:
    folder = tmp_path / str(next(_NUMBERS))
    folder.mkdir()
    scene = stage(folder, account, base=base, parameters={"max_positions": 2}, options={"client_order_ids": tier})
    scene.trouble.at_once, scene.trouble.asks_beside = at_once, asks_beside
    scene.trouble.writes.extend(faults)
    scene.trouble.look_ups.extend(look_ups)
    scene.trouble.reads.extend(reads)
    before = {entry.key: entry.quantity for entry in account.positions}
    cycles = 0
    while cycle(scene, again=again):
        cycles += 1
        never_more_than_approved(scene, before)
        assert cycles < 30, [found["symbol"] for found in scene.plans[-1]["actions"]]
    at_rest(scene)


def never_more_than_approved(scene: Scene, before: Mapping[str, Decimal]) -> None:
    """Assert that no id filled more than its plan approved, and that what is gone was filled."""
    plans, fills = approved(scene.plans), scene.fills()
    sold: dict[str, Decimal] = dict.fromkeys(before, Decimal(0))
    for name, filled in fills.items():
        symbol, most = plans[name]
        assert filled <= most
        sold[symbol] += filled
    held = {entry.key: entry.quantity for entry in scene.account().positions}
    if scene.venue().capabilities.client_order_ids != "C":  # where no ids are kept the venue cannot tell whose it was
        assert {symbol: held.get(symbol, Decimal(0)) + sold[symbol] for symbol in before} == before
    assert all(quantity >= 0 for quantity in held.values())


def at_rest(scene: Scene) -> None:
    """Assert that nothing is left to do, that nothing is left open, and that all files can be read."""
    scene.trouble.reads.clear()
    plan = scene.plan()
    assert (has_work(plan), scene.apply(plan).exit_code) == (False, 0)
    assert account_status(scene.open()).document["open_plans"] == []
    assert scene.alerts() is not None
    state = scene.state()
    held = {entry.key for entry in scene.account().positions}
    assert set(state.unwinds) <= held
    assert scene.says() == scene.verify().state


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(account=accounts(), most=st.integers(0, 3))
def test_after_a_run_a_plan_is_empty_or_says_what_it_waits_for(tmp_path: Path, account: Snapshot, most: int) -> None:
    assume(not slices_to_dust(account))
    folder = tmp_path / str(next(_NUMBERS))
    folder.mkdir()
    scene = stage(folder, account, parameters={"max_positions": most, "unwind_interval_minutes": 5})
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 0
    after = scene.plan()
    assert [action["symbol"] for action in after["actions"]] == []
    unwound = {action["symbol"] for action in plan["actions"] if action["kind"] == "unwind"}
    waiting = {found["symbol"]: found["until"] for found in after["blocked"] if found["reason"] == "waiting"}
    left = {entry.symbol for entry in scene.account().positions}
    sellable = {entry["symbol"] for entry in after["positions"] if entry["facts"]["sellable"]}
    assert unwound & left & sellable <= set(waiting)
    assert all(until is not None for until in waiting.values())
