"""Orders that would open, what the venue takes, and the growth and pace of unwinds."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from exitplan.ruleset.model.snapshot import (
    OpenOrder,
    OrderSide,
    Position,
)
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.plan import Document
from tests.builders import (
    NOW,
    Amount,
    Node,
    actions,
    ago,
    blocked,
    judged,
    market,
    only_action,
    order,
    plan_of,
    position,
    record,
    shown,
    snapshot,
    unwound,
)

PERP = "X/USD:USD"
NO_ENTRY = record(entry=None)
ZOMBIE = {"AAA/USD": NO_ENTRY}
OPENING = [{"id": "opening", "when": {"opens": True}, "action": "cancel"}]


def opens(resting: OpenOrder, *held: Position) -> bool:
    plan = plan_of(snapshot(*held, orders=[resting], tracked=["AAA/USD", PERP]), orders=OPENING)
    return [action["rule"] for action in plan["actions"]] == ["opening"]


@pytest.mark.parametrize(
    ("resting", "held", "opening"),
    [
        (order(side="buy"), [], True),
        (order(side="sell"), [], False),
        (order(side="sell"), [position(side="short", quantity=1)], True),
        (order(side="buy", quantity=1), [position(side="short", quantity=1)], False),
        (order(side="buy", quantity="1.00000001"), [position(side="short", quantity=1)], True),
        (order(symbol=PERP, side="sell"), [], True),
        (order(symbol=PERP, side="sell", reduce_only=True), [], False),
        (order(symbol=PERP, side="sell", quantity=10), [position(PERP)], False),
        (order(symbol=PERP, side="sell", quantity=11), [position(PERP)], True),
        (order(symbol=PERP, side="sell", quantity=11, position_side="long"), [position(PERP)], False),
        (order(symbol=PERP, side="buy", position_side="long"), [position(PERP)], True),
    ],
)
def test_which_orders_would_open(resting: OpenOrder, held: list[Position], opening: bool) -> None:
    assert opens(resting, *held) is opening


def test_what_sells_everything_also_cancels_the_opening_orders_of_the_asset() -> None:
    resting = [order(f"o{number}", symbol, "buy", price=90) for number, symbol in enumerate(["AAA/USD", "AAA/EUR"])]
    plan = plan_of(snapshot(position(), orders=resting, tracked=ZOMBIE))
    assert [act["order_id"] for act in plan["actions"]] == ["o1", "o0", None]
    assert plan["actions"][0]["because"].endswith("it would open the position again")
    assert plan["forecast"]["state"] == "CLEAN"


def test_the_last_cycle_of_an_unwind_does_so_too_and_an_earlier_one_not() -> None:
    account = snapshot(position(quantity=4), orders=[order(side="buy", price=90)])
    assert [act["kind"] for act in plan_of(account, unwound(3, "0.421875", 10))["actions"]] == [
        "cancel_order",
        "unwind",
    ]
    assert [act["kind"] for act in plan_of(account, unwound(1, "0.75", 6))["actions"]] == ["unwind"]


def test_an_opening_order_that_stays_keeps_the_forecast_from_clean() -> None:
    # It names the symbol of the other position of the asset, and so is that one's.
    account = snapshot(
        position(),
        position("AAA/EUR"),
        orders=[order("o1", "AAA/EUR", "buy")],
        tracked={**ZOMBIE, "AAA/EUR": record()},
        rates={"EUR": 1},
    )
    forecast = plan_of(account)["forecast"]
    assert (forecast["reopening_orders"], forecast["state"]) == (["o1"], "NEEDS_CLEANUP")


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [(0, "entry-open"), (29, "entry-open"), (30, None), (None, None), (-1, "entry-open"), (-2, None)],
)
def test_dust_with_a_young_opening_order_is_a_position_in_the_making(minutes: float | None, reason: str | None) -> None:
    account = snapshot(position(quantity="0.05"), orders=[order(side="buy", minutes=minutes)])
    assert blocked(plan_of(account)) == ({"AAA/USD": (reason, False)} if reason else {})


def test_it_is_not_counted_by_the_cap() -> None:
    account = snapshot(position(quantity="0.05"), position("BBB/USD"), orders=[order(side="buy")], tracked=["BBB/USD"])
    assert actions(plan_of(account, max_positions=1)) == []


@pytest.mark.parametrize(("ahead", "state"), [(60, "CLEAN"), (60.000001, "UNKNOWN"), (86_400, "UNKNOWN")])
def test_an_order_dated_ahead_is_new_for_a_minute_and_then_of_unknown_age(ahead: float, state: str) -> None:
    plan = plan_of(snapshot(orders=[order(minutes=-ahead / 60)]))
    assert plan["checks"]["state"] == state
    assert plan["checks"]["unjudged_orders"] == ([] if state == "CLEAN" else ["o1"])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("LIMIT", "limit"),
        ("limit_maker", "limit"),
        ("buy-limit", "limit"),
        ("post only", "limit"),
        ("STOP_LOSS", "stop"),
        ("trailing_stop_market", "stop"),
        ("TRAILING", "stop"),
        ("take_profit", "stop"),
        ("take-profit-limit", "stop_limit"),
        ("trigger", "stop"),
    ],
)
def test_a_venue_s_word_for_an_order_is_known_for_what_it_means(word: str, kind: str) -> None:
    rules = [{"id": "of-kind", "when": {"type": kind, "age_minutes": {"gt": 30}}, "action": "cancel"}]
    account = snapshot(position(), orders=[order(kind=word, minutes=31)], tracked=["AAA/USD"])
    assert [act["rule"] for act in plan_of(account, orders=rules)["actions"]] == ["of-kind"]


@pytest.mark.parametrize("word", ["oco", "iceberg", "unknown", "other"])
def test_an_order_that_may_be_anything_is_judged_by_no_rule_and_keeps_the_account_unknown(word: str) -> None:
    plan = plan_of(snapshot(orders=[order(kind=word, minutes=50_000)]))
    assert (plan["checks"]["unjudged_orders"], plan["checks"]["state"]) == (["o1"], "UNKNOWN")
    assert plan["forecast"]["state"] == "UNKNOWN"


def test_a_rule_of_the_policy_s_own_may_judge_it() -> None:
    rules = [{"id": "old", "when": {"age_minutes": {"gt": 30}}, "action": "cancel"}]
    plan = plan_of(snapshot(orders=[order(kind="oco", minutes=50_000)]), orders=rules)
    assert plan["checks"]["unjudged_orders"] == []
    assert plan["forecast"]["state"] == "CLEAN"


@pytest.mark.parametrize("price", ["0", "-1", None])
def test_a_price_of_an_order_that_is_none_is_not_counted_as_one(price: str | None) -> None:
    told: Document = {"id": "o1", "symbol": "BBB/AAA", "side": "buy", "type": "stop", "quantity": "2"}
    told |= {"price": price, "trigger_price": "4", "created_at": time_text(ago(5))}
    account = snapshot(position(locked=8), tracked=ZOMBIE)
    document = snapshot_to_document(account) | {"open_orders": [told]}
    cancel, close = plan_of(snapshot_from_document(document))["actions"]
    assert (cancel["kind"], cancel["est_value"], close["quantity"]) == ("cancel_order", None, "10")


def test_an_order_that_filled_more_than_was_asked_for_has_nothing_left() -> None:
    more = order("o1", quantity=1, filled="1.5")
    account = snapshot(position(locked=2), orders=[more, order("o2", quantity=2)], tracked=ZOMBIE)
    plan = plan_of(account)
    assert [act["quantity"] for act in plan["actions"]] == ["0", "2", "10"]


def test_an_old_trailing_stop_of_nothing_held_is_an_orphan_though_it_names_no_trigger() -> None:
    account = snapshot(orders=[order(kind="trailing_stop_market", price=None, minutes=31)])
    assert [act["rule"] for act in plan_of(account)["actions"]] == ["orphan-stop"]


def test_an_order_without_a_time_is_judged_by_no_rule_and_a_close_still_cancels_it() -> None:
    rules = [{"id": "all", "when": {"type": "limit"}, "action": "cancel"}]
    assert actions(plan_of(snapshot(orders=[order(minutes=None)]), orders=rules)) == []
    account = snapshot(position(locked=1), orders=[order(minutes=None)], tracked=ZOMBIE)
    assert [act["kind"] for act in plan_of(account)["actions"]] == ["cancel_order", "close"]


@pytest.mark.parametrize(
    ("minutes", "more", "cancelled"),
    [
        (31, {}, True),
        (30, {}, False),
        (31, {"held": [position(locked=10)]}, False),
        (31, {"entry": order("e1", side="buy", minutes=1)}, False),
        (31, {"entry": order("e1", side="buy", kind="stop", trigger=120, minutes=29)}, False),
    ],
)
def test_a_stop_of_nothing_held_is_an_orphan(minutes: float, more: dict[str, Node], cancelled: bool) -> None:
    stop = order("s1", kind="stop", price=None, trigger=80, minutes=minutes)
    orders = [stop, more["entry"]] if "entry" in more else [stop]
    plan = plan_of(snapshot(*more.get("held", []), orders=orders, tracked=["AAA/USD"]))
    assert ("s1" in [act["order_id"] for act in plan["actions"]]) is cancelled


def test_a_stop_of_cash_is_no_orphan() -> None:
    stop = order(symbol="USDC/EUR", kind="stop", price=None, trigger="0.9", minutes=99)
    plan = plan_of(snapshot(position("USDC/USD", 50), orders=[stop], rates={"USDC": 1}))
    assert plan["actions"] == []


# --- What the venue takes -------------------------------------------------------------------------------------------


def divided(quantity: Amount, **limits: Node) -> list[tuple[str, str]]:
    plan = plan_of(snapshot(position(quantity=quantity), tracked=ZOMBIE, markets={"AAA/USD": market(**limits)}))
    return [(act["id"], act["quantity"]) for act in plan["actions"]]


@pytest.mark.parametrize("limit", [{"max_amount": 10}, {"market_max_amount": 10}, {"max_notional": 1000}])
def test_exactly_at_a_maximum_there_is_one_order(limit: dict[str, int]) -> None:
    assert divided(10, **limit) == [("a1", "10")]
    assert divided("10.001", **limit) == [("a1.1", "5.001"), ("a1.2", "5")]


def test_above_a_maximum_the_orders_are_as_few_and_equal_as_the_step_allows_larger_first() -> None:
    assert [size for _, size in divided(10, step=1, max_amount=3)] == ["3", "3", "2", "2"]
    assert [size for _, size in divided(10, step=None, max_amount=4)] == ["3.33333334", "3.33333333", "3.33333333"]


def test_where_equal_parts_would_be_below_the_minimum_the_maximum_goes_now_and_the_rest_later() -> None:
    assert divided("10.5", min_amount=6, max_amount=10) == [("a1", "10")]


def test_a_maximum_of_zero_is_none_and_one_below_the_minimum_takes_nothing() -> None:
    assert divided(10, max_amount="0.0005") == []


def test_an_absurd_maximum_plans_a_thousand_orders_at_most_which_the_guard_refuses() -> None:
    sizes = divided(10**9, min_notional=None, max_amount="0.001")
    assert (len(sizes), {size for _, size in sizes}) == (1000, {"0.001"})


def test_divided_orders_have_ids_of_their_own_and_count_one_by_one() -> None:
    account = snapshot(position(), tracked=ZOMBIE, markets={"AAA/USD": market(max_amount=4)})
    plan = plan_of(account, guards={"max_actions": 2})
    assert len({act["client_order_id"] for act in plan["actions"]}) == 3
    assert next(guard for guard in plan["guards"] if guard["name"] == "max_actions")["value"] == 3
    assert plan["forecast"]["state"] == "CLEAN"


@pytest.mark.parametrize(("least", "kinds"), [(900, ["close"]), ("900.01", [])])
def test_minimums_hold_at_the_price_of_the_collar(least: Amount, kinds: list[str]) -> None:
    account = snapshot(position(), tracked=ZOMBIE, markets={"AAA/USD": market(min_notional=least)})
    plan = plan_of(account, guards={"price_collar_pct": Decimal("0.1")})
    assert [act["kind"] for act in plan["actions"]] == kinds


@pytest.mark.parametrize(("least", "kinds"), [(900, ["attach_stop", "adopt"]), ("900.01", [])])
def test_minimums_hold_at_the_trigger_of_a_stop(least: Amount, kinds: list[str]) -> None:
    account = snapshot(position(), markets={"AAA/USD": market(min_notional=least)})
    plan = plan_of(account, base="conservative", stop_pct=Decimal("0.1"))
    assert [act["kind"] for act in plan["actions"]] == kinds
    assert blocked(plan) == ({} if kinds else {"AAA/USD": ("below-minimum", False)})


# --- Growth and pace ------------------------------------------------------------------------------------------------


def step(plan: Document) -> dict[str, Node]:
    return dict(shown(plan)["unwind"])


@pytest.mark.parametrize(("held", "added", "initial"), [("7.55", "0.05", "10.05"), ("7.6", "0.1", "10.1")])
def test_a_little_growth_moves_the_target_and_not_the_cycle(held: str, added: str, initial: str) -> None:
    after = step(plan_of(snapshot(position(quantity=held)), unwound(1, "0.75", 10)))
    assert (after["cycle"], after["added"], after["initial_quantity"]) == (2, added, initial)


@pytest.mark.parametrize(("held", "regrown"), [("7.6125", False), ("7.6126", True)])
def test_all_growth_together_counts_against_one_percent_of_what_it_began_with(held: str, regrown: bool) -> None:
    # 10.05 of which 0.05 came later: 7.5375 is what cycle 1 may leave, and another 0.05 may come.
    listed = {"AAA/USD": market(step="0.0001")}
    held = str(Decimal(held) - Decimal("0.025"))
    plan = plan_of(snapshot(position(quantity=held), markets=listed), unwound(1, "0.75", "10.05", added="0.05"))
    assert step(plan)["regrown"] is regrown


@pytest.mark.parametrize(("seconds", "due"), [(299, False), (300, True), (301, True), (-1, True)])
def test_a_cycle_is_due_the_interval_after_the_last_one(seconds: int, due: bool) -> None:
    last = NOW - timedelta(seconds=seconds)
    plan = plan_of(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10, last=last))
    assert bool(actions(plan)) is due
    assert blocked(plan) == ({} if due else {"AAA/USD": ("waiting", False)})


def test_a_waiting_cycle_says_until_when_and_is_a_cleanup_in_progress() -> None:
    plan = plan_of(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10, last=ago(1)))
    assert plan["blocked"][0]["until"] == "2026-02-18T22:04:00Z"
    assert plan["checks"]["state"] == plan["forecast"]["state"] == "CLEANUP_IN_PROGRESS"


@pytest.mark.parametrize("held", ["7.5", "5", "12"])
def test_any_cycle_waits_also_one_without_an_order_and_the_first_after_growth(held: str) -> None:
    plan = plan_of(snapshot(position(quantity=held)), unwound(1, "0.75", 10, last=ago(4)))
    assert blocked(plan) == {"AAA/USD": ("waiting", False)}
    assert "unwind" not in shown(plan)


def test_the_last_cycle_waits_too() -> None:
    plan = plan_of(snapshot(position(quantity=4)), unwound(3, "0.421875", 10, last=ago(4)))
    assert blocked(plan) == {"AAA/USD": ("waiting", False)}


@pytest.mark.parametrize("last", [NOW + timedelta(seconds=1), NOW + timedelta(days=9999)])
def test_a_last_cycle_that_has_not_come_is_due_and_told(last: datetime) -> None:
    action = only_action(plan_of(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10, last=last)))
    assert "which has not come, so it is due" in action["because"]


def test_without_an_interval_nothing_waits() -> None:
    plan = plan_of(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10, last=NOW), unwind_interval_minutes=0)
    assert [act["kind"] for act in plan["actions"]] == ["unwind"]


def test_unsellable_at_its_target_and_not_due_is_nothing() -> None:
    account = snapshot(position(quantity=5), markets={"AAA/USD": market(active=False)})
    plan = plan_of(account, unwound(1, "0.75", 10, last=ago(1)))
    assert (plan["actions"], plan["blocked"]) == ([], [])
    assert judged(plan)[1] == "legacy.untracked"


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_end_of_the_calendar_plans_orders_and_cycles_all_the_same(side: OrderSide) -> None:
    end = datetime.max.replace(tzinfo=NOW.tzinfo)
    progress = unwound(1, "0.75", 10, last=end - timedelta(minutes=1))
    plan = plan_of(snapshot(position(quantity="7.5"), orders=[order(side=side)]), progress, now=end)
    assert plan["blocked"][0]["until"] == "9999-12-31T23:59:59.999999Z"


def test_a_cycle_done_at_this_very_moment_is_not_dated_ahead() -> None:
    plan = plan_of(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10, last=NOW))
    assert (plan["actions"], plan["blocked"][0]["until"]) == ([], "2026-02-18T22:05:00Z")


def test_the_longest_interval_ends_to_the_second() -> None:
    account = snapshot(position(quantity="7.5"))
    plan = plan_of(account, unwound(1, "0.75", 10, last=NOW), unwind_interval_minutes=5_256_000)
    assert plan["blocked"][0]["until"] == "2036-02-16T22:00:00Z"
