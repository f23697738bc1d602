"""What every ccxt client of ours does besides: check replies, keep to our rate limits and clock, take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from exitplan.brokers.call_log import LoggedCall
from exitplan.brokers.clock_offset import TOLERATED, ClockOffset, offset_in
from exitplan.brokers.live.buckets import Bucket, LevelsUnknown
from exitplan.brokers.live.errors import names_an_order
from exitplan.brokers.live.failures import TOO_MANY_REQUESTS, as_ccxt_reads_it, refusal, unclear, without_mark
from exitplan.brokers.live.limits import SHORTEST_SLEEP, read_headers, retry_after
from exitplan.brokers.live.parsing import BadReply
from exitplan.brokers.live.reply_text import without_controls
from exitplan.brokers.protocol import Clock, RefusalReason

if TYPE_CHECKING:
    from exitplan.brokers.live.dialect import Dialect

LONGEST_WAIT = 60.0
"""Seconds that a request waits for its turn; a venue that wants a longer rest is not asked."""

Wire = Any
"""What ccxt hands to its hooks and gets from them."""

_AMOUNTS = ("filled", "amount", "remaining", "average", "price")
_WORKED_OUT = ("trades", "fees", "cost")
"""What ccxt works other parts of an order out of."""


def _is_told_plainly(order: Mapping[str, Any]) -> bool:
    """Check that every amount of an order is text, what it filled among them, and none to be worked out."""
    amounts = [order.get(name) for name in _AMOUNTS]
    if amounts[0] is None or any(order.get(name) for name in _WORKED_OUT):
        return False
    return all(amount is None or (type(amount) is str and amount) for amount in amounts)


def _ordered_and_left(
    amount: str | None, filled: str, remaining: str | None, *, is_over: bool
) -> tuple[str | None, str | None]:
    """Return what was ordered and what is left of it, the one by the other, or by what an order filled that is over."""
    from ccxt.base.precise import Precise  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    if amount is None:
        amount = Precise.string_add(filled, remaining) if remaining is not None else filled if is_over else None
    if remaining is None:
        remaining = Precise.string_sub(amount, filled) if amount is not None else None
    return amount, remaining


@dataclass(slots=True)
class Turn:
    """What all clients of a key have in common: whose turn it is to call, and the last number that signed a call."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    last_nonce: int = 0

    def __enter__(self) -> None:
        """Wait until no other thread has the turn."""
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        """Let the next one have it."""
        self.lock.release()

    def next_nonce(self, least: int) -> int:
        """Return a number above all that were given out, and no smaller than ``least``."""
        with self.lock:
            self.last_nonce = max(self.last_nonce + 1, least)
            return self.last_nonce


class Writes(threading.local):
    """How far the write of a thread has come: nothing sent, sent, or taken by the venue; None where it writes nothing.

    A write is sent by the thread that begins it. Whatever is no GET counts, as every question does at some venues; of
    those a write asks none before it is sent.
    """

    stage: Literal["begun", "sent", "taken"] | None = None
    only_checks: bool = False
    """Whether orders are only to be checked, and whatever else is no question is not sent."""

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Send nothing from here on that could place an order."""
        self.only_checks = True
        try:
            yield
        finally:
            self.only_checks = False

    @contextmanager
    def begin(self) -> Iterator[Writes]:
        """Look at what is sent from here on."""
        self.stage = "begun"
        try:
            yield self
        finally:
            self.stage = None

    @property
    def may_be_executed(self) -> bool:
        """Check whether anything went out."""
        return self.stage in {"sent", "taken"}


class CheckedClient:
    """To be put before a ccxt class; the attributes are set once the client is made."""

    id: str
    dialect: Dialect
    bucket: Bucket
    clock: Clock
    turn: Turn
    writes: Writes
    pause: float | None
    offset: ClockOffset | None
    """Between the venue's clock and ours, by its last reply to a private question."""
    told_offset: ClockOffset | None
    """The same by all such replies since the account was begun to be read."""
    _turns = threading.local()
    """Of the request that a thread is about to send: its weight, what it waited, if it is private, when it went."""

    def close(self, *_: Wire) -> None:
        """Leave the connections open: they are shared, and ccxt closes them with any client that is let go."""

    def milliseconds(self) -> int:
        """Return the time that requests are signed with: ours."""
        return int(self.clock().timestamp() * 1000)

    def seconds(self) -> int:
        """Return the same in seconds."""
        return self.milliseconds() // 1000

    def microseconds(self) -> int:
        """Return the same in microseconds."""
        return int(self.clock().timestamp() * 1_000_000)

    def incrementing_nonce(self) -> int:
        """Return a nonce that rises for the key, whichever of its clients asks: ccxt counts for each by itself."""
        return self.turn.next_nonce(int(self.nonce()))  # type: ignore[attr-defined] # ccxt's, behind this class

    def throttle(self, cost: float | None = None) -> None:
        """Wait until the venue takes another request of this cost; ccxt's own way allows no bursts."""
        weight = 1.0 if cost is None else float(cost)
        wait = self.bucket.ready_in(weight)
        if wait <= 0:
            self.pause = None  # what an earlier reply asked for is over
        started = time.perf_counter()
        if wait <= LONGEST_WAIT:  # or until then, unless a reply to another request asks for a longer rest meanwhile
            wait = self._take(weight)
        if wait > LONGEST_WAIT:
            from ccxt.base.errors import RateLimitExceeded  # noqa: PLC0415 - ccxt is loaded only where it is used

            self.pause = wait
            raise RateLimitExceeded(f"{self.id} wants a rest of {wait:.0f} more seconds")
        waited = time.perf_counter() - started
        self._turns.weight, self._turns.waited = weight, waited if waited >= SHORTEST_SLEEP else 0.0

    def _take(self, weight: float) -> float:
        """Take the tokens of a request; where nobody knows what is left it is like one that comes too often."""
        try:
            return self.bucket.take(weight, LONGEST_WAIT)
        except LevelsUnknown as problem:
            from ccxt.base.errors import RateLimitExceeded  # noqa: PLC0415 - as above

            self.pause = None
            raise RateLimitExceeded(f"{self.id} was not asked: {problem}") from None

    def safe_ticker(self, ticker: Wire, market: Wire = None) -> Wire:
        """Return the prices that are read without what ccxt works out besides: a reply tells of hundreds of markets.

        Where a last price is only to be had by working it out, ccxt does.
        """
        sides = {name: self._price(ticker, name) for name in ("bid", "ask")}
        last = self._price(ticker, "close", "last")
        if last is None and (ticker.get("open") or ticker.get("average")):
            return {**super().safe_ticker(ticker, market), **sides}  # type: ignore[misc] # ccxt's, behind this class
        return {**ticker, **sides, "close": last, "last": last}

    @staticmethod
    def _price(ticker: Wire, *names: str) -> str | None:
        """Return the first of these prices that the venue tells, as text; unlike in ccxt a zero stays: it says none."""
        texts = ["" if ticker.get(name) is None else str(ticker[name]) for name in names]
        return next((text for text in texts if text), None)

    def safe_order(self, order: Wire, market: Wire = None) -> Wire:
        """Return what is read of an order without what ccxt works out besides, in less than half of its time.

        Where an amount is not told as text, or has to be worked out of trades, of several fees or of a cost, ccxt does.
        """
        if not order or not _is_told_plainly(order):
            return super().safe_order(order, market)  # type: ignore[misc] # ccxt's, behind this class
        amount, average, price = (self.omit_zero(order.get(name)) for name in ("amount", "average", "price"))  # type: ignore[attr-defined] # as above
        text, number, fee = self.safe_string, self.safe_integer, order.get("fee")  # type: ignore[attr-defined] # as above
        kind, status = text(order, "type"), text(order, "status")
        amount, remaining = _ordered_and_left(
            amount, order["filled"], order.get("remaining"), is_over=status == "closed"
        )
        return {
            **order,
            **{name: text(order, name) for name in ("id", "clientOrderId", "symbol", "side")},
            **{name: number(order, name) for name in ("timestamp", "lastTradeTimestamp", "lastUpdateTimestamp")},
            "type": kind,
            "status": status,
            "amount": amount,
            "remaining": remaining,
            "average": average,
            "price": average if price is None and kind == "market" else price,
            "triggerPrice": text(order, "triggerPrice") or text(order, "stopPrice"),
            "reduceOnly": order.get("reduceOnly"),
            "cost": None,
            "fee": fee,
            "fees": [] if fee is None or order.get("fees") is not None else [fee],
            "trades": [],
        }

    def fetch2(self, path: str, api: Wire = "public", *more: Wire, **named: Wire) -> Wire:
        """Sign and send; where private calls must not overtake each other, one at a time."""
        is_private = "private" in str(api).casefold()
        self._turns.is_private = is_private
        if self.dialect.traits.serialize_private and is_private:
            with self.turn:
                return super().fetch2(path, api, *more, **named)  # type: ignore[misc] # ccxt's, behind this class
        return super().fetch2(path, api, *more, **named)  # type: ignore[misc] # as above

    def fetch(self, url: str, method: Wire = "GET", headers: Wire = None, body: Wire = None) -> Wire:
        """Send one request and log it: its method and path, what it weighs, how long it took and what came of it."""
        if self.writes.only_checks and method != "GET" and not self.dialect.only_checks(url, body):
            raise BadReply(f"{method} {urlsplit(url).path} was not sent: it would do more than check an order")
        self._turns.sent_at = self.clock()
        is_write = method != "GET" and self.writes.stage is not None
        if is_write and self.writes.stage == "begun":
            self.writes.stage = "sent"
        waited = vars(self._turns).pop("waited", 0.0)
        weight = partial(getattr, self._turns, "weight", None)
        with LoggedCall(self.id, f"{method} {urlsplit(url).path}", weight, waited=waited):
            reply = super().fetch(url, method, headers, body)  # type: ignore[misc] # as above
        if is_write:
            self.writes.stage = "taken"
        return reply

    def handle_option_integer_and_params(self, params: Wire, method: str, option: str, otherwise: Wire = None) -> Wire:
        """Read one of ccxt's options; it never repeats a request by itself, whatever an account's options say."""
        value, rest = super().handle_option_integer_and_params(params, method, option, otherwise)  # type: ignore[misc] # as above
        return [0 if option == "maxRetriesOnFailure" else value, rest]

    def sign(self, *asked: Wire, **named: Wire) -> Wire:
        """Sign a request; a secret of another form than the venue's is a wrong secret, and nothing was sent."""
        try:
            return super().sign(*asked, **named)  # type: ignore[misc] # as above
        except ValueError:
            from ccxt.base.errors import AuthenticationError  # noqa: PLC0415 - as above

            raise AuthenticationError(f"{self.id} cannot sign with this secret: it has another form") from None

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str, *more: Wire
    ) -> Wire:
        """Take from a reply what it says of our limits, and out of it what no terminal should get."""
        now, headers = time.time(), {name.casefold(): text for name, text in headers.items()}
        names = self.dialect.traits.headers
        learned = None if names is None else read_headers(headers, names, now)
        if learned is not None:
            self.bucket.learn(learned.remaining, learned.limit, learned.reset_in)
        asked = retry_after(headers, now)
        if code in TOO_MANY_REQUESTS:
            self.bucket.pause(asked or 1.0)
        if getattr(self._turns, "is_private", False):
            self._compare_clocks(headers)
        if asked is not None:  # a reply beside it that asks for nothing ends no rest
            self.pause = asked
        return super().on_rest_response(code, reason, url, method, headers, without_controls(body), *more)  # type: ignore[misc] # as above

    def _compare_clocks(self, headers: Mapping[str, str]) -> None:
        offset = offset_in(headers, self._turns.sent_at, self.clock())
        if offset is not None:
            self.offset = offset
            self.told_offset = offset if self.told_offset is None else self.told_offset.narrowed(offset)

    def clock_problem(self, tolerated: float = TOLERATED) -> str | None:
        """Say that our clock is off by more than the seconds that are tolerated; None where it may be right."""
        return None if self.offset is None else self.offset.problem(tolerated)

    def throw_exactly_matched_exception(self, exact: Wire, string: Wire, message: Wire) -> None:
        """Raise what ccxt has in its tables for a code, and keep which code it was."""
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - as above

        try:
            super().throw_exactly_matched_exception(exact, string, message)  # type: ignore[misc] # as above
        except BaseError as error:
            vars(error)["matched"] = string
            raise

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: Wire, body: str, reply: Wire, *more: Wire
    ) -> Wire:
        """Judge a reply by the venue's own codes, then look whether what is left is a reply at all.

        What broke inside a venue, or says nothing, is no answer of it: ccxt would read a refusal out of some of that.
        """
        from ccxt.base.errors import BadResponse, ExchangeNotAvailable  # noqa: PLC0415 - ccxt is loaded only where used

        where = f"{self.id} {method} {urlsplit(url).path}"
        if code >= 500:  # noqa: PLR2004 - HTTP
            raise ExchangeNotAvailable(f"{where}: {code} {reason} {body}")
        if reply == {} and not (code < 300 and urlsplit(url).path.endswith(self.dialect.empty_answers)):  # noqa: PLR2004 - HTTP
            raise BadResponse(f"{where}: it is empty")
        done, theirs = None, None
        try:
            done = super().handle_errors(code, reason, url, method, headers, body, reply, *more)  # type: ignore[misc] # as above
        except Exception as raised:  # noqa: BLE001 - what ccxt makes of a reply is only a part of what it means
            theirs = raised
        error = self._error_in(code, url, body, reply, theirs)
        if error is not None:
            # What was asked for besides, once the venue has taken a write, refuses nothing of that.
            raise without_mark(error) if self.writes.stage == "taken" else error from None
        if 300 <= code < 400:  # noqa: PLR2004 - HTTP
            raise BadResponse(f"{where}: it points elsewhere")
        if code < 300 and (wrong := self.dialect.validate_reply(url, reply)) is not None:  # noqa: PLR2004 - HTTP
            raise BadResponse(f"{where}: {wrong}")
        return done

    def _error_in(self, code: int, url: str, body: str, reply: Wire, theirs: Exception | None) -> Exception | None:
        """Return the error that a reply tells of; None for an answer."""
        from ccxt.base.errors import AuthenticationError, BadResponse  # noqa: PLC0415 - as above

        table, message = self.dialect.errors, f"{self.id} {code} {body}"
        if table is None:
            return as_ccxt_reads_it(code, reply, theirs, message)
        codes = self.dialect.codes_in(code, url, reply)
        if codes == ():
            return None  # where the status says otherwise ccxt goes by that, and it refuses nothing
        if codes:
            # A cancel names an order in any case, and to ask for one sends nothing.
            is_taken = self.writes.stage is not None and "cancel" not in url.lower() and names_an_order(reply)
            meaning = None if is_taken else table.meaning(codes, body)
            return unclear(message, theirs) if meaning is None else refusal(meaning, message, theirs)
        if code in TOO_MANY_REQUESTS:
            return refusal(RefusalReason.RATE_LIMITED, message)
        is_denied = code == 401 or isinstance(theirs, AuthenticationError)  # noqa: PLR2004 - HTTP
        kind: type[Exception] = AuthenticationError if is_denied else BadResponse
        return kind(f"{message}: this is no form of the venue's")
