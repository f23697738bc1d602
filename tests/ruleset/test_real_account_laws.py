"""Laws of real accounts: what one position is worth or how much of it there is, is no reason to sell another one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.account_view import Equity, is_owed
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.progress import Kept, Progress
from exitplan.ruleset.model.snapshot import Market, Position, Snapshot
from exitplan.ruleset.model.values import EXACT, quote_of
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from tests.builders import NOW
from tests.ruleset.accounts_strategy import real_cases

Case = tuple[Rulebook, Snapshot, Progress]
OPEN = {"max_positions": 10_000}
SELLING = {"close", "unwind", "convert_dust"}
figures = st.sampled_from(["0.00000001", "0.01", "1", "99", "1000000"]).map(Decimal)
IMPLAUSIBLE = [
    Market(last=Decimal(25), bid=Decimal("0.0001"), ask=Decimal(30)),
    Market(last=Decimal(10**9), bid=Decimal(0)),
    Market(bid=Decimal(0), ask=Decimal(10**6)),
    Market(last=Decimal(5), bid=Decimal(900), ask=Decimal(5)),
]
"""Markets of an airdrop that nobody can sell at what it seems to be worth."""


def draft(case: Case) -> Draft:
    rules, account, progress = case
    return draft_plan(PlanInput(rules, account, NOW, progress))


def equity(case: Case) -> Equity:
    rules, account, progress = case
    with localcontext(EXACT):
        return observe(account, rules.policy, progress, NOW).equity


def priced(case: Case) -> list[tuple[str, str, bool]]:
    rules, account, progress = case
    views = observe(account, rules.policy, progress, NOW).positions
    return [(view.position.symbol, view.position.side, view.price.mark is not None) for view in views]


def sold(plan: Draft, besides: str) -> list[tuple[Any, ...]]:
    """List what is sold of all assets but one."""
    of_symbol = plan.account.names.of_symbol
    return [
        (action.symbol, action.position_side, action.kind, action.quantity, action.rule)
        for action in plan.actions
        if action.kind in SELLING and of_symbol(action.symbol) != besides
    ]


def with_position(account: Snapshot, number: int, change: Callable[[Position], Position]) -> Snapshot:
    held = list(account.positions)
    held[number] = change(held[number])
    return replace(account, positions=tuple(held))


def chosen(data: st.DataObject, account: Snapshot) -> int:
    assume(account.positions)
    return data.draw(st.integers(0, len(account.positions) - 1))


@given(real_cases(**OPEN), st.data(), figures, figures)
def test_one_price_or_balance_acts_on_other_positions_through_managed_equity_alone(
    case: Case, data: st.DataObject, price: Decimal, factor: Decimal
) -> None:
    rules, account, progress = case
    number = chosen(data, account)
    symbol = account.positions[number].symbol
    assume(symbol in account.markets and symbol.count("BTC") == 0)
    moved = with_position(account, number, lambda position: replace(position, quantity=position.quantity * factor))
    listed = replace(account.markets[symbol], last=price, bid=price, ask=price)
    changed = replace(moved, markets={**account.markets, symbol: listed})
    before = draft(case)
    with localcontext(EXACT):
        gained = equity((rules, changed, progress)).managed - before.account.equity.managed
        paid = replace(changed, cash=replace(changed.cash, free=changed.cash.free - gained))
    after = draft((rules, paid, progress))
    assert after.account.equity.managed == before.account.equity.managed
    assume(after.account.equity.has_shares == before.account.equity.has_shares)
    assume(after.account.equity.is_complete == before.account.equity.is_complete)
    asset = before.account.names.of_symbol(symbol)
    assert sold(before, asset) == sold(after, asset)


@given(real_cases(**OPEN), st.sampled_from(IMPLAUSIBLE), figures)
def test_an_implausible_airdrop_sells_nothing_whatever_its_last_price(
    case: Case, listed: Market, quantity: Decimal
) -> None:
    rules, account, progress = case
    drop = Position("DROP/USD", "long", 100_000 * quantity + 10**6)
    with_drop = replace(account, positions=(*account.positions, drop), markets={**account.markets, "DROP/USD": listed})
    before, after = draft(case), draft((rules, with_drop, progress))
    assert after.account.equity.managed == before.account.equity.managed
    wrong_size = {decision.key for decision in before.decisions if "legacy.wrong-size" in decision.matched}
    assume(not wrong_size)  # shares of an incomplete equity call nothing too large
    assert sold(after, "") == sold(before, "")
    assert after.checks.state != "CLEAN"


@given(real_cases(), st.data(), figures)
def test_scaling_a_protected_holding_or_one_that_does_not_trade_changes_no_action(
    case: Case, data: st.DataObject, factor: Decimal
) -> None:
    rules, account, progress = case
    before = draft(case)
    views = [decision.view for decision in before.decisions]
    unmanaged = {view.position.key for view in views if not view.is_managed and not is_owed(view)}
    numbers = [number for number, position in enumerate(account.positions) if position.key in unmanaged]
    assume(numbers)
    number = data.draw(st.sampled_from(numbers))

    def scaled(position: Position) -> Position:
        return replace(position, quantity=position.quantity * factor, locked=position.locked * factor)

    after = draft((rules, with_position(account, number, scaled), progress))
    assume(before.checks.counted == after.checks.counted)  # dust that does not trade is not counted by the cap
    # The sentence may differ: it tells the rank among all that is counted, and what was scaled is counted too.
    assert [replace(action, because="") for action in before.actions] == [
        replace(action, because="") for action in after.actions
    ]


@given(real_cases())
def test_protected_assets_are_never_sold_nor_their_orders_touched_whatever_the_market(case: Case) -> None:
    plan = draft(case)
    names = plan.account.names
    protected = case[0].policy.protected_assets(names, NOW)
    touched = [action for action in plan.actions if action.kind != "convert_cash"]
    assert protected.isdisjoint(names.of_symbol(action.symbol) for action in touched)
    assert protected.isdisjoint(names.of_symbol(blocked.symbol) for blocked in plan.blocked)


@given(real_cases())
def test_nothing_is_sold_into_a_currency_that_cannot_reach_the_quote(case: Case) -> None:
    reachable = {"USD", *case[1].rates}
    for action in draft(case).actions:
        assert action.kind == "cancel_order" or action.side != "sell" or quote_of(action.symbol) in reachable


@given(real_cases(), st.data(), figures)
def test_equity_never_rises_by_a_debt(case: Case, data: st.DataObject, debt: Decimal) -> None:
    rules, account, progress = case
    in_debt = [replace(account, cash=replace(account.cash, debt=account.cash.debt + debt))]
    in_debt += [
        replace(account, other_cash={**account.other_cash, currency: replace(cash, debt=cash.debt + debt)})
        for currency, cash in account.other_cash.items()
    ]
    for number, position in enumerate(account.positions):
        if ":" not in position.symbol:
            in_debt.append(with_position(account, number, lambda held: replace(held, debt=held.debt + debt)))
        if position.side == "short" and position.quantity > 0 and ":" not in position.symbol:
            in_debt.append(with_position(account, number, lambda held: replace(held, quantity=held.quantity + debt)))
        if position.quantity < 0:
            in_debt.append(with_position(account, number, lambda held: replace(held, quantity=held.quantity - debt)))
    deeper = data.draw(st.sampled_from(in_debt))
    first, second = equity(case), equity((rules, deeper, progress))
    if priced(case) != priced((rules, deeper, progress)):
        # Dust is believed at a price at which more of it is not.
        assert not second.is_complete
        return
    assert second.total <= first.total
    assert second.managed <= first.managed


@given(real_cases())
def test_what_has_no_price_is_sold_only_after_it_has_been_missing_and_with_a_value_for_the_guards(case: Case) -> None:
    plan = draft(case)
    unpriced = {decision.key: decision for decision in plan.decisions if decision.view.price.mark is None}
    for action in plan.actions:
        decision = unpriced.get(action.symbol + ("#short" if action.position_side == "short" else ""))
        if action.kind in SELLING and decision is not None:
            assert decision.view.price.status == "missing"
            missing = Kept.of(case[2].price_missing, plan.account.names).find(
                decision.view.position, decision.view.asset
            )
            assert missing is not None
            assert missing.since <= NOW
            assert action.guarded_value is not None
            assert "price_collar_pct" not in case[0].policy.guards


@given(real_cases())
def test_what_is_owed_is_not_sold(case: Case) -> None:
    plan = draft(case)
    for decision in plan.decisions:
        position = decision.view.position
        amount = sum(
            (
                action.quantity
                for action in plan.actions
                if action.kind in SELLING and (action.symbol, action.position_side) == (position.symbol, position.side)
            ),
            Decimal(0),
        )
        assert amount == 0 or position.side == "short" or amount <= position.quantity - position.debt
