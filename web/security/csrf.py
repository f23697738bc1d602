"""The mark in each form that shows that the form is ours: no other site can make a browser send it."""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import Request

_KEY = secrets.token_bytes(32)
"""Of this process: sessions end with it too."""


def mark_of(bearer: str) -> str:
    """Return the mark that belongs to whoever a browser is known by, such as the secret of a session."""
    return hmac.new(_KEY, bearer.encode(), "sha256").hexdigest()


def is_mark(shown: str | None, bearer: str) -> bool:
    """Check a mark; takes the same time whatever is shown."""
    return shown is not None and hmac.compare_digest(shown.encode(), mark_of(bearer).encode())


def comes_from_here(request: Request, *, is_https: bool) -> bool:
    """Check that a browser says of a form that it stands on a page of ours; where it says nothing that is no proof."""
    origin = request.headers.get("Origin")
    if origin is not None:
        scheme = "https" if is_https else "http"
        return origin == f"{scheme}://{request.headers.get('Host', '')}"
    return request.headers.get("Sec-Fetch-Site") in {None, "same-origin", "none"}
