"""What the dashboard is given: the project, its data, the clock, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request

from exitplan.executor.approvals.deciding import Found, Unread, all_requests
from exitplan.executor.escalation.shown import Shown, shown_incidents
from exitplan.ruleset.errors import ExitplanError
from exitplan.web.observed import Observed
from exitplan.web.security.proxy import ProxyRule
from exitplan.web.security.users_file import UsersFile

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Observed):
    """All that the dashboard knows from outside.

    ``users`` is None where nobody logs in: everybody is a viewer then, and nothing can be changed. ``hosts`` are the
    values of the header Host that are answered, such as 127.0.0.1:8800. With ``proxy`` people are known by what a
    proxy says of them. A session ends after ``idle``, and at the latest after ``longest``.
    """

    users: UsersFile | None
    hosts: frozenset[str]
    is_https: bool = False
    proxy: ProxyRule | None = None
    idle: timedelta = field(default=timedelta(minutes=30))
    longest: timedelta = field(default=timedelta(hours=12))

    def requests(self, *, closed: bool = True) -> list[Found]:
        """Return the plans that wait for people, of all accounts that can be read, and with ``closed`` earlier ones."""
        if self.fleet is not None:
            return self.fleet.requests(closed=closed)[0]
        found, _ = all_requests(self.accounts.files().sound, self.store_of)
        return [one for one in found if closed or one.request.standing == "waiting"]

    def request(self, name: str) -> Found | None:
        """Return a plan that waits or has waited by its whole id, of all accounts that can be read."""
        known = self.requests() if self.fleet is None else self.fleet.requests(name)[0]
        return next((one for one in known if one.request.id == name), None)

    def incidents(self, *, ended: bool = False, among: Iterable[str] | None = None) -> tuple[list[Shown], list[Unread]]:
        """Return the incidents of all accounts, open or ended, and the accounts that cannot be read.

        Of files only those ``among`` them are looked at, where they are named.
        """
        now = self.clock()
        if self.fleet is not None:
            return self.fleet.incidents(now, ended=ended)
        files = self.accounts.files().sound
        shown, unread = list[Shown](), list[Unread]()
        for name in files if among is None else among:
            try:
                shown += shown_incidents(self.file(name), self.store_of(name), now, ended=ended)
            except ExitplanError as problem:
                unread.append((name, problem))
        return shown, unread


def given_of(request: Request) -> Given:
    """Return what the dashboard that answers a request was given."""
    given: Given = request.app.state.given
    return given
