"""A law of approvals: whatever people, prices, policies and crashes do, nothing goes out that nobody let through."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exitplan.executor.accounts.account import load_account_file
from exitplan.executor.approvals.book import requests_of
from exitplan.executor.approvals.content import content_of, have_moved, prices_of
from exitplan.executor.approvals.deciding import Found, approve, reject
from exitplan.executor.approvals.request import Request
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.watching.rounds import round_of
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.language.approval import read_approval
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.self_approval import may_apply_alone
from tests.builders import position, snapshot
from tests.conftest import examples
from tests.executor.crashes import Points
from tests.executor.scene import Scene, stage
from tests.faults import Crash, Fault

MOST_MOVE = Decimal("0.05")
DAY = timedelta(days=1)
POLICIES: tuple[dict[str, Any], ...] = (
    {"mode": "manual"},
    {"mode": "manual", "people": 2},
    {"mode": "auto", "max_value": 199},
)
DEEDS = st.lists(
    st.one_of(
        st.sampled_from(["round", "round", "hand", "refuse", "ann", "bob", "no", "not now"]),
        st.tuples(st.just("wait"), st.sampled_from([5, 60, 25 * 60, -30])),
        st.tuples(st.just("price"), st.sampled_from([96, 99, 100, 104, 110])),
        st.tuples(st.just("hold"), st.sampled_from([1, 2])),
        st.tuples(st.just("policy"), st.sampled_from(range(len(POLICIES)))),
        st.tuples(st.just("die"), st.integers(1, 40)),
    ),
    max_size=16,
)
Yes = tuple[str, datetime, Mapping[str, str]]
"""Who has said yes, when, and at which prices."""


@dataclass
class World:
    """A watched account; ``said`` are yeses since anything was done last, ``noes`` say until when a no holds."""

    scene: Scene
    said: dict[str, list[Yes]] = field(default_factory=dict)
    noes: dict[str, datetime | None] = field(default_factory=dict)
    begun: int = 0

    @classmethod
    def at(cls, root: Path, policy: dict[str, Any]) -> World:
        return cls(stage(root, snapshot(position("AAA/USD", 2)), parameters={"max_positions": 0}, approval=policy))

    def do(self, deed: str, much: Any = None) -> None:
        scene = self.scene
        scene.clock.advance(60)
        match deed:
            case "round" | "die":
                self.round(much)
            case "hand":
                with suppress(ExitplanError):
                    scene.apply()
                self.look(is_watched=False)
            case "refuse":
                scene.break_writes(Fault.REFUSED)
            case "wait":
                scene.clock.advance(60 * much)
            case "price":
                scene.move_price("AAA/USD", str(much))
            case "hold":
                self.hold(str(much))
            case "policy":
                scene.policy["approval"] = POLICIES[much]
            case _:
                self.vote(deed)

    def round(self, dies_at: int | None) -> None:
        """Let the watcher do a round, or die in it."""
        account = self.scene.open()
        with pytest.MonkeyPatch.context() as patch, suppress(Crash):
            Points(dies_at or 0).install(patch)
            round_of(account, lambda: False, self.scene.clock.sleep)
            tend(account, self.scene.clock())
        self.look(is_watched=True)

    def vote(self, person: str) -> None:
        for request in self.requests("waiting"):
            now = self.scene.clock()
            found = Found(request, load_account_file(self.scene.root / "account.yaml"), self.scene.store)
            if person in {"no", "not now"}:
                until = now + timedelta(hours=2) if person == "not now" else None
                reject(found, "bob", now, "no", until)
                self.noes[request.content] = until
            else:
                approve(found, person, now)
                self.said.setdefault(request.content, []).append((person, now, prices_of(request.plan)))

    def requests(self, standing: str) -> list[Request]:
        self.scene.open()
        return [one for one in requests_of(self.scene.store) if one.standing == standing]

    def hold(self, quantity: str) -> None:
        """Let somebody else buy or sell behind our back."""
        document = self.scene.document()
        (held,) = snapshot_to_document(snapshot(position("AAA/USD", quantity)))["positions"]
        document["positions"] = [held]
        self.scene._write(document)

    def look(self, *, is_watched: bool) -> None:
        """Look at the plans that were begun: who has let each of them through?"""
        plans = self.plans()
        for plan in plans[self.begun :]:
            if is_watched:
                self.assert_let_through(plan)
            if plan.actions:
                self.said.clear()
        self.begun = len(plans)
        assert len(self.requests("waiting")) <= 1

    def plans(self) -> list[Plan]:
        if not self.scene.folder.journal.exists():
            return []
        with closing(sqlite3.connect(self.scene.folder.journal)) as db:
            return [
                read_plan(orjson.loads(text)) for (text,) in db.execute("SELECT document FROM plans ORDER BY rowid")
            ]

    def assert_let_through(self, plan: Plan) -> None:
        content, now = content_of(plan), plan.created_at
        approval, _ = read_approval(self.scene.policy["approval"])
        if content in self.noes:
            until = self.noes[content]
            assert until is not None
            assert now >= until
        if not may_apply_alone(plan, approval, now):
            return
        people = {
            person
            for person, at, prices in self.said.get(content, ())
            if abs(now - at) < DAY and not have_moved(prices, prices_of(plan), MOST_MOVE)
        }
        assert len(people) >= approval.people

    def assert_sold_as_planned(self) -> None:
        """Check that no order filled more than its plan said."""
        planned = {one.client_order_id: one.quantity for plan in self.plans() for one in plan.actions}
        assert all(filled <= planned[name] for name, filled in self.scene.fills().items())


@given(st.sampled_from(POLICIES), DEEDS)
@example(POLICIES[0], ["round", "ann", "refuse", "hand", "round"])
@example(POLICIES[0], ["round", "ann", "refuse", "round", "round"])
@example(POLICIES[1], ["round", "ann", "ann", "round", "bob", "round"])
@example(POLICIES[2], ["round", "no", ("price", 99), "round"])
@examples(8, 200)
def test_nothing_goes_out_that_nobody_let_through(policy: dict[str, Any], deeds: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        world = World.at(Path(root), policy)
        for deed in deeds:
            world.do(*((deed,) if isinstance(deed, str) else deed))
        world.assert_sold_as_planned()
