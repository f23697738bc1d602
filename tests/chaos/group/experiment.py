"""One experiment with a group: processes carry out its plans and die, one of its venues misbehaves, all is judged."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TextIO

import pytest

from exitplan.ruleset.errors import ExitplanError
from tests.chaos.group.kinds import GROUP_KINDS
from tests.chaos.group.world import BOUND, HELD, PRICE, GroupWorld, build_group
from tests.chaos.oracle import Violation
from tests.chaos.process import die, fork
from tests.chaos.wire import Record
from tests.executor.crashes import raise_crash
from tests.executor.groups.group_scene import CASH, HEDGE

MOST_CYCLES = 12
STEP = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class GroupExperiment:
    """One experiment; ``at`` are the points that processes die at, ``side`` is the account whose venue misbehaves."""

    kind: str
    side: str
    seed: int
    at: tuple[int, ...] = (0,)

    def written(self) -> str:
        """Write it as one word for a command line."""
        return ":".join((self.kind, self.side, str(self.seed), ",".join(map(str, self.at))))

    @classmethod
    def of(cls, text: str) -> GroupExperiment:
        kind, side, seed, at = text.split(":")
        return cls(kind, side, int(seed), tuple(map(int, at.split(","))))


@dataclass
class GroupReport:
    """What came of an experiment; ``worst`` is the furthest that the legs were apart by the venues' own fills."""

    kind: str
    kills: int = 0
    faults: int = 0
    stopped: int = 0
    alerted: int = 0
    worst: Decimal = Decimal(0)
    violations: list[Violation] = field(default_factory=list)


def run_group(experiment: GroupExperiment) -> GroupReport:
    """Run one experiment in a folder of its own."""
    root = Path(tempfile.mkdtemp(prefix="exitplan-group-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))  # noqa: S108 - below it a folder with a random name
    chance = Random(experiment.seed)  # noqa: S311 - seeded cases
    troubles = {name: Record() for name in (CASH, HEDGE)}
    troubles[experiment.side] = GROUP_KINDS[experiment.kind].troubles(chance)
    try:
        world = build_group(root, troubles)
        try:
            return _Stage(experiment, world, chance).run()
        finally:
            world.end()
    finally:
        shutil.rmtree(root, ignore_errors=True)


class _Stage:
    """The experiment under way."""

    def __init__(self, experiment: GroupExperiment, world: GroupWorld, chance: Random) -> None:
        self.experiment, self.world, self.chance = experiment, world, chance
        self.errors = world.root / "errors"
        self.report = GroupReport(experiment.kind)

    def run(self) -> GroupReport:
        self.world.work()  # the policies go into the engine once, here, for all children to come
        for at in self.experiment.at:
            self._ended(fork(lambda at=at: self._work(at), self.errors).wait())  # type: ignore[misc] # its default
            self._look_apart()
        self._ended(fork(self._finish, self.errors).wait())
        self.report.faults = sum(world.faults_met() for world in self.world.worlds.values())
        self._judge()
        return self.report

    def _ended(self, code: int) -> None:
        self.report.kills += code == -9
        if code == 1:
            self.report.violations.append(Violation("lost", f"a traceback: {self.errors.read_text()[-1500:]}"))

    # --- in a child ---

    def _work(self, at: int) -> None:
        self._prepare()
        try:
            plan = self.world.saved_plan()
            if not self.world.is_open() and (plan is None or self.chance.random() < 0.5):
                plan = self.world.plan()
            act: Callable[[], object] = die if at else raise_crash
            self.world.worlds[CASH].points(at, act).install(pytest.MonkeyPatch())
            self.world.apply(None if self.world.is_open() else plan)
        except ExitplanError:
            pass  # refusing is no harm; what is judged is what the venues have

    def _finish(self) -> None:
        """Go on until nothing is open and a plan has nothing to do, or a person is asked."""
        self._prepare()
        with (self.world.root / "told").open("w") as told:
            self._finish_telling(told)

    def _finish_telling(self, told: TextIO) -> None:
        for _ in range(MOST_CYCLES):
            self.world.wire.advance(60)
            try:
                plan = None if self.world.is_open() else self.world.plan()
                result = self.world.apply(plan)
                told.write(f"{result.exit_code}: {result.refusals} {result.bundles}\n")
                if plan is not None and not plan.has_changes and not result.is_open:
                    return
            except ExitplanError as error:
                told.write(f"{type(error).__name__}: {error}\n")

    def _prepare(self) -> None:
        random.seed(self.experiment.seed)
        self.world.prepare()

    # --- in the parent, by the venues' own records ---

    def _look_apart(self) -> None:
        apart = abs(self.world.net()) * PRICE
        self.report.worst = max(self.report.worst, apart)
        if apart > self._most_apart():
            self._wrong("lost", f"the legs are {apart} apart, and may be {self._most_apart()}")

    def _most_apart(self) -> Decimal:
        """Return the furthest that legs may be apart: a pair that was found unequal may be so by the bound more."""
        return BOUND + max(self.world.nets_before(), default=Decimal(0)) * PRICE

    def _judge(self) -> None:
        for world in self.world.worlds.values():
            world.drain()
        self._judge_way()
        alerts = self.world.alerts()
        self.report.alerted = int("LEGS_APART" in alerts)
        waits = any(
            row["status"] == "needs_human" for name in (CASH, HEDGE) for row in self.world.intents(name).values()
        )
        if waits and "OUTCOME_UNKNOWN" in alerts:
            self.report.stopped += 1
            return
        apart = abs(self.world.net()) * PRICE
        if apart and "LEGS_APART" not in alerts:
            self._wrong("lost", f"at rest {apart} apart, and nobody was told")
        if self.world.is_open():
            self._wrong("lost", "the plan of the group is open to the end")
        for name in (CASH, HEDGE):
            self._judge_account(name)
        if self.world.held(CASH) and not self.world.worlds[CASH].state().escalated:  # else a person was asked
            self._wrong("lost", f"at rest with {self.world.held(CASH)} of a zombie: {self._last_words()}")

    def _judge_way(self) -> None:
        """Follow the net through every fill at both venues, in the order of the venues' clock."""
        fills = sorted(
            (fill["at"], 1 if name == HEDGE else -1, Decimal(fill["quantity"]))
            for name in (CASH, HEDGE)
            for entry in self.world.worlds[name].orders()
            for fill in entry["fills"]
        )
        net = Decimal(0)
        for _, sign, quantity in fills:
            net += sign * quantity
            self.report.worst = max(self.report.worst, abs(net) * PRICE)
        if self.report.worst > self._most_apart():
            self._wrong("lost", f"on the way the legs were {self.report.worst} apart, and may be {self._most_apart()}")

    def _judge_account(self, name: str) -> None:
        planned, intents, sold = self.world.planned(name), self.world.intents(name), self.world.worlds[name].sold()
        for order, filled in sold.items():
            if filled > planned.get(order, Decimal(0)):
                self._wrong("doubled", f"{name}: {filled} filled of {planned.get(order)} planned for {order}")
        for order, row in intents.items():
            told = Decimal(row["filled"] or 0) if row["status"] == "done" else Decimal(0)
            if row["status"] in {"sending", "needs_human"} or told != sold.get(order, Decimal(0)):
                self._wrong(
                    "lost", f"{name}: {order} is {row['status']} with {told}, the venue filled {sold.get(order)}"
                )
        if HELD - sum(sold.values(), Decimal(0)) != self.world.held(name):
            self._wrong("lost", f"{name}: {self.world.held(name)} left of {HELD}, {sum(sold.values())} were filled")

    def _last_words(self) -> str:
        path = self.world.root / "told"
        return path.read_text()[-600:] if path.exists() else ""

    def _wrong(self, kind: str, text: str) -> None:
        self.report.violations.append(Violation(kind, text))  # type: ignore[arg-type] # one of the words
