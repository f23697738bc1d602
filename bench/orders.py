"""Measure orders through the journal: ``python -m bench.orders``, beside plain SQLite writes as the floor.

The venue is the paper venue with its file, and its matching engine alone, so that what remains is our own cost.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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
from exitplan.executor.plan import plan_account
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.state import State, state_to_document
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Cash, Conversion, Market, Position, Snapshot, snapshot_to_document
from exitplan.schemas.policies import shipped_policy

Result = TypeVar("Result")
NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
ORDERS = 200
JOURNALLED = 10_000
MOST_COMMITS = 1
"""Durable commits that an order may take: one with which it is sent and what came of those before it is recorded."""

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
    """What a run of orders cost: wall seconds, durable commits, and how many orders there were."""

    orders: int
    seconds: float
    commits: int

    @property
    def rate(self) -> float:
        """Return the orders per second."""
        return self.orders / self.seconds


@dataclass(frozen=True, slots=True)
class OrderCosts:
    """All measurements of orders; ``resumed`` holds the seconds of each step with many ``journalled`` orders."""

    floor: OrderRun
    engine: OrderRun
    file: OrderRun
    journalled: int
    resumed: dict[str, float]


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
    return OrderCosts(
        floor=_in_folder(lambda root: _floor(root, orders)),
        engine=_in_folder(lambda root: _run(_account(root, orders, in_memory=True))),
        file=_in_folder(lambda root: _run(_account(root, orders, in_memory=False))),
        journalled=journalled,
        resumed=_in_folder(lambda root: _resume(_account(root, journalled, in_memory=True))),
    )


def orders_table(costs: OrderCosts) -> str:
    """Format how fast orders go, what they cost compared with the floor, and what it takes to resume after a crash."""
    floor = costs.floor.rate
    runs = {"SQLite alone": costs.floor, "journal, matching engine": costs.engine, "journal, paper venue": costs.file}
    rates = aligned(
        ["orders", "orders per second", "us per order", "x floor", "commits per order"],
        [
            [
                name,
                figure(run.rate),
                figure(1e6 / run.rate),
                figure(floor / run.rate),
                f"{run.commits / run.orders:.2f}",
            ]
            for name, run in runs.items()
        ],
    )
    first = next(iter(costs.resumed.values()))
    steps = aligned(
        [f"with {costs.journalled:,} journalled orders", "ms", "x floor"],
        [[name, figure(took * 1e3), figure(took / first)] for name, took in costs.resumed.items()],
    )
    return f"{rates}\n\n{steps}"


def _account(root: Path, size: int, *, in_memory: bool) -> Account:
    """Make an account of ``size`` legacy positions to unwind."""
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
    request = AccountRequest(clock=lambda: NOW, account=str(root / "account.yaml"), data=root / "data")
    account = open_account(request)
    if not in_memory:
        return account
    return replace(account, broker=EngineBroker(MatchingEngine(held), account.broker.capabilities))


def _run(account: Account) -> OrderRun:
    """Apply a plan of one order for each position."""
    plan = plan_account(account).plan
    times: dict[str, float] = {}

    def note(event: Event) -> None:
        times.setdefault(event.kind, time.perf_counter())

    with _counted_commits() as commits:
        result = apply_plan(account, plan, notify=note)
    if any(outcome.status != "done" for outcome in result.outcomes):
        raise RuntimeError("not every order was done")
    return OrderRun(len(result.outcomes), times["verified"] - times["run_started"], commits.between)


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
        before = time.perf_counter()
        for number in range(orders):
            db.execute("INSERT INTO orders (id, sent_at) VALUES (?, ?)", (number, "2026-02-18T22:00:00Z"))
            db.execute("UPDATE orders SET filled = ? WHERE id = ?", ("5000", number))
        return OrderRun(orders, time.perf_counter() - before, 2 * orders)


def _resume(account: Account) -> dict[str, float]:
    """Time how a plan is taken up again of which all orders but one were done before the crash."""
    plan = plan_account(account).plan
    path = account.folder.journal
    with open_journal(path) as journal:
        journal.begin_run(plan, state_to_document(State()), NOW)
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "UPDATE intents SET status = 'done', attempt = 1, quantity = '5000', filled = '5000', sent_at = ?"
            " WHERE number > 0",
            ("2026-02-18T22:00:00Z",),
        )
        db.commit()
    times: dict[str, float] = {}
    read = _timed(lambda: _read_plainly(path))
    opened = _timed(lambda: _open(path))
    intents = _timed(lambda: _intents(path, plan.plan_id))

    def note(event: Event) -> None:
        times.setdefault(event.kind, time.perf_counter())

    before = time.perf_counter()
    result = apply_plan(account, plan, notify=note)
    after = time.perf_counter()
    if len(result.outcomes) != len(plan.actions):
        raise RuntimeError("not every order is accounted for")
    return {
        "SQLite alone: open, read the rows": read,
        "open the journal, with its check": opened,
        "open it and read the orders": intents,
        "resume: until the first order is sent": times["action_started"] - before,
        "resume: to the end, verified": after - before,
    }


def _read_plainly(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("SELECT * FROM intents").fetchall()


def _open(path: Path) -> None:
    with open_journal(path):
        pass


def _intents(path: Path, plan: str) -> None:
    with open_journal(path) as journal:
        journal.intents(plan)


def _timed(act: Callable[[], None], rounds: int = 5) -> float:
    """Return the shortest wall time of several rounds, in seconds."""
    best = float("inf")
    for _ in range(rounds):
        before = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - before)
    return best


def _in_folder(act: Callable[[Path], Result]) -> Result:
    with tempfile.TemporaryDirectory(prefix="exitplan-bench-") as folder:
        return act(Path(folder))


def main() -> int:
    """Print the tables; return 1 if an order takes more commits than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders in a run")
    parser.add_argument("--journalled", type=int, default=JOURNALLED, help="orders in the journal that is resumed")
    options = parser.parse_args()
    costs = measure_orders(options.orders, options.journalled)
    print(orders_table(costs))
    # What came of the last is recorded in a commit of its own.
    return int(max(costs.engine.commits, costs.file.commits) > MOST_COMMITS * options.orders + 1)


if __name__ == "__main__":
    sys.exit(main())
