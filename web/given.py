"""What the dashboard is given: the project, its data, the clock, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from starlette.requests import Request

from exitplan.brokers.protocol import Clock
from exitplan.executor.store.port import StoreOpener
from exitplan.web.known_accounts import KnownAccounts
from exitplan.web.security.proxy import ProxyRule
from exitplan.web.security.users_file import UsersFile


@dataclass(frozen=True, slots=True)
class Given:
    """All that the dashboard knows from outside.

    ``users`` is None where nobody logs in: everybody is a viewer then, and nothing can be changed. ``hosts`` are the
    values of the header Host that are answered, such as 127.0.0.1:8800. With ``proxy`` people are known by what a
    proxy says of them. A session ends after ``idle``, and at the latest after ``longest``.
    """

    root: Path
    data: Path
    store_of: StoreOpener
    clock: Clock
    users: UsersFile | None
    hosts: frozenset[str]
    accounts: KnownAccounts
    is_https: bool = False
    proxy: ProxyRule | None = None
    idle: timedelta = field(default=timedelta(minutes=30))
    longest: timedelta = field(default=timedelta(hours=12))


def given_of(request: Request) -> Given:
    """Return what the dashboard that answers a request was given."""
    given: Given = request.app.state.given
    return given
