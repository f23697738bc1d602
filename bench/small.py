"""What a small account in order takes, of which a fleet has thousands: nearly all of it is there without a position."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import orjson

from bench.portfolio import TAKEN_AT
from bench.tables import aligned, figure
from bench.work import count_calls
from exitplan.executor.readings import after_reading, after_run
from exitplan.executor.store.state import State, state_from_document, state_to_document
from exitplan.ruleset.engine.rulebook import Rulebook, rulebook_of
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Snapshot, TrackerRecord
from exitplan.ruleset.planning.plan import write_plan
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.schemas.policies import load_policy, shipped_policy

SIZES = (0, 1, 5, 20)
_RUNS, _TIMES = 15, 100
_OPENED = TAKEN_AT - timedelta(hours=3)
_EVEN = Decimal("0.005")
_CAP = 20


def quiet_account(size: int) -> Snapshot:
    """Make an account of ``size`` positions that a strategy manages: there is nothing to do."""
    symbols = [f"C{number:06d}/USD" for number in range(size)]
    prices = {symbol: 10 + Decimal(number) / 100 for number, symbol in enumerate(symbols)}
    return Snapshot(
        account="small",
        venue="paper",
        quote="USD",
        taken_at=TAKEN_AT,
        cash=Cash(Decimal(1_000), Decimal(100)),
        positions=tuple(Position(name, "long", Decimal("50.25"), opened_at=_OPENED) for name in symbols),
        markets={symbol: _market(price) for symbol, price in prices.items()},
        tracker={symbol: _record(price) for symbol, price in prices.items()},
    )


def _market(price: Decimal) -> Market:
    return Market(
        amount_step=Decimal("0.0001"),
        price_step=Decimal("0.01"),
        min_amount=Decimal("0.001"),
        min_notional=Decimal(1),
        bid=price - _EVEN,
        ask=price + _EVEN,
        last=price,
    )


def _record(price: Decimal) -> TrackerRecord:
    return TrackerRecord(price, Decimal("50.25"), "nija_strategy", "APEX_v7.1", _OPENED, price * Decimal("0.9"))


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a look at an account in order is made of, in steps; ``state`` is that of the last run, as a store has it."""

    book: Rulebook
    snapshot: Snapshot
    state: bytes

    @classmethod
    def of(cls, size: int) -> Cycle:
        """Make the account and the state that it was left in, under the default policy with a higher cap."""
        book = rulebook_of(load_policy(shipped_policy("default"), {"max_positions": _CAP}).policy)
        snapshot = quiet_account(size)
        seen = Observation.of(snapshot, book.policy, State().progress, TAKEN_AT)
        left = after_run(after_reading(State(), seen), book.policy, seen.account, TAKEN_AT)
        return cls(book, snapshot, orjson.dumps(state_to_document(left)))

    def load(self) -> State:
        """Read the state."""
        return state_from_document(orjson.loads(self.state))

    def observe(self, state: State) -> Observation:
        """Observe the account."""
        return Observation.of(self.snapshot, self.book.policy, state.progress, TAKEN_AT)

    def decide(self, seen: Observation, state: State) -> tuple[PlanInput, Draft]:
        """Decide what is to be done."""
        given = PlanInput(self.book, self.snapshot, TAKEN_AT, state.progress, seen=seen)
        return given, draft_plan(given)

    def whole(self) -> bytes:
        """Do all of it, as far as no plan is read: load, observe, decide, remember."""
        state = self.load()
        seen = self.observe(state)
        read = after_reading(state, seen)
        self.decide(seen, read)
        return orjson.dumps(state_to_document(read))


@dataclass(frozen=True, slots=True)
class SmallCost:
    """Microseconds of CPU for one account, the quickest of some rounds, and the calls of functions in ``whole``."""

    whole: float
    load: float
    observe: float
    decide: float
    write: float
    calls: int


def time_small(sizes: Sequence[int] = SIZES) -> dict[int, SmallCost]:
    """Measure accounts of these sizes."""
    return {size: _cost(Cycle.of(size)) for size in sizes}


def calls_of(size: int) -> int:
    """Count the calls of functions in a look at an account in order."""
    cycle = Cycle.of(size)
    cycle.whole()  # what is loaded or kept the first time is not work of the second
    return count_calls(cycle.whole)


def _cost(cycle: Cycle) -> SmallCost:
    state = cycle.load()
    seen = cycle.observe(state)
    given, draft = cycle.decide(seen, state)
    if draft.actions or draft.unwinds:
        raise AssertionError("an account in order has nothing to do")
    return SmallCost(
        whole=_us(cycle.whole),
        load=_us(cycle.load),
        observe=_us(lambda: cycle.observe(state)),
        decide=_us(lambda: cycle.decide(seen, state)),
        write=_us(lambda: write_plan(given, draft, {})),
        calls=calls_of(len(cycle.snapshot.positions)),
    )


def _us(run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_RUNS):
        before = time.process_time()
        for _ in range(_TIMES):
            run()
        best = min(best, time.process_time() - before)
    return best / _TIMES * 1e6


def small_table(costs: Mapping[int, SmallCost]) -> str:
    """Write the costs of an account by its positions; the floor is an account that has none."""
    floor = costs[min(costs)].whole
    rows = [
        [
            f"{size:,}",
            *map(figure, (cost.whole, cost.load, cost.observe, cost.decide)),
            f"{cost.whole / floor:.1f}",
            f"{cost.calls:,}",
            figure(cost.write),
        ]
        for size, cost in costs.items()
    ]
    header = [
        "us per account, at positions",
        "whole",
        "load",
        "observe",
        "decide",
        "x none",
        "calls",
        "writing a plan",
    ]
    return aligned(header, rows)
