"""Send orders and cancels, each once, and read what became of them. Nothing in here is ever sent again by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.dialect import Dialect, Exchange, Order, Traits, side_by_side
from exitplan.brokers.live.failures import outcome_of
from exitplan.brokers.live.parsing import report_of
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.protocol import (
    Done,
    OrderReference,
    OrderReport,
    OrderRequest,
    Outcome,
    RefusalReason,
    Refused,
    Unknown,
)
from exitplan.brokers.rehearsal import Rehearsed
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import EXACT, is_derivative, plain


def refuse(request: OrderRequest, market: Market | None, traits: Traits) -> Refused | None:
    """Refuse what the venue would refuse, or worse, would round: off its steps, or below its minimums."""
    if market is None:
        return Refused(RefusalReason.UNKNOWN_SYMBOL, f"the venue does not list {request.symbol}")
    known = {"stop": traits.stop_market, "stop_limit": traits.stop_limit}
    if not known.get(request.type, True):
        # Where a trigger means nothing to a venue, the order goes out without it, and at once.
        return Refused(RefusalReason.UNSUPPORTED, f"exitplan knows of no {request.type} orders at this venue")
    return _off_step(request, market) or _below_minimum(request, market) or _above_maximum(request, market)


def _off_step(request: OrderRequest, market: Market) -> Refused | None:
    if request.quantity <= 0:
        return Refused(RefusalReason.INVALID_QUANTITY, f"a quantity of {plain(request.quantity)}")
    if _is_off(request.quantity, market.amount_step):
        return Refused(RefusalReason.AMOUNT_STEP, f"{plain(request.quantity)} is no multiple of {market.amount_step}")
    for price in (request.price, request.trigger_price):
        if price is not None and (price <= 0 or _is_off(price, market.price_step)):
            return Refused(RefusalReason.PRICE_STEP, f"{plain(price)} is no multiple of {market.price_step}")
    return None


def _below_minimum(request: OrderRequest, market: Market) -> Refused | None:
    if market.min_amount is not None and request.quantity < market.min_amount:
        return Refused(RefusalReason.BELOW_MIN_AMOUNT, f"the least is {plain(market.min_amount)}")
    price = request.price or request.trigger_price or market.mark()[0]
    if market.min_notional is None or not price or is_derivative(request.symbol):
        return None
    if EXACT.multiply(request.quantity, price) < market.min_notional:
        return Refused(RefusalReason.BELOW_MIN_NOTIONAL, f"the least is worth {plain(market.min_notional)}")
    return None


def _above_maximum(request: OrderRequest, market: Market) -> Refused | None:
    at_market = market.market_max_amount if request.type in {"market", "stop"} else None
    most = min((amount for amount in (market.max_amount, at_market) if amount is not None), default=None)
    if most is not None and request.quantity > most:
        return Refused(RefusalReason.ABOVE_MAX_AMOUNT, f"the most is {plain(most)}")
    price = request.price or request.trigger_price or market.mark()[0]
    if market.max_notional is None or not price or is_derivative(request.symbol):
        return None
    if EXACT.multiply(request.quantity, price) > market.max_notional:
        return Refused(RefusalReason.ABOVE_MAX_NOTIONAL, f"the most is worth {plain(market.max_notional)}")
    return None


def _is_off(value: Decimal, step: Decimal | None) -> bool:
    return step is not None and step > 0 and EXACT.remainder(value, step) != 0


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to one account; ``pause`` gives the seconds that the venue wants to rest."""

    dialect: Dialect
    exchange: Exchange
    redact: Redactor
    pause: Callable[[], float | None]

    def place(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        """Send orders; what they have filled is not asked."""
        return side_by_side([partial(self._create, request) for request in requests], most=self.dialect.at_once)

    def rehearse(self, requests: Sequence[OrderRequest]) -> list[Rehearsed]:
        """Have the venue check orders without placing them, each under no id of ours."""

        def ask(request: OrderRequest) -> Rehearsed:
            with self.exchange.writes.checking():
                return attempt(
                    lambda: self.dialect.rehearse(self.exchange, replace(request, client_order_id=None)),
                    lambda error: outcome_of(error, self.redact, self.pause(), wrote=False),
                )

        return side_by_side([partial(ask, request) for request in requests], most=self.dialect.at_once)

    def cancel(self, references: Sequence[OrderReference], triggers: frozenset[str]) -> list[Outcome]:
        """Cancel orders, in the venue's batches where it has them; those that are taken are told as open."""
        size = self.dialect.traits.cancel_batch
        plain_ones = [reference for reference in references if reference.order_id not in triggers]
        batched = plain_ones if size > 1 and len(plain_ones) > 1 else []
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(batched), size or 1):
            chunk = batched[start : start + size]
            outcomes.update(
                zip((str(reference.order_id) for reference in chunk), self._cancel_batch(chunk), strict=True)
            )
        singly = [reference for reference in references if str(reference.order_id) not in outcomes]
        answers = side_by_side(
            [partial(self._cancel, reference, is_trigger=reference.order_id in triggers) for reference in singly],
            most=self.dialect.at_once,
        )
        outcomes.update(zip((str(reference.order_id) for reference in singly), answers, strict=True))
        return [outcomes[str(reference.order_id)] for reference in references]

    def _create(self, request: OrderRequest) -> Outcome:
        def send() -> OrderReport:
            return report_of(_told_of(self.dialect.create(self.exchange, request), request), request.quantity)

        return self._answer(send)

    def _cancel(self, reference: OrderReference, *, is_trigger: bool) -> Outcome:
        def send() -> OrderReport:
            self.dialect.cancel(self.exchange, reference, is_trigger=is_trigger)
            return _cancelling(reference)

        return self._answer(send)

    def _cancel_batch(self, references: Sequence[OrderReference]) -> list[Outcome]:
        with self.exchange.writes.begin() as writes:
            failures = attempt(
                lambda: self.dialect.cancel_batch(self.exchange, references),
                lambda error: outcome_of(error, self.redact, self.pause(), wrote=writes.may_be_executed),
            )
        if isinstance(failures, Refused | Unknown):  # whatever broke, any of them may be cancelled
            return [failures] * len(references)
        return [
            Done(_cancelling(reference)) if failed is None else replace(failed, message=self.redact(failed.message))
            for reference, failed in zip(references, failures, strict=True)
        ]

    def _answer(self, send: Callable[[], OrderReport]) -> Outcome:
        with self.exchange.writes.begin() as writes:
            return attempt(  # whatever broke, the order may have gone out
                lambda: Done(send()),
                lambda error: outcome_of(error, self.redact, self.pause(), wrote=writes.may_be_executed),
            )

    def _may_ask(self, report: OrderReport) -> bool:
        """Check whether an order can be asked for beside others; one that waits may be in a list of its own."""
        return report.trigger_price is None or self.dialect.finds_triggers

    def followed_up(self, outcomes: Sequence[Outcome], symbols: Sequence[str]) -> list[Outcome]:
        """Ask once for what is told as open: a reply to a write says little of what came of it.

        Where that question fails, the orders stay told as open, and whoever needs to know asks on.
        """
        asked = [
            OrderReference(symbol=symbol, order_id=outcome.report.order_id)
            for outcome, symbol in zip(outcomes, symbols, strict=True)
            if isinstance(outcome, Done) and outcome.report.status == "open" and self._may_ask(outcome.report)
        ]
        reports = self.reports(asked)
        return [
            replace(outcome, report=reports[outcome.report.order_id])
            if isinstance(outcome, Done) and outcome.report.order_id in reports
            else outcome
            for outcome in outcomes
        ]

    def reports(self, asked: Sequence[OrderReference]) -> Mapping[str, OrderReport]:
        """Ask once for orders by the venue's ids; what is not told, or failed to be, is left out."""

        def ask() -> dict[str, OrderReport]:
            orders = self.dialect.find_many(self.exchange, asked)
            return {name: report_of(order) for name, order in orders.items()}

        return attempt(ask, lambda _: {}) if asked else {}


def _told_of(reply: Order, request: OrderRequest) -> Order:
    """Fill in what the reply to an order leaves out, from the order itself."""
    known = {"symbol": request.symbol, "side": request.side, "type": request.type, "amount": plain(request.quantity)}
    if request.trigger_price is not None:
        known["triggerPrice"] = plain(request.trigger_price)
    said = {name: value for name, value in reply.items() if value is not None}
    return {**known, "clientOrderId": request.client_order_id, **said}


def _cancelling(reference: OrderReference) -> OrderReport:
    """Report an order whose cancel was taken: open until the venue says what it had filled."""
    return OrderReport(
        order_id=str(reference.order_id),
        client_order_id=reference.client_order_id,
        symbol=reference.symbol,
        side="sell",
        type="",
        status="open",
        quantity=Decimal(0),
    )
