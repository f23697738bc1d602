"""What may happen to a Postgres server, to the way there, and to a lease, while somebody works on an account."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from exitplan.executor.store.journal import Journal
from exitplan.executor.store.postgres import database, holders
from tests.chaos.in_postgres import LEASE_SECONDS, LONE, SHARED, PostgresWorld, set_up, world_at
from tests.chaos.kinds import Kind
from tests.chaos.oracle import Violation
from tests.chaos.process import die, stop
from tests.chaos.wire import Record
from tests.chaos.world import World, build
from tools.postgres import Server, start_server

if TYPE_CHECKING:
    from tests.chaos.experiment import _Stage

_ALONE = frozenset(
    {"server restarted", "server crashes", "server restarted at any moment", "sessions ended", "server paused"}
)
"""Kinds that need a server of their own."""


@dataclass
class LoneWorld(PostgresWorld):
    """A world whose account is in a server of its own."""

    server: Server = field(kw_only=True)

    def end(self) -> None:
        with suppress(Exception):
            self.server.resume()
        self.server.kill()
        shutil.rmtree(self.server.folder, ignore_errors=True)


def build_in_postgres(root: Path, account: str, troubles: Record, kind: Kind) -> World:
    """Build a world in an empty folder whose account is in Postgres."""
    if kind.name not in _ALONE:
        return build(root, account, troubles, kind.options, made=world_at(SHARED[0]))
    folder = Path(mkdtemp(prefix="exitplan-pg-", dir=next(iter(LONE), None)))
    server = start_server(folder, options={"shared_buffers": "16MB", "autovacuum": "off"})
    set_up(server.url())

    def made(*args: Any, **named: Any) -> LoneWorld:
        return LoneWorld(*args, **named, url=server.url(), server=server)

    return build(root, account, troubles, kind.options, made=made)


def disturb(stage: _Stage) -> None:
    """Do what the kind of an experiment is named after, then let the next ones die as ever."""
    stage.report.faults += 1
    _DISTURBANCES[stage.experiment.kind](stage)
    for at in stage.experiment.at[1:]:
        stage._ended(stage._child(stage._harm_at(at, die)))


def _world(stage: _Stage) -> LoneWorld:
    assert isinstance(stage.world, LoneWorld)
    return stage.world


def _at_a_point(stage: _Stage, act: Callable[[], None]) -> None:
    """Let a process stand still at a point while something is done, then go on."""
    child = stage._child(stage._harm_at(stage.experiment.at[0], stop))
    if child.wait_until_stopped():
        act()
        child.wake()
        stage._ended(child)


def _restart(stage: _Stage) -> None:
    _at_a_point(stage, _world(stage).server.restart)


def _crash(stage: _Stage) -> None:
    """Lose what the server has not written yet, as in a power cut."""

    def crash() -> None:
        _world(stage).server.kill()
        _world(stage).server.start()

    _at_a_point(stage, crash)


def _restart_at_any_moment(stage: _Stage) -> None:
    child = stage._child(lambda: None)
    time.sleep(stage.chance.uniform(0.005, 0.15))
    _world(stage).server.kill()
    _world(stage).server.start()
    stage._ended(child)


def _end_sessions(stage: _Stage) -> None:
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL"
    _at_a_point(stage, lambda: _world(stage).run(f"SELECT pg_terminate_backend(pid) {others}"))


def _pause(stage: _Stage) -> None:
    """Let the server not answer for a moment, or for longer than a lease lasts."""
    world = _world(stage)
    world.lease_seconds = LEASE_SECONDS
    child = stage._child(stage._harm_at(stage.experiment.at[0], stop))
    world.lease_seconds = 30.0
    if child.wait_until_stopped():
        world.server.pause()
        child.wake()
        time.sleep(stage.chance.choice((0.1, 1.5 * LEASE_SECONDS)))
        world.server.resume()
        stage._ended(child)


def _cut_network(stage: _Stage) -> None:
    """Let nothing of what one process says to the server get there from some point on, while another one takes over."""
    world = stage.world
    assert isinstance(world, PostgresWorld)

    def impatient() -> None:
        pytest.MonkeyPatch().setitem(database._OPTIONS, "connect_timeout", 2)
        stage._harm_at(stage.experiment.at[0], stop)()

    with Proxy.to(world.url) as proxy:
        world.way, world.lease_seconds = proxy.url, LEASE_SECONDS
        first = stage._child(impatient)
        world.way, world.lease_seconds = "", 30.0
        if not first.wait_until_stopped():
            return
        proxy.cut()
        first.wake()
        stage._ended(stage._child(lambda: None))
        stage._ended(first)


def _let_lease_end(stage: _Stage) -> None:
    """Hold a process up right before it sends, until its lease has ended and another one has finished the plan."""
    world = stage.world
    assert isinstance(world, PostgresWorld)
    wanted = stage.experiment.at[0] % 3

    def hang() -> None:
        act, calls = Journal.ensure_claimed, iter(range(10_000))

        def hanging(journal: Journal) -> None:
            act(journal)
            if next(calls) == wanted:
                stop()

        pytest.MonkeyPatch().setattr(Journal, "ensure_claimed", hanging)

    world.lease_seconds = LEASE_SECONDS
    first = stage._child(hang)
    world.lease_seconds = 30.0
    if not first.wait_until_stopped():
        return
    stage._ended(stage._child(lambda: None))
    told = world.journal_content()
    first.wake()
    stage._ended(first)
    if world.journal_content() != told:
        stage.report.violations.append(Violation("lost", "whose lease had ended has written to the journal"))


def _die_elsewhere(stage: _Stage) -> None:
    """Die where nobody can see it: the lease has to run out."""
    world = stage.world
    assert isinstance(world, PostgresWorld)

    def die_there() -> None:
        pytest.MonkeyPatch().setattr(holders, "_system", lambda: "another machine")
        stage._harm_at(stage.experiment.at[0], die)()

    world.lease_seconds = LEASE_SECONDS
    stage._ended(stage._child(die_there))
    world.lease_seconds = 30.0


_DISTURBANCES: Mapping[str, Callable[[_Stage], None]] = {
    "server restarted": _restart,
    "server crashes": _crash,
    "server restarted at any moment": _restart_at_any_moment,
    "sessions ended": _end_sessions,
    "server paused": _pause,
    "network cut": _cut_network,
    "lease ends": _let_lease_end,
    "dies elsewhere": _die_elsewhere,
}


@dataclass
class Proxy:
    """A process between a client and the server's socket, which can be stopped: then nothing gets through."""

    url: str
    folder: Path
    pid: int

    @classmethod
    @contextmanager
    def to(cls, url: str) -> Iterator[Proxy]:
        """Start one before the server of a database."""
        before, _, encoded = url.partition("?host=")
        server = encoded.replace("%2F", "/").replace("%2f", "/") + "/.s.PGSQL.5432"
        folder = Path(mkdtemp(prefix="exitplan-way-"))
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(folder / ".s.PGSQL.5432"))
        listening.listen(50)
        pid = os.fork()
        if not pid:
            _forward(listening, server)
        listening.close()
        try:
            yield cls(f"{before}?host={quote(str(folder), safe='')}", folder, pid)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            shutil.rmtree(folder, ignore_errors=True)

    def cut(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def mend(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def _forward(listening: socket.socket, server: str) -> None:
    """Carry what is said both ways, until the process is killed."""

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)

    while True:
        client, _ = listening.accept()
        beyond = socket.socket(socket.AF_UNIX)
        try:
            beyond.connect(server)
        except OSError:  # the server is away
            client.close()
            beyond.close()
            continue
        for source, target in ((client, beyond), (beyond, client)):
            threading.Thread(target=carry, args=(source, target), daemon=True).start()
