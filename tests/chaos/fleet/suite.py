"""A fleet that is broken again and again, at random moments, until it has had enough; then it is judged."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

import psycopg

from tests.chaos.fleet.entry import LEASE, Settings, quiet_from_now_on
from tests.chaos.fleet.oracle import judge
from tests.chaos.fleet.scenes import settle
from tests.chaos.fleet.world import Fleet, NotSettled, Slot, fleet_of, signal_all, wake
from tests.chaos.oracle import Violation

ACCOUNTS = 60
SKEWS = (0.0, 3.0, -2.0)
"""How far the clocks of the workers are ahead, in seconds."""
_LOST = 0.25
_STOPS = 0.02
_KILLS = frozenset({"worker killed", "child killed", "server crashes", "person killed"})
_AGAIN = 0.3
"""Seconds between two faults at most, once accounts were worked on after the last one."""
_PATIENCE = 2.0
"""Seconds after which the next fault comes though none was."""


@dataclass
class Tale:
    """What was done to a fleet, and what came of it."""

    met: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    ticks: int = 0
    orders: int = 0
    aside: int = 0
    told: int = 0
    seconds: float = 0.0
    settled: float = 0.0

    @property
    def faults(self) -> int:
        return sum(self.met.values())

    @property
    def kills(self) -> int:
        return sum(count for name, count in self.met.items() if name in _KILLS)


def run_long(
    faults: int, seed: int, seconds: float, say: Callable[[str], object] = lambda _: None, accounts: int = ACCOUNTS
) -> Tale:
    """Break a fleet until so many things went wrong, or the time is up, and judge it."""
    chance, tale = Random(seed), Tale()  # noqa: S311 - seeded
    with fleet_of(accounts) as fleet:
        began = time.monotonic()
        settings = Settings(
            str(fleet.root), lost=_LOST, stops=_STOPS, stops_in_write=_STOPS, stops_in_transaction=_STOPS
        )
        for skew in SKEWS:
            fleet.hire(replace(settings, skew=skew))
        breaking = _Breaking(fleet, chance, tale, settings)
        said = began
        while breaking.count() < faults and time.monotonic() - began < seconds:
            breaking.step()
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say(f"{said - began:4.0f} s: {breaking.count()} kills and faults, {tale.kills} of them kills")
        breaking.count()
        tale.seconds = time.monotonic() - began
        _end(fleet, breaking, tale)
    return tale


def _end(fleet: Fleet, breaking: _Breaking, tale: Tale) -> None:
    """Let it come to rest, have the workers leave, and judge."""
    began = time.monotonic()
    try:
        breaking.mend()
        settle(fleet)
        tale.settled = time.monotonic() - began
        breaking.dismiss()
        tale.violations = judge(fleet)
        _count(fleet, tale)
    except NotSettled as problem:
        output = (fleet.root / "output.log").read_text(errors="replace")
        tale.violations = [Violation("lost", f"{problem}: {output[-2000:]}")]


def _count(fleet: Fleet, tale: Tale) -> None:
    ((tale.ticks,),) = fleet.rows("SELECT count(*) FROM exitplan.ticks WHERE why NOT LIKE 'skipped%%' OR why IS NULL")
    tale.orders = len(fleet.witness.read("arrived"))
    tale.aside = len(fleet.witness.read("revived"))
    ((tale.told,),) = fleet.rows("SELECT count(DISTINCT account) FROM exitplan.intents WHERE status = 'needs_human'")


@dataclass
class _Halt:
    """A halt of an account, or of all, and between when it was surely in force."""

    account: str
    since: float = 0.0
    until: float = 0.0
    is_sure: bool = False


@dataclass
class _Breaking:
    fleet: Fleet
    chance: Random
    tale: Tale
    settings: Settings
    next_at: float = 0.0
    written: int = 0
    is_over: bool = False
    busy: set[int] = field(default_factory=set)
    """The workers that are stopped or cut off now."""
    halted: set[str] = field(default_factory=set)
    waiting: list[tuple[subprocess.Popen[bytes], Callable[[], None]]] = field(default_factory=list)
    counted: int = 0

    def step(self) -> None:
        """Let a moment pass, in which something may go wrong."""
        self.fleet.tend()
        for process, then in list(self.waiting):
            if process.poll() is not None:
                self.waiting.remove((process, then))
                then()
        if self._is_due():
            for account in self.chance.sample(self.fleet.accounts, 15):
                self.fleet.grant(account, self.chance)
            names = list(_FAULTS)
            name = self.chance.choices(names, [_FAULTS[one][0] for one in names])[0]
            with suppress(psycopg.Error):
                if _FAULTS[name][1](self):
                    self.tale.met[name] += 1
            self.revive()
        time.sleep(0.03)

    def _is_due(self) -> bool:
        """Tell whether the next fault is to come: a moment after the fleet was at work, or if it is long idle."""
        now, written = time.monotonic(), self.fleet.witness.size
        if written != self.written and now < self.next_at:
            self.next_at = min(self.next_at, now + self.chance.uniform(0, _AGAIN))
        self.written = written
        if now < self.next_at or self.is_over:
            return False
        self.next_at = now + _PATIENCE
        return True

    @property
    def for_people(self) -> Settings:
        """What goes wrong with a person's command: it stops nobody, as its parent is none of the fleet."""
        return replace(self.settings, stops=0, stops_in_write=0, stops_in_transaction=0)

    def count(self) -> int:
        """Count what went wrong until now, what processes did by themselves too."""
        notes = self.fleet.witness.read("lost", "stopping")
        self.tale.met["request or reply lost"] = sum(note["what"] == "lost" for note in notes)
        self.tale.met["stopped before a send or a write"] = sum(note["what"] == "stopping" for note in notes)
        return self.tale.faults

    def revive(self) -> None:
        """Put accounts back that were set aside: two who had it in hand were killed."""
        with suppress(psycopg.Error):
            for account, since in self.fleet.rows(
                "SELECT account, extract(epoch FROM changed_at)::float8 FROM exitplan.accounts WHERE standing = 'dead'"
            ):
                self.fleet.rows(
                    "UPDATE exitplan.accounts SET standing = 'active', tries = 0, why = NULL WHERE account = %s",
                    account,
                )
                self.fleet.witness.note("revived", account=account, since=since)

    def free(self) -> Slot | None:
        """Choose a worker that is neither stopped nor cut off; another one that is at work is always left alone."""
        free = [slot for slot in self.fleet.slots if slot.number not in self.busy and slot.pid is not None]
        came = {note["pid"] for note in self.fleet.witness.read("took")}  # to start takes long on a busy machine
        at_work = [slot for slot in free if slot.pid in came]
        return self.chance.choice([slot for slot in free if any(other is not slot for other in at_work)] or [None])

    def mend(self) -> None:
        """End all that is wrong."""
        quiet_from_now_on(self.fleet.root)
        for process, _ in self.waiting:
            process.wait(60)
        until = time.monotonic() + 60
        while (self.fleet.later or self.waiting) and time.monotonic() < until:
            self.step_without_faults()
        self.fleet.tend()
        self.revive()
        with suppress(psycopg.Error):
            self.fleet.rows("UPDATE exitplan.accounts SET changed_at = now()")  # whoever has failed pauses no more
        for slot in self.fleet.slots:
            slot.settings = Settings(str(self.fleet.root), skew=slot.settings.skew)

    def step_without_faults(self) -> None:
        self.is_over = True
        self.step()

    def dismiss(self) -> None:
        """Have the workers leave in order."""
        for slot in self.fleet.slots:
            if slot.process is not None and slot.pid is not None:
                slot.process.terminate()
        for slot in self.fleet.slots:
            assert slot.process is not None
            with suppress(subprocess.TimeoutExpired):
                slot.process.wait(30)
            if slot.process.returncode:
                self.fleet.witness.note("ended", code=slot.process.returncode, process=slot.process.pid)

    # --- what goes wrong; each tells whether it did ---

    def kill_worker(self) -> bool:
        slot = self.free()
        if slot is None:
            return False
        self.fleet.kill(slot)
        return True

    def kill_child(self) -> bool:
        slot = self.free()
        children = [] if slot is None else slot.children()
        signal_all(children, signal.SIGKILL)
        return bool(children)

    def _stop(self, slot: Slot | None, pids: list[int], seconds: float) -> bool:
        if slot is None or not pids:
            return False
        self.busy.add(slot.number)
        signal_all(pids, signal.SIGSTOP)

        def go_on() -> None:
            wake(pids)
            self.busy.discard(slot.number)

        self.fleet.at(seconds, go_on)
        return True

    def stop_worker(self) -> bool:
        """Let a worker with all its processes stand still until its leases have ended."""
        slot = self.free()
        pids = [] if slot is None or slot.pid is None else [slot.pid, *slot.children()]
        return self._stop(slot, pids, LEASE.total_seconds() + self.chance.uniform(0.5, 3))

    def stop_for_a_moment(self) -> bool:
        slot = self.free()
        pids = [] if slot is None or slot.pid is None else [slot.pid, *slot.children()]
        return self._stop(slot, pids, self.chance.uniform(0.1, 2))

    def stop_child(self) -> bool:
        """Let a child alone stand still: its worker goes on renewing the lease of the shard."""
        slot = self.free()
        return self._stop(slot, [] if slot is None else slot.children(), self.chance.uniform(0.5, 7))

    def cut_network(self) -> bool:
        slot = self.free()
        if slot is None:
            return False
        self.busy.add(slot.number)
        slot.proxy.cut()

        def mend() -> None:
            slot.proxy.mend()
            self.busy.discard(slot.number)

        self.fleet.at(self.chance.choice((0.5, 2.0, LEASE.total_seconds() + 2)), mend)
        return True

    def restart_server(self) -> bool:
        self.fleet.server.restart()
        return True

    def crash_server(self) -> bool:
        self.fleet.server.kill()
        time.sleep(self.chance.uniform(0, 0.5))
        self.fleet.server.start()
        return True

    def end_sessions(self) -> bool:
        self.fleet.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND random() < 0.5"
        )
        return True

    def drain(self) -> bool:
        """Have a worker leave in order; another one comes."""
        slot = self.free()
        if slot is None or slot.process is None:
            return False
        slot.ended.append(slot.process.pid)
        slot.process.terminate()
        return True

    def join(self) -> bool:
        """Let a further worker come for a while."""
        if len(self.fleet.slots) > len(SKEWS):
            return False
        slot = self.fleet.hire(self.settings)

        def leave() -> None:
            self.fleet.slots.remove(slot)
            process = slot.process
            if process is not None and process.poll() is None:
                process.terminate()
                self.fleet.people.append(process)

        self.fleet.at(self.chance.uniform(3, 8), leave)
        return True

    def _ask(self, words: tuple[str, ...], then: Callable[[], None] = lambda: None) -> bool:
        if len(self.waiting) > 1:
            return False
        self.waiting.append((self.fleet.start(words, self.fleet.url, self.for_people), then))
        return True

    def halt(self) -> bool:
        """Have a person halt an account, or all, and resume after a while."""
        account = self.chance.choice((*self.fleet.accounts[:8], ""))
        if account in self.halted or "" in self.halted or (not account and self.halted):
            return False
        self.halted.add(account)
        words = ("--account", account) if account else ()
        fleet, halt = self.fleet, _Halt(account)

        def resumed(process: subprocess.Popen[bytes]) -> None:
            if process.returncode:  # the database was away
                fleet.at(0.5, resume)
            else:
                self.halted.discard(account)
                fleet.halts += [(account, halt.since, halt.until)] if halt.is_sure else []

        def resume() -> None:
            halt.until = halt.until or time.time()
            process = fleet.start(("resume", *words), fleet.url, self.for_people)
            self.waiting.append((process, partial(resumed, process)))

        def in_force(process: subprocess.Popen[bytes]) -> None:
            halt.since, halt.is_sure = time.time(), not process.returncode
            fleet.at(self.chance.uniform(0.5, 3), resume)

        process = fleet.start(("halt", "chaos", *words), fleet.url, self.for_people)
        self.waiting.append((process, partial(in_force, process)))
        return True

    def apply(self) -> bool:
        """Have a person run an account while the workers do."""
        return self._ask(("run", "--account", self.chance.choice(self.fleet.accounts)))

    def kill_person(self) -> bool:
        if not self.apply():
            return False
        process = self.waiting[-1][0]
        self.fleet.at(self.chance.uniform(0.5, 1.5), process.kill)
        return True

    def change_policy(self) -> bool:
        """Give some accounts the other policy, as a stage of a rollout does."""
        root, which = self.fleet.root, self.chance.choice(("first", "second"))
        share = self.chance.choice(("10%", "50%", "100%"))
        words = (
            "--policy",
            str(root / f"{which}.yaml"),
            "--canary",
            share,
            "--stages",
            "100%",
            "--hold",
            "3s",
            "--yes",
        )
        return self._ask(("fleet", "rollout", "start", *words))

    def move_rollout(self) -> bool:
        return self._ask(
            ("fleet", "rollout", *self.chance.choice((("advance",), ("abort", "--roll-back"), ("abort",))))
        )


_FAULTS: Mapping[str, tuple[float, Callable[[_Breaking], bool]]] = {
    "worker killed": (8, _Breaking.kill_worker),
    "child killed": (16, _Breaking.kill_child),
    "worker stopped past its leases": (6, _Breaking.stop_worker),
    "worker stopped for a moment": (8, _Breaking.stop_for_a_moment),
    "child stopped": (6, _Breaking.stop_child),
    "network cut": (8, _Breaking.cut_network),
    "server restarted": (4, _Breaking.restart_server),
    "server crashes": (4, _Breaking.crash_server),
    "sessions ended": (8, _Breaking.end_sessions),
    "worker leaves": (3, _Breaking.drain),
    "worker joins": (3, _Breaking.join),
    "halt": (3, _Breaking.halt),
    "person runs an account": (3, _Breaking.apply),
    "person killed": (2, _Breaking.kill_person),
    "rollout begins": (2, _Breaking.change_policy),
    "rollout goes on or back": (2, _Breaking.move_rollout),
}


def fleet_table(tale: Tale) -> str:
    """Write what was done to a fleet, a line for each kind."""
    lines = [f"{name:34} {count:6}" for name, count in sorted(tale.met.items(), key=lambda entry: -entry[1])]
    broken = Counter(violation.kind for violation in tale.violations)
    sums = ", ".join(f"{broken[kind]} {kind}" for kind in ("lost", "doubled", "invalid", "slow"))
    told = (
        f"{tale.kills} kills among them; {tale.orders} orders in {tale.ticks} ticks within {tale.seconds:.0f} s, at"
        f" rest {tale.settled:.0f} s later; {tale.aside} times an account was set aside, {tale.told} wait for people"
    )
    return "\n".join((*lines, f"{'all':34} {tale.faults:6}", "", told, sums))
