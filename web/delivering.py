"""Deliver what acts have raised: alerts go out soon after, and nobody waits for a channel."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from exitplan.executor.alerting.delivery import deliver, known_accounts
from exitplan.executor.logs import ALERTS, note
from exitplan.schemas.validation import CHANNELS_FILE
from exitplan.web.given import Given


@dataclass(slots=True)
class Deliveries:
    """Delivers the alerts of a project in a thread of its own, one delivery at a time."""

    given: Given
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "delivery"))
    _next: Future[None] | None = None
    _lock: Lock = field(default_factory=Lock)

    def soon(self) -> None:
        """Deliver what waits by then; where a delivery has not begun yet, that one does."""
        if not (self.given.root / CHANNELS_FILE).is_file():
            return
        with self._lock:
            if self._next is None or self._next.running() or self._next.done():
                self._next = self._worker.submit(self._deliver)

    def _deliver(self) -> None:
        given = self.given
        report = deliver(given.root, given.data, known_accounts(given.data), given.clock())
        if report.problem is not None or report.failed:
            failed = ",".join(report.failed) or None
            note(ALERTS, "not_delivered", level=logging.WARNING, message=report.problem, channels=failed)
