"""Accounts at simulated venues: the same for the same number, and one in ten has something to sell in each cycle.

A venue is a lookup in this process. Quiet accounts share the few portfolios that there are, so that memory and
CPU are those of exitplan.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from bench.orders import EngineBroker
from exitplan.brokers.identity import Identity
from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.brokers.protocol import (
    Broker,
    Capabilities,
    ConvertRequest,
    LookUp,
    OrderReference,
    OrderRequest,
    Outcome,
    PastOrders,
    ToldMarkets,
)
from exitplan.executor.accounts.account import Account
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Cash, Conversion, Market, Position, Snapshot, TrackerRecord
from exitplan.schemas.policies import LoadedPolicy, load_policy

BEGINNING = datetime(2026, 2, 18, 22, tzinfo=UTC)
BETWEEN = timedelta(minutes=5)
"""What passes between two cycles."""
MOST_POSITIONS = 6
ONE_IN = 10
"""One account in so many has orders to send in a cycle."""
_PORTFOLIOS = 70
_SYMBOLS = tuple(f"C{number:03d}/USD" for number in range(40))
_SOLD = "ZOMBIE/USD"
_STEP = Decimal("0.001")
_CAPABILITIES = Capabilities(
    client_order_ids="A",
    unique_client_order_ids="ever",
    reduce_only=True,
    stop_market=True,
    stop_limit=True,
    convert=False,
    receive_window=5,
    live=False,
    writes_at_once=8,
    cancels_at_once=8,
)


@cache
def _markets() -> Mapping[str, Market]:
    chance, step = random.Random(7), Decimal("0.001")
    prices = {symbol: Decimal(chance.randint(100, 100_000)) / 100 for symbol in (*_SYMBOLS, _SOLD)}
    return {
        symbol: Market(last=price, bid=price, ask=price, amount_step=step, min_amount=step, min_notional=Decimal(1))
        for symbol, price in prices.items()
    }


@cache
def _portfolio(number: int) -> Snapshot:
    """Make one of the portfolios: up to six positions that a strategy looks after."""
    chance = random.Random(number)
    symbols = chance.sample(_SYMBOLS, number % (MOST_POSITIONS + 1))
    markets = _markets()
    value = Decimal(1000)
    positions = tuple(
        Position(symbol, "long", (value / (markets[symbol].last or value)).quantize(_STEP)) for symbol in symbols
    )
    tracker = {
        one.symbol: TrackerRecord(
            entry_price=markets[one.symbol].last,
            quantity=one.quantity,
            position_source="nija_strategy",
            strategy="APEX_v7.1",
            first_entry_time=BEGINNING - timedelta(days=1),
            stop_price=(markets[one.symbol].last or value) / 2,
        )
        for one in positions
    }
    held = {symbol: markets[symbol] for symbol in symbols}
    return Snapshot("", "paper", "USD", BEGINNING, Cash(Decimal(10_000)), positions, (), held, tracker)


@dataclass
class World:
    """The venues of all accounts in this process, and their time: a cycle after the other."""

    cycle: int = 0
    engines: dict[int, tuple[int, EngineBroker]] = field(default_factory=dict)
    orders: int = 0

    def now(self) -> datetime:
        """Return the time of the cycle."""
        return BEGINNING + self.cycle * BETWEEN

    def sells(self, number: int) -> bool:
        """Check whether an account has something to sell in this cycle."""
        return (number + self.cycle) % ONE_IN == 0

    def read(self, number: int, account: str) -> Snapshot:
        """Read an account."""
        if self.sells(number):
            return replace(self.engine(number).read_account(), account=account, taken_at=self.now())
        base = _portfolio(number % _PORTFOLIOS)
        return Snapshot(
            account, base.venue, base.quote, self.now(), base.cash, base.positions, (), base.markets, base.tracker
        )

    def engine(self, number: int) -> EngineBroker:
        """Return the matching engine of an account for this cycle, which has something to sell in the beginning."""
        cycle, engine = self.engines.get(number, (-1, None))
        if engine is None or cycle != self.cycle:
            base, market = _portfolio(number % _PORTFOLIOS), _markets()[_SOLD]
            held = Position(_SOLD, "long", (Decimal(100) / (market.last or 1)).quantize(_STEP))
            start = replace(
                base,
                positions=(*base.positions, held),
                markets={**base.markets, _SOLD: market},
                tracker={**base.tracker, _SOLD: TrackerRecord(position_source="nija_strategy")},
            )
            engine = EngineBroker(MatchingEngine(start), _CAPABILITIES)
            self.engines[number] = self.cycle, engine
        return engine


@dataclass(frozen=True, slots=True)
class SimulatedBroker:
    """An account of the world."""

    world: World
    number: int
    account: str

    @property
    def venue(self) -> str:
        """The venue's id."""
        return "paper"

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do."""
        return _CAPABILITIES

    def read_account(self) -> Snapshot:
        """Read the account."""
        return self.world.read(self.number, self.account)

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
        self.world.orders += len(requests)
        return self.world.engine(self.number).place_orders(requests)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders."""
        return self.world.engine(self.number).cancel_orders(references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders."""
        return self.cancel_orders(references), None

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find an order."""
        return self.world.engine(self.number).look_up_order(reference)

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders."""
        return tuple(map(self.look_up_order, references))

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Convert a balance."""
        return self.world.engine(self.number).convert_dust(request)


@cache
def policy() -> LoadedPolicy:
    """Return the policy of all accounts: the default one, which sends what is within its limits without asking."""
    folder = Path(__file__).parent
    return load_policy(folder / "fleet.yaml")


def account_of(number: int, world: World, store: AccountStore) -> Account:
    """Open an account of the world."""
    name = name_of(number)
    loaded = policy()
    return Account(
        id=name,
        venue="paper",
        quote="USD",
        file=_FILE,
        loaded=loaded,
        rulebook=rulebook_of(loaded.policy),
        broker=cast("Broker", SimulatedBroker(world, number, name)),
        store=store,
        clock=world.now,
        overrides={},
        identity=Identity("paper", name),
    )


def name_of(number: int) -> str:
    """Return the id of an account."""
    return f"sim-{number:06d}"


_FILE = Path("fleet")
