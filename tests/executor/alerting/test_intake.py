"""A law of the intake: each alert is taken in once, whatever is rotated and whoever dies."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from exitplan.executor.alerting.channels import read_channels
from exitplan.executor.alerting.intake import Router, take_in
from exitplan.executor.alerting.outbox import Outbox, open_outbox
from exitplan.executor.store.alerts import raise_alert
from tests.builders import NOW
from tests.conftest import examples

STEPS = st.lists(st.sampled_from(["raise", "raise", "take in", "die", "rotate", "half a line"]), max_size=14)


class DiedError(Exception):
    """What a process does in the middle of a step."""


def take(outbox: Outbox, folder: Path, router: Router, *, dies: bool = False) -> None:
    with suppress(DiedError), outbox.transaction():
        take_in(outbox, folder, ["platform"], router, NOW, NOW)
        if dies:
            raise DiedError


@given(STEPS)
@examples(20, 300)
def test_each_alert_is_taken_in_once(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name, open_outbox(Path(name)) as outbox:
        folder, raised = Path(name), 0
        (folder / "alerts.yaml").write_text("version: 1\nchannels: {desk: {url: env:A}}\n", encoding="utf-8")
        router = Router({channel.name: channel for channel in read_channels(folder / "alerts.yaml")}, lambda _: None)
        alerts, is_seen = folder / "alerts.jsonl", False
        for number, step in enumerate(steps):
            if step == "raise":
                raised += 1
                figures = {"symbol": f"A{raised}/USD"}
                raise_alert(alerts, "PRICE_UNAVAILABLE", "platform", NOW + timedelta(seconds=number), figures)
            elif step == "half a line" and alerts.exists():
                with alerts.open("ab") as file:
                    file.write(b'{"timestamp": "2026')
            elif step == "rotate" and alerts.exists():
                if not is_seen:  # a file has to be seen once before it is moved away
                    take(outbox, folder, router)
                alerts.rename(folder / f"alerts.jsonl.{number}")
                is_seen = False
            elif step in {"take in", "die"}:
                take(outbox, folder, router, dies=step == "die")
                is_seen = is_seen or (step == "take in" and alerts.exists())
        take(outbox, folder, router)
        assert [(entry.alert["symbol"], entry.times) for entry in outbox.waiting("desk")] == [
            (f"A{number}/USD", 1) for number in range(1, raised + 1)
        ]
