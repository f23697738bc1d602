"""Take every way through the model up to a number of deviations from the normal one.

A run is the life of one process, or of two that are there at once, from one state with no process to the next. What a
later process can see is the durable state alone, so states that were reached before need not be gone on from again: the
search is over durable states, those with most deviations left first, and over all runs from each of them; where none is
left the newest comes first, so that a path is followed to its end. Every path
ends where a run with nothing left to do was undisturbed.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.oracle import judge
from tests.model.choices import Choices, Script
from tests.model.lasting import Durable
from tests.model.processes import Process
from tests.model.setting import Setting
from tests.model.world import CYCLE_SECONDS, ModelWorld

_OLDER = "is older than the journal that the account was last traded by"
MOST_RUNS = 12
"""Runs in a row after which an account that is not at rest never will be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must never be, and the way that leads there."""

    text: str
    story: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join((self.text, *self.story))


@dataclass
class Explored:
    """What a search came by; ``seconds`` are of work, and ``is_exhausted`` where no way was left out."""

    runs: int = 0
    states: int = 0
    merged: int = 0
    longest: int = 0
    ends: int = 0
    seconds: float = 0.0
    is_exhausted: bool = False
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Node:
    """A state without processes; ``story`` is how it was reached, ``before`` the states on the way there."""

    state: Durable
    budget: int
    story: tuple[str, ...] = ()
    before: tuple[Durable, ...] = ()

    @property
    def age(self) -> int:
        """After how many runs it was reached."""
        return len(self.before)


def explore(
    setting: Setting,
    budget: int,
    *,
    seconds: float = 600.0,
    mutate: Callable[[pytest.MonkeyPatch], object] = lambda _: None,
    most_faults: int = 1,
) -> Explored:
    """Search all ways with at most ``budget`` deviations, until there are faults enough or the time is up."""
    with _world(setting, mutate) as world:
        search = _Search(world, budget, most_faults, time.process_time() + seconds)
        search.run()
        return search.explored


@contextmanager
def _world(setting: Setting, mutate: Callable[[pytest.MonkeyPatch], object]) -> Iterator[ModelWorld]:
    root = Path(tempfile.mkdtemp(prefix="exitplan-model-", dir=_memory()))
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EXITPLAN_CACHE_DIR", str(root / "cache"))
            world = setting.build(root, setting)
            try:
                mutate(patch)
                world.install(patch)
                yield world
            finally:
                world.end()
    finally:
        logging.disable(before)
        shutil.rmtree(root, ignore_errors=True)


def _memory() -> str | None:
    shared = Path("/dev/shm")  # noqa: S108 - below it a folder with a random name
    return str(shared) if shared.is_dir() else None


class _Search:
    """A search under way."""

    def __init__(self, world: ModelWorld, budget: int, most_faults: int, until: float) -> None:
        self.world = world
        self.explored = Explored()
        self.most_faults = most_faults
        self.until = until
        self.numbers = itertools.count()
        self.waiting: list[tuple[int, int, Node]] = []
        self.known: set[bytes] = set()
        self.start = world.begin()
        self.right = self._undisturbed()
        self._add(Node(self.start, budget))

    def run(self) -> None:
        """Go on from every state that is known, those with most deviations left first."""
        began = time.process_time()
        while self.waiting and not self._is_over():
            self._go_on_from(heapq.heappop(self.waiting)[2])
        self.explored.is_exhausted = not self._is_over()
        self.explored.seconds = time.process_time() - began

    def _is_over(self) -> bool:
        return len(self.explored.faults) >= self.most_faults or time.process_time() > self.until

    def _undisturbed(self) -> Any:
        """Return how the account stands in the end where nothing goes wrong."""
        state = self.start
        for _ in range(MOST_RUNS):
            state, _ = self._run(Node(state, 0), {})
            if self.world.is_at_rest:
                return self.world.standing()
        raise AssertionError("the undisturbed account comes to no rest")

    def _add(self, node: Node) -> None:
        number = next(self.numbers)
        heapq.heappush(self.waiting, (-node.budget, number if node.budget else -number, node))

    def _go_on_from(self, node: Node) -> None:
        scripts: list[Script] = [{}]
        while scripts and not self._is_over():
            state, choices = self._run(node, scripts.pop())
            scripts += choices.following(node.budget)
            self._look(node, state, choices)

    def _run(self, node: Node, script: Script) -> tuple[Durable, Choices]:
        """Let one process live, with whatever comes in its way, and give what is left of it."""
        world = self.world
        world.restore(node.state)
        world.choices = choices = Choices(script)
        self._put_back(node)
        may_choose = node.age and world.open_plan() is not None
        anew = may_choose and world.decide("the next", "finishes the plan", "plans anew") == "plans anew"
        world.machine.run(Process("first", lambda: world.live(anew=bool(anew))))
        world.machine.running = None
        if any(process.told != "died" for process in world.machine.processes[-1:]):
            world.pass_time(CYCLE_SECONDS)
        self.explored.runs += 1
        self.explored.longest = max(self.explored.longest, len(choices.trail))
        return world.keep(), choices

    def _put_back(self, node: Node) -> None:
        """Put the data folder back from a copy that was made before an earlier run, or leave it as it is."""
        world = self.world
        if not (world.is_live and node.before):
            return
        copies = [f"put back from before run {number + 1}" for number in range(node.age)]
        taken = world.choices.choose("the data folder", ["as it is", *copies])
        if taken != "as it is":
            world.put_back(node.before[copies.index(taken)])

    def _look(self, node: Node, state: Durable, choices: Choices) -> None:
        """Judge a run, and go on from what it left unless somebody did already."""
        world = self.world
        told = [f"({process.name} ended: {process.told})" for process in world.machine.processes if process.told]
        story = (*node.story, f"run {node.age + 1}", *choices.story, *told)
        wrong = [f"a traceback: {process.error!r}" for process in world.machine.processes if process.error]
        wrong += [*world.found, *(f"{entry.kind}: {entry.text}" for entry in judge(world) if entry.kind == "doubled")]
        is_stopped = any(_OLDER in (process.told or "") for process in world.machine.processes)
        rests = world.is_at_rest and not choices.cost and not world.under_way
        if rests:
            self.explored.ends += 1
            wrong += [f"{entry.kind}: {entry.text}" for entry in judge(world) if entry.kind != "doubled"]
            if world.standing() != self.right:
                wrong.append(f"at rest with {world.standing()} instead of {self.right}")
        elif node.age >= MOST_RUNS:
            wrong.append("it comes to no rest")
        if wrong:
            self.explored.faults += [Fault(text, story) for text in wrong[:1]]
            return
        if is_stopped:
            self.explored.ends += 1  # and waits for a person: nothing was sent
        elif not rests:
            self._meet(Node(state, node.budget - choices.cost, story, (*node.before, node.state)))

    def _meet(self, node: Node) -> None:
        parts = [self.world.fingerprint(node.state)]
        if self.world.is_live and node.budget:  # what may still be put back counts as well
            parts += [repr(sorted(before.files.items())).encode() for before in node.before]
        seen = hashlib.sha256(b"".join(parts)).digest()
        if seen in self.known:
            self.explored.merged += 1
            return
        self.known.add(seen)
        self.explored.states += 1
        self._add(node)
