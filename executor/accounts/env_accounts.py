"""Which account a venue's name stands for: that of an account file, else one that the keys in the environment imply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exitplan.brokers.registry import PAPER
from exitplan.executor.accounts.account import AccountFile, AccountFiles, no_such_account
from exitplan.executor.accounts.folder import PLATFORM
from exitplan.ruleset.errors import NoSuchAccount, UsageError
from exitplan.schemas.checking import check
from exitplan.schemas.policies import load_policy

_QUOTES = {
    PAPER: "USD",
    "coinbase": "USD",
    "kraken": "USD",
    "alpaca": "USD",
    "binance": "USDT",
    "okx": "USDT",
    "bybit": "USDT",
    "kucoin": "USDT",
    "gate": "USDT",
}
"""The currency that most markets of a venue trade against."""


def usual_quote(venue: str) -> str | None:
    """Return the currency that a venue trades against mostly; None where that is not known."""
    return _QUOTES.get(venue)


def usual_credentials(venue: str) -> str:
    """Return the reference under which the keys of a venue are looked for when nobody names one."""
    return f"env:{re.sub(r'[^A-Z0-9]', '_', venue.upper())}"


def account_at(venue: str, wanted: str | None, files: AccountFiles, *, naming: str) -> AccountFile | None:
    """Find the account file that is meant at a venue; None where none is there.

    ``naming`` says how an account is named, for the hint. Raises UsageError where several may be meant, or the one that
    is named is elsewhere; NoSuchAccount, FileIsInvalid.
    """
    there: Mapping[str, AccountFile] = {name: file for name, file in files.sound.items() if file.venue == venue}
    file = there.get(wanted or PLATFORM)
    if file is None and wanted is None and len(there) == 1:
        return next(iter(there.values()))
    if file is not None or not there:
        return file
    if wanted is None:
        raise UsageError(f"which account at {venue}?", hint=f"name one with {naming}: {', '.join(sorted(there))}")
    if wanted in files.sound:
        ensure_venue(files.sound[wanted], venue)
    raise files.problem_of(wanted) or no_such_account(wanted, sorted(there), Path())


def ensure_venue(file: AccountFile, venue: str | None) -> None:
    """Raise UsageError where an account is at another venue than the one that was named."""
    if venue is not None and venue != file.venue:
        raise UsageError(
            f"the account {file.id} is at {file.venue}, not at {venue}", hint=f"its venue is set in {file.path}"
        )


def implied_block(venue: str, name: str, files: AccountFiles, quote: str | None = None) -> Mapping[str, Any]:
    """Return the account block that a venue and the keys in the environment imply, where no account file is there.

    Without a ``quote`` it is the venue's usual one. Raises NoSuchAccount where nothing can be implied, UsageError where
    the account's own file is at another venue, FileIsInvalid for the file that may be its own.
    """
    if name in files.sound:
        ensure_venue(files.sound[name], venue)
    problem = files.problem_of(name)
    if problem is not None:
        raise problem
    currency = quote or usual_quote(venue)
    if venue == PAPER or currency is None:
        raise NoSuchAccount(
            f"no account file is at {venue}",
            hint="make one with: exitplan init" + ("" if venue == PAPER else f" --from-venue {venue}"),
        )
    # A user has keys of their own: with the platform's, one account at the venue would have two journals.
    credentials = usual_credentials(venue if name == PLATFORM else f"{venue}_{name}")
    return {"id": name, "venue": venue, "quote": currency, "credentials": credentials}


def implied_account(policy: Path, block: Mapping[str, Any]) -> AccountFile:
    """Make of an account block what an account file would have made of it.

    Raises UsageError for a block that no account file could hold, such as an id that is the path of a folder;
    FileIsInvalid for a broken policy.
    """
    ensure_account_block(block)
    return AccountFile(policy, replace(load_policy(policy), account=block))


def ensure_account_id(name: str) -> None:
    """Raise UsageError for what cannot be the id of an account, such as the path of a folder."""
    ensure_account_block({"id": name})


def ensure_account_block(block: Mapping[str, Any]) -> None:
    """Raise UsageError for an account block that no account file could hold."""
    for problem in check("policy", {"version": 1, "name": "implied", "account": dict(block)}):
        *_, key = problem.path or ("account",)
        raise UsageError(f"the account's {key} cannot be {block.get(str(key))!r}: {problem.message}")
