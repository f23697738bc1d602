"""A desk: accounts on paper and on loopback, their watcher, its channels, and the people who answer late."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from msgspec import structs

from exitplan.brokers.live.limits import TokenBucket
from exitplan.brokers.paper.options import read_options
from exitplan.brokers.registry import open_broker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.executor.accounts.account import Account, AccountFile, AccountRequest, read_account_files
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.accounts.selection import AccountSelection
from exitplan.executor.alerting.delivery import deliver
from exitplan.executor.approvals.deciding import Found, all_requests, approve, reject
from exitplan.executor.escalation.acknowledging import acknowledge
from exitplan.executor.escalation.climbing import Ack, Incident
from exitplan.executor.escalation.ladder import incidents_in, tend
from exitplan.executor.store.file_store import FileStore, files_below
from exitplan.executor.watching.accounts import accounts_now, open_as_it_is
from exitplan.executor.watching.rounds import Round
from exitplan.executor.watching.schedule import Pace
from exitplan.executor.watching.watcher import Surroundings, Watcher
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.policies import shipped_policy
from tests.executor.alerting.receiver import Receiver, receiver
from tests.executor.scene import StillClock, ensure_registered
from tests.executor.test_watcher import AtOnce
from tests.venues.fronts import account_at, new_credentials
from tests.venues.server import Handle, serving

HOUR = timedelta(hours=1)
CHANNELS = ("book", "desk", "phone", "boss")
MANNERS = {"taker_fee": 0, "maker_fee": 0, "spread": 0}
GUARDS = {"max_run_pct": 1, "max_actions": 1000}
LADDERS = [
    {
        "id": "zombie",
        "on": "zombie_exit_failed",
        "after": {"failures": 2},
        "steps": [
            {"channels": ["desk"]},
            {"after": "8h", "channels": ["phone"], "severity": "CRITICAL"},
            {"after": "12h", "channels": ["boss"]},
        ],
    },
    {
        "id": "unclean",
        "on": "not_clean",
        "after": {"hours": 10},
        "steps": [{"channels": ["desk"]}, {"after": "6h", "channels": ["phone", "boss"]}],
    },
]
_HEAD = re.compile(r"^(INFO|WARNING|CRITICAL) (\S+): ", re.MULTILINE)


@dataclass
class Desk:
    """What is on the desk; ``told`` are the rounds that were worth telling, ``deaths`` how often the watcher died."""

    root: Path
    every: timedelta
    receiver: Receiver
    clock: StillClock = field(default_factory=StillClock)
    venues: dict[str, Handle] = field(default_factory=dict)
    start: dict[str, Snapshot] = field(default_factory=dict)
    told: list[Round] = field(default_factory=list)
    deaths: int = 0
    _watcher: Watcher | None = None

    @property
    def data(self) -> Path:
        return self.root / "data"

    # --- setting it up ---

    def add(self, name: str, account: Snapshot, venue: str = "paper", **policy: Any) -> None:
        """Write an account's file; ``policy`` changes the default policy."""
        at_venue: dict[str, Any] = {"options": {"file": f"../paper/{name}.json", **MANNERS}}
        if venue != "paper":
            at_venue = {
                "credentials": f"env:{_variable(name)}",
                "base_url": self.venues[name].base_url,
                "rate_limit": {"burst": 100_000, "per_second": 100_000},
            }
        else:
            paper = self.root / "paper" / f"{name}.json"
            paper.parent.mkdir(exist_ok=True)
            paper.write_text(_json(snapshot_to_document(structs.replace(account, account=name))))
        document = {
            "version": 1,
            "name": name,
            "extends": str(shipped_policy("default")),
            "guards": GUARDS,
            "escalation": LADDERS,
            "account": {"id": name, "venue": venue, "quote": account.quote, **at_venue},
            **policy,
        }
        tracker = self.folder(name).tracker
        tracker.parent.mkdir(parents=True, exist_ok=True)
        tracker.write_text(_json({"positions": snapshot_to_document(account)["tracker"], "last_updated": None}))
        file = self.root / "accounts" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(document))
        self.start[name] = account

    def files(self) -> Mapping[str, AccountFile]:
        return read_account_files(self.root).sound

    def folder(self, name: str) -> DataFolder:
        return DataFolder.of(self.data, name)

    # --- the watcher ---

    def step(self) -> None:
        """Let the watcher do what is due, begun anew where it has died, and let time go by."""
        watcher = self._watcher or Watcher(self._surroundings(), Pace(self.every, 0 * HOUR, HOUR, jobs=100))
        self._watcher = watcher
        watcher.step(self.clock())
        self.clock.advance(self.every.total_seconds())

    def die(self) -> None:
        """Forget the watcher: whatever it knew is gone, as with its process."""
        self._watcher = None
        self.deaths += 1

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            find=lambda: accounts_now(AccountSelection(every=True), self.root),
            open=self._open,
            open_offline=self._open,
            store_of=files_below(self.data),
            clock=self.clock,
            sleep=self.clock.sleep,
            workers=AtOnce(),
            notify=self._hear,
            tend=tend,
            deliver=lambda names, now: deliver(self.root, self.data, names, now, sleep=self.clock.sleep, budget=None),
        )

    def _open(self, file: AccountFile) -> Account:
        """Open an account as the watcher does; what is asked again waits by the desk's clock."""
        account = open_as_it_is(file, AccountRequest(clock=self.clock, data=self.data, root=self.root))
        broker = open_broker(file.block, file.path.parent, self.clock)
        return replace(account, broker=RetryingBroker(broker, self.clock.sleep))

    def _hear(self, done: Round) -> None:
        if done.is_news:
            self.told.append(done)

    # --- people ---

    def waiting(self, account: str) -> list[Found]:
        """The plans of an account that wait for people."""
        found, problems = all_requests(self.files(), files_below(self.data))
        assert not problems
        return [one for one in found if (one.request.account, one.request.standing) == (account, "waiting")]

    def approve(self, account: str, *people: str) -> None:
        for one in self.waiting(account):
            for person in people:
                approve(one, person, self.clock())

    def reject(self, account: str, until: timedelta) -> None:
        for one in self.waiting(account):
            reject(one, "bob", self.clock(), "the listing is back on Monday", self.clock() + until)

    def ack(self, account: str, duration: timedelta) -> None:
        now = self.clock()
        for incident in incidents_in(FileStore.of(self.data, account)):
            stores = {account: FileStore.of(self.data, account)}
            acknowledge(stores, incident.id, Ack(0, "ann", now, "asked the venue", now + duration, is_undone=False))

    # --- looking ---

    def kinds(self, account: str) -> list[str]:
        return [done.kind for done in self.told if done.account == account]

    def state(self, account: str) -> str:
        return str(_read(self.folder(account).state)["account_state"])

    def alerts(self, account: str) -> list[dict[str, Any]]:
        file = self.folder(account).alerts
        lines = [orjson.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []
        for alert in lines:
            ensure_registered(alert)
        return lines

    def incidents(self, account: str) -> list[Incident]:
        store = FileStore.of(self.data, account)
        return [*incidents_in(store, ended=True), *incidents_in(store)]

    def delivered(self, channel: str) -> Counter[tuple[str, str]]:
        """How many alerts a channel got, by severity and account."""
        return Counter(
            (severity, account)
            for message in self.receiver.at(channel)
            for severity, account in _HEAD.findall(message["message"])
        )

    def raised(self, channel: str) -> Counter[tuple[str, str]]:
        """How many alerts it was to get: the book all that name no channel, every other one what names it."""
        accounts = ["platform", *(name for name in self.files() if name != "platform")]
        return Counter(
            (alert["severity"], name)
            for name in accounts
            for alert in self.alerts(name)
            if channel in alert.get("channels", ["book"])
        )

    def journalled(self, account: str) -> dict[str, Decimal]:
        """What the journal says was filled, by client order id."""
        with closing(sqlite3.connect(self.folder(account).journal)) as db:
            plans = {name: orjson.loads(text) for name, text in db.execute("SELECT plan_id, document FROM plans")}
            rows = list(db.execute("SELECT plan_id, action_id, filled FROM intents WHERE filled IS NOT NULL"))
        named = {
            (name, action["id"]): action["client_order_id"]
            for name, plan in plans.items()
            for action in plan["actions"]
        }
        return {named[plan, action]: Decimal(filled) for plan, action, filled in rows if Decimal(filled)}

    def open_plans(self, account: str) -> int:
        with closing(sqlite3.connect(self.folder(account).journal)) as db:
            return int(db.execute("SELECT count(*) FROM plans WHERE ended_at IS NULL").fetchone()[0])

    def filled(self, account: str) -> dict[str, Decimal]:
        """What the venue itself says was filled, by client order id: sales under one id are added up."""
        sums: Counter[str] = Counter()
        for name, quantity in self._fills(account):
            sums[name] += quantity  # type: ignore[assignment] # a Counter adds up decimals as well
        return {name: Decimal(quantity) for name, quantity in sums.items()}

    def _fills(self, account: str) -> Iterator[tuple[str, Decimal]]:
        if account in self.venues:
            for order in self.venues[account].venue.every_order():
                for fill in order.fills:
                    yield str(order.client_order_id), fill.quantity
            return
        for entry in _read(self._paper(account)).get("paper", {}).get("closed_orders", ()):
            for fill in entry["fills"]:
                yield str(entry["client_order_id"]), Decimal(fill["quantity"])

    def held(self, account: str) -> dict[str, Decimal]:
        if account in self.venues:
            positions = self.venues[account].venue.snapshot().positions
            return {entry.symbol: entry.quantity for entry in positions if entry.quantity}
        return {entry["symbol"]: Decimal(entry["quantity"]) for entry in _read(self._paper(account))["positions"]}

    def _paper(self, account: str) -> Path:
        """The paper account's file, which shows all that has happened once the account was read."""
        file = self.root / "paper" / f"{account}.json"
        open_broker(self.files()[account].block, self.root / "accounts", self.clock).read_account()
        return file

    def change_market(self, account: str, symbol: str, **changes: object) -> None:
        """Change how a paper account's market is listed."""
        file = self._paper(account)
        document = _read(file)
        document["markets"][symbol] |= changes
        file.write_text(_json(document))


@contextmanager
def desk_at(
    root: Path, every: timedelta, live: Mapping[str, tuple[str, Snapshot]], patch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Open a desk with its channels, and the venues of live accounts, which share its clock."""
    patch.setenv("EXITPLAN_CACHE_DIR", str(root / "cache"))
    patch.setattr(TokenBucket, "ready_in", lambda *_: 0.0)
    patch.setattr(TokenBucket, "take", lambda *_: 0.0)
    with ExitStack() as stack:
        desk = Desk(root, every, stack.enter_context(receiver()))
        for name, (venue, account) in live.items():
            desk.venues[name] = _serve(stack, desk, venue, account)
            for variable, value in desk.venues[name].credentials.environment(_variable(name)).items():
                patch.setenv(variable, value)
        channels: dict[str, dict[str, Any]] = {"book": {"repeat": "1s", "at_most": "1000/m"}}
        channels |= {name: {"only_named": True} for name in CHANNELS if name != "book"}
        for name, block in channels.items():
            patch.setenv(f"URL_{name.upper()}", desk.receiver.url(name))
            block["url"] = f"env:URL_{name.upper()}"
        (root / "alerts.yaml").write_text(yaml.safe_dump({"version": 1, "channels": channels}))
        yield desk


def _serve(stack: ExitStack, desk: Desk, venue: str, account: Snapshot) -> Handle:
    handle = stack.enter_context(
        serving(
            venue,
            account_at(venue, account),
            clock=desk.clock,
            options=read_options(MANNERS),
            credentials=new_credentials(venue),
        )
    )
    handle.venue.wait = desk.clock.advance
    gate: Any = getattr(handle.front, "gate", None)
    gate.clock = desk.clock
    for name in ("weights", "futures_weights"):
        if weights := getattr(handle.front, name, None):
            weights.limit, weights.is_told = 10**9, False
    return handle


def _variable(account: str) -> str:
    return f"DESK_{account.upper()}"


def _json(document: object) -> str:
    return orjson.dumps(document).decode()


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(file.read_bytes())
    return document
