"""Two live accounts of one group: spot at one venue and its short perpetual at another, on one clock, in one folder."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from exitplan.executor.groups.apply_group import GroupWork, apply_group_plan
from exitplan.executor.groups.results import GroupResult
from exitplan.executor.store.file_store import files_below
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_planner import plan_group
from exitplan.ruleset.groups.group_policy import GroupPolicy, LegFailure, LegImbalance
from exitplan.ruleset.groups.writing import read_group_plan, write_group_plan
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan import write_plan
from tests.builders import position, record, snapshot
from tests.chaos.live_world import LiveWorld, build_beside
from tests.chaos.wire import Record, WireFile
from tests.chaos.world import Play
from tests.executor.groups.group_scene import CASH, HEDGE, member_of, open_rows

SPOT, PERP = "AAA/USD", "AAA/USDT:USDT"
HELD, PRICE = 100, 100
BOUND = Decimal(2_500)
VENUES: Mapping[str, str] = {CASH: "kraken", HEDGE: "binance"}
POLICY = GroupPolicy(
    "desk",
    "0" * 64,
    "USD",
    LegImbalance(BOUND, 120),
    rates={"USDT": Decimal(1)},
    on_leg_failure=LegFailure("reduce", 2),
)
_AT_ONCE = 20


def _spot() -> Snapshot:
    return snapshot(position(SPOT, HELD), tracked={SPOT: record(entry=None)})


def _short() -> Snapshot:
    short, own = position(PERP, HELD, side="short", entry=PRICE), position("OWN/USDT", 400)
    return snapshot(short, own, tracked={PERP: record(), "OWN/USDT": record()}, quote="USDT")


_PLAYS = {CASH: Play(_spot), HEDGE: Play(_short)}


@dataclass
class GroupWorld:
    """Both accounts, and what their venues and journals say of them."""

    root: Path
    worlds: Mapping[str, LiveWorld]
    wire: WireFile
    told: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Make a process ready that is about to act for the group."""
        for world in self.worlds.values():
            world.prepare()

    def work(self) -> GroupWork:
        return GroupWork(POLICY, {name: world.open() for name, world in self.worlds.items()})

    def plan(self) -> GroupPlan:
        """Plan the group, and save the plan as whoever reviews it would."""
        accounts = self.work().accounts
        draft = plan_group(POLICY, {name: member_of(account) for name, account in accounts.items()})
        plans = {
            name: write_plan(
                draft.givens[name],
                draft.drafts[name],
                {},
                address=account.identity.address,
                key=account.identity.key,
            )
            for name, account in accounts.items()
        }
        made = write_group_plan(draft, plans)
        number = len(list(self.root.glob("group-*.json")))
        (self.root / f"group-{number:03}.json").write_bytes(orjson.dumps(made.document))
        return read_group_plan(made.document)

    def saved_plan(self) -> GroupPlan | None:
        files = sorted(self.root.glob("group-*.json"))
        return read_group_plan(json.loads(files[-1].read_bytes())) if files else None

    def nets_before(self) -> list[Decimal]:
        """How unequal the pairs of the saved plans were when these were made; none of the first plan is."""
        plans = [json.loads(path.read_bytes()) for path in sorted(self.root.glob("group-*.json"))]
        nets = [bundle["net_before"] for plan in plans for bundle in plan["bundles"] if len(bundle["legs"]) > 1]
        return [abs(Decimal(net)) for net in nets]

    def apply(self, plan: GroupPlan | None) -> GroupResult:
        return apply_group_plan(self.work(), plan, sleep=self.worlds[CASH].clock.sleep)

    def is_open(self) -> bool:
        """Tell whether a plan of the group was begun and has not ended."""
        return bool(open_rows(world.store for world in self.worlds.values()))

    # --- what is there, past exitplan's own reading ---

    def net(self) -> Decimal:
        """What is held long less what is held short, by the venues' own records."""
        return self.held(CASH) - self.held(HEDGE)

    def held(self, name: str) -> Decimal:
        """What is left of an account's side of the pair."""
        sides = {key: held for key, held in self.worlds[name].holdings().items() if key.startswith("AAA/")}
        return sum(sides.values(), Decimal(0))

    def alerts(self) -> list[str]:
        return [alert for world in self.worlds.values() for alert in world.alert_kinds()]

    def planned(self, name: str) -> dict[str, Decimal]:
        """The orders of an account's plans as they were begun, by client order id, read without exitplan."""
        folder = self.worlds[name].folder
        if not folder.journal.exists():
            return {}
        with closing(sqlite3.connect(folder.journal)) as journal:
            documents = [orjson.loads(text) for (text,) in journal.execute("SELECT document FROM plans")]
        return {
            action["client_order_id"]: Decimal(action["quantity"])
            for document in documents
            for action in document["actions"]
        }

    def intents(self, name: str) -> dict[str, Mapping[str, Any]]:
        return {row["client_order_id"]: row for row in self.worlds[name].intents()}

    def end(self) -> None:
        for world in self.worlds.values():
            world.end()


def build_group(root: Path, troubles: Mapping[str, Record]) -> GroupWorld:
    """Build both accounts in an empty folder, and start their venues."""
    wire = WireFile(root / "wire.json")
    wire.write(Record(at_once=_AT_ONCE, began=time.monotonic()))
    worlds: dict[str, LiveWorld] = {}
    try:
        for name, venue in VENUES.items():
            (root / name).mkdir()
            world = build_beside(root / name, venue, _PLAYS[name], troubles[name], wire, account_id=name)
            world.store_of = files_below(root / "data")
            worlds[name] = world
            _track(world, _PLAYS[name].account().tracker)
    except BaseException:
        for world in worlds.values():
            world.end()
        raise
    return GroupWorld(root, worlds, wire)


def _track(world: LiveWorld, records: Mapping[str, TrackerRecord]) -> None:
    document = snapshot_to_document(snapshot(tracked=records))
    world.folder.path.mkdir(parents=True, exist_ok=True)
    world.folder.tracker.write_bytes(orjson.dumps({"positions": document["tracker"], "last_updated": None}))
