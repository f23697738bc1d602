"""How binance knows its clients: an HMAC over query and body, and a time that is neither too old nor ahead.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#request-security
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from exitplan.brokers.protocol import Clock
from tests.venues.venue import utc_now
from tests.venues.wire import Credentials, Document, RefusedInWords, Request

_LETTERS = string.ascii_letters + string.digits
_KEY = re.compile(r"[A-Za-z0-9]{64}")
_SIGNED = re.compile(r"(?P<payload>.*?)&?signature=(?P<signature>[0-9a-fA-F]*)")
_USUAL_WINDOW = Decimal(5_000)
_LONGEST_WINDOW = Decimal(60_000)
_AHEAD = timedelta(seconds=1)
UNAUTHORIZED = 401

BAD_KEY = "-2015 Invalid API-key, IP, or permissions for action."


def new_credentials() -> Credentials:
    """Make a key pair of binance's form: 64 letters and digits each."""
    key, secret = ("".join(secrets.choice(_LETTERS) for _ in range(64)) for _ in range(2))
    return Credentials(key, secret)


def signature(secret: str, payload: str) -> str:
    """Sign as binance's documentation says: HMAC-SHA256 of the query and the body, in hex."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


@dataclass
class BinanceGate:
    """Lets in who signs with the right secret, as long as the request is within its window."""

    credentials: Credentials = field(default_factory=new_credentials)
    clock: Clock = utc_now

    def check(self, request: Request) -> None:
        """Let a signed request in; raises RefusedInWords with binance's code and words for what is wrong with it."""
        key = request.headers.get("x-mbx-apikey", "")
        if not _KEY.fullmatch(key):
            raise RefusedInWords("-2014 API-key format invalid.", status=UNAUTHORIZED)
        if key != self.credentials.key:
            raise RefusedInWords(BAD_KEY, status=UNAUTHORIZED)
        sent_at, window = _timing(request.params())
        signed = _SIGNED.fullmatch(request.query + request.body.decode())
        if signed is None:
            raise RefusedInWords("-1102 Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        expected = signature(self.credentials.secret, signed["payload"])
        if not hmac.compare_digest(expected, signed["signature"].lower()):
            raise RefusedInWords("-1022 Signature for this request is not valid.")
        now = self.clock()
        if sent_at >= now + _AHEAD:
            raise RefusedInWords("-1021 Timestamp for this request was 1000ms ahead of the server's time.")
        if now > sent_at + window:
            raise RefusedInWords("-1021 Timestamp for this request is outside of the recvWindow.")

    def valid_until(self, request: Request) -> datetime:
        sent_at, window = _timing(request.params())
        return sent_at + window


def _timing(params: Document) -> tuple[datetime, timedelta]:
    """Read when a request was sent and for how long it is valid."""
    try:
        sent_at = int(params["timestamp"])
    except (KeyError, ValueError, TypeError) as problem:
        words = "-1102 Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
        raise RefusedInWords(words) from problem
    try:
        window = Decimal(params.get("recvWindow", _USUAL_WINDOW))
    except (InvalidOperation, TypeError) as problem:
        raise RefusedInWords("-1100 Illegal characters found in parameter 'recvWindow'.") from problem
    if window > _LONGEST_WINDOW:
        raise RefusedInWords("-1131 recvWindow must be less than 60000")
    return datetime.fromtimestamp(sent_at / 1000, UTC), timedelta(milliseconds=float(window))
