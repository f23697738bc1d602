"""Traces of OpenTelemetry: what a run did, part by part, for whoever asks; nothing at all for everybody else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from exitplan.brokers.call_log import as_caller, log_call
from exitplan.cli.traces import is_traced
from exitplan.executor.otel import SpanTracer
from exitplan.executor.tracing import span, tell_event, tracing_by
from exitplan.ruleset.errors import AccountUnreadable
from tests.cli.conftest import xp
from tests.cli.live import init_words, live_venue
from tests.cli.test_start_up import environment

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def _untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)


class Traced:
    """The spans of a test, in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = SpanTracer(self._provider)

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def path(self, span: ReadableSpan) -> str:
        """Name a span and those that it lies in."""
        by_id = {one.context.span_id: one for one in self.spans() if one.context}
        above = by_id.get(span.parent.span_id) if span.parent else None
        return f"{self.path(above)} > {span.name}" if above else span.name

    def paths(self) -> set[str]:
        return {self.path(one) for one in self.spans()}


@contextmanager
def traced() -> Iterator[Traced]:
    found = Traced()
    with tracing_by(found.tracer):
        yield found


@pytest.mark.usefixtures("folder")
def test_a_run_is_told_part_by_part() -> None:
    with traced() as found:
        xp("run")
    assert found.paths() == {
        "account",
        "account > plan",
        "account > apply",
        "account > apply > cancel_order",
        "account > apply > close",
        "account > apply > unwind",
        "account > apply > verify",
    }
    (close, *others) = [one for one in found.spans() if one.name == "close"]
    assert len(others) == 7
    known = dict(close.attributes or {})
    assert (known["exitplan.outcome"], known["exitplan.action.kind"]) == ("done", "close")
    assert known["exitplan.symbol"]
    assert len({one.context.trace_id for one in found.spans() if one.context}) == 1


def test_calls_lie_where_they_were_made_also_in_other_threads() -> None:
    with traced() as found, span("command"), span("plan", account="main"):
        thread = Thread(target=as_caller(lambda: log_call("kraken", "GET /0/public/Time", 0.5, "ok", 2.0, waited=1.0)))
        thread.start()
        thread.join()
    (call,) = [one for one in found.spans() if one.name == "GET /0/public/Time"]
    assert found.path(call) == "command > plan > GET /0/public/Time"
    assert call.attributes == {
        "exitplan.venue": "kraken",
        "exitplan.waited_seconds": 1.0,
        "exitplan.weight": 2.0,
        "http.request.method": "GET",
        "url.template": "/0/public/Time",
    }
    assert (call.end_time or 0) - (call.start_time or 0) == 500_000_000


def test_what_failed_is_told_by_its_kind_and_not_by_its_words() -> None:
    def fail() -> None:
        log_call("kraken", "GET /orders/8f3a-91c2", 0.1, "RequestTimeout")
        raise AccountUnreadable("secret words of a venue")

    with traced() as found, pytest.raises(AccountUnreadable), span("plan"):
        fail()
    call, plan = found.spans()
    assert (call.name, (call.attributes or {})["error.type"]) == ("GET /orders/:id", "RequestTimeout")
    assert (plan.attributes or {})["error.type"] == "AccountUnreadable"
    assert not any(one.events or one.status.is_ok for one in (call, plan))
    assert "secret" not in plan.to_json()


def test_an_action_that_a_crash_cut_short_ends_with_its_run() -> None:
    def die() -> None:
        tell_event("action_started", {"id": "a1", "action": "close", "symbol": "AAA/USD"})
        raise KeyboardInterrupt

    with traced() as found, pytest.raises(KeyboardInterrupt), span("apply"):
        die()
    assert found.paths() == {"apply", "apply > close"}


@pytest.mark.usefixtures("folder")
def test_a_round_of_a_watch_is_a_trace_of_its_own() -> None:
    with traced() as found, span("command"):
        assert xp("watch", "--once").code == 2
    assert found.paths() == {"command", "round", "round > plan"}
    assert len({one.context.trace_id for one in found.spans() if one.context}) == 2


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({ENDPOINT: "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({ENDPOINT: "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: ""}, False),
    ],
)
def test_the_environment_says_whether_traces_are_made(variables: dict[str, str], expected: bool) -> None:
    assert is_traced(variables) is expected


class Collector(HTTPServer):
    """Takes traces by OTLP over HTTP, as a collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.resource: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.resource = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.server.spans += [one for scope in resource.scope_spans for one in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        monkeypatch.setenv(ENDPOINT, server.url)
        yield server
        server.shutdown()
        thread.join()


def test_a_collector_gets_the_command_its_calls_and_no_secret(
    collector: Collector, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_venue("kraken", monkeypatch, nothing / "cache") as handle:
        assert xp(*init_words(handle)).code == 0
        collector.spans.clear()
        assert xp("verify", "-a", "kraken").code == 2
    by_id = {one.span_id: one for one in collector.spans}
    (command,) = [one for one in collector.spans if not one.parent_span_id]
    assert command.name == "exitplan verify"
    assert {one.key: one.value.int_value for one in command.attributes}["process.exit.code"] == 2
    calls = [one for one in collector.spans if one.kind == 3]
    assert len(calls) > 3
    assert {by_id[one.parent_span_id].name for one in calls} == {"verify"}
    assert (collector.resource["service.name"], bool(collector.resource["service.version"])) == ("exitplan", True)
    text = "".join(str(one) for one in collector.spans)
    assert handle.credentials.key not in text
    assert handle.credentials.secret not in text
    assert 'exitplan_venue_calls_total{endpoint="POST /0/private/' in xp("metrics").out


def test_a_collector_that_is_not_there_is_told_in_a_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://user:hidden@127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    ran = xp("verify")
    assert (ran.code, ran.err) == (2, "warning: traces could not be sent to 127.0.0.1:9\n")


def test_a_variable_that_is_nonsense_is_told_and_stops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    ran = xp("status")
    assert (ran.code, ran.err.startswith("warning: no traces are sent: ")) == (0, True)


def test_without_the_extra_what_installs_it_is_told_and_the_command_goes_on(folder: Path) -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from exitplan.cli.main import main; sys.argv = ['exitplan', 'status']; main()"
    )
    line = [sys.executable, "-c", code]
    ran = subprocess.run(
        line, cwd=folder, env=environment(**{ENDPOINT: "http://x"}), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0
    assert "pip install 'exitplan[otel]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_where_nobody_asks_nothing_is_loaded(folder: Path) -> None:
    code = (
        "import sys; from exitplan.cli.main import main; sys.argv = ['exitplan', 'status']\n"
        "try: main()\n"
        "except SystemExit: print(*(name for name in sys.modules if name.split('.')[0] in ('opentelemetry', "
        "'prometheus_client')), 'none')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "none"
