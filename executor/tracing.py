"""Where the parts of a run begin and end, for whoever traces it: without a tracer nothing is loaded and nothing done.

A span is a part of the work with a beginning, an end and attributes, and lies in the one that it was begun in. What
becomes of spans a tracer decides; :mod:`exitplan.executor.otel` makes those of OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from exitplan.brokers.call_log import Call, listening

Attributes = Mapping[str, str | int | float | bool]


class Tracer(Protocol):
    """Who makes a trace of what is told here; nothing of it may raise."""

    def span(self, name: str, attributes: Attributes, *, is_root: bool) -> AbstractContextManager[None]:
        """Begin a span for the time of the block; one that is a root begins a trace of its own."""
        ...

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take an event of a run."""
        ...

    def call(self, call: Call) -> None:
        """Take a call to a venue that is over."""
        ...


_TRACERS: list[Tracer] = []


@contextmanager
def tracing_by(tracer: Tracer) -> Iterator[None]:
    """Trace what is done within the block, by whatever thread."""
    _TRACERS.append(tracer)
    try:
        with listening(tracer.call):
            yield
    finally:
        _TRACERS.remove(tracer)


def span(
    name: str, *, is_root: bool = False, **attributes: str | int | float | bool | None
) -> AbstractContextManager[None]:
    """Begin a span for the time of the block; attributes that are None are left out."""
    if not _TRACERS:
        return nullcontext()
    known = {f"exitplan.{key}": value for key, value in attributes.items() if value is not None}
    return _TRACERS[-1].span(name, known, is_root=is_root)


def tell_event(kind: str, data: Mapping[str, Any]) -> None:
    """Tell an event of a run."""
    for tracer in _TRACERS:
        tracer.event(kind, data)
