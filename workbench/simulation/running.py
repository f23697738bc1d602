"""Carry out a policy over several cycles: real plans, real runs, real fills of the paper venue, at prices that move.

Nothing of the simulated account is kept: it is in memory, and its journal, state and tracker in a folder of their own.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import orjson
from msgspec.structs import replace

from exitplan.brokers.identity import Identity
from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.brokers.paper.ledger import Ledger
from exitplan.brokers.paper.memory import MemoryAccount
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.orders import Fill, PaperOrder
from exitplan.brokers.paper.pricing import exactly, touch_price
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.logs import JOURNAL, RUN
from exitplan.executor.operation import Operation, Unobserved, finish
from exitplan.executor.plan import Planned, plan_account
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.state import State, state_bytes
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import PlanIsExpired, PlanIsUnusable, RefusedByGuard
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Market, Position, Snapshot, position_key
from exitplan.ruleset.model.snapshot_writing import tracker_to_document
from exitplan.ruleset.model.valuation import Belief, price_of
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.policies import LoadedPolicy
from exitplan.workbench.simulation.paths import Paths, Quote, Timing, prices_at
from exitplan.workbench.simulation.shortfall import Held, Sale, Shortfall, Unsold, left_after, shortfall_of

ACCOUNT = "simulated"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_SENT = frozenset({"close", "unwind", "convert_dust", "cancel_order", "convert_cash", "attach_stop"})


@dataclass(frozen=True, slots=True)
class Scene:
    """The account at the start, what earlier runs have left, how its venue fills, and when cycles come."""

    snapshot: Snapshot
    progress: Progress
    options: PaperOptions
    timing: Timing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that is tried, under the name that it was asked for by."""

    name: str
    loaded: LoadedPolicy
    rulebook: Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class PathResult:
    """What came of one policy on one path.

    ``cycles_to_clean`` counts the runs up to the one that left the account CLEAN, None where none did; ``state`` is how
    it stands in the end. ``left`` is the share of what was to be sold that is left after each cycle. ``refused_by``
    counts the cycles whose plan a guard refused, or that had gone stale, ``blocked`` names what could not be sold in
    the end, with the reason.
    """

    policy: str
    path: int
    cycles_to_clean: int | None
    state: AccountState
    shortfall: Shortfall
    left: tuple[Decimal, ...]
    orders_done: int
    orders_refused: int
    refused_by: Mapping[str, int]
    blocked: tuple[tuple[str, str], ...]


def simulate(
    scene: Scene, candidate: Candidate, paths: Paths, number: int, watch: Callable[[Planned], None] | None = None
) -> PathResult:
    """Carry a policy out on one path, counted from 0. Raises EngineDisagreement.

    ``watch`` is shown what is planned in each cycle, and in the end what would be planned then.
    """
    with Replay.opened(scene, candidate) as replay:
        replay.watch = watch
        result = replay.play(paths, number)
        if watch is not None:
            watch(plan_account(replay.account))
        return result


def _memory() -> str | None:
    return str(_IN_MEMORY) if os.access(_IN_MEMORY, os.W_OK) else None


@contextmanager
def _unlogged() -> Iterator[None]:
    """Log nothing: alerts and orders of an account that is only imagined are nobody's business."""
    before = [(logger, logger.disabled) for logger in (RUN, JOURNAL)]
    for logger, _ in before:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in before:
            logger.disabled = was


@dataclass
class _Clock:
    moment: datetime

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class Replay:
    """One account on its way along one path."""

    scene: Scene
    candidate: Candidate
    engine: MatchingEngine
    account: Account
    clock: _Clock
    known: set[str]
    counted: dict[str, int] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)
    decided: dict[str, Decimal] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    sales: list[Sale] = field(default_factory=list)
    done: int = 0
    refused: int = 0
    refused_by: Counter[str] = field(default_factory=Counter)
    watch: Callable[[Planned], None] | None = None

    @property
    def belief(self) -> Belief:
        """Which prices the policy believes."""
        return self.candidate.loaded.policy.belief

    @classmethod
    @contextmanager
    def opened(cls, scene: Scene, candidate: Candidate) -> Iterator[Replay]:
        """Open the account for the time of the block; what is on disk of it is gone afterwards, and nothing logged."""
        with _unlogged(), tempfile.TemporaryDirectory(prefix="exitplan-simulation-", dir=_memory()) as folder:
            yield cls._begin(scene, candidate, Path(folder))

    @classmethod
    def _begin(cls, scene: Scene, candidate: Candidate, data: Path) -> Replay:
        """Put the account in place, with the tracker and the progress that it starts from."""
        snapshot = replace(scene.snapshot, account=ACCOUNT, venue=PaperBroker.venue)
        clock, folder = _Clock(snapshot.taken_at), DataFolder.of(data, ACCOUNT)
        engine = MatchingEngine(snapshot, None, scene.options)
        folder.path.mkdir(parents=True)
        records = {"positions": tracker_to_document(snapshot.tracker), "last_updated": None}
        folder.tracker.write_bytes(orjson.dumps(records))
        progress = scene.progress
        state = State(
            unwinds=progress.unwinds,
            failed_exits=progress.failed_exits,
            price_missing=progress.price_missing,
            last_balance=progress.last_balance,
        )
        folder.state.write_bytes(state_bytes(state))
        account = Account(
            id=ACCOUNT,
            venue=snapshot.venue,
            quote=snapshot.quote,
            file=data / f"{ACCOUNT}.yaml",
            loaded=candidate.loaded,
            rulebook=candidate.rulebook,
            broker=PaperBroker(MemoryAccount(engine), scene.options, clock),
            store=FileStore(ACCOUNT, folder),
            clock=clock,
            overrides={},
            identity=Identity(snapshot.venue, str(data)),
        )
        return cls(scene, candidate, engine, account, clock, {order.id for order in engine.orders})

    def play(self, paths: Paths, number: int) -> PathResult:
        """Go along the path until the account is CLEAN, or the cycles are over."""
        start, timing = self.clock.moment, self.scene.timing
        quotes = paths.path(number, timing)
        state, clean, planned = AccountState.UNKNOWN, None, None
        for index, moment in enumerate(timing.moments):
            cycle, is_sending = divmod(index, 2)
            self.clock.moment = start + moment
            self._move(next(quotes), cycle)
            if planned is None or not is_sending:
                planned = self._plan()
                continue
            state = self._send(planned.plan)
            self._take_in(cycle)
            if state is AccountState.CLEAN:
                clean = cycle + 1
                break
        return self._result(number, clean, state, planned)

    def _move(self, quotes: Mapping[str, Quote], cycle: int) -> None:
        """Move the prices, which may fill orders that rest."""
        starts, now = self.scene.snapshot.markets, self.clock.moment
        for symbol, quote in quotes.items():
            self.engine.tick(symbol, prices_at(starts[symbol], quote), now)
        self._take_in(cycle)
        snapshot = self.engine.snapshot(now)
        self.held.update(held_of(snapshot))
        for position in snapshot.positions:
            self.positions[position.key] = position
            price = price_of(snapshot, position, self.belief)
            if price.mark is not None:
                self.marks[position.key] = price.mark

    def _plan(self) -> Planned:
        """Make the plan, and note of each position whose exit is decided what its price is then."""
        planned = plan_account(self.account)
        if self.watch is not None:
            self.watch(planned)
        self.wanted.clear()
        for decision in planned.draft.decisions:
            if decision.exit is None or decision.is_protected or decision.exit.action not in {"close", "unwind"}:
                continue
            self.wanted.add(decision.key)
            mark = decision.view.price.mark
            if mark is not None:
                self.decided.setdefault(decision.key, mark)
        return planned

    def _send(self, plan: Plan) -> AccountState:
        """Carry the plan out, and return how the account stands then; as before where nothing is to be done."""
        if not plan.has_changes and not plan.refusals:
            return plan.checks.state
        try:
            outcome = finish(
                self.account,
                Operation(),
                plan,
                approve=lambda _account, _plan: None,
                observer=Unobserved(),
                sleep=lambda _: None,
            )
        except RefusedByGuard:
            self.refused_by.update([guard.name for guard in plan.refusals] or ["a guard, when sent"])
            return plan.checks.state
        except PlanIsUnusable as problem:
            self.refused_by["plan expired" if isinstance(problem, PlanIsExpired) else "plan stale"] += 1
            return plan.checks.state
        if outcome.result is not None:
            statuses = [ended.status for ended in outcome.result.outcomes if ended.action.kind in _SENT]
            self.done += statuses.count("done")
            self.refused += statuses.count("refused")
        return outcome.state

    @exactly
    def _take_in(self, cycle: int) -> None:
        """Note the fills since the last time; orders that were there before the start are not the policy's."""
        fresh = [order for order in self.engine.orders if len(order.fills) > self.counted.get(order.id, 0)]
        fresh = [order for order in fresh if order.id not in self.known]
        if not fresh:
            return
        now = self.engine.snapshot(self.clock.moment)
        for order in fresh:
            fills = order.fills[self.counted.get(order.id, 0) :]
            self.counted[order.id] = len(order.fills)
            key = position_key(order.symbol, order.position_side)
            if order.reducing and key in self.held:
                self.sales += [self._sale(self.held[key], order, fill, now, cycle) for fill in fills]

    def _sale(self, held: Held, order: PaperOrder, fill: Fill, now: Snapshot, cycle: int) -> Sale:
        """Set a fill against the prices at which it happened, which have not moved since."""
        market = now.markets[order.symbol]
        mark = price_of(now, self.positions[held.key], self.belief).mark or fill.price
        touch = mark if order.type == "convert" else touch_price(market, order.side, self.scene.options)
        is_in_quote = Ledger(now).currency_of(order.symbol, order.type) == now.quote
        return Sale(
            key=held.key,
            side=held.side,
            terms=held.terms,
            quantity=fill.quantity,
            cycle=cycle,
            mark=mark,
            touch=touch or mark,
            price=fill.price,
            fee=fill.fee if is_in_quote else fill.fee * held.terms.rate,
        )

    def _result(self, number: int, clean: int | None, state: AccountState, planned: Planned | None) -> PathResult:
        """Add up what came of the path; what is still to be sold is valued at the last mark that was seen."""
        unsold = [
            Unsold(key=held.key, side=held.side, terms=held.terms, quantity=held.quantity, mark=self.marks[held.key])
            for held in held_of(self.engine.snapshot(self.clock.moment)).values()
            if held.key in self.wanted and held.key in self.decided
        ]
        blocked = () if planned is None else planned.plan.blocked
        return PathResult(
            policy=self.candidate.name,
            path=number,
            cycles_to_clean=clean,
            state=state,
            shortfall=shortfall_of(self.decided, self.sales, unsold),
            left=left_after(self.decided, self.sales, unsold, self.scene.timing.cycles),
            orders_done=self.done,
            orders_refused=self.refused,
            refused_by=dict(self.refused_by),
            blocked=tuple((entry.key, entry.reason) for entry in blocked if entry.reason != "waiting"),
        )


@exactly
def held_of(snapshot: Snapshot) -> dict[str, Held]:
    """Return the positions of an account with what a unit of them is worth, by key."""
    ledger = Ledger(snapshot)
    return {position.key: _one(position, snapshot, ledger) for position in ledger.positions.values()}


def _one(position: Position, snapshot: Snapshot, ledger: Ledger) -> Held:
    terms = ledger.terms(position.symbol, position.side, snapshot.markets.get(position.symbol, Market()))
    terms = replace(terms, rate=ledger.rate_of(position.symbol) or Decimal(1))
    return Held(key=position.key, side=position.side, terms=terms, quantity=abs(position.quantity))
