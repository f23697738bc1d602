"""One Postgres server for all processes of a test run: whoever comes first starts it, and it ends after the last.

Its files are in memory where there is room, so that it flushes as it does in earnest and waits for no disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.postgres import NoPostgres, Server, find_binaries, start_server

_OPTIONS = {"max_connections": "200", "shared_buffers": "32MB", "autovacuum": "off"}


@contextmanager
def temporary_server(*, port: int | None = None, fsync: bool = True, **options: str) -> Iterator[Server]:
    """Start a server of one's own for the time of the block, to be killed and restarted at will."""
    folder = Path(tempfile.mkdtemp(prefix="exitplan-pg-"))
    server: Server | None = None
    try:
        server = start_server(folder, port=port, fsync=fsync, options={**_OPTIONS, **options})
        yield server
    finally:
        if server is not None:
            server.resume()
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def shared_server(notes: Path) -> Iterator[Server]:
    """Use the server of all who name this folder for their notes; raises NoPostgres where there is none to start."""
    find_binaries()
    with (notes / "postgres.users").open("a") as users:
        with _alone(notes):
            fcntl.flock(users, fcntl.LOCK_SH)  # until this process ends, however it does
            server = _running(notes) or _start(notes)
        yield server


@contextmanager
def _alone(notes: Path) -> Iterator[None]:
    with (notes / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(notes: Path) -> Server:
    server = start_server(Path(tempfile.mkdtemp(prefix="exitplan-pg-")), options=_OPTIONS)
    (notes / "postgres.json").write_text(json.dumps([server.pid, str(server.folder)]))
    _watchers.append(
        subprocess.Popen(
            [sys.executable, "-m", "tests.postgres.server", str(notes)],
            cwd=Path(__file__).parents[2],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )
    return server


_watchers: list[subprocess.Popen[bytes]] = []


def _running(notes: Path) -> Server | None:
    try:
        pid, folder = json.loads((notes / "postgres.json").read_text())
    except (OSError, ValueError):
        return None
    return Server(Path(folder), find_binaries(), None, pid=pid)


def _watch(notes: Path) -> None:
    """Wait until nobody uses the server any more, and stop it: also where all of them were killed."""
    with (notes / "postgres.users").open("a") as users:
        while True:
            fcntl.flock(users, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_UN)
            with _alone(notes), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                server = _running(notes)
                if server is not None:
                    with suppress(NoPostgres):
                        server.kill()
                    shutil.rmtree(server.folder, ignore_errors=True)
                (notes / "postgres.json").unlink(missing_ok=True)
                return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir("/")
    _watch(Path(sys.argv[1]).absolute())
