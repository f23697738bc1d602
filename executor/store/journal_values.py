"""What the journal is told and tells: intents, how attempts ended, fills, and how they are read from its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import orjson
from msgspec import Struct

from exitplan.executor.store.port import Row, StoreBroken
from exitplan.ruleset.model.values import parse_time, plain
from exitplan.ruleset.planning.plan_types import Plan

Status = Literal["planned", "sending", "done", "refused", "skipped", "needs_human"]
RESOLVED: frozenset[str] = frozenset({"done", "refused", "skipped"})
UNRESOLVED: frozenset[str] = frozenset({"sending", "needs_human"})
"""The statuses of what may have reached the venue without a clear answer."""
ENTRIES = frozenset({"unwind_progress", "failed_exits", "escalated"})
"""The parts of a state document that outcomes change entry by entry."""


class Intent(Struct, frozen=True, gc=False):
    """One action of a journalled plan and how far it has come.

    ``quantity`` is what the last attempt asked for, ``held_before`` the position before it, ``filled`` what the venue
    filled of it; all in the position's units. ``fence`` is the number of the run that sent it last.
    """

    plan_id: str
    action_id: str
    status: Status
    attempt: int = 0
    quantity: Decimal | None = None
    sent_at: datetime | None = None
    held_before: Decimal | None = None
    filled: Decimal | None = None
    order_id: str | None = None
    message: str | None = None
    fence: int | None = None


def planned_intents(plan: Plan) -> dict[str, Intent]:
    """Return the intents of a plan as it is begun, by action id, in its order."""
    return {action.id: Intent(plan.plan_id, action.id, "planned") for action in plan.actions}


class Resolution(Struct, frozen=True, gc=False):
    """How an attempt ended: its status, what was filled, the venue's order id, and its words.

    The average price, in the market's quote, and the fee are None where the venue does not tell them.
    """

    status: Status
    filled: Decimal = Decimal(0)
    order_id: str | None = None
    message: str | None = None
    average_price: Decimal | None = None
    fee: Decimal | None = None
    fee_currency: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """What the venue filled of one attempt, as it told it last, and when it did.

    The quantity is in the position's units, the average price in the market's quote. Price and fee are
    None where the venue does not tell them. ``sent_at`` is when the attempt went out.
    """

    plan_id: str
    action_id: str
    quantity: Decimal
    average_price: Decimal | None
    fee: Decimal | None
    fee_currency: str | None
    told_at: datetime
    order_id: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JournalMark:
    """Which journal this is, by a random id of its own, and how often its state has been replaced."""

    journal: str
    revision: int

    def follows(self, other: JournalMark) -> bool:
        """Check whether this journal is the other one, or the same at a later time."""
        return self.journal == other.journal and self.revision >= other.revision


@dataclass(frozen=True, slots=True)
class Settlement:
    """How attempts ended, each with the moment it was known, and what that changes in the account's state.

    ``changes`` holds, by part of the state document, either its entries by name, None for one that is gone, or, where
    the part has no entries, all of it.
    """

    resolved: Sequence[tuple[Intent, Resolution, datetime]]
    changes: Mapping[str, Any] = field(default_factory=dict)

    def then(self, later: Settlement) -> Settlement:
        """Return this settlement and a later one as one."""
        changes = {**self.changes, **later.changes}
        for name in ENTRIES & self.changes.keys() & later.changes.keys():
            changes[name] = {**self.changes[name], **later.changes[name]}
        return Settlement([*self.resolved, *later.resolved], changes)


def intents_of_rows(plan_id: str, rows: Iterable[Row]) -> dict[str, Intent]:
    """Read intents of the journal, by action id; raises StoreBroken where one is broken."""
    try:
        return {
            action_id: Intent(
                plan_id,
                action_id,
                status,
                attempt,
                None if quantity is None else Decimal(quantity),
                None if sent_at is None else moment_of(sent_at),
                None if held_before is None else Decimal(held_before),
                None if filled is None else Decimal(filled),
                order_id,
                message,
                fence,
            )
            for action_id, status, attempt, quantity, sent_at, held_before, filled, order_id, message, fence in rows
        }
    except (ArithmeticError, ValueError, TypeError) as error:
        raise StoreBroken(f"an intent in it is broken: {error}") from error


def document_of(text: bytes) -> dict[str, Any]:
    """Read a document as it is written in a journal; raises StoreBroken where it is none."""
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise StoreBroken(f"a document in it is broken: {error}") from error
    if not isinstance(document, dict):
        raise StoreBroken("a document in it is broken")
    return document


@lru_cache(maxsize=1024)
def moment_of(text: str) -> datetime:
    """Read a time; orders that went out together have the same. Raises StoreBroken for a broken one."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise StoreBroken(f"a time in it is broken: {error}") from error


def decimal_of(text: str | None) -> Decimal | None:
    """Read a number of the journal, if there is one; raises StoreBroken for a broken one."""
    return None if text is None else number_of(text)


def number_of(text: str) -> Decimal:
    """Read a number of the journal; raises StoreBroken for a broken one."""
    try:
        return Decimal(text)
    except ArithmeticError as error:
        raise StoreBroken(f"a number in it is broken: {text!r}") from error


def text_of(value: Decimal | None) -> str | None:
    """Write a number as the journal keeps it."""
    return None if value is None else plain(value)
