"""What is looked at: the accounts of a project or a fleet, and what is kept of them; no web server is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exitplan.brokers.protocol import Clock
from exitplan.executor.accounts.account import Account, AccountFile, AccountRequest, no_such_account, open_account_file
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.store.file_store import files_below
from exitplan.executor.store.halt import Halt, find_halt
from exitplan.executor.store.port import StoreOpener
from exitplan.web.known_accounts import Accounts, KnownAccounts

if TYPE_CHECKING:  # who looks at files needs none of it
    from exitplan.fleet.place import FleetPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The accounts that are looked at.

    With ``fleet`` they are those of a fleet, and ``data`` has the dashboard's own files alone.
    """

    root: Path
    data: Path
    store_of: StoreOpener
    clock: Clock
    accounts: Accounts
    fleet: FleetPlace | None = None

    @classmethod
    def of(cls, root: Path, data: Path, clock: Clock, fleet: FleetPlace | None = None) -> Observed:
        """Look at the account files of a project, or at a fleet."""
        accounts, store_of = accounts_of(root, fleet), files_below(data) if fleet is None else fleet.store_of
        return cls(root=root, data=data, store_of=store_of, clock=clock, accounts=accounts, fleet=fleet)

    @property
    def place(self) -> DataPlace:
        """Where accounts are, and what is kept of them."""
        return FilePlace(self.data) if self.fleet is None else self.fleet

    def halt_of_all(self) -> Halt | None:
        """Find the halt of all accounts; where that cannot be looked at, there is one."""
        if self.fleet is None:
            return find_halt(DataFolder(self.data, self.data))
        return self.fleet.halt_of_all()

    def file(self, account: str) -> AccountFile:
        """Return an account's file; raises NoSuchAccount, and FileIsInvalid where it may be a broken one."""
        found = self.accounts.find(account)
        if found is not None:
            return found
        files = self.accounts.files()
        raise files.problem_of(account) or no_such_account(account, list(files.sound), self.root)

    def open(self, account: str, *, offline: bool = False) -> Account:
        """Open an account; ``offline`` for those who only look at what is remembered."""
        request = AccountRequest(
            clock=self.clock, data=self.data, store_of=self.store_of, root=self.root, offline=offline
        )
        return open_account_file(self.file(account), request)


def accounts_of(root: Path, fleet: FleetPlace | None) -> Accounts:
    """Return the accounts of a project, or of a fleet, as they are now."""
    if fleet is None:
        return KnownAccounts(root)
    from exitplan.web.fleet_accounts import FleetAccounts  # noqa: PLC0415 - who looks at files needs none of it

    return FleetAccounts(fleet)
