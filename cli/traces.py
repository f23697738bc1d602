"""Trace the command that is at work, where the environment asks for it; where it does not, nothing is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from urllib.parse import urlsplit

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_MISSING = "traces are switched on, but OpenTelemetry is not installed"
_HINT = "install it with: pip install 'exitplan[otel]'; or unset OTEL_EXPORTER_OTLP_ENDPOINT"


def is_traced(environment: Mapping[str, str]) -> bool:
    """Check whether the environment names where traces go, and does not switch them off."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").casefold() == "true"
    is_off = is_off or environment.get("OTEL_TRACES_EXPORTER", "").casefold() == "none"
    return not is_off and any(environment.get(name) for name in _ENDPOINTS)


def tracing(verb: str, *, as_json: bool) -> AbstractContextManager[None]:
    """Trace a command for the time of the block, where that is asked for."""
    return _traced(verb, as_json=as_json) if is_traced(os.environ) else nullcontext()


@contextmanager
def _traced(verb: str, *, as_json: bool) -> Iterator[None]:
    from exitplan.brokers.attempts import attempt  # noqa: PLC0415 - only where traces are asked for
    from exitplan.cli.failures import warn  # noqa: PLC0415 - which calls this
    from exitplan.executor.tracing import span, tracing_by  # noqa: PLC0415 - as above

    try:
        from exitplan.executor.otel import TraceSender  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        warn(_MISSING, hint=_HINT, as_json=as_json)
        yield
        return
    problems: list[str] = []
    sender = attempt(TraceSender, lambda problem: problems.append(f"no traces are sent: {problem}"))
    if sender is None:
        warn(problems[0], hint="check the environment variables that begin with OTEL_", as_json=as_json)
        yield
        return
    try:
        with tracing_by(sender.tracer), span(f"exitplan {verb}".strip(), command=verb):
            yield
    finally:
        if not sender.close():
            warn(f"traces could not be sent to {_collector()}", as_json=as_json)


def _collector() -> str:
    """Name who was to get traces, without what an address may hold of a secret."""
    address = next(os.environ[name] for name in _ENDPOINTS if os.environ.get(name))
    return urlsplit(address).netloc.rpartition("@")[2] or "the collector"
