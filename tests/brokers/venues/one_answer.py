"""Any venue of ccxt that answers every request the same: what is made of a reply to a write, and to a question.

Everything above the socket is real. Nothing was read before: the one market is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.dialect import Dialect
from exitplan.brokers.live.failures import unreadable
from exitplan.brokers.live.limits import TokenBucket
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.live.session import VenueSession
from exitplan.brokers.live.writing import Writer
from exitplan.brokers.protocol import OrderReference, OrderRequest, Outcome
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.venues.recorded import MADE_UP_KEY, MADE_UP_WORDS, Network, Replies, Reply, Sent
from tests.venues.coinbase_auth import new_credentials

SYMBOL = "SOL/USDT"
SELL = OrderRequest(client_order_id="xp0001", symbol=SYMBOL, side="sell", type="market", quantity=Decimal(2))
STOP = OrderRequest(
    client_order_id="xp0001",
    symbol=SYMBOL,
    side="sell",
    type="stop_limit",
    quantity=Decimal(2),
    price=Decimal(90),
    trigger_price=Decimal(91),
)
_COUNT = itertools.count()
_OPTIONS = {"accountMode": "CLASSIC", "unifiedAccount": False}
"""What kucoin and gate would ask for before an order."""


class _Same(Replies):
    """Gives one reply to whatever is asked, or several in turn, the last of them from then on."""

    def __init__(self) -> None:
        super().__init__({})
        self.turns = [Reply("")]

    def reply_to(self, sent: Sent) -> Reply:
        return self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]


@dataclass(frozen=True)
class Answered:
    """A client of a venue, and what it makes of a reply."""

    dialect: Dialect
    exchange: Any
    network: Network
    replies: _Same
    writer: Writer

    def place(self, reply: Any, status: int = 200, request: OrderRequest = SELL, headers: Any = None) -> Outcome:
        """Send an order that is answered so."""
        self._answer(reply, status, headers or {})
        (outcome,) = self.writer.place([request])
        return outcome

    def cancel(self, reply: Any, status: int = 200, names: tuple[str, ...] = ("7",)) -> list[Outcome]:
        """Cancel orders; all requests are answered so."""
        self._answer(reply, status, {})
        return self.writer.cancel(named(*names), frozenset())

    def read(self, reply: Any, status: int = 200) -> AccountUnreadable | None:
        """Ask for the balances; return the error that comes of it."""
        self._answer(reply, status, {})
        try:
            self.dialect.read_balances(self.exchange, "spot")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told as an error of ours
            return unreadable("it", error, self.writer.redact, self.exchange.pause)
        return None

    def _answer(self, reply: Any, status: int, headers: Any) -> None:
        self.replies.turns = [Reply(reply, status, headers)]
        self.network.sent.clear()


def named(*names: str) -> list[OrderReference]:
    """Return references to orders by the venue's ids."""
    return [OrderReference(symbol=SYMBOL, order_id=name) for name in names]


@contextmanager
def answered(venue: str) -> Iterator[Answered]:
    """Open a client that knows one market; each has a key of its own, and so its own limits."""
    number, dialect = next(_COUNT), dialect_of(venue)
    key, secret = f"one-answer-{number:06}", MADE_UP_KEY
    if venue == "coinbase":
        made_up = new_credentials()
        key, secret = made_up.key, made_up.secret
    credentials = Credentials("env:X", Secret(key), Secret(secret), Secret(MADE_UP_WORDS))
    connection = Connection(
        venue=venue,
        clock=lambda: datetime.now(UTC),
        credentials=credentials,
        options={**_OPTIONS, "marketTypes": ["spot"], "number": number},
    )
    exchange, replies = open_exchange(dialect, connection), _Same()
    network = Network(replies)
    exchange.bucket, exchange.session = TokenBucket(10_000, 10_000), VenueSession()  # shared with no other client
    exchange.session.mount("https://", network)
    exchange.set_markets([_market(exchange)])
    yield Answered(
        dialect, exchange, network, replies, Writer(dialect, exchange, Redactor(credentials), lambda: exchange.pause)
    )


def _market(exchange: Any) -> Any:
    return exchange.safe_market_structure(
        {
            "id": "SOL-USDT",
            "symbol": SYMBOL,
            "base": "SOL",
            "quote": "USDT",
            "baseId": "SOL",
            "quoteId": "USDT",
            "type": "spot",
            "spot": True,
            "active": True,
            "precision": {"amount": "0.001", "price": "0.01"},
            "limits": {"amount": {"min": "0.001"}},
            "info": {"orderTypes": ["MARKET", "LIMIT", "STOP_LOSS_LIMIT"]},
        }
    )
