"""One experiment: a process works on an account, dies, and another one brings the account to rest."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exitplan.executor.store.journal import Journal
from exitplan.ruleset.errors import AccountUnreadable, ExitplanError, OutcomeUnknown, PlanIsUnusable
from tests.chaos.disturbances import build_in_postgres, disturb
from tests.chaos.kinds import PAPER, POSTGRES, kinds_at
from tests.chaos.live_world import build_live
from tests.chaos.mutants import MUTANTS
from tests.chaos.oracle import Violation, broken_files, judge, judge_progress, judge_rest
from tests.chaos.process import Child, die, fork, stop
from tests.chaos.wire import Record
from tests.chaos.world import ACCOUNTS, World, build

PAUSE_SECONDS = 0.2
"""Waited between the two questions for each order of a group that never arrived."""
MOST_CYCLES = 25
_NOBODY = 65534
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment, which its fields repeat exactly but for what the scheduler does.

    ``at`` are the points to die at (or to break something at), one for each process that does; zero is no point.
    """

    kind: str
    account: str
    seed: int
    at: tuple[int, ...] = (0,)
    mutant: str | None = None
    venue: str = PAPER


@dataclass
class Report:
    """What came of an experiment; ``recovery`` are seconds of work and of waiting.

    ``stopped`` counts accounts that wait for a person, because nobody can tell what was theirs and what somebody
    else's.
    """

    kind: str
    kills: int = 0
    faults: int = 0
    stopped: int = 0
    violations: list[Violation] = field(default_factory=list)
    recovery: tuple[float, float] = (0.0, 0.0)


class Unrecovered(Exception):
    """An account did not come to rest."""


def run(experiment: Experiment) -> Report:
    """Run one experiment in a folder of its own."""
    root = Path(tempfile.mkdtemp(prefix="exitplan-chaos-", dir=_fast_folder()))
    try:
        return _Stage(experiment, root).run()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def count_points(account: str, venue: str = PAPER) -> int:
    """Count the points of an undisturbed run."""
    root = Path(tempfile.mkdtemp(prefix="exitplan-chaos-", dir=_fast_folder()))
    try:
        world = _world(root, Experiment("killed at every point", account, 0, venue=venue), Record())
        world.open()

        def counted() -> None:
            world.prepare()
            points = world.points()
            points.install(pytest.MonkeyPatch())
            world.apply()
            (root / "count").write_text(str(points.passed))

        if fork(counted, root / "errors").wait():
            raise Unrecovered((root / "errors").read_text())
        world.end()
        return int((root / "count").read_text())
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _fast_folder() -> str | None:
    """Prefer memory to the disk: what dies are processes, never the machine."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - below it a folder with a random name


def _world(root: Path, experiment: Experiment, troubles: Record) -> World:
    kind, account = kinds_at(experiment.venue)[experiment.kind], experiment.account
    if experiment.venue == PAPER:
        return build(root, account, troubles, kind.options)
    if experiment.venue == POSTGRES:
        return build_in_postgres(root, account, troubles, kind)
    return build_live(root, experiment.venue, account, troubles, kind.options)


class _Stage:
    """The experiment under way."""

    def __init__(self, experiment: Experiment, root: Path) -> None:
        self.experiment = experiment
        self.kind = kinds_at(experiment.venue)[experiment.kind]
        self.chance = Random(experiment.seed)  # noqa: S311 - seeded cases
        self.world = _world(root, experiment, self.kind.troubles(self.chance))
        self.start = ACCOUNTS[experiment.account].account()
        self.report = Report(experiment.kind)
        self.errors = root / "errors"

    def run(self) -> Report:
        try:
            self.world.open()  # the policy goes into the engine once, here, for all children to come
            _DEATHS[self.kind.death](self)
            self._finished()
            self.report.faults += self.world.faults_met()
        finally:
            self.world.end()
        return self.report

    # --- in the parent ---

    def _child(self, harm: Callable[[], object], *, resume: bool = True) -> Child:
        """Start a process that plans, or takes up the last plan, and applies, with harm on its way."""
        return fork(lambda: self._work(harm, resume=resume), self.errors)

    def _ended(self, child: Child, *, killed: bool = False) -> None:
        code = child.wait()
        self.report.kills += killed or code == -9
        self._look(code)

    def _look(self, code: int = 0) -> None:
        self.report.violations += broken_files(self.world)
        if code == 1:
            self.report.violations.append(Violation("lost", f"a traceback: {self.errors.read_text()[-1500:]}"))

    def _finished(self) -> None:
        """Let a new process bring the account to rest and judge what it says and what the venue says."""
        answer = self.world.root / "answer.json"
        code = fork(lambda: answer.write_text(json.dumps(self._finish())), self.errors).wait()
        self._look(code)
        if code == 0:
            told = json.loads(answer.read_text())
            self.report.recovery = (told["worked"], told["waited"])
            self.report.violations += [Violation(kind, text) for kind, text in told["violations"]]
        self.report.stopped += self.world.is_stopped()
        self.report.violations += judge(self.world) + judge_rest(self.world, self.start)
        self.report.violations += [Violation("invalid", f"{name} holds a secret") for name in self.world.leaks()]

    # --- in a child ---

    def _harm_at(self, at: int, act: Callable[[], object]) -> Callable[[], None]:
        """Do harm when the numbered point is passed."""
        return lambda: self.world.points(at, act).install(pytest.MonkeyPatch())

    def _prepare(self) -> None:
        random.seed(self.experiment.seed)
        self.world.prepare()
        if self.experiment.mutant:
            MUTANTS[self.experiment.mutant].install(pytest.MonkeyPatch())

    def _work(self, harm: Callable[[], object], *, resume: bool) -> None:
        self._prepare()
        plans = self.world.saved_plans()
        try:
            if not resume or not plans:
                plans = [self.world.plan()]
            harm()
            self._apply(plans[-1])
        except ExitplanError:
            pass  # refusing is no harm; the oracle asks whether anything was lost by it

    def _apply(self, plan: Mapping[str, Any]) -> int:
        """Apply a plan, or a new one where it can no longer be applied."""
        try:
            return self.world.apply(plan).exit_code
        except PlanIsUnusable:
            return self.world.apply(self.world.plan()).exit_code

    def _finish(self) -> dict[str, Any]:
        """Recover, go on until nothing is left to do, and tell how long the recovery took."""
        self._prepare()
        world = self.world
        found: list[Violation] = []
        calm = world.is_calm()
        plans = world.saved_plans()
        plan = plans[-1] if plans and self.chance.random() < 2 / 3 else None
        began = time.perf_counter()
        self._cycle(plan, found)
        worked = next((at for kind, at in world.marks if kind == "run_started"), time.perf_counter()) - began
        waited = world.waited_before_run
        longest = world.window + 1 + PAUSE_SECONDS * (world.wire.read().at_once - 1)
        if calm and (worked > world.recovery_seconds or waited > longest):
            found.append(Violation("slow", f"recovered in {worked:.2f} s of work and {waited:.1f} s of waiting"))
        self._until_quiet(found)
        return {"worked": worked, "waited": waited, "violations": [(entry.kind, entry.text) for entry in found]}

    def _until_quiet(self, found: list[Violation]) -> None:
        for _ in range(MOST_CYCLES):
            if self.world.is_stopped():
                break
            self.world.clock.advance(60)
            try:
                plan = self.world.plan()
            except AccountUnreadable:
                continue
            quiet = not plan["actions"] and not any(entry.get("unwind") for entry in plan["positions"])
            self._cycle(plan, found)
            if quiet:
                break
        else:
            found.append(Violation("lost", f"not at rest after {MOST_CYCLES} cycles: {self.world.errors_met[-3:]}"))
        self.world.drain()
        self.world.verify()
        found += broken_files(self.world)

    def _cycle(self, plan: Mapping[str, Any] | None, found: list[Violation]) -> None:
        """Apply once; what was finished must stand where the venue put it."""
        try:
            plan = plan or self.world.plan()
            if self.world.apply(plan).exit_code in {0, 4}:
                found += judge_progress(self.world, plan, self.start)
        except (PlanIsUnusable, OutcomeUnknown, AccountUnreadable) as error:
            self.world.errors_met.append(f"{type(error).__name__}: {error}")


def _die_at_points(stage: _Stage) -> None:
    for at in stage.experiment.at:
        stage._ended(stage._child(stage._harm_at(at, die), resume=stage.chance.random() < 0.75))


def _die_at_any_moment(stage: _Stage) -> None:
    for _ in stage.experiment.at:
        child = stage._child(lambda: None)
        seconds = stage.chance.uniform(0.005, stage.world.longest_life)
        killed = child.kill_after(seconds, lambda: broken_files(stage.world))
        stage.report.kills += killed
        stage._look()


def _fill_disk(stage: _Stage) -> None:
    """Let no file grow beyond what small files need, so that the journal cannot be written from some point on."""

    def full() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 * 1024, hard))

    stage.report.faults += 1
    stage._ended(stage._child(stage._harm_at(stage.experiment.at[0], full)))
    _die_after(stage)


def _lock_folder(stage: _Stage) -> None:
    """Let the data folder be read-only from some point on, for a user who is not root."""
    folder = stage.world.folder.path

    def close() -> None:
        if os.geteuid() == 0:
            for path in (stage.world.root, *stage.world.root.rglob("*")):
                os.chown(path, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o555)

    stage.report.faults += 1
    stage._ended(stage._child(stage._harm_at(stage.experiment.at[0], close)))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    _die_after(stage)


def _die_after(stage: _Stage) -> None:
    for at in stage.experiment.at[1:]:
        stage._ended(stage._child(stage._harm_at(at, die)))


def _corrupt(stage: _Stage) -> None:
    """Break the journal of one who died: the next one must say so and send nothing, and a backup must do."""
    _die_at_points(stage)
    journal = stage.world.folder.journal
    if not journal.exists():
        return
    with closing(sqlite3.connect(journal)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if journal.stat().st_size < 2 * _PAGE:
        return
    stage.report.faults += 1
    backup = {path: path.read_bytes() for path in journal.parent.glob("journal.db*")}
    before = stage.world.orders()
    journal.write_bytes(_damaged(journal.read_bytes(), stage.chance))
    refused = stage.world.root / "refused"
    child = fork(lambda: _try_broken(stage, refused), stage.errors)
    stage._look(child.wait())
    if not refused.exists():
        return
    if stage.world.orders() != before:
        stage.report.violations.append(Violation("doubled", f"sent with a broken journal: {refused.read_text()}"))
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    for path, content in backup.items():
        path.write_bytes(content)


def _try_broken(stage: _Stage, refused: Path) -> None:
    stage._prepare()
    try:
        stage._apply(stage.world.saved_plans()[-1])
    except ExitplanError as error:
        refused.write_text(f"{type(error).__name__}: {error}")


def _damaged(content: bytes, chance: Random) -> bytes:
    page = chance.randrange(1, len(content) // _PAGE)
    noise = chance.randbytes(_PAGE)
    return chance.choice(
        (
            noise[:100] + content[100:],
            content[: len(content) // 2 + 7],
            content[: page * _PAGE] + noise + content[(page + 1) * _PAGE :],
            content[: page * _PAGE] + bytes(_PAGE) + content[(page + 1) * _PAGE :],
        )
    )


def _two_writers(stage: _Stage) -> None:
    """A writer hangs, its lease is taken from it, another one finishes the plan, and the first one wakes up."""
    # With how many calls a run has at least: outcomes are recorded with what is sent next, else when all is sent.
    name, times = stage.chance.choice((("begin_sending", 3), ("settle", 1), ("end_run", 1)))

    def hang() -> None:
        act, calls = getattr(Journal, name), iter(range(10_000))
        wanted = stage.experiment.at[0] % times

        def hanging(*args: Any, **named: Any) -> Any:
            if next(calls) == wanted:
                stop()
            return act(*args, **named)

        pytest.MonkeyPatch().setattr(Journal, name, hanging)

    stage.report.faults += 1
    first = stage._child(hang)
    if not first.wait_until_stopped():
        return
    stage.world.break_leases()
    stage._ended(stage._child(lambda: None))
    told = stage.world.journal_content()
    first.wake()
    stage._ended(first)
    if stage.world.journal_content() != told:
        stage.report.violations.append(Violation("lost", "who was replaced has written to the journal"))


def _race(stage: _Stage) -> None:
    """Two apply the same plan at once, and one of them is killed."""
    planned = fork(stage.world.plan, stage.errors)
    stage._look(planned.wait())
    first, second = stage._child(lambda: None), stage._child(lambda: None)
    stage.report.kills += first.kill_after(stage.chance.uniform(0.001, 0.05), lambda: broken_files(stage.world))
    stage._ended(second)


_DEATHS: Mapping[str, Callable[[_Stage], None]] = {
    "point": _die_at_points,
    "twice": _die_at_points,
    "random": _die_at_any_moment,
    "disk full": _fill_disk,
    "read-only": _lock_folder,
    "corrupted": _corrupt,
    "writers": _two_writers,
    "race": _race,
    "disturbed": disturb,
}
