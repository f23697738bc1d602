"""How an account stands over a simulation: nothing appears or vanishes, and watching changes nothing."""

from __future__ import annotations

from decimal import Decimal

from exitplan.executor.plan import Planned
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.checks import AccountState
from exitplan.workbench.simulation.paths import RandomWalk
from exitplan.workbench.simulation.running import PathResult, simulate
from exitplan.workbench.simulation.standing import Standing
from tests.builders import market, position, record, snapshot
from tests.workbench.simulation.test_running import STILL, candidate, scene

ACCOUNT = snapshot(
    position("AAA/USD", "100"),
    position("BBB/USD", "40"),
    position("CCC/USD", "7"),
    position("DDD/USD", "1"),
    cash="5000",
    markets={
        "AAA/USD": market("10"),
        "BBB/USD": market("100"),
        "CCC/USD": market("0.1"),
        "DDD/USD": market(None, price_status="unavailable"),
    },
    tracked={"BBB/USD": record(entry=90)},
)


def watched() -> tuple[list[Standing], PathResult]:
    seen: list[Planned] = []
    on = scene(ACCOUNT)
    result = simulate(on, candidate(), RandomWalk(ACCOUNT, STILL, 1, 1), 0, seen.append)
    return [Standing.of(planned.draft) for planned in seen], result


def test_each_position_stands_under_its_category_with_its_value_and_without_a_price_with_none() -> None:
    first = watched()[0][0]
    assert first.state is AccountState.UNKNOWN
    assert first.cash == 5000
    assert first.counts == {
        Category.LEGACY_NON_COMPLIANT: 1,
        Category.STRATEGY_ALIGNED: 1,
        Category.ZOMBIE_LEGACY: 1,
        Category.DEFERRED: 1,
    }
    assert first.values == {
        Category.LEGACY_NON_COMPLIANT: 1000,
        Category.STRATEGY_ALIGNED: 4000,
        Category.ZOMBIE_LEGACY: Decimal("0.7"),
        Category.DEFERRED: 0,
    }


def test_without_fees_and_moves_what_leaves_the_positions_is_cash_to_the_cent() -> None:
    standings, _ = watched()
    assert {standing.cash + sum(standing.values.values()) for standing in standings} == {Decimal("10000.7")}
    assert standings[-1].cash > standings[0].cash


def test_watching_changes_nothing_and_is_shown_each_cycle_and_the_end() -> None:
    standings, result = watched()
    on = scene(ACCOUNT)
    assert simulate(on, candidate(), RandomWalk(ACCOUNT, STILL, 1, 1), 0) == result
    assert len(standings) == on.timing.cycles + 1
    assert standings[-1].state is result.state
