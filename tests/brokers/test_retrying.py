"""Reads, look-ups and cancels are tried again within a budget; orders never."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.protocol import (
    Broker,
    Capabilities,
    ConvertRequest,
    LookUp,
    NotFound,
    OrderReference,
    OrderRequest,
    Outcome,
    PastOrders,
    RefusalReason,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.brokers.retrying import RetryBudget, RetryingBroker
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Position, Snapshot

ACCOUNT = Snapshot("platform", "paper", "USD", datetime(2026, 2, 18, tzinfo=UTC))
USUAL = RetryBudget()
ORDER = OrderReference(symbol="AAA/USD", client_order_id="xp")
GONE = Refused(RefusalReason.UNKNOWN_ORDER, "gone")


class Wire:
    """A connection that answers what it is told to, in turn."""

    venue = "test"

    def __init__(self, *answers: Any, tier: Any = "A") -> None:
        self.answers = deque(answers)
        self.asked = 0
        self.demands: list[Mapping[str, MarketDemand]] = []
        self.tier = tier

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            client_order_ids=self.tier,
            unique_client_order_ids="open",
            reduce_only=True,
            stop_market=True,
            stop_limit=True,
            convert=True,
            receive_window=5,
            live=False,
        )

    def _answer(self) -> Any:
        self.asked += 1
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def read_account(self) -> Snapshot:
        found: Snapshot = self._answer()
        return found

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        found: Mapping[str, CostBasis] = self._answer()
        return found

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        found: Mapping[str, Conversion] = self._answer()
        return found

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        self.demands.append(demands)
        found: ToldMarkets = self._answer()
        return found

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        found: PastOrders = self._answer()
        return found

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        return tuple(self._answer() for _ in requests)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        return tuple(self._answer() for _ in references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        return self.cancel_orders(references), ACCOUNT

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        outcome: Outcome = self._answer()
        return outcome

    def look_up_order(self, reference: OrderReference) -> LookUp:
        found: LookUp = self._answer()
        return found

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        return tuple(self.look_up_order(reference) for reference in references)


def retrying(wire: Wire, budget: RetryBudget = USUAL) -> tuple[RetryingBroker, list[float]]:
    slept: list[float] = []
    broker: Broker = wire
    return RetryingBroker(broker, slept.append, budget), slept


def test_a_read_that_fails_is_tried_again() -> None:
    broker, slept = retrying(Wire(AccountUnreadable("503"), AccountUnreadable("503"), ACCOUNT))
    assert (broker.read_account(), len(slept)) == (ACCOUNT, 2)


def test_the_pause_that_a_venue_asks_for_is_kept() -> None:
    broker, slept = retrying(Wire(AccountUnreadable("429", retry_after=7), ACCOUNT))
    broker.read_account()
    assert slept == [7]


def test_a_pause_beyond_the_budget_is_not_waited_for() -> None:
    broker, slept = retrying(Wire(AccountUnreadable("429", retry_after=600)))
    with pytest.raises(AccountUnreadable, match="429"):
        broker.read_account()
    assert slept == []


def test_the_last_failure_stands_when_the_tries_are_used_up() -> None:
    wire = Wire(AccountUnreadable("503"))
    broker, slept = retrying(wire, RetryBudget(attempts=3))
    with pytest.raises(AccountUnreadable):
        broker.read_account()
    assert (wire.asked, len(slept)) == (3, 2)


def test_all_the_waiting_stays_within_the_budget() -> None:
    broker, slept = retrying(Wire(AccountUnreadable("503", retry_after=4)), RetryBudget(attempts=99, seconds=10))
    with pytest.raises(AccountUnreadable):
        broker.read_account()
    assert sum(slept) <= 10


UNCLEAR = [
    Unknown("timed out"),
    Refused(RefusalReason.RATE_LIMITED, "slow down"),
    Refused(RefusalReason.TRY_AGAIN, "busy"),
]


@pytest.mark.parametrize("answer", UNCLEAR)
def test_a_cancel_without_a_clear_answer_is_tried_again(answer: Outcome) -> None:
    wire = Wire(answer, GONE)
    broker, _ = retrying(wire)
    assert broker.cancel_orders([ORDER]) == (GONE,)


def test_what_is_read_with_the_last_of_the_cancels_is_told() -> None:
    wire = Wire(Unknown("timed out"), GONE)
    broker, _ = retrying(wire)
    assert broker.cancel_and_read([ORDER]) == ((GONE,), ACCOUNT)
    assert wire.asked == 2


def test_of_a_group_only_the_cancels_without_a_clear_answer_are_tried_again() -> None:
    others = [OrderReference(symbol="AAA/USD", order_id=name) for name in ("first", "second")]
    limited = Refused(RefusalReason.RATE_LIMITED, "slow down", retry_after=3)
    wire = Wire(GONE, Unknown("timed out"), limited, GONE)
    broker, slept = retrying(wire)
    assert broker.cancel_orders([ORDER, *others]) == (GONE, GONE, GONE)
    assert (wire.asked, slept) == (5, [3])


def test_keys_that_a_venue_refuses_are_not_tried_again() -> None:
    wire = Wire(CredentialsRefused("wrong key"))
    with pytest.raises(CredentialsRefused):
        retrying(wire)[0].read_account()
    assert wire.asked == 1


@pytest.mark.parametrize("ask", [RetryingBroker.read_cost_basis, RetryingBroker.read_conversions])
def test_what_rules_ask_beside_the_account_is_tried_again(ask: Callable[..., object]) -> None:
    broker, slept = retrying(Wire(AccountUnreadable("503"), {}))
    assert (ask(broker, []), len(slept)) == ({}, 1)


def test_a_clear_refusal_is_not_argued_with() -> None:
    wire = Wire(Refused(RefusalReason.ORDER_CLOSED, "filled"))
    retrying(wire)[0].cancel_orders([ORDER])
    assert wire.asked == 1


SENDS: list[Callable[[RetryingBroker], Outcome]] = [
    lambda broker: broker.place_orders(
        [OrderRequest(client_order_id="xp", symbol="AAA/USD", side="sell", type="market", quantity=1)]  # type: ignore[arg-type] # any number
    )[0],
    lambda broker: broker.convert_dust(ConvertRequest(client_order_id="xp", symbol="AAA/USD", quantity=1)),  # type: ignore[arg-type] # as above
]


@pytest.mark.parametrize("send", SENDS, ids=["order", "conversion"])
@pytest.mark.parametrize("answer", UNCLEAR)
def test_what_moves_money_is_sent_once_whatever_comes_back(
    send: Callable[[RetryingBroker], Outcome], answer: Outcome
) -> None:
    wire = Wire(answer)
    broker, slept = retrying(wire)
    assert (send(broker), wire.asked, slept) == (answer, 1, [])


def test_a_look_up_is_tried_again_where_the_venue_keeps_our_ids() -> None:
    wire = Wire(Unknown("timed out"), NotFound())
    assert retrying(wire)[0].look_up_order(ORDER) == NotFound()


def test_a_venue_that_keeps_no_ids_is_asked_once() -> None:
    wire = Wire(Unknown("no ids here"), tier="C")
    retrying(wire)[0].look_up_order(ORDER)
    assert wire.asked == 1


TWO = {"AAA/USD": MarketDemand(volatility_days=30), "BBB/USD": MarketDemand(volatility_days=30)}
CALM = MarketData(Decimal("0.01"), 30)


def test_markets_of_which_a_question_failed_are_asked_again_and_no_others() -> None:
    wire = Wire(ToldMarkets({"AAA/USD": CALM}, frozenset({"BBB/USD"})), ToldMarkets({"BBB/USD": CALM}))
    told = retrying(wire)[0].read_market_data(TWO)
    assert told == ToldMarkets({"AAA/USD": CALM, "BBB/USD": CALM})
    assert [sorted(asked) for asked in wire.demands] == [["AAA/USD", "BBB/USD"], ["BBB/USD"]]


def test_markets_that_nobody_answers_for_are_given_up_soon_and_without_an_error() -> None:
    failed = ToldMarkets(failed=frozenset(TWO))
    wire = Wire(failed, failed, failed, failed)
    broker, slept = retrying(wire)
    assert broker.read_market_data(TWO) == failed
    assert wire.asked == 3
    assert sum(slept) < 5


def test_what_a_venue_does_not_tell_is_not_asked_again() -> None:
    wire = Wire(ToldMarkets())
    assert retrying(wire)[0].read_market_data(TWO) == ToldMarkets()
    assert wire.asked == 1
