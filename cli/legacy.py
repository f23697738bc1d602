"""The original's command lines: which account they are about, where they name a venue and no account file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from brokers.registry import PAPER
from cli.failures import warn
from cli.requests import Where, default_policy, request_of
from cli.venue_facts import traits_of, usual_credentials, usual_quote
from executor.accounts import (
    AccountFile,
    AccountFiles,
    find_account,
    is_path,
    no_such_account,
    read_account_files,
)
from executor.folder import PLATFORM
from executor.implied import implied_account
from ruleset.errors import NoSuchAccount, UsageError

USUAL_VENUE = "coinbase"
"""The venue that the original took where none was named."""


class Mode(StrEnum):
    """The original's modes: one account, a user's account, or all of them."""

    PLATFORM_FIRST = "platform-first"
    USER_BACKGROUND = "user-background"
    FULL = "full"


def one_name(*names: str | None) -> str | None:
    """Give the account that several options name; raises UsageError where they differ."""
    found = list(dict.fromkeys(name for name in names if name is not None))
    if len(found) > 1:
        raise UsageError(f"{' and '.join(found)} are two accounts", hint="give one of them")
    return found[0] if found else None


def find_for_line(venue: str | None, where: Where, *, trades: bool, as_json: bool) -> AccountFile:
    """Find the account that a line is about; where no account file is at the venue it names, one is implied.

    Raises UsageError where the line may mean two accounts, or names an account that is at another venue; NoSuchAccount,
    FileIsInvalid.
    """
    files = read_account_files(Path())
    if venue is None:
        venue = _unnamed_venue(files, trades=trades)
    if venue is None or (where.account is not None and is_path(where.account)):
        found = find_account(request_of(where))
        ensure_venue(found, venue)
        return found
    return _at_venue(venue, where.account, files) or _implied(venue, where, files, as_json=as_json)


def _unnamed_venue(files: AccountFiles, *, trades: bool) -> str | None:
    """Give the original's own venue, where there are its keys and no account files; never to trade there."""
    if files.sound or files.broken or f"{USUAL_VENUE.upper()}_API_KEY" not in os.environ:
        return None
    if trades:
        raise NoSuchAccount(
            "at which venue? There are no account files, and orders go to none that nobody has named",
            hint=f"--broker {USUAL_VENUE}",
        )
    return USUAL_VENUE


def ensure_venue(found: AccountFile, venue: str | None) -> None:
    """Raise UsageError where an account is at another venue than the command line says."""
    if venue is not None and venue != found.venue:
        raise UsageError(
            f"the account {found.id} is at {found.venue}, not at {venue}", hint=f"its venue is set in {found.path}"
        )


def _at_venue(venue: str, wanted: str | None, files: AccountFiles) -> AccountFile | None:
    """Find the account file that is meant at a venue; None where none is there."""
    there: Mapping[str, AccountFile] = {name: file for name, file in files.sound.items() if file.venue == venue}
    found = there.get(wanted or PLATFORM)
    if found is None and wanted is None and len(there) == 1:
        return next(iter(there.values()))
    if found is not None or not there:
        return found
    if wanted is None:
        raise UsageError(
            f"which account at {venue}?", hint=f"name one with --user-id or --account: {', '.join(sorted(there))}"
        )
    if wanted in files.sound:
        ensure_venue(files.sound[wanted], venue)
    raise files.problem_of(wanted) or no_such_account(wanted, sorted(there), Path())


def _implied(venue: str, where: Where, files: AccountFiles, *, as_json: bool) -> AccountFile:
    """Imply an account from a venue and the keys in the environment, and say so."""
    name = where.account or PLATFORM
    if name in files.sound:
        ensure_venue(files.sound[name], venue)
    problem = files.problem_of(name)
    if problem is not None:
        raise problem
    traits_of(venue)
    quote = usual_quote(venue)
    if venue == PAPER or quote is None:
        raise NoSuchAccount(
            f"no account file is at {venue}",
            hint="make one with: exitplan init" + ("" if venue == PAPER else f" --from-venue {venue}"),
        )
    # A user has keys of their own: with the platform's, one account at the venue would have two journals.
    credentials = usual_credentials(venue if name == PLATFORM else f"{venue}_{name}")
    policy = where.policy or default_policy()
    block = {"id": name, "venue": venue, "quote": quote, "credentials": credentials}
    found = implied_account(policy, block)
    warn(
        f"no account file is at {venue}: {name} is the account of {credentials}, in {quote}, under {policy.name}",
        as_json=as_json,
    )
    return found
