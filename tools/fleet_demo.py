"""Show a fleet at work: Postgres in a temporary folder, 2,000 paper accounts, two workers, one of which is killed.

``make fleet-demo`` runs it. Every tenth account holds a position that no strategy knows, which its policy sells at
once, and an order that is too old. Everything that it starts it ends; its folder is removed, unless ``--keep``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.postgres import NoPostgres, Server, start_server

ACCOUNTS = 2_000
HOLDING = 10
"""Every so-manieth account has something to sell."""
_PATIENCE = 60.0
_WORKERS = "SELECT count(*) FROM exitplan.workers WHERE standing = 'active'"
_AT_WORK = """SELECT min(w.pid) FROM exitplan.cycles c JOIN exitplan.workers w USING (worker)
               WHERE c.ended_at IS NULL AND c.begun_at < now() - interval '0.3 s'"""
_SHIPPED = Path(__file__).parents[1] / "policies" / "default.yaml"
_POLICY = """\
version: 1
name: fleet-demo
extends: {shipped}
exits:
  - {{id: legacy, rule: 3, when: {{category: LEGACY_NON_COMPLIANT}}, action: close, because: not managed by a strategy}}
approval: {{mode: auto, kinds: [cancel_order, close], max_value: 5000}}
"""
_ACCOUNT = """\
version: 1
name: user {number}
extends: {folder}/policy.yaml
account:
  id: user-{number:05}
  venue: paper
  quote: USD
  options: {{file: {folder}/paper/{shard:02}/user-{number:05}.json, start_from: {folder}/{start}.json}}
"""
_MARKET = {
    "active": True,
    "amount_step": "0.001",
    "price_step": "0.01",
    "min_amount": "0.001",
    "min_notional": "1",
    "bid": "2999",
    "ask": "3001",
    "last": "3000",
    "price_status": "ok",
}


class DemoFailed(Exception):
    """The fleet did not do what the demo shows."""


@dataclass
class Demo:
    """The demo in a folder; what it has started is ended with it."""

    folder: Path
    accounts: int
    server: Server
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self) -> None:
        """Show it all; raises DemoFailed."""
        self.step("Make the tables, and take the accounts in from their files.")
        self.show("init")
        write_accounts(self.folder, self.accounts)
        self.show("import", str(self.folder / "accounts"))
        self.step("Start two workers, and begin a tick: every account is planned, and what may be done is done.")
        workers = [self.worker(), self.worker()]
        self.wait_for(_WORKERS, lambda count: count == len(workers))
        tick = self.start("tick", "--wait-only", "--json")
        self.wait_for_part(tick, 0.25)
        pid = self.wait_for(_AT_WORK, bool)
        first, second = sorted(workers, key=lambda worker: worker.pid != pid)
        self.step(f"Kill a worker in the middle of a shard: kill -9 {pid}. The other one takes that over.")
        first.send_signal(signal.SIGKILL)
        self.wait_for_part(tick, 1.0)
        figures = self.figures(tick)
        self.step("A second tick finds nothing left to do.")
        again = self.figures(self.start("tick", "--wait-only", "--json"))
        self.step("How the fleet stands.")
        self.show("status")
        self.step("Let the second worker leave.")
        second.terminate()
        if second.wait(60) != 0:
            raise DemoFailed(f"the worker left with {second.returncode}")
        self.check(figures, again)

    def check(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
        """Check that every account is CLEAN, and that each order was sent once; raises DemoFailed."""
        states = second["figures"].get("states", {})
        if states != {"CLEAN": self.accounts}:
            raise DemoFailed(f"not all accounts are CLEAN: {states}")
        sales = self.sales()
        if len(sales) != -(-self.accounts // HOLDING) or any(sale != sales[0] for sale in sales):
            raise DemoFailed(f"the sellers differ: {sales[:3]}")
        positions, orders, money = sales[0]
        if positions or orders:
            raise DemoFailed(f"the venue still has {positions} and {orders}")
        seconds = first["seconds"] + second["seconds"]
        sold = f"{len(sales):,} sold what they held, each once, and have {money} USD"
        say(f"\n{self.accounts:,} accounts are CLEAN; {sold}. The two ticks took {seconds:.0f} s.")

    def sales(self) -> list[tuple[Any, ...]]:
        """Return what the paper venue says of each account that had something to sell: positions, orders, and money."""
        files = sorted(self.folder.glob("paper/*/*.json"))
        documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        numbers = [int(file.stem.partition("-")[2]) for file in files]
        sellers = [document for number, document in zip(numbers, documents, strict=True) if number % HOLDING == 0]
        return [(one["positions"], one["open_orders"], one["cash"]["free"]) for one in sellers]

    # --- exitplan ---

    def command(self, *words: str) -> list[str]:
        """Return a command line of exitplan."""
        return [sys.executable, "-m", "exitplan", "fleet", *words]

    @property
    def environment(self) -> dict[str, str]:
        """Name the fleet's database."""
        return {**os.environ, "EXITPLAN_DATA": self.server.url()}

    def show(self, *words: str) -> None:
        """Run a command, and show what it prints; raises DemoFailed."""
        say(f"$ exitplan fleet {' '.join(words)}")
        done = subprocess.run(self.command(*words), env=self.environment, check=False)  # noqa: S603 - our own words
        if done.returncode:
            raise DemoFailed(f"exitplan fleet {words[0]} left with {done.returncode}")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command that goes on by itself."""
        say(f"$ exitplan fleet {' '.join(words)} &")
        process = subprocess.Popen(  # noqa: S603 - our own words
            self.command(*words), env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process

    def worker(self) -> subprocess.Popen[str]:
        """Start a worker with one process."""
        return self.start("worker", "--processes", "1")

    def figures(self, tick: subprocess.Popen[str]) -> Mapping[str, Any]:
        """Wait for a tick, and return what it came to; raises DemoFailed."""
        told, _ = tick.communicate(timeout=300)
        if tick.returncode:
            raise DemoFailed(f"the tick left with {tick.returncode}: {told[:2000]}")
        return dict(json.loads(told))

    def wait_for(self, query: str, is_it: Callable[[int], bool]) -> int:
        """Ask for a number until it is the one that is waited for, and return it; raises DemoFailed."""
        import psycopg  # noqa: PLC0415 - the demo says kindly where the server is missing

        until = time.monotonic() + _PATIENCE
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            while time.monotonic() < until:
                (number,) = connection.execute(query.encode()).fetchone() or (0,)
                if number is not None and is_it(number):
                    return int(number)
                time.sleep(0.05)
        raise DemoFailed(f"waited in vain for: {query}")

    def wait_for_part(self, tick: subprocess.Popen[str], part: float) -> None:
        """Wait until so much of the newest tick is done, and show how it goes."""
        import psycopg  # noqa: PLC0415 - as above

        query = """SELECT count(ended_at), count(*), coalesce(sum((figures ->> 'accounts')::int), 0)
                     FROM exitplan.cycles WHERE tick = (SELECT max(tick) FROM exitplan.ticks)"""
        said = -1
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            while tick.poll() is None:
                done, shards, accounts = connection.execute(query).fetchone() or (0, 0, 0)
                if done != said:
                    say(f"  {done:3} of {shards} shards, {accounts:,} accounts")
                    said = done
                if shards and done >= part * shards:
                    return
                time.sleep(0.25)

    def step(self, text: str) -> None:
        """Say what comes next."""
        say(f"\n# {text}")

    def end(self) -> None:
        """End what was started."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.server.kill()


def write_accounts(folder: Path, count: int) -> None:
    """Write the policy, the accounts, and what they hold at first."""
    (folder / "accounts").mkdir()
    (folder / "policy.yaml").write_text(_POLICY.format(shipped=_SHIPPED), encoding="utf-8")
    position: dict[str, Any] = {
        "symbol": "ETH/USD",
        "side": "long",
        "quantity": "1.5",
        "locked": "0",
        "contract_size": "1",
    }
    order: dict[str, Any] = {
        "id": "old-1",
        "client_order_id": None,
        "symbol": "ETH/USD",
        "side": "buy",
        "type": "limit",
    }
    order |= {"price": "1500", "trigger_price": None, "quantity": "0.5", "filled": "0"}
    times = {"taken_at": "2026-02-18T22:00:00Z"}
    position |= {"entry_price": None, "opened_at": "2026-02-09T14:05:00Z"}
    order |= {"created_at": "2026-02-18T09:10:00Z"}
    for start, positions, orders in (("quiet", [], []), ("holding", [position], [order])):
        snapshot = {
            "format_version": 1, "account": start, "venue": "paper", "quote": "USD", **times,
            "cash": {"free": "9250.00" if orders else "10000.00", "locked": "750.00" if orders else "0"},
            "other_cash": {}, "positions": positions, "open_orders": orders, "markets": {"ETH/USD": _MARKET},
            "tracker": {}, "rates": {},
        }  # fmt: skip
        (folder / f"{start}.json").write_text(json.dumps(snapshot), encoding="utf-8")
    for shard in range(100):
        (folder / "paper" / f"{shard:02}").mkdir(parents=True)
    for number in range(count):
        start = "quiet" if number % HOLDING else "holding"
        text = _ACCOUNT.format(number=number, folder=folder, shard=number % 100, start=start)
        (folder / "accounts" / f"user-{number:05}.yaml").write_text(text, encoding="utf-8")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Run the demo; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--keep", action="store_true", help="leave the folder, to look at it")
    given = parser.parse_args(words)
    folder = Path(tempfile.mkdtemp(prefix="exitplan-fleet-"))
    began = time.monotonic()
    try:
        folder.chmod(0o755)  # the server's own user has to pass through
        demo = Demo(folder, given.accounts, start_server(folder / "postgres"))
        try:
            demo.run()
        finally:
            demo.end()
    except (DemoFailed, NoPostgres) as problem:
        print(f"fleet-demo: {problem}", file=sys.stderr)
        return 1
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"It took {time.monotonic() - began:.0f} s." + (f" Left to look at: {folder}" if given.keep else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
