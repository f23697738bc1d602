"""What the dashboard is given: the project, its data, the clock, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request

from exitplan.brokers.protocol import Clock
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.approvals.deciding import Found, all_requests
from exitplan.executor.store.halt import Halt, find_halt
from exitplan.executor.store.port import StoreOpener
from exitplan.web.known_accounts import Accounts
from exitplan.web.security.proxy import ProxyRule
from exitplan.web.security.users_file import UsersFile

if TYPE_CHECKING:  # a dashboard of files needs none of it
    from collections.abc import Mapping

    from exitplan.fleet.place import FleetPlace


@dataclass(frozen=True, slots=True)
class Given:
    """All that the dashboard knows from outside.

    ``users`` is None where nobody logs in: everybody is a viewer then, and nothing can be changed. ``hosts`` are the
    values of the header Host that are answered, such as 127.0.0.1:8800. With ``proxy`` people are known by what a
    proxy says of them. With ``fleet`` the accounts are those of a fleet, and ``data`` has the
    dashboard's own files alone. A session ends after ``idle``, and at the latest after ``longest``.
    """

    root: Path
    data: Path
    store_of: StoreOpener
    clock: Clock
    users: UsersFile | None
    hosts: frozenset[str]
    accounts: Accounts
    is_https: bool = False
    proxy: ProxyRule | None = None
    idle: timedelta = field(default=timedelta(minutes=30))
    longest: timedelta = field(default=timedelta(hours=12))
    fleet: FleetPlace | None = None

    @property
    def place(self) -> DataPlace:
        """Where accounts are, and what is kept of them."""
        return FilePlace(self.data) if self.fleet is None else self.fleet

    def halt_of_all(self) -> Halt | None:
        """Find the halt of all accounts; where that cannot be looked at, there is one."""
        if self.fleet is None:
            return find_halt(DataFolder(self.data, self.data))
        return self.fleet.halt_of_all()

    def requests(self, *, closed: bool = True) -> list[Found]:
        """Return the plans that wait for people, of all accounts that can be read, and with ``closed`` earlier ones."""
        if self.fleet is not None:
            return self.fleet.requests(closed=closed)[0]
        found, _ = all_requests(self.accounts.files().sound, self.store_of)
        return [one for one in found if closed or one.request.standing == "waiting"]

    def with_incidents(self) -> Mapping[str, AccountFile]:
        """Return at least those accounts that have incidents."""
        return self.accounts.files().sound if self.fleet is None else self.fleet.files("incidents").sound


def given_of(request: Request) -> Given:
    """Return what the dashboard that answers a request was given."""
    given: Given = request.app.state.given
    return given
