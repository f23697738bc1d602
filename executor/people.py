"""Who acts: the person at the keyboard, as far as this machine can tell, or whom the dashboard has logged in."""

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
    """Let what is done in the block be done by somebody who has proved who that is; a new thread has to say it anew."""
    before = _ACTING.set(person)
    try:
        yield
    finally:
        _ACTING.reset(before)


def proven_actor() -> str | None:
    """Return who has proved to be the one who acts; None where nobody has."""
    return _ACTING.get()


def actor(environment: Mapping[str, str]) -> str:
    """Return who acts: whoever is logged in, else EXITPLAN_USER, else the user of this machine as ``name@host``.

    The last two tell people apart that do not cheat; whoever can write the journal can write any name. Where that is
    not enough, have plans signed.
    """
    proven = proven_actor()
    if proven is not None:
        return proven
    named = printable(environment.get(PERSON_VARIABLE, "").strip())[:_LONGEST]
    if named:
        return named
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        name = f"uid-{os.getuid()}"
    return printable(f"{name}@{socket.gethostname()}")[:_LONGEST]
