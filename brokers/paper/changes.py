"""What changes a paper account: the requests that the matching engine carried out, each as a line of JSON.

The engine has no clock and no chance in it, so the same requests on the same account give the same account again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from exitplan.brokers.paper.engine import MatchingEngine, Prices
from exitplan.brokers.protocol import ConvertRequest, Done, OrderReference, OrderReport, OrderRequest, Outcome
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import parse_decimal, parse_time, plain, time_text

Kind = Literal["place", "cancel", "convert", "tick"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """New prices of a market."""

    symbol: str
    prices: Prices


Request = OrderRequest | OrderReference | ConvertRequest | Tick
_REQUESTS: Mapping[Kind, type[OrderRequest | OrderReference | ConvertRequest | Prices]] = {
    "place": OrderRequest,
    "cancel": OrderReference,
    "convert": ConvertRequest,
    "tick": Prices,
}
_NAMES = {shape: tuple(entry.name for entry in fields(shape)) for shape in _REQUESTS.values()}


@dataclass(frozen=True, slots=True)
class Change:
    """One request that changed the account, and when."""

    kind: Kind
    request: Request
    at: datetime

    def repeat(self, engine: MatchingEngine) -> None:
        """Carry the request out again."""
        request, at = self.request, self.at
        match request:
            case OrderRequest():
                engine.place(request, at)
            case OrderReference():
                engine.cancel(request, at)
            case ConvertRequest():
                engine.convert(request, at)
            case Tick():
                engine.tick(request.symbol, request.prices, at)


class RecordingEngine:
    """A matching engine that keeps what changed it."""

    def __init__(self, engine: MatchingEngine) -> None:
        self.changes: list[Change] = []
        self._engine = engine

    def snapshot(self, now: datetime) -> Snapshot:
        """Return the account as of now."""
        return self._engine.snapshot(now)

    def look_up(self, reference: OrderReference) -> OrderReport | None:
        """Find an order; None where there is none."""
        return self._engine.look_up(reference)

    def closed_since(self, since: datetime) -> list[str]:
        """Return the client order ids of the orders that ended since a time."""
        return self._engine.closed_since(since)

    def place(self, request: OrderRequest, now: datetime) -> Outcome:
        """Take an order into the book and fill what can be filled at once."""
        return self._kept("place", request, now, self._engine.place(request, now))

    def cancel(self, reference: OrderReference, now: datetime) -> Outcome:
        """Cancel an open order."""
        return self._kept("cancel", reference, now, self._engine.cancel(reference, now))

    def convert(self, request: ConvertRequest, now: datetime) -> Outcome:
        """Turn a spot position into money."""
        return self._kept("convert", request, now, self._engine.convert(request, now))

    def tick(self, symbol: str, prices: Prices, now: datetime) -> tuple[OrderReport, ...]:
        """Move a market's prices and fill what they reach. Raises KeyError for a symbol that is not listed."""
        reports = self._engine.tick(symbol, prices, now)
        self.changes.append(Change("tick", Tick(symbol=symbol, prices=prices), now))
        return reports

    def _kept(self, kind: Kind, request: Request, now: datetime, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Done):
            self.changes.append(Change(kind, request, now))
        return outcome


def change_to_document(change: Change) -> dict[str, Any]:
    """Write a change as a JSON object."""
    request = change.request
    symbol = {"symbol": request.symbol} if isinstance(request, Tick) else {}
    told = _told(request.prices if isinstance(request, Tick) else request)
    return {"do": change.kind, "at": time_text(change.at), **symbol, **told}


def _told(request: OrderRequest | OrderReference | ConvertRequest | Prices) -> dict[str, Any]:
    values = ((name, getattr(request, name)) for name in _NAMES[type(request)])
    return {name: _as_json(value) for name, value in values if value is not None}


def change_from_document(document: Mapping[str, Any]) -> Change:
    """Read a change; a broken one raises KeyError, TypeError or ValueError."""
    values = dict(document)
    kind: Kind = values.pop("do")
    at = parse_time(values.pop("at"))
    shape = _REQUESTS[kind]
    symbol = {"symbol": values.pop("symbol")} if kind == "tick" else {}
    for entry in fields(shape):
        read = parse_decimal if "Decimal" in str(entry.type) else parse_time if "datetime" in str(entry.type) else None
        if read is not None and entry.name in values:
            values[entry.name] = read(values[entry.name])
    absent = {"client_order_id": None} if kind in {"place", "convert"} else {}
    request = shape(**{**absent, **values})
    if isinstance(request, Prices):
        return Change(kind, Tick(prices=request, **symbol), at)
    return Change(kind, request, at)


def _as_json(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    return time_text(value) if isinstance(value, datetime) else value
