"""The accounts of a fleet, for every command that works on accounts: found in the registry, kept in its database."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.protocol import Clock
from exitplan.executor.accounts.account import (
    Account,
    AccountFile,
    AccountFiles,
    AccountRequest,
    is_path,
    open_account_file,
)
from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.accounts.places import Alerts
from exitplan.executor.accounts.selection import AccountSelection, Selected
from exitplan.executor.alerting.post import Post
from exitplan.executor.approvals.deciding import Found, Unread
from exitplan.executor.escalation.shown import Shown, shown_incident
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.port import AccountStore
from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.executor.store.postgres.records import (
    EVERYBODY,
    Records,
    alerts_in,
    halt_accounts,
    halts_of,
    newest_alerts,
    resume_accounts,
)
from exitplan.fleet.delivering import FleetPost
from exitplan.fleet.incidents import incidents_of_all
from exitplan.fleet.policies import bound_policy
from exitplan.fleet.registry import AccountFilter, FleetAccount, Registry
from exitplan.fleet.requests import requests_in
from exitplan.ruleset.errors import ExitplanError, NoSuchAccount, UsageError
from exitplan.schemas.policies import LoadedPolicy, policy_from_document

_MOST_LISTED = 10
_LATE = 1_000
"""So many numbers of alerts back it is looked for those that were committed late."""
_HAVING = {
    "incidents": "SELECT DISTINCT account FROM exitplan.incidents",
}


def account_file(registry: Registry, account: FleetAccount) -> AccountFile:
    """Return an account of the registry in the shape of its file; raises FileIsInvalid for a policy that is missing."""
    place = Path(f"the fleet's account {account.id}")
    policy = registry.policy(account.policy_sha256)

    def bound(loaded: LoadedPolicy) -> LoadedPolicy:
        return bound_policy(loaded, account.block, place, account.own_guards)

    def load(overrides: Mapping[str, Decimal | int]) -> LoadedPolicy:
        return bound(policy_from_document(policy.document, overrides))

    return AccountFile(place, bound(policy), load)


def open_fleet_account(
    registry: Registry, store: AccountStore, account: FleetAccount, clock: Clock, *, offline: bool = False
) -> Account:
    """Open an account of the registry with its broker, over a store of it; ``offline`` without its venue.

    Raises FileIsInvalid, UsageError for a venue that is not known, CredentialsMissing.
    """
    request = AccountRequest(clock, store_of=lambda _: store, offline=offline)
    return open_account_file(account_file(registry, account), request)


@dataclass(frozen=True, slots=True)
class FleetPlace:
    """The registry of a fleet and what is kept of its accounts, in one database."""

    registry: Registry
    database: Database

    def __str__(self) -> str:
        """Return where the database is, without a password."""
        return self.database.place

    @property
    def folder(self) -> Path:
        """Raise UsageError: there is no data folder."""
        raise UsageError(
            f"this works on the files of a data folder, and {self.database.place} is a database",
            hint="a database is copied by pg_dump: docs/postgres.md",
        )

    def find(self, name: str | None) -> AccountFile:
        """Find an account by its id, else the platform account, or the only one there is; raises NoSuchAccount."""
        if name is None:
            return account_file(self.registry, self._only())
        if is_path(name):
            raise UsageError(
                f"{name} is a file, and the accounts of a fleet are in its registry",
                hint="name the account by its id; a changed file is taken in with: exitplan fleet import",
            )
        return account_file(self.registry, self.registry.account(name))

    def _only(self) -> FleetAccount:
        known = self.registry.find(AccountFilter(ids=(PLATFORM,))) or self.registry.find(limit=_MOST_LISTED)
        if len(known) == 1:
            return known[0]
        if not known:
            hint = "take some in with: exitplan fleet import"
            raise NoSuchAccount(f"the fleet in {self.database.place} has no accounts", hint=hint)
        listed = ", ".join(account.id for account in known) + (" ..." if len(known) == _MOST_LISTED else "")
        raise NoSuchAccount("which account?", hint=f"name one with --account: {listed}")

    def select(self, selection: AccountSelection) -> tuple[Selected, ...]:
        """Find the accounts that are meant, in the order in which those of files are found."""
        named = [self.find(name) for name in dict.fromkeys(selection.names)]
        grouped: list[FleetAccount] = []
        if selection.every:
            grouped = self.registry.find()
        for tag in () if selection.every else selection.tags:
            found = self.registry.find(AccountFilter(tag=tag))
            if not found:
                hint = "exitplan fleet accounts shows their tags"
                raise NoSuchAccount(f"no account of the fleet carries the tag {tag!r}", hint=hint)
            grouped += found
        if selection.every and not grouped:
            self._only()
        ids = {file.id for file in named}
        by_id = {account.id: account for account in grouped if account.id not in ids}
        ordered = sorted(by_id.values(), key=lambda account: (account.id != PLATFORM, account.id))
        files = [*named, *(account_file(self.registry, account) for account in ordered)]
        return tuple(Selected(file.id, file) for file in files)

    def files(self, having: str | None = None) -> AccountFiles:
        """Return all accounts, or those alone that have incidents."""
        if having is None:
            accounts = self.registry.find()
        else:
            with self.registry.transaction() as connection:
                ids = tuple(account for (account,) in connection.execute(_HAVING[having].encode()))
            accounts = self.registry.find(AccountFilter(ids=ids)) if ids else []
        return AccountFiles({account.id: account_file(self.registry, account) for account in accounts}, ())

    def requests(self, name: str | None = None, *, closed: bool = True) -> tuple[list[Found], list[Unread]]:
        """Read the plans that wait of all accounts at once."""
        known = requests_in(self.registry, name, closed=closed)
        files, unread = self._files_of({request.account for request in known})
        readable = (request for request in known if request.account in files)
        found = [Found(request, files[request.account], self.store_of(request.account)) for request in readable]
        return found, unread

    def incidents(self, now: datetime, *, ended: bool = False) -> tuple[list[Shown], list[Unread]]:
        """Read the incidents of all accounts at once, open or ended."""
        known = incidents_of_all(self.registry, ended=ended)
        files, unread = self._files_of({account for account, _ in known})
        return [shown_incident(files[account], one, now) for account, one in known if account in files], unread

    def _files_of(self, accounts: Collection[str]) -> tuple[dict[str, AccountFile], list[Unread]]:
        files: dict[str, AccountFile] = {}
        unread: list[Unread] = []
        for account in self.registry.find(AccountFilter(ids=tuple(accounts))) if accounts else ():
            try:
                files[account.id] = account_file(self.registry, account)
            except ExitplanError as problem:
                unread.append((account.id, problem))
        return files, unread

    def ids(self) -> list[str]:
        """Return the ids in the registry."""
        with self.registry.transaction() as connection:
            rows = connection.execute("SELECT account FROM exitplan.accounts ORDER BY account")
            return [str(account) for (account,) in rows]

    def request(self, request: AccountRequest) -> AccountRequest:
        """Return what is asked for in this fleet."""
        return replace(request, find=self.find, store_of=self.store_of)

    def store_of(self, account: str, /) -> AccountStore:
        """Return the rows of an account."""
        return PostgresStore(self.database, account)

    def alerts_of(self, account: str) -> Alerts:
        """Return the rows of an account's alerts."""
        return AlertRows(self.database, account)

    def all_alerts(self) -> Alerts:
        """Return the rows of all alerts, also those about the fleet as a whole."""
        return AlertRows(self.database)

    def post(self, root: Path) -> Post:  # noqa: ARG002 - the tags are in the registry
        """Return the alerts of all accounts."""
        return FleetPost(self.registry, self.database)

    def halts(self) -> list[Halt]:
        """List the halts."""
        return halts_of(self.database)

    def halt_of_all(self) -> Halt | None:
        """Find the halt of all accounts; where that cannot be looked at, there is one."""
        return Records(self.database, EVERYBODY).find_halt()

    def newest_alerts(self, account: str, most: int) -> list[dict[str, Any]]:
        """Return the newest alerts of an account, the newest first."""
        return newest_alerts(self.database, account, most)

    def halt(self, reason: str, now: datetime) -> Halt:
        """Halt all accounts of the fleet."""
        halt_accounts(self.database, EVERYBODY, reason, now)
        return Halt(self.database.place, reason)

    def resume(self) -> bool:
        """End the halt of all accounts."""
        return resume_accounts(self.database, EVERYBODY)


@dataclass(slots=True)
class AlertRows:
    """The alerts of one account in the database, or of all, each read once."""

    database: Database
    account: str | None = None
    number: int = 0
    unreadable: int = 0
    _seen: frozenset[int] = frozenset()

    @property
    def place(self) -> str:
        """Where the database is."""
        return self.database.place

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Return the alerts since the last call, the oldest first.

        Numbers are given before they are committed, so an alert may come after later ones: it is looked for anew.
        """
        seen: deque[int] = deque(maxlen=_LATE)
        before, newest = self._seen, self.number
        for number, alert in alerts_in(self.database, self.account, max(self.number - _LATE, 0)):
            newest = max(newest, number)
            seen.append(number)
            if number not in before:
                yield alert
        self.number = newest
        self._seen = frozenset(seen)
