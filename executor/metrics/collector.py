"""Make metrics of prometheus-client out of what a project keeps, each time that somebody asks.

What has not changed on the disk since is not read again. An account whose files cannot be read is told as such, and
the others go on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from exitplan.brokers.attempts import attempt
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.logs import RUN, note
from exitplan.executor.metrics.account_figures import AccountFigures, always_known, read_figures
from exitplan.executor.metrics.call_totals import CallFigure, call_totals
from exitplan.executor.metrics.registry import LATENCY_BUCKETS, METRICS, MetricSpec
from exitplan.executor.metrics.samples import Figure, MeasuredAccount, Sample
from exitplan.executor.metrics.totals import keep_totals, read_totals
from exitplan.executor.store.gate_mark import find_mark
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.version import VERSION

PREFIX = "exitplan_"
FindAccounts = Callable[[], Sequence[Selected]]
"""Finds the accounts that are measured; asked at each scrape, since account files come and go."""

Signature = tuple[object, ...]


@dataclass(eq=False)
class ProjectCollector:
    """The metrics of the accounts of a project; ``symbols`` is how many positions of each are told one by one."""

    find_accounts: FindAccounts
    data: Path
    symbols: int = 0
    _known: dict[str, tuple[Signature, AccountFigures]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def describe(self) -> Iterable[Metric]:
        """Describe nothing beforehand: the registry would read every account for it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return every metric that has a figure."""
        with self._lock:
            samples = [Sample("build_info", 1, {"version": VERSION})]
            for who in self.find_accounts():
                samples += self._of_account(who)
        by_name: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples + _call_samples(calls := call_totals(self.data).read()):
            by_name[PREFIX + sample.name].append(sample)
        for spec in METRICS.values():
            if spec.kind == "histogram":
                yield from [_histogram(spec, calls)] if calls else []
            elif by_name[spec.name]:
                yield _family(spec, by_name[spec.name])

    def _of_account(self, who: Selected) -> list[Sample]:
        if not isinstance(who.file, AccountFile):
            note(RUN, "account_not_measured", level=logging.WARNING, account=who.name, message=str(who.file))
            return [Sample("account_readable", 0, {"account": who.name, "venue": ""})]
        account = MeasuredAccount.of(who.file, DataFolder.of(self.data, who.file.id))
        return attempt(lambda: self._read(account), lambda problem: _unreadable(account, problem))

    def _read(self, account: MeasuredAccount) -> list[Sample]:
        signature = _signature(account.folder)
        known = self._known.get(account.id)
        if known is None or known[0] != signature:
            before = read_totals(account.folder) if known is None else known[1].totals
            figures = read_figures(account, before, symbols=self.symbols)
            if figures.totals != before:
                keep_totals(account.folder, figures.totals)
            known = self._known[account.id] = (signature, figures)
        return [*known[1].samples, *always_known(account)]


def _unreadable(account: MeasuredAccount, problem: Exception) -> list[Sample]:
    note(RUN, "account_not_measured", level=logging.WARNING, account=account.id, message=str(problem))
    known = attempt(lambda: list(always_known(account)), lambda _: [])
    return [*known, account.sample("account_readable", 0)]


def _signature(folder: DataFolder) -> Signature:
    """Return what changes with any of the files that figures come from."""
    journal = folder.journal
    paths = (journal, journal.with_name(f"{journal.name}-wal"), folder.alerts, folder.reading, folder.state)
    return (*map(_stat, paths), find_mark(folder))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _family(spec: MetricSpec, samples: Sequence[Sample]) -> Metric:
    make = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
    family = make(spec.name, spec.meaning, labels=spec.labels)
    for sample in samples:
        family.add_metric([printable(sample.labels[label]) for label in spec.labels], _number(sample.figure))
    return family


def _number(figure: Figure) -> float:
    """Return a figure as what Prometheus takes: here, and nowhere before, it becomes a float."""
    return figure.timestamp() if isinstance(figure, datetime) else float(figure)


_CALL_COUNTERS = {"waits": "venue_rate_limit_waits_total", "waited": "venue_rate_limit_wait_seconds_total"}


def _call_samples(calls: dict[CallFigure, float]) -> list[Sample]:
    samples = []
    for figure, value in sorted(calls.items()):
        labels = {"venue": figure.venue, "endpoint": figure.endpoint}
        if figure.name == "calls":
            samples.append(Sample("venue_calls_total", value, {**labels, "outcome": figure.label}))
        elif figure.name in _CALL_COUNTERS:
            samples.append(Sample(_CALL_COUNTERS[figure.name], value, labels))
    return samples


def _histogram(spec: MetricSpec, calls: dict[CallFigure, float]) -> Metric:
    family = HistogramMetricFamily(spec.name, spec.meaning, labels=spec.labels)
    bounds = [*(str(bound) for bound in LATENCY_BUCKETS), "+Inf"]
    for venue, endpoint in sorted({(figure.venue, figure.endpoint) for figure in calls}):
        counts = [calls.get(CallFigure("bucket", venue, endpoint, str(number)), 0.0) for number in range(len(bounds))]
        seconds = calls.get(CallFigure("seconds", venue, endpoint), 0.0)
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        family.add_metric([printable(venue), printable(endpoint)], buckets=buckets, sum_value=seconds)
    return family


class Collects(Protocol):
    """Whoever has metrics."""

    def describe(self) -> Iterable[Metric]:
        """Describe what there is beforehand, or nothing."""
        ...

    def collect(self) -> Iterator[Metric]:
        """Return every metric that has a figure."""
        ...


def registry_of(collector: Collects) -> CollectorRegistry:
    """Return a registry of prometheus-client with nothing in it but this collector."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry
