"""A project with channels, a clock that is set by hand, and a server that takes what is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.alerting.delivery import DeliveryReport, deliver
from exitplan.executor.store.alerts import raise_alert
from tests.builders import NOW
from tests.executor.alerting.receiver import Receiver, receiver

FAILED = {"symbol": "AAA/USD", "rule": "legacy", "kind": "close", "reason": "other: not today"}


@dataclass
class Desk:
    """A project whose channels are told of alerts."""

    root: Path
    receiver: Receiver
    environment: pytest.MonkeyPatch
    now: datetime = NOW
    slept: list[float] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.root / "data"

    def write(self, **channels: dict[str, Any]) -> None:
        """Write the channels; each gets an address of its name at the server."""
        document = {"version": 1, "channels": {}}
        for name, block in channels.items():
            self.environment.setenv(f"URL_{name.upper()}", self.receiver.url(name))
            document["channels"][name] = {"url": f"env:URL_{name.upper()}", **block}  # type: ignore[index]
        path = self.root / "alerts.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))

    def alert(self, kind: str = "EXIT_FAILED", account: str = "platform", **figures: Any) -> None:
        chosen = figures if kind != "EXIT_FAILED" else {**FAILED, **figures}
        severity = chosen.pop("severity", None)
        raise_alert(DataFolder.of(self.data, account).alerts, kind, account, self.now, chosen, severity)

    def deliver(self, after: timedelta = timedelta(), **more: Any) -> DeliveryReport:
        self.now += after
        more = {"budget": None, **more}
        return deliver(self.root, self.data, ["platform", "ann"], self.now, sleep=self.slept.append, **more)

    def titles(self, name: str) -> list[str]:
        return [message["title"] for message in self.receiver.at(name)]

    def bodies(self, name: str) -> list[str]:
        return [message["message"] for message in self.receiver.at(name)]


@pytest.fixture(scope="session")
def server() -> Iterator[Receiver]:
    with receiver() as received:
        yield received


@pytest.fixture
def desk(tmp_path: Path, server: Receiver, monkeypatch: pytest.MonkeyPatch) -> Desk:
    server.got.clear()
    server.paths.clear()
    server.failing.clear()
    return Desk(tmp_path, server, monkeypatch)
