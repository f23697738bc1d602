"""Sentences of the contract that the oracle found broken, each with the smallest account that shows it."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from exitplan.ruleset.model.progress import Balance, Progress
from exitplan.ruleset.model.snapshot import Cash, Market
from tests.builders import DEFERRED, NOW, actions, facts, guards, judged, market, order, plan_of, position, snapshot

PERPETUAL = "AAA/USD:USD"


def test_an_empty_exit_side_beside_any_other_price_is_implausible_also_where_it_leaves_no_mark() -> None:
    long, short = position("AAA/USD"), position(PERPETUAL, side="short")
    books: dict[str, Market | None] = {"AAA/USD": market(None, bid=0, ask=101), PERPETUAL: market(None, bid=99, ask=0)}
    plan = plan_of(snapshot(long, short, markets=books))
    assert judged(plan, "AAA/USD") == (DEFERRED, "deferred.price-implausible")
    assert judged(plan, PERPETUAL, "short") == (DEFERRED, "deferred.price-implausible")
    assert actions(plan) == []


def test_where_last_bid_and_ask_are_all_0_the_price_is_missing() -> None:
    plan = plan_of(snapshot(position(), markets={"AAA/USD": market(0, bid=0, ask=0)}))
    assert facts(plan)["price_status"] == "missing"


def test_a_kept_currency_held_short_is_owed_and_no_money() -> None:
    plan = plan_of(snapshot(position("EUR/USD", 100, side="short"), rates={"EUR": "1.1"}, cash=1000))
    assert plan["debts"] == [{"currency": "EUR", "amount": "100", "value": "110"}]
    assert plan["snapshot"]["equity"] == "890"


def test_a_kept_currency_without_a_rate_is_valued_by_the_first_of_its_markets() -> None:
    books: dict[str, Market | None] = {"EUR/CHF": market(2), "EUR/USD": market(3)}
    account = snapshot(position("EUR/USD"), position("EUR/CHF"), markets=books, rates={"CHF": "1"}, cash=0)
    assert plan_of(account)["snapshot"]["equity"] == "40"


def test_protection_of_a_symbol_covers_the_position_of_that_symbol_whatever_its_asset() -> None:
    staked = replace(position("AAA/USD"), asset="AAA2")
    plan = plan_of(snapshot(staked), protect=[{"symbol": "AAA/USD", "reason": "mine"}])
    assert facts(plan)["protected"] is True
    assert actions(plan) == []


def test_with_both_sides_held_an_order_without_one_adds_to_the_side_of_its_own_direction() -> None:
    sides = [position(PERPETUAL, 5), position(PERPETUAL, 3, side="short", entry=100)]
    entry = order("o1", PERPETUAL, "sell", 1, minutes=5)
    plan = plan_of(snapshot(*sides, orders=[entry]), max_positions=0)
    cancels = [action["order_id"] for action in plan["actions"] if action["kind"] == "cancel_order"]
    closes = [action["position_side"] for action in plan["actions"] if action["kind"] == "close"]
    assert cancels == ["o1"]
    assert closes == ["long", "short"]


def test_a_stop_that_opens_one_side_is_not_held_by_the_other() -> None:
    stop = replace(
        order("o1", PERPETUAL, "buy", 1, kind="stop", price=None, trigger=120, minutes=60), position_side="long"
    )
    account = snapshot(position(PERPETUAL, 5, side="short", entry=100), orders=[stop], tracked=[PERPETUAL])
    (cancel,) = plan_of(account)["actions"]
    assert (cancel["order_id"], cancel["rule"]) == ("o1", "orphan-stop")


def test_other_cash_is_not_valued_by_an_implausible_price_of_its_own_market() -> None:
    book = market(25, bid="0.0001", ask=25)
    account = replace(snapshot(markets={"EUR/USD": book}, cash=100), other_cash={"EUR": Cash(Decimal(100))})
    plan = plan_of(account)
    assert plan["other_cash"][0]["value"] is None
    assert plan["snapshot"]["equity"] == "100"


def test_nothing_of_an_asset_then_and_none_now_is_no_change_of_the_balance() -> None:
    last = Balance(NOW, {"USD": Decimal(10_000), "GONE": Decimal(0)}, equity=Decimal(90_000))
    assert guards(plan_of(snapshot(), Progress(last_balance=last)))["max_equity_change_pct"] is True


def test_other_money_goes_through_whichever_market_takes_it() -> None:
    narrow = market(1, min_amount=10, max_amount=Decimal(5))
    books: dict[str, Market | None] = {"EUR/USD": narrow, "USD/EUR": market(1)}
    account = replace(snapshot(markets=books, rates={"EUR": 1}), other_cash={"EUR": Cash(Decimal(100))})
    plan = plan_of(account, cash={"convert": True})
    assert [(action["symbol"], action["side"], action["quantity"]) for action in plan["actions"]] == [
        ("USD/EUR", "buy", "100")
    ]
