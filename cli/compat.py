"""The original's command lines: which account they are about, where they name a venue and no account file."""

from __future__ import annotations

import os
from enum import StrEnum

from exitplan.cli.arguments import AccountRef, default_policy, request_of
from exitplan.cli.failures import warn
from exitplan.cli.venue_facts import traits_of
from exitplan.executor.accounts.account import AccountFile, AccountFiles, find_account, is_path
from exitplan.executor.accounts.env_accounts import account_at, ensure_venue, implied_account, implied_block
from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.accounts.places import FilePlace
from exitplan.ruleset.errors import UsageError

USUAL_VENUE = "coinbase"
"""The venue that the original took where none was named."""


class Mode(StrEnum):
    """The original's modes: one account, a user's account, or all of them."""

    PLATFORM_FIRST = "platform-first"
    USER_BACKGROUND = "user-background"
    FULL = "full"


def one_name(*names: str | None) -> str | None:
    """Return the account that several options name; raises UsageError where they differ."""
    given = list(dict.fromkeys(name for name in names if name is not None))
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two accounts", hint="give one of them")
    return given[0] if given else None


def find_for_line(venue: str | None, where: AccountRef, *, as_json: bool) -> AccountFile:
    """Find the account that a line is about; where no account file is at the venue it names, one is implied.

    Raises UsageError where the line may mean two accounts, or names an account that is at another venue; NoSuchAccount,
    FileIsInvalid.
    """
    if not isinstance(where.data, FilePlace):
        file = find_account(request_of(where))
        ensure_venue(file, venue)
        return file
    files = where.data.files()
    if venue is None:
        venue = _unnamed_venue(files)
    if venue is None or (where.account is not None and is_path(where.account)):
        file = find_account(request_of(where))
        ensure_venue(file, venue)
        return file
    found_there = account_at(venue, where.account, files, naming="--user-id or --account")
    return found_there or _implied(venue, where, files, as_json=as_json)


def _unnamed_venue(files: AccountFiles) -> str | None:
    """Return the original's own venue, where there are its keys in the environment and no account files."""
    if files.sound or files.broken or f"{USUAL_VENUE.upper()}_API_KEY" not in os.environ:
        return None
    return USUAL_VENUE


def _implied(venue: str, where: AccountRef, files: AccountFiles, *, as_json: bool) -> AccountFile:
    """Imply an account from a venue and the keys in the environment, and say so."""
    name = where.account or PLATFORM
    if name not in files.sound and files.problem_of(name) is None:
        traits_of(venue)
    block, policy = implied_block(venue, name, files), where.policy or default_policy()
    file = implied_account(policy, block)
    credentials, quote = block["credentials"], block["quote"]
    warn(
        f"no account file is at {venue}: {name} is the account of {credentials}, in {quote}, under {policy.name}",
        as_json=as_json,
    )
    return file
