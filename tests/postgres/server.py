"""One Postgres server for all processes of a test run: whoever comes first starts it, whoever is last stops it.

Its files are in memory where there is room, so that it flushes as it does in earnest and waits for no disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.postgres import Server, find_binaries, start_server

_OPTIONS = {"max_connections": "200", "shared_buffers": "32MB", "autovacuum": "off"}


@contextmanager
def temporary_server(*, port: int | None = None, fsync: bool = True) -> Iterator[Server]:
    """Start a server of one's own for the time of the block, to be killed and restarted at will."""
    folder = Path(tempfile.mkdtemp(prefix="exitplan-pg-"))
    server: Server | None = None
    try:
        server = start_server(folder, port=port, fsync=fsync, options=_OPTIONS)
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
            fcntl.flock(users, fcntl.LOCK_SH)
            server = _running(notes) or _start(notes)
        try:
            yield server
        finally:
            with _alone(notes), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                server.kill()
                shutil.rmtree(server.folder, ignore_errors=True)
                (notes / "postgres.json").unlink()


@contextmanager
def _alone(notes: Path) -> Iterator[None]:
    with (notes / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(notes: Path) -> Server:
    server = start_server(Path(tempfile.mkdtemp(prefix="exitplan-pg-")), options=_OPTIONS)
    (notes / "postgres.json").write_text(json.dumps([server.pid, str(server.folder)]))
    return server


def _running(notes: Path) -> Server | None:
    try:
        pid, folder = json.loads((notes / "postgres.json").read_text())
        os.kill(pid, 0)  # whoever stops it takes the note away
    except (OSError, ValueError):
        return None
    return Server(Path(folder), find_binaries(), None, pid=pid)
