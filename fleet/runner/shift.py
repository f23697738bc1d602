"""The work of one worker: takes shards, has its children work on them, and sets aside who kills them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import Any, Protocol, TypeVar

from exitplan.executor.logs import RUN, note
from exitplan.fleet.runner import ticks
from exitplan.fleet.runner.children import Child, Died, Refused
from exitplan.fleet.runner.patience import patiently
from exitplan.fleet.runner.performing import WORST, Figures, Means, ShardTask
from exitplan.fleet.runner.port import Claim, ShardCycle
from exitplan.fleet.runner.presence import Identity
from exitplan.fleet.runner.ticks import Pool
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.exit_codes import ExitCode

_STARTS = 2
"""How often a child may die before it has an account in hand."""
_IN_GROUPS = 3
"""After so many deaths in one shard its accounts are worked on one by one, so that the right one is blamed."""
MARGIN = 3.0
"""Seconds before the end of a lease from which on nothing is begun any more: the database's clock is another."""
_PAUSE = 1.0
"""Seconds before a shard is given back because the database is away: it is free for others, and for us, at once."""
_T = TypeVar("_T")


class Blame(Protocol):
    """What becomes of accounts that kill children."""

    def count_try(self, account: str, why: str, death: str) -> bool:
        """Count a death; returns whether the account is set aside now: until a person puts it back, with an alert.

        ``death`` names it: one that is told twice counts once.
        """
        ...

    def clear_tries(self, account: str) -> None:
        """Forget the deaths: the account went through alone."""
        ...


class Surely(Protocol):
    """Asks the database until it answers, or the worker leaves: then it raises DataFolderUnusable."""

    def __call__(self, ask: Callable[[], _T], /) -> _T:
        """Return the answer."""
        ...


@dataclass(frozen=True, slots=True)
class ShardsOfWorker:
    """Takes shards for a worker and works on them; safe to use from several threads, a child each."""

    pool: Pool
    who: Identity
    slots: int
    blame: Blame
    may_take: Callable[[], bool]
    told: Callable[[ShardCycle, Mapping[str, Any]], None] = lambda _cycle, _figures: None
    begun: Callable[[ticks.Begun], None] = lambda _begun: None
    tend: Callable[[], object] = lambda: None
    _free: SimpleQueue[Child] = field(default_factory=SimpleQueue)
    _claims: dict[int, tuple[Claim, Child]] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)
    _given_up: Event = field(default_factory=Event)

    def hire(self, means: Means, cut_off: float) -> None:
        """Make the children; each process starts when there is work for it."""
        for _ in range(self.slots):
            self._free.put(Child(means, cut_off))

    def dismiss(self) -> None:
        """End the children, which are at no work."""
        with suppress(Empty):
            while True:
                self._free.get_nowait().end()

    @property
    def worker(self) -> str:
        """The name of the worker."""
        return self.who.worker

    @property
    def egress(self) -> Sequence[str]:
        """Which shards it may take, by the address that they reach their venue from."""
        return self.who.egress

    def begin(self, tick: int, why: str) -> None:
        """Begin a tick, once in the whole fleet, or tell why it is skipped."""
        begun = self._patiently(lambda: self.begin_now(tick, why))
        if begun.is_new:
            self.begun(begun)

    def begin_now(self, tick: int, why: str) -> ticks.Begun:
        """Begin a tick, with what has to be tended before its shards are handed out; raises DataFolderUnusable."""
        if not ticks.is_begun(self.pool, tick):
            self.tend()
        return ticks.begin(self.pool, tick, why)

    def take(self, cycle: ShardCycle | None = None) -> Claim | None:
        """Take a shard; None also where the database is away."""
        try:
            claim = ticks.take(self.pool, self.worker, self.egress, cycle)
            if claim is None and cycle is None:
                ticks.close(self.pool)
        except DataFolderUnusable:
            return None
        return claim

    def is_done(self, cycle: ShardCycle) -> bool:
        """Check whether nothing is left to do of a shard in a tick; not sure where the database is away."""
        try:
            return ticks.is_done(self.pool, cycle)
        except DataFolderUnusable:
            return False

    def under_way(self) -> tuple[ShardCycle, ...]:
        """Return the shards that are worked on now."""
        with self._lock:
            return tuple(claim.cycle for claim, _ in self._claims.values())

    def renew(self) -> None:
        """Keep the leases of the shards at work, and tell the children how long they may go on."""
        with self._lock:
            held = dict(self._claims)
        if not held:
            return
        asked_at = time.monotonic()
        still = ticks.renew(self.pool, self.worker, list(held))
        took = time.monotonic() - asked_at  # the lease may have begun anew when that was asked
        for shard, (_, child) in held.items():
            if shard in still:
                child.board.allow(ticks.LEASE.total_seconds() - MARGIN - took)
            else:
                note(RUN, "shard_lost", level=logging.WARNING, shard=shard)
                child.board.ask_to_stop()

    def stop_children(self) -> None:
        """Have the children end after the account in hand; what is left is given back."""
        with self._lock:
            for _, child in self._claims.values():
                child.board.ask_to_stop()

    def give_up(self) -> None:
        """Kill the children at work: their shards are given back, or free when their leases end."""
        self._given_up.set()
        with self._lock:
            for _, child in self._claims.values():
                child.kill()

    def work(self, claim: Claim) -> None:
        """Work on a shard until it is done, given back or lost; raises nothing that a database away would raise."""
        child = self._free.get()
        child.board.ask_to_stop(is_wanted=False)
        child.board.allow(ticks.LEASE.total_seconds() - MARGIN)
        try:
            figures = self._worked(child, claim)
            self._patiently(lambda: ticks.end(self.pool, self.worker, claim, figures))
        except DataFolderUnusable as problem:  # we leave: the shard is free when its lease ends
            note(RUN, "shard_left", level=logging.WARNING, shard=claim.cycle.shard, message=str(problem))
            return
        if figures is not None:
            self.told(claim.cycle, figures)

    def _worked(self, child: Child, claim: Claim) -> Figures | None:
        """Have a child work on a shard, which is at work for that time."""
        with self._lock:
            self._claims[claim.cycle.shard] = (claim, child)
        try:
            return _Attempt(self.blame, child, claim, self.worker, self._given_up.is_set, self._patiently).figures()
        finally:
            with self._lock:
                self._claims.pop(claim.cycle.shard, None)
            self._free.put(child)

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        """Ask the database until it answers, or the worker leaves."""
        return patiently(ask, self._given_up.is_set, lambda: not self.may_take())


@dataclass(slots=True)
class _Attempt:
    """Works through one shard: as a whole, then without whom it died of, and these alone."""

    blame: Blame
    child: Child
    claim: Claim
    worker: str
    given_up: Callable[[], bool]
    surely: Surely
    sums: dict[str, Any] = field(default_factory=dict)
    deaths: int = 0
    again: int = 0

    def figures(self) -> Figures | None:
        """Return what came of the shard; None where it was not worked on to its end and is to be given back."""
        cycle = self.claim.cycle
        whole = ShardTask(cycle.tick, cycle.shard, self.worker, self.claim.fence)
        left = deque([whole])
        while left:
            task = left.popleft()
            outcome = self.child.work(task)
            if isinstance(outcome, Died) and self.given_up():
                return None  # we have killed it ourselves
            if isinstance(outcome, Died):
                self.deaths += 1
                left.extendleft(reversed(self._after_death(task, outcome)))
            elif isinstance(outcome, Refused) and outcome.again:
                note(RUN, "shard_given_back", level=logging.WARNING, shard=cycle.shard, message=outcome.problem)
                time.sleep(_PAUSE)
                return None
            elif isinstance(outcome, Refused):
                note(RUN, "shard_failed", level=logging.ERROR, shard=cycle.shard, message=outcome.problem)
                add_up(self.sums, {"problems": [outcome.problem], WORST: int(ExitCode.ERROR)})
            else:
                add_up(self.sums, outcome.figures)
                if outcome.is_partly:
                    return None
                self._clear(task)
        return self.sums

    def _after_death(self, task: ShardTask, died: Died) -> list[ShardTask]:
        """Say what is to be done next, after a child died in this task."""
        note(RUN, "child_died", level=logging.ERROR, shard=task.shard, account=died.account, how=died.how)
        add_up(self.sums, {"deaths": 1})
        if died.account is None:
            if self.deaths < _STARTS:
                return [task]
            problem = f"a process that worked on it {died.how}, before the first account"
            add_up(self.sums, {"problems": [problem], WORST: int(ExitCode.ERROR)})
            return []
        alone = replace(task, skip=(), only=(died.account,))
        why = f"the process that worked on it {died.how}"
        death = f"{self.worker} {self.claim.cycle.id} {self.claim.fence} {self.deaths}"
        is_dead = self.surely(lambda: self.blame.count_try(str(died.account), why, death))
        if is_dead:
            add_up(self.sums, {"set_aside": [died.account], WORST: int(ExitCode.UNKNOWN)})
        suspects = [] if is_dead else [alone]
        others = [account for account in died.accounts if account != died.account]
        if task.only is not None and len(task.only) == 1:
            return suspects
        if self.deaths >= _IN_GROUPS:
            return [*(replace(task, skip=(), only=(account,)) for account in others), *suspects]
        return [replace(task, skip=(), only=tuple(others)), *suspects]

    def _clear(self, task: ShardTask) -> None:
        if task.only is not None and len(task.only) == 1:
            account = task.only[0]
            self.surely(lambda: self.blame.clear_tries(account))


def add_up(sums: dict[str, Any], figures: Figures) -> None:
    """Add figures to others: numbers and lists are added, of exit codes the worst is kept, anything else replaced."""
    for name, value in figures.items():
        before = sums.get(name)
        if isinstance(value, Mapping):
            inner = dict(before) if isinstance(before, Mapping) else {}
            add_up(inner, value)
            sums[name] = inner
        elif before is None or isinstance(value, (str, bool)):
            sums[name] = value
        elif name == WORST:
            sums[name] = int(ExitCode.worst([before, value]))
        else:
            sums[name] = before + value
