"""Who acts: the person at the keyboard, as far as this machine can tell."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from exitplan.ruleset.model.visible import printable

PERSON_VARIABLE = "EXITPLAN_USER"
_LONGEST = 100
_ACTING: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(person: str) -> Iterator[None]:
    """Let a person who is known by other means, such as a log-in, be who acts within the block, in this thread."""
    token = _ACTING.set(printable(person)[:_LONGEST])
    try:
        yield
    finally:
        _ACTING.reset(token)


def actor(environment: Mapping[str, str]) -> str:
    """Return who acts: whoever :func:`acting_as` names, else EXITPLAN_USER, else this machine's user as ``name@host``.

    It tells people apart that do not cheat; whoever can write the journal can write any name. Where that is not
    enough, have plans signed.
    """
    acting = _ACTING.get()
    if acting is not None:
        return acting
    named = printable(environment.get(PERSON_VARIABLE, "").strip())[:_LONGEST]
    if named:
        return named
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        name = f"uid-{os.getuid()}"
    return printable(f"{name}@{socket.gethostname()}")[:_LONGEST]
