"""Measure orders through the journal: ``python -m bench.orders``, beside plain SQLite writes as the floor.

The venue is the paper venue with its file, and its matching engine alone, so that what remains is our own cost. What it
takes to go on is measured after a run that was killed before its last order was sent.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from unittest import mock

import orjson

from bench.tables import aligned, figure
from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.brokers.protocol import (
    Capabilities,
    ConvertRequest,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderRequest,
    Outcome,
    PastOrders,
    ToldMarkets,
)
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.apply.events import Event
from exitplan.executor.apply.orders import order_for
from exitplan.executor.plan import plan_account
from exitplan.executor.store.journal_file import open_journal
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Cash, Conversion, Market, Position, Snapshot
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.policies import shipped_policy

Result = TypeVar("Result")
NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
ORDERS = 200
JOURNALLED = 10_000
MOST_COMMITS = 1
"""Durable commits that a group of orders may take: one with which it is sent and the one before it is recorded."""

_ACCOUNT = """
version: 1
name: bench
extends: {policy}
guards: {{max_actions: 100000, max_run_pct: 1}}
parameters: {{max_positions: 10000}}
account: {{id: platform, venue: paper, quote: USD, options: {{file: paper.json, spread: 0}}}}
"""


@dataclass(frozen=True, slots=True)
class OrderRun:
    """What a run of orders cost: wall seconds, seconds of CPU, durable commits, and how many orders there were.

    ``at_once`` is how many orders went out together, and shared a commit.
    """

    orders: int
    wall: float
    cpu: float
    commits: int
    at_once: int = 1

    @property
    def rate(self) -> float:
        """Return the orders per second."""
        return self.orders / self.wall

    @property
    def has_few_commits(self) -> bool:
        """Check whether no group took more commits than it may; what came of the last is recorded in one of its own."""
        return self.commits <= MOST_COMMITS * -(-self.orders // self.at_once) + 1


@dataclass(frozen=True, slots=True)
class OrderCosts:
    """All measurements of orders: ``runs`` by name, the floor first.

    ``resumed`` holds the wall seconds and those of CPU of each step with many ``journalled`` orders.
    """

    runs: Mapping[str, OrderRun]
    journalled: int
    resumed: Mapping[str, tuple[float, float]]


class RunWasKilled(Exception):
    """The run was cut off here."""


class EngineBroker:
    """The paper venue without its file: the matching engine alone."""

    venue = "paper"

    def __init__(self, engine: MatchingEngine, capabilities: Capabilities) -> None:
        self._engine = engine
        self._capabilities = capabilities

    @property
    def capabilities(self) -> Capabilities:
        """What the paper venue can do."""
        return self._capabilities

    def read_account(self) -> Snapshot:
        """Read the account."""
        return self._engine.snapshot(NOW)

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:  # noqa: ARG002 - as asked
        """Return no history."""
        return {}

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:  # noqa: ARG002 - as asked
        """Convert nothing."""
        return {}

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:  # noqa: ARG002 - as asked
        """Know nothing of markets."""
        return ToldMarkets()

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:  # noqa: ARG002 - as asked
        """Return none."""
        return PastOrders()

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        """Take orders."""
        return tuple(self._engine.place(request, NOW) for request in requests)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders."""
        return tuple(self._engine.cancel(reference, NOW) for reference in references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders."""
        return self.cancel_orders(references), None

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find an order."""
        report = self._engine.look_up(reference)
        return NotFound() if report is None else Found(report)

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders, one by one."""
        return tuple(self.look_up_order(reference) for reference in references)

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Convert a balance."""
        return self._engine.convert(request, NOW)


def measure_orders(orders: int = ORDERS, journalled: int = JOURNALLED) -> OrderCosts:
    """Measure ``orders`` orders at each venue and on the floor, and what ``journalled`` ones cost to take up again."""
    gc.set_threshold(50_000, 20, 100)  # as the command line does
    together = _in_folder(lambda root: _account(root, 1)).broker.capabilities.writes_at_once

    def engine(at_once: int) -> OrderRun:
        return _in_folder(lambda root: _run(_on_engine(_account(root, orders), at_once)))

    return OrderCosts(
        runs={
            "SQLite alone, two commits each": _in_folder(lambda root: _floor(root, orders)),
            "matching engine alone": _in_folder(lambda root: _engine_alone(_on_engine(_account(root, orders), 1))),
            "journal, matching engine, one at a time": engine(1),
            f"journal, matching engine, {together} at once": engine(together),
            f"journal, paper venue, {together} at once": _in_folder(lambda root: _run(_account(root, orders))),
        },
        journalled=journalled,
        resumed=_in_folder(lambda root: _resume(root, journalled)),
    )


def orders_table(costs: OrderCosts) -> str:
    """Format how fast orders go, what they cost compared with the floor, and what it takes to resume after a crash."""
    floor = next(iter(costs.runs.values()))
    rates = aligned(
        ["orders", "orders per second", "us per order", "us of CPU", "x floor", "of CPU", "commits per order"],
        [
            [
                name,
                figure(run.rate),
                figure(1e6 / run.rate),
                figure(run.cpu / run.orders * 1e6),
                figure(floor.rate / run.rate),
                figure(run.cpu / run.orders / (floor.cpu / floor.orders)),
                f"{run.commits / run.orders:.2f}",
            ]
            for name, run in costs.runs.items()
        ],
    )
    steps = aligned(
        [f"with {costs.journalled:,} journalled orders", "ms", "ms of CPU"],
        [[name, figure(wall * 1e3), figure(cpu * 1e3)] for name, (wall, cpu) in costs.resumed.items()],
    )
    return f"{rates}\n\n{steps}"


def _account(root: Path, size: int) -> Account:
    """Make an account of ``size`` positions to close, at the paper venue."""
    symbols = [f"C{number:06d}/USD" for number in range(size)]
    step = Decimal("0.001")
    market = Market(last=Decimal(100), amount_step=step, min_amount=step, min_notional=Decimal(1))
    held = Snapshot(
        account="platform",
        venue="paper",
        quote="USD",
        taken_at=NOW,
        cash=Cash(Decimal(size * 100_000), Decimal(0)),
        positions=tuple(Position(symbol, "long", Decimal(20_000)) for symbol in symbols),
        open_orders=(),
        markets=dict.fromkeys(symbols, market),
        tracker={},
        rates={},
    )
    (root / "account.yaml").write_text(_ACCOUNT.format(policy=shipped_policy("default")), encoding="utf-8")
    (root / "paper.json").write_bytes(orjson.dumps(snapshot_to_document(held)))
    return _opened(root)


def _opened(root: Path) -> Account:
    return open_account(AccountRequest(clock=lambda: NOW, account=str(root / "account.yaml"), data=root / "data"))


def _on_engine(account: Account, at_once: int, engine: MatchingEngine | None = None) -> Account:
    """Return an account at the matching engine alone, which takes so many orders at once."""
    able = replace(account.broker.capabilities, writes_at_once=at_once, cancels_at_once=at_once)
    known = engine or MatchingEngine(account.broker.read_account())
    return replace(account, broker=EngineBroker(known, able))


class _Clock:
    """Notes when an event of a run was told first, in wall seconds and those of CPU since its beginning."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[float, float]] = {}
        self._began = time.perf_counter(), time.process_time()

    def note(self, event: Event) -> None:
        """Note an event."""
        self.told.setdefault(event.kind, self.now())

    def now(self) -> tuple[float, float]:
        """Return what has passed since the beginning."""
        wall, cpu = self._began
        return time.perf_counter() - wall, time.process_time() - cpu

    def between(self, first: str, last: str) -> tuple[float, float]:
        """Return what has passed between two events."""
        (wall, cpu), (later_wall, later_cpu) = self.told[first], self.told[last]
        return later_wall - wall, later_cpu - cpu


def _run(account: Account) -> OrderRun:
    """Apply a plan of one order for each position."""
    plan, clock = plan_account(account).plan, _Clock()
    with _counted_commits() as commits:
        result = apply_plan(account, plan, notify=clock.note)
    if any(outcome.status != "done" for outcome in result.outcomes):
        raise RuntimeError("not every order was done")
    at_once = account.broker.capabilities.writes_at_once
    return OrderRun(len(result.outcomes), *clock.between("run_started", "verified"), commits.between, at_once)


def _engine_alone(account: Account) -> OrderRun:
    """Place the orders of a plan with nothing around them."""
    plan, snapshot, policy = plan_account(account).plan, account.broker.read_account(), account.rulebook.policy
    requests = [
        order_for(action, action.quantity, account.broker.capabilities, snapshot, policy) for action in plan.actions
    ]
    clock = _Clock()
    account.broker.place_orders(requests)
    return OrderRun(len(requests), *clock.now(), 0)


@dataclass
class _Commits:
    """Commits seen; ``between`` are those of orders, from the first sent to the last resolved."""

    seen: list[str]

    @property
    def between(self) -> int:
        marks = [number for number, text in enumerate(self.seen) if text != "COMMIT"]
        # The commit of the last outcome follows its statement.
        return self.seen[marks[0] : marks[-1] + 2].count("COMMIT") if marks else 0


@contextmanager
def _counted_commits() -> Iterator[_Commits]:
    """Watch every statement that SQLite runs, and keep the commits and the changes of intents."""
    commits = _Commits([])
    connect = sqlite3.connect

    def note(statement: str) -> None:
        if statement == "COMMIT" or statement.startswith("UPDATE intents"):
            commits.seen.append("COMMIT" if statement == "COMMIT" else "intent")

    def watched(path: Path, *, isolation_level: None, timeout: float) -> sqlite3.Connection:
        connection = connect(path, isolation_level=isolation_level, timeout=timeout)
        connection.set_trace_callback(note)
        return connection

    with mock.patch("sqlite3.connect", watched):
        yield commits


def _floor(root: Path, orders: int) -> OrderRun:
    """Write the least that an order needs: a row before it is sent, and its outcome; each in a durable commit."""
    with closing(sqlite3.connect(root / "floor.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, sent_at TEXT, filled TEXT)")
        clock = _Clock()
        for number in range(orders):
            db.execute("INSERT INTO orders (id, sent_at) VALUES (?, ?)", (number, "2026-02-18T22:00:00Z"))
            db.execute("UPDATE orders SET filled = ? WHERE id = ?", ("5000", number))
        return OrderRun(orders, *clock.now(), 2 * orders)


def _resume(root: Path, orders: int, rounds: int = 3) -> dict[str, tuple[float, float]]:
    """Time how a plan is taken up again after its run was killed before the last of its orders was sent."""
    first = root / "first"
    first.mkdir()
    account = _account(first, orders)
    engine = MatchingEngine(account.broker.read_account())
    account = _on_engine(account, account.broker.capabilities.writes_at_once, engine)
    plan = plan_account(account).plan
    _run_until(account, plan, plan.actions[-1].id)
    path = account.folder.journal
    taken = {
        "SQLite alone: open, read the rows": _timed(lambda: _read_plainly(path)),
        "open the journal, with its check": _timed(lambda: _open(path)),
        "open it and read the orders": _timed(lambda: _intents(path, plan.plan_id)),
    }
    for number in range(rounds):
        again = root / f"again{number}"
        shutil.copytree(first, again)
        venue = MatchingEngine(engine.snapshot(NOW), engine.notes())
        resumed = _resume_once(_on_engine(_opened(again), account.broker.capabilities.writes_at_once, venue), plan)
        taken = {**taken, **{name: min(took, taken.get(name, took), key=_cpu) for name, took in resumed.items()}}
    return taken


def _run_until(account: Account, plan: Plan, last: str) -> None:
    """Apply a plan, and be killed before one of its orders is sent."""

    def kill(event: Event) -> None:
        if event.kind == "action_started" and event.data["id"] == last:
            raise RunWasKilled

    with suppress(RunWasKilled):
        apply_plan(account, plan, notify=kill)


def _resume_once(account: Account, plan: Plan) -> dict[str, tuple[float, float]]:
    gc.collect()
    clock = _Clock()
    result = apply_plan(account, plan, notify=clock.note, sleep=lambda _: None)
    ended = clock.now()
    if any(outcome.status != "done" for outcome in result.outcomes):
        raise RuntimeError("not every order was done")
    return {
        "resume: until the first order is sent": clock.told["action_started"],
        "resume: to the end, verified": ended,
    }


def _cpu(took: tuple[float, float]) -> float:
    return took[1]


def _read_plainly(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("SELECT * FROM intents").fetchall()


def _open(path: Path) -> None:
    with open_journal(path):
        pass


def _intents(path: Path, plan: str) -> None:
    with open_journal(path) as journal:
        journal.intents(plan)


def _timed(act: Callable[[], None], rounds: int = 5) -> tuple[float, float]:
    """Return the seconds of the round that took the least CPU, of several: wall, and CPU."""
    taken = []
    for _ in range(rounds):
        clock = _Clock()
        act()
        taken.append(clock.now())
    return min(taken, key=_cpu)


def _in_folder(act: Callable[[Path], Result]) -> Result:
    with tempfile.TemporaryDirectory(prefix="exitplan-bench-") as folder:
        return act(Path(folder))


def main() -> int:
    """Print the tables; return 1 if a group of orders takes more commits than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders in a run")
    parser.add_argument("--journalled", type=int, default=JOURNALLED, help="orders in the journal that is resumed")
    options = parser.parse_args()
    costs = measure_orders(options.orders, options.journalled)
    print(orders_table(costs))
    return int(not all(run.has_few_commits for name, run in costs.runs.items() if name.startswith("journal")))


if __name__ == "__main__":
    sys.exit(main())
