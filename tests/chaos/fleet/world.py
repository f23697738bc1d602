"""A fleet that is to be broken: its server, its venue, its workers, and what happens to them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import psycopg
import yaml

from exitplan.brokers.paper import storage
from exitplan.brokers.paper.broker import PaperBroker, open_paper_account
from exitplan.brokers.protocol import Done, OrderRequest
from exitplan.ruleset.errors import ExitplanError
from tests.chaos.disturbances import Proxy
from tests.chaos.fleet.entry import LEASE, VARIABLE, Settings, Witness, quiet_from_now_on
from tools.postgres import Server, start_server

SYMBOLS = {"ETH/USD": "3000", "SOL/USD": "150", "XRP/USD": "2"}
WAKE = LEASE.total_seconds() + 1.5
"""Seconds after which a worker that has stopped itself is woken: its leases have ended by then."""
PATIENCE = 300.0
"""Seconds: on a machine that is busy a process takes a minute to start."""
_HERE = Path(__file__).parents[3]
_POLICY = """\
version: 1
name: {name}
extends: {shipped}
exits:
  - {{id: legacy, rule: 3, when: {{category: LEGACY_NON_COMPLIANT}}, action: close, because: not managed by a strategy}}
approval: {{mode: auto, kinds: [cancel_order, close], max_value: 500000}}
guards: {{max_equity_change_pct: 0.9}}
plan: {{valid_minutes: {minutes}}}
"""


class NotSettled(Exception):
    """The fleet did not come to rest."""


@dataclass
class Slot:
    """A worker: its own way to the database, and the process that is there now."""

    number: int
    proxy: Proxy
    settings: Settings
    process: subprocess.Popen[bytes] | None = None
    is_cut: bool = False
    ended: list[int] = field(default_factory=list)
    """Those of its processes that were ended on purpose."""

    @property
    def pid(self) -> int | None:
        return None if self.process is None or self.process.poll() is not None else self.process.pid

    def children(self) -> list[int]:
        return [] if self.pid is None else children_of(self.pid)


@dataclass
class Fleet:
    """The fleet in a folder."""

    root: Path
    server: Server
    count: int
    slots: list[Slot] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    halts: list[tuple[str, float, float]] = field(default_factory=list)
    """Halts: of an account or of all (''), from when and until when they were surely in force."""
    granted: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    people: list[subprocess.Popen[bytes]] = field(default_factory=list)
    seen: int = 0
    every: str | None = "2s"

    @property
    def url(self) -> str:
        return self.server.url()

    @property
    def witness(self) -> Witness:
        return Witness(self.root)

    @property
    def accounts(self) -> list[str]:
        return [f"user-{number:03}" for number in range(self.count)]

    # --- processes ---

    def environment(self, url: str, settings: Settings) -> dict[str, str]:
        return {**os.environ, "EXITPLAN_DATA": url, VARIABLE: settings.text, "NO_COLOR": "1"}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.fleet.entry", *words]

    def start(self, words: Sequence[str], url: str, settings: Settings) -> subprocess.Popen[bytes]:
        with (self.root / "output.log").open("ab") as output:
            return subprocess.Popen(
                self.command(*words),
                env=self.environment(url, settings), cwd=_HERE,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def ask(self, *words: str, settings: Settings | None = None, patience: float = PATIENCE) -> int:
        """Run a command of a person to its end."""
        process = self.start(words, self.url, settings or Settings(str(self.root)))
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return -9

    def hire(self, settings: Settings) -> Slot:
        """Start a worker on a way of its own."""
        slot = Slot(len(self.slots), self.stack.enter_context(Proxy.to(self.url)), settings)
        self.slots.append(slot)
        self.restart(slot)
        return slot

    def restart(self, slot: Slot) -> None:
        every = () if self.every is None else ("--every", self.every)
        words = ("fleet", "worker", "--processes", "1", "--json", *every)
        slot.process = self.start(words, slot.proxy.url, slot.settings)

    def kill(self, slot: Slot) -> None:
        if slot.process is not None and slot.pid is not None:
            slot.ended.append(slot.process.pid)
            slot.process.kill()
            slot.process.wait()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something later."""
        self.later.append((time.monotonic() + seconds, act))

    def tend(self) -> None:
        """Do what is due, wake who has stopped himself in time, and start anew who has ended."""
        now = time.monotonic()
        due = [act for moment, act in self.later if moment <= now]
        self.later = [entry for entry in self.later if entry[0] > now]
        for act in due:
            act()
        notes = self.witness.read("stopping")
        for note in notes[self.seen :]:
            pids = (int(note["worker"]), int(note["pid"]))
            self.at(WAKE, lambda pids=pids: wake(pids))  # type: ignore[misc]
        self.seen = len(notes)
        for slot in self.slots:
            if slot.process is not None and slot.process.poll() is not None:
                if slot.process.pid not in slot.ended and slot.process.returncode:
                    self.witness.note("ended", code=slot.process.returncode, process=slot.process.pid)
                self.restart(slot)
        self.people = [person for person in self.people if person.poll() is None]

    # --- the database, past exitplan ---

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def wait_for(self, sql: str, seconds: float = PATIENCE, *values: object) -> Any:
        """Ask until the answer is something; raises NotSettled."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(psycopg.Error):
                found = self.rows(sql, *values)
                if found and found[0][0]:
                    return found[0][0]
            time.sleep(0.03)
        raise NotSettled(f"waited in vain for: {sql}")

    # --- the venue ---

    def broker(self, account: str) -> PaperBroker:
        block = {"id": account, "quote": "USD", "options": {"file": str(self.paper(account)), **_starting(self.root)}}
        return open_paper_account(block, self.root, lambda: datetime.now(UTC))

    def paper(self, account: str) -> Path:
        return self.root / "paper" / f"{account}.json"

    def grant(self, account: str, chance: Random) -> bool:
        """Let somebody who is no strategy buy something for an account that is at rest; tells whether he did."""
        try:
            if self.rows("SELECT 1 FROM exitplan.plans WHERE account = %s AND ended_at IS NULL", account):
                return False
            broker = self.broker(account)
            if broker.read_account().positions:
                return False
            for symbol in chance.sample(sorted(SYMBOLS), chance.randint(1, len(SYMBOLS))):
                quantity = Decimal(chance.randint(20, 900)) / 1000 + 10
                wanted = OrderRequest(client_order_id=None, symbol=symbol, side="buy", type="market", quantity=quantity)
                if not isinstance(broker.place_order(wanted), Done):
                    continue
                known = self.granted.setdefault(account, {})
                known[symbol] = known.get(symbol, Decimal(0)) + quantity
        except (ExitplanError, psycopg.Error):
            return False
        return True

    def end(self) -> None:
        """End all that was started."""
        for slot in self.slots:
            if slot.process is not None and slot.process.poll() is None:
                wake([slot.process.pid, *slot.children()])
                slot.process.kill()
                slot.process.wait()
        for person in self.people:
            person.kill()
            person.wait()
        self.stack.close()
        self.server.resume()
        self.server.kill()


def children_of(pid: int) -> list[int]:
    """List the children of a process, whichever of its threads started them."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def signal_all(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def wake(pids: Sequence[int]) -> None:
    signal_all(pids, signal.SIGCONT)


@contextmanager
def fleet_of(count: int, *, size: int = 10) -> Iterator[Fleet]:
    """Make a fleet of so many accounts, without workers, for the time of the block."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - below it a random name
    root = Path(mkdtemp(prefix="exitplan-fleetchaos-", dir=memory))
    storage.LOCK_SECONDS = 1  # who is stopped in the middle of a change holds the lock
    fleet: Fleet | None = None
    try:
        root.chmod(0o711)
        fleet = Fleet(
            root, start_server(root / "pg", options={"max_connections": "100", "shared_buffers": "32MB"}), count
        )
        _write(fleet)
        for words in (("fleet", "init"), ("fleet", "import", str(root / "accounts"), "--size", str(size))):
            if fleet.ask(*words):
                raise NotSettled((root / "output.log").read_text()[-2000:])
        yield fleet
    finally:
        if fleet is not None:
            fleet.end()
        shutil.rmtree(root, ignore_errors=True)


def _starting(root: Path) -> dict[str, Any]:
    return {"start_from": str(root / "start.json"), "spread": 0, "taker_fee": 0}


def _write(fleet: Fleet) -> None:
    root = fleet.root
    (root / "accounts").mkdir()
    (root / "paper").mkdir()
    for name, minutes in (("first", 15), ("second", 14)):
        text = _POLICY.format(name=name, shipped=_HERE / "policies" / "default.yaml", minutes=minutes)
        (root / f"{name}.yaml").write_text(text)
    market = {
        "active": True, "amount_step": "0.001", "price_step": "0.01", "min_amount": "0.001", "min_notional": "1",
        "price_status": "ok",
    }  # fmt: skip
    markets = {name: {**market, "bid": price, "ask": price, "last": price} for name, price in SYMBOLS.items()}
    start = {
        "format_version": 1, "account": "start", "venue": "paper", "quote": "USD", "taken_at": "2026-02-18T22:00:00Z",
        "cash": {"free": "10000000", "locked": "0"}, "other_cash": {}, "positions": [], "open_orders": [],
        "markets": markets, "tracker": {}, "rates": {},
    }  # fmt: skip
    (root / "start.json").write_text(json.dumps(start))
    for account in fleet.accounts:
        block = {"id": account, "venue": "paper", "quote": "USD"}
        block |= {"options": {"file": str(fleet.paper(account)), **_starting(root)}}  # type: ignore[dict-item]
        document = {"version": 1, "name": account, "extends": str(root / "first.yaml"), "account": block}
        (root / "accounts" / f"{account}.yaml").write_text(yaml.safe_dump(document))


__all__ = ["Fleet", "NotSettled", "Settings", "Slot", "fleet_of", "quiet_from_now_on", "replace", "signal_all", "wake"]
