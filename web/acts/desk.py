"""What the dashboard holds while it is up: the rows of all accounts, the plans it made, and those it applies."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from starlette.requests import Request

from exitplan.executor.accounts.account import Account, AccountFile
from exitplan.executor.approvals.book import requests_of
from exitplan.executor.approvals.content import have_moved, prices_of
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.plan import Planned
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import NotWaiting
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.web.acts.works import Work, Works
from exitplan.web.given import Given
from exitplan.web.pages.overview import Overview
from exitplan.web.refusals import NoSuchPage

_LOOKS = 64
"""How many accounts' newest plans are held."""
_SHOWN = 512
"""Of how many plans that were shown the prices are held."""


@dataclass(frozen=True, slots=True)
class Look:
    """A plan that was made here: by whom and when, and the file it was made by."""

    planned: Planned
    file: AccountFile
    person: str
    at: datetime


@dataclass(slots=True)
class Desk:
    """What pages and acts share; nothing of it is needed to go on after a restart."""

    given: Given
    overview: Overview = field(init=False)
    works: Works = field(init=False)
    streams: Counter[str] = field(default_factory=Counter)
    """How many streams of events each person has; only the event loop touches it."""
    _looks: OrderedDict[str, Look] = field(default_factory=OrderedDict)
    _shown: OrderedDict[str, Mapping[str, str]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Make what depends on what is given."""
        self.overview = Overview(self.given)
        self.works = Works(self._end)

    def file(self, account: str) -> AccountFile:
        """Return an account's file; raises NoSuchAccount, and FileIsInvalid where it may be a broken one."""
        return self.given.file(account)

    def store(self, account: str) -> AccountStore:
        """Return where an account that there is keeps its data."""
        return self.given.store_of(self.file(account).id)

    def open(self, account: str, *, offline: bool = False) -> Account:
        """Open an account; ``offline`` for those who only look at what is remembered."""
        return self.given.open(account, offline=offline)

    def request(self, account: str, name: str) -> Found:
        """Return a plan that waits or has waited, by its id; raises NoSuchPage."""
        file, store = self.file(account), self.store(account)
        for request in requests_of(store):
            if request.id == name:
                return Found(request, file, store)
        raise NoSuchPage(f"{account} has no plan {name!r} that waits", hint="it may be too old: see the account")

    def look(self, account: str) -> Look | None:
        """Return the newest plan that was made here of an account."""
        return self._looks.get(account)

    def keep(self, look: Look) -> None:
        """Keep a plan that was made."""
        with self._lock:
            self._looks[look.file.id] = look
            self._looks.move_to_end(look.file.id)
            while len(self._looks) > _LOOKS:
                self._looks.popitem(last=False)

    def note_shown(self, plan: Plan) -> None:
        """Note at which prices somebody sees a plan: another one of the same content may take its place meanwhile."""
        with self._lock:
            self._shown[plan.plan_id] = prices_of(plan)
            self._shown.move_to_end(plan.plan_id)
            while len(self._shown) > _SHOWN:
                self._shown.popitem(last=False)

    def ensure_seen(self, found: Found, plan_id: str) -> None:
        """Raise NotWaiting where a request has another plan now than was seen, at prices that are not like those."""
        if plan_id == found.request.plan_id:
            return
        seen = self._shown.get(plan_id)
        if seen is None or have_moved(seen, prices_of(found.request.plan), found.most_move):
            raise NotWaiting(
                "the plan was made anew since this page was opened, at other prices: nothing was done",
                hint="go back, load the page again and look at it as it is now",
            )

    def _end(self, work: Work) -> None:
        self._looks.pop(work.account, None)  # the account is another one now
        self.overview.renew(work.account)


def desk_of(request: Request) -> Desk:
    """Return the desk of the dashboard that answers a request."""
    desk: Desk = request.app.state.desk
    return desk
