"""What the dashboard refuses, and how failures are told to browsers and to programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from exitplan.ruleset.errors import (
    AccountIsLocked,
    AccountUnreadable,
    CredentialsMissing,
    CredentialsRefused,
    DataFolderUnusable,
    ExitplanError,
    NoSuchAccount,
    NoSuchSymbol,
    NotWaiting,
    OutcomeUnknown,
    PlanIsUnusable,
    RefusedByGuard,
    UsageError,
)


class Refused(ExitplanError):
    """A request is refused before anything is done; ``status`` is what HTTP calls it."""

    exit_code = 3
    status: ClassVar[int] = 403
    headers: Mapping[str, str] = {}


class NotLoggedIn(Refused):
    """Nobody is logged in, or the session has ended."""

    status = 401


class TokenRefused(Refused):
    """A program shows no token, or one that is none, has expired or belongs to nobody any more."""

    status = 401
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="exitplan"'}


class RoleTooLow(Refused):
    """Whoever asks may not do this."""


class FormIsForeign(Refused):
    """A form does not carry the mark that this server put into it, or comes from another site."""


class OnlyLooking(Refused):
    """The dashboard was started without log-in, and so changes nothing."""


class TooManyTries(Refused):
    """A password was tried too often."""

    status = 429

    def __init__(self, message: str, seconds: int) -> None:
        """Keep after how many seconds one may try again."""
        super().__init__(message, hint="who is logged in already stays so; the command line works as ever")
        self.headers = {"Retry-After": str(seconds)}


class TooManyStreams(Refused):
    """Somebody follows runs in more pages than one person looks at."""

    status = 429


class AccountsBeingRead(Refused):
    """There are many account files, and they are being read for the first time since the start."""

    status = 503

    def __init__(self, read: int, total: int) -> None:
        """Keep how many of how many were read."""
        super().__init__(
            f"the accounts are still being read: {read:,} of {total:,} so far",
            hint="nothing was done; this page loads itself anew, and the list shows those that were read",
        )


class NoSuchPage(UsageError):
    """There is nothing at this address."""


class RequestTooLarge(UsageError):
    """A request holds more than anything here needs."""


class RequestUnreadable(UsageError):
    """A request is not in the form that is taken here."""


AGAIN = 5
"""Seconds after which something that passes by itself is tried again."""
_STATUSES: Mapping[type[ExitplanError], int] = {
    NoSuchPage: 404,
    RequestTooLarge: 413,
    RequestUnreadable: 400,
    NoSuchAccount: 404,
    NoSuchSymbol: 404,
    UsageError: 400,
    NotWaiting: 409,
    PlanIsUnusable: 409,
    RefusedByGuard: 409,
    AccountIsLocked: 409,
    DataFolderUnusable: 503,
    CredentialsMissing: 503,
    CredentialsRefused: 502,
    AccountUnreadable: 502,
    OutcomeUnknown: 502,
}
"""What HTTP calls a failure; of a class the nearest that is listed, and 500 where none is."""


def status_of(problem: ExitplanError) -> int:
    """Return the HTTP status of a failure."""
    if isinstance(problem, Refused):
        return problem.status
    return next((_STATUSES[kind] for kind in type(problem).__mro__ if kind in _STATUSES), 500)


def passes(problem: ExitplanError) -> bool:
    """Check whether the same request may well be answered soon, without anybody doing anything here."""
    return isinstance(problem, DataFolderUnusable | AccountsBeingRead)


def error_document(problem: ExitplanError) -> dict[str, object]:
    """Write a failure as commands do with ``--json``."""
    said: dict[str, object] = {
        "type": type(problem).__name__,
        "message": str(problem),
        "hint": problem.hint,
        "exit_code": problem.exit_code,
    }
    return {"format_version": 1, "error": said}
