"""A program's own numbers: read exactly, and kept to the last place that a fact has."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.duck_typed.broker import AdaptedBroker
from exitplan.brokers.duck_typed.holdings import read_holdings
from exitplan.brokers.duck_typed.told_account import Balance, balance_of, snapshot_of
from exitplan.brokers.duck_typed.values import amount_of, moment_of, symbol_of
from exitplan.brokers.protocol import (
    Broker,
    ConvertRequest,
    OrderReference,
    OrderRequest,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.values import EXACT, to_micro
from tests.builders import NOW, compiled, policy_document

POLICY = compiled(policy_document())
values = st.floats(1e-4, 1e9) | st.decimals("0.0001", "1000000000", places=6)
sizes = st.floats(1e-9, 1e13)


def no_price(_: str) -> object:
    raise AssertionError("nobody asks")


@given(values, sizes, sizes, values)
def test_value_and_equity_are_what_they_are_said_to_be(
    value: float | Decimal, quantity: float, price: float, equity: float | Decimal
) -> None:
    told = [{"symbol": "A-USD", "quantity": quantity, "size_usd": value, "current_price": price}]
    balance = Balance(Decimal(str(equity)), Decimal(str(equity)))
    snapshot = snapshot_of("platform", read_holdings(told, no_price), (), balance, NOW)
    with localcontext(EXACT):
        account = observe(snapshot, POLICY, Progress(), NOW)
        share = Decimal(str(value)) / Decimal(str(equity))
    (view,) = account.positions
    assert view.facts["value_usd"] == to_micro(Decimal(str(value)))
    most = max(Decimal(str(equity)), Decimal(str(value)))
    assert to_micro(account.equity.total) == to_micro(most), "at least what is held"
    assert view.facts["account_pct"] == to_micro(share)
    assert view.price.mark == Decimal(str(price))


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (0.1, "0.1"),
        (3, "3"),
        ("1e-8", "0.00000001"),
        (Decimal("1.50"), "1.5"),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("-inf"), None),
        ("much", None),
        ("1e999", None),
        ([1], None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(told: object, read: str | None) -> None:
    assert amount_of(told) == (None if read is None else Decimal(read))


def test_times_without_a_zone_are_local() -> None:
    local = datetime(2026, 2, 18, 12, tzinfo=UTC).astimezone().replace(tzinfo=None)
    assert moment_of(local) == moment_of(local.isoformat()) == moment_of("2026-02-18T12:00:00Z")
    assert moment_of("yesterday") is moment_of(7) is moment_of(None) is None


@pytest.mark.parametrize("name", ["", " ", "UNKNOWN", "unknown", "A B", "-USD", "A-", "x" * 65, "A#short", None, 3])
def test_what_names_no_market(name: object) -> None:
    assert symbol_of(name) is None


def test_a_symbol_in_any_spelling_is_one_symbol() -> None:
    assert [symbol_of(name) for name in ("BTC-USD", "BTC/USD", "BTCUSD")] == ["BTC/USD", "BTC/USD", "BTCUSD"]


def entry_prices(*results: tuple[str, float]) -> list[Decimal | None]:
    told = [
        {"symbol": f"P{number}-USD", "side": side, "quantity": 1, "current_price": 90, "pnl_pct": result}
        for number, (side, result) in enumerate(results)
    ]
    return [holding.position.entry_price for holding in read_holdings(told, no_price)]


def test_a_result_leads_to_the_price_that_was_paid() -> None:
    assert entry_prices(("long", -0.1), ("long", 0.5)) == [Decimal(100), Decimal(60)]
    assert entry_prices(("short", 0.1), ("short", -0.5)) == [Decimal(100), Decimal(60)]


def test_where_a_result_can_only_be_in_percent_all_of_them_are() -> None:
    assert entry_prices(("long", -10.0), ("long", 50.0), ("long", 0.0)) == [Decimal(100), Decimal(60), None]
    assert entry_prices(("short", -2.0), ("long", 0.5)) == [Decimal(30), Decimal(60)]


@given(st.lists(st.floats(-99, 300).filter(lambda result: abs(result) > 1e-6), min_size=2, max_size=6))
def test_the_worst_result_is_the_worst_on_any_scale(results: list[float]) -> None:
    paid = [price or Decimal(90) for price in entry_prices(*(("long", result) for result in results))]
    by_loss = sorted(range(len(results)), key=lambda number: results[number])
    assert sorted((price for price in paid), reverse=True) == [paid[number] for number in by_loss]


@pytest.mark.parametrize(
    ("told", "total", "share_of"),
    [
        (5, 5, 5),
        ({"total": 7, "available": 3}, 7, 3),
        ({"total": 7, "available": 0}, 7, 7),
        ({"available": 3}, 3, 3),
        ({"total": 0, "available": 3}, 3, 3),
        ({"total_balance": 7.0, "available_balance": 3.0, "currency": "USD"}, 7, 3),
    ],
)
def test_shares_are_of_what_is_available_and_equity_is_the_total(told: object, total: int, share_of: int) -> None:
    assert balance_of(told) == Balance(Decimal(total), Decimal(share_of))


def test_an_object_can_do_what_it_has_methods_for_and_nothing_else() -> None:
    broker: Broker = AdaptedBroker(object(), "platform", None, lambda: NOW)
    order = OrderRequest(client_order_id="x", symbol="A/USD", side="sell", type="market", quantity=Decimal(1))
    stop = OrderRequest(client_order_id="x", symbol="A/USD", side="sell", type="stop", quantity=Decimal(1))
    outcomes = [
        *broker.place_orders([order, stop]),
        *broker.cancel_orders([OrderReference(symbol="A/USD", order_id="1")]),
        broker.convert_dust(ConvertRequest(client_order_id="x", symbol="A/USD", quantity=Decimal(1))),
    ]
    assert all(isinstance(found, Refused) and found.reason is RefusalReason.UNSUPPORTED for found in outcomes)
    assert isinstance(broker.look_up_order(OrderReference(symbol="A/USD", client_order_id="x")), Unknown)
    assert isinstance(broker.look_up_order(OrderReference(symbol="A/USD", order_id="x")), Unknown)


def test_nothing_else_of_an_object_is_looked_at() -> None:
    class Shy:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            raise AttributeError(name)

        def get_open_positions(self) -> list[object]:
            return [{"symbol": "A-USD", "quantity": 1}]

        def get_open_orders(self) -> list[object]:
            return []

        def get_account_balance(self) -> float:
            return 1.0

    asked: list[str] = []
    snapshot = AdaptedBroker(Shy(), "platform", None, lambda: NOW).read_account()
    assert snapshot.markets["A/USD"].price_status == "unavailable", "nobody could be asked"
    assert set(asked) <= {"get_current_price", "get_market_data"}
