"""exitplan in a process of a broken fleet: ``python -m tests.chaos.fleet.entry fleet worker ...``.

It is exitplan's own command line. What is added are leases that end sooner, a venue that takes a moment and may lose a
request or its reply, moments at which the process stops itself, and a witness that writes down what was done when.
``EXITPLAN_CHAOS`` holds the :class:`Settings`.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import Capabilities, OrderRequest, Outcome, RefusalReason, Refused, Unknown
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.postgres.database import open_database
from exitplan.executor.store.postgres.leases import Lease, LeaseKeeper
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet import opening
from exitplan.fleet.batch import shard_batch, writing
from exitplan.fleet.batch.shard_batch import ShardBatch, Written
from exitplan.fleet.registry import FleetAccount
from exitplan.fleet.runner import due, performing, presence, shards, shift, ticks, worker
from exitplan.ruleset.model.snapshot import Snapshot
from tests.chaos.fleet.mutants import MUTANTS

VARIABLE = "EXITPLAN_CHAOS"
PERFORMER = "tests.chaos.fleet.entry:make_performer"
WINDOW = 1
"""Seconds for which the venue takes a request after it was signed."""
LEASE = timedelta(seconds=4)
"""How long a shard stays with a worker that is not heard of; a quarter of what it is in earnest, as all times here."""
ACCOUNT_LEASE = 4.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What goes wrong in a process.

    ``lost`` is the part of all requests that get lost, or their replies; ``stops`` that of the groups of orders before
    which the whole worker stops, ``stops_in_write`` that of the shards before whose end it does, and
    ``stops_in_transaction`` that of those where it does in the middle of the transaction. ``takes`` and ``reads`` are
    the seconds that the venue needs for an order and for a reading. ``skew`` is how far the clock is ahead. The process
    that has a ``poisoned`` account in hand dies. ``in_earnest`` leases last as long as they do for users. ``mutant`` is
    the safety that is taken out.
    """

    root: str
    lost: float = 0.0
    stops: float = 0.0
    stops_in_write: float = 0.0
    stops_in_transaction: float = 0.0
    takes: float = 0.03
    reads: float = 0.004
    skew: float = 0.0
    poisoned: str = ""
    in_earnest: bool = False
    mutant: str = ""

    @property
    def text(self) -> str:
        """What the process is told."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Witness:
    """Writes down what processes did, in one file for all; a line is whole, whoever dies."""

    root: Path

    @property
    def file(self) -> Path:
        return self.root / "witness.log"

    @property
    def size(self) -> int:
        """How many bytes were written: whether anything was done since."""
        return self.file.stat().st_size if self.file.exists() else 0

    def note(self, what: str, **more: object) -> None:
        line = json.dumps({"t": time.time(), "pid": os.getpid(), "what": what, **more}).encode() + b"\n"
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def read(self, *kinds: str) -> list[dict[str, Any]]:
        """Return what was noted of some kinds, in its order."""
        if not self.file.exists():
            return []
        notes = [json.loads(line) for line in self.file.read_bytes().splitlines()]
        return [note for note in notes if note["what"] in kinds]


class Trouble:
    """What goes wrong in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.witness = Witness(Path(settings.root))
        self.chance = Random()  # noqa: S311 - chance, no secret
        self.looked: dict[str, float] = {}
        self.checked: dict[str, float] = {}
        self.stopping = threading.Lock()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        if not self.settings.in_earnest:
            for module in (opening, shards):
                patch.setattr(module, "open_database", partial(open_database, lease_seconds=ACCOUNT_LEASE))
            patch.setattr(ticks, "LEASE", LEASE)
            patch.setattr(presence, "LOST", LEASE)
            patch.setattr(worker, "BEAT", 0.8)
            patch.setattr(shift, "MARGIN", 0.8)
        patch.setattr(performing, "Means", partial(performing.Means, performer=PERFORMER))
        if self.settings.skew:
            patch.setattr(shards, "datetime", _Skewed(self.settings.skew))
            patch.setattr(due, "time", _Skewed(self.settings.skew))
        self._install_venue(patch)
        self._install_sending(patch)
        self._install_leases(patch)
        if self.settings.mutant:
            MUTANTS[self.settings.mutant].install(patch)

    def _install_venue(self, patch: pytest.MonkeyPatch) -> None:
        trouble, capabilities = self, PaperBroker.capabilities
        place, read = PaperBroker.place_orders, PaperBroker.read_account

        def played(broker: PaperBroker) -> Capabilities:
            told: Capabilities = capabilities.__get__(broker)
            return replace(told, receive_window=WINDOW)

        def place_one(broker: PaperBroker, request: OrderRequest) -> Outcome:
            return place(broker, [request])[0]

        def placed(broker: PaperBroker, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
            return tuple(trouble.place(broker, one, partial(place_one, broker, one)) for one in requests)

        def was_read(broker: PaperBroker) -> Snapshot:
            time.sleep(trouble.settings.reads)
            trouble.witness.note("read", account=_account_of(broker))
            return read(broker)

        patch.setattr(PaperBroker, "capabilities", property(played))
        patch.setattr(PaperBroker, "place_orders", placed)
        patch.setattr(PaperBroker, "read_account", was_read)

    def _install_sending(self, patch: pytest.MonkeyPatch) -> None:
        """Note what is looked at before a send, and stop between the looks at the database and at the clock."""
        trouble, about_to_send = self, threading.local()
        begin, claimed = Journal.begin_sending, Journal.ensure_claimed
        leased, find = PostgresStore.ensure_leased, PostgresStore.find_halt

        def began(journal: Journal, *asked: Any) -> Any:
            intents = begin(journal, *asked)
            about_to_send.is_so = True
            return intents

        def was_claimed(journal: Journal) -> None:
            claimed(journal)
            if getattr(about_to_send, "is_so", False):
                about_to_send.is_so = False
                trouble.maybe_stop(trouble.settings.stops, "send")

        def was_leased(store: PostgresStore, journal: Journal) -> None:
            leased(store, journal)
            trouble.checked[store.account] = time.time()

        def found(store: PostgresStore) -> Any:
            trouble.looked[store.account] = time.time()
            return find(store)

        patch.setattr(Journal, "begin_sending", began)
        patch.setattr(Journal, "ensure_claimed", was_claimed)
        patch.setattr(PostgresStore, "ensure_leased", was_leased)
        patch.setattr(PostgresStore, "find_halt", found)

    def _install_leases(self, patch: pytest.MonkeyPatch) -> None:
        """Note who takes a shard or an account, and who writes what a shard came to."""
        trouble, witness = self, self.witness
        lease, take, write = LeaseKeeper.take, ticks.take, writing.write_entries
        write_all = ShardBatch.write

        def leased(keeper: LeaseKeeper, names: Sequence[str], *more: Any, **named: Any) -> Lease:
            lent = lease(keeper, names, *more, **named)
            for name in names:
                if name.startswith("account:"):
                    witness.note("leased", account=name.removeprefix("account:"))
            return lent

        def took(*asked: Any) -> Any:
            claim = take(*asked)
            if claim is not None:
                witness.note("took", tick=claim.cycle.tick, shard=claim.cycle.shard, fence=claim.fence)
            return claim

        def written(connection: Any, entries: Sequence[Any], lease: Any = None) -> Any:
            if lease is not None:
                trouble.maybe_stop(trouble.settings.stops_in_transaction, "transaction")
            before = time.time()
            done = write(connection, entries, lease)
            if lease is not None:
                what = "wrote" if done else "refused"
                witness.note(what, shard=lease.name, fence=lease.fence, began=before, accounts=len(done or ()))
            return done

        def all_written(batch: ShardBatch) -> Written:
            # Not in the transaction, which the server would end before a zombie wakes on a machine that is busy.
            trouble.maybe_stop(trouble.settings.stops_in_write, "write")
            return write_all(batch)

        patch.setattr(LeaseKeeper, "take", leased)
        patch.setattr(ticks, "take", took)
        patch.setattr(ShardBatch, "write", all_written)
        patch.setattr(shard_batch, "write_entries", written)

    def place(self, broker: PaperBroker, request: OrderRequest, act: Callable[[], Outcome]) -> Outcome:
        """Take an order, if it arrives in time; who sent it may be told nothing of it."""
        account, signed = _account_of(broker), time.monotonic()
        looked = self.looked.get(account)
        time.sleep(self.settings.takes)
        fault = self.chance.choice(("before", "after")) if self.chance.random() < self.settings.lost else ""
        if fault:
            self.witness.note("lost", account=account, which=fault)
        if fault == "before":
            return Unknown("the request timed out")
        if time.monotonic() - signed > WINDOW:
            return Refused(RefusalReason.TRY_AGAIN, "signed too long ago")
        self.witness.note(
            "arrived",
            account=account,
            id=request.client_order_id,
            looked=looked or time.time(),
            checked=self.checked.get(account, 0.0),
        )
        outcome = act()
        return Unknown("the reply timed out") if fault else outcome

    def maybe_stop(self, part: float, where: str) -> None:
        """Stop the whole worker now and then, until somebody wakes it."""
        if self.chance.random() >= part or not self.stopping.acquire(blocking=False):
            return  # or another thread is about to
        if not _is_told_off(self.witness.root):
            self.witness.note("stopping", worker=os.getppid(), where=where)
            with suppress(ProcessLookupError):
                os.kill(os.getppid(), signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
        self.stopping.release()


class _Skewed:
    """A clock that is ahead, in the place of ``datetime`` or of ``time``."""

    def __init__(self, skew: float) -> None:
        self._skew = skew

    def now(self, zone: Any = UTC) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self._skew)

    def time(self) -> float:
        return time.time() + self._skew


class PoisonedShards(shards.Shards):
    """The fleet's own shards; whoever takes the poisoned account in hand dies of it."""

    def __init__(self, means: performing.Means, settings: Settings) -> None:
        super().__init__(means)
        self._poisoned, self._witness = settings.poisoned, Witness(Path(settings.root))

    def perform(
        self,
        task: performing.ShardTask,
        accounts: Sequence[FleetAccount],
        at_work: performing.AtWork,
        stopped: performing.Stopped,
    ) -> Mapping[str, Any]:
        for account in accounts:
            if account.pauses_with is not None:
                self._witness.note("paused", account=account.id)

        def taken_in_hand(place: int) -> None:
            at_work(place)
            if accounts[place].id == self._poisoned:
                self._witness.note("died", account=self._poisoned)
                os.kill(os.getpid(), signal.SIGSEGV)

        return super().perform(task, accounts, taken_in_hand, stopped)


def quiet_from_now_on(root: Path) -> None:
    """Let no process stop itself any more."""
    (root / "quiet").touch()


def _is_told_off(root: Path) -> bool:
    return (root / "quiet").exists()


def _account_of(broker: PaperBroker) -> str:
    file: Any = broker._file
    return str(file._owner.account)


def _installed() -> Settings:
    settings = Settings(**json.loads(os.environ[VARIABLE]))
    Trouble(settings).install(pytest.MonkeyPatch())
    return settings


def make_performer(means: performing.Means) -> shards.Shards:
    """Make the performer of a child, which is as broken as its worker."""
    return PoisonedShards(means, _installed())


def main() -> None:
    """Run exitplan's command line."""
    _installed()
    from exitplan.cli.main import main as exitplan  # noqa: PLC0415 - once it is broken

    exitplan()


if __name__ == "__main__":
    main()
