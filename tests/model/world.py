"""The world of the model: an account at the paper venue whose wire, clock and processes obey the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest

import exitplan.executor.store.state
import exitplan.executor.store.tracker
from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import Broker, ConvertRequest, OrderReference, OrderRequest
from exitplan.brokers.registry import open_broker
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import Event
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Intent
from exitplan.ruleset.errors import PlanIsUnusable
from tests.builders import NOW
from tests.executor.scene import StillClock
from tests.faults import Crash
from tests.model.choices import Choices
from tests.model.lasting import Durable, LastingWorld, UnderWay
from tests.model.processes import Machine, Process

WINDOW = 5
"""Seconds for which the venue accepts a request after it was signed."""
CYCLE_SECONDS = 60
"""From the end of a process that ended well to the start of the next."""

Request = OrderRequest | OrderReference | ConvertRequest


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
class ModelWorld(LastingWorld):
    """A world whose every border is a decision; files are in memory, and nobody waits.

    Once a person has halted the account, ``halted`` says how often each process may still send: what it was about to.
    """

    connect: Callable[[ModelWorld], Broker] = field(kw_only=True)
    at_once: int = 1
    asks_beside: bool = False
    is_live: bool = False
    may_halt: bool = False
    choices: Choices = field(default_factory=lambda: Choices({}))
    machine: Machine = field(default_factory=Machine)
    found: list[str] = field(default_factory=list)
    halted: dict[str, int] = field(default_factory=dict)
    is_at_rest: bool = False
    is_locked: bool = False
    _account: Account | None = None

    def __post_init__(self) -> None:
        self.clock = ModelClock(world=self)

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
        return None if not plans or plans[-1]["plan_id"] in self.ended_plans() else plans[-1]

    # --- the borders ---

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put a border before everything that lasts, and one between a commit and what follows it."""
        transaction, begin_sending = Journal._transaction, Journal.begin_sending

        @contextmanager
        def transacting(journal: Journal, **how: Any) -> Iterator[Any]:
            self.border("commits")
            with transaction(journal, **how) as db, self.locking():
                is_synced = self.is_synced(db)
                if not is_synced and self.unsynced is None:
                    self.unsynced = self.kept_journal()
                yield db
            if is_synced:
                self.unsynced = None

        def beginning(journal: Journal, *args: Any) -> list[Intent]:
            begun = begin_sending(journal, *args)
            self.note_commit(begun)
            self.ensure_not_halted()
            self.border("is about to send")
            return begun

        patch.setattr(Journal, "_transaction", transacting)
        patch.setattr(Journal, "begin_sending", beginning)
        patch.setattr("os.fsync", lambda _: None)
        for owner, name in self.writers():
            patch.setattr(owner, name, self.bordered(getattr(owner, name), "writes"))

    def writers(self) -> Iterator[tuple[object, str]]:
        """Name what writes beside the journal."""
        yield exitplan.executor.store.state, "write_atomically"
        yield exitplan.executor.store.tracker, "write_atomically"

    def bordered(self, act: Callable[..., Any], about: str) -> Callable[..., Any]:
        def acting(*args: Any, **named: Any) -> Any:
            self.border(about)
            return act(*args, **named)

        return acting

    @property
    def who(self) -> str:
        """The name of the process that runs."""
        return "first" if self.machine.running is None else self.machine.running.name

    def ask(self, about: str, *more: str) -> str:
        """Let the checker decide what becomes of a question; it changes nothing, so nobody dies over it."""
        process = self.machine.running
        if process is None:
            return "on"
        if process.is_dying:
            raise Crash
        return self.choices.choose(f"{process.name} {about}", ["on", *more])

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
        if self.may_halt and not self.halted:
            turns.append("a person halts")
        if self.unsynced is not None and other is None:
            turns.append("the power is cut")
        taken = self.choices.choose(f"{process.name} {about}", ["on", "dies", *turns, *more])
        if taken in {"dies", "the power is cut"}:
            self.is_cut = taken != "dies"
            self.die()
        if taken == "taken over":
            self.break_leases()
            self.take_over()
        if taken == "a person halts":
            self.store.halt("by the checker", self.clock())
            self.halted = {one.name: 1 for one in self.machine.processes if not one.has_ended}
        if taken == "the other goes on" and other is not None:
            self.machine.hand_over(other)
        return taken

    def take_over(self) -> None:
        """Let another process work on the account, until it hands the turn back or ends."""
        anew = self.decide("the second", "finishes the plan", "plans anew") == "plans anew"
        self.machine.start_beside(Process("second", lambda: self.live(anew=anew)))

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
            if entry.until < until:
                self.elapsed = max(self.elapsed, entry.until)
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
        self.ensure_expected(str(request.client_order_id), _name(request))
        return venue.convert_dust(request) if isinstance(request, ConvertRequest) else venue.place_order(request)

    def ensure_expected(self, order: str, what: str) -> None:
        """Note it as wrong where an order arrives at any time at which the journal holds that to be impossible."""
        noted = self.committed.get(order)
        if noted is None or self.elapsed > noted + self.window:
            self.found.append(f"{what} arrives when the journal holds it to be impossible")

    def ensure_not_halted(self) -> None:
        """Note what is about to be sent as wrong where the account was halted before it was prepared."""
        if self.halted:
            left = self.halted[self.who] = self.halted.get(self.who, 0) - 1
            self.found += ["something is sent though a person has halted the account"] * (left < 0)

    def note_commit(self, begun: list[Intent]) -> None:
        """Remember when the journal noted that orders are to be sent."""
        for plan in self.saved_plans():
            names = {action["id"]: action["client_order_id"] for action in plan["actions"]}
            for intent in begun:
                if intent.plan_id == plan["plan_id"]:
                    self.committed[names[intent.action_id]] = self.elapsed

    # --- what lasts ---

    def begin(self) -> Durable:
        """Let a plan be made and the journal stand, and keep that as the start of every run."""
        self.begin_journal()
        self.plan()
        return self.keep()

    def keep(self) -> Durable:
        if self.halted:
            self.store.resume()
        return super().keep()

    def restore(self, kept: Durable) -> None:
        super().restore(kept)
        self.machine, self.is_at_rest = Machine(), False
        self.plans.clear()
        self.found, self.halted = [], {}


_KINDS = {OrderReference: "cancel", OrderRequest: "order", ConvertRequest: "conversion"}


def _name(request: Any) -> str:
    """Name a request; one that goes over HTTP by its address."""
    return f"{_KINDS[type(request)]} {request.symbol}" if type(request) in _KINDS else str(request.path)
