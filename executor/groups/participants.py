"""The accounts of a group under their leases: each with its journal open, and its part of the group's plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import Application, Prepared
from exitplan.executor.apply.events import Event
from exitplan.executor.apply.judging import Judged, judge_plan
from exitplan.executor.apply.reconcile import OrderReconciler, Sleep
from exitplan.executor.apply.run import Run
from exitplan.executor.groups.refusals import GROUP, NotPrepared, of_each
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.journal import Beside, Journal
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, UsageError
from exitplan.ruleset.planning.group_orders import NO_GROUP, GroupOrders
from exitplan.ruleset.planning.plan_types import Plan

Hear = Callable[[str, Event], None]
"""Hears the events of an account, by its id."""


def _not_asked() -> bool:
    """Answer that nobody asks a single run to stop: that is asked between the legs."""
    return False


@dataclass(frozen=True, slots=True)
class Held:
    """An account of a group that nobody else writes to meanwhile."""

    account: Account
    journal: Journal
    hear: Hear
    sleep: Sleep

    @property
    def reconciler(self) -> OrderReconciler:
        """What finds out about its orders."""
        return OrderReconciler(self.account.broker, self.account.clock, self.sleep)

    def application(self, plan: Plan) -> Application:
        """Return the application of its part of a group's plan."""
        return Application(self.account, plan, self.journal, lambda event: self.hear(self.account.id, event))


@dataclass(slots=True)
class Participant:
    """An account with its part of a plan, ready to be carried out; ``run`` is there once it has begun.

    ``orders`` is what the group wants of it.
    """

    held: Held
    plan: Plan
    prepared: Prepared
    orders: GroupOrders = NO_GROUP
    run: Run | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        """The account's id."""
        return self.held.account.id

    @property
    def judged(self) -> Judged:
        """The plan as it was judged last."""
        return self.prepared.judged if self.run is None else self.run.judged

    @property
    def going(self) -> Run:
        """The run, which has begun."""
        assert self.run is not None  # noqa: S101 - nothing is asked of it before
        return self.run

    def begin(self, beside: Beside | None = None, *, tries: int = 1) -> None:
        """Journal its part of the plan, and its run: when that is over is decided for the group."""
        application = self.held.application(self.plan)
        run = application.begin(self.prepared, self.held.reconciler, _not_asked, beside)
        self.run = replace(run, judge=partial(judge_plan, group=self.orders), tries=tries, outlives_plan=True)


@contextmanager
def holding(accounts: Mapping[str, Account], hear: Hear, sleep: Sleep) -> Iterator[Mapping[str, Held]]:
    """Take the leases of accounts in the order of their ids, so that no two groups wait for each other.

    Raises NotPrepared, before anything is read or sent, where one is locked, or cannot be written.
    """
    of_each({GROUP: accounts}, lambda _: ensure_one_place(accounts))
    with ExitStack() as stack:
        held: dict[str, Held] = {}
        for name in sorted(accounts):
            account = accounts[name]
            try:
                account.store.ensure_ready()
                stack.enter_context(account.store.trading_lease(account.identity, account.clock()))
                held[name] = Held(account, stack.enter_context(account.store.open_journal()), hear, sleep)
            except ExitplanError as error:
                raise NotPrepared({name: error}) from error
        yield held


def ensure_one_place(accounts: Mapping[str, Account]) -> None:
    """Raise UsageError where accounts of a group are kept in different data folders or databases.

    Who looks for what was left open looks in one place.
    """
    places = {str(_place_of(account)): name for name, account in accounts.items()}
    if len(places) > 1:
        told = ", ".join(f"{name} in {place}" for place, name in places.items())
        raise UsageError(
            f"the accounts of the group are not kept in one place: {told}",
            hint="a plan over several accounts needs them in one data folder, or in one database",
        )


def _place_of(account: Account) -> object:
    store = account.store
    try:
        return store.folder.root.absolute() if isinstance(store, FileStore) else store.place
    except OSError as error:
        raise DataFolderUnusable(f"cannot look at {store.place}: {error.strerror or error}") from error
