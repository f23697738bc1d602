"""The accounts of a fleet, each read anew only where its row in the registry has changed: there are thousands."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from exitplan.executor.accounts.account import AccountFile, AccountFiles, BrokenFile
from exitplan.fleet.place import FleetPlace, account_file
from exitplan.fleet.registry import AccountFilter
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.web.known_accounts import Tell

_LONGEST = 1.0
"""Seconds that a look at the registry is good for."""
_MARKS = "SELECT account, xmin::text FROM exitplan.accounts ORDER BY account"


@dataclass(slots=True)
class FleetAccounts:
    """The accounts of a fleet as they are now, give or take a second."""

    fleet: FleetPlace
    _known: dict[str, tuple[str, AccountFile | BrokenFile]] = field(default_factory=dict)
    _files: AccountFiles = field(default_factory=lambda: AccountFiles({}, ()))
    _next_look: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def files(self) -> AccountFiles:
        """Return all accounts; one that cannot be used does not hide the others."""
        with self._lock:
            if time.monotonic() >= self._next_look:
                self._look()
                self._next_look = time.monotonic() + _LONGEST
            return self._files

    def read(self, tell: Tell) -> AccountFiles:  # noqa: ARG002 - it takes a second
        """Return all accounts."""
        return self.files()

    def find(self, account: str) -> AccountFile:
        """Return one account as the registry has it now; raises NoSuchAccount, FileIsInvalid."""
        return account_file(self.fleet.registry, self.fleet.registry.account(account))

    def _look(self) -> None:
        with self.fleet.registry.transaction() as connection:
            marks = {str(account): str(mark) for account, mark in connection.execute(_MARKS)}
        before = self._known
        kept = {name: before[name] for name, mark in marks.items() if name in before and before[name][0] == mark}
        if len(kept) == len(marks) == len(before):
            return
        read = self._read(name for name in marks if name not in kept)
        changed = {name: (marks[name], entry) for name, entry in read.items()}
        self._known = dict(sorted({**kept, **changed}.items()))
        known = [entry for _, entry in self._known.values()]
        sound = {entry.id: entry for entry in known if isinstance(entry, AccountFile)}
        self._files = AccountFiles(sound, tuple(entry for entry in known if isinstance(entry, BrokenFile)))

    def _read(self, names: Iterable[str]) -> dict[str, AccountFile | BrokenFile]:
        wanted = tuple(names)
        read: dict[str, AccountFile | BrokenFile] = {}
        for account in self.fleet.registry.find(AccountFilter(ids=wanted)) if wanted else ():
            try:
                read[account.id] = account_file(self.fleet.registry, account)
            except FileIsInvalid as problem:
                read[account.id] = BrokenFile(Path(account.id), problem, account.id)
        return read
