"""The units that keep accounts watched: a systemd service, a service with its timer, or a line for cron."""

from __future__ import annotations

import getpass
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from exitplan.brokers.live.cache import cache_folder
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import UsageError

_HARDENING = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "UMask=0077",
)
_HOUR, _DAY, _MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
_WATCHDOG = timedelta(minutes=2)
_TO_FINISH = timedelta(minutes=10)
"""How long a worker gets to finish its shards."""
_TO_END = timedelta(seconds=30)
"""How long past its cut-off a round gets to end before systemd kills the service."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What a unit runs, where, as whom, and where it writes; for a fleet ``database`` takes the place of ``data``."""

    program: tuple[str, ...]
    project: Path
    data: Path | None
    cache: Path
    user: str
    database: str | None = None

    @classmethod
    def here(cls, data: Path | None, database: str | None = None) -> Installation:
        """Describe this installation and this project, with absolute paths."""
        beside = Path(sys.executable).absolute().with_name("exitplan")
        program = (str(beside),) if beside.is_file() else (str(Path(sys.executable).absolute()), "-m", "exitplan")
        kept = None if data is None else data.absolute()
        return cls(program, project_root().absolute(), kept, cache_folder().absolute(), getpass.getuser(), database)

    def line(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the command line that watches accounts of the project."""
        named = () if self.data == self.project / "data" else ("--data", str(self.data))
        return (*self.program, "-C", str(self.project), "watch", *words, *named)

    def fleet_line(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the command line of a verb of the fleet, which finds its database in the environment."""
        return (*self.program, "-C", str(self.project), "fleet", *words)

    @property
    def written(self) -> list[str]:
        """The folders that are written to."""
        return [str(folder) for folder in (self.data, self.cache) if folder is not None]

    @property
    def environment(self) -> list[str]:
        """What the command line finds in its environment."""
        database = [] if self.database is None else [f"EXITPLAN_DATA={self.database}"]
        return [f"EXITPLAN_CACHE_DIR={self.cache}", *database]


def service_unit(where: Installation, words: Sequence[str], cut_off: timedelta) -> str:
    """Write a service that watches without end, and is started anew where it fails or hangs."""
    body = [
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={_quoted(where.line(words))}",
        "Restart=on-failure",
        "RestartSec=10",
        "RestartPreventExitStatus=64 65",
        f"WatchdogSec={_seconds(_WATCHDOG)}",
        f"TimeoutStopSec={_seconds(cut_off + _TO_END)}",
    ]
    return _unit("exitplan: watch trading accounts", where, body, ["", "[Install]", "WantedBy=multi-user.target"])


def worker_unit(where: Installation, words: Sequence[str]) -> str:
    """Write a service that is a worker of a fleet: when it is stopped, it finishes the shards it has and leaves."""
    body = [
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={_quoted(where.fleet_line(['worker', *words]))}",
        "Restart=always",
        "RestartSec=10",
        "RestartPreventExitStatus=64 65",
        f"WatchdogSec={_seconds(_WATCHDOG)}",
        f"TimeoutStopSec={_seconds(_TO_FINISH)}",
    ]
    return _unit("exitplan: a worker of a fleet", where, body, ["", "[Install]", "WantedBy=multi-user.target"])


def timer_units(where: Installation, line: Sequence[str], every: timedelta) -> str:
    """Write a service that does one round, and the timer that starts it; two files in one text."""
    body = ["Type=oneshot", f"ExecStart={_quoted(line)}", "SuccessExitStatus=2"]
    service = _unit("exitplan: one round over trading accounts", where, body, [])
    timer = [
        "[Unit]",
        "Description=exitplan: rounds over trading accounts",
        "",
        "[Timer]",
        "OnBootSec=1min",
        f"OnUnitActiveSec={_seconds(every)}",
        f"RandomizedDelaySec={_seconds(every / 10)}",
        "AccuracySec=1s",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    head = "# exitplan.timer, beside the service\n"
    return f"# exitplan.service\n{service}\n{head}" + "\n".join(timer) + "\n"


def cron_line(where: Installation, line: Sequence[str], every: timedelta) -> str:
    """Write the line of a crontab that does one round; raises UsageError for what cron cannot express."""
    named = [] if where.database is None else ["env", f"EXITPLAN_DATA={where.database}"]
    text = shlex.join([*named, *line]).replace("%", r"\%")
    return f"{_schedule(every)} {text}\n"


def _schedule(every: timedelta) -> str:
    if every < _HOUR and not every % _MINUTE and not _HOUR % every:
        minutes = every // _MINUTE
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    if every < _DAY and not every % _HOUR and not _DAY % every:
        hours = every // _HOUR
        return "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
    if every == _DAY:
        return "0 0 * * *"
    hint = "choose minutes that divide an hour (5m, 15m), hours that divide a day (1h, 6h), or 1d"
    raise UsageError(f"one line of cron cannot say every {_seconds(every)} seconds", hint=hint)


def _unit(about: str, where: Installation, body: Sequence[str], tail: Sequence[str]) -> str:
    return "\n".join([*_lines(about, where, body), *tail]) + "\n"


def _lines(about: str, where: Installation, body: Sequence[str]) -> Iterator[str]:
    yield f"# Once, before the first start: mkdir -p -m 700 {shlex.join(where.written)}"
    yield "# Keys: credentials: file:PATH in the account file, or EnvironmentFile=/etc/exitplan.env (mode 0600) here."
    yield from ("[Unit]", f"Description={about}", "Wants=network-online.target", "After=network-online.target")
    yield from ("", "[Service]", f"User={where.user}")
    yield f"WorkingDirectory={_escaped(str(where.project))}"
    yield f"Environment={_quoted(where.environment)}"
    if where.database is not None:
        yield "# The password of the database: ~/.pgpass of the user, or PGPASSWORD in an EnvironmentFile of mode 0600."
    yield from body
    yield from _HARDENING
    yield f"ReadWritePaths={_quoted(where.written)}"


def _seconds(span: timedelta) -> int:
    return max(1, int(span.total_seconds()))


def _quoted(words: Sequence[str]) -> str:
    """Write words as systemd reads them: quoted where they need it, what it would expand taken literally."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    text = _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"' if not word or any(letter in word for letter in " \t'\"\\;") else text


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
