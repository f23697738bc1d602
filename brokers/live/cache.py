"""The folder for what exitplan may forget: listings of markets, and how much of a venue's limits is used."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "EXITPLAN_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder that EXITPLAN_CACHE_DIR names, else the user's own of the system.

    A terminal and a cron job of one user have it in common; a folder of the session (XDG_RUNTIME_DIR) they have not.
    """
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else platformdirs.user_cache_path("exitplan", appauthor=False)
