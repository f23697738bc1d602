"""The world of the model: an account at the paper venue whose wire, clock and processes obey the checker."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

import orjson

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import Broker, ConvertRequest, OrderReference, OrderRequest
from exitplan.brokers.registry import open_broker
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import Event
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.journal_values import Intent
from exitplan.executor.store.lease import break_lease
from exitplan.ruleset.errors import PlanIsUnusable
from tests.builders import NOW
from tests.chaos.world import World
from tests.executor.scene import StillClock
from tests.faults import Crash
from tests.model.choices import Choices
from tests.model.processes import Machine, Process

WINDOW = 5
"""Seconds for which the venue accepts a request after it was signed."""
CYCLE_SECONDS = 60
"""From the end of a process that ended well to the start of the next."""
_NOT_KEPT = ("alerts.jsonl", "account.yaml", ".lock", ".holder.json")

Request = OrderRequest | OrderReference | ConvertRequest


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A request that nobody got an answer to, and that the venue may still take; ``signed`` is in the venue's time."""

    request: Request
    signed: float


@dataclass(frozen=True, slots=True)
class Durable:
    """All that outlives the processes: files, the venue, time, and what is under way."""

    files: Mapping[str, bytes]
    elapsed: float = 0.0
    skew: float = 0.0
    blind_until: float = 0.0
    under_way: tuple[UnderWay, ...] = ()
    committed: tuple[tuple[str, float], ...] = ()


@dataclass
class ModelClock(StillClock):
    """Our clock, which may be wrong; sleeping gives others the time to act."""

    world: ModelWorld = field(kw_only=True)

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=self.world.elapsed + self.world.skew)

    def advance(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    def sleep(self, seconds: float) -> None:
        self.world.border(f"sleeps {seconds:g} s")
        self.world.pass_time(seconds)


@dataclass
class ModelWorld(World):
    """A world whose every border is a decision; files are in memory, and nobody waits.

    ``committed`` says when the journal noted that an order would be sent, by client order id.
    """

    connect: Callable[[ModelWorld], Broker] = field(kw_only=True)
    at_once: int = 1
    is_live: bool = False
    choices: Choices = field(default_factory=lambda: Choices({}))
    machine: Machine = field(default_factory=Machine)
    elapsed: float = 0.0
    skew: float = 0.0
    blind_until: float = 0.0
    under_way: tuple[UnderWay, ...] = ()
    committed: dict[str, float] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    is_at_rest: bool = False
    is_locked: bool = False
    _account: Account | None = None

    # --- the account, as each process opens it ---

    def open(self) -> Account:
        if self._account is None:
            self._account = super().open()
        account = replace(self._account, broker=self.connect(self), store=self.store, clock=self.clock)
        return replace(account, identity=replace(account.identity, key="key")) if self.is_live else account

    def venue(self) -> PaperBroker:
        broker = open_broker(self.policy["account"], self.root, self.true_time)
        assert isinstance(broker, PaperBroker)
        return broker

    def true_time(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed)

    def heard(self, event: Event) -> None:
        """Take no note of events."""

    def has_foreign_trades(self) -> bool:
        return False

    # --- one process ---

    def live(self, *, anew: bool) -> None:
        """Do what a scheduled process does: finish the plan that is open, or make one, and apply it."""
        plan = None if anew else self.open_plan()
        try:
            self._finish(plan or self.plan())
        except PlanIsUnusable:
            self._finish(self.plan())

    def _finish(self, plan: Mapping[str, Any]) -> None:
        code = self.apply(plan).exit_code
        self.is_at_rest = code == 0 and not plan["actions"]

    def open_plan(self) -> dict[str, Any] | None:
        """The plan that was saved last, unless it was applied to its end."""
        plans = self.saved_plans()
        if not plans:
            return None
        with closing(sqlite3.connect(self.folder.journal)) as journal:
            row = journal.execute("SELECT ended_at FROM plans WHERE plan_id = ?", (plans[-1]["plan_id"],)).fetchone()
        return None if row is not None and row[0] is not None else plans[-1]

    # --- the borders ---

    def border(self, about: str, *more: str) -> str:
        """Let the checker decide how it goes on, before something that lasts or that others can see."""
        process = self.machine.running
        if process is None:
            return "on"
        if process.is_dying:
            raise Crash
        other = None if self.is_locked else self.machine.suspended
        turns = ["the other goes on"] if other else ["taken over"]
        if (len(self.machine.processes) > 1 and not other) or self.is_locked:
            turns = []
        taken = self.choices.choose(f"{process.name} {about}", ["on", "dies", *turns, *more])
        if taken == "dies":
            self.die()
        if taken == "taken over":
            anew = self.decide("the second", "finishes the plan", "plans anew") == "plans anew"
            break_lease(self.folder.lock)
            self.machine.start_beside(Process("second", lambda: self.live(anew=anew)))
        if taken == "the other goes on" and other is not None:
            self.machine.hand_over(other)
        return taken

    @contextmanager
    def locking(self) -> Iterator[None]:
        """Let nobody else have the turn: SQLite would let them wait."""
        self.is_locked = True
        try:
            yield
        finally:
            self.is_locked = False

    def die(self) -> NoReturn:
        """Let the process that runs die, whatever it still meant to do."""
        assert self.machine.running is not None
        self.machine.running.is_dying = True
        raise Crash

    def decide(self, about: str, *options: str) -> str:
        """Let the checker decide what is no deviation."""
        return self.choices.choose(about, options, free=True)

    def arrive(self) -> None:
        """Let what is under way reach the venue, or not yet."""
        for entry in self.under_way:
            if self.decide(f"{_name(entry.request)} under way", "not yet", "arrives") == "arrives":
                self._deliver(entry)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is still under way arrives at the last moment at which the venue takes it."""
        until = self.elapsed + seconds
        for entry in self.under_way:
            if entry.signed + WINDOW < until:
                self.elapsed = max(self.elapsed, entry.signed + WINDOW)
                self._deliver(entry)
        self.elapsed = until

    def _deliver(self, entry: UnderWay) -> None:
        self.under_way = tuple(one for one in self.under_way if one is not entry)
        self.execute(entry.request)

    def execute(self, request: Request) -> Any:
        """Let the venue do what it was asked; an order must arrive while the journal's word for it holds."""
        venue = self.venue()
        if isinstance(request, OrderReference):
            return venue.cancel_order(request)
        noted = self.committed.get(str(request.client_order_id))
        if noted is None or self.elapsed > noted + WINDOW:
            self.found.append(f"{_name(request)} arrives when the journal holds it to be impossible")
        return venue.convert_dust(request) if isinstance(request, ConvertRequest) else venue.place_order(request)

    def note_commit(self, begun: list[Intent]) -> None:
        """Remember when the journal noted that orders are to be sent."""
        for plan in self.saved_plans():
            names = {action["id"]: action["client_order_id"] for action in plan["actions"]}
            for intent in begun:
                if intent.plan_id == plan["plan_id"]:
                    self.committed[names[intent.action_id]] = self.elapsed

    # --- what lasts ---

    def keep(self) -> Durable:
        """Keep all that outlives the processes."""
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.name.endswith(_NOT_KEPT)
        }
        return Durable(
            files, self.elapsed, self.skew, self.blind_until, self.under_way, tuple(sorted(self.committed.items()))
        )

    def restore(self, kept: Durable) -> None:
        """Put everything back as it was kept."""
        for path in self.root.rglob("*"):
            if path.is_file() and path.name != "account.yaml" and str(path.relative_to(self.root)) not in kept.files:
                path.unlink()
        for name, content in kept.files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.elapsed, self.skew = kept.elapsed, kept.skew
        self.blind_until, self.under_way = kept.blind_until, kept.under_way
        self.machine, self.is_at_rest = Machine(), False
        self.plans.clear()
        self.found, self.committed = [], dict(kept.committed)

    def put_back(self, kept: Durable) -> None:
        """Put the data folder back as it was kept; what is beside it stays, and so does the venue."""
        for path in self.folder.path.iterdir():
            path.unlink()
        for name, content in kept.files.items():
            if (path := self.root / name).is_relative_to(self.folder.path):
                path.write_bytes(content)

    def fingerprint(self, kept: Durable) -> bytes:
        """Tell two states apart by all that a process could ever see of them."""
        with closing(sqlite3.connect(self.folder.journal)) as journal:
            rows = tuple(journal.iterdump())
        files = sorted((name, content) for name, content in kept.files.items() if "journal.db" not in name)
        return repr((rows, files, kept.elapsed, kept.skew, kept.blind_until, kept.under_way, kept.committed)).encode()

    def standing(self) -> Any:
        """Tell how the account stands, times aside: what every run must come to in the end."""
        document = self.document()
        state = orjson.loads(self.folder.state.read_bytes())
        unwinds = {key: (entry["cycle"], entry["initial_quantity"]) for key, entry in state["unwind_progress"].items()}
        opened = sorted((entry["symbol"], entry["side"], entry["quantity"]) for entry in document["open_orders"])
        tracked = sorted(self.tracked()) if self.folder.tracker.exists() else []
        return self.holdings(), opened, unwinds, tracked, state["account_state"]


def _name(request: Request) -> str:
    kind = {OrderReference: "cancel", OrderRequest: "order", ConvertRequest: "conversion"}[type(request)]
    return f"{kind} {request.symbol}"


def begin(world: ModelWorld) -> Durable:
    """Let a plan be made and the journal stand, and keep that as the start of every run."""
    world.folder.path.mkdir(parents=True, exist_ok=True)
    with open_journal(world.folder.journal):
        pass
    world.plan()
    return world.keep()
