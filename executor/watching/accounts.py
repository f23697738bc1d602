"""Which accounts are watched now, and opening one as its file is now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exitplan.executor.accounts.account import (
    Account,
    AccountFile,
    AccountRequest,
    load_account_file,
    open_account_file,
)
from exitplan.executor.accounts.selection import AccountSelection, Selected, select_accounts
from exitplan.ruleset.errors import FileIsInvalid, NoSuchAccount


def accounts_now(selection: AccountSelection, root: Path) -> Sequence[Selected]:
    """Find the accounts that are meant, as their files are now; one that is gone does not hide the others."""
    try:
        return select_accounts(selection, root)
    except NoSuchAccount:
        parts = [AccountSelection((name,)) for name in selection.names]
        parts += [AccountSelection(tags=(tag,)) for tag in selection.tags]
        if selection.every:
            parts.append(AccountSelection(every=True))
        found: dict[str, Selected] = {}
        for part in parts:
            found |= {who.name: who for who in _found(part, root)}
        return tuple(found.values())


def _found(part: AccountSelection, root: Path) -> Sequence[Selected]:
    try:
        return select_accounts(part, root)
    except NoSuchAccount:
        return ()


def open_as_it_is(file: AccountFile, request: AccountRequest) -> Account:
    """Read an account's file again and open the account; raises FileIsInvalid also where it is another's now."""
    fresh = load_account_file(file.path)
    if fresh.id != file.id:
        raise FileIsInvalid(f"{file.path}: the account {file.id} has become {fresh.id}")
    return open_account_file(fresh, request)
