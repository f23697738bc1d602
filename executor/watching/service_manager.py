"""Tell systemd how a service goes, in its notify protocol (sd_notify(3)): one datagram a message."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta

from exitplan.executor.logs import RUN, note

_MICROSECONDS = timedelta(microseconds=1)


class ServiceManager:
    """Whoever has started this process and waits for its messages; nobody does where NOTIFY_SOCKET is not set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read where messages go, and how often a sign of life is wanted."""
        self._address = environment.get("NOTIFY_SOCKET", "")
        usec = environment.get("WATCHDOG_USEC", "")
        wanted = int(usec) * _MICROSECONDS if usec.isdecimal() else None
        self._every = None if wanted is None else wanted / 3
        self._last: datetime | None = None

    def ready(self, status: str) -> None:
        """Say that the service is at work."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that the service ends, and is not to be taken for hung."""
        self._send("STOPPING=1")

    def alive(self, now: datetime) -> None:
        """Give a sign of life, three times as often as it is waited for."""
        if self._every is None or (self._last is not None and timedelta(0) <= now - self._last < self._every):
            return
        self._last = now
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(1)
                sender.connect(address)
                sender.sendall(message.encode())
        except OSError as error:  # the watcher goes on: systemd will notice that it hears nothing
            note(RUN, "service_manager_silent", level=logging.WARNING, message=str(error))
