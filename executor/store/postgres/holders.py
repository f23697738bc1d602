"""Who holds a lease: a process, named so that whoever is on the same system can tell whether it still lives."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: a process of a machine since a time, its command in words, and the token that it holds."""

    token: str
    command: str
    host: str
    pid: int
    process: str
    since: str

    def __str__(self) -> str:
        """Name the process as whoever is kept waiting needs it."""
        return f"by process {self.pid} on {self.host} since {self.since} ({self.command})"

    @property
    def is_dead(self) -> bool:
        """Check whether the holder is known to have died: it was a process of this very system."""
        return has_died(self.process)


@cache
def this_process(pid: int) -> dict[str, object]:
    """Describe this process, by its id: a fork is another one."""
    return {
        "holder": " ".join(Path(part).name for part in sys.argv[:2]),
        "host": socket.gethostname(),
        "pid": pid,
        "process": _process(pid),
    }


@cache
def _system() -> str:
    """Name this run of this system, and the space that its process ids are of; empty where it cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # Clones of a machine may share all but the name.
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _process(pid: int) -> str:
    """Name a process of this system so that no other is ever named so."""
    try:
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
    return f"{_system()} {pid} {began}" if _system() else ""


def has_died(process: str) -> bool:
    """Check whether a process, as :func:`_process` names it, was one of this system and is none any more."""
    system, _, rest = process.rpartition(" ")[0].rpartition(" ")
    if not system or system != _system():
        return False
    pid = int(rest)
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return True
    except OSError:  # it lives, and is somebody else's
        return False
    return status == "Z" or _process(pid) != process
