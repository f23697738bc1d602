"""Passwords: hashed with argon2id, at its recommended cost, and compared in the same time for names that are none."""

from __future__ import annotations

import secrets
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from exitplan.ruleset.errors import UsageError

SHORTEST = 12
LONGEST = 1000
_AT_ONCE = BoundedSemaphore(2)
"""Each comparison takes 64 MB: who tries many names at once waits, and the memory lasts."""


def hash_password(password: str) -> str:
    """Return the hash of a password; raises UsageError for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(
            f"the password has {len(password)} characters; {SHORTEST} to {LONGEST} are allowed",
            hint="several words are easy to remember",
        )
    return _hasher().hash(password)


def is_password(password: str, known: str | None) -> bool:
    """Compare a password with a hash; where there is none it takes the same time, and is false."""
    if len(password) > LONGEST:
        return False
    with _AT_ONCE:
        try:
            _hasher().verify(_nobodys() if known is None else known, password)
        except (Argon2Error, InvalidHashError):
            return False
    return known is not None


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash(secrets.token_hex())
