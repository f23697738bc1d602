"""Make traces of OpenTelemetry: spans for parts of the work, actions and calls to venues, sent by OTLP over HTTP.

Needs the extra ``otel``, and is imported only where somebody asks for traces. Attributes follow the semantic
conventions where there are any. A span holds symbols and quantities, and no header, body, query or message of a venue.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from exitplan.brokers.call_log import CALLER, Call
from exitplan.executor.metrics.endpoints import endpoint_of
from exitplan.executor.tracing import Attributes
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.version import VERSION

SENDING_SECONDS = 3
"""How long a batch of spans may take to be sent, unless OTEL_EXPORTER_OTLP_TIMEOUT says otherwise."""
_SECOND = 1_000_000_000
_ENDINGS = {
    "action_done": "done",
    "action_refused": "refused",
    "action_unknown": "unknown",
    "action_skipped": "skipped",
}


class SpanTracer:
    """Makes spans of a provider; the parent of each is what CALLER is where it begins."""

    def __init__(self, provider: TracerProvider) -> None:
        """Take the provider, which knows where spans go."""
        self._tracer = provider.get_tracer("exitplan", VERSION)
        self._actions: dict[tuple[Span | None, str], Span] = {}
        self._lock = Lock()

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, is_root: bool) -> Iterator[None]:
        """Begin a span for the time of the block; what is raised in it is told by its kind alone."""
        span = self._begun(name, attributes, None if is_root else _parent())
        token = CALLER.set(span)
        try:
            yield
        except BaseException as problem:
            _note_end(span, problem)
            raise
        finally:
            CALLER.reset(token)
            self._end_actions(span)
            span.end()

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Begin the span of an action that is sent, and end it with its outcome; others become events of the run."""
        parent, name = _parent(), data.get("id")
        if isinstance(name, str) and (kind == "action_started" or kind in _ENDINGS):
            self._action(kind, parent, name, data)
        elif parent is not None:
            parent.add_event(kind)

    def _action(self, kind: str, parent: Span | None, name: str, data: Mapping[str, Any]) -> None:
        with self._lock:
            span = self._actions.pop((parent, name), None) or self._begun(
                str(data.get("action", "action")), _action_attributes(data), parent
            )
            if kind == "action_started":
                self._actions[parent, name] = span
                return
        outcome = _ENDINGS[kind]
        span.set_attribute("exitplan.outcome", outcome)
        if data.get("filled"):
            span.set_attribute("exitplan.filled", str(data["filled"]))
        if outcome in {"refused", "unknown"}:
            _fail(span, outcome)
        span.end()

    def _end_actions(self, parent: Span) -> None:
        """End actions that nobody told the end of: the run was cut short."""
        with self._lock:
            left = [key for key in self._actions if key[0] is parent]
            for key in left:
                self._actions.pop(key).end()

    def call(self, call: Call) -> None:
        """Make the span of a call to a venue that is over."""
        ended = time.time_ns()
        endpoint = endpoint_of(call.name)
        method, space, path = endpoint.partition(" ")
        attributes: dict[str, AttributeValue] = {"exitplan.venue": call.venue, "exitplan.waited_seconds": call.waited}
        if space:
            attributes |= {"http.request.method": method, "url.template": path}
        if call.weight is not None:
            attributes["exitplan.weight"] = call.weight
        span = self._tracer.start_span(
            endpoint,
            context=_context(call.caller if isinstance(call.caller, Span) else None),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - int(call.seconds * _SECOND),
        )
        if call.outcome != "ok":
            _fail(span, call.outcome)
        span.end(ended)

    def _begun(self, name: str, attributes: Attributes, parent: Span | None) -> Span:
        clean = {key: printable(part) if isinstance(part, str) else part for key, part in attributes.items()}
        return self._tracer.start_span(name, context=_context(parent), attributes=clean)


def _parent() -> Span | None:
    caller = CALLER.get()
    return caller if isinstance(caller, Span) else None


def _context(parent: Span | None) -> Context:
    """Return a context with a parent and nothing else: never that of somebody else's span."""
    return Context() if parent is None else set_span_in_context(parent, Context())


def _note_end(span: Span, problem: BaseException) -> None:
    """Note with what a span was left: a failure, or an exit code, which may say that all is well."""
    code = getattr(problem, "exit_code", None)
    if code is not None:
        span.set_attribute("process.exit.code", int(code))
    if code is None or isinstance(problem, ExitplanError):
        _fail(span, type(problem).__name__)
    elif code not in {ExitCode.DONE, ExitCode.PENDING}:
        _fail(span, str(int(code)))


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _action_attributes(data: Mapping[str, Any]) -> Attributes:
    names = {"id": "action.id", "action": "action.kind", "symbol": "symbol", "side": "side", "rule": "rule"}
    known = {f"exitplan.{name}": str(data[key]) for key, name in names.items() if data.get(key) is not None}
    return {**known, "exitplan.quantity": str(data.get("quantity"))}


class _Sending(SpanExporter):
    """Sends spans, and remembers whether that failed."""

    def __init__(self) -> None:
        has_timeout = any(name.endswith("_TIMEOUT") for name in os.environ if name.startswith("OTEL_EXPORTER_OTLP"))
        self._exporter = OTLPSpanExporter(timeout=None if has_timeout else SENDING_SECONDS)
        self.has_failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = self._exporter.export(spans)
        self.has_failed = self.has_failed or result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # OpenTelemetry's


class TraceSender:
    """Sends the spans of its ``tracer`` as the variables OTEL_... say.

    Raises whatever OpenTelemetry raises where one of them is nonsense.
    """

    def __init__(self) -> None:
        """Begin to send, in a thread of its own."""
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(logging.NullHandler())  # what it has to say of a collector that is not there, we say once
        logger.propagate = False
        resource = Resource.create({"service.version": VERSION, **_service()})
        self._exporter = _Sending()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self.tracer = SpanTracer(self._provider)

    def close(self) -> bool:
        """Send what is left, and return whether all was sent."""
        self._provider.shutdown()
        return not self._exporter.has_failed


def _service() -> dict[str, str]:
    return {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "exitplan"}
