"""Simulated cycles: the real planner, executor and paper venue on an account in memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exitplan.brokers.paper.options import Impact, PaperOptions
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import EXACT
from exitplan.ruleset.planning.checks import AccountState
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.workbench.simulation.paths import Paths, RandomWalk, Shock, Timing, Walk
from exitplan.workbench.simulation.price_file import read_prices
from exitplan.workbench.simulation.running import Candidate, PathResult, Replay, Scene, held_of, simulate
from exitplan.workbench.simulation.shortfall import PARTS
from exitplan.workbench.simulation.summary import summarise
from tests.builders import market, order, policy_document, position, record, rulebook, snapshot, unwound
from tests.conftest import examples

d = Decimal
FREE = PaperOptions(taker_fee=d(0), maker_fee=d(0), spread=d(0))
STILL = Walk(volatility=d(0))


def candidate(base: str = "default", **changes: Any) -> Candidate:
    book = rulebook(policy_document(base, **changes))
    return Candidate(base, replace(load_policy(shipped_policy(base)), policy=book.policy), book)


def scene(
    account: Snapshot,
    options: PaperOptions = FREE,
    *,
    cycles: int = 6,
    delay: int = 0,
    progress: Progress | None = None,
) -> Scene:
    timing = Timing(cycles, timedelta(minutes=5 + delay), timedelta(minutes=delay))
    return Scene(account, progress or Progress(), options, timing)


def run(on: Scene, tried: Candidate | None = None, paths: Paths | None = None) -> PathResult:
    return simulate(on, tried or candidate(), paths or RandomWalk(on.snapshot, STILL, 1, 1), 0)


def table(account: Snapshot, *prices: str, symbol: str = "AAA/USD", every: int = 5) -> Paths:
    rows = "".join(f"{number * every},{price}\n" for number, price in enumerate(prices))
    return read_prices(f"time,{symbol}\n{rows}", "p.csv", account.markets)


def parts(result: PathResult) -> Mapping[str, Decimal]:
    return {name: part for name, part in result.shortfall.parts.items() if part}


LEGACY = snapshot(position(quantity=10, entry=100))


def test_an_unwind_of_four_cycles_is_clean_after_four() -> None:
    result = run(scene(LEGACY))
    assert (result.cycles_to_clean, result.state) == (4, AccountState.CLEAN)
    assert result.left == (d("0.75"), d("0.5625"), d("0.4219"), d(0), d(0), d(0))
    assert (result.orders_done, result.shortfall.total, result.shortfall.value) == (4, d(0), d(1000))


def test_cycles_that_come_too_early_wait() -> None:
    on = scene(LEGACY, cycles=5)
    result = run(replace(on, timing=Timing(5, timedelta(minutes=3))))
    assert result.left == (d("0.75"), d("0.75"), d("0.5625"), d("0.5625"), d("0.4219"))
    assert (result.cycles_to_clean, result.state) == (None, AccountState.CLEANUP_IN_PROGRESS)


def test_a_price_that_falls_between_the_cycles_costs_price() -> None:
    result = run(scene(LEGACY), paths=table(LEGACY, "100", "90", "80", "70"))
    sold = [d("2.5"), d("1.875"), d("1.406"), d("4.219")]
    fallen = sum(quantity * lost for quantity, lost in zip(sold, (0, 10, 20, 30), strict=True))
    assert parts(result) == {"price": fallen}
    assert result.shortfall.total == fallen


def test_a_price_that_falls_between_plan_and_order_costs_delay() -> None:
    on = scene(LEGACY, delay=2, cycles=1)
    result = run(on, candidate("forced-cleanup", max_positions=0), table(LEGACY, "100", "98", every=2))
    assert parts(result) == {"delay": 20}
    assert result.cycles_to_clean == 1


def test_half_the_spread_fees_and_impact_are_told_apart() -> None:
    options = replace(FREE, spread=d("0.002"), taker_fee=d("0.001"), impact=Impact("linear", d("0.01"), d("250")))
    result = run(scene(LEGACY, options, cycles=1), paths=table(LEGACY, "100"))
    touch = d("99.9")
    assert result.shortfall.half_spread == d("0.25")
    assert result.shortfall.impact == d("2.5") * (touch * d("0.01") * (d("2.5") * touch / 250))
    assert result.shortfall.fees == (d("249.75") - result.shortfall.impact) * d("0.001")
    assert result.shortfall.unsold == 0


def test_square_root_impact_punishes_slices_more_than_linear_one() -> None:
    costs = {}
    for model in ("linear", "square_root"):
        options = replace(FREE, impact=Impact("linear" if model == "linear" else "square_root", d("0.01"), d(1000)))
        costs[model] = run(scene(LEGACY, options)).shortfall.impact
    assert costs["linear"] < costs["square_root"] < 10  # all at once both would cost 10


def test_a_plan_that_its_guard_refuses_is_counted_and_costs_what_the_price_loses() -> None:
    on = scene(snapshot(position(quantity=10, entry=100), cash=0), cycles=3)
    tried = candidate("forced-cleanup", max_positions=0, guards={"max_run_pct": d("0.5")})
    result = run(on, tried, table(on.snapshot, "100", "90"))
    assert result.refused_by == {"max_run_pct": 3}
    assert (result.cycles_to_clean, result.orders_done) == (None, 0)
    assert parts(result) == {"unsold": 100}
    assert result.left == (d(1), d(1), d(1))


def test_what_the_venue_does_not_trade_is_blocked_as_it_is_there() -> None:
    account = snapshot(
        position(quantity=10, entry=100), position("BBB/USD", 10), markets={"BBB/USD": market(active=False)}
    )
    result = run(scene(account))
    assert result.blocked == (("BBB/USD", "market-inactive"),)
    assert result.cycles_to_clean is None
    assert result.orders_done == 4


def test_orders_that_a_venue_refuses_are_counted() -> None:
    account = snapshot(position(quantity=10, entry=100), markets={"AAA/USD": market()})
    account = structs.replace(account, positions=(structs.replace(account.positions[0], symbol="AAA/USD:USD"),))
    account = structs.replace(account, markets={"AAA/USD:USD": market()})
    result = run(scene(account, replace(FREE, reduce_only=False), cycles=2))
    assert result.orders_refused >= 1
    assert result.orders_done == 0


def test_a_price_that_comes_too_far_away_makes_the_plan_stale() -> None:
    on = scene(LEGACY, cycles=2, delay=2)
    walk = RandomWalk(LEGACY, STILL, 1, 1)
    result = run(on, paths=_Falling(walk))
    assert result.refused_by == {"plan stale": 1}
    assert result.orders_done == 1


class _Falling:
    """Prices that fall by a fifth between the first plan and its orders."""

    count = 1

    def __init__(self, walk: RandomWalk) -> None:
        self.walk = walk

    def path(self, number: int, timing: Timing) -> Any:
        for index, quotes in enumerate(self.walk.path(number, timing)):
            yield {symbol: d(100) if index == 0 else d(80) for symbol in quotes}


def test_an_unwind_under_way_goes_on_where_it_is() -> None:
    account = snapshot(position(quantity=10, entry=100))
    result = run(scene(account, progress=unwound(3, "0.421875", "23.7")))
    assert result.cycles_to_clean == 1


def test_an_exit_without_a_price_is_judged_from_the_first_price_on() -> None:
    account = snapshot(position(quantity=10), tracked={"AAA/USD": record(entry=None)})
    result = run(scene(account), paths=table(account, "missing", "missing", "80"))
    assert (result.cycles_to_clean, result.shortfall.value, result.shortfall.total) == (3, d(800), d(0))


def test_a_position_that_cannot_be_judged_is_not_sold() -> None:
    result = run(scene(LEGACY, cycles=2), paths=table(LEGACY, "unavailable"))
    assert (result.state, result.orders_done, result.shortfall.value) == (AccountState.UNKNOWN, 0, d(0))


def test_orders_of_the_account_that_fill_are_no_exits() -> None:
    account = snapshot(
        position(quantity=10, entry=100, locked=4),
        orders=[order(quantity=4, price=110, minutes=1, kind="limit")],
    )
    result = run(scene(account, cycles=6), paths=table(account, "100", "120", "120"))
    assert result.shortfall.value < 1000
    assert result.cycles_to_clean is not None


def test_a_conversion_costs_its_fee_and_no_spread() -> None:
    account = snapshot(position(quantity="0.0005"), markets={"AAA/USD": market(bid="99", ask="101")})
    result = run(scene(account, replace(FREE, taker_fee=d("0.02"))), candidate(dust={"convert": True}))
    assert (result.cycles_to_clean, parts(result)) == (1, {"fees": d("0.001")})


def test_an_exit_that_is_no_longer_wanted_is_not_missed() -> None:
    account = snapshot(
        position("AAA/USD", 10, entry=100),
        position("BBB/USD", 20, entry=100, locked=20),
        position("CCC/USD", 30, entry=100),
        tracked=["AAA/USD", "BBB/USD", "CCC/USD"],
        orders=[order("take", "BBB/USD", quantity=20, price=110, minutes=1)],
    )
    tried = candidate(max_positions=2, guards={"max_run_pct": d("0.001")})
    paths = table(account, "100", "120", symbol="BBB/USD")
    first, both = (run(scene(account, cycles=cycles), tried, paths) for cycles in (1, 2))
    assert (first.shortfall.value, first.refused_by) == (d(1000), {"max_run_pct": 1})
    assert (both.shortfall.value, both.cycles_to_clean) == (d(0), 2)


def test_a_depth_that_is_too_small_takes_more_cycles() -> None:
    thin = run(scene(LEGACY, replace(FREE, depth=d(1)), cycles=12))
    assert (thin.cycles_to_clean or 99) > 4


def test_policies_see_the_same_prices() -> None:
    on = scene(LEGACY, cycles=4)
    paths = RandomWalk(LEGACY, Walk(volatility=d("0.5")), 3, 2, (Shock("AAA", d("-0.1"), 2),))
    first = [simulate(on, candidate(), paths, number) for number in (0, 1)]
    again = [simulate(on, candidate(), paths, number) for number in (0, 1)]
    assert first == again
    assert first[0].shortfall != first[1].shortfall


def test_nothing_that_is_imagined_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "exitplan"):
        run(scene(LEGACY, cycles=1))
    assert not [record for record in caplog.records if record.name.startswith("exitplan")]
    assert not logging.getLogger("exitplan.run").disabled


PRICE = st.integers(50, 200)


@examples(6, 100)
@given(
    st.lists(st.tuples(PRICE, PRICE), min_size=4, max_size=4),
    st.sampled_from([None, Impact("linear", d("0.01"), d(500)), Impact("square_root", d("0.013"), d(700))]),
    st.sampled_from([("default", 8), ("forced-cleanup", 0)]),
)
def test_the_shortfall_is_what_the_account_lacks(
    prices: list[tuple[int, int]], impact: Impact | None, policy: tuple[str, int]
) -> None:
    """Paper value less real value, both taken from the venue's own books."""
    account = snapshot(
        position(quantity="3.217", entry=100),
        position("BBB/USD", "1.303", entry=90),
        markets={"AAA/USD": market(price_step="0.01"), "BBB/USD": market(bid="99", ask="101")},
    )
    on = scene(account, PaperOptions(spread=d("0.0031"), taker_fee=d("0.0026"), impact=impact), cycles=4)
    rows = "".join(f"{number * 5},{first},{second}\n" for number, (first, second) in enumerate(prices))
    paths = read_prices(f"time,AAA,BBB\n{rows}", "p.csv", account.markets)
    tried = candidate(policy[0], max_positions=policy[1], guards={"max_run_pct": d(1)})
    with Replay.opened(on, tried) as replay:
        cost = replay.play(paths, 0).shortfall
        end = replay.engine.snapshot(on.snapshot.taken_at)
    start_marks = dict(zip(("AAA/USD", "BBB/USD"), map(d, prices[0]), strict=True))
    with localcontext(EXACT):
        left = sum(entry.quantity * replay.marks[entry.key] for entry in end.positions)
        paper = account.cash.free + sum(entry.quantity * start_marks[entry.symbol] for entry in account.positions)
        assert cost.total == paper - (end.cash.free + left)
        assert sum(cost.parts.values()) == cost.total


@pytest.mark.parametrize("model", ["linear", "square_root"])
def test_the_shortfall_of_shorts_and_of_other_currencies_is_what_the_account_lacks(model: Any) -> None:
    account = snapshot(
        position("BTC/USD:USD", 20, side="short", entry=90, contract_size="0.1"),
        position("ETH/USD:USD", 7, entry=50, contract_size="0.1"),
        position("XRP/EUR", "41.3", entry=3),
        markets={
            "BTC/USD:USD": market(bid="99.5", ask="100.5", step="1"),
            "ETH/USD:USD": market("60", step="1"),
            "XRP/EUR": market("3", step="0.1"),
        },
        rates={"EUR": "1.08"},
    )
    options = PaperOptions(spread=d("0.004"), taker_fee=d("0.001"), impact=Impact(model, d("0.01"), d(300)))
    on = scene(account, options, cycles=4, delay=1)
    walk = RandomWalk(account, Walk(volatility=d("0.5"), jumps=d(40), jump_share=d("0.03")), 11, 1)
    with Replay.opened(on, candidate(guards={"max_run_pct": d(1)})) as replay:
        result = replay.play(walk, 0)
        end = replay.engine.snapshot(on.snapshot.taken_at)
    assert result.orders_done == 8  # ETH is dust of this account, and closed at once
    assert result.orders_refused == 0
    assert not end.positions
    decided = {"BTC/USD:USD#short": d(100), "ETH/USD:USD": d(60), "XRP/EUR": d(3)}
    with localcontext(EXACT):
        paper = sum(held.gain(decided[key]) for key, held in held_of(account).items())
        money = end.cash.free - account.cash.free + end.other_cash["EUR"].free * d("1.08")
        lacking = paper - money
        assert abs(result.shortfall.total - lacking) < d("1e-30")  # the books round euros, to 36 places
        assert all(result.shortfall.parts[name] != 0 for name in PARTS if name != "unsold")
        assert sum(result.shortfall.parts.values()) == result.shortfall.total


def test_a_summary_adds_up_and_its_quantiles_are_figures_of_paths() -> None:
    result = run(scene(LEGACY, replace(FREE, taker_fee=d("0.001"))))
    late = replace(result, path=1, cycles_to_clean=None, state=AccountState.UNKNOWN, refused_by={"max_actions": 2})
    summary = summarise([result] * 8 + [late] * 2, Timing(6, timedelta(minutes=5)))
    assert (summary.clean.count, summary.paths) == (8, 10)
    assert summary.clean.cycles == (4, 4, 4, 4, None)
    assert summary.clean.minutes == (d(15), d(15), d(15), d(15), None)
    assert summary.total.mean == summary.total.median == 1
    assert summary.total_share.mean == d("0.001")
    assert summary.refused_by == {"max_actions": 4}
    assert summary.states == {"CLEAN": 8, "UNKNOWN": 2}
