"""The rows of the accounts of a fleet: what has changed is read for all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.approvals.deciding import Found
from exitplan.fleet.glances import Glance, glance, remembered
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.requests import requests_in
from exitplan.web.pages.accounts import AccountRow, row_of, unreadable_row


@dataclass(slots=True)
class FleetRows:
    """The rows of a fleet, kept by what they were made of."""

    fleet: FleetPlace
    _known: dict[str, tuple[AccountFile, str, AccountRow]] = field(default_factory=dict)

    def look(self, files: Mapping[str, AccountFile], now: datetime) -> list[AccountRow]:
        """Return the rows of accounts as they are now; states and readings are read where they have changed."""
        seen = glance(self.fleet.registry, now)
        marks = {name: mark for name, mark in seen.marks.items() if name in files}
        known = {name: kept for name, kept in self._known.items() if kept[1] == marks.get(name)}
        known = {name: kept for name, kept in known.items() if kept[0] is files[name]}
        for name, kept in remembered(self.fleet.registry, [name for name in marks if name not in known]):
            file = files[name]
            is_sound = kept.problem is None
            row = row_of(file, kept.state, kept.reading) if is_sound else unreadable_row(file, kept.problem or "")
            known[name] = file, marks[name], row
        self._known = known
        waiting = self._waiting(files, now)
        return [_completed(row, seen, waiting.get(row.id)) for _, _, row in known.values()]

    def _waiting(self, files: Mapping[str, AccountFile], now: datetime) -> dict[str, tuple[str, int]]:
        """Return by account the plan that waits, and how many people have still to approve it."""
        found: dict[str, tuple[str, int]] = {}
        for request in requests_in(self.fleet.registry, closed=False):
            if request.account in files:
                one = Found(request, files[request.account], self.fleet.store_of(request.account))
                # Of a plan nothing is parsed but to see how far prices have moved since somebody approved it.
                found[request.account] = request.id, one.missing(now) if request.votes else request.people
        return found


def _completed(row: AccountRow, seen: Glance, waiting: tuple[str, int] | None) -> AccountRow:
    """Add what waits, is wrong or under way to a row."""
    name = row.id
    if waiting is None and not seen.is_about(name):
        return row
    request, missing = waiting or (None, 0)
    halt = seen.halts.get("", seen.halts.get(name))
    return replace(
        row,
        incidents=seen.incidents.get(name, 0),
        taken=seen.taken.get(name, 0),
        request=request,
        missing=missing,
        halt=None if halt is None else halt or "halted",
        open_plans=seen.open_plans.get(name, 0),
        under_way=name in seen.at_work,
    )
