"""Where requests meet their faults, between the HTTP server and a venue's front."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from tests.venues.faults import Fault, Kind
from tests.venues.venue import Call, Twist, Venue
from tests.venues.wire import Front, Reply, Request, in_json

Answer = Reply | None
"""A reply; None: the connection is dropped."""


@dataclass
class Door:
    """Answers requests one at a time as the front does, but for what goes wrong with them."""

    front: Front
    venue: Venue
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: Request) -> Answer:
        """Answer one request; its reply goes out when it has been on its way, the venue's own work included."""
        began = time.monotonic()
        call = self._logged(request)
        with self.venue.lock:
            met = self.venue.faults.next(call.sort, request.path)
        call.fault = met.kind.value
        if met.kind is Kind.STUCK:
            self._wait(met.seconds)
        with self.venue.lock:
            self.venue.arrive()
            answer = _FAULTS[met.kind](self, request, met)
            if call.is_write:
                self.venue.save()
        if met.kind is Kind.SLOW:
            self._wait(met.seconds)
        self._wait(began + self.venue.latency - time.monotonic())
        call.status = None if answer is None else answer.status
        return answer

    def _logged(self, request: Request) -> Call:
        sort = self.front.sort_of(request)
        params = {name: value for name, value in _params(request).items() if name != "nonce"}
        with self.venue.lock:
            call = Call(self.venue.clock(), request.method, request.path, params, sort)
            self.venue.log.append(call)
        return call

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            (self.venue.wait or self.closing.wait)(seconds)

    def _done(self, request: Request) -> Reply:
        return self.front.authenticate(request) or self.front.act(request)

    # --- the faults ---

    def _none(self, request: Request, _: Fault) -> Answer:
        return self._done(request)

    def _lost_before(self, _: Request, __: Fault) -> Answer:
        return None

    def _lost_after(self, request: Request, _: Fault) -> Answer:
        self._done(request)
        return None

    def _error_before(self, _: Request, met: Fault) -> Answer:
        return Reply(b"<html><body>Service Unavailable</body></html>", met.status, content_type="text/html")

    def _error_after(self, request: Request, met: Fault) -> Answer:
        self._done(request)
        return self._error_before(request, met)

    def _rate_limited(self, _: Request, met: Fault) -> Answer:
        return Reply(b"Too Many Requests", 429, {"Retry-After": f"{met.seconds:g}"}, "text/plain")

    def _garbled(self, request: Request, met: Fault) -> Answer:
        """Answer with status 200 and nonsense."""
        reply = self._done(request) if met.executed else in_json({"error": [], "result": {}})
        if met.kind is Kind.HTML:
            return Reply(b"<html><body>Just a moment...</body></html>", content_type="text/html")
        bodies = {Kind.EMPTY: b"", Kind.BARE: b"{}", Kind.CUT: reply.body[: max(1, len(reply.body) // 2)]}
        return Reply(bodies[met.kind])

    def _refused(self, request: Request, met: Fault) -> Answer:
        return self.front.authenticate(request) or self.front.refuse(met.words)

    def _duplicate(self, request: Request, _: Fault) -> Answer:
        self._done(request)
        return self.front.refuse_duplicate()

    def _unclear(self, request: Request, met: Fault) -> Answer:
        self._done(request)
        return self.front.refuse(met.words)

    def _delayed(self, request: Request, met: Fault) -> Answer:
        """Take the request at the gate now and let it reach the engine later, if its window lasts."""
        if self.front.authenticate(request) is None:
            due = self.venue.clock() + timedelta(seconds=met.seconds)
            window = self.front.valid_until(request)
            if window is None or due <= window:
                self.venue.faults.under_way.append((due, lambda: self.front.act(request)))
        return None

    def _doubled(self, request: Request, _: Fault) -> Answer:
        refusal = self.front.authenticate(request)
        if refusal is not None:
            return refusal
        self.front.act(request)
        return self.front.act(request)

    def _redelivered(self, request: Request, _: Fault) -> Answer:
        self._done(request)
        return self._done(request)

    def _twisted(self, request: Request, met: Fault) -> Answer:
        with self.venue.twisted(_TWISTS[met.kind]):
            return self._done(request)

    def _lingers(self, request: Request, met: Fault) -> Answer:
        with self.venue.twisted(Twist(cancels_after=met.seconds)):
            return self._done(request)

    def _open_first(self, request: Request, met: Fault) -> Answer:
        with self.venue.twisted(Twist(opens=met.times)):
            return self._done(request)

    def _vanished(self, request: Request, met: Fault) -> Answer:
        before = {order.id for order in self.venue.every_order()}
        self._done(request)
        for name in {order.id for order in self.venue.every_order()} - before:
            self.venue.faults.hidden[name] = self.venue.clock() + timedelta(seconds=met.seconds)
        return None


def _params(request: Request) -> Mapping[str, object]:
    try:
        return request.params()
    except ValueError:
        return {"unreadable": request.body.decode(errors="replace")}


_TWISTS: Mapping[Kind, Twist] = {
    Kind.PARTIAL: Twist(share=Decimal("0.5")),
    Kind.CANCELLED: Twist(share=Decimal(0)),
    Kind.TRADED: Twist(others_trade=True),
}

_FAULTS: Mapping[Kind, Callable[[Door, Request, Fault], Answer]] = {
    Kind.NONE: Door._none,
    Kind.LOST_BEFORE: Door._lost_before,
    Kind.LOST_AFTER: Door._lost_after,
    Kind.ERROR_BEFORE: Door._error_before,
    Kind.ERROR_AFTER: Door._error_after,
    Kind.RATE_LIMITED: Door._rate_limited,
    Kind.HTML: Door._garbled,
    Kind.EMPTY: Door._garbled,
    Kind.CUT: Door._garbled,
    Kind.BARE: Door._garbled,
    Kind.REFUSED: Door._refused,
    Kind.DUPLICATE: Door._duplicate,
    Kind.UNCLEAR: Door._unclear,
    Kind.DELAYED: Door._delayed,
    Kind.DOUBLED: Door._doubled,
    Kind.REDELIVERED: Door._redelivered,
    Kind.SLOW: Door._none,
    Kind.STUCK: Door._none,
    Kind.PARTIAL: Door._twisted,
    Kind.CANCELLED: Door._twisted,
    Kind.TRADED: Door._twisted,
    Kind.LINGERS: Door._lingers,
    Kind.OPEN_FIRST: Door._open_first,
    Kind.VANISHED: Door._vanished,
}
