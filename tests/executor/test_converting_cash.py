"""Other money is turned into the account's quote through whichever market there is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Cash
from tests.builders import market, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, kinds, statuses
from tests.faults import Fault


def with_money(on_stage: Stage, symbol: str, rate: str, **options: Any) -> Scene:
    """A USD account with 1,000 CHF, and one market between the two."""
    price = market(rate, step="0.01", min_amount="1", bid=rate, ask=rate)
    account = snapshot(markets={symbol: price}, other_cash={"CHF": Cash(Decimal(1000))}, rates={"CHF": "1.25"})
    return on_stage(account, cash={"convert": True}, options={"taker_fee": "0.004", **options})


def francs(scene: Scene) -> Decimal:
    money = scene.account().other_cash.get("CHF")
    return Decimal(0) if money is None else money.free


def test_money_is_sold_where_it_is_the_base(on_stage: Stage) -> None:
    scene = with_money(on_stage, "CHF/USD", "1.25")
    result = scene.apply()
    assert (kinds(scene.plans[0]), result.exit_code, statuses(result)) == (["convert_cash"], 0, ["done"])
    assert (francs(scene), scene.account().cash.free) == (Decimal(0), Decimal(11245))


def test_money_buys_the_quote_where_that_is_the_base_and_pays_the_fee_out_of_itself(on_stage: Stage) -> None:
    scene = with_money(on_stage, "USD/CHF", "0.8")
    result = scene.apply()
    assert (kinds(scene.plans[0]), result.exit_code, statuses(result)) == (["convert_cash"], 0, ["done"])
    assert [sent.side for sent in scene.trouble.orders] == ["buy", "buy"], "all of it, then one percent less"
    assert 0 <= francs(scene) <= 10
    assert scene.account().cash.free == Decimal("11237.5")


def test_without_a_fee_all_of_it_is_converted_at_once(on_stage: Stage) -> None:
    scene = with_money(on_stage, "USD/CHF", "0.8", taker_fee=0, maker_fee=0)
    assert (scene.apply().exit_code, len(scene.trouble.orders), francs(scene)) == (0, 1, Decimal(0))


@pytest.mark.parametrize(("symbol", "rate"), [("CHF/USD", "1.25"), ("USD/CHF", "0.8")])
def test_it_counts_in_no_progress_and_no_failure(on_stage: Stage, symbol: str, rate: str) -> None:
    scene = with_money(on_stage, symbol, rate)
    scene.apply()
    state = scene.state()
    assert (state.unwinds, state.failed_exits, state.metrics.total_positions_cleaned) == ({}, {}, 0)


def test_money_that_is_gone_at_apply_is_not_converted(on_stage: Stage) -> None:
    scene = with_money(on_stage, "CHF/USD", "1.25")
    plan = scene.plan()
    document = scene.document()
    document["other_cash"]["CHF"]["free"] = "400"
    scene._write(document)
    result = scene.apply(plan)
    assert (statuses(result), [sent.quantity for sent in scene.trouble.orders]) == (["done"], [Decimal(400)])


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LOST_BEFORE, Fault.RAISES_AFTER])
def test_a_lost_answer_converts_money_once(on_stage: Stage, fault: Fault) -> None:
    scene = with_money(on_stage, "CHF/USD", "1.25", taker_fee=0, maker_fee=0)
    scene.break_writes(fault)
    assert (statuses(scene.apply()), francs(scene), scene.account().cash.free) == (["done"], Decimal(0), Decimal(11250))


def test_money_that_the_venue_does_not_convert_is_no_exit_that_failed(on_stage: Stage) -> None:
    scene = with_money(on_stage, "CHF/USD", "1.25")
    scene.break_writes(Fault.REFUSED)
    assert (statuses(scene.apply()), scene.state().failed_exits) == (["refused"], {})
