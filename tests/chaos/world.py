"""An account on a wire that outlives its clients, and what its venue, its journal and its files say of it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.registry import open_broker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import Event
from exitplan.executor.store.lease import break_lease
from exitplan.ruleset.model.snapshot import Snapshot, position_key
from tests.builders import order, position, record, snapshot
from tests.chaos.wire import WINDOW, Record, Wire, WireClock, WireFile
from tests.executor.crashes import Points, raise_crash
from tests.executor.scene import Scene, stage


@dataclass
class World(Scene):
    """A scene whose wire, clock and plans are kept in files, for processes that come and go."""

    wire: WireFile = field(kw_only=True)
    marks: list[tuple[str, float]] = field(default_factory=list)
    waited_before_run: float = 0.0
    errors_met: list[str] = field(default_factory=list)
    window: int = WINDOW
    """Seconds for which the venue accepts a request after it was signed."""
    recovery_seconds: float = 1.0
    """How long an account may take to recover, beside waiting for the receive window to pass."""
    longest_life: float = 0.12
    """Seconds after which a process that is to be killed at any moment is killed at the latest."""

    def open(self) -> Account:
        """Open the account as exitplan does, questions asked again included."""
        return replace(super().open(), broker=RetryingBroker(Wire(self.venue(), self.wire), self.clock.sleep))

    def venue(self) -> PaperBroker:
        broker = open_broker(self.policy["account"], self.root, self.wire.true_time)
        assert isinstance(broker, PaperBroker)
        return broker

    def plan(self, *_: object) -> dict[str, Any]:
        """Make a plan and save it, as whoever reviews it would."""
        document = super().plan()
        name = f"{len(list(self.root.glob('plan-*.json'))):03}"
        (self.root / f"plan-{name}.json").write_text(json.dumps(document))
        return document

    def heard(self, event: Event) -> None:
        """Take an event, and note when a run begins and how long its process had waited by then."""
        super().heard(event)
        if event.kind == "run_started" and not self.marks:
            self.marks.append((event.kind, time.perf_counter()))
            self.waited_before_run = sum(self.clock.slept)

    def saved_plans(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_bytes()) for path in sorted(self.root.glob("plan-*.json"))]

    def is_stopped(self) -> bool:
        """Tell whether the account rightly waits for a person: others trade in it, and an alert asks for one."""
        waits = any(row["status"] == "needs_human" for row in self.intents())
        return waits and self.has_foreign_trades() and "OUTCOME_UNKNOWN" in self.alert_kinds()

    # --- what is played ---

    def points(self, at: int = 0, die: Callable[[], object] = raise_crash) -> Points:
        """Give the places at which a process may die."""
        return Points(at, die=die)

    def has_foreign_trades(self) -> bool:
        """Tell whether others have traded in the account."""
        return bool(self.wire.read().foreign)

    def is_calm(self) -> bool:
        """Tell whether nothing goes wrong any more."""
        record = self.wire.read()
        return not (record.writes or record.look_ups or record.reads or record.elapsed < record.blind_until)

    def faults_met(self) -> int:
        """Count what has gone wrong on the way."""
        return sum(count for name, count in self.wire.read().met.items() if name != "none")

    def leaks(self) -> list[str]:
        """Name the files that hold a secret."""
        return []

    def prepare(self) -> None:
        """Make a process ready that is about to act for the account."""

    def end(self) -> None:
        """End what outlives the clients."""

    def drain(self) -> None:
        """Let everything arrive that is under way."""
        self.clock.advance(60)
        Wire(self.venue(), self.wire).arrive()

    # --- what is there, past exitplan's own reading ---

    def orders(self) -> list[Mapping[str, Any]]:
        """The venue's own record of every order, open or closed."""
        document = self.document()
        notes = document.get("paper", {})
        opened = [
            {**entry, "status": "open", "fills": [], **notes.get("open_orders", {}).get(entry["id"], {})}
            for entry in document["open_orders"]
        ]
        return [*opened, *notes.get("closed_orders", [])]

    def sold(self) -> dict[str, Decimal]:
        """What the venue filled, by client order id."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for entry in self.orders():
            if entry["client_order_id"]:
                sums[entry["client_order_id"]] += sum(Decimal(fill["quantity"]) for fill in entry["fills"])
        return sums

    def holdings(self) -> dict[str, Decimal]:
        """What the venue says is held, by the positions' keys."""
        held = self.document()["positions"]
        return {position_key(entry["symbol"], entry["side"]): abs(Decimal(entry["quantity"])) for entry in held}

    def intents(self) -> list[Mapping[str, Any]]:
        """The journal's rows, read without exitplan."""
        if not self.folder.journal.exists():
            return []
        with closing(sqlite3.connect(self.folder.journal)) as journal:
            journal.row_factory = sqlite3.Row
            return [dict(row) for row in journal.execute("SELECT * FROM intents")]

    def journal_content(self) -> list[str]:
        """All that the journal holds, read without exitplan."""
        with closing(sqlite3.connect(self.folder.journal)) as db:
            return list(db.iterdump())

    def has_state(self) -> bool:
        """Tell whether a state is shown to people."""
        return self.folder.state.exists()

    def has_tracker(self) -> bool:
        """Tell whether there is a position tracker."""
        return self.folder.tracker.exists()

    def break_leases(self) -> None:
        """Take the account away from whoever works on it, as `exitplan unlock` does."""
        for lock in (self.folder.lock, *self.root.glob("cache/locks/*.lock")):
            break_lease(lock)


def busy() -> Snapshot:
    """A bit of everything: a zombie, dust, one too many with an order in its way, unwinds, a stale order."""
    positions = (
        position("CAP/USD", 50, locked=20),
        position("DST/USD", "0.5"),
        position("OWN/USD", 400),
        position("UNW/USD", 100, locked=10),
        position("ZOM/USD", 80),
    )
    orders = [
        order("cap", "CAP/USD", "sell", 20, price=500),
        order("old", "UNW/USD", "sell", 10, price=500, minutes=60),
    ]
    return snapshot(*positions, orders=orders, tracked={"OWN/USD": record(), "ZOM/USD": record(entry=None)})


def slices() -> Snapshot:
    """Three positions to unwind, of which a doubled slice would show."""
    positions = [position(symbol, amount) for symbol, amount in (("AAA/USD", 100), ("BBB/USD", 64), ("CCC/USD", 37))]
    return snapshot(*positions, position("OWN/USD", 400), tracked={"OWN/USD": record()})


def stops() -> Snapshot:
    """Two positions that get a stop and are adopted, and a zombie."""
    positions = (position("AAA/USD", 100), position("BBB/USD", 64), position("ZOM/USD", 80))
    return snapshot(*positions, tracked={"ZOM/USD": record(entry=None)})


def many() -> Snapshot:
    """More of everything than goes at once: zombies, dust, unwinds, and stale orders in front of them."""
    zombies = [f"Z{number}/USD" for number in range(3)]
    unwound = [f"U{number}/USD" for number in range(4)]
    positions = [
        *(position(symbol, 40 + 7 * number) for number, symbol in enumerate(zombies)),
        *(position(symbol, 50 + 9 * number, locked=10) for number, symbol in enumerate(unwound)),
        position("DST/USD", "0.5"),
        position("OWN/USD", 400),
    ]
    orders = [order(symbol[:2], symbol, "sell", 10, price=500, minutes=60) for symbol in unwound]
    tracked = {"OWN/USD": record(), **{symbol: record(entry=None) for symbol in zombies}}
    return snapshot(*positions, orders=orders, tracked=tracked)


def hedged() -> Snapshot:
    """Both sides of one swap, a short of another with a stale order in its way, spot, and borrowed money."""
    long, short = "HDG/USDT:USDT", "SWP/USDT:USDT"
    positions = (
        position(long, 100, entry=90),
        position(long, 60, side="short", entry=110),
        position(short, 37, side="short", locked=9, entry=120),
        position("OWN/USDT", 400),
        position("AAA/USDT", 80),
    )
    stale = order("old", short, "buy", 9, price=50, minutes=60, reduce_only=True, position_side="short")
    return snapshot(*positions, orders=[stale], tracked={"OWN/USDT": record()}, quote="USDT", debt=500)


@dataclass(frozen=True, slots=True)
class Play:
    """What is played: an account, its policy with parameters over it, and how many requests the venue takes at once.

    At one that ``asks_beside`` a reply to an order does not say what it filled.
    """

    account: Callable[[], Snapshot]
    base: str = "default"
    parameters: Mapping[str, int] = field(default_factory=dict)
    at_once: int = 1
    asks_beside: bool = False


ACCOUNTS = {
    "busy": Play(busy, parameters={"max_positions": 2, "unwind_cycles": 3}),
    "slices": Play(slices, parameters={"unwind_cycles": 3}),
    "stops": Play(stops, "conservative"),
    "hedged": Play(hedged, parameters={"unwind_cycles": 3}),
    "grouped": Play(many, parameters={"unwind_cycles": 3}, at_once=3),
    "ahead": Play(many, parameters={"unwind_cycles": 3}, at_once=2, asks_beside=True),
}


def build(
    root: Path,
    account: str,
    troubles: Record,
    options: Mapping[str, Any] | None = None,
    *,
    made: Callable[..., World] = World,
) -> World:
    """Build a world in an empty folder."""
    play = ACCOUNTS[account]
    scene = stage(root, play.account(), base=play.base, parameters=dict(play.parameters), options=dict(options or {}))
    wire = WireFile(root / "wire.json")
    wire.write(replace(troubles, at_once=play.at_once, asks_beside=play.asks_beside))
    return made(root, WireClock(wire=wire), scene.trouble, scene.policy, wire=wire)
