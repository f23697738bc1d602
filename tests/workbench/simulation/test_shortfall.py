"""The shortfall of exits: its parts by hand, and that they add up to it exactly."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.paper.pricing import Terms
from exitplan.ruleset.model.values import EXACT
from exitplan.workbench.simulation.shortfall import Sale, Shortfall, Unsold, left_after, shortfall_of

d = Decimal
SPOT = Terms(derivative=False, inverse=False, contract_size=d(1), rate=d(1), entry_price=None)


def sale(quantity: str, mark: str, touch: str, price: str, fee: str = "0", **more: Any) -> Sale:
    amounts = {"quantity": d(quantity), "mark": d(mark), "touch": d(touch), "price": d(price), "fee": d(fee)}
    standing: dict[str, Any] = {"key": "A/USD", "side": "long", "terms": SPOT, "cycle": 0}
    return Sale(**{**standing, **amounts, **more})


def told(cost: Shortfall) -> dict[str, str]:
    return {name: f"{part.normalize():f}" for name, part in {**cost.parts, "total": cost.total}.items() if part}


def test_one_order_at_once_costs_half_the_spread_impact_and_the_fee() -> None:
    cost = shortfall_of({"A/USD": d(100)}, [sale("10", "100", "99.9", "99.5", "1")], [])
    assert told(cost) == {"half_spread": "1", "impact": "4", "fees": "1", "total": "6"}
    assert cost.value == 1000


def test_what_the_price_moves_before_the_first_fill_is_delay_and_after_it_price() -> None:
    sales = [sale("4", "98", "98", "98"), sale("6", "95", "95", "95", cycle=1)]
    assert told(shortfall_of({"A/USD": d(100)}, sales, [])) == {"delay": "20", "price": "18", "total": "38"}


def test_what_is_not_sold_costs_what_its_price_has_lost() -> None:
    rest = Unsold(key="A/USD", side="long", terms=SPOT, quantity=d(6), mark=d(90))
    cost = shortfall_of({"A/USD": d(100)}, [sale("4", "100", "100", "100")], [rest])
    assert told(cost) == {"unsold": "60", "total": "60"}
    assert cost.value == 1000


def test_a_price_that_rises_is_a_gain_of_a_long_and_a_cost_of_a_short() -> None:
    perpetual = Terms(derivative=True, inverse=False, contract_size=d("0.1"), rate=d(1), entry_price=d(90))
    assert told(shortfall_of({"A/USD": d(100)}, [sale("10", "110", "110", "110")], [])) == {
        "delay": "-100",
        "total": "-100",
    }
    short = sale("10", "110", "110", "111", side="short", terms=perpetual)
    assert told(shortfall_of({"A/USD": d(100)}, [short], [])) == {"delay": "10", "impact": "1", "total": "11"}


def test_another_currency_counts_at_its_rate() -> None:
    euro = Terms(derivative=False, inverse=False, contract_size=d(1), rate=d("1.1"), entry_price=None)
    cost = shortfall_of({"A/USD": d(100)}, [sale("10", "100", "99", "99", "2.2", terms=euro)], [])
    assert told(cost) == {"half_spread": "11", "fees": "2.2", "total": "13.2"}


def test_what_was_decided_without_a_price_has_no_paper_value() -> None:
    cost = shortfall_of({}, [sale("10", "100", "99", "98", "1")], [])
    assert told(cost) == {}
    assert cost.value == 0


def test_what_is_left_is_told_at_the_prices_of_the_decision() -> None:
    sales = [sale("2", "50", "50", "50"), sale("3", "10", "10", "10", cycle=2)]
    rest = Unsold(key="A/USD", side="long", terms=SPOT, quantity=d(5), mark=d(1))
    assert left_after({"A/USD": d(100)}, sales, [rest], 4) == (d("0.8"), d("0.8"), d("0.5"), d("0.5"))
    assert left_after({}, sales, [rest], 2) == (d(0), d(0))


PRICES = st.decimals("0.00000001", "1000000", places=8)
QUANTITIES = st.decimals("0.00000001", "100000", places=8)
TERMS = st.builds(
    Terms,
    derivative=st.booleans(),
    inverse=st.booleans(),
    contract_size=st.sampled_from([d(1), d("0.001"), d(100)]),
    rate=st.sampled_from([d(1), d("1.08"), d("0.0067")]),
    entry_price=st.none() | PRICES,
)
SIDES = st.sampled_from(["long", "short"])
KEYS = st.sampled_from(["A/USD", "B/USD"])
SALES = st.builds(
    Sale, key=KEYS, side=SIDES, terms=TERMS, quantity=QUANTITIES, cycle=st.integers(0, 5), mark=PRICES, touch=PRICES,
    price=PRICES, fee=st.decimals("0", "1000", places=12),
)  # fmt: skip
RESTS = st.builds(Unsold, key=KEYS, side=SIDES, terms=TERMS, quantity=QUANTITIES, mark=PRICES)


@given(st.dictionaries(KEYS, PRICES), st.lists(SALES, max_size=6), st.lists(RESTS, max_size=3))
def test_the_parts_add_up_to_the_total_exactly(
    decided: dict[str, Decimal], sales: list[Sale], unsold: list[Unsold]
) -> None:
    cost = shortfall_of(decided, sales, unsold)
    with localcontext(EXACT):
        assert sum(cost.parts.values()) == cost.total
