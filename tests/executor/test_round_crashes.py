"""The watcher dies at every place of its rounds, a person says yes between them: nothing is lost or doubled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import exitplan.executor.alerting.delivery
from exitplan.executor.accounts.account import load_account_file
from exitplan.executor.alerting.delivery import deliver
from exitplan.executor.alerting.messages import Message
from exitplan.executor.alerting.outbox import Outbox
from exitplan.executor.approvals.book import ApprovalBook, requests_of
from exitplan.executor.approvals.deciding import Found, approve
from exitplan.executor.escalation.incidents import IncidentFile
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.watching.rounds import round_of
from tests.executor.crashes import Points
from tests.executor.scene import Scene, stage, zombie
from tests.faults import Crash

LADDER = {"id": "unclean", "on": "not_clean", "after": {"minutes": 1}, "steps": [{"channels": ["desk"]}]}
CHANNELS = {"version": 1, "channels": {"desk": {"url": "env:DESK_URL", "repeat": "1s", "at_most": "1000/m"}}}
APART = 13
"""One test dies at every 13th place; all tests together at each."""
STORY = ("round", "round", "yes", "round", "round")
"""A question is asked, the account stays unclean for too long, a person says yes, the plan is carried out."""


@dataclass
class Post:
    """Takes what is sent to the channel, for as long as the process that sends it lives."""

    points: Points = field(default_factory=Points)
    got: list[str] = field(default_factory=list)

    def send(self, _address: object, message: Message) -> None:
        self.points.point()
        self.got.append(message.body)
        self.points.point()


class Inline:
    """A thread that is none: what dies in it is the process."""

    def __init__(self, target: Callable[..., object], args: tuple[object, ...], *, daemon: bool) -> None:
        assert daemon
        self.start = partial(target, *args)


@dataclass
class Watched:
    """One account under a watcher of one round a process, and its channel."""

    scene: Scene
    post: Post

    @classmethod
    def at(cls, root: Path, post: Post) -> Watched:
        root.mkdir(parents=True)
        scene = stage(root, zombie(), escalation=[LADDER])
        (root / "alerts.yaml").write_text(yaml.safe_dump(CHANNELS))
        os.utime(root / "alerts.yaml", (0, 0))  # what was raised before it was written is not sent
        return cls(scene, post)

    def live(self, deed: str) -> None:
        """Do a round as `watch --once` does, or say yes to whatever waits."""
        scene, clock = self.scene, self.scene.clock
        clock.advance(60)
        account = scene.open()
        if deed == "round":
            round_of(account, lambda: False, clock.sleep)
            tend(account, clock())
            deliver(scene.root, scene.root / "data", ["platform"], clock(), sleep=clock.sleep, budget=None)
            return
        for request in requests_of(scene.store):
            if request.standing == "waiting":
                approve(Found(request, load_account_file(scene.root / "account.yaml"), scene.store), "ann", clock())


@contextmanager
def dying(points: Points) -> Iterator[None]:
    """Die at one of the places around every commit, file, request and message."""
    with pytest.MonkeyPatch.context() as patch:
        points.install(patch)
        patch.setattr(ApprovalBook, "_transaction", around(points, ApprovalBook._transaction))
        patch.setattr(IncidentFile, "changing", around(points, IncidentFile.changing))
        patch.setattr(Outbox, "transaction", around(points, Outbox.transaction))
        yield


def around(points: Points, transaction: Any) -> Any:
    """Give a transaction that may die before it begins, before it commits, and after."""

    @contextmanager
    def transacting(keeper: Any) -> Iterator[Any]:
        points.point()
        with transaction(keeper) as given:
            yield given
            points.point()
        points.point()

    return transacting


def lived(root: Path, at: int, patch: pytest.MonkeyPatch) -> tuple[Watched, Points]:
    """Live the story, in which one process dies; whoever comes next does that again, and goes on."""
    points = Points(at)
    post = Post(points)
    patch.setenv("DESK_URL", "json://127.0.0.1:9/desk")
    patch.setattr(exitplan.executor.alerting.delivery, "send", post.send)
    patch.setattr(exitplan.executor.alerting.delivery, "Thread", Inline)
    watched = Watched.at(root, post)
    for deed in STORY:
        try:
            with dying(points):
                watched.live(deed)
        except Crash:
            watched.live(deed)
    for _ in range(2):
        watched.live("yes")
        watched.live("round")
    return watched, points


def places(root: Path, patch: pytest.MonkeyPatch) -> int:
    _, points = lived(root, 0, patch)
    return points.passed


def assert_all_is_well(watched: Watched) -> None:
    """Check that all was sold, once, as it was approved, and that every alert reached the channel."""
    scene = watched.scene
    assert scene.held() == "0"
    assert list(scene.fills().values()) == [Decimal(100)]
    assert scene.says() == "CLEAN"
    assert {request.standing for request in requests_of(scene.store)} == {"applied"}
    kinds = {alert["alert_type"] for alert in scene.alerts()}
    assert {"APPROVAL_WAITING", "PLAN_APPROVED", "ESCALATION", "ESCALATION_ENDED"} <= kinds
    posted = "\n".join(watched.post.got)
    for kind in kinds:
        assert kind.lower().replace("_", " ") in posted


@pytest.mark.parametrize(
    "first", [1, *(pytest.param(first, marks=pytest.mark.thorough) for first in range(2, APART + 1))]
)
def test_a_watcher_that_dies_anywhere_loses_and_doubles_nothing(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(first, places(tmp_path / "0", monkeypatch) + 1, APART):
        watched, _ = lived(tmp_path / str(at), at, monkeypatch)
        assert_all_is_well(watched)
