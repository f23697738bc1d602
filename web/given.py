"""What the dashboard is given: the project, its data, the clock, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.approvals.deciding import Found, all_requests
from exitplan.web.observed import Observed
from exitplan.web.security.proxy import ProxyRule
from exitplan.web.security.users_file import UsersFile

if TYPE_CHECKING:  # a dashboard of files needs none of it
    from collections.abc import Mapping


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

    def with_incidents(self) -> Mapping[str, AccountFile]:
        """Return at least those accounts that have incidents."""
        return self.accounts.files().sound if self.fleet is None else self.fleet.files("incidents").sound


def given_of(request: Request) -> Given:
    """Return what the dashboard that answers a request was given."""
    given: Given = request.app.state.given
    return given
