"""Binance's conversion of small balances: an offer, and an order that is told as done only when it is asked for.

https://developers.binance.com/docs/convert/trade. Of its refusals only the code of an expired offer is documented.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from exitplan.brokers.paper.pricing import mark_price
from exitplan.brokers.protocol import ConvertRequest, Done
from exitplan.ruleset.model.values import ZERO, plain
from tests.venues.binance_shapes import milliseconds, number_of
from tests.venues.venue import Venue
from tests.venues.wire import Document, RefusedInWords

OFFER_SECONDS = 10
"""How long an offer may be accepted where nothing else is asked for."""
_EXPIRED = "345231 System failed to execute the quote, which has expired. Please request for quote again"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the venue gives for an amount, in the account's quote currency, its fee taken off."""

    id: str
    symbol: str
    amount: Decimal
    total: Decimal
    ends_at: datetime
    accepted_at: datetime | None = None

    @property
    def number(self) -> str:
        """The number of the order that it becomes."""
        return str(number_of(f"conversion {self.id}"))


@dataclass
class Conversions:
    """Turns balances into the account's quote currency, at the taker's fee."""

    venue: Venue
    offers: dict[str, Offer] = field(default_factory=dict)

    def quote(self, params: Document) -> Document:
        """Offer a price; the offer can be accepted only where the balance is sufficient."""
        account = self.venue.snapshot()
        symbol = f"{params['fromAsset']}/{params['toAsset']}"
        market = account.markets.get(symbol)
        price = mark_price(market) if market is not None and market.active else None
        if params["toAsset"] != account.quote or price is None:
            raise RefusedInWords("345213 The pair of coins is not supported")
        amount = _number(params["fromAmount"])
        total = amount * price * (1 - self.venue.options.taker_fee)
        ends_at = self.venue.now() + timedelta(seconds=OFFER_SECONDS)
        terms = {
            "ratio": f"{total / amount:.8f}",
            "inverseRatio": f"{amount / total:.8f}",
            "validTimestamp": milliseconds(ends_at),
            "toAmount": plain(total),
            "fromAmount": plain(amount),
        }
        if amount > self._free(symbol):
            return terms
        name = str(number_of(f"offer {len(self.offers)}"))
        self.offers[name] = Offer(name, symbol, amount, total, ends_at)
        return {"quoteId": name, **terms}

    def accept(self, params: Document) -> Document:
        """Convert as offered; the reply says no more than that it is under way."""
        offer, now = self.offers.get(params["quoteId"]), self.venue.now()
        if offer is None or offer.accepted_at is not None or now > offer.ends_at:
            raise RefusedInWords(_EXPIRED)
        outcome = self.venue.convert(ConvertRequest(client_order_id=None, symbol=offer.symbol, quantity=offer.amount))
        if not isinstance(outcome, Done):
            raise RefusedInWords("345218 Your balance is insufficient")
        self.offers[offer.id] = replace(offer, accepted_at=now)
        return {"orderId": offer.number, "createTime": milliseconds(now), "orderStatus": "PROCESS"}

    def tell(self, params: Document) -> Document:
        for offer in self.offers.values():
            if offer.accepted_at is not None and params["orderId"] == offer.number:
                base, _, quote = offer.symbol.partition("/")
                return {
                    "orderId": int(offer.number),
                    "orderStatus": "SUCCESS",
                    "fromAsset": base,
                    "fromAmount": plain(offer.amount),
                    "toAsset": quote,
                    "toAmount": plain(offer.total),
                    "ratio": f"{offer.total / offer.amount:.8f}",
                    "inverseRatio": f"{offer.amount / offer.total:.8f}",
                    "createTime": milliseconds(offer.accepted_at),
                }
        raise RefusedInWords("345239 There is no such order")

    def _free(self, symbol: str) -> Decimal:
        held = [position for position in self.venue.snapshot().positions if position.symbol == symbol]
        return held[0].quantity - held[0].locked if held else ZERO


def _number(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as problem:
        raise RefusedInWords("-1100 Illegal characters found in parameter 'fromAmount'.") from problem
    if number <= 0:
        raise RefusedInWords("-1100 Illegal characters found in parameter 'fromAmount'.")
    return number
