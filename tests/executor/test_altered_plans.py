"""A plan file that somebody altered and hashed anew never does what the policy does not."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.brokers.protocol import OrderReference, OrderRequest
from exitplan.executor.apply.apply import apply_plan, check_plan
from exitplan.executor.apply.events import ApplyResult
from exitplan.ruleset.errors import ExitplanError, PlanIsAltered, PlanIsExpired, PlanIsUnusable, RefusedByGuard
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.plan import plan_sha256, read_plan
from tests.builders import order, position, record, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting, stage, statuses, zombie
from tests.executor.test_laws import accounts

_NUMBERS = itertools.count()
Document = dict[str, Any]
Change = Callable[[Document], None]


def altered(plan: Mapping[str, Any], change: Change) -> Document:
    """Change a plan and hash it anew, as somebody who knows how would."""
    document = copy.deepcopy(dict(plan))
    change(document)
    document["sha256"] = plan_sha256(document)
    return document


def first(**fields: object) -> Change:
    """Change fields of the first action."""
    return lambda document: document["actions"][0].update(fields)


def apply_altered(scene: Scene, change: Change) -> ApplyResult | ExitplanError:
    """Plan, alter the plan, and apply it; gives what came of it."""
    plan = altered(scene.plan(), change)
    try:
        return scene.apply(plan)
    except ExitplanError as error:
        return error


def sold(scene: Scene) -> dict[str, Decimal]:
    """Add up what was asked for, by symbol."""
    sums: dict[str, Decimal] = {}
    for sent in scene.trouble.orders:
        sums[sent.symbol] = sums.get(sent.symbol, Decimal(0)) + sent.quantity
    return sums


NOTHING: dict[str, Change] = {
    "side": first(side="buy"),
    "rule": first(rule="zombie"),
    "a rule that does not exist": first(rule="nothing"),
    "kind": first(kind="close"),
    "kind of a conversion": first(kind="convert_dust"),
    "kind of a stop": first(kind="attach_stop"),
    "limit price": first(limit_price="0.01"),
    "trigger price": first(trigger_price="99"),
    "position side": first(position_side="short"),
    "quantity of nothing": first(quantity="0"),
    "quantity below nothing": first(quantity="-25"),
    "expects": lambda document: document["actions"][0]["expects"].update(position_quantity="5000"),
}


@pytest.mark.parametrize("change", NOTHING.values(), ids=NOTHING)
def test_an_unwind_with_another_field_is_not_sent(on_stage: Stage, change: Change) -> None:
    scene = on_stage(legacy())
    apply_altered(scene, change)
    assert (scene.trouble.sent, scene.held()) == ([], "100")


def test_a_greater_quantity_sells_no_more_than_the_policy(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    result = apply_altered(scene, first(quantity="100"))
    assert isinstance(result, ApplyResult)
    assert (statuses(result), scene.held()) == (["done"], "75")


def test_a_doubled_action_sells_once(on_stage: Stage) -> None:
    scene = on_stage(legacy())

    def double(document: Document) -> None:
        twin = {**document["actions"][0], "id": "a2", "client_order_id": "xp0000000000000000"}
        document["actions"].append(twin)

    apply_altered(scene, double)
    assert scene.held() == "75"


@pytest.mark.parametrize("same", ["id", "client_order_id"])
def test_two_actions_of_one_id_are_refused(on_stage: Stage, same: str) -> None:
    scene = on_stage(legacy())

    def double(document: Document) -> None:
        twin = {**document["actions"][0], "id": "a2", "client_order_id": "xp0000000000000000"}
        document["actions"].append({**twin, same: document["actions"][0][same]})

    error = apply_altered(scene, double)
    assert (type(error), scene.trouble.sent) == (PlanIsAltered, [])


def test_the_symbol_of_a_protected_position_is_not_sold(on_stage: Stage) -> None:
    account = legacy(position("SAFE/USD", 100))
    scene = on_stage(account, protect=[{"symbol": "SAFE/USD", "reason": "mine"}])
    apply_altered(scene, first(symbol="SAFE/USD"))
    assert (scene.trouble.sent, scene.held("SAFE/USD")) == ([], "100")


def test_the_symbol_of_an_aligned_position_is_not_sold(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("OWN/USD", 100), tracked=["OWN/USD"]))
    apply_altered(scene, first(symbol="OWN/USD"))
    assert (scene.trouble.sent, scene.held("OWN/USD")) == ([], "100")


def test_an_unwind_of_a_position_that_waits_is_not_sent(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100)), parameters={"unwind_interval_minutes": 5})
    scene.apply()
    scene.hold("AAA/USD", "100")  # AAA is to look like BBB
    scene.clock.advance(1)
    plan = scene.plan()
    assert plan["actions"] == [] or {action["symbol"] for action in plan["actions"]} == {"AAA/USD"}
    scene.trouble.sent.clear()
    if plan["actions"]:
        with suppress(ExitplanError):
            scene.apply(altered(plan, first(symbol="BBB/USD")))
    assert [sent for sent in scene.trouble.orders if sent.symbol == "BBB/USD"] == []


def test_the_order_of_a_protected_position_is_not_cancelled(on_stage: Stage) -> None:
    stale = [
        order("mine", "SAFE/USD", "sell", 1, price=500, minutes=60),
        order("old", "AAA/USD", "sell", 1, price=500, minutes=60),
    ]
    account = legacy(position("SAFE/USD", 100, locked=1), orders=stale)
    scene = on_stage(account, protect=[{"symbol": "SAFE/USD", "reason": "mine"}])
    apply_altered(scene, first(order_id="mine"))
    apply_altered(scene, first(order_id="mine", symbol="SAFE/USD"))
    assert "mine" in {resting_order.id for resting_order in scene.account().open_orders}


def test_an_order_of_an_aligned_position_is_not_cancelled(on_stage: Stage) -> None:
    orders = [order("stop", "OWN/USD", "sell", 1, price=500), order("old", "AAA/USD", "sell", 1, price=500, minutes=60)]
    scene = on_stage(legacy(position("OWN/USD", 100, locked=1), orders=orders, tracked=["OWN/USD"]))
    apply_altered(scene, first(order_id="stop", symbol="OWN/USD"))
    assert "stop" in {resting_order.id for resting_order in scene.account().open_orders}


def test_a_later_expiry_is_not_believed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = altered(scene.plan(), lambda document: document.update(expires_at="2027-01-01T00:00:00Z"))
    scene.clock.advance(15 * 60)
    for act in (check_plan, apply_plan):
        with pytest.raises(PlanIsExpired):
            act(scene.open(), read_plan(plan))
    assert scene.trouble.sent == []


def test_guards_that_were_struck_out_refuse_all_the_same(on_stage: Stage) -> None:
    scene = on_stage(legacy(), guards={"max_run_pct": 0.01})

    def strike(document: Document) -> None:
        for guard in document["guards"]:
            guard.update(ok=True, value="0")
        document["actions"][0]["est_value"] = "0"

    error = apply_altered(scene, strike)
    assert (type(error), scene.trouble.sent) == (RefusedByGuard, [])


@pytest.mark.parametrize("text", ["abc", "NaN", ""])
def test_an_expectation_that_is_no_number_is_told_without_a_traceback(on_stage: Stage, text: str) -> None:
    scene = on_stage(legacy())
    error = apply_altered(scene, lambda document: document["actions"][0]["expects"].update(position_quantity=text))
    assert (isinstance(error, ExitplanError), scene.trouble.sent) == (True, [])


def test_a_plan_that_was_begun_is_not_finished_by_an_altered_one(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.apply(plan, stop_after=0)
    with pytest.raises(PlanIsAltered, match="begun"):
        scene.apply(altered(plan, first(quantity="1")))
    assert scene.apply(plan).exit_code == 0


def test_a_stop_is_not_placed_elsewhere_or_twice(on_stage: Stage) -> None:
    def elsewhere(document: Document) -> None:
        stop = next(action for action in document["actions"] if action["kind"] == "attach_stop")
        twin = {**stop, "id": "a9", "client_order_id": "xp0000000000000000"}
        document["actions"].append(twin)
        stop["trigger_price"] = "99"

    scene = on_stage(legacy(), base="conservative")
    apply_altered(scene, elsewhere)
    stops = [sent for sent in scene.trouble.orders if sent.trigger_price is not None]
    assert sum(sent.quantity for sent in stops) <= 100
    assert all(sent.trigger_price != 99 for sent in stops)


# --- a reason that is gone -------------------------------------------------------------------------------------------


def test_a_fresh_lot_of_the_same_size_is_another_position(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100)))
    scene.track(AAA=record("manual", entry=90))
    plan = scene.plan()
    scene.track(AAA=record("manual", entry=100))
    with pytest.raises(PlanIsUnusable, match="no longer wanted: the tracker has another record"):
        scene.apply(plan)
    assert scene.held() == "100"


def test_a_cap_that_was_met_by_hand_sells_nothing(on_stage: Stage) -> None:
    scene = on_stage(over_cap(), parameters={"max_positions": 2})
    plan = scene.plan()
    assert [action["rule"] for action in plan["actions"]] == ["over-cap"]
    scene.hold("CCC/USD", None)
    with pytest.raises(PlanIsUnusable, match="no longer wanted"):
        scene.apply(plan)
    assert (scene.trouble.sent, scene.held()) == ([], "100")


def test_no_more_are_sold_for_the_cap_than_are_above_it_now(on_stage: Stage) -> None:
    names = ("AAA/USD", "BBB/USD", "CCC/USD", "DDD/USD")
    held = [position(symbol, 100 * number) for number, symbol in enumerate(names, 1)]
    scene = on_stage(snapshot(*held, tracked=names), parameters={"max_positions": 2})
    plan = scene.plan()
    assert [action["symbol"] for action in plan["actions"]] == ["AAA/USD", "BBB/USD"]
    scene.hold("CCC/USD", None)
    result = scene.apply(plan)
    assert (statuses(result), scene.held("BBB/USD")) == (["done", "skipped"], "200")
    assert scene.told("action_skipped")[0]["message"] == "no longer wanted: the cap is met"


@pytest.mark.parametrize(
    ("price", "message"),
    [("100", "an invariant of the policy rules it out"), ("103", "the policy says: never close where strategy = core")],
    ids=["still chosen", "no longer the first"],
)
def test_what_an_invariant_rules_out_since_is_not_sold(on_stage: Stage, price: str, message: str) -> None:
    held = [position("AAA/USD", 100), position("BBB/USD", 101), position("CCC/USD", 300)]
    never = [{"when": {"strategy": "core"}, "do": "close"}]
    scene = on_stage(snapshot(*held), parameters={"max_positions": 2}, never=never)
    scene.track(AAA=record(), BBB=record(), CCC=record())
    plan = scene.plan()
    assert [(action["symbol"], action["rule"]) for action in plan["actions"]] == [("AAA/USD", "over-cap")]
    scene.track(AAA=replace(record(), strategy="core"), BBB=record(), CCC=record())
    scene.move_price("AAA/USD", price)
    with pytest.raises(PlanIsUnusable, match=f"no longer wanted: {message}"):
        scene.apply(plan)
    assert (scene.trouble.sent, scene.held()) == ([], "100")


@pytest.mark.parametrize(("price", "kept"), [("0.0104", False), ("0.0106", True)])
def test_dust_may_stand_above_its_threshold_by_the_move_that_prices_may_make(
    on_stage: Stage, price: str, kept: bool
) -> None:
    account = snapshot(position("AAA/USD", 100), markets=None)
    scene = on_stage(account, parameters={"dust_pct_threshold": 0, "dust_usd_threshold": 1.01})
    scene.list_market("AAA/USD", last="0.01")
    plan = scene.plan()
    assert [action["rule"] for action in plan["actions"]] == ["dust"]
    scene.move_price("AAA/USD", price)
    with suppress(PlanIsUnusable):
        scene.apply(plan)
    assert (scene.held() == "100") is kept


def test_a_position_that_was_protected_since_is_left(on_stage: Stage) -> None:
    scene = on_stage(zombie())
    plan = scene.plan()
    scene.policy["protect"] = [{"symbol": "AAA/USD", "reason": "mine"}]
    with pytest.raises(PlanIsUnusable, match="the policy is not the one"):
        scene.apply(plan)


def test_cancels_for_an_exit_that_is_no_longer_wanted_are_left(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    plan = scene.plan()
    scene.hold("CCC/USD", None)
    with pytest.raises(PlanIsUnusable, match="no longer wanted"):
        scene.apply(plan)
    assert [left.id for left in scene.account().open_orders] == ["rest"]


# --- the law ---------------------------------------------------------------------------------------------------------

FIELDS = (
    "symbol",
    "kind",
    "side",
    "quantity",
    "rule",
    "limit_price",
    "trigger_price",
    "position_side",
    "order_id",
    "phase",
)


@st.composite
def alterations(draw: st.DrawFn) -> Change:
    """A change of a plan: fields of actions taken from other actions or out of the air, actions doubled or moved."""
    steps = draw(
        st.lists(
            st.tuples(st.integers(0, 9), st.sampled_from([*FIELDS, "double", "expects", "dates"]), st.integers(0, 9)),
            min_size=1,
            max_size=3,
        )
    )
    air: dict[str, Any] = {
        "symbol": draw(st.sampled_from(["AAA/USD", "BBB/USD", "CCC/USD", "DDD/USD"])),
        "kind": draw(
            st.sampled_from(["close", "unwind", "convert_dust", "attach_stop", "adopt", "cancel_order", "convert_cash"])
        ),
        "side": draw(st.sampled_from(["buy", "sell"])),
        "quantity": draw(st.sampled_from(["0.001", "1", "50", "200", "100000"])),
        "rule": draw(st.sampled_from(["dust", "zombie", "over-cap", "legacy", "stale-limit-order", "cash.convert"])),
        "limit_price": draw(st.sampled_from([None, "1", "100", "5000"])),
        "trigger_price": draw(st.sampled_from([None, "1", "100"])),
        "position_side": draw(st.sampled_from([None, "long", "short"])),
        "order_id": draw(st.sampled_from([None, "AAA", "BBB", "CCC"])),
        "phase": draw(st.sampled_from([2, 3])),
    }

    def change(document: Document) -> None:
        document["guards"] = [{**guard, "ok": True} for guard in document["guards"]]
        for number, (index, what, other) in enumerate(steps):
            actions = document["actions"]
            if not actions:
                return
            action, source = actions[index % len(actions)], actions[other % len(actions)]
            if what == "double":
                actions.append({**action, "id": f"b{number}", "client_order_id": f"xp000000000000000{number}"})
            elif what == "dates":
                document["expires_at"] = "2027-01-01T00:00:00Z"
            elif what == "expects":
                action["expects"] = source["expects"]
            elif other % 2:
                action[what] = source.get(what)
            else:
                action[what] = air[what]

    return change


def sent_by(folder: Path, account: Snapshot, most: int, change: Change | None) -> dict[str, Decimal]:
    """Apply the plan of an account, altered or not, and add up what was sent: units sold, and orders cancelled."""
    folder.mkdir()
    scene = stage(folder, account, parameters={"max_positions": most})
    plan = scene.plan()
    with suppress(ExitplanError):
        scene.apply(plan if change is None else altered(plan, change))
    sums: dict[str, Decimal] = {}
    for sent in scene.trouble.sent:
        if isinstance(sent, OrderReference):
            sums[f"cancel {sent.order_id}"] = Decimal(1)
        else:
            side = sent.side if isinstance(sent, OrderRequest) else "convert"
            name = f"{side} {sent.symbol}"
            sums[name] = sums.get(name, Decimal(0)) + sent.quantity
    return sums


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(account=accounts(), most=st.sampled_from([2, 9]), change=alterations())
def test_what_an_altered_plan_sends_is_a_part_of_what_the_true_one_sends(
    tmp_path: Path, account: Snapshot, most: int, change: Change
) -> None:
    number = next(_NUMBERS)
    true = sent_by(tmp_path / f"{number}t", account, most, None)
    false = sent_by(tmp_path / f"{number}f", account, most, change)
    more = {name: amount for name, amount in false.items() if amount > true.get(name, Decimal(0))}
    # Any candidate of the cap may go in the place of another: prices move between plan and apply. Never more of them.
    held = {f"sell {entry.symbol}": entry.quantity for entry in account.positions}
    assert all(most == 2 and amount <= held.get(name, Decimal(0)) for name, amount in more.items()), more
    assert len(_sales(false)) <= len(_sales(true)) or not more


def _sales(sums: Mapping[str, Decimal]) -> set[str]:
    return {name for name in sums if name.startswith("sell ")}
