"""A group's plan is carried out: all accounts first, then slice by slice within the bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import Done, OrderReport, OrderRequest, RefusalReason, Refused, Unknown
from exitplan.brokers.rehearsal import NotChecked, Rehearsed
from exitplan.executor.apply.apply import check_plan
from exitplan.executor.groups.apply_group import GroupWatch, apply_group_plan, check_group_plan
from exitplan.executor.groups.results import BundleEnd
from exitplan.ruleset.errors import AccountIsInGroupRun, PlanIsStale
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.plan import read_plan
from tests.builders import position, record
from tests.executor.groups.group_scene import CASH, HEDGE, PERP, PRICE, SPOT, GroupScene, group_stage, held
from tests.faults import SILENT, Fault


def test_both_legs_are_done_in_turns_and_the_plan_ends_everywhere(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    result = scene.apply(scene.plan())
    assert (result.exit_code, result.is_open, result.refusals) == (0, False, {})
    assert scene.holding() == {CASH: "0", HEDGE: "0"}
    assert scene.sent() in ([CASH, HEDGE] * 4, [HEDGE, CASH] * 4)
    assert [end.end for end in result.bundles] == [BundleEnd.DONE]
    assert (scene.open_rows(), scene.legs_apart()) == ({}, [])


def test_a_pair_within_the_bound_goes_as_it_is(tmp_path: Path) -> None:
    scene = group_stage(tmp_path, bound=1000)
    scene.apply(scene.plan())
    assert len(scene.sent()) == 2


def test_a_bound_that_no_venue_takes_orders_for_sends_nothing(tmp_path: Path) -> None:
    scene = group_stage(tmp_path, bound="0.5")
    result = scene.apply(scene.plan())
    assert (result.exit_code, scene.sent()) == (5, [])
    assert "max_leg_imbalance" in str(result.refusals[""])


def test_a_plan_that_was_carried_out_is_used(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    scene.apply(plan)
    assert scene.apply(plan).exit_code == 6


def test_where_one_account_is_halted_nothing_is_sent_in_any(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    scene.scenes[HEDGE].store.halt("look first", scene.clock())
    result = scene.apply(plan)
    assert (result.exit_code, list(result.refusals), scene.sent()) == (5, [HEDGE], [])


def test_where_one_account_cannot_be_read_nothing_is_sent_in_any(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    scene.scenes[HEDGE].trouble.reads.extend([False] * 10)
    result = scene.apply(plan)
    assert (result.exit_code, list(result.refusals), scene.sent()) == (1, [HEDGE], [])


def test_where_one_side_is_gone_the_other_is_not_closed_alone(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    scene.scenes[HEDGE].hold(PERP, None)
    result = scene.apply(plan)
    assert (result.exit_code, scene.sent(), scene.holding()[CASH]) == (6, [], "1")
    assert isinstance(result.refusals[""], PlanIsStale)


def test_a_lock_that_somebody_holds_sends_nothing(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    store = scene.scenes[HEDGE].store
    with store.lease(scene.clock()):
        result = scene.apply(plan)
    assert (result.exit_code, list(result.refusals), scene.sent()) == (7, [HEDGE], [])


def test_a_dry_run_says_why_and_changes_nothing(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    assert scene.check(plan) == {}
    scene.scenes[CASH].store.halt("look first", scene.clock())
    assert list(scene.check(plan)) == [CASH]
    assert not scene.scenes[CASH].store.has_journal()


def test_accounts_in_two_data_folders_are_refused(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    scene.scenes[HEDGE].store_of = None
    result = scene.apply(plan)
    assert (result.exit_code, scene.sent()) == (64, [])
    assert "not kept in one place" in str(result.refusals[""])


@pytest.mark.parametrize("then", ["retry", "reduce", "restore"])
def test_a_leg_that_the_venue_refuses_leaves_no_more_than_the_bound_and_is_told(tmp_path: Path, then: str) -> None:
    scene = group_stage(tmp_path, then=then)  # type: ignore[arg-type] # one of the words
    plan = scene.plan()
    (bundle,) = plan.bundles
    last = bundle.legs[1].account
    scene.scenes[last].break_writes(*[Fault.REFUSED] * 20)
    result = scene.apply(plan)
    assert (result.exit_code, result.is_open, [end.end for end in result.bundles]) == (4, False, [BundleEnd.APART])
    assert abs(scene.net()) * 1000 <= 250
    assert scene.legs_apart() == ["CRITICAL", "CRITICAL"]


def test_the_first_leg_that_is_refused_leaves_the_pair_as_it_was(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    (bundle,) = plan.bundles
    scene.scenes[bundle.legs[0].account].break_writes(*[Fault.REFUSED] * 20)
    result = scene.apply(plan)
    assert [end.end for end in result.bundles] == [BundleEnd.NOT_BEGUN]
    assert (scene.holding(), len(scene.sent())) == ({CASH: "1", HEDGE: "1"}, 1)


def test_a_leg_is_tried_as_often_as_the_policy_says(tmp_path: Path) -> None:
    scene = group_stage(tmp_path, attempts=3)
    plan = scene.plan()
    (bundle,) = plan.bundles
    scene.scenes[bundle.legs[1].account].break_writes(Fault.REFUSED, Fault.REFUSED)
    assert (scene.apply(plan).exit_code, scene.holding()) == (0, {CASH: "0", HEDGE: "0"})
    assert scene.clock.slept == [1.0] * 2


@pytest.mark.parametrize(("attempts", "sent"), [(1, 1), (2, 2), (5, 5)])
def test_a_leg_that_is_refused_each_time_is_sent_as_often_as_the_policy_says(
    tmp_path: Path, attempts: int, sent: int
) -> None:
    scene = group_stage(tmp_path, attempts=attempts)
    plan = scene.plan()
    (bundle,) = plan.bundles
    first = scene.scenes[bundle.legs[0].account]
    first.break_writes(*[Fault.REFUSED] * 20)
    scene.apply(plan)
    assert (len(first.trouble.orders), scene.clock.slept) == (sent, [1.0] * (sent - 1))


def test_a_leg_that_the_venue_took_and_cancelled_unfilled_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = group_stage(tmp_path, attempts=3)
    plan = scene.plan()

    def cancelled(_: PaperBroker, asked: OrderRequest) -> Done:
        report = OrderReport(
            order_id="x1",
            client_order_id=asked.client_order_id,
            symbol=asked.symbol,
            side=asked.side,
            type=asked.type,
            status="cancelled",
            quantity=asked.quantity,
        )
        return Done(report)

    monkeypatch.setattr(PaperBroker, "place_order", cancelled)
    scene.apply(plan)
    assert (len(scene.sent()), scene.holding()) == (1, {CASH: "1", HEDGE: "1"})


def test_lost_replies_are_found_before_anything_else_is_sent(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    for one in scene.scenes.values():
        one.break_writes(Fault.LOST_AFTER, Fault.LOST_BEFORE, Fault.RAISES_AFTER, Fault.DUPLICATE)
    assert (scene.apply(plan).exit_code, scene.holding()) == (0, {CASH: "0", HEDGE: "0"})


def test_an_order_whose_outcome_stays_unknown_stops_everything_and_goes_on_once_it_is_known(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    (bundle,) = plan.bundles
    first = scene.scenes[bundle.legs[0].account]
    first.break_writes(Fault.LOST_AFTER)
    first.trouble.look_ups.extend([SILENT] * 20)
    result = scene.apply(plan)
    assert (result.exit_code, result.is_open, [end.end for end in result.bundles]) == (9, True, [BundleEnd.UNKNOWN])
    assert (len(scene.sent()), scene.legs_apart()) == (1, ["CRITICAL", "CRITICAL"])
    first.trouble.look_ups.clear()
    assert (scene.apply().exit_code, scene.holding(), scene.open_rows()) == (0, {CASH: "0", HEDGE: "0"}, {})


def test_ordinary_runs_of_its_accounts_are_refused_while_it_is_open_and_it_goes_on(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    result = scene.apply(plan, stop_after=3)
    assert (result.exit_code, result.is_open) == (8, True)
    assert scene.net() == 0
    assert 0 < Decimal(scene.holding()[CASH]) < 1
    assert set(scene.open_rows()) == {CASH, HEDGE}
    for name in (CASH, HEDGE):
        account = scene.scenes[name]
        with pytest.raises(AccountIsInGroupRun, match="group desk"):
            account.apply()
        with pytest.raises(AccountIsInGroupRun, match="group desk"):
            check_plan(account.open(), read_plan(account.plan()))
    assert (scene.apply().exit_code, scene.holding(), scene.open_rows()) == (0, {CASH: "0", HEDGE: "0"}, {})


def test_a_plan_that_expired_meanwhile_is_ended_in_balance(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    scene.apply(scene.plan(), stop_after=3)
    before = scene.holding()
    scene.clock.advance(3600)
    result = scene.apply()
    assert (result.is_open, scene.holding(), scene.open_rows()) == (False, before, {})
    assert scene.apply(scene.plan()).exit_code == 0
    assert scene.holding() == {CASH: "0", HEDGE: "0"}


def test_what_is_filled_in_part_is_made_up_for(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    (bundle,) = plan.bundles
    scene.scenes[bundle.legs[1].account].break_writes(Fault.PARTIAL, Fault.PARTIAL)
    scene.apply(plan)
    assert abs(scene.net()) * 1000 <= 250


def test_legs_that_are_apart_for_too_long_are_told(tmp_path: Path) -> None:
    scene = group_stage(tmp_path, seconds=5)
    plan = scene.plan()
    (bundle,) = plan.bundles
    last = scene.scenes[bundle.legs[1].account]
    last.trouble.before.extend([lambda: scene.clock.advance(30)])
    result = scene.apply(plan)
    assert scene.told("legs_apart")
    assert (abs(scene.net()) * 1000 <= 250, result.is_open) == (True, False)


def test_a_clock_that_went_back_lets_no_leg_go_ahead(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    (bundle,) = plan.bundles
    first = scene.scenes[bundle.legs[0].account]
    first.trouble.before.extend([lambda: scene.clock.advance(-10)])
    scene.apply(plan)
    assert scene.net() == 0
    assert "the clock went back" in " ".join(str(end["reason"]) for end in scene.told("bundle_ended"))


def test_a_short_that_its_account_keeps_is_bought_back_under_the_groups_rule(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    assert {leg.account: leg.rule for leg in plan.bundles[0].legs}[HEDGE] == "group.pair"
    assert {leg.symbol for leg in plan.bundles[0].legs} == {SPOT, PERP}
    scene.apply(plan)
    assert [sent.side for sent in scene.scenes[HEDGE].trouble.orders] == ["buy"] * 4


def test_a_clock_that_goes_on_and_then_back_lets_no_leg_go_ahead(tmp_path: Path) -> None:
    scene = group_stage(tmp_path, then="retry")
    plan = scene.plan()
    legs = [scene.scenes[leg.account] for leg in plan.bundles[0].legs]
    legs[0].trouble.before.append(lambda: scene.clock.advance(40))
    legs[1].trouble.before.append(None)
    legs[0].trouble.before.append(lambda: scene.clock.advance(-20))
    scene.apply(plan)
    assert scene.net() == 0
    assert "the clock went back" in " ".join(str(end["reason"]) for end in scene.told("bundle_ended"))


def test_a_halt_on_the_way_sends_nothing_more_in_its_account_and_it_goes_on_once_it_is_lifted(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan = scene.plan()
    first, second = (scene.scenes[leg.account] for leg in plan.bundles[0].legs)
    first.trouble.before.extend([None, lambda: second.store.halt("look first", scene.clock())])
    result = scene.apply(plan)
    assert (result.exit_code, result.is_open, abs(scene.net())) == (ExitCode.ACTION_FAILED, True, Decimal("0.25"))
    assert (len(second.trouble.orders), scene.legs_apart()) == (1, ["CRITICAL", "CRITICAL"])
    assert (scene.apply().is_open, len(second.trouble.orders)) == (True, 1)
    second.store.resume()
    result = scene.apply()
    assert (scene.net() == 0, result.is_open, scene.open_rows()) == (True, False, {})


def two_pairs(tmp_path: Path, **changes: Any) -> GroupScene:
    """Two assets, each held at one account and sold short at the other."""
    symbols = ("BTC/USD", "ETH/USD")
    spot = held(*(position(name, 1) for name in symbols), tracked={name: record(entry=None) for name in symbols})
    perps = [f"{name}:USD" for name in symbols]
    short = held(
        *(position(name, 1, side="short", entry=PRICE) for name in perps), tracked={name: record() for name in perps}
    )
    return group_stage(tmp_path, {CASH: spot, HEDGE: short}, **changes)


def test_a_pair_that_stays_apart_does_not_make_the_next_one_late(tmp_path: Path) -> None:
    scene = two_pairs(tmp_path, seconds=5)
    plan = scene.plan()
    first = plan.bundles[0]
    other = scene.scenes[first.legs[1].account]
    other.break_writes(Fault.REFUSED)
    other.trouble.before.extend([lambda: scene.clock.advance(4), lambda: scene.clock.advance(4)])
    result = scene.apply(plan)
    assert {end.bundle: end.end for end in result.bundles} == {
        first.id: BundleEnd.APART,
        plan.bundles[1].id: BundleEnd.DONE,
    }


def test_what_becomes_of_one_pair_says_nothing_of_another(tmp_path: Path) -> None:
    scene = two_pairs(tmp_path)
    plan = scene.plan()
    assert (len(plan.bundles), scene.apply(plan).exit_code, scene.open_rows()) == (2, 0, {})


class Rehearsing:
    """A broker that also checks orders without placing them, as some venues do."""

    def __init__(self, broker: Any, answer: Rehearsed) -> None:
        self.broker, self.answer, self.asked = broker, answer, list[OrderRequest]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def rehearse_orders(self, requests: Sequence[OrderRequest]) -> tuple[Rehearsed, ...]:
        self.asked += requests
        return (self.answer,) * len(requests)


@pytest.mark.parametrize("answer", [Refused(RefusalReason.OTHER, "not today"), Unknown("no answer came")])
def test_where_a_venue_would_not_take_a_first_order_nothing_is_sent_in_any(tmp_path: Path, answer: Rehearsed) -> None:
    scene = group_stage(tmp_path)
    plan, work = scene.plan(), scene.work()
    checked = Rehearsing(work.accounts[HEDGE].broker, answer)
    accounts = {**work.accounts, HEDGE: replace(work.accounts[HEDGE], broker=checked)}
    result = apply_group_plan(replace(work, accounts=accounts), plan, sleep=scene.clock.sleep)
    assert (result.exit_code, list(result.refusals), scene.sent(), scene.open_rows()) == (5, [HEDGE], [], {})
    assert [(order.symbol, order.side, order.quantity) for order in checked.asked] == [(PERP, "buy", Decimal("0.25"))]
    assert scene.holding() == {CASH: "1", HEDGE: "1"}


def test_a_dry_run_has_first_orders_checked_as_well(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan, work = scene.plan(), scene.work()
    refusing = Rehearsing(work.accounts[HEDGE].broker, Refused(RefusalReason.OTHER, "not today"))
    accounts = {**work.accounts, HEDGE: replace(work.accounts[HEDGE], broker=refusing)}
    refusals = check_group_plan(replace(work, accounts=accounts), plan)
    assert list(refusals) == [HEDGE]
    assert "not today" in str(refusals[HEDGE])
    assert (scene.check(plan), scene.holding()) == ({}, {CASH: "1", HEDGE: "1"})


def test_what_a_venue_cannot_check_is_told_and_goes(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan, work = scene.plan(), scene.work()
    unable = Rehearsing(work.accounts[HEDGE].broker, NotChecked("not in this mode"))
    accounts = {**work.accounts, HEDGE: replace(work.accounts[HEDGE], broker=unable)}
    watch = GroupWatch(lambda account, event: scene.heard.append((account, event)))
    result = apply_group_plan(replace(work, accounts=accounts), plan, watch=watch, sleep=scene.clock.sleep)
    assert (result.exit_code, scene.holding()) == (0, {CASH: "0", HEDGE: "0"})
    assert scene.told("group_started")[0]["unchecked"] == {HEDGE: {PERP: "not in this mode"}}


def test_where_the_venue_has_nothing_against_it_the_plan_goes(tmp_path: Path) -> None:
    scene = group_stage(tmp_path)
    plan, work = scene.plan(), scene.work()
    accounts = {name: replace(one, broker=Rehearsing(one.broker, None)) for name, one in work.accounts.items()}
    result = apply_group_plan(replace(work, accounts=accounts), plan, sleep=scene.clock.sleep)
    assert (result.exit_code, scene.holding()) == (0, {CASH: "0", HEDGE: "0"})
