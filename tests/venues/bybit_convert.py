"""Conversions at bybit: a quote for 15 seconds, its confirmation, and what became of it.

https://bybit-exchange.github.io/docs/v5/asset/convert/guideline
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from exitplan.brokers.paper.pricing import mark_price
from exitplan.brokers.protocol import ConvertRequest, Done
from exitplan.ruleset.model.values import plain
from tests.venues import bybit_shapes as shapes
from tests.venues.venue import Venue
from tests.venues.wire import Document, RefusedInWords

QUOTE_SECONDS = 15
"""How long a quote may be confirmed."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What the venue offers for an amount, in the account's quote currency."""

    id: str
    currency: str
    target: str
    amount: Decimal
    gained: Decimal
    made_at: datetime
    is_done: bool = False


@dataclass
class Conversions:
    """Turns small balances into the account's quote currency, at the taker's fee."""

    venue: Venue
    quotes: dict[str, Quote] = field(default_factory=dict)

    def quote(self, params: Document) -> Document:
        """Offer a price; nothing changes."""
        account = self.venue.snapshot()
        currency, target = str(params.get("fromCoin")), str(params.get("toCoin"))
        market = account.markets.get(f"{currency}/{account.quote}")
        price = mark_price(market) if market is not None and market.active else None
        if params.get("accountType") != "eb_convert_uta" or target != account.quote or price is None:
            raise RefusedInWords("790000", "the coin is not supported for conversion")
        amount = _number(params.get("requestAmount"))
        if not 0 < amount <= self._free(f"{currency}/{target}"):
            raise RefusedInWords("700001", "balance insufficient")
        gained = amount * price * (1 - self.venue.options.taker_fee)
        name = shapes.order_id(f"conversion {len(self.quotes)}")
        quote = self.quotes[name] = Quote(name, currency, target, amount, gained, self.venue.now())
        expires = self.venue.now() + timedelta(seconds=QUOTE_SECONDS)
        rate, until = plain(gained / amount), shapes.milliseconds(expires)
        return self._terms(quote) | {"quoteTxId": name, "exchangeRate": rate, "expiredTime": until, "requestId": ""}

    def confirm(self, params: Document) -> Document:
        """Convert as quoted; the reply says that it is under way, also where it was confirmed before."""
        quote = self._quote(params)
        if not quote.is_done:
            if (self.venue.now() - quote.made_at).total_seconds() > QUOTE_SECONDS:
                raise RefusedInWords("790001", "the quote has expired")
            symbol = f"{quote.currency}/{quote.target}"
            outcome = self.venue.convert(ConvertRequest(client_order_id=None, symbol=symbol, quantity=quote.amount))
            if not isinstance(outcome, Done):
                raise RefusedInWords("700001", outcome.message)
            self.quotes[quote.id] = replace(quote, is_done=True)
        return {"quoteTxId": quote.id, "exchangeStatus": "processing"}

    def tell(self, params: Document) -> Document:
        """Tell what became of a quote."""
        quote = self._quote(params)
        told: Document = {
            "accountType": "eb_convert_uta",
            "exchangeTxId": quote.id,
            "userId": "1",
            "exchangeStatus": "success" if quote.is_done else "init",
            "extInfo": {},
            "convertRate": plain(quote.gained / quote.amount),
            "createdAt": shapes.milliseconds(quote.made_at),
        }
        return {"result": self._terms(quote) | told}

    def _terms(self, quote: Quote) -> Document:
        return {
            "fromCoin": quote.currency,
            "fromCoinType": "crypto",
            "toCoin": quote.target,
            "toCoinType": "crypto",
            "fromAmount": plain(quote.amount),
            "toAmount": plain(quote.gained),
        }

    def _quote(self, params: Document) -> Quote:
        name = str(params.get("quoteTxId"))
        if name not in self.quotes:
            raise RefusedInWords("790002", "the quote does not exist")
        return self.quotes[name]

    def _free(self, symbol: str) -> Decimal:
        held = (entry for entry in self.venue.snapshot().positions if entry.symbol == symbol)
        return sum((entry.quantity - entry.locked for entry in held), Decimal(0))


def _number(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as problem:
        raise RefusedInWords("10001", "params error: requestAmount") from problem
