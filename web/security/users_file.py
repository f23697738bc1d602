"""The file of those who may use the dashboard; of passwords and tokens hashes alone. ``exitplan users`` writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock

from exitplan.brokers.private_files import OWN, make_private_folder
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.values import parse_time, time_text
from exitplan.schemas.documents import load_document
from exitplan.web.security.roles import Role

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Token:
    """A token for programs: only its hash is kept. It may do no more than its role, nor than its owner."""

    id: str
    about: str
    sha256: str
    role: Role
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use the dashboard; without a ``password`` only through a proxy, or with a token."""

    name: str
    role: Role
    password: str | None
    made_at: datetime
    tokens: tuple[Token, ...] = ()

    @property
    def stamp(self) -> str:
        """What changes with the role and the password: sessions from before end."""
        return hashlib.sha256(f"{self.name} {self.role} {self.password}".encode()).hexdigest()


Users = Mapping[str, User]
"""Those who may, by name."""


@dataclass(slots=True)
class UsersFile:
    """The file, read anew whenever it has changed."""

    path: Path
    _seen: tuple[int, ...] | None = None
    _users: Users = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def read(self) -> Users:
        """Return those who may; raises FileIsInvalid where the file is broken or missing: nobody may, then."""
        with self._lock:
            seen = self._look()
            if self._seen is None or seen != self._seen:
                self._users = _users_of(load_document(self.path, "users"), self.path)
                self._seen = seen
            return self._users

    def find(self, name: str) -> User | None:
        """Find somebody by name, in whatever case; raises as :meth:`read` does."""
        wanted = name.casefold()
        return next((user for user in self.read().values() if user.name.casefold() == wanted), None)

    def token(self, token_id: str) -> tuple[User, Token] | None:
        """Find a token by its id, with its owner; raises as :meth:`read` does."""
        owned = ((user, token) for user in self.read().values() for token in user.tokens)
        return next(((user, token) for user, token in owned if token.id == token_id), None)

    def change(self, change: Callable[[Users], Users]) -> None:
        """Replace the file in one step, for its owner alone; raises FileIsInvalid, DataFolderUnusable.

        Those who change it at the same time wait for each other.
        """
        make_private_folder(self.path.parent)
        with FileLock(self.path.with_name(f".{self.path.name}.lock"), mode=OWN):
            users = change(self.read() if self.path.exists() else {})
            content = json.dumps(_document(users), indent=2) + "\n"
            write_atomically(self.path, content.encode())

    def _look(self) -> tuple[int, ...]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise FileIsInvalid(
                f"{self.path}: {error.strerror or error}",
                hint="make the first user: exitplan users add NAME --role admin",
            ) from error
        return (status.st_ino, status.st_mtime_ns, status.st_size)


def _users_of(document: Mapping[str, Any], path: Path) -> Users:
    users: dict[str, User] = {}
    for name, entry in document["users"].items():
        same = next((other for other in users if other.casefold() == name.casefold()), None)
        if same is not None:
            raise FileIsInvalid(f"{path}: {name!r} and {same!r} are one name", hint="take one of them out")
        tokens = tuple(map(_token_of, entry["tokens"]))
        users[name] = User(name, Role.of(entry["role"]), entry["password"], parse_time(entry["made_at"]), tokens)
    return users


def _token_of(entry: Mapping[str, Any]) -> Token:
    made_at, expires_at = parse_time(entry["made_at"]), parse_time(entry["expires_at"])
    return Token(entry["id"], entry["about"], entry["sha256"], Role.of(entry["role"]), made_at, expires_at)


def _document(users: Users) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "users": {
            user.name: {
                "role": user.role.word,
                "password": user.password,
                "made_at": time_text(user.made_at),
                "tokens": [_token_document(token) for token in user.tokens],
            }
            for user in users.values()
        },
    }


def _token_document(token: Token) -> dict[str, str]:
    return {
        "id": token.id,
        "about": token.about,
        "sha256": token.sha256,
        "role": token.role.word,
        "made_at": time_text(token.made_at),
        "expires_at": time_text(token.expires_at),
    }
