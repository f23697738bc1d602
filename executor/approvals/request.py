"""A plan that waits for a person, and what people have said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Literal

import orjson

from exitplan.executor.approvals.content import have_moved, prices_of
from exitplan.ruleset.errors import NotWaiting
from exitplan.ruleset.planning.plan import read_plan
from exitplan.ruleset.planning.plan_types import Plan

Standing = Literal["waiting", "superseded", "rejected", "applied", "withdrawn"]
STANDINGS: Mapping[Standing, str] = {
    "waiting": "It waits for a person to decide, or to be applied after approval.",
    "superseded": "A later plan with other content took its place.",
    "rejected": "A person has rejected it.",
    "applied": "It was applied, or begun.",
    "withdrawn": "A later plan has nothing to do or needs no approval, or another plan was applied.",
}
"""How a request stands."""

VOTE_STANDS = timedelta(days=1)
"""How long an approval counts: what somebody approved last week is not carried out today."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person has said, when, and of which plan; ``prices`` are those it was made at, by position.

    An approval is withdrawn by itself where the person is no user any more; ``why`` says so.
    """

    kind: Literal["approve", "reject", "withdraw"]
    person: str
    at: datetime
    plan_id: str
    prices: Mapping[str, str]
    why: str | None = None

    def stands(self, now: datetime) -> bool:
        """Check whether it is of this day; one from far in the future was given by a clock that was wrong."""
        return abs(now - self.at) < VOTE_STANDS


@dataclass(frozen=True)
class Request:
    """One question to people: may this be done? It keeps its id while each round plans the same anew.

    ``plan_id`` and ``plan`` are those of the newest plan of this content; ``reasons`` say why it waits, ``people`` how
    many must approve it. ``replaced_by`` is the request that supersedes it, ``until`` how long a rejection holds, None
    for ever.
    """

    id: str
    account: str
    content: str
    plan_id: str
    written: bytes
    reasons: tuple[str, ...]
    people: int
    asked_at: datetime
    standing: Standing
    changed_at: datetime
    replaced_by: str | None = None
    until: datetime | None = None
    votes: tuple[Vote, ...] = ()

    @cached_property
    def plan(self) -> Plan:
        """The newest plan; raises PlanIsAltered, FileIsInvalid."""
        return read_plan(orjson.loads(self.written))

    def approvals(self, now: datetime, most_move: Decimal) -> tuple[Vote, ...]:
        """Return the approvals that count now: the last word of each person, not too old, at prices like today's."""
        prices = prices_of(self.plan)
        return tuple(
            vote
            for vote in self.last_words
            if vote.kind == "approve" and vote.stands(now) and not have_moved(vote.prices, prices, most_move)
        )

    @property
    def last_words(self) -> tuple[Vote, ...]:
        """The last word of each person; a name is the same in capitals, so that nobody counts twice by a slip."""
        return tuple({vote.person.casefold(): vote for vote in self.votes}.values())

    def has_approval_of(self, person: str) -> bool:
        """Check whether the last word of a person is an approval, however old."""
        return any(vote.kind == "approve" and vote.person.casefold() == person.casefold() for vote in self.last_words)

    @property
    def approvers(self) -> tuple[Vote, ...]:
        """The approvals by people who have not said otherwise since, however old; none where too few have approved."""
        said = tuple(vote for vote in self.last_words if vote.kind == "approve")
        return said if len(said) >= self.people else ()

    def is_approved(self, now: datetime, most_move: Decimal) -> bool:
        """Check whether it waits and enough people have approved it."""
        return self.standing == "waiting" and len(self.approvals(now, most_move)) >= self.people

    def forbids(self, now: datetime) -> bool:
        """Check whether it was rejected and that still holds."""
        return self.standing == "rejected" and (self.until is None or now < self.until)

    def no_more(self) -> NotWaiting:
        """Say why nothing can be decided on it any more."""
        if self.standing == "rejected" and self.votes:
            last = self.votes[-1]
            said = f"{self.id} was rejected by {last.person}: {last.why}"
            return NotWaiting(said, hint="to do it anyway, plan by hand: exitplan plan")
        hint = "the next round makes a new request if there is anything to do"
        if self.replaced_by is not None:
            hint = f"see the request that replaced it: exitplan pending {self.replaced_by}"
        return NotWaiting(f"{self.id} is no longer waiting: it is {self.standing}", hint=hint)
