"""A live venue in the model: its adapter signs real requests, and the checker decides what becomes of each.

Nothing goes over a network. A request is taken where it would be sent, and the venue's front answers it at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import formatdate
from http import HTTPStatus
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlsplit

import pytest
from requests import PreparedRequest, Response
from requests.exceptions import ConnectionError as Disconnected
from requests.structures import CaseInsensitiveDict

import exitplan.brokers.live.dialect
import exitplan.executor.apply.own_orders
from exitplan.brokers.live import client
from exitplan.brokers.live.checked import Turn
from exitplan.brokers.live.lean_adapter import LeanAdapter
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import NOW
from tests.chaos.live_world import VenueWorld, block_at, manners_of, resting_in
from tests.chaos.loopback import credentials_at
from tests.chaos.wire import WireFile
from tests.faults import Trouble
from tests.model.lasting import UnderWay
from tests.model.setting import Setting, staged
from tests.model.world import CYCLE_SECONDS, ModelWorld
from tests.venues.door import Door
from tests.venues.faults import Fault, fault
from tests.venues.fronts import account_at, open_front, options_of
from tests.venues.venue import Venue
from tests.venues.wire import Reply, Request, Sort

_UNCLEAR = {"bybit": "10016 Server error."}
"""The words of a venue that say neither yes nor no."""
_OF_WRITES: Mapping[str, str] = {
    "lost": "lost_before",
    "reply lost": "lost_after",
    "garbled": "html",
    "breaks inside": "error_after",
    "vanishes": "vanished",
    "busy": "error_before",
}
"""What becomes of a write, and the name that the venue's door has for it."""


@dataclass
class AtVenue(ModelWorld, VenueWorld):
    """A world whose venue speaks its own protocol; it is begun anew from its file by each process."""

    start: Snapshot = field(kw_only=True)
    _door: Door | None = None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        super().install(patch)
        patch.setattr(LeanAdapter, "send", lambda _, request, **__: self.carry(request))
        for module in (exitplan.brokers.live.dialect, exitplan.executor.apply.own_orders):
            patch.setattr(module, "ThreadPoolExecutor", _InTurn)
        shared, numbers = client._shared, itertools.count(1)
        patch.setattr(client, "_shared", lambda place: shared(f"{self.who} {place}"))  # as processes share nothing
        patch.setattr(Turn, "next_nonce", lambda *_: next(numbers))  # as if time went on from call to call

    def restore(self, *args: Any) -> None:
        super().restore(*args)
        self._door = None

    def begin_journal(self) -> None:
        super().begin_journal()
        self.door.venue.save()

    @property
    def door(self) -> Door:
        """The venue, as its file says that it is."""
        if self._door is None:
            name, options = self.venue_name, options_of(self.venue_name, manners_of(), self.start)
            venue = Venue(self.start, options, self.true_time, file=self.root / "paper.json")
            front: Any = open_front(name, venue, {}, None, credentials_at(name))
            front.gate.clock = self.true_time
            for order in venue.every_order():
                if order.created_at is not None and order.created_at >= self._at(self.blind_until - self.blindness):
                    venue.faults.hidden[order.id] = self._at(self.blind_until)
            self._door = Door(front, venue)
        return self._door

    @property
    def blindness(self) -> float:
        """Seconds for which no list shows an order that vanishes."""
        return self.window + 2

    def _at(self, elapsed: float) -> datetime:
        return NOW + timedelta(seconds=elapsed)

    # --- one request ---

    def carry(self, prepared: PreparedRequest) -> Response:
        """Let the checker decide what becomes of a request, and return what is answered."""
        parts, body = urlsplit(str(prepared.url)), prepared.body or b""
        headers = {name.lower(): str(value) for name, value in prepared.headers.items()}
        content = body.encode() if isinstance(body, str) else bytes(body)
        request = Request(str(prepared.method), parts.path, parts.query, headers, content)
        sort = self.door.front.sort_of(request)
        if sort is Sort.WRITE:
            taken = self.border(f"sends {request.path}", *self._faults())
        else:
            taken = self.ask(f"asks for {request.path}", *["fails"] * (sort is not Sort.MARKETS))
        self.arrive()
        reply = self._answer(taken, request, sort)
        if reply is None:
            raise Disconnected(RemoteDisconnected("nobody answers"), request=prepared)
        return self._response(reply, prepared)

    def _faults(self) -> list[str]:
        unclear = ["answered unclearly"] if self.venue_name in _UNCLEAR else []
        return [*_OF_WRITES, "late", "dies, and it is late", *unclear]

    def _answer(self, taken: str, request: Request, sort: Sort) -> Reply | None:
        if taken in {"late", "dies, and it is late"}:
            self._send_late(request)
        if taken == "dies, and it is late":
            self.die()
        if taken == "late":
            return None
        if taken == "vanishes":
            self.blind_until = self.elapsed + self.blindness
        self.door.venue.faults.plan(sort, self._fault(taken))
        return self._watched(lambda: self.door.answer(request))

    def _fault(self, taken: str) -> Fault:
        if taken == "vanishes":
            return fault("vanished", seconds=self.blindness)
        if taken == "answered unclearly":
            return fault("unclear", words=_UNCLEAR[self.venue_name])
        return fault({**_OF_WRITES, "fails": "error_before"}.get(taken, "none"))

    def _send_late(self, request: Request) -> None:
        """Let a request in now, and reach the engine at any moment at which the venue takes it."""
        front = self.door.front
        if front.authenticate(request) is None:
            until = front.valid_until(request)
            last = self.elapsed + CYCLE_SECONDS if until is None else (until - NOW).total_seconds()
            self.under_way = (*self.under_way, UnderWay(request, last))

    def execute(self, request: Any) -> object:
        """Let a request that was under way reach the engine."""
        reply = self._watched(lambda: self.door.front.act(request))
        self.door.venue.save()
        return reply

    def _watched(self, act: Callable[[], Reply | None]) -> Reply | None:
        """Let the venue act; an order that it takes must come while the journal's word for it holds."""
        before = {order.id for order in self.door.venue.every_order()}
        reply = act()
        for order in self.door.venue.every_order():
            if order.id not in before:
                self.ensure_expected(str(order.client_order_id), f"order {order.symbol}")
        return reply

    def _response(self, reply: Reply, prepared: PreparedRequest) -> Response:
        response = Response()
        response.status_code, response.reason = reply.status, "OK" if reply.status == HTTPStatus.OK else ""
        date = formatdate(self.true_time().timestamp(), usegmt=True)
        response.headers = CaseInsensitiveDict({"Content-Type": reply.content_type, "Date": date, **reply.headers})
        response.url, response.request = str(prepared.url), prepared
        response._content = reply.body
        return response


class _InTurn:
    """Stands in for a pool of threads, which the checker would not hold: whatever is submitted is done at once."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, act: Callable[[], object]) -> Future[object]:
        future: Future[object] = Future()
        try:
            future.set_result(act())
        except Exception as error:  # noqa: BLE001 - as a pool does; whoever dies is no Exception
            future.set_exception(error)
        return future


def at_venue(root: Path, setting: Setting) -> AtVenue:
    """Set the scene of an account at a live venue in an empty folder."""
    venue = setting.venue
    start = account_at(venue, setting.account())
    scene = staged(root, setting, start)
    scene.policy["account"] = block_at(venue, start)
    (root / "paper.json").unlink()
    return AtVenue(
        root,
        scene.clock,
        Trouble(),
        scene.policy,
        wire=WireFile(root / "wire"),
        connect=lambda world: cast("AtVenue", world).connected(),
        window=dialect_of(venue).traits.receive_window,
        venue_name=venue,
        base_url="http://127.0.0.1:1",
        resting=resting_in(start),
        start=start,
    )
