"""A worker: comes, works on shards while it is wanted, gives signs of life, and leaves in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner import presence, ticks
from exitplan.fleet.runner.patience import patiently
from exitplan.fleet.runner.performing import Means
from exitplan.fleet.runner.port import Runner, ShardCycle
from exitplan.fleet.runner.presence import Identity
from exitplan.fleet.runner.shift import Blame, ShardsOfWorker
from exitplan.fleet.runner.ticks import Pool
from exitplan.ruleset.errors import DataFolderUnusable

BEAT = 3.0
"""Seconds between two signs of life: some may be lost before a lease ends."""
_LOOK = 0.2
_GOODBYE = 10.0
"""Seconds that the children have, once somebody insists, to end after the account in hand."""

Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker is to do: with how many processes, on which shards, with what, and how long an account may take.

    It begins a tick ``every`` so often, where that is given.
    """

    means: Means
    processes: int
    egress: Sequence[str] = ("",)
    cut_off: timedelta = timedelta(minutes=5)
    every: timedelta | None = None


class Told(Protocol):
    """Hears what a worker does."""

    def begun(self, begun: ticks.Begun) -> None:
        """Hear that a tick was begun, or skipped."""
        ...

    def shard(self, cycle: ShardCycle, figures: Mapping[str, Any]) -> None:
        """Hear what came of a shard."""
        ...

    def trouble(self, what: str) -> None:
        """Hear of something that went wrong and stops nothing."""
        ...

    def alive(self) -> None:
        """Hear, several times a second, that the worker is not stuck."""
        ...


class Untold:
    """Nobody hears what a worker does."""

    def begun(self, begun: ticks.Begun) -> None:
        """Say nothing."""

    def shard(self, cycle: ShardCycle, figures: Mapping[str, Any]) -> None:
        """Say nothing."""

    def trouble(self, what: str) -> None:
        """Say nothing."""

    def alive(self) -> None:
        """Say nothing."""


class Worker:
    """One worker, from its coming to its leaving."""

    def __init__(
        self,
        pool: Pool,
        wanted: Wanted,
        runner: Runner,
        blame: Blame,
        told: Told,
        tend: Callable[[], object] = lambda: None,
    ) -> None:
        """Take in what is wanted; nothing is begun yet. ``tend`` is called before the shards of a tick are handed out.

        Whatever goes wrong in it is told, and the tick begins all the same.
        """
        self._pool, self._runner, self._told = pool, runner, told
        self._wanted = wanted
        self.who = Identity.mine(wanted.egress)
        self._takes = True
        self._beat_at = 0.0
        self._shift = ShardsOfWorker(
            pool, self.who, wanted.processes, blame, lambda: self._takes, told.shard, self._begun, self._tended
        )
        self._tend = tend

    @property
    def processes(self) -> int:
        """How many shards it works on at once."""
        return self._wanted.processes

    def run(self, stopped: Stopped) -> None:
        """Work until somebody stops it or has it drained, then finish what is under way.

        A KeyboardInterrupt has the children end after the account in hand; what is left of a shard is given back.
        """
        patiently(lambda: presence.come(self._pool, self.who, self._wanted.processes), stopped)
        self._shift.hire(self._wanted.means, self._wanted.cut_off.total_seconds())
        try:
            self._runner.start(self._shift, self._wanted.every)
            while not stopped() and self._takes:
                self._step()
                time.sleep(_LOOK)
            self._finish()
        except KeyboardInterrupt:
            self._shift.stop_children()
            self._finish(time.monotonic() + _GOODBYE)
            raise
        finally:
            self._leave()

    def begin(self, tick: int, why: str) -> ticks.Begun:
        """Begin a tick; the runner hears of it at once."""
        begun = self._shift.begin_now(tick, why)
        self._begun(begun)
        return begun

    def _tended(self) -> None:
        try:
            self._tend()
        except Exception as problem:  # noqa: BLE001 - accounts get their rounds whatever becomes of a rollout
            what = f"rollouts were not tended: {' '.join(str(problem).split()) or type(problem).__name__}"
            note(RUN, "not_tended", level=logging.ERROR, message=what)
            self._told.trouble(what)

    def _begun(self, begun: ticks.Begun) -> None:
        if begun.running is None:
            self._beat_at = 0.0
        self._told.begun(begun)

    def _finish(self, until: float | None = None) -> None:
        """Take nothing more, and wait for what is under way."""
        self._takes = False
        self._runner.stop()
        with suppress(DataFolderUnusable):
            presence.drain(self._pool, self.who)
        while not self._runner.wait(_LOOK) and (until is None or time.monotonic() < until):
            self._step()

    def _leave(self) -> None:
        self._takes = False
        self._runner.stop()
        self._shift.give_up()
        self._runner.wait(_GOODBYE)
        self._shift.dismiss()
        self._runner.close()
        with suppress(DataFolderUnusable):
            presence.go(self._pool, self.who)

    def _step(self) -> None:
        """Give signs of life, and see to it that nothing is left lying."""
        self._told.alive()
        if time.monotonic() - self._beat_at < BEAT:
            return
        self._beat_at = time.monotonic()
        try:
            self._shift.renew()
            if presence.beat(self._pool, self.who) == "draining":
                self._takes = False
            if self._takes:
                self._look_around()
        except DataFolderUnusable as problem:
            note(RUN, "not_beating", level=logging.WARNING, message=" ".join(str(problem).split()))

    def _look_around(self) -> None:
        ticks.free(self._pool)
        ticks.close(self._pool)
        left = ticks.open_cycles(self._pool, self.who.egress)
        for tick in sorted({cycle.tick for cycle in left}):
            self._runner.enqueue(tick, [cycle for cycle in left if cycle.tick == tick])
        self._runner.look_after(presence.lost(self._pool, self.who))
