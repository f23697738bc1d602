"""Start a Postgres server of one's own in a folder, for tests, benches and demonstrations.

It listens on a socket in that folder and, where a port is named, on 127.0.0.1; whoever can reach either is trusted, so
the folder is private. Postgres refuses to run as root: there the server belongs to the user ``postgres``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

ROLE = "exitplan"
"""Who owns the server, in it."""
_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE = 60.0
_LONGEST_SOCKET = 100
"""Bytes; the system allows the path of a socket some more."""


class NoPostgres(Exception):
    """There is no server to start here, or it does not start; the text says why."""


def find_binaries() -> Path:
    """Return the folder of the newest server's programs; raises NoPostgres."""
    found = shutil.which("initdb")
    if found is not None and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    folders = [path.parent for path in _DEBIAN.glob("*/bin/postgres")]
    if not folders:
        raise NoPostgres(f"no Postgres server: neither on PATH nor in {_DEBIAN} (Debian: apt-get install postgresql)")
    return max(folders, key=lambda folder: float(folder.parent.name))


_started: dict[int, subprocess.Popen[bytes]] = {}
"""Those of this process, which takes notice of their ends."""


@dataclass
class Server:
    """A server that was started; its ``folder`` holds the data, the socket and the log."""

    folder: Path
    binaries: Path
    port: int | None
    options: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0

    def url(self, database: str = "postgres", role: str = ROLE) -> str:
        """Return where a database of it is found, by its socket."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.folder), safe='')}"

    def tcp_url(self, database: str = "postgres", role: str = ROLE) -> str:
        """Return where a database of it is found, over 127.0.0.1; it must have a port."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    @property
    def socket(self) -> Path:
        """The socket on which it listens."""
        return self.folder / ".s.PGSQL.5432"

    @property
    def log(self) -> Path:
        """What it has to say."""
        return self.folder / "log"

    def start(self) -> None:
        """Start it, and wait until it takes connections; raises NoPostgres."""
        settings = {
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "" if self.port is None else "127.0.0.1",
            "port": "5432" if self.port is None else str(self.port),
            **self.options,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own words
                [self.binaries / "postgres", "-D", self._data, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, user=_user(),
                group=_group(), extra_groups=None if _user() is None else [], cwd=self.folder, env=_environment(),
            )  # fmt: skip
        _started[process.pid] = process
        self.pid = process.pid
        until = time.monotonic() + _PATIENCE
        while not self._is_ready():
            if not _lives(self.pid) or time.monotonic() > until:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGQUIT)
                raise NoPostgres(f"the Postgres server does not start: {self.log.read_text(errors='replace')[-500:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it in order; sessions are ended."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop it as a crash does: nothing more is written, and the next start recovers."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stop it in order and start it again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let nothing of it run until it is resumed."""
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        for pid in reversed(self._processes()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _processes(self) -> list[int]:
        """List the server and its sessions."""
        try:
            sessions = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return []
        return [self.pid, *map(int, sessions)]

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - its place

    def _end(self, how: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, how)
        until = time.monotonic() + _PATIENCE
        while _lives(self.pid):
            if time.monotonic() > until:
                raise NoPostgres(f"the Postgres server {self.pid} does not stop")
            time.sleep(0.01)


def start_server(
    folder: Path, *, fsync: bool = True, port: int | None = None, options: Mapping[str, str] | None = None
) -> Server:
    """Make a server in an empty folder and start it; raises NoPostgres.

    The folder must have a short path that everybody may pass through: as root it is given to the user ``postgres``.
    Text is UTF-8, and ``options`` are settings by name. Without ``fsync`` a power cut, and only that, may cost it all.
    """
    binaries = find_binaries()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    if len(os.fsencode(folder)) > _LONGEST_SOCKET - len(".s.PGSQL.5432"):
        raise NoPostgres(f"the path of {folder} is too long for a socket")
    if _user() is not None:
        shutil.chown(folder, "postgres", _group())
    server = Server(folder, binaries, port, {"fsync": "on" if fsync else "off", **(options or {})})
    _run(
        [binaries / "initdb", "-D", folder / "data", "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
        folder,
    )
    server.start()
    return server


def _run(words: Sequence[str | Path], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        words, capture_output=True, text=True, check=False, user=_user(), group=_group(),
        extra_groups=None if _user() is None else [], cwd=folder, env=_environment(),
    )  # fmt: skip
    if done.returncode:
        raise NoPostgres(f"initdb fails: {done.stderr.strip()[-500:]}")


def _user() -> str | None:
    """Return whom the server is to belong to; None for whoever we are."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise NoPostgres("Postgres does not run as root, and there is no user postgres") from None
    return "postgres"


def _group() -> int | None:
    return None if _user() is None else pwd.getpwnam("postgres").pw_gid


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _lives(pid: int) -> bool:
    """Check whether a process lives; one whose end its parent has not taken notice of yet does not."""
    if pid in _started:
        return _started[pid].poll() is None
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
