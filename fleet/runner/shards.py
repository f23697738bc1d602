"""The performer of a fleet: opens the accounts of a shard from the registry, and gives each a round."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from exitplan.brokers.call_log import Call, listening
from exitplan.executor.accounts.account import Account
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.store.postgres.database import open_database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.watching.rounds import Round
from exitplan.fleet.batch.shard_batch import ShardBatch
from exitplan.fleet.batch.writing import ShardLease
from exitplan.fleet.cycle import Unopened, run_shard
from exitplan.fleet.figures import ShardFigures, calls_by_venue
from exitplan.fleet.opening import registry_in
from exitplan.fleet.place import open_fleet_account
from exitplan.fleet.registry import FleetAccount
from exitplan.fleet.runner.performing import AtWork, Figures, Means, ShardTask, Stopped
from exitplan.fleet.venues import venues_of_fleet
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError


class Shards:
    """Works on the shards of the fleet in one database; policies and listings are kept from shard to shard."""

    def __init__(self, means: Means) -> None:
        """Reach the database, for as long as this process lives; raises DataFolderUnusable."""
        self._database = open_database(means.url)
        self._venues = ExitStack()
        self._venues.enter_context(venues_of_fleet(means.url))
        self._registry = registry_in(self._database)

    def accounts(self, task: ShardTask) -> Sequence[FleetAccount]:
        """Return the accounts of a task that get a cycle, by id."""
        return [account for account in self._registry.accounts_of(task.shard) if task.wants(account.id)]

    def perform(self, task: ShardTask, accounts: Sequence[FleetAccount], at_work: AtWork, stopped: Stopped) -> Figures:
        """Give the accounts a round, but for those that pause after failing, whose incidents alone are tended.

        One that cannot be opened is told as failed, and the others go on.
        """
        opened: list[Account] = []
        unopened: list[Unopened] = []
        places: list[int] = []
        for place, account in enumerate(accounts):
            if account.pauses_with is not None:
                continue
            at_work(place)
            try:
                opened.append(self._opened(account))
            except DataFolderUnusable:
                raise
            except ExitplanError as problem:
                unopened.append(self._unopened(account, problem))
            else:
                places.append(place)
        batch = ShardBatch(self._database, lease=ShardLease(f"shard:{task.shard}", task.fence))
        calls: list[Call] = []
        with listening(calls.append):
            done = run_shard(opened, batch, lambda number: at_work(places[number]), stopped, unopened=unopened)
        done += ShardFigures.of_pausing([account.pauses_with for account in accounts])
        for account in accounts:
            if account.pauses_with is not None:
                self._tend(account)
        failures = [list(failure) for failure in done.failures]
        return {**done.document, "calls": calls_by_venue(calls), "failures": failures}

    def close(self) -> None:
        """Let go of the database."""
        self._venues.close()
        self._database.close()

    def _opened(self, account: FleetAccount, *, offline: bool = False) -> Account:
        store = PostgresStore(self._database, account.id)
        return open_fleet_account(self._registry, store, account, _now, offline=offline)

    def _tend(self, account: FleetAccount) -> None:
        with suppress(ExitplanError):  # what keeps it from being opened is told with its rounds
            offline = self._opened(account, offline=True)
            if offline.rulebook.policy.escalation:
                tend(offline, _now())

    def _unopened(self, account: FleetAccount, problem: ExitplanError) -> Unopened:
        offline: Account | None = None
        with suppress(ExitplanError):
            offline = self._opened(account, offline=True)
        failed = Round(account.id, account.venue, _now(), "failed", problem.exit_code, problem=problem)
        return Unopened(PostgresStore(self._database, account.id), failed, offline)


def _now() -> datetime:
    return datetime.now(UTC)


def make_performer(means: Means) -> Shards:
    """Make the performer of a child."""
    return Shards(means)
