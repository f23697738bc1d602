"""The runner on DBOS: a workflow a shard, in queues that all workers share.

DBOS decides who gets a shard when. That a shard is worked on once is decided by its row and its lease, as with the
local runner: a workflow that DBOS runs twice, or hands to two, finds that there is nothing left to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Event, Lock, Semaphore, Thread

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner.port import APPLICATION_VERSION, Claim, ShardCycle, Shift
from exitplan.ruleset.errors import UsageError

NAME = "exitplan"
SCHEMA = "dbos"
_QUEUE = "exitplan-shards"
_POLL = 0.1
"""Seconds between two looks at a queue."""
_IN_STORE = 4
"""So many shards a child are fetched beyond those at work, so that none waits for the next look."""
_AGAIN = 15.0
"""How often, in seconds, it is looked for shards whose workflow has ended without them."""
_KEPT = timedelta(hours=1)
_SWEPT = 1000
"""So many old workflows are removed at once."""
_SILENCE = 60.0
_LONGEST = 300
_OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


class ShardIsLeft(Exception):
    """The worker leaves and has not taken this shard: another will."""


class DbosRunner:
    """Workflows of one process; there is one in each worker."""

    def __init__(self, url: str) -> None:
        """Take the database in which the fleet is, where DBOS has a schema of its own."""
        self._url = url.replace("postgres://", "postgresql://", 1)
        self._at_work: set[ShardCycle] = set()
        self._enqueued: set[ShardCycle] = set()
        self._lock, self._stopped, self._slots = Lock(), Event(), Semaphore(0)
        self._looked_at = 0.0
        self._end: Thread | None = None

    def start(self, shift: Shift, every: timedelta | None) -> None:
        """Launch DBOS, and hand shards from its queues to the worker."""
        cron = None if every is None else cron_of(every)
        self._slots = Semaphore(shift.slots)
        _log_through_us()
        DBOS(config=_config(self._url, shift.worker))

        @DBOS.workflow(name="cycle")
        def cycle(tick: int, shard: int) -> None:
            self._work(shift, ShardCycle(tick, shard))

        @DBOS.workflow(name="tick")
        def begin(due: datetime, why: str) -> None:
            shift.begin(int(due.timestamp()), why)

        self._workflow = cycle
        self._queues = [queue_of(egress) for egress in shift.egress]
        DBOS.listen_queues(self._queues)
        DBOS.launch()
        for queue in self._queues:
            fetched = shift.slots * (1 + _IN_STORE)
            DBOS.register_queue(
                queue, worker_concurrency=fetched, polling_interval_sec=_POLL, on_conflict="always_update"
            )
        if cron is not None:
            name = f"every {every}"
            DBOS.apply_schedules([{"schedule_name": NAME, "workflow_fn": begin, "schedule": cron, "context": name}])

    def enqueue(self, tick: int, cycles: Sequence[ShardCycle]) -> None:
        """Enqueue a workflow for each shard that has none; its id keeps a second one out."""
        self._enqueued = {cycle for cycle in self._enqueued if cycle.tick >= tick}
        for cycle in cycles:
            if cycle not in self._enqueued and not self._stopped.is_set():
                self._put(cycle, cycle.id)
                self._enqueued.add(cycle)
        if time.monotonic() - self._looked_at > _AGAIN:
            self._looked_at = time.monotonic()
            self._put_again(cycles)
            self._sweep()

    def _put(self, cycle: ShardCycle, name: str) -> None:
        with SetWorkflowID(name):
            DBOS.enqueue_workflow(queue_of(cycle.egress), self._workflow, cycle.tick, cycle.shard)

    def _put_again(self, cycles: Sequence[ShardCycle]) -> None:
        """Enqueue shards anew whose workflow is over although they are not done: it was interrupted at its end."""
        found = DBOS.list_workflows(
            workflow_ids=[cycle.id for cycle in cycles][:_SWEPT], status=_OVER, load_input=False, load_output=False
        )
        over = {status.workflow_id for status in found}
        for cycle in cycles:
            if cycle.id in over:
                self._put(cycle, f"{cycle.id}:{int(time.time() // _AGAIN)}")

    def _sweep(self) -> None:
        """Remove the rows of workflows that are long over."""
        before = (datetime.now().astimezone() - _KEPT).isoformat()
        old = DBOS.list_workflows(
            status=_OVER, completed_before=before, limit=_SWEPT, load_input=False, load_output=False
        )
        if old:
            DBOS.delete_workflows([status.workflow_id for status in old])

    def look_after(self, lost: Sequence[str]) -> None:
        """Put the workflows of lost workers back into their queues; their shards are free once the leases end."""
        pending = DBOS.list_workflows(
            status="PENDING", queue_name=self._queues, limit=_SWEPT, load_input=False, load_output=False
        )
        left = [status for status in pending if status.executor_id in set(lost)]
        for queue in {status.queue_name for status in left}:
            names = [status.workflow_id for status in left if status.queue_name == queue]
            note(RUN, "shards_resumed", level=logging.WARNING, queue=queue, shards=len(names))
            DBOS.resume_workflows(names, queue_name=queue)

    def under_way(self) -> Sequence[ShardCycle]:
        """Return what is worked on here at the moment."""
        with self._lock:
            return tuple(self._at_work)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way here any more; False if that takes longer."""
        if self._end is None:
            return not self.under_way()
        self._end.join(seconds)
        return not self._end.is_alive()

    def stop(self) -> None:
        """Hand out nothing more; what is under way goes on."""
        if self._end is None:
            self._stopped.set()
            patience = int(timedelta(days=1).total_seconds())
            self._end = Thread(target=DBOS.destroy, kwargs={"workflow_completion_timeout_sec": patience}, daemon=True)
            self._end.start()

    def close(self) -> None:
        """Wait until DBOS is at its end."""
        if self._end is not None:
            self._end.join()

    def _work(self, shift: Shift, cycle: ShardCycle) -> None:
        """Work on a shard, in a thread of DBOS, until it is done; while somebody else does, wait."""
        while not shift.is_done(cycle):
            if self._stopped.is_set() or not shift.may_take():
                raise ShardIsLeft(cycle.id)
            with self._slots:
                claim = shift.take(cycle) if shift.may_take() else None
                if claim is not None:
                    self._in_hand(shift, claim)
                    continue
            self._stopped.wait(1.0)

    def _in_hand(self, shift: Shift, claim: Claim) -> None:
        with self._lock:
            self._at_work.add(claim.cycle)
        try:
            shift.work(claim)
        finally:
            with self._lock:
                self._at_work.discard(claim.cycle)


def queue_of(egress: str) -> str:
    """Return the queue of the shards that reach their venue from this address."""
    return f"{_QUEUE}:{egress}" if egress else _QUEUE


def cron_of(every: timedelta) -> str:
    """Write a pause as a cron line, with seconds first; raises UsageError where cron cannot say it."""
    seconds = int(every.total_seconds())
    for unit, most, line in ((1, 60, "*/{} * * * * *"), (60, 60, "0 */{} * * * *"), (3600, 24, "0 0 */{} * * *")):
        count = seconds // unit
        if seconds % unit == 0 and count < most and most % count == 0:
            return line.format(count)
    if seconds == timedelta(days=1).total_seconds():
        return "0 0 0 * * *"
    raise UsageError(
        f"--every {seconds}s is no part of a minute, an hour or a day, and cron can say no other",
        hint="take 30s, 1m, 5m, 10m, 15m, 1h or 1d, or --runner local",
    )


def _config(url: str, worker: str) -> DBOSConfig:
    return {
        "name": NAME,
        "system_database_url": url,
        "dbos_system_schema": SCHEMA,
        "application_version": APPLICATION_VERSION,
        "executor_id": worker,
        "serializer": DBOSPortableJSONSerializer(),
        "enable_otlp": False,
        "log_level": "WARNING",
        "scheduler_polling_interval_sec": 5.0,
    }


class _ToUs(logging.Handler):
    """Has what DBOS warns of in our log, which knows where to, and takes secrets out.

    While the database is away, each of its threads says so again and again, with tracebacks: one a minute will do.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over the first line of a record, unless its place has just had one."""
        place, now = f"{record.filename}:{record.lineno}", time.monotonic()
        if now - self._said.get(place, float("-inf")) < _SILENCE:
            return
        self._said[place] = now
        note(RUN, "dbos", level=record.levelno, message=record.getMessage().partition("\n")[0][:_LONGEST])


def _log_through_us() -> None:
    """Keep DBOS from writing to stderr: it does so where its logger has no handler."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(_ToUs())
        logger.propagate = False
