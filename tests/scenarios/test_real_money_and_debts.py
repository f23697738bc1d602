"""Other money is cash and no position; debts are read, subtracted once and listed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.ruleset.model.snapshot import Cash, Position
from exitplan.ruleset.planning.plan import Document
from tests.builders import Node, actions, blocked, facts, guards, market, order, plan_of, position, record, snapshot

EUR = {"EUR": Cash(Decimal(100), Decimal(10))}


def warned(plan: Document) -> list[tuple[str, str]]:
    return [(warning["kind"], warning["symbol"]) for warning in plan["warnings"]]


def test_other_money_is_valued_at_its_rate_in_equity_on_a_line_of_its_own() -> None:
    plan = plan_of(snapshot(other_cash=EUR, rates={"EUR": "1.1"}))
    assert plan["snapshot"]["equity"] == plan["snapshot"]["managed_equity"] == "10121"
    assert plan["other_cash"] == [{"currency": "EUR", "free": "100", "locked": "10", "rate": "1.1", "value": "121"}]
    assert plan["checks"]["state"] == "CLEAN"


def test_a_spot_holding_of_a_kept_currency_is_cash_and_no_position() -> None:
    plan = plan_of(snapshot(position("USDC/USD", 500, locked=20), markets={"USDC/USD": market("0.999")}))
    assert (plan["positions"], plan["actions"]) == ([], [])
    assert plan["other_cash"][0]["value"] == "499.5"


@pytest.mark.parametrize("owed", [position("USDC/USD", -50), position("USDC/USD", 50, side="short")])
def test_money_that_is_owed_is_a_debt_and_never_adds_to_equity(owed: Position) -> None:
    plan = plan_of(snapshot(owed, markets={"USDC/USD": market(1)}))
    assert plan["debts"] == [{"currency": "USDC", "amount": "50", "value": "50"}]
    assert plan["snapshot"]["equity"] == "9950"


def test_other_money_in_the_account_s_own_currency_is_worth_itself() -> None:
    plan = plan_of(snapshot(other_cash={"USD": Cash(Decimal(5))}))
    assert (plan["snapshot"]["equity"], plan["warnings"]) == ("10005", [])


@pytest.mark.parametrize("held", ["USD/EUR", "USD/USD", "USD"])
@pytest.mark.parametrize("keep", [["USD", "EUR"], []])
def test_money_in_the_account_s_own_currency_is_cash_under_whatever_symbol(held: str, keep: list[str]) -> None:
    account = snapshot(position(held, 500, locked=20), markets={held: market("0.92")}, rates={"EUR": "1.08"})
    plan = plan_of(account, cash={"keep": keep, "convert": True})
    assert (plan["positions"], plan["actions"]) == ([], [])
    assert plan["snapshot"]["equity"] == plan["snapshot"]["managed_equity"] == "10500"
    assert (plan["other_cash"][0]["currency"], plan["other_cash"][0]["value"]) == ("USD", "500")


def test_a_debt_in_the_account_s_own_currency_is_one() -> None:
    plan = plan_of(snapshot(position("USD/EUR", -500), markets={"USD/EUR": market("0.92")}))
    assert (plan["positions"], plan["snapshot"]["equity"]) == ([], "9500")
    assert plan["debts"] == [{"currency": "USD", "amount": "500", "value": "500"}]


def test_a_policy_may_keep_other_currencies() -> None:
    assert actions(plan_of(snapshot(position("USDC/USD", 500)), cash={"keep": []})) != []


def test_without_a_rate_the_mark_of_its_own_market_serves() -> None:
    plan = plan_of(snapshot(other_cash=EUR, markets={"EUR/USD": market("1.2")}))
    assert plan["snapshot"]["equity"] == "10132"
    assert plan["warnings"] == []


def test_money_without_a_rate_is_told_and_leaves_equity_incomplete() -> None:
    plan = plan_of(snapshot(position(), other_cash=EUR, tracked=["AAA/USD"]))
    assert warned(plan) == [("no-rate", "EUR")]
    assert plan["other_cash"][0]["value"] is None
    assert facts(plan)["equity_complete"] is False
    assert plan["snapshot"]["equity"] == "11000"


def test_money_outside_cash_keep_counts_as_nothing_and_is_told() -> None:
    plan = plan_of(snapshot(other_cash={"ARS": Cash(Decimal(10))}, rates={"ARS": 5}))
    assert (plan["snapshot"]["equity"], warned(plan)) == ("10000", [("no-rate", "ARS")])


def test_buying_money_opens_nothing() -> None:
    plan = plan_of(snapshot(orders=[order(symbol="USDC/USD", side="buy", minutes=None, price=1)]))
    assert plan["checks"]["reopening_orders"] == []
    assert actions(plan_of(snapshot(orders=[order(symbol="USDC/USD", side="buy")]), orders=[
        {"id": "opening", "when": {"opens": True}, "action": "cancel"}
    ])) == []  # fmt: skip


def test_protecting_a_kept_currency_protects_nothing_and_is_told() -> None:
    plan = plan_of(snapshot(other_cash=EUR, rates={"EUR": 1}), protect=[{"asset": "EUR"}])
    assert warned(plan) == [("protects-nothing", "EUR")]


@pytest.mark.parametrize(
    ("symbol", "price", "sent"),
    [("EUR/USD", "1.1", ("EUR/USD", "sell", "100")), ("USD/EUR", "0.8", ("USD/EUR", "buy", "125"))],
)
def test_other_money_is_converted_through_whichever_market_there_is(
    symbol: str, price: str, sent: tuple[str, str, str]
) -> None:
    account = snapshot(other_cash=EUR, rates={"EUR": "1.25"}, markets={symbol: market(price)})
    plan = plan_of(account, cash={"convert": True}, guards={"max_run_pct": 0})
    (action,) = plan["actions"]
    assert (action["symbol"], action["side"], action["quantity"]) == sent
    assert (action["kind"], set(guards(plan).values())) == ("convert_cash", {True})
    assert guards(plan_of(account, cash={"convert": True}, guards={"max_actions": 0}))["max_actions"] is False


def test_nothing_is_sold_for_a_currency_that_cannot_reach_the_quote() -> None:
    plan = plan_of(snapshot(position("XMR/BTC"), tracked={"XMR/BTC": record(entry=None)}))
    assert facts(plan, "XMR/BTC")["price_status"] == "unavailable"
    assert actions(plan) == []


def test_proceeds_in_another_asset_show_in_the_forecast_as_a_position() -> None:
    account = snapshot(position("XMR/BTC"), tracked={"XMR/BTC": record(entry=None)}, rates={"BTC": 60})
    forecast = plan_of(account, guards={"max_run_pct": 1})["forecast"]
    assert (forecast["proceeds"], forecast["checks"]["position_count"]["current"]) == (["BTC"], 1)
    assert forecast["state"] == "NEEDS_CLEANUP"


@pytest.mark.parametrize(
    ("account", "equity", "debt"),
    [
        (snapshot(debt=400), "9600", {"currency": "USD", "amount": "400", "value": "400"}),
        (snapshot(cash=-400), "-400", {"currency": "USD", "amount": "400", "value": "400"}),
        (
            snapshot(other_cash={"EUR": Cash(debt=Decimal(400))}, rates={"EUR": 2}),
            "9200",
            {"currency": "EUR", "amount": "400", "value": "800"},
        ),
        (snapshot(position(debt=4)), "10600", {"symbol": "AAA/USD", "amount": "4", "value": "400"}),
        (snapshot(position(quantity=-4)), "9600", {"symbol": "AAA/USD", "amount": "4", "value": "400"}),
        (snapshot(position(quantity=4, side="short")), "9600", {"symbol": "AAA/USD", "amount": "4", "value": "400"}),
    ],
)
def test_what_is_owed_is_subtracted_once_listed_and_not_clean(account: Node, equity: str, debt: Node) -> None:
    plan = plan_of(account)
    assert plan["snapshot"]["equity"] == plan["snapshot"]["managed_equity"] == equity
    assert plan["debts"] == [debt]
    assert plan["checks"]["debts"] == [debt.get("currency") or debt["symbol"]]
    assert plan["checks"]["state"] == "NEEDS_CLEANUP"


@pytest.mark.parametrize(("debt", "state"), [("0.99999999", "CLEAN"), ("1", "NEEDS_CLEANUP")])
def test_a_debt_below_the_dust_value_is_listed_and_tolerated(debt: str, state: str) -> None:
    plan = plan_of(snapshot(debt=debt))
    assert (plan["checks"]["state"], len(plan["debts"])) == (state, 1)


def test_a_debt_without_a_price_leaves_no_shares_and_sells_nothing_of_value() -> None:
    down = {"BBB/USD": market(None)}
    plan = plan_of(snapshot(position(), position("BBB/USD", -1), markets=down))
    assert "account_pct" not in facts(plan)
    assert guards(plan)["max_run_pct"] is False


def test_debts_of_protected_and_suspended_positions_are_subtracted_all_the_same() -> None:
    suspended = {"BBB/USD": market(active=False)}
    plan = plan_of(
        snapshot(position(debt=1), position("BBB/USD", debt=2), markets=suspended), protect=[{"asset": "AAA"}]
    )
    assert (plan["snapshot"]["equity"], plan["snapshot"]["managed_equity"]) == ("11700", "9700")


@pytest.mark.parametrize(
    ("debt", "action"),
    [("4", [("close", "AAA/USD", "6", "zombie")]), ("9.99", [("close", "AAA/USD", "0.01", "zombie")])],
)
def test_an_exit_sells_at_most_what_is_not_owed(debt: str, action: Node) -> None:
    assert actions(plan_of(snapshot(position(debt=debt), tracked={"AAA/USD": record(entry=None)}))) == action


@pytest.mark.parametrize("debt", ["9.991", "10", "12"])
def test_where_that_is_below_the_minimum_it_is_owed(debt: str) -> None:
    assert blocked(plan_of(snapshot(position(debt=debt)))) == {"AAA/USD": ("owed", False)}
