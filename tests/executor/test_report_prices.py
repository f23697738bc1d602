"""What exits brought in against the price then and a day later: never a guess, and never 0 where none is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.executor.report import A_DAY, AccountReport, Comparison, report_account
from exitplan.workbench.simulation.price_file import read_price_history
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy

d = Decimal
LONG_AGO = NOW - timedelta(days=400)


def reported(scene: Scene, then: str | None, later: str | None) -> AccountReport:
    def price_at(symbol: str, moment: datetime) -> Decimal | None:
        assert symbol == "AAA/USD"
        known = then if moment < NOW + A_DAY else later
        return None if known is None else d(known)

    return report_account(scene.open(), LONG_AGO, price_at)


def test_exits_are_set_against_the_price_then_and_a_day_later(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    scene.clock.advance(2 * A_DAY.total_seconds())
    (outcome,) = reported(scene, "101", "90").outcomes
    assert outcome.proceeds == 25 * 100
    assert outcome.then == Comparison(d(25 * 101), d(25 * 100))
    assert (outcome.later.slippage, outcome.later.worth) == (d(-250), d(2250))


def test_what_is_yet_to_come_and_what_nobody_tells_is_in_no_sum(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    (outcome,) = reported(scene, None, "90").outcomes
    assert (outcome.then, outcome.later) == (Comparison(untold=1), Comparison(untold=1))
    assert outcome.then.share is None
    total = reported(scene, "100", "90").total
    assert (total.then.untold, total.later.untold) == (0, 1)


def test_sales_are_told_one_by_one_for_drawings(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    (sale,) = report_account(scene.open(), LONG_AGO).sales
    assert (sale.rule, sale.proceeds, sale.planned, sale.fee) == ("legacy", d(2500), d(2500), d(0))
    assert sale.at >= NOW


def test_a_price_of_a_table_holds_until_the_next_and_the_last_for_a_day() -> None:
    table = "time,AAA/USD\n2026-02-18T00:00:00Z,1\n2026-02-19T00:00:00Z,missing\n2026-02-20T00:00:00Z,3\n"
    history = read_price_history(table, "t.csv")
    begin = datetime.fromisoformat("2026-02-18T00:00:00+00:00")
    moments = [-1, 1, 23, 25, 49, 73]
    told = [history.price("AAA/USD", begin + timedelta(hours=hour)) for hour in moments]
    assert told == [None, d(1), d(1), None, d(3), None]
    assert history.price("BBB/USD", begin) is None
