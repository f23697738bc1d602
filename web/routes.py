"""What a route is: a path, a handler, who may use it, and whether it changes something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from exitplan.web.security.roles import Role

Handler = Callable[[Request], Response | Awaitable[Response]]
"""Answers a request; a plain function works in a thread, so that it may wait for a journal or a venue."""
API = "/api/"
"""Where the paths begin that answer programs, in JSON."""
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Row:
    """One route. ``role`` is the least that somebody needs; None is for those who are not logged in.

    What ``changes`` something is told in the audit, and is never a GET. Paths are as Starlette has them.
    """

    path: str
    method: str
    handler: Handler
    role: Role | None
    changes: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a route that changes something by being looked at."""
        if self.changes and self.method in READING:
            raise ValueError(f"{self.method} {self.path} must change nothing")

    @property
    def is_for_programs(self) -> bool:
        """Whether it takes and gives JSON, and asks for a token in place of a log-in."""
        return self.path.startswith(API)
