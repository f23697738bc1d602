"""Conversions at coinbase: a quote, its commitment, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from exitplan.brokers.paper.pricing import mark_price
from exitplan.brokers.protocol import ConvertRequest, Done
from tests.venues import coinbase_shapes as shapes
from tests.venues.venue import Venue
from tests.venues.wire import Document, RefusedInWords

QUOTE_SECONDS = 60
"""How long a quote may be committed to."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What the venue offers for an amount, in the account's quote currency; ``total`` is after the fee."""

    id: str
    currency: str
    amount: Decimal
    total: Decimal
    fee: Decimal
    made_at: datetime
    status: Literal["CREATED", "COMPLETED"] = "CREATED"


@dataclass
class Conversions:
    """Turns small balances into the account's quote currency, at the taker's fee."""

    venue: Venue
    quotes: dict[str, Quote] = field(default_factory=dict)

    def quote(self, params: Document) -> Document:
        """Offer a price; nothing changes."""
        account = self.venue.snapshot()
        currency, target = self._currency(params.get("from_account")), self._currency(params.get("to_account"))
        market = account.markets.get(f"{currency}/{account.quote}")
        price = mark_price(market) if market is not None and market.active else None
        if target != account.quote or price is None:
            raise RefusedInWords("INVALID_ARGUMENT", f"unsupported conversion from {currency} to {target}")
        amount = _number(params.get("amount"))
        if amount <= 0 or amount > self._free(currency):
            raise RefusedInWords("INVALID_ARGUMENT", "Insufficient balance in source account")
        fee = amount * price * self.venue.options.taker_fee
        name = shapes.new_uuid(f"conversion {len(self.quotes)}")
        self.quotes[name] = Quote(name, currency, amount, amount * price - fee, fee, self.venue.now())
        return self.tell(name)

    def commit(self, name: str) -> Document:
        """Convert as quoted; again, it tells what became of it."""
        quote = self._quote(name)
        if quote.status == "CREATED":
            if (self.venue.now() - quote.made_at).total_seconds() > QUOTE_SECONDS:
                raise RefusedInWords("INVALID_ARGUMENT", "the quote has expired")
            symbol = f"{quote.currency}/{self.venue.start.quote}"
            request = ConvertRequest(client_order_id=None, symbol=symbol, quantity=quote.amount)
            outcome = self.venue.convert(request)
            if not isinstance(outcome, Done):
                raise RefusedInWords("INVALID_ARGUMENT", outcome.message)
            self.quotes[name] = replace(quote, status="COMPLETED")
        return self.tell(name)

    def tell(self, name: str) -> Document:
        quote = self._quote(name)
        target = self.venue.start.quote
        trade = {
            "id": quote.id,
            "status": f"TRADE_STATUS_{quote.status}",
            "user_entered_amount": shapes.amount(quote.amount, quote.currency),
            "amount": shapes.amount(quote.amount, quote.currency),
            "subtotal": shapes.amount(quote.total + quote.fee, target),
            "total": shapes.amount(quote.total, target),
            "total_fee": {"title": "Fee", "description": "", "amount": shapes.amount(quote.fee, target)},
            "source_currency": quote.currency,
            "target_currency": target,
            "user_warnings": [],
        }
        return {"trade": trade}

    def _quote(self, name: str) -> Quote:
        if name not in self.quotes:
            raise RefusedInWords("NOT_FOUND", "trade not found", 404)
        return self.quotes[name]

    def _currency(self, name: object) -> str:
        """Read an account as a client names it: by its id or by its currency."""
        account = self.venue.start
        codes = {account.quote} | {position.symbol.split("/")[0] for position in account.positions}
        by_id = {shapes.new_uuid(f"account {code}"): code for code in codes}
        return by_id.get(str(name), str(name))

    def _free(self, currency: str) -> Decimal:
        for position in self.venue.snapshot().positions:
            if position.symbol == f"{currency}/{self.venue.start.quote}":
                return position.quantity - position.locked
        return Decimal(0)


def _number(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as problem:
        raise RefusedInWords("INVALID_ARGUMENT", "amount is not a number") from problem
