"""What people do with plans that wait: find one, approve it, reject it. Every decision is an alert as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.approvals.book import open_book, requests_of
from exitplan.executor.approvals.request import Request, Vote
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.ruleset.errors import ExitplanError, PlanIsUnsigned, UsageError
from exitplan.ruleset.model.visible import printable

MOST_WORDS = 500
"""The longest reason that is kept."""
MOST_LISTED = 10
"""So many requests are named where the one that is meant is not there."""


@dataclass(frozen=True, slots=True)
class Found:
    """A request, with the account that it is about and where that keeps its data."""

    request: Request
    file: AccountFile
    store: AccountStore

    @property
    def most_move(self) -> Decimal:
        """How far prices may be from those at which somebody approved."""
        return self.file.loaded.policy.guards["max_price_move_pct"]

    def approvals(self, now: datetime) -> tuple[Vote, ...]:
        """Return the approvals that count now."""
        return self.request.approvals(now, self.most_move)

    def missing(self, now: datetime) -> int:
        """Return how many more people have to approve it."""
        return max(0, self.request.people - len(self.approvals(now)))


Unread = tuple[str, ExitplanError]
"""An account whose requests cannot be read, and why."""


def all_requests(files: Mapping[str, AccountFile], store_of: StoreOpener) -> tuple[list[Found], list[Unread]]:
    """Return the requests of all accounts, the oldest first, and the accounts that cannot be read."""
    found: list[Found] = []
    problems: list[Unread] = []
    for name, file in files.items():
        store = store_of(name)
        try:
            found += [Found(request, file, store) for request in requests_of(store)]
        except ExitplanError as problem:
            problems.append((name, problem))
    return sorted(found, key=lambda one: one.request.asked_at), problems


def find_request(name: str, known: Iterable[Found]) -> Found:
    """Find a request by its id, the beginning of it, or the id of its plan; raises UsageError."""
    everything = list(known)
    fitting = [one for one in everything if name == one.request.plan_id or one.request.id.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{name!r} is the start of several ids", hint=_listed(fitting))
    waiting = [one for one in everything if one.request.standing == "waiting"]
    raise UsageError(f"no waiting plan has the id {name!r}", hint=_listed(waiting) if waiting else "no plan waits")


def _listed(found: Sequence[Found]) -> str:
    named = ", ".join(f"{one.request.id} ({one.request.account})" for one in found[:MOST_LISTED])
    return f"which one: {named}{' ...; exitplan pending lists them' if len(found) > MOST_LISTED else '?'}"


def approve(found: Found, person: str, now: datetime) -> Found:
    """Write down that a person approves a plan; raises NotWaiting.

    Raises PlanIsUnsigned where plans of the account have to be signed.
    """
    rule = found.file.signature_rule
    if rule is not None:
        raise PlanIsUnsigned(
            f"{rule.wanted(found.request.account)}: that is the approval",
            hint=f"exitplan pending {found.request.id} --out plan.json, exitplan sign plan.json --key KEY, "
            "exitplan apply plan.json",
        )
    with open_book(found.store) as book:
        decided = replace(found, request=book.approve(found.request.id, person, now, found.most_move))
        book.raise_alerts()
    return decided


def withdraw_approvals(
    known: Iterable[Found], person: str, now: datetime, why: str
) -> tuple[list[Found], list[Unread]]:
    """Let a person's approvals of plans that wait count no more; returns those, and what cannot be changed."""
    changed: list[Found] = []
    problems: list[Unread] = []
    for found in known:
        if found.request.standing != "waiting" or not found.request.has_approval_of(person):
            continue
        try:
            with open_book(found.store) as book:
                request = book.withdraw_approval(person, now, why)
        except ExitplanError as problem:
            problems.append((found.request.account, problem))
            continue
        if request is not None:
            changed.append(replace(found, request=request))
    return changed, problems


def reject(found: Found, person: str, now: datetime, why: str, until: datetime | None = None) -> Found:
    """Write down that a person rejects a plan, and for how long; raises NotWaiting."""
    words = printable(why.strip())[:MOST_WORDS]
    with open_book(found.store) as book:
        decided = replace(found, request=book.reject(found.request.id, person, now, words, until))
        book.raise_alerts()
    return decided
