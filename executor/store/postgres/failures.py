"""What fails in Postgres, in the words of the port: none of the driver's errors gets past it, and no password."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from exitplan.executor.store.port import StoreBroken, StoreError, StoreUnusable
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, FileIsInvalid

_NOT_SET_UP = (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedFunction, errors.UndefinedColumn)
_UNUSABLE = (psycopg.OperationalError, psycopg.InterfaceError, errors.InsufficientPrivilege, *_NOT_SET_UP)
_OF_TRANSACTIONS = "25"
"""The class of what is wrong with a transaction: it is read-only, has failed, or was idle for so long that it ended."""

SET_UP = "set it up, or bring it to this version, with: exitplan fleet init --data URL"
_HINTS = (
    (("it is not set up",), SET_UP),
    (("lacks a right",), "grant it as docs/postgres.md shows, or use the role that owns the tables"),
    (
        ("password authentication failed", "no password supplied"),
        "the password is taken from PGPASSWORD, ~/.pgpass or a service file (PGSERVICE)",
    ),
    (("does not exist", "pg_hba.conf"), "docs/postgres.md shows how role and database are set up"),
)
"""What to do, by what the server or the driver says, where it says it in English."""
_QUESTION = " Is the server running on that host and accepting TCP/IP connections?"


def as_store_error(error: Exception) -> StoreError:
    """Return what failed in Postgres in the words of the port: unusable is what says nothing of the data itself."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    is_unusable = isinstance(error, _UNUSABLE) or (state or "").startswith(_OF_TRANSACTIONS)
    return StoreUnusable(text_of(error)) if is_unusable else StoreBroken(text_of(error))


def text_of(error: Exception) -> str:
    """Return in one line what the driver says, without a password."""
    if isinstance(error, errors.InsufficientPrivilege):
        return f"the role lacks a right: {_plain(error)}"
    if isinstance(error, _NOT_SET_UP):
        return f"it is not set up for this exitplan: {_plain(error)}"
    return _plain(error)


def passes(problem: DataFolderUnusable) -> bool:
    """Check whether what cannot be used may be usable again by itself: not where it refuses us, or lacks tables."""
    return not any(phrase in str(problem) for phrases, _ in _HINTS for phrase in phrases)


def _plain(error: Exception) -> str:
    diagnosed = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    text = " ".join((diagnosed or str(error)).split()) or type(error).__name__
    text = text.removeprefix("connection failed: ").replace(_QUESTION, "")
    password = os.environ.get("PGPASSWORD")
    return text.replace(password, "***") if password else text


def for_people(error: StoreError, place: str) -> ExitplanError:
    """Return what failed as whoever runs exitplan is told it."""
    if isinstance(error, StoreUnusable):
        return DataFolderUnusable(f"the database {place} cannot be used: {error}", hint=_hint(str(error)))
    return FileIsInvalid(
        f"{place}: the data is damaged: {error}",
        hint="restore the database from a backup, or look at the venue's orders before going on",
    )


def _hint(text: str) -> str:
    for phrases, hint in _HINTS:
        if any(phrase in text for phrase in phrases):
            return hint
    return "nothing was sent that is not in the journal; start the server or mend the way to it, then try again"


@contextmanager
def told(place: str) -> Iterator[None]:
    """Let what fails in the block be told to people; raises DataFolderUnusable, and FileIsInvalid for damage."""
    try:
        yield
    except StoreError as error:
        raise for_people(error, place) from error
    except psycopg.Error as error:
        raise for_people(as_store_error(error), place) from error
