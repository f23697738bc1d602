"""Where a venue takes several requests in one go, a run sends them in groups, and nothing else changes."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.brokers.protocol import Capabilities, Done, LookUp, OrderReference, OrderReport, Outcome, Unknown
from exitplan.executor.apply.events import Stop
from exitplan.executor.apply.orders import in_groups
from exitplan.executor.apply.reconcile import call
from exitplan.executor.store.halt import halt
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Settlement
from exitplan.executor.store.port import Tables
from exitplan.ruleset.errors import OutcomeUnknown
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.actions import Kind
from tests.builders import NOW, order, position, snapshot, typed_plan_of
from tests.conftest import examples
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, StillClock, stage, statuses
from tests.executor.test_laws import accounts
from tests.faults import GONE, SILENT, Crash, Fault, FaultyBroker

_NUMBERS = itertools.count()
SYMBOLS = [f"{letter * 3}/USD" for letter in "ABCDE"]
RESULT = OrderReport(
    order_id="1",
    client_order_id=None,
    symbol="AAA/USD",
    side="sell",
    type="market",
    status="closed",
    quantity=1,  # type: ignore[arg-type] # any number
)


def five() -> Snapshot:
    """Five legacy positions of 100, each of which is unwound."""
    return snapshot(*(position(symbol, 100) for symbol in SYMBOLS))


def grouped(scene: Scene, at_once: int = 3) -> Scene:
    scene.trouble.at_once = at_once
    return scene


def held(scene: Scene) -> list[str]:
    return [scene.held(symbol) for symbol in SYMBOLS]


def test_as_many_go_at_once_as_the_venue_takes(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (0, ["done"] * 5)
    assert (scene.trouble.groups, held(scene)) == ([3, 2], ["75"] * 5)


def test_all_of_a_group_are_in_the_journal_before_the_first_is_sent(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    found: list[str] = []
    scene.trouble.before.append(lambda: found.extend(row["status"] for row in rows(scene, "intents")))
    scene.apply()
    assert found == ["sending", "sending", "sending", "planned", "planned"]


@pytest.mark.parametrize(
    ("faults", "settled"),
    [
        ([], [["done"] * 3, ["done"] * 2]),
        ([Fault.LOST_AFTER], [["done"] * 3, ["done"] * 2]),
        ([Fault.NONE, Fault.LOST_AFTER], [["done"], ["done"] * 2, ["done"] * 2]),
    ],
    ids=str,
)
def test_the_outcomes_of_a_group_that_are_known_are_one_commit(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, faults: list[Fault], settled: list[list[str]]
) -> None:
    scene = grouped(on_stage(five()))
    scene.break_writes(*faults)
    commits: list[list[str]] = []
    put = Journal._put_settlement

    def counted(journal: Journal, db: Tables, settled: Settlement) -> None:
        commits.append([resolution.status for _, resolution, _ in settled.resolved])
        put(journal, db, settled)

    monkeypatch.setattr(Journal, "_put_settlement", counted)
    assert scene.apply().exit_code == 0
    assert commits == settled


def test_who_is_found_at_once_is_not_asked_for_again(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()), 5)
    scene.break_writes(Fault.NONE, Fault.LOST_AFTER, Fault.LOST_AFTER, Fault.LOST_BEFORE)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)
    assert scene.trouble.calls.count("look up") == 3 + 2  # of three at once, then twice of the one that was not found


@pytest.mark.parametrize("late", [Fault.LOST_BEFORE, Fault.OPEN_FIRST], ids=lambda fault: fault.name)
def test_what_is_known_is_in_the_journal_before_the_rest_of_its_group_is_waited_for(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, late: Fault
) -> None:
    scene = grouped(on_stage(five()), 5)
    scene.break_writes(Fault.NONE, Fault.NONE, late, Fault.NONE)
    seen: list[list[str]] = []

    def look(clock: StillClock, seconds: float) -> None:
        seen.append([row["status"] for row in rows(scene, "intents")])
        clock.advance(seconds)

    monkeypatch.setattr(StillClock, "sleep", look)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)
    assert seen[0] == ["done", "done", "sending", "sending", "sending"]


def test_a_cancel_that_is_lost_among_others_is_asked_about(on_stage: Stage) -> None:
    stale = [order(name, "AAA/USD", "buy", 1, price=90, minutes=60) for name in "123"]
    scene = grouped(on_stage(snapshot(position("AAA/USD", 100), orders=stale)))
    scene.break_writes(Fault.NONE, Fault.LOST_AFTER, Fault.NONE)
    assert (statuses(scene.apply()), scene.account().open_orders) == (["done"] * 4, ())


def test_cancels_go_with_cancels_alone(on_stage: Stage) -> None:
    stale = [
        order(name, symbol, "buy", 1, price=90, minutes=60)
        for name, symbol in (("1", "AAA/USD"), ("2", "AAA/USD"), ("3", "BBB/USD"))
    ]
    scene = grouped(on_stage(snapshot(position("AAA/USD", 100), position("CCC/USD", 100), orders=stale)))
    assert scene.apply().exit_code == 0
    assert scene.trouble.groups == [3, 2]


def test_a_cancel_that_came_too_late_is_asked_about_once_the_others_are_recorded(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = [
        order(name, symbol, "buy", 1, price=90, minutes=60) for name, symbol in (("1", "AAA/USD"), ("2", "BBB/USD"))
    ]
    scene = grouped(on_stage(snapshot(orders=stale)))
    scene.trouble.before.extend([None, lambda: scene.touch("BBB/USD", "90")])
    seen: list[list[str]] = []
    ask = FaultyBroker.look_up_order

    def look(broker: FaultyBroker, reference: OrderReference) -> LookUp:
        seen.append([row["status"] for row in rows(scene, "intents")])
        return ask(broker, reference)

    monkeypatch.setattr(FaultyBroker, "look_up_order", look)
    assert statuses(scene.apply()) == ["done", "done"]
    assert seen == [["done", "sending"]]


def test_one_position_on_both_sides_is_closed_one_side_after_the_other(on_stage: Stage) -> None:
    symbol = "AAA/USD:USD"
    scene = grouped(on_stage(snapshot(position(symbol, 10), position(symbol, 10, side="short"))))
    scene.apply()
    assert scene.trouble.groups == [1, 1]


def test_a_stop_by_a_person_lets_go_what_is_ready_and_no_more(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    plan = scene.plan()
    assert scene.apply(plan, stop_after=2).exit_code == 8
    assert held(scene) == ["75", "75", "100", "100", "100"]
    assert (scene.apply(plan).exit_code, held(scene)) == (0, ["75"] * 5)


def test_a_halt_finishes_the_group_in_flight(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    scene.trouble.before.append(lambda: halt(scene.folder.root, "stop", NOW))
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (5, ["done", "done", "done", "open", "open"])


def test_one_that_nobody_can_tell_of_stops_the_run_once_its_group_is_settled(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    scene.break_writes(Fault.NONE, Fault.LOST_AFTER, Fault.LOST_BEFORE)
    scene.trouble.look_ups.extend([SILENT, GONE] * 4)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (9, ["done", "needs_human", "open", "open", "open"])
    assert len(scene.trouble.orders) == 3


@pytest.mark.parametrize(("also", "stop_after"), [(Fault.BANNED, None), (Fault.NONE, 1)], ids=["a rest", "a person"])
def test_one_that_nobody_can_tell_of_matters_more_than_what_else_stops_the_run(
    on_stage: Stage, also: Fault, stop_after: int | None
) -> None:
    scene = grouped(on_stage(five()), 2)
    scene.break_writes(Fault.LOST_AFTER, also)
    scene.trouble.look_ups.extend([SILENT] * 9)
    result = scene.apply(stop_after=stop_after)
    assert (result.exit_code, result.stop, statuses(result)[0]) == (9, Stop.OUTCOME_UNKNOWN, "needs_human")


def test_a_clock_that_is_off_for_one_of_a_group_ends_the_run_before_the_others_are_sent_again(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()), 2)
    scene.break_writes(Fault.CLOCK_IS_OFF, Fault.BUSY)
    result = scene.apply()
    assert (result.stop, statuses(result), len(scene.trouble.orders)) == (Stop.CLOCK_IS_OFF, ["open"] * 5, 2)
    assert scene.clock.slept == []


def test_what_is_known_is_told_before_a_rest(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = grouped(on_stage(five()), 2)
    scene.break_writes(Fault.NONE, Fault.RATE_LIMITED)
    told = list[int]()
    monkeypatch.setattr(scene.clock, "sleep", lambda _: told.append(len(scene.told("action_done"))))
    assert (scene.apply().exit_code, told) == (0, [1])


def test_the_receive_window_is_waited_for_once_for_a_group(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()), 5)
    scene.break_writes(*[Fault.LOST_BEFORE] * 5)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)
    assert scene.clock.slept.count(5.5) == 1


def test_a_group_waits_once_between_two_questions_too(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()), 5)
    scene.break_writes(*[Fault.LOST_BEFORE] * 5)
    scene.apply()
    assert scene.clock.slept == [5.5, 0.2]
    calls = scene.trouble.calls
    last = len(calls) - calls[::-1].index("look up")
    assert calls[last : last + 3] == ["read", "read", "place"]  # for traces of all, and to send the first again


def test_what_the_venue_shows_already_is_not_waited_for(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()), 5)
    scene.break_writes(*[Fault.LOST_AFTER] * 5)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)
    assert (scene.clock.slept, len(scene.trouble.orders)) == ([], 5)


def test_what_of_a_group_never_arrived_is_sent_again_alone(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    scene.break_writes(Fault.NONE, Fault.RAISES_AFTER)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)
    assert scene.trouble.groups == [3, 1, 2]


def test_a_group_that_was_too_much_rests_once(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    scene.break_writes(*[Fault.RATE_LIMITED] * 3)
    assert (scene.apply().exit_code, held(scene)) == (0, ["75"] * 5)
    assert scene.clock.slept == [3.0]


def test_a_halt_during_the_rest_leaves_what_never_arrived_unsent(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    scene.break_writes(*[Fault.RATE_LIMITED] * 3)
    scene.trouble.before.append(lambda: halt(scene.folder.root, "stop", NOW))
    result = scene.apply()
    assert (result.exit_code, statuses(result), held(scene)) == (5, ["open"] * 5, ["100"] * 5)


def test_a_stop_during_the_rest_does_as_well_and_the_plan_goes_on_later(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    plan = scene.plan()
    scene.break_writes(*[Fault.BUSY] * 3)
    assert (scene.apply(plan, stop_after=3).exit_code, held(scene)) == (8, ["100"] * 5)
    assert (scene.apply(plan).exit_code, held(scene)) == (0, ["75"] * 5)


def test_a_venue_that_wants_a_long_rest_gets_it_from_the_whole_group(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    scene.break_writes(*[Fault.LOST_BEFORE] * 3, Fault.BANNED)
    result = scene.apply()
    assert (result.exit_code, statuses(result), scene.trouble.groups) == (9, ["open"] * 5, [3, 1])


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER], ids=lambda fault: fault.name)
@pytest.mark.parametrize("arrived", range(3))
@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_a_death_in_the_middle_of_a_group_loses_nothing(on_stage: Stage, fault: Fault, arrived: int, tier: str) -> None:
    scene = grouped(on_stage(five(), options={"client_order_ids": tier}))
    plan = scene.plan()
    scene.break_writes(*[Fault.NONE] * arrived, fault)
    with pytest.raises(Crash):
        scene.apply(plan)
    assert (scene.apply(plan).exit_code, held(scene)) == (0, ["75"] * 5)
    assert scene.clock.slept.count(5.5) <= 1
    assert len(scene.state().unwinds) == 5


def test_what_a_death_left_behind_is_settled_also_behind_one_that_nobody_can_tell_of(on_stage: Stage) -> None:
    scene = grouped(on_stage(five()))
    plan = scene.plan()
    scene.break_writes(Fault.NONE, Fault.NONE, Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply(plan)
    scene.trouble.look_ups.extend([SILENT, None, None] * 4)
    with pytest.raises(OutcomeUnknown, match="AAA/USD"):
        scene.apply(plan)
    assert [row["status"] for row in rows(scene, "intents")] == ["needs_human", "done", "done", "planned", "planned"]


@pytest.mark.parametrize("answers", [[], [Done(RESULT)] * 3])
def test_a_venue_that_answers_more_or_less_than_was_asked_has_answered_nothing(answers: Sequence[Outcome]) -> None:
    assert call(lambda: answers, 2) == [Unknown(f"{len(answers)} answers to 2 requests")] * 2


@settings(examples(20, 300), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    account=accounts(),
    at_once=st.integers(2, 5),
    asks_beside=st.booleans(),
    base=st.sampled_from(["default", "conservative"]),
    faults=st.lists(st.sampled_from([Fault.NONE, Fault.REFUSED, Fault.PARTIAL, Fault.OPEN_FIRST]), max_size=5),
)
def test_in_groups_or_one_by_one_a_plan_comes_to_the_same(
    tmp_path: Path, account: Snapshot, at_once: int, asks_beside: bool, base: str, faults: list[Fault]
) -> None:
    def run(number: int, *, beside: bool) -> Any:
        folder = tmp_path / str(next(_NUMBERS))
        folder.mkdir()
        scene = grouped(stage(folder, account, base=base, parameters={"max_positions": 2}), number)
        scene.trouble.asks_beside = beside
        scene.break_writes(*faults)
        result = scene.apply()
        journal = [rows(scene, table) for table in ("intents", "attempts", "fills")]
        document = timeless({"outcomes": result.to_document(), "venue": scene.document(), "journal": journal})
        return document, scene.state_document() | {
            "last_cleanup_run": None,
            "last_verified_at": None,
            "exported_from": None,
        }

    first, second = run(1, beside=False), run(at_once, beside=asks_beside)
    assert timeless(first) == timeless(second)


def timeless(value: Any) -> Any:
    """Leave out the moments: who waits for one order at a time ends later."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if not name.endswith(("at", "time"))}
    return [timeless(part) for part in value] if isinstance(value, (list, tuple)) else value


def rows(scene: Scene, table: str) -> list[dict[str, Any]]:
    """The rows of a table of the journal, in the order of the plan."""
    with closing(sqlite3.connect(scene.folder.journal)) as journal:
        journal.row_factory = sqlite3.Row
        return [dict(row) for row in journal.execute(f"SELECT * FROM {table} ORDER BY rowid")]  # noqa: S608 - our own


VENUE = Capabilities(
    client_order_ids="A",
    unique_client_order_ids="ever",
    reduce_only=True,
    stop_market=True,
    stop_limit=True,
    convert=True,
    receive_window=5,
    live=False,
    writes_at_once=3,
    cancels_at_once=4,
)
CANCEL, CLOSE, UNWIND, STOP, ADOPT = "cancel_order", "close", "unwind", "attach_stop", "adopt"
CASH = "convert_cash"


@pytest.mark.parametrize(
    ("actions", "sizes"),
    [
        ([(CANCEL, "A")] * 5, [4, 1]),  # also on one symbol
        ([(UNWIND, name) for name in "ABCD"], [3, 1]),
        ([(UNWIND, "A"), (UNWIND, "A")], [1, 1]),
        ([(UNWIND, "A"), (UNWIND, "B"), (UNWIND, "A")], [2, 1]),
        ([(CLOSE, "A"), (STOP, "B"), (CASH, "C")], [3]),  # whatever is an order goes together
        ([(CANCEL, "A"), (CLOSE, "B")], [1, 1]),
        ([(CLOSE, "A"), (CANCEL, "B")], [1, 1]),
        ([(ADOPT, "A"), (ADOPT, "B")], [1, 1]),
        ([(CLOSE, "A"), (ADOPT, "B")], [1, 1]),
        ([(ADOPT, "A"), (CLOSE, "B")], [1, 1]),
        ([], []),
    ],
    ids=str,
)
def test_actions_of_one_sort_go_together_in_their_order(actions: list[tuple[Kind, str]], sizes: list[int]) -> None:
    (unwind,) = typed_plan_of(snapshot(position())).actions
    wanted = [replace(unwind, kind=kind, symbol=symbol) for kind, symbol in actions]
    groups = list(in_groups(wanted, VENUE))
    assert [len(group) for group in groups] == sizes
    assert list(itertools.chain(*groups)) == wanted
