"""Ask again what may safely be asked again: reads, look-ups and cancels. Orders are sent once, whatever comes back.

A pause that the venue asks for is kept; without one the pauses grow and vary, so that many accounts do not come back in
step. Everything ends within a time budget: then the last answer stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from brokers.protocol import (
    Broker,
    Capabilities,
    ConvertRequest,
    LookUp,
    OrderReference,
    OrderRequest,
    Outcome,
    RefusalReason,
    Refused,
    Unknown,
)
from ruleset.errors import AccountUnreadable
from ruleset.snapshot import Snapshot

T = TypeVar("T")

_GROWING = wait_random_exponential(multiplier=0.25, max=5)


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How long a question may be asked again: a number of tries and seconds of waiting in all."""

    attempts: int = 6
    seconds: float = 30.0


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

    def place_order(self, request: OrderRequest) -> Outcome:
        """Send an order once."""
        return self._broker.place_order(request)

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Convert once."""
        return self._broker.convert_dust(request)

    def cancel_order(self, reference: OrderReference) -> Outcome:
        """Cancel an order; trying again does no harm, a cancelled order stays cancelled."""
        return self._again(lambda: self._broker.cancel_order(reference))

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find an order; a venue that keeps no client ids is asked once, it will not know better later."""
        hopeless = reference.order_id is None and self.capabilities.client_order_ids == "C"
        return (
            self._broker.look_up_order(reference)
            if hopeless
            else self._again(lambda: self._broker.look_up_order(reference))
        )

    def _again(self, ask: Callable[[], T]) -> T:
        waited = 0.0

        def wait(state: RetryCallState) -> float:
            asked_for = _retry_after(state)
            return _GROWING(state) if asked_for is None else asked_for

        def stop(state: RetryCallState) -> bool:
            tired = stop_after_attempt(self._budget.attempts)(state)
            return tired or waited + state.upcoming_sleep > self._budget.seconds

        def sleep(seconds: float) -> None:
            nonlocal waited
            waited += seconds
            self._sleep(seconds)

        retrying = Retrying(
            retry=retry_if_exception_type(AccountUnreadable) | retry_if_result(_is_worth_asking_again),
            wait=wait,
            stop=stop,
            sleep=sleep,
            reraise=True,
            retry_error_callback=_last_answer,
        )
        return retrying(ask)


def _is_worth_asking_again(answer: object) -> bool:
    if isinstance(answer, Refused):
        return answer.reason is RefusalReason.RATE_LIMITED
    return isinstance(answer, Unknown)


def _retry_after(state: RetryCallState) -> float | None:
    outcome = state.outcome
    if outcome is None:
        return None
    said = outcome.exception() if outcome.failed else outcome.result()
    return getattr(said, "retry_after", None)


def _last_answer(state: RetryCallState) -> object:
    """Let the last answer stand: its exception is raised again, its result given."""
    if state.outcome is None:
        raise AccountUnreadable("the venue was not asked")
    return state.outcome.result()
