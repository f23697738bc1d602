"""Problems of a policy, as data: where in the document, what is wrong, what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]
"""A place in a document: the keys and indices that lead to it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document; ``on_key`` says that the key is to blame and not its value."""

    path: Path
    message: str
    severity: Literal["error", "warning"] = "error"
    hint: str | None = None
    on_key: bool = False


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that a person most likely meant; None where nothing is near."""
    by_folded = {candidate.casefold(): candidate for candidate in allowed}
    if not by_folded:
        return None
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, allowed: Iterable[str]) -> str | None:
    """Format the nearest name as a hint; None where nothing is near."""
    near = nearest(name, allowed)
    return None if near is None else f"did you mean {near!r}?"
