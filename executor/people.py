"""Who acted: the person, or the service, on whose behalf a command runs."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping

from exitplan.ruleset.model.visible import printable

ACTOR_VARIABLE = "EXITPLAN_USER"


def actor(environment: Mapping[str, str]) -> str:
    """Return who acts: what ``EXITPLAN_USER`` says, else the user of the system and this machine, as ``ana@host``."""
    named = environment.get(ACTOR_VARIABLE, "").strip()
    if named:
        return printable(named)
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in a container
        user = "unknown"
    return printable(f"{user}@{socket.gethostname()}")
