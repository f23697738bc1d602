"""A law: what the watcher of one machine does with an account, a cycle of a fleet does, and tells of it the same."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec import structs

from bench.fleet.world import BETWEEN
from exitplan.executor.accounts.account import Account, AccountFile
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.approvals.book import open_book
from exitplan.executor.escalation.ladder import incidents_in, tend
from exitplan.executor.store.history import past_runs
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.store.state import State, state_to_document
from exitplan.executor.watching.schedule import Pace
from exitplan.executor.watching.watcher import Surroundings, Watcher
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import AccountUnreadable, EngineDisagreement
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.schemas.policies import LoadedPolicy, load_policy
from tests.executor.test_watcher import AtOnce
from tests.fleet.shards import Shard, ToldWorld

_first = itertools.count(500, 11)
FAILURES = ("the venue does not answer", "the venue answers nonsense", "engine")
POLICY = """\
version: 1
name: law
extends: {base}
approval: {approval}
escalation:
  - id: clean
    on: not_clean
    after: {{minutes: 7}}
    steps: [{{channels: [desk]}}, {{after: 10m, channels: [phone], severity: CRITICAL}}]
  - id: zombie
    on: zombie_exit_failed
    after: {{failures: 1}}
    steps: [{{channels: [desk]}}]
"""


@pytest.fixture(scope="module", autouse=True)
def policies(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("policies")
    base = Path(__file__).parents[2] / "bench" / "fleet" / "fleet.yaml"
    for approval in ("auto", "manual"):
        (folder / f"{approval}.yaml").write_text(POLICY.format(base=base, approval=approval), encoding="utf-8")
    LawShard.folder = folder
    policy.cache_clear()


@cache
def policy(approval: str) -> LoadedPolicy:
    return load_policy(LawShard.folder / f"{approval}.yaml")


@dataclass
class FailingWorld(ToldWorld):
    """A world in which an account fails in one way or another, or has lost its money."""

    fails: str | None = None
    is_poor: bool = False

    def read(self, number: int, account: str) -> Snapshot:
        if self.fails == "engine":
            raise EngineDisagreement("the engines disagree", reproducer="{}")
        if self.fails is not None:
            raise AccountUnreadable(self.fails)
        snapshot = super().read(number, account)
        return (
            structs.replace(snapshot, cash=structs.replace(snapshot.cash, free=snapshot.cash.free / 10))
            if self.is_poor
            else snapshot
        )


class LawShard(Shard):
    """One account, under a policy with ladders."""

    folder: Path
    approval = "auto"

    def account(self, place: int) -> Account:
        loaded = policy(self.approval)
        return replace(super().account(place), loaded=loaded, rulebook=rulebook_of(loaded.policy))


@dataclass
class Watched:
    """The account under a watcher."""

    shard: LawShard
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        shard = self.shard
        file = AccountFile(Path("law"), replace(policy(shard.approval), account={"id": "x", "venue": "paper"}))
        given = Surroundings(
            find=lambda: [Selected(shard.account(0).id, file)],
            open=lambda _: shard.account(0),
            open_offline=lambda _: shard.account(0),
            store_of=lambda name: PostgresStore(shard.database, name),
            clock=shard.world.now,
            sleep=lambda _: None,
            workers=AtOnce(),
            tend=tend,
        )
        self.watcher = Watcher(given, Pace(BETWEEN, timedelta(0), timedelta(minutes=4)))

    def cycle(self) -> None:
        self.shard.world.cycle += 1
        now = self.shard.world.now()
        for track in self.watcher._tracks.values():
            track.due = now  # the watcher leaves alone for a while who fails again and again; a fleet has its ticks
        self.watcher.step(now)


happening = some.sampled_from(
    ["selling", "poor", "halt", "resume", "mark", "leased", "approve", "reject", "later", *FAILURES]
)
stories = some.lists(some.sets(happening, max_size=3), min_size=1, max_size=7)


def happen(shard: LawShard, what: set[str], held: ExitStack) -> None:
    """Let things happen to the account before a cycle."""
    world, store, now = shard.world, shard.account(0).store, shard.world.now()
    assert isinstance(world, FailingWorld)
    world.selling = {shard.first} if "selling" in what else set()
    world.fails, world.is_poor = next((one for one in FAILURES if one in what), None), "poor" in what
    world.later += timedelta(hours=1) if "later" in what else timedelta(0)
    if "halt" in what:
        store.halt("so it is", now)
    if "resume" in what:
        store.resume()
    if "mark" in what and store.has_journal():
        store.mark_gate_closed("so it is", now)
    if store.has_journal() and what & {"approve", "reject"}:
        with open_book(store) as book:
            waiting = book.waiting()
            if waiting is not None and "reject" in what:
                book.reject(waiting.id, "alice", now, "no")
            elif waiting is not None:
                book.approve(waiting.id, "alice", now, shard.account(0).rulebook.policy.guards["max_price_move_pct"])
    if "leased" in what:
        held.enter_context(store.lease(now))


def seen(shard: LawShard) -> dict[str, str]:
    """Return all that can be seen of the account, without its name and what is by chance."""
    account = shard.account(0)
    store = account.store
    asked = "SELECT document FROM exitplan.alerts WHERE account = %s ORDER BY number"
    alerts = [orjson.loads(document) for (document,) in shard.ask(asked, account.id)]
    requests: list[Any] = []
    if store.has_journal():
        with open_book(store) as book:
            requests = [(one.content, one.standing, len(one.votes), one.reasons) for one in book.requests()]
    incidents = [*incidents_in(store), *incidents_in(store, ended=True)]
    told: dict[str, object] = {
        "state": _without_prices(store.read_state()) if store.has_journal() else {},
        "alerts": sorted(_plain(alert) for alert in alerts),
        "requests": requests,
        "incidents": [(one.kind, one.subject, one.step, one.opened_at, one.ended_how) for one in incidents],
        "mark": store.find_mark(),
        "gate": shard.gate(0).reason,
        "runs": len(past_runs(account)),
    }
    return {name: str(part).replace(account.id, "ACCOUNT") for name, part in told.items()}


def _without_prices(state: State) -> dict[str, Any]:
    """Return a state without prices: an account that has orders to send notes them a cycle later."""
    return state_to_document(replace(state, last_prices={}))


_CHANCE = {"alert_id", "request", "incident", "plan_id", "reproducer", "hint", "replaces"}
"""What of an alert tells one account from another."""


def _plain(alert: dict[str, Any]) -> str:
    return str({name: value for name, value in alert.items() if name not in _CHANCE})


@given(some.sampled_from(["auto", "manual"]), stories)
def test_a_fleet_does_and_tells_what_a_watcher_does(database: Database, approval: str, story: list[set[str]]) -> None:
    number = next(_first)
    single, batched = (LawShard(database, FailingWorld(), number + offset, size=1) for offset in (0, 70_000))
    for shard in (single, batched):
        shard.approval = approval
    watched = Watched(single)
    for what in story:
        for shard in (single, batched):
            with ExitStack() as held:
                happen(shard, what, held)
                if shard is single:
                    watched.cycle()
                else:
                    batched.cycle()
        assert seen(batched) == seen(single), what
