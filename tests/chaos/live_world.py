"""A live account on loopback: ccxt's real clients over HTTP before a venue that outlives them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

import exitplan.brokers.live.client
import exitplan.brokers.venues.bybit
from exitplan.brokers.identity import identity_of
from exitplan.brokers.live.cache import CACHE_VARIABLE
from exitplan.brokers.live.checked import CheckedClient
from exitplan.brokers.paper.options import PaperOptions, read_options
from exitplan.brokers.protocol import Broker, Clock
from exitplan.brokers.registry import open_broker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.brokers.venues import dialect_of
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import is_derivative
from tests.chaos.loopback import CLIENT_SECONDS, Loopback, credentials_at, start
from tests.chaos.wire import Record, WireClock, WireFile
from tests.chaos.world import ACCOUNTS, Play, World
from tests.executor.crashes import Points, raise_crash
from tests.executor.scene import stage
from tests.venues import binance_shapes, bybit_shapes, coinbase_shapes, kraken_shapes
from tests.venues.fronts import account_at

_NAME = "CHAOS"
"""What the variables with the credentials begin with."""
_AT_ONCE = {"burst": 100_000, "per_second": 100_000}
_AT_ONCE_AT_MOST = 20
_IN_A_GROUP = 3
"""Orders that go side by side: few, so that an account has several groups of them."""
_SHORTEST_SECRET = 12
_OWN_FILES = frozenset({"paper.json", "wire.json", "port"})


@dataclass
class VenueWorld(World):
    """A world whose account is at a live venue, which answers at ``base_url``."""

    venue_name: str = field(kw_only=True)
    base_url: str = field(kw_only=True)
    resting: frozenset[str] = field(kw_only=True)

    def open(self) -> Account:
        """Open the account as exitplan does; the policy is loaded into the engine only once."""
        file = self.root / "account.yaml"
        file.write_text(yaml.safe_dump(self.policy))
        with self._credentials():
            account = _opened(file, self.clock)
            identity = identity_of(self._block(), self.root)
        broker, store = self.connected(), self.store
        return replace(account, file=file, broker=broker, store=store, clock=self.clock, identity=identity)

    def connected(self) -> Broker:
        """Open a connection to the venue, whose questions are asked again where nobody answers."""
        with self._credentials():
            return RetryingBroker(open_broker(self._block(), self.root, self.clock), self.clock.sleep)

    def _block(self) -> dict[str, Any]:
        return {**self.policy["account"], "base_url": self.base_url}

    @contextmanager
    def _credentials(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in credentials_at(self.venue_name).environment(_NAME).items():
                patch.setenv(variable, value)
            yield

    # --- what is there, past exitplan's own reading ---

    def orders(self) -> list[Mapping[str, Any]]:
        """The venue's own record of every order, under the ids that the venue gives them."""
        return [{**entry, "id": _NAMED[self.venue_name](entry["id"])} for entry in super().orders()]

    def sold(self) -> dict[str, Decimal]:
        """What the venue filled, by client order id; a conversion has none, and is put down to what asked for it."""
        sums = super().sold()
        for entry in super().orders():
            if entry.get("type") == "convert":
                name = self._asked_by(entry["symbol"])
                sums[name] = sums.get(name, Decimal(0)) + sum(Decimal(fill["quantity"]) for fill in entry["fills"])
        return sums

    def _asked_by(self, symbol: str) -> str:
        done = {(row["plan_id"], row["action_id"]) for row in self.intents() if row["status"] == "done"}
        asked = [
            ((plan["plan_id"], action["id"]) in done, action["client_order_id"])
            for plan in self.saved_plans()
            for action in plan["actions"]
            if (action["kind"], action["symbol"]) == ("convert_dust", symbol)
        ]
        return str(max(asked)[1]) if asked else f"conversion of {symbol}"

    def has_foreign_trades(self) -> bool:
        return any(self._is_foreign(entry) for entry in super().orders())

    def _is_foreign(self, entry: Mapping[str, Any]) -> bool:
        ours = entry["client_order_id"] or entry.get("type") == "convert" or entry["id"] in self.resting
        return not ours and bool(entry["fills"])

    def leaks(self) -> list[str]:
        """Name the files of ours that hold a part of the credentials."""
        pair = credentials_at(self.venue_name)
        lines = [line for line in (pair.key, *pair.secret.splitlines()) if not line.startswith("-----")]
        secrets = [line.encode() for line in lines if len(line) >= _SHORTEST_SECRET]
        files = [path for path in self.root.rglob("*") if path.is_file() and path.name not in _OWN_FILES]
        return [path.name for path in files if any(secret in path.read_bytes() for secret in secrets)]


@dataclass
class LiveWorld(VenueWorld):
    """A world whose venue is a process that listens on loopback."""

    loopback: Loopback = field(kw_only=True)

    def prepare(self) -> None:
        """Let this process, which is about to die, keep the listings with the rest, and be impatient."""
        os.environ[CACHE_VARIABLE] = str(self.root / "cache")
        exitplan.brokers.live.client.READ_SECONDS = CLIENT_SECONDS
        exitplan.brokers.venues.bybit.HISTORY_WEEKS = 1  # there is none, and each week is a request
        dialect = type(dialect_of(self.venue_name))
        dialect.traits = replace(dialect.traits, writes_at_once=_IN_A_GROUP)

    def points(self, at: int = 0, die: Callable[[], object] = raise_crash) -> Points:
        return WirePoints(at, die=die)

    def is_calm(self) -> bool:
        told = self.loopback.control()
        return not (sum(told["waiting"].values()) or told["under_way"] or told["hidden"])

    def faults_met(self) -> int:
        return sum(count for name, count in self.loopback.control()["met"].items() if name != "none")

    def drain(self) -> None:
        self.clock.advance(4 * self.window)
        self.loopback.control()

    def end(self) -> None:
        self.loopback.end()


class WirePoints(Points):
    """The places of any run, and those before and after each request over HTTP."""

    def install(self, patch: pytest.MonkeyPatch) -> None:
        super().install(patch)
        patch.setattr(CheckedClient, "fetch2", self.around(CheckedClient.fetch2))


_NAMED: Mapping[str, Callable[[str], str]] = {
    "kraken": lambda name: kraken_shapes.kraken_id("O", name),
    "coinbase": coinbase_shapes.new_uuid,
    "bybit": bybit_shapes.order_id,
    "binance": lambda name: str(binance_shapes.number_of(name)),
}


_OPENED: dict[str, Account] = {}


def _opened(file: Path, clock: Clock) -> Account:
    text = file.read_text()
    if text not in _OPENED:
        _OPENED[text] = open_account(AccountRequest(clock=clock, account=str(file)))
    return _OPENED[text]


def build_live(
    root: Path, venue: str, account: str, troubles: Record, options: Mapping[str, Any] | None = None
) -> LiveWorld:
    """Build a world in an empty folder, and start its venue."""
    wire = WireFile(root / "wire.json")
    wire.write(Record(at_once=_AT_ONCE_AT_MOST, began=time.monotonic()))
    return build_beside(root, venue, ACCOUNTS[account], troubles, wire, options)


def build_beside(
    root: Path,
    venue: str,
    play: Play,
    troubles: Record,
    wire: WireFile,
    options: Mapping[str, Any] | None = None,
    account_id: str = "platform",
) -> LiveWorld:
    """Build a world on a wire that is there, and start its venue."""
    start_with = account_at(venue, play.account())
    scene = stage(root, start_with, base=play.base, parameters=dict(play.parameters))
    scene.policy["account"] = block_at(venue, start_with, account_id)
    (root / "paper.json").unlink()
    faults = {"writes": troubles.writes, "look_ups": troubles.look_ups, "reads": troubles.reads}
    loopback = start(venue, start_with, manners_of(options), wire, faults, root)
    world = LiveWorld(
        root,
        WireClock(wire=wire),
        scene.trouble,
        scene.policy,
        wire=wire,
        window=dialect_of(venue).traits.receive_window,
        recovery_seconds=5.0,
        longest_life=0.5,
        venue_name=venue,
        base_url=loopback.base_url,
        loopback=loopback,
        resting=resting_in(start_with),
    )
    world.track(**{symbol.partition("/")[0]: entry for symbol, entry in start_with.tracker.items()})
    return world


def block_at(venue: str, account: Snapshot, account_id: str = "platform") -> dict[str, Any]:
    """Return the ``account`` block of an account at a venue."""
    return {
        "id": account_id,
        "venue": venue,
        "quote": account.quote,
        "credentials": f"env:{_NAME}",
        "base_url": "http://127.0.0.1",
        "rate_limit": _AT_ONCE,
        "market_types": ["spot", "swap"] if any(map(is_derivative, account.markets)) else ["spot"],
    }


def manners_of(options: Mapping[str, Any] | None = None) -> PaperOptions:
    """Return the manners of a venue that takes no fees and has no spread, unless told."""
    return read_options({"taker_fee": 0, "maker_fee": 0, "spread": 0, **(options or {})})


def resting_in(account: Snapshot) -> frozenset[str]:
    """Return the ids of the orders that rest in an account from the start: they are nobody's of ours."""
    return frozenset(order.id for order in account.open_orders)
