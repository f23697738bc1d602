"""Who is logged in: sessions that the server keeps, in memory, so that each can be ended and none outlives it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from exitplan.brokers.protocol import Clock
from exitplan.web.security.users_file import User

MOST_OF_ONE = 20
"""Sessions that one person has at once; the oldest ends where there would be more."""


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in: of whom, when it began and was last used; ``stamp`` is that of the user then."""

    name: str
    stamp: str
    begun_at: datetime
    used_at: datetime


@dataclass(slots=True)
class Sessions:
    """The sessions by the hash of their secret: what is in memory opens nothing."""

    clock: Clock
    idle: timedelta
    longest: timedelta
    _known: dict[str, Session] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, user: User) -> str:
        """Begin a session and return its secret, which is always a new one."""
        secret, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            self._known = {key: one for key, one in self._known.items() if not self._is_over(one, now)}
            own = sorted((one.begun_at, key) for key, one in self._known.items() if one.name == user.name)
            for _, key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
                del self._known[key]
            self._known[_key(secret)] = Session(user.name, user.stamp, now, now)
        return secret

    def use(self, secret: str) -> Session | None:
        """Find the session of a secret and note that it is used; None where there is none, or it is over."""
        key, now = _key(secret), self.clock()
        with self._lock:
            session = self._known.get(key)
            if session is None:
                return None
            if self._is_over(session, now):
                del self._known[key]
                return None
            self._known[key] = replace(session, used_at=now)
            return session

    def end(self, secret: str) -> None:
        """End a session, if there is one."""
        with self._lock:
            self._known.pop(_key(secret), None)

    def _is_over(self, session: Session, now: datetime) -> bool:
        return now - session.used_at > self.idle or now - session.begun_at > self.longest


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
