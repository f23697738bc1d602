"""Option A of the legacy rule: a stop is attached and the position registered; and what the tracker's file keeps."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import Done, OrderReport, OrderRequest, OrderStatus, RefusalReason, Refused
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.snapshot import Position, TrackerRecord
from tests.builders import NOW, market, order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.crashes import raise_crash
from tests.executor.scene import Scene, kinds, legacy, statuses, zombie
from tests.faults import GONE, SILENT, Crash, Fault


def conservative(on_stage: Stage, **parts: object) -> Scene:
    return on_stage(legacy(**parts), base="conservative")


def test_adoption_ends_clean_and_the_next_plan_is_empty(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    assert kinds(plan) == ["attach_stop", "adopt"]
    assert (scene.apply(plan).exit_code, scene.says()) == (0, "CLEAN")
    assert (kinds(scene.plan()), scene.held(), len(scene.account().open_orders)) == ([], "100", 1)


def test_before_a_position_is_registered_the_account_is_not_read_again(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert scene.trouble.calls == ["read", "place", "basis", "read"]


@pytest.mark.parametrize(
    ("held", "tracked", "asked"),
    [
        (position("AAA/USD", 100), None, True),
        (position("AAA/USD", 100), record("manual", entry=42), False),
        (position("AAA/USD", 100, entry=42), None, False),
        (position("AAA/USD", 100, entry=42), record("manual", entry=None), False),
    ],
    ids=["unknown", "recorded", "told", "told and not recorded"],
)
def test_the_venue_is_asked_what_a_position_was_bought_at_where_nobody_knows(
    on_stage: Stage, held: Position, tracked: TrackerRecord | None, asked: bool
) -> None:
    own = position("OWN/USD", 1)
    records = {} if tracked is None else {"AAA/USD": tracked}
    scene = on_stage(
        snapshot(held, own, tracked=records), base="conservative", protect=[{"symbol": "OWN/USD", "reason": "mine"}]
    )
    plan = scene.plan()
    scene.trouble.calls.clear()
    scene.apply(plan)
    assert ("basis" in scene.trouble.calls) is asked


def test_a_stop_that_is_refused_keeps_no_other_position_from_being_adopted(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 50)), base="conservative")
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    assert list(scene.tracked()) == ["BBB/USD"]


@pytest.mark.parametrize(("status", "outcome"), [("closed", "done"), ("cancelled", "refused")])
def test_a_stop_that_is_told_as_triggered_was_placed_and_one_that_was_cancelled_was_not(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch, status: OrderStatus, outcome: str
) -> None:
    scene = conservative(on_stage)

    def told(_: PaperBroker, asked: OrderRequest) -> Done:
        report = OrderReport(
            order_id="x1",
            client_order_id=asked.client_order_id,
            symbol=asked.symbol,
            side=asked.side,
            type=asked.type,
            status=status,
            quantity=asked.quantity,
        )
        return Done(report)

    monkeypatch.setattr(PaperBroker, "place_order", told)
    assert statuses(scene.apply())[0] == outcome


def test_a_stop_that_was_lost_is_placed_again_although_the_position_moved_meanwhile(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.break_writes(Fault.LOST_BEFORE)
    scene.trouble.before.append(lambda: scene.hold("AAA/USD", "99.5"))
    assert (statuses(scene.apply(plan)), len(scene.account().open_orders)) == (["done", "done"], 1)


def test_the_stop_of_the_coin_that_pays_the_fees_need_not_be_the_last(on_stage: Stage) -> None:
    account = snapshot(position("BNB/USD", 100), position("ZZZ/USD", 90))
    scene = on_stage(account, base="conservative", options={"fee_asset": "BNB"})
    plan = scene.plan()
    scene.apply(plan)
    stops = [action["symbol"] for action in plan["actions"] if action["kind"] == "attach_stop"]
    assert (stops, [sent.symbol for sent in scene.trouble.orders]) == (["BNB/USD", "ZZZ/USD"], stops)


def test_a_venue_with_stops_at_the_market_alone_gets_those(on_stage: Stage) -> None:
    scene = on_stage(legacy(), base="conservative", options={"stop_limit": False})
    assert (scene.apply().exit_code, [sent.type for sent in scene.trouble.orders]) == (0, ["stop"])


def test_a_venue_without_stops_still_takes_sales(on_stage: Stage) -> None:
    scene = on_stage(legacy(), options={"stop_market": False, "stop_limit": False})
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


def test_a_stop_that_the_venue_has_too_little_for_is_not_sent_smaller(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = conservative(on_stage)
    refusal = Refused(RefusalReason.INSUFFICIENT_BALANCE, "it is locked")
    monkeypatch.setattr(PaperBroker, "place_order", lambda *_: refusal)
    assert (statuses(scene.apply()), len(scene.trouble.orders)) == (["refused", "skipped"], 1)


def test_the_stop_stands_where_the_policy_says(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.apply()
    (stop,) = scene.account().open_orders
    assert (stop.type, stop.side, stop.quantity, stop.trigger_price) == ("stop", "sell", Decimal(100), Decimal(90))


def test_the_record_says_that_its_entry_price_is_the_mark_at_adoption(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.apply()
    found = scene.tracked()["AAA/USD"]
    assert (found.position_source, found.entry_price, found.stop_price, found.quantity) == (
        "adopted",
        Decimal(100),
        Decimal(90),
        Decimal(100),
    )
    assert found.extra["entry_price_basis"] == "mark at adoption"


def test_an_entry_price_that_is_known_stays(on_stage: Stage) -> None:
    account = snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record("manual", entry=42)})
    scene = on_stage(account, base="conservative")
    scene.apply()
    found = scene.tracked()["AAA/USD"]
    assert (found.entry_price, found.extra["entry_price_basis"], found.strategy) == (Decimal(42), "known", "APEX_v7.1")


def test_an_entry_price_recorded_in_another_market_is_turned_into_the_money_of_this_one(
    on_stage: Stage,
) -> None:
    account = snapshot(position("AAA/USD", 100), tracked={"AAA/EUR": record("manual", entry=90)}, rates={"EUR": "1.1"})
    scene = on_stage(account, base="conservative")
    assert scene.apply().exit_code == 0
    found = scene.tracked()["AAA/USD"]
    assert (found.entry_price, found.extra["entry_price_basis"]) == (Decimal(99), "known")


def test_a_position_whose_stop_was_refused_is_not_adopted(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.break_writes(Fault.REFUSED)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (4, ["refused", "skipped"])
    assert not scene.folder.tracker.exists()


def test_a_stop_that_works_clears_the_failures_before_it(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.break_writes(Fault.REFUSED)
    scene.apply()
    assert scene.state().failed_exits == {"AAA/USD": 1}
    scene.apply()
    assert scene.state().failed_exits == {}


def test_a_venue_without_stops_refuses_them_without_being_asked(on_stage: Stage) -> None:
    scene = on_stage(legacy(), base="conservative", options={"stop_market": False, "stop_limit": False})
    assert (scene.apply().exit_code, scene.trouble.sent) == (4, [])


@pytest.mark.parametrize(("collar", "limit"), [({}, "84.7"), ({"price_collar_pct": 0.1}, "80.5")])
def test_a_venue_without_stops_at_the_market_gets_a_limit_beyond_the_trigger(
    on_stage: Stage, collar: dict[str, float], limit: str
) -> None:
    account = legacy(markets={"AAA/USD": market(100, price_step="0.7")})
    scene = on_stage(account, base="conservative", options={"stop_market": False}, guards=collar)
    assert scene.apply().exit_code == 0
    (stop,) = scene.account().open_orders
    assert (stop.type, stop.trigger_price, stop.price) == ("stop_limit", Decimal("89.6"), Decimal(limit))


def test_the_limit_of_a_short_is_above_its_trigger(on_stage: Stage) -> None:
    symbol = "AAA/USD:USD"
    account = snapshot(position(symbol, 10, side="short"), markets={symbol: market(100, price_step="0.7")})
    scene = on_stage(account, base="conservative", options={"stop_market": False})
    assert scene.apply().exit_code == 0
    (stop,) = scene.account().open_orders
    assert (stop.side, stop.trigger_price, stop.price) == ("buy", Decimal("110.6"), Decimal("116.2"))


def test_an_adopted_position_keeps_the_price_that_the_venue_knows_it_was_bought_at(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.trouble.history["AAA/USD"] = CostBasis(Decimal(64), NOW)
    scene.apply()
    adopted = scene.tracked()["AAA/USD"]
    assert (adopted.entry_price, adopted.first_entry_time) == (Decimal(64), NOW)
    assert adopted.extra["entry_price_basis"] == "known"


def test_a_position_whose_history_cannot_be_read_is_not_adopted_at_todays_price(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.trouble.reads.extend([True, False])
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result)) == (1, ["done", "skipped"])


def test_a_position_whose_stop_never_arrived_is_adopted_once_it_did(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.break_writes(*[Fault.LOST_BEFORE] * 3)
    first, second = scene.apply(plan), scene.apply(plan)
    assert [(run.exit_code, statuses(run)) for run in (first, second)] == [
        (9, ["open", "open"]),
        (0, ["done", "done"]),
    ]


def test_a_stop_that_rests_already_is_kept_and_the_position_adopted(on_stage: Stage) -> None:
    stop = order("stop", "AAA/USD", "sell", 100, kind="stop", price=None, trigger=80)
    scene = conservative(on_stage, orders=[stop])
    plan = scene.plan()
    assert (kinds(plan), scene.apply(plan).exit_code) == (["adopt"], 0)
    assert scene.tracked()["AAA/USD"].stop_price == 80


@pytest.mark.parametrize("tier", ["A", "B", "C"])
@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LOST_BEFORE, Fault.RAISES_AFTER])
def test_a_stop_whose_answer_is_lost_is_placed_once(on_stage: Stage, fault: Fault, tier: str) -> None:
    perpetual = position("AAA/USD:USD", 100, entry=100)
    scene = on_stage(snapshot(perpetual), base="conservative", options={"client_order_ids": tier})
    scene.break_writes(fault)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (0, ["done", "done"])
    assert len(scene.account().open_orders) == 1


def test_a_crash_between_stop_and_adoption_is_made_good(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.break_writes(Fault.CRASH_AFTER)
    with pytest.raises(Crash):
        scene.apply(plan)
    assert (scene.apply(plan).exit_code, scene.says()) == (0, "CLEAN")
    assert len(scene.account().open_orders) == 1


def test_a_crash_while_the_tracker_is_written_is_made_good(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    with monkeypatch.context() as dying:
        dying.setattr("exitplan.executor.store.tracker.write_atomically", lambda *_, **__: raise_crash())
        with pytest.raises(Crash):
            scene.apply(plan)
    result = scene.apply(plan)
    assert (result.exit_code, statuses(result), scene.says()) == (0, ["done", "done"], "CLEAN")
    assert (scene.tracked()["AAA/USD"].position_source, len(scene.account().open_orders)) == ("adopted", 1)


def test_a_stop_nobody_can_tell_about_stops_before_the_adoption(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 5)
    assert (scene.apply(plan).exit_code, scene.folder.tracker.exists()) == (9, False)
    assert (scene.apply(plan).exit_code, scene.says()) == (0, "CLEAN")


def test_a_stop_among_the_open_orders_that_the_venue_does_not_find_is_not_placed_again(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([GONE] * 9)
    result = scene.apply()
    assert (result.exit_code, statuses(result)) == (9, ["needs_human", "open"])
    assert (len(scene.trouble.orders), len(scene.account().open_orders)) == (1, 1)


def test_a_position_that_is_gone_is_neither_stopped_nor_adopted(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    plan = scene.plan()
    scene.hold("AAA/USD", None)
    assert (statuses(scene.apply(plan)), scene.folder.tracker.exists()) == (["skipped", "skipped"], False)


# --- the tracker's file ---


def test_a_position_that_was_closed_leaves_the_tracker(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.track(AAA=record(entry=None), BBB=record())
    scene.apply()
    assert list(scene.tracked()) == ["BBB/USD"]


def test_a_position_that_was_gone_before_its_order_leaves_the_tracker_too(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.track(AAA=record(entry=None))
    scene.hold("AAA/USD", None)
    assert (statuses(scene.apply(plan)), scene.tracked()) == (["skipped"], {})


def test_the_record_of_one_side_goes_with_it_although_the_other_is_held(on_stage: Stage) -> None:
    perpetual = "AAA/USD:USD"
    both = (position(perpetual, 100), position(perpetual, 40, side="short", entry=100))
    scene = on_stage(snapshot(*both, cash=100_000, tracked={perpetual: record(entry=None, side="long")}))
    scene.apply()
    assert (scene.held(perpetual), scene.held(perpetual, "short"), scene.tracked()) == ("0", "30", {})


def test_a_position_sold_only_in_part_stays_in_the_tracker(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record("manual")}))
    scene.track(AAA=record("manual"))
    before = scene.folder.tracker.read_bytes()
    scene.apply()
    assert scene.folder.tracker.read_bytes() == before


def test_other_records_stay_as_their_writers_wrote_them(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    kept = {"entry_price": 45000.5, "quantity": 0.1, "position_source": "nija_strategy", "trailing": {"pct": 0.015}}
    scene.folder.path.mkdir(parents=True)
    tracker = {"positions": {"AAA-USD": {"entry_price": None}, "BTC-USD": kept}, "last_updated": None, "writer": "nija"}
    scene.folder.tracker.write_text(json.dumps(tracker))
    assert scene.apply().exit_code == 0
    after = json.loads(scene.folder.tracker.read_text())
    assert (after["positions"], after["writer"]) == ({"BTC-USD": kept}, "nija")
    assert after["last_updated"] == "2026-02-18T22:00:01Z"


def test_an_adopted_record_keeps_the_name_it_had(on_stage: Stage) -> None:
    scene = conservative(on_stage)
    scene.folder.path.mkdir(parents=True)
    known = {"position_source": "manual", "entry_price": 7.5, "note": 1.5}
    scene.folder.tracker.write_text(json.dumps({"positions": {"AAA-USD": known}}))
    scene.apply()
    after = json.loads(scene.folder.tracker.read_text())["positions"]
    assert (list(after), after["AAA-USD"]["note"]) == (["AAA-USD"], 1.5)
    assert scene.tracked()["AAA/USD"].position_source == "adopted"


def test_the_file_keeps_its_rights_and_a_link_stays_a_link(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.track(AAA=record(entry=None))
    shared = scene.root / "shared.json"
    scene.folder.tracker.rename(shared)
    shared.chmod(0o644)
    scene.folder.tracker.symlink_to(shared)
    scene.apply()
    assert scene.folder.tracker.is_symlink()
    assert (shared.stat().st_mode & 0o777, json.loads(shared.read_text())["positions"]) == (0o644, {})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"positions": []}', '{"positions": {"A": 1}}', "\x00"])
def test_a_broken_tracker_is_refused_before_anything_is_sent(on_stage: Stage, content: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.folder.path.mkdir(parents=True)
    scene.folder.tracker.write_text(content)
    for act in (scene.plan, lambda: scene.apply(plan), scene.verify):
        with pytest.raises(FileIsInvalid) as refusal:
            act()
        assert refusal.value.exit_code == 65
    assert scene.trouble.sent == []


def test_numbers_of_other_writers_keep_every_digit(on_stage: Stage) -> None:
    scene = on_stage(legacy(), base="conservative")
    scene.track()
    long_number, large = "0.12345678901234567890123", "123456789012345678901234"
    other = f'{{"entry_price": 1, "note": {long_number}, "count": {large}}}'
    scene.folder.tracker.write_text(f'{{"positions": {{"ZZZ/USD": {other}}}, "last_updated": null}}')
    assert scene.apply().exit_code == 0
    text = scene.folder.tracker.read_text()
    assert '"AAA/USD"' in text
    assert long_number in text
    assert large in text
