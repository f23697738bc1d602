"""Laws that every plan keeps, whatever the account."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.account_view import is_owed
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.order_view import OrderView, held_by
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot, position_key
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.plan import ensure_unaltered, make_plan
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.ruleset.planning.planner import Draft, PlanInput, PlanScope, draft_plan
from tests.builders import NOW
from tests.conftest import examples
from tests.ruleset.accounts_strategy import POLICIES, accounts, book, cases

Case = tuple[Rulebook, Snapshot, Progress]
SENT = {"close", "unwind", "attach_stop", "convert_dust"}


def given_case(case: Case, scope: PlanScope | None = None) -> PlanInput:
    rules, account, progress = case
    return PlanInput(rules, account, NOW, progress, scope or PlanScope())


def sent(draft: Draft) -> list[tuple[Action, Decision]]:
    """Pair every order that a plan sends with the position it is about."""
    held = {decision.key: decision for decision in draft.decisions}
    return [
        (action, held[position_key(action.symbol, action.position_side or "long")])
        for action in draft.actions
        if action.kind in SENT
    ]


@given(cases())
def test_nothing_is_sold_twice_and_nothing_cancelled_twice(case: Case) -> None:
    draft = draft_plan(given_case(case))
    sold = Counter((action.symbol, action.position_side) for action, _ in sent(draft) if action.part <= 1)
    cancels = [action.order_id for action in draft.actions if action.kind == "cancel_order"]
    assert all(count == 1 for count in sold.values())
    assert len(set(cancels)) == len(cancels)
    assert set(cancels) <= {resting.id for resting in case[1].open_orders}
    assert sold.keys().isdisjoint((found.symbol, found.side) for found in draft.blocked)


@given(cases())
def test_never_more_is_sold_than_is_held_and_free(case: Case) -> None:
    draft = draft_plan(given_case(case))
    cancels = {action.order_id for action in draft.actions if action.kind == "cancel_order"}
    orders = [resting for resting in draft.account.orders if resting.order.id in cancels]
    sold: dict[str, Fraction] = defaultdict(Fraction)
    for action, decision in sent(draft):
        assert action.quantity > 0
        sold[decision.key] += Fraction(action.quantity)
    for decision in draft.decisions:
        view, position = decision.view, decision.view.position
        released = sum((_released(resting, view, draft.account.names) for resting in orders), Fraction(0))
        assert sold[decision.key] <= Fraction(abs(position.quantity)) - Fraction(position.debt) * (
            position.side == "long"
        )
        free = Fraction(abs(position.quantity)) - Fraction(position.locked) + released
        assert sold[decision.key] <= max(free, Fraction(0))


def _released(resting: OrderView, view: PositionView, names: AssetNames) -> Fraction:
    """Return the most that a cancel may set free: what a sell holds, or a buy pays with."""
    if resting.asset == view.asset and resting.order.side == view.position.exit_side and view.is_derivative:
        return Fraction(resting.order.remaining)
    held, amount = held_by(resting.order, names)
    return Fraction(amount) if held == view.asset else Fraction(0)


@given(cases())
def test_what_is_sold_the_venue_takes(case: Case) -> None:
    for action, decision in sent(draft_plan(given_case(case))):
        if action.kind == "convert_dust":
            continue
        market = case[1].markets[action.symbol]
        quantity = Fraction(action.quantity)
        assert market.active
        assert not market.amount_step or quantity % Fraction(market.amount_step) == 0
        assert quantity >= Fraction(market.min_amount or 0)
        assert market.max_amount is None or action.quantity <= market.max_amount
        assert market.market_max_amount is None or action.quantity <= market.market_max_amount or action.limit_price
        worth = decision.view.notional(action.quantity, action.trigger_price)
        assert worth is None or worth >= (market.min_notional or 0)
        assert worth is None or market.max_notional is None or worth <= market.max_notional


@given(cases())
def test_what_is_converted_is_small_free_and_on_the_venue_s_terms(case: Case) -> None:
    for action, decision in sent(draft_plan(given_case(case))):
        if action.kind == "convert_dust":
            terms, position = case[1].conversions[action.symbol], decision.view.position
            assert not decision.view.facts["sellable"]
            most = Fraction(position.quantity) - max(Fraction(position.locked), Fraction(position.debt))
            assert Fraction(action.quantity) == most
            assert (terms.min_quantity or 0) <= action.quantity <= (terms.max_quantity or action.quantity)
            assert terms.cost_pct <= case[0].policy.dust.max_cost_pct


@given(cases())
def test_protected_and_deferred_positions_are_never_touched(case: Case) -> None:
    draft = draft_plan(given_case(case))
    names = draft.account.names
    protected = case[0].policy.protected_assets(names, NOW)
    assert protected.isdisjoint(names.of_symbol(action.symbol) for action in draft.actions)
    assert protected.isdisjoint(names.of_symbol(blocked.symbol) for blocked in draft.blocked)
    assert not [action for action, decision in sent(draft) if decision.is_deferred]


@given(cases())
def test_facts_agree_with_plain_arithmetic(case: Case) -> None:
    draft = draft_plan(given_case(case))
    for decision in draft.decisions:
        facts, view = decision.view.facts, decision.view
        assert ("value_usd" in facts) == (facts["price_status"] == "ok")
        if view.value is not None and view.price.mark is not None:
            inverse = view.market is not None and view.market.inverse
            exact = abs(Fraction(view.position.quantity)) * Fraction(view.position.contract_size)
            exact *= Fraction(view.price.rate or 0) * (1 if inverse else Fraction(view.price.mark))
            assert facts["value_usd"] == exact * 10**6 // 1
            managed = Fraction(draft.account.equity.managed)
            whole = managed if view.is_managed or is_owed(view) else managed + exact
            assert ("account_pct" in facts) == (draft.account.equity.has_shares and managed > 0)
            assert facts.get("account_pct") == (exact * 10**6 // whole if "account_pct" in facts else None)


@given(cases())
def test_guards_say_what_the_actions_add_up_to(case: Case) -> None:
    draft = draft_plan(given_case(case))
    verdicts = {verdict.name: verdict for verdict in draft.guards}
    values = [action.guarded_value for action in draft.actions if action.kind in {"close", "unwind"}]
    assert None not in values
    sold = sum((Fraction(value or 0) for value in values), Fraction(0))
    limit, equity = Fraction(case[0].policy.guards["max_run_pct"]), draft.account.equity
    has_shares = equity.managed > 0 and equity.has_shares
    within = sold <= limit * Fraction(equity.managed) if has_shares else sold == 0
    assert verdicts["max_run_pct"].ok is within
    assert verdicts["max_actions"].value == len(draft.actions)


@given(cases())
def test_the_cap_chooses_no_more_than_the_excess_and_nothing_while_a_price_is_unavailable(case: Case) -> None:
    draft = draft_plan(given_case(case))
    chosen = [decision for decision in draft.decisions if decision.view.facts["over_cap"]]
    statuses = {decision.view.price.status for decision in draft.decisions if not decision.is_protected}
    deferred = "unavailable" in statuses
    assert len(chosen) <= max(0, draft.checks.counted - case[0].policy.max_positions)
    assert not (deferred and chosen)
    assert all(decision.view.facts["sellable"] and not decision.is_protected for decision in chosen)


@given(cases(most=4))
@examples(60)
def test_a_clean_account_needs_nothing(case: Case) -> None:
    draft = draft_plan(given_case(case))
    assert case[0].policy.dust.convert or not [act for act in draft.actions if act.kind == "convert_dust"]
    if draft.checks.state == "CLEAN":
        assert not draft.actions
        assert not draft.unwinds
        assert draft.forecast == draft.checks
        assert not any(found.escalate for found in draft.blocked)


@given(cases(), st.randoms(use_true_random=False))
def test_the_same_input_gives_the_same_bytes_and_order_does_not_matter(case: Case, chance: random.Random) -> None:
    rules, account, progress = case
    made = make_plan(given_case(case))
    plan = made.document
    assert plan_bytes(make_plan(given_case(case))) == plan_bytes(made)
    turned = replace(
        account, positions=_shuffled(account.positions, chance), open_orders=_shuffled(account.open_orders, chance)
    )
    assert _essence(make_plan(given_case((rules, turned, progress))).document) == _essence(plan)


def _shuffled(items: tuple[Any, ...], chance: random.Random) -> tuple[Any, ...]:
    return tuple(chance.sample(items, len(items)))


def _essence(plan: dict[str, Any]) -> list[Any]:
    bare = [{key: value for key, value in action.items() if key != "client_order_id"} for action in plan["actions"]]
    return [bare, *(plan[key] for key in ("positions", "blocked", "guards", "checks", "forecast", "summary"))]


def _with_real_prices(order: OpenOrder) -> OpenOrder:
    """Return an order as it is read: a price of 0 is none."""
    return replace(order, price=order.price or None, trigger_price=order.trigger_price or None)


@given(accounts())
def test_a_snapshot_survives_its_own_document(account: Snapshot) -> None:
    account = replace(account, open_orders=tuple(map(_with_real_prices, account.open_orders)))
    document = snapshot_to_document(account)
    reloaded = snapshot_from_document(json.loads(json.dumps(document)))
    assert reloaded == account
    assert snapshot_to_document(reloaded) == document


@given(cases(most=6))
def test_a_plan_keeps_its_hash_through_a_file(case: Case) -> None:
    plan = make_plan(given_case(case))
    ensure_unaltered(json.loads(plan_bytes(plan)))
    assert json.loads(plan_bytes(plan)) == plan.document


@given(cases(), st.data())
def test_a_narrowed_plan_is_a_part_of_the_whole(case: Case, data: st.DataObject) -> None:
    symbols = sorted({*(found.symbol for found in case[1].positions), *(found.symbol for found in case[1].open_orders)})
    few = st.lists(st.sampled_from(symbols), max_size=3).map(tuple) if symbols else st.just(())
    scope = PlanScope(targets=data.draw(few), excludes=data.draw(few))
    whole, part = draft_plan(given_case(case)), draft_plan(given_case(case, scope))
    kept = [action for action in whole.actions if scope.covers(action.symbol, action.rule, action.phase)]
    assert list(part.actions) == kept
    assert part.decisions == whole.decisions


@given(cases(), st.sampled_from([2, 3]), st.booleans())
def test_narrowed_to_a_phase_or_a_rule_nothing_is_added(case: Case, phase: int, by_rule: bool) -> None:
    scope = PlanScope(rules=("dust", "legacy")) if by_rule else PlanScope(phase=phase)
    whole, part = (_done(draft_plan(given_case(case, narrowed))) for narrowed in (None, scope))
    for key, quantity in part.items():
        assert quantity <= whole[key]


def _done(draft: Draft) -> dict[tuple[Any, ...], Decimal]:
    return {(a.kind, a.symbol, a.side, a.position_side, a.order_id, a.part): a.quantity for a in draft.actions}


@given(accounts(most=8), st.sampled_from(POLICIES))
def test_checked_and_unchecked_give_the_same_actions(account: Snapshot, changes: dict[str, Any]) -> None:
    rules = book(changes)
    unchecked = replace(rules, checked=False)
    first, second = (draft_plan(PlanInput(found, account, NOW)) for found in (rules, unchecked))
    assert first.actions == second.actions


@given(cases(), cases(most=3))
def test_an_observation_saves_time_and_changes_no_byte(case: Case, other: Case) -> None:
    rules, account, progress = case
    seen = Observation.of(account, rules.policy, progress, NOW)
    alien = Observation.of(other[1], rules.policy, other[2], NOW)
    older = Observation.of(account, rules.policy, progress, NOW - timedelta(minutes=1))
    expected = plan_bytes(make_plan(given_case(case)))
    for known in (seen, seen, alien, older):
        assert plan_bytes(make_plan(replace(given_case(case), seen=known))) == expected
