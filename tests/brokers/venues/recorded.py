"""A stand-in for the network below ccxt: it answers in a venue's own JSON and keeps every request that went out.

Everything above the socket is real: LiveBroker, the dialect, ccxt's signing, its parsers and its error handling.

    with at_venue("kucoin", Replies({"GET /api/v1/market/allTickers": {...}}), password="...") as recorded:
        recorded.answer("POST /api/v1/hf/orders", {"code": "200000", "data": {"orderId": "7"}})
        recorded.broker.place_orders([request])
        assert recorded.only("POST /api/v1/hf/orders").params["clientOid"] == "xp"

A reply belongs to a method and a path, ``POST /api/v1/hf/orders``; to one host of several,
``POST api.kucoin.com/api/v1/hf/orders``; or to a part of the query as well, ``GET /orders?state=open&page=2``. The
newest that fits answers. It is a JSON document, a :class:`Reply`, an exception to raise, or a function of the request
that gives one of these.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.client import Connection, Pace, open_exchange
from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.dialect import MarketType
from exitplan.brokers.live.listings import forget_listings
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import AccountUnreadable

_COUNT = itertools.count()
MADE_UP_KEY = "c2VjcmV0LW9mLWEtdGVzdC13aXRoLWVub3VnaC1ieXRlcw=="
MADE_UP_WORDS = "seven recorded ravens"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it went out; header names are in lower case."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters of query and body together; a JSON body keeps its types, a list is under ``[]``."""
        return {**self.query, **self.form}

    @property
    def form(self) -> dict[str, Any]:
        """Return what stands in the body, be it JSON or a form."""
        if self.body.lstrip()[:1] in {"{", "["}:
            document = json.loads(self.body)
            return document if isinstance(document, dict) else {"[]": document}
        return dict(parse_qsl(self.body, keep_blank_values=True))

    def fits(self, pattern: str) -> bool:
        """Check whether a pattern means this request."""
        method, _, rest = pattern.partition(" ")
        address, _, query = rest.partition("?")
        place = self.path if address.startswith("/") else f"{self.host}{self.path}"
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        return method == self.method and address == place and wanted.items() <= self.query.items()


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is more than a JSON document with status 200; a text goes out as it stands."""

    document: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """Return what goes over the wire."""
        return (self.document if isinstance(self.document, str) else json.dumps(self.document)).encode()


GATEWAY_PAGE = Reply("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, {"Content-Type": "text/html"})
PAGE_OF_200 = Reply("<html><body>Please wait while we check your browser</body></html>")
NOTHING = Reply("")
EMPTY = Reply("{}")
NO_ANSWERS = (GATEWAY_PAGE, PAGE_OF_200, NOTHING, EMPTY)
"""What answers no question, each in its way."""


class Replies:
    """What a venue answers, by request."""

    def __init__(self, by_pattern: Mapping[str, Any]) -> None:
        self._known = list(by_pattern.items())

    def add(self, pattern: str, reply: Any) -> None:
        self._known.append((pattern, reply))

    def reply_to(self, sent: Sent) -> Reply:
        """Return the newest reply that fits; raises LookupError where nobody thought of the request."""
        for pattern, reply in reversed(self._known):
            if sent.fits(pattern):
                found = reply(sent) if callable(reply) else reply
                if isinstance(found, Exception):
                    raise found
                return found if isinstance(found, Reply) else Reply(found)
        raise LookupError(f"nobody answers {sent.method} {sent.host}{sent.path} {dict(sent.query)} {sent.body[:300]}")


class Network(BaseAdapter):
    """Carries the requests of one venue to its replies, and keeps them."""

    def __init__(self, replies: Replies) -> None:
        super().__init__()
        self.replies = replies
        self.sent: list[Sent] = []
        self.unanswered: list[str] = []

    def send(self, request: PreparedRequest, *more: Any, **named: Any) -> Response:
        sent = _sent(request)
        self.sent.append(sent)
        try:
            reply = self.replies.reply_to(sent)
        except LookupError as error:
            self.unanswered.append(str(error))
            raise
        response = Response()
        response.status_code, response.reason = reply.status, "recorded"
        response.headers.update({"Content-Type": "application/json", **reply.headers})
        response._content, response.encoding = reply.body, "utf-8"
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Nothing is open."""


def _sent(request: PreparedRequest) -> Sent:
    parts = urlsplit(str(request.url))
    body = request.body or ""
    return Sent(
        method=str(request.method),
        host=str(parts.hostname),
        path=parts.path,
        query={name: ",".join(found) for name, found in parse_qs(parts.query, keep_blank_values=True).items()},
        headers={name.lower(): _text(value) for name, value in request.headers.items()},
        body=_text(body),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A live account whose venue is made of recorded replies."""

    broker: LiveBroker
    network: Network
    credentials: Credentials

    @property
    def sent(self) -> list[Sent]:
        """Every request so far, the oldest first; those that were made side by side in any order."""
        return self.network.sent

    def answer(self, pattern: str, reply: Any) -> None:
        """Answer a kind of request from now on."""
        self.network.replies.add(pattern, reply)

    def forget(self) -> None:
        """Forget what was sent so far."""
        self.network.sent.clear()

    def all(self, pattern: str) -> list[Sent]:
        """Return all requests of a kind."""
        return [sent for sent in self.sent if sent.fits(pattern)]

    def only(self, pattern: str) -> Sent:
        """Return the one request of a kind; there must be no other."""
        (sent,) = self.all(pattern)
        return sent

    def refuses_to_read(self, pattern: str, reply: Any) -> AccountUnreadable:
        """Return the error that a reply makes of reading the account."""
        self.answer(pattern, reply)
        try:
            snapshot = self.broker.read_account()
        except AccountUnreadable as error:
            return error
        raise AssertionError(f"the account was read as {snapshot}")

    def tells(self, text: str) -> list[str]:
        """Name the secrets that stand in a text."""
        return [secret.reveal() for secret in self.credentials.secrets() if secret.reveal() in text]


@contextmanager
def at_venue(
    venue: str,
    replies: Replies,
    *,
    quote: str = "USDT",
    market_types: tuple[MarketType, ...] = ("spot",),
    options: Mapping[str, Any] | None = None,
    password: str | None = None,
    secret: str = MADE_UP_KEY,
    clock: Callable[[], datetime] | None = None,
    pace: Pace | None = None,
) -> Iterator[Recorded]:
    """Open an account at a venue of recorded replies; a request that nobody thought of fails when the block ends.

    Each account has a key of its own, so that none waits for the limits that another has used up.
    """
    number = next(_COUNT)
    connection = Connection(
        venue=venue,
        clock=clock or (lambda: datetime.now(UTC)),
        market_types=market_types,
        options={"recorded": number, **(options or {})},
        pace=pace,
    )
    passphrase = None if password is None else Secret(password)
    credentials = Credentials("env:RECORDED", Secret(f"recorded-key-{number:06}"), Secret(secret), passphrase)
    network = Network(Replies(dict(replies._known)))
    dialect = dialect_of(venue)
    # Accounts of one place share a session, so whoever asks for it gets the one that the account will use.
    session = open_exchange(dialect, connection).session
    session.mount("https://", network)
    session.mount("http://", network)
    broker = LiveBroker(dialect, connection, credentials, "recorded", quote)
    forget_listings()
    yield Recorded(broker, network, credentials)
    forget_listings()
    assert not network.unanswered, "\n".join(network.unanswered)
