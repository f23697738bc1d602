"""Find the accounts that are measured, anew only where an account file has changed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exitplan.executor.accounts.account import find_account_files
from exitplan.executor.accounts.selection import AccountSelection, Selected, select_accounts
from exitplan.executor.logs import RUN, note
from exitplan.ruleset.errors import ExitplanError


@dataclass
class MeasuredAccounts:
    """The accounts of a selection; where it cannot be made any more, those of the last time stay."""

    selection: AccountSelection
    root: Path
    _seen: tuple[object, ...] | None = None
    _accounts: Sequence[Selected] = ()

    def find(self) -> Sequence[Selected]:
        """Return the accounts; raises ExitplanError where the selection names none, the first time."""
        seen = _seen(self.root)
        if seen != self._seen:
            try:
                self._accounts = select_accounts(self.selection, self.root)
            except ExitplanError as problem:
                if self._seen is None:
                    raise
                note(RUN, "accounts_not_found", level=logging.WARNING, message=str(problem))
            self._seen = seen
        return self._accounts


def _seen(root: Path) -> tuple[object, ...]:
    """Return what changes with an account file."""
    try:
        files = [(path, path.stat()) for path in find_account_files(root)]
    except OSError:
        return ("unreadable",)
    return tuple((path, status.st_ino, status.st_mtime_ns, status.st_size) for path, status in files)
