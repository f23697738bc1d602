"""Orders that rest: what they lock, when they fill, and what cancelling gives back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.brokers.paper.engine import MatchingEngine, Prices
from exitplan.brokers.protocol import OrderReference, OrderReport
from exitplan.ruleset.model.snapshot import Cash, Position, Snapshot
from tests.brokers.accounts import (
    NOW,
    by_id,
    cash,
    d,
    done,
    engine,
    limit,
    order,
    position,
    recorded,
    snapshot,
    stop,
)


def tick(venue: MatchingEngine, price: str, symbol: str = "ETH/USD") -> tuple[OrderReport, ...]:
    return venue.tick(symbol, Prices(bid=d(price), ask=d(price), last=d(price)), NOW)


def locked(venue: MatchingEngine) -> Decimal:
    held = position(venue)
    assert held is not None
    return held.locked


def test_a_resting_sell_locks_the_position() -> None:
    venue = engine()
    assert done(venue.place(limit("sell", "2", "150"), NOW)).status == "open"
    assert locked(venue) == 2


def test_a_resting_buy_locks_its_cost_and_the_fee() -> None:
    venue = engine(taker_fee="0.001", maker_fee="0.002")
    done(venue.place(limit("buy", "2", "90"), NOW))
    assert cash(venue) == (d("819.64"), d("180.36"))


def test_a_buy_that_fills_in_part_keeps_the_cost_and_the_fee_of_its_rest_locked() -> None:
    venue = engine(taker_fee="0.001", maker_fee="0.002", depth="0.5")
    done(venue.place(limit("buy", "2", "90"), NOW))
    tick(venue, "90")
    assert cash(venue) == (d("819.64"), d("135.27"))


def test_cancelling_gives_back_what_was_locked() -> None:
    venue = engine()
    report = done(venue.place(limit("buy", "2", "90"), NOW))
    cancelled = done(venue.cancel(by_id(report), NOW))
    assert (cancelled.status, cancelled.filled) == ("cancelled", d("0"))
    assert venue.snapshot(NOW) == snapshot()


def test_an_order_rests_until_the_price_reaches_it() -> None:
    venue = engine()
    done(venue.place(limit("sell", "2", "150"), NOW))
    assert tick(venue, "149.99") == ()
    (report,) = tick(venue, "150")
    assert (report.status, report.filled) == ("closed", d("2"))


def test_a_resting_order_fills_at_its_own_price_and_pays_the_maker_fee() -> None:
    venue = engine(maker_fee="0.001", taker_fee="0.5")
    done(venue.place(limit("sell", "2", "150"), NOW))
    (report,) = tick(venue, "170")
    assert (report.average_price, report.fee) == (d("150"), d("0.3"))


def test_a_resting_order_fills_by_the_depth_of_each_tick() -> None:
    venue = engine(depth="0.8")
    report = done(venue.place(limit("sell", "2", "150"), NOW))
    filled = [tick(venue, "150")[0].filled for _ in range(3)]
    found = venue.look_up(by_id(report))
    assert filled == [d("0.8"), d("1.6"), d("2")]
    assert found is not None
    assert found.status == "closed"


def test_cancelling_a_half_filled_order_keeps_what_filled() -> None:
    venue = engine(depth="0.5")
    report = done(venue.place(limit("buy", "2", "90"), NOW))
    tick(venue, "90")
    cancelled = done(venue.cancel(by_id(report), NOW))
    assert (cancelled.status, cancelled.filled) == ("cancelled", d("0.5"))
    assert cash(venue) == (d("955"), d("0"))


def test_a_sell_stop_fires_when_the_price_falls_to_it() -> None:
    venue = engine(slippage="0.01")
    done(venue.place(stop("sell", "5", "90"), NOW))
    assert tick(venue, "90.01") == ()
    (report,) = tick(venue, "90")
    assert (report.status, report.average_price) == ("closed", d("89.10"))


def test_a_buy_stop_fires_when_the_price_rises_to_it() -> None:
    venue = engine()
    done(venue.place(stop("buy", "2", "120"), NOW))
    assert cash(venue) == (d("760"), d("240"))
    (report,) = tick(venue, "120")
    assert (report.status, report.average_price) == ("closed", d("120"))


def test_a_buy_stop_that_gaps_beyond_the_money_fills_what_it_can_pay() -> None:
    venue = engine()
    done(venue.place(stop("buy", "8", "120"), NOW))
    (report,) = tick(venue, "300")
    assert (report.status, report.filled) == ("cancelled", d("3.333"))
    assert cash(venue) == (d("0.1"), d("0"))


def test_a_stop_limit_rests_at_its_limit_once_it_has_fired() -> None:
    venue = engine()
    done(venue.place(order(quantity="2", type="stop_limit", trigger_price="90", price="89"), NOW))
    (fired,) = tick(venue, "85")
    assert (fired.status, fired.filled) == ("open", d("0"))
    (filled,) = tick(venue, "89.5")
    assert (filled.status, filled.average_price) == ("closed", d("89"))


def test_a_stop_limit_that_fires_inside_its_limit_takes_at_the_touch() -> None:
    venue = engine(taker_fee="0.01", maker_fee="0.5")
    done(venue.place(order(quantity="2", type="stop_limit", trigger_price="90", price="80"), NOW))
    (report,) = tick(venue, "85")
    assert (report.status, report.average_price, report.fee) == ("closed", d("85"), d("1.70"))


def test_a_stop_locks_what_it_would_sell() -> None:
    venue = engine()
    done(venue.place(stop("sell", "5", "90"), NOW))
    assert locked(venue) == 5


@pytest.mark.parametrize("status", ["missing", "unavailable"])
def test_nothing_fills_while_the_price_is_not_known(status: str) -> None:
    venue = engine()
    done(venue.place(limit("sell", "2", "150"), NOW))
    prices = Prices(bid=d("200"), ask=d("200"), last=d("200"), price_status=status)  # type: ignore[arg-type]
    assert venue.tick("ETH/USD", prices, NOW) == ()


def test_nothing_fills_on_a_market_that_does_not_trade() -> None:
    halted = Position("HALT/USD", "long", d("1"), locked=d("1"))
    resting = replace(recorded("o1", "sell", "1", "150"), symbol="HALT/USD")
    venue = engine(snapshot(positions=(halted,), open_orders=(resting,)))
    assert tick(venue, "500", "HALT/USD") == ()
    assert venue.snapshot(NOW).open_orders == (resting,)


def test_a_tick_of_another_market_touches_nothing() -> None:
    venue = engine()
    done(venue.place(limit("sell", "2", "150"), NOW))
    assert tick(venue, "500", "LAST/USD") == ()


def recorded_account() -> Snapshot:
    """Return an account recorded elsewhere: 2 ETH locked by an order, 1 more staked, a buy, and a stop."""
    return snapshot(
        cash=Cash(d("910"), d("90")),
        positions=(Position("ETH/USD", "long", d("5"), locked=d("3")),),
        open_orders=(recorded("o1", "sell", "2.5", "150", filled=d("0.5")), recorded("o2", "buy", "1", "90")),
    )


def test_cancelling_a_recorded_order_releases_what_it_held_and_no_more() -> None:
    venue = engine(recorded_account())
    for name in ("o1", "o2"):
        done(venue.cancel(OrderReference(symbol="ETH/USD", order_id=name), NOW))
    assert locked(venue) == 1
    assert cash(venue) == (d("1000"), d("0"))


def test_a_recorded_order_fills_what_remained_of_it() -> None:
    venue = engine(recorded_account())
    (report,) = tick(venue, "150")
    assert (report.status, report.filled, report.average_price) == ("closed", d("2.5"), d("150"))
    assert cash(venue)[0] == d("1210")


def test_a_recorded_order_that_nothing_is_locked_for_releases_nothing() -> None:
    venue = engine(snapshot(open_orders=(recorded("o1", "sell", "2", "150"),)))
    done(venue.cancel(OrderReference(symbol="ETH/USD", order_id="o1"), NOW))
    assert locked(venue) == 0


def test_a_recorded_take_profit_fires_above_the_price() -> None:
    profit = recorded("o1", "sell", "2", None, trigger_price=d("150"))
    venue = engine(snapshot(open_orders=(profit,)))
    assert tick(venue, "140") == ()
    assert tick(venue, "150")[0].average_price == d("150")


def test_a_trigger_price_of_zero_is_none() -> None:
    venue = engine(snapshot(open_orders=(recorded("o1", "sell", "2", "150", trigger_price=d("0")),)))
    assert tick(venue, "150")[0].status == "closed"


def test_a_recorded_account_that_locks_more_than_it_has_sells_what_it_has() -> None:
    mismatch = Position("ETH/USD", "long", d("1"), locked=d("3"))
    venue = engine(snapshot(positions=(mismatch,), open_orders=(recorded("o1", "sell", "3", "150"),)))
    (report,) = tick(venue, "150")
    assert (report.status, report.filled) == ("cancelled", d("1"))
    assert position(venue) is None


def test_an_order_ends_once_there_is_less_left_than_could_fill() -> None:
    holding = Position("ETH/USD", "long", d("1.5"), locked=d("1.5"))
    venue = engine(snapshot(positions=(holding,), open_orders=(recorded("o1", "sell", "3", "150"),)), depth="1")
    ends = [(report.status, report.filled) for _ in range(2) for report in tick(venue, "150")]
    assert ends == [("open", d("1")), ("cancelled", d("1.5"))]


def test_a_recorded_buy_that_holds_no_fee_keeps_the_money_that_is_left_for_its_rest() -> None:
    account = snapshot(cash=Cash(d("0"), d("90")), open_orders=(recorded("o1", "buy", "1", "90"),))
    venue = engine(account, depth="0.5", maker_fee="0.01")
    tick(venue, "90")
    assert cash(venue) == (d("0"), d("44.55"))
    (report,) = tick(venue, "90")
    assert (report.status, report.filled) == ("cancelled", d("0.99"))
    assert cash(venue) == (d("0.009"), d("0"))


def test_the_rest_of_an_order_fills_whole_within_the_depth_though_it_is_between_two_steps() -> None:
    venue = engine(snapshot(open_orders=(recorded("o1", "sell", "1.2345", "150"),)), depth="1.2345")
    (report,) = tick(venue, "150")
    assert (report.status, report.filled) == ("closed", d("1.2345"))


def test_a_stop_waits_while_the_price_is_not_known() -> None:
    venue = engine()
    done(venue.place(stop("sell", "5", "90"), NOW))
    assert venue.tick("ETH/USD", Prices(), NOW) == ()


def test_a_recorded_market_order_fills_at_the_next_price() -> None:
    venue = engine(snapshot(open_orders=(recorded("o1", "sell", "2", None),)))
    assert venue.tick("ETH/USD", Prices(), NOW) == ()
    assert tick(venue, "98")[0].average_price == d("98")


def test_a_recorded_sell_of_what_is_not_held_ends_unfilled() -> None:
    venue = engine(snapshot(positions=(), open_orders=(recorded("o1", "sell", "2", "150"),)))
    (report,) = tick(venue, "150")
    assert (report.status, report.filled, report.average_price) == ("cancelled", d("0"), None)


def test_an_order_that_holds_nothing_cannot_sell_what_another_order_holds() -> None:
    venue = engine(snapshot(open_orders=(recorded("o1", "sell", "2", "150"),)))
    done(venue.place(limit("sell", "5", "170"), NOW))
    (report,) = tick(venue, "150")
    assert (report.order_id, report.status, report.filled) == ("o1", "cancelled", d("0"))
    assert locked(venue) == 5
