"""Every reader of venues, on whatever reply: an account is read or is unreadable, and an order has an outcome.

Everything above the socket is real. A good account of each venue is read, an order sent, looked up and cancelled; then
the reply to one of these requests is spoilt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter

from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.client import Pace
from exitplan.brokers.protocol import Done, Found, NotFound, OrderReference, OrderRequest, Refused, Unknown
from exitplan.ruleset.errors import ExitplanError
from tests.brokers.live.accounts import account_at, priced
from tests.brokers.venues.every_account import EVERY_ACCOUNT, Told
from tests.brokers.venues.recorded import Replies, Reply, Sent, at_venue
from tests.builders import order, position, snapshot
from tests.spoiling import fuzzed, spoilt_bytes, spoilt_structure

MOST_REQUESTS = 100
"""What one reading or writing may ask at most, whatever a venue says of further pages."""

Question = tuple[str, str]
"""The method of a request, and host and path."""


class Listener(BaseAdapter):
    """Carries requests to a venue, keeps the replies, and gives spoilt ones to some."""

    def __init__(self, venue: BaseAdapter) -> None:
        super().__init__()
        self.venue = venue
        self.heard: dict[Question, bytes] = {}
        self.spoilt: dict[Question, bytes] = {}
        self.left = MOST_REQUESTS

    def send(self, request: PreparedRequest, *more: Any, **named: Any) -> Response:
        self.left -= 1
        response = self.venue.send(request, *more, **named)
        question = str(request.method), str(request.url).partition("?")[0]
        self.heard[question] = response.content
        response._content = self.spoilt.get(question, response.content)
        return response

    def close(self) -> None:
        self.venue.close()


class Whole(Replies):
    """Gives one reply to all requests that nobody thought of, as those are of a spoilt page."""

    def __init__(self, told: Told) -> None:
        super().__init__(dict(told.replies._known))
        self.taken = told.taken

    def reply_to(self, sent: Sent) -> Reply:
        try:
            return super().reply_to(sent)
        except LookupError:
            return Reply(self.taken)


Opened = tuple[LiveBroker, Listener, str]


@cache
def told_of(name: str) -> Told:
    """Return what a venue tells; of Kraken, what its front on loopback does."""
    if name != "kraken":
        return EVERY_ACCOUNT[name]
    account = snapshot(
        position("AAA/USD", 10, locked=3),
        orders=[order("o1", "AAA/USD", quantity=3, price=200)],
        markets={"AAA/USD": priced()},
    )
    with account_at(name, account) as opened:
        listener = Listener(HTTPAdapter())
        opened.broker._exchange.session.mount("http://", listener)
        use(opened.broker, listener, "AAA/USD")
    told = {f"{method} {urlsplit(url).path}": json.loads(body) for (method, url), body in listener.heard.items()}
    return Told(Replies(told), {"error": [], "result": {}}, "AAA/USD", {"quote": "USD"})


@contextmanager
def opened_at(name: str) -> Iterator[Opened]:
    told = told_of(name)
    with at_venue(name.partition(" ")[0], told.replies, pace=Pace(1e6, 1e6), **told.opened) as recorded:
        listener = Listener(recorded.network)
        recorded.network.replies = Whole(told)
        recorded.broker._exchange.session.mount("https://", listener)
        yield recorded.broker, listener, told.symbol


def _ensure_answered(*answers: Done | Refused | Unknown | Found | NotFound) -> None:
    assert all(isinstance(answer, Done | Refused | Unknown | Found | NotFound) for answer in answers)


def use(broker: LiveBroker, listener: Listener, symbol: str) -> list[str]:
    """Do with an account all that a run does; return what was told as an error of ours."""
    sell = OrderRequest(client_order_id="xp0001", symbol=symbol, side="sell", type="market", quantity=Decimal(1))
    names = [OrderReference(symbol=symbol, order_id="7"), OrderReference(symbol=symbol, client_order_id="xp0001")]
    acts: list[Callable[[], Any]] = [
        broker.read_account,
        lambda: _ensure_answered(*broker.place_orders([sell])),
        lambda: _ensure_answered(*(broker.look_up_order(name) for name in names)),
        lambda: _ensure_answered(*broker.cancel_orders(names)),
    ]
    problems = []
    for act in acts:
        listener.left = MOST_REQUESTS
        try:
            act()
        except ExitplanError as error:
            problems.append(str(error))
        assert listener.left > 0
    return problems


@cache
def heard(name: str) -> dict[Question, bytes]:
    """Return the good replies of an account, by request."""
    with opened_at(name) as (broker, listener, symbol):
        assert use(broker, listener, symbol) == []
    return listener.heard


@pytest.mark.parametrize("name", [*EVERY_ACCOUNT, "kraken"])
@fuzzed(5)
@given(data=st.data())
def test_a_spoilt_reply_is_read_or_refused(name: str, data: st.DataObject) -> None:
    replies = heard(name)
    question = data.draw(st.sampled_from(sorted(replies)))
    content = replies[question]
    structure = spoilt_structure(json.loads(content)).map(lambda document: json.dumps(document).encode())
    spoilt = data.draw(spoilt_bytes(content) | structure)
    with opened_at(name) as (broker, listener, symbol):
        listener.spoilt[question] = spoilt
        use(broker, listener, symbol)
