"""A position is an asset, not a market; where both sides are held, each has its own orders and records."""

from __future__ import annotations

import pytest

from exitplan.ruleset.language.policy import compile_policy
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import OrderSide, Side
from tests.builders import (
    A,
    Amount,
    B,
    Node,
    actions,
    blocked,
    facts,
    failed,
    judged,
    market,
    order,
    plan_of,
    policy_document,
    position,
    record,
    shown,
    snapshot,
    unwound,
)

RATES: dict[str, Amount] = {"EUR": "1.25", "BTC": 100}
NO_ENTRY = record(entry=None)


@pytest.mark.parametrize(
    "entry", [{"symbol": "BTC/USD"}, {"symbol": "XBT/USD"}, {"asset": "BTC"}, {"asset": "XBT"}, {"symbol": "BTC-GBP"}]
)
def test_protection_of_one_market_covers_the_asset_in_every_market(entry: Node) -> None:
    account = snapshot(position("BTC/EUR"), rates=RATES, orders=[order(symbol="BTC/EUR", minutes=99)])
    plan = plan_of(account, protect=[entry])
    assert (plan["actions"], facts(plan, "BTC/EUR")["protected"]) == ([], True)
    assert [left["order_id"] for left in plan["left_orders"]] == ["o1"]


def test_protection_of_a_coin_does_not_cover_its_derivative() -> None:
    plan = plan_of(snapshot(position("BTC/USD:USD")), protect=[{"asset": "BTC"}])
    assert facts(plan, "BTC/USD:USD")["protected"] is False
    assert facts(plan, "BTC/USD:USD")["asset"] == "BTC/USD:USD"


def test_what_a_position_says_it_holds_is_what_its_symbol_means_everywhere() -> None:
    account = snapshot(position("LUNA/USD", asset="LUNC"), orders=[order(symbol="LUNA/USD", minutes=99)])
    assert plan_of(account, protect=[{"symbol": "LUNA/USD"}])["actions"] == []
    assert plan_of(account, protect=[{"asset": "LUNC"}])["actions"] == []


def test_aliases_are_followed_to_the_end() -> None:
    account = snapshot(position("C/USD"), tracked=["A/USD"])
    plan = plan_of(account, aliases={"A": "B", "B": "C"})
    assert judged(plan, "C/USD") == (A, None)


@pytest.mark.parametrize("aliases", [{"A": "B", "B": "A"}, {"A": "A"}, {"BTC": "XBT"}])
def test_a_cycle_of_aliases_is_an_error(aliases: dict[str, str]) -> None:
    policy, problems = compile_policy(policy_document(aliases=aliases))
    assert policy is None
    assert "go round in a circle" in problems[0].message


def test_a_record_belongs_to_the_asset_and_the_exact_symbol_s_goes_first() -> None:
    records = {"AAA/CHF": record("manual"), "AAA/EUR": record("nija_strategy"), "AAA/USD": NO_ENTRY}
    assert facts(plan_of(snapshot(position(), tracked=records)))["has_entry_price"] is False
    del records["AAA/USD"]
    assert facts(plan_of(snapshot(position(), tracked=records)))["position_source"] == "manual"


def test_an_entry_price_in_another_currency_is_turned_by_the_two_rates() -> None:
    plan = plan_of(snapshot(position(), tracked={"AAA/EUR": record(entry=64)}, rates=RATES))
    assert facts(plan)["pnl_pct"] == "0.250000"


def test_without_the_rates_the_result_is_unknown_and_the_entry_price_is_there() -> None:
    known = facts(plan_of(snapshot(position(), tracked={"AAA/CHF": record(entry=64)})))
    assert (known["has_entry_price"], "pnl_pct" in known) == (True, False)


def test_progress_belongs_to_the_asset_and_the_exact_symbol_goes_first() -> None:
    assert facts(plan_of(snapshot(position()), unwound(2, "0.5625", 20, "AAA/EUR")))["unwind_cycle"] == "2.000000"
    own = Progress({**unwound(2, "0.5625", 20, "AAA/EUR").unwinds, **unwound(1, "0.75", 20).unwinds})
    assert facts(plan_of(snapshot(position()), own))["unwind_cycle"] == "1.000000"


def test_failures_belong_to_the_asset() -> None:
    account = snapshot(position("AAA/EUR"), tracked={"AAA/EUR": NO_ENTRY}, rates=RATES)
    assert blocked(plan_of(account, failed(AAA=1))) == {"AAA/EUR": ("attempts-exhausted", True)}


def test_two_entries_of_one_asset_are_two_positions_and_their_orders_their_own() -> None:
    account = snapshot(
        position(locked=1),
        position("AAA/EUR", 5),
        orders=[order("o1"), order("o2", "AAA/EUR"), order("o3", "AAA/GBP")],
        tracked={"AAA/USD": record(), "AAA/EUR": NO_ENTRY},
        rates=RATES,
    )
    assert [(act["kind"], act["order_id"]) for act in plan_of(account)["actions"]] == [
        ("cancel_order", "o2"),
        ("cancel_order", "o3"),
        ("close", None),
    ]


@pytest.mark.parametrize(
    ("symbol", "side", "price", "sold"),
    [("AAA/EUR", "sell", 5, "10"), ("XXX/AAA", "buy", 2, "10"), ("XXX/AAA", "buy", 1, "7"), ("XXX/USD", "buy", 2, "5")],
)
def test_an_order_that_holds_the_asset_is_cancelled_in_whatever_market(
    symbol: str, side: OrderSide, price: int, sold: str
) -> None:
    quantity = 5 if side == "sell" else "2.5" if price == 2 else 2
    resting = [order(symbol=symbol, side=side, price=price, quantity=quantity)]
    account = snapshot(position(locked=5), orders=resting, tracked={"AAA/USD": NO_ENTRY}, rates=RATES)
    assert actions(plan_of(account))[-1] == ("close", "AAA/USD", sold, "zombie")


def test_a_buy_without_a_limit_releases_its_trigger_price() -> None:
    resting = [order(symbol="XXX/AAA", side="buy", kind="stop", price=None, trigger=2, quantity=2)]
    plan = plan_of(snapshot(position(locked=5), orders=resting, tracked={"AAA/USD": NO_ENTRY}))
    assert actions(plan)[-1] == ("close", "AAA/USD", "9", "zombie")


def test_an_order_whose_base_is_protected_is_left_although_it_holds_what_is_closed() -> None:
    resting = [order(symbol="XXX/AAA", side="buy", price=2, quantity=5)]
    plan = plan_of(
        snapshot(position(locked=10), orders=resting, tracked={"AAA/USD": NO_ENTRY}), protect=[{"asset": "XXX"}]
    )
    assert (actions(plan), blocked(plan)) == ([], {"AAA/USD": ("locked", True)})


def test_a_suspended_market_in_the_own_quote_blocks_and_forgets_nothing() -> None:
    account = snapshot(position(), markets={"AAA/USD": market(active=False)})
    plan = plan_of(account, unwound(1, "0.75", 10))
    assert blocked(plan) == {"AAA/USD": ("market-inactive", False)}
    assert facts(plan)["unwind_cycle"] == "1.000000"


@pytest.mark.parametrize(("trigger", "kinds"), [(64, ["adopt"]), (81, ["attach_stop", "adopt"])])
def test_a_stop_in_another_market_protects_at_its_own_currency(trigger: int, kinds: list[str]) -> None:
    # The mark of 100 is 80 there: what lies above it takes profit.
    stop = order(symbol="AAA/EUR", kind="stop", price=None, trigger=trigger, quantity=10)
    plan = plan_of(snapshot(position(), orders=[stop], rates=RATES), base="conservative")
    assert [act["kind"] for act in plan["actions"]] == kinds


# --- Both sides -----------------------------------------------------------------------------------------------------

PERP = "X/USD:USD"
LONG, SHORT = position(PERP), position(PERP, 4, side="short")


def side_facts(tracked: Node, *held: Node) -> list[bool]:
    plan = plan_of(snapshot(*held, tracked={PERP: tracked}))
    return [facts(plan, PERP, one.side)["tracked"] for one in held]


@pytest.mark.parametrize(
    ("side", "tracked"), [("long", [True, False]), ("short", [False, True]), (None, [False, False])]
)
def test_where_both_sides_are_held_a_record_registers_its_own_side_or_none(
    side: Side | None, tracked: list[bool]
) -> None:
    assert side_facts(record(side=side), LONG, SHORT) == tracked


def test_a_record_without_a_side_registers_the_only_side_held_and_one_with_the_other_none() -> None:
    assert side_facts(record(), SHORT) == [True]
    assert side_facts(record(side="long"), SHORT) == [False]


def test_a_close_of_one_side_leaves_the_other_side_s_orders() -> None:
    resting = [
        order("long-exit", PERP, "sell", position_side="long"),
        order("long-entry", PERP, "buy", position_side="long"),
        order("short-exit", PERP, "buy", position_side="short"),
        order("short-entry", PERP, "sell", position_side="short"),
    ]
    records = {PERP: record(entry=None, side="long"), "X/USDT:USD": record(side="short")}
    plan = plan_of(snapshot(LONG, SHORT, orders=resting, tracked=records))
    assert {act["order_id"] for act in plan["actions"] if act["order_id"]} == {"long-exit", "long-entry"}


@pytest.mark.parametrize(
    ("held", "side", "reduce_only", "belongs"),
    [
        ([LONG], "sell", False, "long"),
        ([LONG, SHORT], "sell", False, "short"),
        ([LONG, SHORT], "sell", True, "long"),
        ([SHORT], "buy", False, "short"),
        ([LONG, SHORT], "buy", False, "long"),
    ],
)
def test_an_order_without_a_side_belongs_to_the_one_it_closes_if_only_that_is_held(
    held: Node, side: OrderSide, reduce_only: bool, belongs: str
) -> None:
    resting = [order(symbol=PERP, side=side, reduce_only=reduce_only)]
    records = {PERP: record(entry=None, side="long"), "X-2/USD:USD": record()}
    if belongs == "short":
        records = {PERP: record(entry=None, side="short")}
    plan = plan_of(snapshot(*held, orders=resting, tracked=records))
    closed = shown(plan, PERP, belongs)
    assert closed["category"] != B
    assert [act["order_id"] for act in plan["actions"] if act["order_id"]] == ["o1"]
