"""Prices by chance: the same on every machine, and distributed as they should be."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import correlation, mean, pstdev

import pytest

from exitplan.brokers.paper.engine import Prices
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.workbench.simulation.chance import Chance
from exitplan.workbench.simulation.paths import RandomWalk, Shock, Timing, Walk, prices_at
from tests.builders import market, snapshot

d = Decimal
DAILY = Timing(5, timedelta(days=1))
GOLDEN = ("61602.56076", "65414.77876", "67210.07069", "65914.80214")
"""A path of seed 1; Python's own decimal arithmetic, without libmpdec, gives the same."""


def account(**lasts: str | None) -> Snapshot:
    """Make an account with these markets; ``A_B`` is A/B."""
    return snapshot(markets={name.replace("_", "/"): market(last) for name, last in lasts.items()})


def walked(
    start: Snapshot, walk: Walk, timing: Timing = DAILY, *, seed: int = 1, number: int = 0, **more: object
) -> dict[str, list[object]]:
    """Walk a path; gives for each market its quotes at the plans."""
    steps = list(RandomWalk(start, walk, seed, 10, **more).path(number, timing))[::2]  # type: ignore[arg-type]
    return {symbol: [step[symbol] for step in steps] for symbol in steps[0]}


def test_a_seed_gives_the_same_prices_on_every_machine() -> None:
    path = walked(account(BTC_USD="60000"), Walk(volatility=d("0.04")))
    assert path["BTC/USD"] == [d("60000"), *map(d, GOLDEN)]


def test_a_path_of_an_asset_depends_on_no_other_one() -> None:
    walk = Walk(volatility=d("0.04"), correlation=d("0.5"), jumps=d(1), jump_share=d("-0.1"))
    alone, together = account(BTC_USD="60000"), account(AAA_USD="1", BTC_USD="60000", ZZZ_USD="5")
    assert walked(alone, walk)["BTC/USD"] == walked(together, walk)["BTC/USD"]


def test_another_seed_and_another_path_are_others() -> None:
    start, walk = account(BTC_USD="60000"), Walk(volatility=d("0.04"))
    ends = {str(walked(start, walk, seed=seed, number=number)) for seed in (1, 2) for number in (0, 1)}
    assert len(ends) == 4


def test_log_returns_have_the_volatility_and_the_correlation_asked_for() -> None:
    timing = Timing(1500, timedelta(days=4))
    start, walk = account(A_USD="1", B_USD="1"), Walk(volatility=d("0.02"), correlation=d("0.6"))
    path = walked(start, walk, timing)
    returns = {
        symbol: [float((after / before).ln()) for before, after in pairwise(prices)]  # type: ignore[operator]
        for symbol, prices in path.items()
    }
    for drawn in returns.values():
        assert pstdev(drawn) == pytest.approx(0.04, rel=0.06)
        assert mean(drawn) == pytest.approx(-0.0008, abs=0.003)
    assert correlation(*returns.values()) == pytest.approx(0.6, abs=0.06)


def test_jumps_come_as_often_as_said() -> None:
    walk = Walk(volatility=d(0), jumps=d("0.5"), jump_share=d("-0.01"))
    prices = walked(account(A_USD="100000000"), walk, Timing(1000, timedelta(days=1)))["A/USD"]
    falls = sum(after < before for before, after in pairwise(prices))  # type: ignore[operator]
    assert falls / 999 == pytest.approx(1 - 0.6065, abs=0.05)  # at least one: 1 - exp(-0.5)


def test_all_markets_of_an_asset_move_together_and_money_stands_still() -> None:
    start = account(BTC_USD="60000", BTC_USDT="60000", USDT_USD="1", ETH_USD="3000", ETH_BTC="0.05")
    path = walked(start, Walk(volatility=d("0.04")))
    assert path["BTC/USD"] == path["BTC/USDT"]
    assert set(path["USDT/USD"]) == {d(1)}
    for eth, btc, cross in zip(path["ETH/USD"], path["BTC/USD"], path["ETH/BTC"], strict=True):
        assert float(cross) == pytest.approx(float(eth) / float(btc), rel=1e-7)  # type: ignore[arg-type]


def test_money_moves_where_it_is_named() -> None:
    walk = Walk(volatility=d(0), volatilities={"USDT": d("0.01")})
    path = walked(account(BTC_USD="60000", USDT_USD="1"), walk)
    assert len(set(path["USDT/USD"])) == 5
    assert len(set(path["BTC/USD"])) == 1


def test_a_shock_comes_in_its_cycle_and_stays() -> None:
    path = walked(account(A_USD="100", B_USD="100"), Walk(volatility=d(0)), shocks=(Shock("A", d("-0.3"), 3),))
    assert path["A/USD"] == [100, 100, 70, 70, 70]
    assert set(path["B/USD"]) == {d(100)}


def test_prices_keep_to_the_grid_and_never_reach_zero() -> None:
    start = snapshot(markets={"A/USD": market("0.02", price_step="0.01")})
    prices = walked(start, Walk(volatility=d(2)), Timing(50, timedelta(days=1)))["A/USD"]
    assert all(price > 0 and price % d("0.01") == 0 for price in prices)  # type: ignore[operator]


def test_a_market_without_a_price_gets_none_by_chance() -> None:
    assert "A/USD" not in walked(account(A_USD=None, B_USD="1"), Walk(volatility=d("0.04")))


def test_orders_are_sent_at_the_prices_of_their_own_moment() -> None:
    timing = Timing(2, timedelta(days=1), timedelta(hours=1))
    assert timing.moments == tuple(timedelta(hours=hours) for hours in (0, 1, 24, 25))
    steps = list(RandomWalk(account(A_USD="100"), Walk(volatility=d("0.04")), 1, 1).path(0, timing))
    assert len({step["A/USD"] for step in steps}) == 4


def test_bid_and_ask_keep_their_distance() -> None:
    start = market("100", bid="99", ask="101", price_step="0.01")
    assert prices_at(start, d("50")) == Prices(bid=d("49.50"), ask=d("50.50"), last=d("50"))
    assert prices_at(start, d("100")) == Prices(bid=d("99"), ask=d("101"), last=d("100"))


def test_a_side_that_is_empty_stays_empty_and_a_middle_needs_no_last_price() -> None:
    assert prices_at(market("100", bid="0", ask="101"), d("50")).bid == 0
    assert prices_at(market(None, bid="99", ask="101"), d("50")) == Prices(bid=d("49.5"), ask=d("50.5"))


def test_what_is_told_as_missing_has_no_price() -> None:
    assert prices_at(market("100", bid="99", ask="101"), "unavailable") == Prices(price_status="unavailable")
    assert prices_at(market(None), d("5")) == Prices(last=d("5"))


def test_normal_numbers_are_normal() -> None:
    drawn = [float(Chance(7, 0).normal("x", number)) for number in range(3000)]
    assert mean(drawn) == pytest.approx(0, abs=0.06)
    assert pstdev(drawn) == pytest.approx(1, abs=0.05)
    assert sum(abs(number) < 1.959964 for number in drawn) / 3000 == pytest.approx(0.95, abs=0.015)
