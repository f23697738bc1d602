"""The account of a venue that nobody has written a file for: keys from the environment, under a policy as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from executor.accounts import AccountFile
from ruleset.errors import UsageError
from schemas.checking import check
from schemas.policies import load_policy


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
