"""A plan's actions judged again on the account of now: what is done, stale or no longer wanted, and how much may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest
from msgspec import structs

from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Cash, Conversion, Snapshot, TrackerRecord
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.exits import ExitContext, record_marks
from exitplan.ruleset.planning.plan import make_plan
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from exitplan.ruleset.planning.redecision import Judgement, Redecision
from tests.builders import (
    NOW,
    Amount,
    Given,
    ago,
    market,
    order,
    plan_input,
    position,
    price_missing,
    record,
    snapshot,
    unwound,
)

Change = Callable[[Action], Action]
Told = tuple[str, str]
WANTED: Told = ("wanted", "")


def same(action: Action) -> Action:
    return action


def with_(**fields: Given) -> Change:
    """Change fields of actions, as somebody who alters a plan would."""
    return lambda action: structs.replace(action, **fields)


@dataclass
class Desk:
    """A plan, and what has become of it: how it was altered or doubled, what its orders have sold, what is settled."""

    given: PlanInput
    change: Change = same
    twin: Change | None = None
    sold: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    has_cycles: bool = True
    now: datetime = NOW

    def judge(self, account: Snapshot | None = None, progress: Progress | None = None) -> list[Judgement]:
        """Judge the plan again, on the account and the progress that it was made for unless others are given."""
        plan = make_plan(self.given)
        actions = [self.change(action) for action in plan.actions]
        if self.twin is not None:
            actions += [structs.replace(self.twin(action), id=f"{action.id}*") for action in plan.actions]
        now = structs.replace(
            self.given, snapshot=account or self.given.snapshot, progress=progress or self.given.progress, now=self.now
        )
        draft, policy = draft_plan(now), now.rulebook.policy
        cancelled = frozenset(one.order_id for one in actions if one.order_id is not None)
        context = ExitContext.of(policy, draft.account, now.progress, now.now, cancelled)
        sold = {key: Decimal(quantity) for key, quantity in self.sold.items()}
        steps = plan.steps if self.has_cycles else {}
        return [*Redecision(policy, draft, context, actions, sold, self.settled, steps).judge().values()]

    def says(self, account: Snapshot | None = None, progress: Progress | None = None) -> list[Told]:
        """Tell how each action stands, and why."""
        return [(str(found.standing), found.why) for found in self.judge(account, progress)]

    def most(self, account: Snapshot | None = None, progress: Progress | None = None) -> list[str | None]:
        """Tell how much of each action may be sent; None where nothing of it is."""
        return [None if one.most is None else f"{one.most.normalize():f}" for one in self.judge(account, progress)]


def expected(quantity: Amount, known: TrackerRecord | None = None) -> dict[str, str | None]:
    """Give what an action about a position at 100 expects, its record included."""
    return {"position_quantity": str(quantity), "mark_price": "100", **dict(record_marks(known or record()))}


def planned(account: Snapshot, progress: Progress | None = None, **given: Given) -> Desk:
    return Desk(plan_input(account, progress, **given))


LEGACY = snapshot(position())
"""Ten units, a quarter of which the first cycle of an unwind sells."""
ZOMBIE = snapshot(position(), tracked={"AAA/USD": record(entry=None)})
NAMES = ("AAA/USD", "BBB/USD", "CCC/USD")


DUST = [{"id": "dust", "rule": 1, "when": {"tracked": False}, "action": "close"}]


def held(*quantities: Amount, **parts: Given) -> Snapshot:
    """Make an account of positions that a strategy manages, each a share of it that is no dust."""
    positions = [position(name, quantity) for name, quantity in zip(NAMES, quantities, strict=False)]
    return snapshot(*positions, tracked=NAMES[: len(positions)], cash=0, **parts)


# --- how much may go ---


def test_on_the_same_account_all_of_a_plan_is_wanted() -> None:
    assert (planned(LEGACY).says(), planned(LEGACY).most()) == ([WANTED], ["2.5"])
    assert (planned(ZOMBIE).says(), planned(ZOMBIE).most()) == ([WANTED], ["10"])


@pytest.mark.parametrize("account", [LEGACY, ZOMBIE], ids=["slice", "close"])
def test_what_is_planned_twice_is_sold_once(account: Snapshot) -> None:
    desk = replace(planned(account), twin=same)
    assert desk.says() == [WANTED, ("stale", "of 10 only 0 can be sold now")]


def in_parts(quantity: Amount, **parts: Given) -> Snapshot:
    return snapshot(position(quantity=quantity, **parts), markets={"AAA/USD": market(max_amount=1)})


def test_orders_of_one_slice_share_what_the_policy_would_sell() -> None:
    assert planned(in_parts(10)).most() == ["2.5", "1.666", "0.833"]


BEGUN = unwound(0, 1, 10, started=NOW)
"""What is remembered of a first slice that is not done yet."""


def test_what_is_left_of_a_slice_is_what_its_settled_orders_have_not_sold() -> None:
    desk = replace(planned(in_parts(10)), settled=frozenset({"a1.1"}), sold={"AAA/USD": "0.834"})
    assert desk.most(in_parts("9.166"), BEGUN) == ["1.666", "0.833"]
    short = replace(desk, sold={"AAA/USD": "0.9"})  # orders that were cancelled have sold some, too
    assert short.most(in_parts("9.166"), BEGUN) == ["1.6", "0.767"]


def test_no_more_of_a_slice_is_sold_than_all_its_orders_were_to_sell() -> None:
    account = snapshot(position(), position("BBB/USD"), orders=[order("old", side="buy", price=90, minutes=60)])
    grown = structs.replace(account, positions=(position(quantity="10.05"), position("BBB/USD")))
    assert planned(account).most(grown, BEGUN) == [None, "2.5", "2.5"]


def test_of_a_close_all_that_is_held_now_may_be_sold() -> None:
    assert planned(ZOMBIE).most(structs.replace(ZOMBIE, positions=(position(quantity="10.05", locked=4),))) == ["10.05"]


def test_a_slice_that_is_sold_is_done() -> None:
    desk = replace(planned(in_parts(10)), sold={"AAA/USD": "2.5"})
    assert desk.says(in_parts("7.5"), BEGUN) == [("done already", "the target of the cycle is reached")] * 3


@pytest.mark.parametrize(("held_back", "free"), [(0, None), ("9.99", None), ("9.991", "0.009"), ("9.9999", "0")])
def test_what_is_locked_or_owed_now_is_not_sold(held_back: Amount, free: str | None) -> None:
    told = WANTED if free is None else ("stale", f"of 10 only {free} can be sold now")
    assert planned(LEGACY).says(snapshot(position(locked=held_back))) == [told]
    assert (planned(LEGACY).says(snapshot(position(debt=held_back))) == [WANTED]) is (free is None)


def test_an_order_must_be_worth_the_minimum_at_its_own_limit() -> None:
    listed = market(min_notional=990, price_step="0.01")
    desk = planned(snapshot(position(), markets={"AAA/USD": listed}), guards={"price_collar_pct": Decimal("0.01")})
    assert desk.says() == [WANTED]
    dearer = structs.replace(listed, min_notional=Decimal("990.01"))
    assert desk.says(snapshot(position(), markets={"AAA/USD": dearer}))[0][0] != "wanted"


# --- what has moved ---


@pytest.mark.parametrize("quantity", ["9", "9.1", "8.9", "9.101", "8.899", "10"])
def test_what_the_plans_own_orders_have_sold_has_not_moved(quantity: str) -> None:
    desk = replace(planned(LEGACY), sold={"AAA/USD": "1"})
    is_near = abs(Decimal(quantity) - 9) <= Decimal("0.1")
    told = WANTED if is_near else ("stale", f"the quantity was 9 and is {quantity}")
    assert desk.says(snapshot(position(quantity=quantity)), BEGUN) == [told]


def test_a_short_moves_by_its_size() -> None:
    short = position("AAA/USD:USD", side="short")
    desk = planned(snapshot(short))
    assert desk.says() == [WANTED]
    assert desk.says(snapshot(structs.replace(short, quantity=Decimal(20)))) == [
        ("stale", "the quantity was 10 and is 20")
    ]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([], ("done already", "the position is gone")),
        ([position("AAA/EUR")], ("stale", "it is held as AAA/EUR now")),
        ([position("BBB/USD"), position("AAA/EUR")], ("stale", "it is held as AAA/EUR now")),
        ([position("BBB/USD")], ("done already", "the position is gone")),
        ([position("AAA/USD:USD", side="short")], ("done already", "the position is gone")),
    ],
    ids=["nothing", "another symbol", "among others", "another asset", "the other side"],
)
def test_a_position_that_is_not_there_is_gone_or_has_another_name(now: list[Given], told: Told) -> None:
    assert planned(LEGACY).says(snapshot(*now, rates={"EUR": 1})) == [told]


def test_of_a_contract_the_other_side_is_another_position() -> None:
    desk = planned(snapshot(position("AAA/USD:USD", side="short")))
    assert desk.says(snapshot(position("AAA/USD:USD"))) == [("done already", "the position is gone")]


@pytest.mark.parametrize("last", ["105", "95", "100.01", "105.01", "94.99"])
def test_a_price_may_move_as_far_as_the_policy_lets_it(last: str) -> None:
    is_near = abs(Decimal(last) - 100) <= 5
    told = WANTED if is_near else ("stale", f"the price was 100 and is {last}, a move above 5 %")
    assert planned(LEGACY).says(snapshot(position(), markets={"AAA/USD": market(last)})) == [told]


def test_a_price_that_is_gone_or_has_come_back_makes_an_action_stale() -> None:
    blind = structs.replace(ZOMBIE, markets={"AAA/USD": market(None)})
    desk = planned(blind, price_missing(60))
    assert desk.says() == [WANTED]
    assert desk.says(ZOMBIE) == [("stale", "the price was not there and is 100")]
    assert planned(ZOMBIE).says(blind, price_missing(60)) == [("stale", "the price was 100 and is not there")]


def test_a_price_that_cannot_be_read_says_nothing_of_an_action() -> None:
    unread = snapshot(position(), markets={"AAA/USD": market(price_status="unavailable")})
    assert planned(LEGACY).says(unread) == [("unreadable", "its price cannot be read")]


# --- what the policy no longer wants ---


def test_another_rule_of_now_is_named() -> None:
    exits = [
        {"id": "small", "when": {"value_usd": {"lt": 990}}, "action": "close"},
        {"id": "rest", "when": {"tracked": False}, "action": "close"},
    ]
    cheaper = snapshot(position(), markets={"AAA/USD": market(98)})
    assert planned(LEGACY, exits=exits).says(cheaper) == [("no longer wanted", "the rule small applies now")]


def test_what_does_not_trade_now_is_not_sold() -> None:
    halted = snapshot(position(), markets={"AAA/USD": market(active=False)})
    assert planned(LEGACY).says(halted) == [("no longer wanted", "the market does not trade")]


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        (unwound(1, "0.75", 10, started=NOW), ("done already", "its cycle has ended")),
        (unwound(2, "0.75", 10, started=NOW), ("done already", "its cycle has ended")),
        (unwound(0, 1, 10, started=NOW), WANTED),
        (unwound(1, 1, 10, started=ago(5)), WANTED),  # that was another unwind
    ],
    ids=["ended", "long ended", "begun", "another"],
)
def test_a_cycle_is_done_once(progress: Progress, told: Told) -> None:
    assert planned(LEGACY).says(None, progress) == [told]


def test_a_slice_is_sold_although_the_clock_has_gone_back_behind_its_due_time() -> None:
    account = snapshot(position(quantity="7.5"))
    desk = planned(account, unwound(1, "0.75", 10, last=ago(5)))
    assert replace(desk, now=ago(1)).says() == [WANTED]


def test_a_slice_of_no_cycle_is_not_sold() -> None:
    assert replace(planned(LEGACY), has_cycles=False).says() == [("no longer wanted", "the plan has no cycle for it")]


@pytest.mark.parametrize(("by", "is_wanted"), [("1.05", True), ("0.95", True), ("1.0501", False), ("0.9499", False)])
def test_a_limit_is_about_where_the_policy_wants_it(by: str, is_wanted: bool) -> None:
    def moved(action: Action) -> Action:
        return structs.replace(action, limit_price=(action.limit_price or Decimal(0)) * Decimal(by))

    desk = replace(planned(LEGACY, guards={"price_collar_pct": Decimal("0.01")}), change=moved)
    assert desk.says() == [WANTED if is_wanted else ("no longer wanted", "its limit is not the policy's")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"side": "buy"}, "buy is not the side that reduces it"),
        ({"kind": "close"}, "the rule legacy applies now"),
        ({"kind": "convert_dust"}, "the rule legacy applies now"),
        ({"kind": "attach_stop"}, "the rule legacy applies now"),
        ({"rule": "zombie"}, "the rule legacy applies now"),
        ({"rule": "over-cap"}, "the cap is met"),
        ({"rule": "nothing"}, "the rule legacy applies now"),
        ({"limit_price": Decimal(100)}, "its limit is not the policy's"),
        ({"trigger_price": Decimal(100)}, "its limit is not the policy's"),
        ({"symbol": "BBB/USD"}, "it is protected"),
    ],
    ids=str,
)
def test_what_somebody_altered_is_not_wanted(changes: dict[str, Given], why: str) -> None:
    account = snapshot(position(), position("BBB/USD"))
    desk = replace(planned(account, protect=[{"symbol": "BBB/USD"}]), change=with_(**changes))
    assert desk.says() == [("no longer wanted", why)]


def test_a_limit_that_somebody_took_away_is_missed() -> None:
    desk = planned(LEGACY, guards={"price_collar_pct": Decimal("0.01")})
    assert replace(desk, change=with_(limit_price=None)).says() == [
        ("no longer wanted", "its limit is not the policy's")
    ]


def test_an_action_that_is_not_wanted_uses_up_nothing() -> None:
    desk = replace(planned(LEGACY), change=with_(side="buy"), twin=same)
    assert desk.most() == [None, "2.5"]


def test_an_action_that_expects_nothing_is_stale_and_one_without_a_side_is_about_the_long_one() -> None:
    blind = replace(planned(LEGACY), change=with_(expects={}))
    assert blind.says() == [("stale", "the price was not there and is 100")]
    sideless = replace(planned(LEGACY), change=with_(position_side=None))
    assert sideless.says(snapshot(position("AAA/EUR"), rates={"EUR": 1})) == [("stale", "it is held as AAA/EUR now")]


def test_a_rule_that_does_not_exist_is_none_of_the_cap() -> None:
    exits = [{"id": "calm", "when": {"all": [{"tracked": False}, {"over_cap": False}]}, "action": "close"}]
    desk = replace(planned(LEGACY, exits=exits), change=with_(rule="nothing"))
    assert desk.says() == [("no longer wanted", "the rule calm applies now")]


def test_what_no_rule_closes_any_more_is_told_why() -> None:
    exits = [{"id": "small", "when": {"value_usd": {"lt": 990}}, "action": "close"}]
    cheap, dear = (snapshot(position(), markets={"AAA/USD": market(last)}) for last in (98, 100))
    ((standing, why),) = planned(cheap, exits=exits).says(dear)
    assert (standing, "small" in why, bool(why)) == ("no longer wanted", False, True)


def test_what_a_rule_defers_now_is_not_sold() -> None:
    rules = [{"id": "wait", "category": "DEFERRED", "when": {"value_usd": {"lt": 990}}}]
    exits = [{"id": "all", "when": {"tracked": False}, "action": "close"}]
    cheaper = snapshot(position(), markets={"AAA/USD": market(98)})
    ((standing, why),) = planned(LEGACY, classification=rules, exits=exits).says(cheaper)
    assert (standing, "protected" in why, bool(why)) == ("no longer wanted", False, True)


KNOWN = record("manual", entry=90, opened=ago(500))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (KNOWN, WANTED),
        (record("manual", entry=91, opened=ago(500)), "the tracker has another record of it since"),
        (record("manual", entry=90, opened=ago(400)), "the tracker has another record of it since"),
        (record("external", entry=90, opened=ago(500)), "the tracker has another record of it since"),
        (None, "the rule legacy applies now"),
    ],
    ids=["the same", "another price", "opened later", "another source", "none"],
)
def test_a_position_is_the_lot_that_the_plan_saw(now: Given, told: Given) -> None:
    exits = [
        {"id": "manual", "when": {"tracked": True}, "action": "close"},
        {"id": "legacy", "when": {"tracked": False}, "action": "close"},
    ]
    account = snapshot(position(), tracked={} if now is None else {"AAA/USD": now})
    desk = planned(snapshot(position(), tracked={"AAA/USD": KNOWN}), exits=exits)
    assert desk.says(account) == [told if told == WANTED else ("no longer wanted", told)]


def test_a_position_that_the_tracker_has_registered_since_is_left() -> None:
    told = ("no longer wanted", "the tracker has registered it since")
    assert planned(LEGACY).says(snapshot(position(), tracked={"AAA/USD": KNOWN})) == [told]


# --- the cap ---


def test_what_another_rule_sells_uses_up_none_of_the_cap() -> None:
    dead = position("ZZZ/USD", 10)
    account = held(10, 20, 30)
    account = structs.replace(
        account, positions=(*account.positions, dead), markets={**account.markets, "ZZZ/USD": market()}
    )
    account = structs.replace(account, tracker={**account.tracker, "ZZZ/USD": record(entry=None)})
    assert planned(account, max_positions=2).most() == ["10", "10"]


def test_where_another_candidate_has_gone_for_the_cap_the_one_of_now_stays() -> None:
    account, now = held("10", "10.1", 30), held("10", "10.1", markets={"AAA/USD": market(103)})
    assert planned(account, max_positions=1).says(now) == [WANTED, ("no longer wanted", "the cap is met by others")]


def test_positions_above_the_cap_are_sold_and_no_others() -> None:
    assert planned(held(10, 20, 30), max_positions=1).most() == ["10", "20"]


def test_all_orders_of_a_position_above_the_cap_count_as_one() -> None:
    account = held(10, 20, 30, markets={"AAA/USD": market(max_amount=5)})
    assert planned(account, max_positions=2).most() == ["10", "5"]
    assert planned(account, max_positions=1).most() == ["10", "5", "20"]


def test_no_more_are_sold_than_are_above_the_cap_now() -> None:
    desk = planned(held(10, 20, 30), max_positions=1)
    assert desk.says(held(10, 20)) == [WANTED, ("no longer wanted", "the cap is met")]
    assert desk.says(held(10)) == [("no longer wanted", "the cap is met"), ("done already", "the position is gone")]
    one = planned(held(10, 20, 30), max_positions=2)
    assert one.says(held(10, 20)) == [("no longer wanted", "the cap is met")]


def test_what_could_not_be_sold_is_no_candidate_of_the_cap() -> None:
    account = held(10, 20, 30)
    first, second, third = account.positions
    locked = structs.replace(account, positions=(first, structs.replace(second, locked=Decimal(20)), third))
    desk = replace(planned(locked, max_positions=2), change=with_(symbol="BBB/USD", expects=expected(20)))
    assert desk.says() == [("no longer wanted", "the cap is met")]


@pytest.mark.parametrize(("strategy", "is_kept"), [("core", True), ("APEX_v7.1", False)])
@pytest.mark.parametrize("last", [100, 103], ids=["still chosen", "no longer the first"])
def test_a_candidate_of_the_cap_that_an_invariant_keeps_now_is_not_sold(
    strategy: str, last: Amount, is_kept: bool
) -> None:
    never = [{"when": {"strategy": "core"}, "do": "close"}]
    account = held("10", "10.1", 30)
    tracked = {**account.tracker, "AAA/USD": structs.replace(record(), strategy=strategy)}
    now = structs.replace(account, tracker=tracked, markets={**account.markets, "AAA/USD": market(last)})
    assert (planned(account, max_positions=2, never=never).says(now) == [WANTED]) is not is_kept


def test_another_candidate_of_the_cap_may_go_where_prices_have_moved() -> None:
    account = held("10", "10.1", 30)
    assert planned(account, max_positions=2).says(held("10", "10.1", 30, markets={"AAA/USD": market(103)})) == [WANTED]


# --- stops and adoptions ---


def kept(**parts: Given) -> Desk:
    return planned(snapshot(position(), **parts), base="conservative")


def covered(quantity: Amount) -> Snapshot:
    resting = order("stop", quantity=quantity, kind="stop", price=None, trigger=90)
    return snapshot(position(locked=quantity), orders=[resting])


def test_a_stop_is_placed_for_what_no_other_covers_now() -> None:
    assert kept().most() == ["10", "10"]
    assert kept().most(covered(4)) == ["6", "10"]
    assert kept().says(covered(10)) == [("done already", "it is protected or registered already"), WANTED]


def test_orders_of_one_stop_share_what_is_to_be_covered() -> None:
    assert kept(markets={"AAA/USD": market(max_amount=4)}).most() == ["10", "6.666", "3.333", "10"]


def test_a_stop_is_of_its_own_position_and_may_be_small() -> None:
    desk = planned(snapshot(position(quantity="0.5"), position("BBB/USD", 3), cash=0), base="conservative")
    assert desk.most() == ["0.5", "3", "0.5", "3"]


def test_a_stop_and_an_adoption_are_carried_out_once() -> None:
    twice = ("no longer wanted", "it is planned twice")
    assert replace(kept(), twin=same).says() == [WANTED, WANTED, twice, twice]


@pytest.mark.parametrize(("by", "is_wanted"), [("1.02", True), ("0.98", True), ("1.0201", False), ("0.9799", False)])
def test_a_trigger_is_about_where_the_policy_wants_it(by: str, is_wanted: bool) -> None:
    def moved(action: Action) -> Action:
        trigger = action.trigger_price
        return action if trigger is None else structs.replace(action, trigger_price=trigger * Decimal(by))

    told = WANTED if is_wanted else ("no longer wanted", "its trigger price is not the policy's")
    assert replace(kept(), change=moved).says() == [told, WANTED]


def test_a_stop_or_an_adoption_has_no_limit() -> None:
    desk = replace(kept(), change=with_(limit_price=Decimal(80)))
    assert desk.says() == [("no longer wanted", "its trigger price is not the policy's")] * 2


# --- dust that is converted ---


def crumb(quantity: Amount = "0.0005", locked: Amount = 0) -> Snapshot:
    account = snapshot(position(quantity=quantity, locked=locked))
    return structs.replace(account, conversions={"AAA/USD": Conversion(Decimal("0.02"))})


def test_dust_is_converted_as_far_as_it_is_free() -> None:
    desk = planned(crumb(), dust={"convert": True})
    assert desk.most() == ["0.0005"]
    assert desk.most(crumb(locked="0.0001")) == ["0.0004"]


def test_dust_that_the_policy_sells_or_that_is_under_a_limit_is_not_converted() -> None:

    assert replace(planned(crumb(), dust={"convert": True}), change=with_(limit_price=Decimal(99))).says() == [
        ("no longer wanted", "its limit is not the policy's")
    ]


def test_dust_that_has_become_dearer_than_its_threshold_is_converted_as_far_as_it_is_free() -> None:
    small: dict[str, Given] = {
        "dust_usd_threshold": Decimal("0.0505"),
        "dust_pct_threshold": 0,
        "dust": {"convert": True},
    }
    cheap, dearer = (
        structs.replace(crumb(locked=locked), tracker={"AAA/USD": record()}, markets={"AAA/USD": market(last)})
        for locked, last in ((0, 100), ("0.0001", 103))
    )
    assert planned(cheap, **small).most() == ["0.0005"]
    assert planned(cheap, **small).most(dearer) == ["0.0004"]


@pytest.mark.parametrize(
    ("exits", "convert", "least", "is_wanted"),
    [
        (DUST, True, 20, True),
        (DUST, True, 1, False),
        (DUST, False, 20, False),
        ([{**DUST[0], "id": "legacy", "rule": 3}], True, 20, False),
    ],
    ids=["small dust", "it can be sold", "not allowed", "no dust"],
)
def test_what_is_converted_is_dust_too_small_to_sell(exits: Given, convert: bool, least: int, is_wanted: bool) -> None:
    desk = replace(planned(crumb(10), exits=exits, dust={"convert": convert}), change=with_(kind="convert_dust"))
    now = structs.replace(crumb(10), markets={"AAA/USD": market(min_amount=least)})
    assert desk.says(now) == [WANTED if is_wanted else ("no longer wanted", "it is not to be converted")]


def test_a_conversion_that_has_become_too_dear_is_told_with_its_terms() -> None:
    dear = structs.replace(crumb(), conversions={"AAA/USD": Conversion(Decimal("0.06"))})
    ((standing, why),) = planned(crumb(), dust={"convert": True}).says(dear)
    assert (standing, "(6 %), and 5 % is allowed" in why) == ("no longer wanted", True)


@pytest.mark.parametrize(("quantity", "is_wanted"), [("10", True), ("10.1", False)])
def test_dust_may_be_dearer_by_the_move_of_a_price_and_no_more(quantity: str, is_wanted: bool) -> None:
    account, now = (
        snapshot(position(quantity=held_), markets={"AAA/USD": market(last)}, tracked=["AAA/USD"])
        for held_, last in (("10", 100), (quantity, 105))
    )
    desk = planned(account, dust_usd_threshold=1001, dust_pct_threshold=0)
    assert (desk.says(now) == [WANTED]) is is_wanted


def test_a_conversion_needs_no_limit_where_sales_have_one_and_goes_for_the_balance_of_a_sale() -> None:
    at_the_limit = structs.replace(crumb(10), markets={"AAA/USD": market(min_notional=1000)})
    desk = planned(at_the_limit, exits=DUST, dust={"convert": True}, guards={"price_collar_pct": Decimal("0.01")})
    assert (desk.says(), desk.most()) == ([WANTED], ["10"])
    sale = with_(kind="close", limit_price=Decimal(102))  # at which it would be worth the minimum
    assert replace(desk, twin=sale).says() == [WANTED, ("stale", "of 10 only 0 can be sold now")]


# --- money that is converted ---


def francs(amount: Amount, symbol: str = "CHF/USD") -> Snapshot:
    listed = market("1.25", step="0.01", min_amount=1, bid="1.25", ask="1.25", max_amount=600)
    return snapshot(markets={symbol: listed}, other_cash={"CHF": Cash(Decimal(amount))}, rates={"CHF": "1.25"})


def test_money_is_converted_as_far_as_it_is_there() -> None:
    desk = planned(francs(500), cash={"convert": True})
    assert (desk.says(), desk.most()) == ([WANTED], ["500"])
    assert desk.most(francs(400)) == ["400"]
    assert desk.says(francs(0)) == [("no longer wanted", "there is no such money to convert now")]


def test_money_is_of_no_position_whatever_rule_somebody_names() -> None:
    assert replace(planned(francs(500), cash={"convert": True}), change=with_(rule="over-cap")).says() == [WANTED]


def test_money_is_converted_once() -> None:
    assert replace(planned(francs(500), cash={"convert": True}), twin=same).most() == ["500", "0"]


@pytest.mark.parametrize(
    "changes", [{"limit_price": Decimal(1)}, {"trigger_price": Decimal(1)}, {"position_side": "long"}], ids=str
)
def test_money_is_converted_by_the_order_that_the_policy_would_send(changes: dict[str, Given]) -> None:
    desk = replace(planned(francs(500), cash={"convert": True}), change=with_(**changes))
    assert desk.says() == [("no longer wanted", "it is not the order that the policy would send")]


def test_money_is_not_bought_where_it_is_to_be_sold() -> None:
    desk = replace(planned(francs(500), cash={"convert": True}), change=with_(side="buy"))
    assert desk.says() == [("no longer wanted", "there is no such money to convert now")]


# --- cancels ---

STALE = order("old", "CCC/USD", "buy", 1, price=90, minutes=60)
RESTING = order("rest", quantity=4)


def test_a_stale_order_is_cancelled_while_it_rests_and_a_rule_wants_it() -> None:
    desk = planned(snapshot(orders=[STALE]))
    assert desk.says() == [WANTED]
    assert desk.says(snapshot()) == [("done already", "the order is no longer open")]
    young = structs.replace(STALE, created_at=ago(1))
    assert desk.says(snapshot(orders=[young])) == [("no longer wanted", "no rule cancels the order now")]


def test_a_cancel_for_an_exit_stands_and_falls_with_it() -> None:
    def account(**parts: Given) -> Snapshot:
        return structs.replace(ZOMBIE, positions=(position(locked=4, **parts),), open_orders=(RESTING,))

    desk = planned(account())
    assert desk.says() == [WANTED, WANTED]
    moved = ("stale", "the quantity was 10 and is 20")
    assert desk.says(account(quantity=20)) == [moved, moved]
    other = order("other", "BBB/USD", "buy", price=90)
    altered = replace(
        desk, change=lambda one: structs.replace(one, order_id="other") if one.kind == "cancel_order" else one
    )
    there = structs.replace(account(), open_orders=(RESTING, other), markets={**ZOMBIE.markets, "BBB/USD": market()})
    assert altered.says(there)[0] == ("no longer wanted", "no rule cancels the order now")
    parts = planned(structs.replace(account(), markets={"AAA/USD": market(max_amount=5)}))
    first_is_altered = replace(parts, change=lambda one: structs.replace(one, side="buy") if one.part == 1 else one)
    assert [told == WANTED for told in first_is_altered.says()] == [True, False, True]
    settled = replace(desk, settled=frozenset({"a2"}))
    assert settled.says(account()) == [WANTED]
