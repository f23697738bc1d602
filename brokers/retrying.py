"""Ask again what may safely be asked again: reads, look-ups and cancels. Orders are sent once, whatever comes back.

A pause that the venue asks for is kept; without one the pauses grow and vary, so that many accounts do not come back in
step. Everything ends within a time budget: then the last answer stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from exitplan.brokers.inspection import Inspected, Inspection
from exitplan.brokers.protocol import (
    Broker,
    Capabilities,
    ConvertRequest,
    LookUp,
    OrderReference,
    OrderRequest,
    Outcome,
    PastOrders,
    PlacesAndAsks,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.brokers.rehearsal import Rehearsed, RehearsesOrders
from exitplan.brokers.trade_history import TellsTrades, TradeHistory
from exitplan.ruleset.errors import AccountUnreadable, ClockIsOff, CredentialsRefused
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import NO_DATA, MarketData, MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Position, Snapshot

T = TypeVar("T")

_GROWING = wait_random_exponential(multiplier=0.25, max=5)


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How long a question may be asked again: a number of tries and seconds of waiting in all."""

    attempts: int = 6
    seconds: float = 30.0


_HARMLESS = RetryBudget(attempts=3, seconds=5.0)
"""For what a plan can do without."""


class RetryingBroker:
    """A broker whose reads, look-ups and cancels are tried again within a budget."""

    def __init__(self, broker: Broker, sleep: Callable[[float], None], budget: RetryBudget = RetryBudget()) -> None:
        self._broker = broker
        self._sleep = sleep
        self._budget = budget

    @property
    def venue(self) -> str:
        """The venue's id."""
        return self._broker.venue

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do for this account."""
        return self._broker.capabilities

    def read_account(self) -> Snapshot:
        """Read the account; raises AccountUnreadable where it cannot be read within the budget."""
        return self._again(self._broker.read_account)

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        """Rebuild cost bases; raises AccountUnreadable where that fails within the budget."""
        return self._again(lambda: self._broker.read_cost_basis(positions))

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        """Ask for the terms of conversions; raises AccountUnreadable where that fails within the budget."""
        return self._again(lambda: self._broker.read_conversions(positions))

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        """Read markets; those of which a question failed a few times more, since an account does not hang on them."""
        told: dict[str, MarketData] = {}
        left = dict(demands)

        def ask() -> None:
            reply = self._broker.read_market_data(dict(left))
            told.update({symbol: told.get(symbol, NO_DATA).plus(data) for symbol, data in reply.data.items()})
            for symbol in left.keys() - reply.failed:
                del left[symbol]
            if left:
                raise AccountUnreadable(f"nothing was told of {', '.join(sorted(left))}")

        with suppress(AccountUnreadable):
            self._again(ask, _HARMLESS)
        return ToldMarkets(told, frozenset(left))

    def read_trades(self, symbols: Collection[str]) -> TradeHistory | None:
        """Read trades; raises AccountUnreadable where that fails within the budget."""
        broker = self._broker
        return self._again(lambda: broker.read_trades(symbols)) if isinstance(broker, TellsTrades) else None

    def rehearse_orders(self, requests: Sequence[OrderRequest]) -> tuple[Rehearsed, ...]:
        """Have orders checked, once; a broker that cannot have that has nothing against them."""
        if not isinstance(self._broker, RehearsesOrders):
            return (None,) * len(requests)
        return self._broker.rehearse_orders(requests)

    def inspect(self) -> Inspection:
        """Inspect the venue, once; of one that cannot be inspected nothing is known."""
        return self._broker.inspect() if isinstance(self._broker, Inspected) else Inspection()

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        """Read past orders; raises AccountUnreadable where that fails within the budget."""
        return self._again(lambda: self._broker.read_past_orders(since, symbols))

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        """Send orders once."""
        return self._broker.place_orders(requests)

    def place_and_ask(
        self, requests: Sequence[OrderRequest], accepted: Sequence[OrderReference]
    ) -> tuple[tuple[Outcome, ...], tuple[LookUp, ...]]:
        """Send orders once, and ask once for others; raises TypeError where the broker can't."""
        if not isinstance(self._broker, PlacesAndAsks):
            raise TypeError(f"{self.venue} asks for nothing beside orders")
        return self._broker.place_and_ask(requests, accepted)

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Convert once."""
        return self._broker.convert_dust(request)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders, those without a clear answer again; that does no harm, a cancelled order stays cancelled."""
        return self._cancelled(references, self._broker.cancel_orders)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders likewise; what is read with the last of them counts."""
        last: Snapshot | None = None

        def cancel(asked: Sequence[OrderReference]) -> tuple[Outcome, ...]:
            nonlocal last
            outcomes, last = self._broker.cancel_and_read(asked)
            return outcomes

        return self._cancelled(references, cancel), last

    def _cancelled(
        self,
        references: Sequence[OrderReference],
        cancel: Callable[[Sequence[OrderReference]], tuple[Outcome, ...]],
    ) -> tuple[Outcome, ...]:
        answers: dict[OrderReference, Outcome] = {}

        def ask() -> tuple[Outcome, ...]:
            asked = [one for one in references if one not in answers or _is_worth_asking_again(answers[one])]
            answers.update(zip(asked, cancel(asked), strict=True))
            return tuple(answers[one] for one in references)

        return self._again(ask)

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find an order; a venue that keeps no client ids is asked once, it will not know better later."""
        hopeless = reference.order_id is None and self.capabilities.client_order_ids == "C"
        return (
            self._broker.look_up_order(reference)
            if hopeless
            else self._again(lambda: self._broker.look_up_order(reference))
        )

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders; all of them are asked for again where any question failed."""
        hopeless = self.capabilities.client_order_ids == "C" and all(one.order_id is None for one in references)
        return (
            self._broker.look_up_orders(references)
            if hopeless
            else self._again(lambda: self._broker.look_up_orders(references))
        )

    def _again(self, ask: Callable[[], T], budget: RetryBudget | None = None) -> T:
        budget, waited = budget or self._budget, 0.0

        def wait(state: RetryCallState) -> float:
            asked_for = _retry_after(state)
            return _GROWING(state) if asked_for is None else asked_for

        def stop(state: RetryCallState) -> bool:
            tired = stop_after_attempt(budget.attempts)(state)
            return tired or waited + state.upcoming_sleep > budget.seconds

        def sleep(seconds: float) -> None:
            nonlocal waited
            waited += seconds
            self._sleep(seconds)

        retrying = Retrying(
            retry=retry_if_exception(_may_pass) | retry_if_result(_is_worth_asking_again),
            wait=wait,
            stop=stop,
            sleep=sleep,
            reraise=True,
            retry_error_callback=_last_answer,
        )
        return retrying(ask)


def _may_pass(error: BaseException) -> bool:
    """Check whether a read may succeed if asked again; wrong keys asked with again may be locked out."""
    return isinstance(error, AccountUnreadable) and not isinstance(error, ClockIsOff | CredentialsRefused)


def _is_worth_asking_again(answer: object) -> bool:
    if isinstance(answer, tuple):
        return any(_is_worth_asking_again(each) for each in answer)
    if isinstance(answer, Refused):
        return answer.reason.is_passing
    return isinstance(answer, Unknown)


def _retry_after(state: RetryCallState) -> float | None:
    """Return the pause that the venue asks for; the longest where a group has more than one."""
    outcome = state.outcome
    if outcome is None:
        return None
    said = outcome.exception() if outcome.failed else outcome.result()
    answers = said if isinstance(said, tuple) else (said,)
    pauses = [getattr(answer, "retry_after", None) for answer in answers]
    return max((pause for pause in pauses if pause is not None), default=None)


def _last_answer(state: RetryCallState) -> object:
    """Let the last answer stand: its exception is raised again, its result given."""
    if state.outcome is None:
        raise AccountUnreadable("the venue was not asked")
    return state.outcome.result()
