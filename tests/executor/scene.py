"""A paper account in a folder of its own, with a clock that stands still and a wire that breaks on demand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import yaml
from msgspec import structs

from exitplan.brokers.identity import identity_of
from exitplan.brokers.paper.account_file import Owner, PaperFile
from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.paper.engine import Prices
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.registry import open_broker
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.apply.events import EVENT_KINDS, ApplyResult, Event
from exitplan.executor.plan import plan_account
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.executor.store.file_store import files_below, folder_of
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.store.state import State, state_from_document
from exitplan.executor.verify import verify_account
from exitplan.ruleset.model.snapshot import OpenOrder, Position, PriceStatus, Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_reading import tracker_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.checks import AccountState, Checks
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.schemas.documents import load_document, parse_document
from exitplan.schemas.policies import shipped_policy
from tests.builders import NOW, Amount, order, position, record, snapshot
from tests.faults import Fault, FaultyBroker, Trouble, as_broker

_OPENED: dict[str, Account] = {}

WIDE = {"max_run_pct": 1, "max_actions": 10_000}
"""Guards out of the way of tests that are about something else."""

AT_ONCE = {"unwind_interval_minutes": 0}
"""No pace between the cycles of an unwind, for tests that are about something else."""


@dataclass
class StillClock:
    """A clock that moves when it is told to; sleeping moves it, and is remembered."""

    now: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


def ensure_registered(alert: Mapping[str, Any]) -> None:
    """Check that an alert carries the figures that are registered of its kind, and no others."""
    told = alert.keys() - {"timestamp", "alert_type", "severity", "user_id", "alert_id", "channels"}
    figures = ALERT_KINDS[alert["alert_type"]].figures
    always = {figure.name for figure in figures if not figure.optional}
    assert always <= told <= {figure.name for figure in figures}


@dataclass
class Scene:
    """One account with all that is around it."""

    root: Path
    clock: StillClock
    trouble: Trouble
    policy: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    store_of: StoreOpener | None = field(default=None, kw_only=True)

    # --- doing ---

    def open(self) -> Account:
        """Open the account anew, as a new process would; the policy is loaded into the engine only once."""
        text = yaml.safe_dump(self.policy)
        file = self.root / "account.yaml"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        if text not in _OPENED:
            _OPENED[text] = open_account(AccountRequest(clock=self.clock, account=str(file)))
        broker = as_broker(FaultyBroker(self.venue(), self.trouble, self.clock))
        identity = identity_of(self.policy["account"], self.root)
        return replace(_OPENED[text], file=file, broker=broker, store=self.store, clock=self.clock, identity=identity)

    def venue(self) -> PaperBroker:
        """The venue itself, past the wire."""
        broker = open_broker(self.policy["account"], self.root, self.clock)
        assert isinstance(broker, PaperBroker)
        return broker

    def plan(self, scope: PlanScope = PlanScope()) -> dict[str, Any]:  # noqa: B008 - it is frozen
        self.clock.advance(1)  # two plans of one moment would be one
        document = plan_account(self.open(), scope).document
        self.plans.append(document)
        return document

    def apply(self, plan: Mapping[str, Any] | None = None, *, stop_after: int | None = None) -> ApplyResult:
        """Apply a plan, else a new one; ``stop_after`` is how many actions a person lets it do."""
        asked = iter(range(10**6))
        return apply_plan(
            self.open(),
            read_plan(self.plan() if plan is None else plan),
            notify=self.heard,
            stopped=lambda: stop_after is not None and next(asked) >= stop_after,
            sleep=self.clock.sleep,
        )

    def heard(self, event: Event) -> None:
        """Take an event, and look whether the state file can be read at that moment."""
        assert event.kind in EVENT_KINDS
        self.events.append(event)
        if self.store_of is None and self.folder.state.exists():
            load_document(self.folder.state, "state")

    def verify(self) -> Checks:
        return verify_account(self.open())

    def until_quiet(self, cycles: int = 12) -> list[int]:
        """Plan and apply until nothing is left to do; gives the exit codes."""
        codes: list[int] = []
        for _ in range(cycles):
            self.clock.advance(60)
            plan = self.plan()
            if not plan["actions"] and not any(found.get("unwind") for found in plan["positions"]):
                return codes
            codes.append(self.apply(plan).exit_code)
        raise AssertionError(f"not quiet after {cycles} cycles: {codes}")

    # --- the world goes on ---

    def break_writes(self, *faults: Fault) -> None:
        self.trouble.writes.extend(faults)

    def move_price(self, symbol: str, last: str | None, status: PriceStatus | None = None) -> None:
        price = None if last is None else Decimal(last)
        self.venue().move_price(symbol, Prices(last=price, price_status=status))

    def touch(self, symbol: str, price: str) -> None:
        """Let the price touch a level for a moment, so that what rests there is filled."""
        self.move_price(symbol, price)
        self.move_price(symbol, "100")

    def hold(self, symbol: str, quantity: str | None) -> None:
        """Change what is held behind our back; None takes the position away."""
        document = self.document()
        for entry in list(document["positions"]):
            if entry["symbol"] == symbol and quantity is None:
                document["positions"].remove(entry)
            elif entry["symbol"] == symbol:
                entry["quantity"] = quantity
        self._write(document)

    def list_market(self, symbol: str, **changes: bool | str | None) -> None:
        document = self.document()
        document["markets"][symbol] |= changes
        self._write(document)

    def track(self, **records: TrackerRecord) -> None:
        """Write the tracker's file; records are named by the base currency."""
        quote = self.policy["account"]["quote"]
        account = {f"{base}/{quote}": entry for base, entry in records.items()}
        document = snapshot_to_document(structs.replace(snapshot(), tracker=account))
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.folder.tracker.write_bytes(orjson.dumps({"positions": document["tracker"], "last_updated": None}))

    # --- looking ---

    @property
    def store(self) -> AccountStore:
        """The account's store as another process would find it: files, unless the scene is set elsewhere."""
        return (self.store_of or files_below(self.root / "data"))(self.policy["account"]["id"])

    @property
    def folder(self) -> DataFolder:
        return folder_of(self.store)

    def document(self) -> dict[str, Any]:
        """The paper account's file, which shows all that has happened once the account was read."""
        file = self.root / "paper.json"
        PaperFile(file, Owner(self.policy["account"]["id"]), PaperOptions()).read(self.clock())
        known: dict[str, Any] = json.loads(file.read_text())
        return known

    def _write(self, document: Mapping[str, Any]) -> None:
        (self.root / "paper.json").write_text(json.dumps(document))

    def account(self) -> Snapshot:
        return self.venue().read_account()

    def held(self, symbol: str = "AAA/USD", side: str = "long") -> str:
        """How much is held, past the wire."""
        found = [entry for entry in self.account().positions if (entry.symbol, entry.side) == (symbol, side)]
        return format(found[0].quantity.normalize(), "f") if found else "0"

    def fills(self) -> dict[str, Decimal]:
        """What the venue filled, by client order id."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for entry in self.document().get("paper", {}).get("closed_orders", ()):
            if entry["client_order_id"]:
                sums[entry["client_order_id"]] += sum(Decimal(fill["quantity"]) for fill in entry["fills"])
        return dict(sums)

    def state(self) -> State:
        return state_from_document(load_document(self.folder.state, "state"))

    def state_document(self) -> dict[str, Any]:
        return load_document(self.folder.state, "state")

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts, each line checked against its schema, and against the figures that are registered of its kind."""
        if not self.folder.alerts.exists():
            return []
        alerts = [parse_document(line, "alert", "alerts") for line in self.folder.alerts.read_bytes().splitlines()]
        for alert in alerts:
            ensure_registered(alert)
        return alerts

    def alert_kinds(self) -> list[str]:
        return [alert["alert_type"] for alert in self.alerts()]

    def tracked(self) -> dict[str, TrackerRecord]:
        return tracker_from_document(load_document(self.folder.tracker, "tracker")["positions"])

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [event.data for event in self.events if event.kind == kind]

    def says(self) -> AccountState | None:
        return self.state().account_state


def stage(root: Path, account: Snapshot, base: str = "default", **changes: Any) -> Scene:
    """Set a scene in a folder: an account file, and a paper account that is like ``account``.

    Further arguments change the policy: ``options`` the paper account's options, ``account_id`` the account's id.
    """
    options = {"file": "paper.json", "taker_fee": 0, "maker_fee": 0, "spread": 0, **changes.pop("options", {})}
    block = {"id": changes.pop("account_id", "platform"), "venue": "paper", "quote": account.quote, "options": options}
    parts = {
        "parameters": {**AT_ONCE, **changes.pop("parameters", {})},
        "guards": {**WIDE, **changes.pop("guards", {})},
        "account": block,
    }
    policy = {"version": 1, "name": "test", "extends": str(shipped_policy(base)), **parts}
    scene = Scene(root, StillClock(), Trouble(), {**policy, **changes})
    scene._write(snapshot_to_document(structs.replace(account, account=block["id"])))
    return scene


LEGACY = position("AAA/USD", 100)
"""100 units worth 10,000 that nobody has registered."""


def statuses(result: ApplyResult) -> list[str]:
    return [outcome.status for outcome in result.outcomes]


def kinds(plan: Mapping[str, Any]) -> list[str]:
    return [action["kind"] for action in plan["actions"]]


def legacy(*more: Position, **parts: Any) -> Snapshot:
    """An account with one legacy position of 100, and what else is asked for."""
    return snapshot(LEGACY, *more, **parts)


def zombie(**parts: Any) -> Snapshot:
    """An account with 100 of something tracked without an entry price: a zombie on a market that trades."""
    return snapshot(LEGACY, tracked={"AAA/USD": record(entry=None)}, **parts)


def over_cap(locked: Amount = 0, **parts: Any) -> Snapshot:
    """Three positions of which AAA is the smallest and legacy: the one that is closed where two may be held."""
    positions = (position("AAA/USD", 100, locked=locked), position("BBB/USD", 200), position("CCC/USD", 300))
    return snapshot(*positions, tracked=("BBB/USD", "CCC/USD"), **parts)


def resting(quantity: str = "40") -> OpenOrder:
    """A sell order that rests on AAA, far from the price and not stale."""
    return order("rest", "AAA/USD", "sell", quantity, price=500)
