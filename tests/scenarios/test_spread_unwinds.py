"""Unwinds by a schedule of the policy: even and adaptive slices, and no faster than the market allows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Market, Side
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.plan import Document, read_plan
from tests.builders import Amount, ago, blocked, market, only_action, plan_of, position, shown, snapshot, unwound

ADAPTIVE = {"schedule": "adaptive", "calibrate": {"pct": Decimal("0.25"), "at_volatility": Decimal("0.04")}}
HOURLY = {"max_participation": {"share": Decimal("0.05"), "of": "hour"}}
DAILY = {"max_participation": {"share": Decimal("0.05"), "of": "day"}}
UNWOUND = {"id": "legacy", "when": {"category": "LEGACY_NON_COMPLIANT"}, "action": "unwind"}
BOOK = {"max_participation": {"share": Decimal("0.2"), "of": "book"}}


def moving(**data: Amount) -> Market:
    """List a market with whole units of 100 each, of which so much is known."""
    known: Any = {name: Decimal(value) for name, value in data.items()}
    return market(step=1, min_amount=1, data=MarketData(**known))


def fine(sigma: str) -> Market:
    """List a market of that volatility whose step is too fine to matter."""
    return market(step="0.00000001", data=MarketData(volatility_1d=Decimal(sigma)))


def unwinding(
    listed: Market, held: Amount = 1_000_000, progress: Progress | None = None, *, side: Any = "long", **given: Any
) -> Document:
    account = snapshot(position(quantity=held, side=side), markets={"AAA/USD": listed}, cash=0)
    return plan_of(account, progress, **given)


def step(plan: Document, side: str = "long") -> dict[str, Any]:
    return dict(shown(plan, side=side)["unwind"])


def warned(plan: Document) -> list[str]:
    return [one["text"] for one in plan["warnings"] if one["kind"] == "no-market-data"]


def sold(plan: Document) -> str:
    return str(only_action(plan)["quantity"])


# --- by which schedule ---


@pytest.mark.parametrize(
    ("sigma", "left"),
    [
        ("0", ["750000", "500000", "250000"]),
        ("0.02", ["732322", "479900", "237476"]),
        ("0.04", ["685104", "427300", "205104"]),
        ("0.08", ["552995", "290323", "124424"]),
    ],
)
def test_an_adaptive_unwind_leaves_what_the_formula_says(sigma: str, left: list[str]) -> None:
    held, progress, found = Decimal(1_000_000), None, []
    for cycle in range(4):
        plan = unwinding(fine(sigma), plain(held), progress, unwind=ADAPTIVE)
        held -= Decimal(sold(plan))
        progress = unwound(cycle + 1, step(plan)["remaining_pct"], 1_000_000)
        found.append(str(round(held)))
    assert found == [*left, "0"]


def test_each_cycle_is_asked_anew_with_the_volatility_of_its_day() -> None:
    # .447005 is p(4) at 8 %, .344687 p(3) at 2 %: a storm first, then a calm.
    first = unwinding(fine("0.08"), unwind=ADAPTIVE)
    assert (sold(first)[:6], step(first)["rest_pct"], step(first)["volatility"]) == ("447004", "0.447005", "0.08")
    second = unwinding(fine("0.02"), 552_995, unwound(1, "0.552995", 1_000_000), unwind=ADAPTIVE)
    assert (sold(second)[:6], step(second)["rest_pct"], step(second)["volatility"]) == ("190610", "0.344687", "0.02")


def test_where_the_volatility_is_unknown_the_reference_is_used_and_said() -> None:
    plan = unwinding(moving(), unwind=ADAPTIVE)
    assert sold(plan) == "314896"
    assert "volatility" not in step(plan)
    assert only_action(plan)["because"].endswith(
        "cycle 1 of 4: down to 68.5104 % of 1000000; adaptive schedule: 31.4896 % of the rest, "
        "volatility unknown: the reference, 4 % a day"
    )
    assert warned(plan) == ["the volatility of AAA/USD is not known: its unwind goes by the reference, 4 % a day"]


def test_a_risk_aversion_without_a_volatility_gives_even_slices_and_says_so() -> None:
    averse = {"schedule": "adaptive", "risk_aversion": 100, "impact": Decimal("0.01")}
    plan = unwinding(moving(), unwind=averse)
    assert sold(plan) == "250000"
    assert only_action(plan)["because"].endswith("25 % of the rest, volatility unknown: even slices")
    assert warned(plan) == ["the volatility of AAA/USD is not known: its unwind goes by even slices"]


def test_nothing_is_warned_of_where_no_cycle_would_be_another() -> None:
    waiting = unwound(1, "0.685", 1_000_000, last=ago(1))
    last = unwound(3, "0.2", 1_000_000, last=ago(6000))
    assert warned(unwinding(moving(), 685_000, waiting, unwind=ADAPTIVE)) == []
    assert warned(unwinding(moving(), 200_000, last, unwind=ADAPTIVE)) == []
    assert warned(unwinding(moving(), unwind=ADAPTIVE, max_positions=0)) == []  # closed for the cap
    assert warned(unwinding(moving(), unwind={"schedule": "even"})) == []


def test_a_rule_and_an_unwind_that_miss_the_volatility_are_told_of_apart() -> None:
    shaky = {"id": "shaky", "when": {"volatility_1d": {"gt": Decimal("0.5")}}, "action": "close"}
    plan = unwinding(moving(), side="short", unwind=ADAPTIVE, exits=[shaky, UNWOUND])
    assert warned(plan) == [
        "the volatility of AAA/USD is not known: a rule that compares it does not match",
        "the volatility of AAA/USD is not known: its unwind goes by the reference, 4 % a day",
    ]


def test_a_risk_aversion_goes_by_the_length_of_a_cycle() -> None:
    averse = {"schedule": "adaptive", "risk_aversion": 100, "impact": Decimal("0.0475")}
    plans = [
        unwinding(moving(volatility_1d="0.019"), unwind=averse, unwind_cycles=5, unwind_interval_minutes=minutes)
        for minutes in (1440, 5)
    ]
    # One cycle a day is the example of Almgren and Chriss; with one every five minutes there is hardly any risk.
    assert [sold(plan) for plan in plans] == ["571401", "203148"]


def test_even_slices_are_even() -> None:
    held, left = Decimal(1_000_000), []
    progress = None
    for cycle in range(4):
        plan = unwinding(moving(), plain(held), progress, unwind={"schedule": "even"})
        held -= Decimal(sold(plan))
        progress = unwound(cycle + 1, step(plan)["remaining_pct"], 1_000_000)
        left.append(str(held))
    assert left == ["750000", "500000", "250000", "0"]


def test_the_action_says_which_schedule_and_which_volatility() -> None:
    plan = unwinding(moving(volatility_1d="0.08"), unwind=ADAPTIVE)
    assert "; adaptive schedule: 44.7005 % of the rest, at a volatility of 8 % a day" in only_action(plan)["because"]


@pytest.mark.parametrize(("bound", "share"), [("max_pct", "0.3"), ("min_pct", "0.6")])
def test_the_policy_bounds_what_a_cycle_closes(bound: str, share: str) -> None:
    plan = unwinding(moving(volatility_1d="0.08"), unwind={**ADAPTIVE, bound: Decimal(share)})
    assert (step(plan)["rest_pct"], sold(plan)) == (share, f"{Decimal(share) * 1_000_000:.0f}")


def test_the_last_cycle_takes_all_whatever_the_bounds() -> None:
    plan = unwinding(moving(), 200_000, unwound(3, "0.2", 1_000_000), unwind={**ADAPTIVE, "max_pct": Decimal("0.3")})
    assert sold(plan) == "200000"


@pytest.mark.parametrize("schedule", [ADAPTIVE, {"schedule": "even"}, {}])
def test_with_a_pct_of_nothing_every_schedule_stands_still(schedule: dict[str, Any]) -> None:
    plan = unwinding(moving(volatility_1d="0.5"), unwind={**schedule, **HOURLY}, gradual_unwind_pct=0)
    assert plan["actions"] == []


def test_growth_moves_the_target_and_begins_the_unwind_anew_as_published() -> None:
    little = unwinding(moving(), 688_104, unwound(1, "0.685104", 1_000_000), unwind=ADAPTIVE)
    assert (step(little)["cycle"], step(little)["initial_quantity"], step(little)["added"]) == (2, "1003000", "3000")
    much = unwinding(moving(), 800_000, unwound(1, "0.685104", 1_000_000), unwind=ADAPTIVE)
    assert (step(much)["cycle"], step(much)["regrown"], step(much)["initial_quantity"]) == (1, True, "800000")


def test_a_policy_without_the_block_writes_none_of_its_keys() -> None:
    written = step(unwinding(moving(volatility_1d="0.08", volume_1h=1)))
    assert not {"schedule", "rest_pct", "volatility", "max_quantity", "is_capped"} & written.keys()


def test_a_plan_with_a_schedule_is_read_as_it_was_written() -> None:
    plan = unwinding(moving(volatility_1d="0.08", volume_1h=100_000), unwind={**ADAPTIVE, **HOURLY})
    assert read_plan(plan).document == plan


# --- no faster than the market allows ---


def test_a_cycle_sells_at_most_its_share_of_the_hours_volume() -> None:
    plan = unwinding(moving(volume_1h=1_000_000), unwind=HOURLY)
    assert (sold(plan), step(plan)["max_quantity"], step(plan)["is_capped"]) == ("50000", "50000", True)
    assert step(plan)["remaining_pct"] == "0.95"
    assert "; at most 50000 may be sold now, 5 % of the volume of the last hour" in only_action(plan)["because"]


def test_a_market_that_allows_more_leaves_the_schedule_alone() -> None:
    plan = unwinding(moving(volume_1h=10_000_000), unwind=HOURLY)
    assert (sold(plan), step(plan)["max_quantity"]) == ("250000", "500000")
    assert "is_capped" not in step(plan)


@pytest.mark.parametrize(("minutes", "most"), [(6, "5000"), (30, "25000"), (60, "50000"), (600, "50000")])
def test_of_an_hours_volume_only_as_much_as_has_passed_since_the_last_cycle(minutes: int, most: str) -> None:
    before = unwound(1, "0.95", 1_000_000, last=ago(minutes))
    assert sold(unwinding(moving(volume_1h=1_000_000), 950_000, before, unwind=HOURLY)) == most


def test_a_share_of_a_day_paces_by_the_day() -> None:
    before = unwound(1, "0.95", 1_000_000, last=ago(720))
    assert sold(unwinding(moving(volume_1d=1_000_000), 950_000, before, unwind=DAILY)) == "25000"


@pytest.mark.parametrize(("side", "most"), [("long", "2000"), ("short", "600")])
def test_a_share_of_the_book_is_of_the_side_that_the_order_hits(side: Side, most: str) -> None:
    listed = moving(bid_depth=10_000, ask_depth=3_000, depth_within="0.01")
    account = snapshot(position("AAA/USD:USD", 100_000, side=side), markets={"AAA/USD:USD": listed}, cash=10**9)
    assert sold(plan_of(account, unwind=BOOK)) == most


def test_a_capped_last_cycle_leaves_the_rest_for_cycles_after_it() -> None:
    listed = moving(volume_1h=1_000_000)
    last = unwinding(listed, 400_000, unwound(3, "0.4", 1_000_000, last=ago(60)), unwind=HOURLY)
    assert (sold(last), step(last)["cycle"], step(last)["remaining_pct"]) == ("50000", 4, "0.35")
    assert only_action(last)["because"].endswith("what is left follows as the market allows")
    after = unwinding(listed, 350_000, unwound(4, "0.35", 1_000_000, last=ago(60)), unwind=HOURLY)
    assert (sold(after), step(after)["cycle"]) == ("50000", 5)
    assert "cycle 5, after the 4 of the schedule: down to 30 % of 1000000" in only_action(after)["because"]
    end = unwinding(listed, 30_000, unwound(11, "0.03", 1_000_000, last=ago(60)), unwind=HOURLY)
    assert (sold(end), step(end)["remaining_pct"]) == ("30000", "0")


def test_a_capped_slice_filled_in_part_is_finished_and_not_filled_anew() -> None:
    listed = moving(volume_1h=1_000_000)
    begun = unwound(0, 1, 1_000_000)
    assert sold(unwinding(listed, 980_000, begun, unwind=HOURLY)) == "30000"


def test_a_market_too_thin_for_one_order_is_waited_for_and_said() -> None:
    before = unwound(1, "0.95", 1_000_000, last=ago(6))
    plan = unwinding(moving(volume_1h=100), 950_000, before, unwind=HOURLY)
    assert blocked(plan) == {"AAA/USD": ("thin-market", False)}
    assert "at most 0 may be sold now" in plan["blocked"][0]["because"]
    assert "unwind" not in shown(plan)


def test_what_a_thin_market_does_not_use_is_there_later() -> None:
    before = unwound(1, "0.95", 1_000_000, last=ago(30))
    assert sold(unwinding(moving(volume_1h=100), 950_000, before, unwind=HOURLY)) == "2"


@pytest.mark.parametrize("limit", [HOURLY, DAILY, BOOK])
def test_where_the_market_does_not_tell_nothing_is_sold(limit: dict[str, Any]) -> None:
    plan = unwinding(moving(), unwind=limit)
    assert (plan["actions"], blocked(plan)) == ([], {"AAA/USD": ("thin-market", False)})
    assert plan["blocked"][0]["because"].endswith("may be sold, and that is not known")


def test_a_cycle_that_is_not_due_waits_before_the_market_is_asked() -> None:
    before = unwound(1, "0.95", 1_000_000, last=ago(1))
    assert blocked(unwinding(moving(volume_1h=0), 950_000, before, unwind=HOURLY)) == {"AAA/USD": ("waiting", False)}


def test_a_market_that_does_not_trade_counts_no_cycle() -> None:
    plan = unwinding(moving(volume_1h=0), 750_000, unwound(1, "0.75", 1_000_000, last=ago(60)), unwind=HOURLY)
    assert blocked(plan) == {"AAA/USD": ("thin-market", False)}
    assert "unwind" not in shown(plan)


def test_a_rest_below_the_minimum_goes_with_the_slice_before_it() -> None:
    listed = moving(volume_1h=200)
    assert sold(unwinding(listed, "10.5", unwound(4, "0.5", 21, last=ago(60)), unwind=HOURLY)) == "10"
