"""Change who may use the dashboard: what ``exitplan users`` does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.visible import printable
from exitplan.schemas.shapes.users import USER_NAME_PATTERN
from exitplan.web.security.passwords import hash_password
from exitplan.web.security.roles import Role
from exitplan.web.security.users_file import Token, User, Users, UsersFile
from exitplan.web.security.visitors import TOKEN_PREFIX, hash_of_token

_LONGEST = 100


def add_user(file: UsersFile, name: str, role: Role, password: str | None, now: datetime) -> None:
    """Add somebody; without a password only a proxy can let the person in. Raises UsageError for a name in use."""
    if not re.fullmatch(USER_NAME_PATTERN, name):
        raise UsageError(f"{name!r} is no name for a user", hint="letters, digits and . _ @ - are allowed")
    hashed = None if password is None else hash_password(password)

    def added(users: Users) -> Users:
        same = next((known for known in users if known.casefold() == name.casefold()), None)
        if same is not None:
            raise UsageError(f"there is a user {same} already", hint="see exitplan users list")
        return {**users, name: User(name, role, hashed, now)}

    file.change(added)


def remove_user(file: UsersFile, name: str) -> str:
    """Take somebody out, and return the name as it was written: sessions and tokens end at once.

    Raises UsageError where there is no such user.
    """
    removed = known_user(file.read(), name).name
    file.change(lambda users: {key: user for key, user in users.items() if user is not known_user(users, name)})
    return removed


def set_role(file: UsersFile, name: str, role: Role) -> None:
    """Give somebody another role; sessions end. Raises UsageError where there is no such user."""
    _change_user(file, name, lambda user: replace(user, role=role))


def set_password(file: UsersFile, name: str, password: str) -> None:
    """Give somebody another password; sessions end. Raises UsageError, also for one that is too short."""
    hashed = hash_password(password)
    _change_user(file, name, lambda user: replace(user, password=hashed))


def made_token(file: UsersFile, name: str, about: str, role: Role, now: datetime, lasts: timedelta) -> str:
    """Make a token of somebody and return it: it is kept nowhere. Raises UsageError where there is no such user.

    Those of the person that have expired go.
    """
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    words = printable(" ".join(about.split()))[:_LONGEST]
    made = Token(token_id, words, hash_of_token(secret), role, now, now + lasts)

    def with_token(user: User) -> User:
        return replace(user, tokens=(*(token for token in user.tokens if token.expires_at > now), made))

    _change_user(file, name, with_token)
    return f"{TOKEN_PREFIX}_{token_id}_{secret}"


def revoke_token(file: UsersFile, token_id: str) -> User:
    """Take a token back and return whose it was; raises UsageError where there is none with this id."""
    found = file.token(token_id)
    if found is None:
        raise UsageError(f"there is no token {token_id!r}", hint="exitplan users list shows their ids")
    owner = found[0]
    _change_user(
        file, owner.name, lambda user: replace(user, tokens=tuple(one for one in user.tokens if one.id != token_id))
    )
    return owner


def known_user(users: Users, name: str) -> User:
    """Find somebody by name; raises UsageError with the nearest name that there is."""
    user = next((user for user in users.values() if user.name.casefold() == name.casefold()), None)
    if user is None:
        raise UsageError(f"there is no user {name!r}", hint=did_you_mean(name, users) or "see exitplan users list")
    return user


def _change_user(file: UsersFile, name: str, change: Callable[[User], User]) -> None:
    def changed(users: Users) -> Users:
        user = known_user(users, name)
        return {**users, user.name: change(user)}

    file.change(changed)
