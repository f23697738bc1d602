"""What exits of an account realised: by the journal and the tracker, and by the venue's trades where it tells them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from exitplan.brokers.trade_history import TradeHistory
from exitplan.executor.lots.accounts import AccountLots, account_lots
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.cost_basis import Trade
from exitplan.ruleset.model.lots import METHODS
from tests.builders import NOW, market, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, over_cap, zombie

d = Decimal
TWO_HELD = {"max_positions": 2}


def lots_of(scene: Scene, **asked: Any) -> Any:
    return account_lots(scene.open(), **asked)


def the(lots: AccountLots, asset: str) -> Any:
    (found,) = [one for one in lots.positions if one.asset == asset]
    return found


def sold(lots: AccountLots) -> list[tuple[str | None, str | None, str | None]]:
    """Give quantity, cost and gain of each part that was sold."""

    def as_text(value: Decimal | None) -> str | None:
        return None if value is None else format(value.normalize(), "f")

    return [(as_text(part.lot.quantity), as_text(part.lot.cost), as_text(part.gain)) for part in lots.realised]


def tracked_and_over_cap(**parts: Any) -> Any:
    """Three tracked positions, of which AAA (bought at 80) is the smallest and external: it is closed."""
    account = over_cap(**parts)
    own = structs.replace(record(entry=80, source="someone_else"), first_entry_time=NOW - timedelta(days=9))
    return structs.replace(account, tracker={**account.tracker, "AAA/USD": own})


def trade(side: Any, quantity: str, price: str, days: float, **more: Any) -> Trade:
    return Trade(side, d(quantity), d(price), NOW - timedelta(days=days), **{"order_id": f"t{days}", **more})


def test_an_account_without_a_journal_has_what_it_holds(on_stage: Stage) -> None:
    lots = lots_of(on_stage(tracked_and_over_cap()))
    assert (lots.realised, lots.is_complete, lots.was_asked) == ((), None, True)
    (one,) = the(lots, "AAA").open
    assert (one.lot.quantity, one.lot.cost, one.worth, one.unrealised) == (100, 8000, 10000, 2000)
    assert (one.lot.source, one.lot.opened_at) == ("record", NOW - timedelta(days=9))


def test_what_was_closed_realised_the_price_against_the_one_of_its_record_although_that_is_gone(
    on_stage: Stage,
) -> None:
    scene = on_stage(tracked_and_over_cap(), parameters=TWO_HELD)
    scene.apply()
    assert "AAA/USD" not in scene.tracked()
    lots = lots_of(scene)
    assert sold(lots) == [("100", "8000", "2000")]
    assert (the(lots, "AAA").open, the(lots, "AAA").departed) == ((), ())
    assert sold(lots_of(scene, ask=False)) == sold(lots)
    assert lots.totals[0].gain == 2000
    assert lots.totals[0].net is None  # nobody told the fee of buying


def test_cycles_of_an_unwind_sell_one_lot_in_parts(on_stage: Stage) -> None:
    account = snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record(entry=80, source="someone_else")})
    scene = on_stage(account)
    scene.until_quiet()
    lots = lots_of(scene)
    assert {part.lot.number for part in lots.realised} == {1}
    assert sum(part.lot.quantity for part in lots.realised) == 100
    assert sum(part.gain or 0 for part in lots.realised) == 2000


def test_what_nobody_knows_the_price_of_realised_nobody_knows_what(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters=TWO_HELD)
    scene.apply()
    lots = lots_of(scene)
    assert sold(lots) == [("100", None, None)]
    assert (lots.totals[0].gain, lots.totals[0].unknown) == (0, 1)
    assert [lot.quantity for lot in the(lots, "AAA").appeared] == [100]


def test_sales_before_the_time_asked_for_are_left_out(on_stage: Stage) -> None:
    scene = on_stage(tracked_and_over_cap(), parameters=TWO_HELD)
    scene.apply()
    assert sold(lots_of(scene, since=scene.clock())) == sold(lots_of(scene))
    scene.clock.advance(60)
    lots = lots_of(scene, since=scene.clock())
    assert (sold(lots), lots.trades) == ([], ())


def test_lots_are_those_of_the_venues_trades_where_it_tells_them(on_stage: Stage) -> None:
    scene = on_stage(tracked_and_over_cap(), parameters=TWO_HELD)
    past = (trade("buy", "60", "50", 30, fee=d(6), fee_currency="USD"), trade("buy", "40", "90", 20))
    scene.trouble.trades = TradeHistory({"AAA/USD": past})
    scene.apply()
    assert sold(lots_of(scene, method="FIFO")) == [("60", "3000", "3000"), ("40", "3600", "400")]
    assert sold(lots_of(scene, method="HIFO")) == [("40", "3600", "400"), ("60", "3000", "3000")]
    lots = lots_of(scene, method="average")
    assert sold(lots) == [("100", "6600", "3400")]
    assert lots.totals[0].net == 3394
    assert the(lots, "AAA").has_history
    assert [told.order_id for _, told in lots.trades][:2] == ["t30", "t20"]


def test_a_fill_that_is_among_the_venues_trades_counts_once(on_stage: Stage) -> None:
    scene = on_stage(tracked_and_over_cap(), parameters=TWO_HELD)
    scene.apply()
    (own,) = lots_of(scene, ask=False).trades
    buy = trade("buy", "100", "50", 30)
    scene.trouble.trades = TradeHistory({"AAA/USD": (buy, own[1])})
    lots = lots_of(scene)
    assert (sold(lots), len(lots.trades)) == ([("100", "5000", "5000")], 2)
    nameless = structs.replace(own[1], order_id=None)
    scene.trouble.trades = TradeHistory({"AAA/USD": (buy, nameless)})
    assert sold(lots_of(scene)) == sold(lots)


def test_what_the_history_does_not_explain_has_no_known_cost_and_what_left_was_not_sold(on_stage: Stage) -> None:
    account = snapshot(position("AAA/USD", 100), position("BBB/USD", 10))
    scene = on_stage(account)
    scene.trouble.trades = TradeHistory(
        {"AAA/USD": (trade("buy", "60", "50", 30),), "BBB/USD": (trade("buy", "12", "50", 30),)}, is_complete=False
    )
    lots = lots_of(scene)
    assert [(one.lot.quantity, one.lot.cost) for one in the(lots, "AAA").open] == [(60, 3000), (40, None)]
    assert [lot.quantity for lot in the(lots, "BBB").departed] == [2]
    assert lots.is_complete is False


def test_an_asset_that_was_renamed_keeps_its_lots(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("POL/USD", 10)), aliases={"MATIC": "POL"})
    scene.trouble.trades = TradeHistory({"MATIC/USD": (trade("buy", "10", "2", 300),)})
    (one,) = the(lots_of(scene), "POL").open
    assert (one.lot.symbol, one.lot.cost, one.unrealised) == ("MATIC/USD", 20, 980)


def test_a_short_contract_and_its_size_are_read_out_of_the_plan(on_stage: Stage) -> None:
    short = position("AAA/USD:USD", 50, side="short", contract_size="0.1", entry=120)
    own = record(entry=120, source="someone_else", side="short", quantity=50)
    scene = on_stage(
        snapshot(short, tracked={"AAA/USD:USD": own}, markets={"AAA/USD:USD": market(100)}),
        options={"reduce_only": True},
    )
    scene.apply()
    lots = lots_of(scene, ask=False)
    assert [part.lot.side for part in lots.realised] == ["short"]
    (part,) = lots.realised
    assert part.gain == part.lot.quantity * d("0.1") * 20


def test_trades_that_cannot_be_read_are_no_history(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    scene.trouble.reads.extend([True, False])
    with pytest.raises(AccountUnreadable):
        lots_of(scene)
    assert scene.trouble.calls == ["read", "trades"]


def test_the_account_file_names_the_method_and_no_plan_changes_by_it(on_stage: Stage) -> None:
    scene = on_stage(tracked_and_over_cap())
    before, clock = scene.plan(), scene.clock.now
    scene.policy["account"]["lots"] = "HIFO"
    scene.clock.now = clock - timedelta(seconds=1)
    assert scene.plan() == before
    assert lots_of(scene).method == "HIFO"
    assert lots_of(scene, method="LIFO").method == "LIFO"


def test_what_is_realised_adds_up_over_all_methods(on_stage: Stage) -> None:
    scene = on_stage(tracked_and_over_cap(), parameters=TWO_HELD)
    past = tuple(trade("buy", "20", price, days) for days, price in ((9, "50"), (8, "90"), (7, "70"), (6, "110")))
    scene.trouble.trades = TradeHistory({"AAA/USD": (*past, trade("sell", "10", "60", 5), trade("buy", "30", "60", 4))})
    scene.apply()

    sums = {lots_of(scene, method=name).totals[0].gain.quantize(d("1e-9")) for name in METHODS}
    assert len(sums) == 1
