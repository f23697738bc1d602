"""What a venue says of a conversion that was taken: done, refused after all, or under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def told_by(done: Mapping[str, Any], key: str, *, finished: str, refused: str) -> Mapping[str, Any]:
    """Add the status of a conversion, which the venue tells under ``key`` and ccxt leaves out.

    It is ``closed``, ``rejected`` or, by any other word, ``open``.
    """
    word = (done.get("info") or {}).get(key)
    return {**done, "status": {finished: "closed", refused: "rejected"}.get(str(word), "open")}
