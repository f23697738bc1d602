"""Who acts: the person at the keyboard, as far as this machine can tell."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping

from exitplan.ruleset.model.visible import printable

PERSON_VARIABLE = "EXITPLAN_USER"
_LONGEST = 100


def actor(environment: Mapping[str, str]) -> str:
    """Return who acts: EXITPLAN_USER where it is set, else the user of this machine as ``name@host``.

    It tells people apart that do not cheat; whoever can write the journal can write any name. Where that is not
    enough, have plans signed.
    """
    named = printable(environment.get(PERSON_VARIABLE, "").strip())[:_LONGEST]
    if named:
        return named
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        name = f"uid-{os.getuid()}"
    return printable(f"{name}@{socket.gethostname()}")[:_LONGEST]
