"""What the outcome of one action changes in the state of an account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.protocol import RefusalReason
from exitplan.executor.apply.state_transitions import after_action, after_escalating, is_shortage
from exitplan.executor.store.journal_values import Resolution, Status
from exitplan.executor.store.state import Metrics, State
from exitplan.ruleset.planning.actions import Blocked
from tests.builders import NOW, order, position, record, snapshot, typed_plan_of

SHORT = RefusalReason.INSUFFICIENT_BALANCE.value


@pytest.mark.parametrize(("status", "cancelled", "freed"), [("done", 1, 90), ("refused", 0, 0), ("skipped", 0, 0)])
def test_a_stale_order_counts_once_it_is_cancelled(status: Status, cancelled: int, freed: int) -> None:
    plan = typed_plan_of(snapshot(orders=[order(side="buy", price=90, minutes=60)]))
    (cancel,) = plan.actions
    metrics = after_action(State(), plan, cancel, Resolution(status), Decimal(0), None, NOW).metrics
    assert (metrics.stale_orders_cancelled, metrics.capital_freed_usd) == (cancelled, Decimal(freed))


def test_a_stale_order_of_no_known_value_counts_and_frees_nothing_that_is_known() -> None:
    account = snapshot(orders=[order(symbol="AAA/EUR", side="buy", price=90, minutes=60)])
    plan = typed_plan_of(account)
    (cancel,) = plan.actions
    assert cancel.est_value is None
    metrics = after_action(State(), plan, cancel, Resolution("done"), Decimal(0), None, NOW).metrics
    assert (metrics.stale_orders_cancelled, metrics.capital_freed_usd) == (1, Decimal(0))


def test_an_order_that_was_in_the_way_of_an_exit_is_no_stale_one() -> None:
    plan = typed_plan_of(snapshot(position(), orders=[order()], tracked={"AAA/USD": record(entry=None)}))
    cancel, _ = plan.actions
    assert after_action(State(), plan, cancel, Resolution("done"), Decimal(0), None, NOW) == State()


def test_a_stop_that_the_venue_refuses_has_failed_and_one_that_it_takes_clears_what_failed_before() -> None:
    plan = typed_plan_of(snapshot(position()), base="conservative")
    stop, _ = plan.actions
    before = State(failed_exits={"AAA/USD": 1, "BBB/USD": 1})
    refused = after_action(before, plan, stop, Resolution("refused"), Decimal(0), None, NOW)
    taken = after_action(before, plan, stop, Resolution("done"), Decimal(0), None, NOW)
    assert (stop.kind, refused.failed_exits) == ("attach_stop", {"AAA/USD": 2, "BBB/USD": 1})
    assert taken == State(failed_exits={"BBB/USD": 1})


@pytest.mark.parametrize(("filled", "cleaned"), [("0.25", 0), ("0.999", 0), ("0.9995", 1), ("1", 1)])
def test_a_position_is_closed_once_less_than_a_step_is_left(filled: str, cleaned: int) -> None:
    plan = typed_plan_of(snapshot(position(quantity=1), cash=0))
    (unwind,) = plan.actions
    state = after_action(State(), plan, unwind, Resolution("done", Decimal(filled)), Decimal(1), Decimal("0.001"), NOW)
    assert state.metrics == Metrics(total_positions_cleaned=cleaned, legacy_positions_unwound=cleaned)
    assert len(state.unwinds) == 1 - cleaned


@pytest.mark.parametrize(("message", "failures"), [(f"{SHORT}: 24 of 25", {}), ("other: no", {"AAA/USD": 1})])
def test_an_exit_for_which_the_balance_was_too_little_has_not_failed(message: str, failures: dict[str, int]) -> None:
    plan = typed_plan_of(snapshot(position(quantity=1), cash=0))
    (unwind,) = plan.actions
    refused = Resolution("refused", message=message)
    state = after_action(State(), plan, unwind, refused, Decimal(1), None, NOW)
    assert state == State(failed_exits=failures)


@pytest.mark.parametrize(
    ("status", "message", "short"),
    [
        ("refused", f"{SHORT}: 24 of 25", True),
        ("refused", f"other: {SHORT}", False),
        ("refused", None, False),
        ("done", f"{SHORT}: seen later", False),
    ],
)
def test_a_want_of_balance_is_told_by_its_reason(status: Status, message: str | None, short: bool) -> None:
    assert is_shortage(Resolution(status, message=message)) is short


def test_only_what_a_person_has_to_see_is_escalated_and_once() -> None:
    def blocked(symbol: str, *, escalate: bool) -> Blocked:
        return Blocked(symbol, "long", "zombie", "no-market", escalate, "the venue lists no such symbol")

    asked = [blocked("AAA/USD", escalate=True), blocked("BBB/USD", escalate=False)]
    state, told = after_escalating(State(), asked, NOW)
    assert told == [{"symbol": "AAA/USD", "rule": "zombie", "reason": "no-market"}]
    assert list(state.escalated) == ["AAA/USD"]
    again, told = after_escalating(state, [*asked, blocked("CCC/USD", escalate=True)], NOW)
    assert ([one["symbol"] for one in told], list(again.escalated)) == (["CCC/USD"], ["AAA/USD", "CCC/USD"])
