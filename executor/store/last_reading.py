"""The figures of an account's last reading, kept beside its journal for whoever watches; nothing is decided by them.

The file is written at the end of a plan, a verification and a run, where the account has a journal, and never fails
them. Equity is what plans tell: what has no price counts for nothing in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Annotated

import orjson
from msgspec import Struct
from msgspec.structs import replace

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.records import Key, read_record, write_record
from exitplan.ruleset.model.values import EXACT, ZERO, parse_time
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.planner import Draft

_LARGEST = 8 * 2**20
"""Bytes; a file that is larger is none of ours."""


class PositionRead(Struct, frozen=True, gc=False):
    """One position as it was read last; ``value`` is in the account's quote, None without a price."""

    symbol: str
    side: str
    category: Category
    value: Decimal | None


class LastReading(Struct, frozen=True, gc=False):
    """What an account was at its last reading; amounts are in its quote, None where not known.

    ``locked`` is what open orders hold, ``counted`` and ``cap`` are the positions that the cap counts and allows.
    ``clean_at`` is when a verification last found the account CLEAN, ``refused_by`` the guards that refuse the plan.
    """

    at: datetime
    equity: Decimal | None
    locked: Decimal | None
    open_orders: int
    stale_orders: int
    counted: int
    cap: int
    positions: tuple[PositionRead, ...]
    clean_at: Annotated[datetime | None, Key(sparse=True)] = None
    refused_by: Annotated[tuple[str, ...], Key(sparse=True)] = ()


def reading_of(draft: Draft) -> LastReading:
    """Return the figures of a reading, of what was decided on it. Pure."""
    account, checks = draft.account, draft.checks
    return LastReading(
        at=account.snapshot.taken_at,
        equity=None if account.snapshot.missing else account.equity.total,
        locked=_locked(account),
        open_orders=checks.orders,
        stale_orders=len(checks.stale),
        counted=checks.counted,
        cap=checks.max_positions,
        positions=tuple(
            PositionRead(one.view.position.symbol, one.view.position.side, one.category, one.view.value)
            for one in draft.decisions
        ),
        refused_by=tuple(verdict.name for verdict in draft.guards if not verdict.ok),
    )


def values_by_category(positions: Iterable[PositionRead]) -> dict[Category, tuple[int, Decimal | None]]:
    """Count positions by category, with what those are worth that have a price; None where there are and none has."""
    groups: dict[Category, list[Decimal | None]] = {category: [] for category in Category}
    for position in positions:
        groups[position.category].append(position.value)
    found: dict[Category, tuple[int, Decimal | None]] = {}
    for category, values in groups.items():
        known = [value for value in values if value is not None]
        found[category] = (len(values), None if values and not known else total(known))
    return found


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Add up amounts; None where one of them is not known."""
    result = ZERO
    for amount in amounts:
        if amount is None:
            return None
        result = EXACT.add(result, amount)
    return result


def _locked(account: AccountView) -> Decimal | None:
    """Return what open orders hold of money and positions."""
    if account.snapshot.missing:
        return None
    with localcontext(EXACT):
        others = [money for money in account.other_cash if money.locked]
        held = [view for view in account.positions if view.position.locked]
        return total(
            [
                account.snapshot.cash.locked,
                *(None if money.rate is None else money.locked * money.rate for money in others),
                *(view.worth(view.position.locked) for view in held),
            ]
        )


def next_reading(draft: Draft, before: bytes | None, *, is_verification: bool) -> bytes:
    """Write the figures of a reading as they are kept, given those of the one ``before``, as they were kept."""
    reading = reading_of(draft)
    is_clean = is_verification and draft.checks.state is AccountState.CLEAN
    clean_at = reading.at if is_clean else None if before is None else _clean_at(before)
    return orjson.dumps(write_record(reading if clean_at is None else replace(reading, clean_at=clean_at)))


def _clean_at(content: bytes) -> datetime | None:
    """Read when figures that were kept say that the account was CLEAN; None where they do not, or are damaged."""
    if b'"clean_at"' not in content:
        return None
    try:
        return parse_time(orjson.loads(content)["clean_at"])
    except (ValueError, TypeError, KeyError):
        return None


def kept_reading(content: bytes) -> LastReading | None:
    """Read figures that were kept; None where they are damaged."""
    try:
        document: Mapping[str, object] = orjson.loads(content)
        return read_record(LastReading, document)
    except (ValueError, TypeError, ArithmeticError):
        return None


def keep_reading(folder: DataFolder, draft: Draft, *, is_verification: bool = False) -> None:
    """Keep the figures of a reading; where that cannot be done it is logged, and the work goes on.

    An account without a journal keeps none: a look at it begins nothing.
    """
    if not folder.journal.exists():
        return
    try:
        content = next_reading(draft, _content_in(folder), is_verification=is_verification)
        write_atomically(folder.reading, content, is_durable=False)
    except DataFolderUnusable as error:
        note(RUN, "reading_not_kept", level=logging.DEBUG, message=str(error))


def read_last_reading(folder: DataFolder) -> LastReading | None:
    """Return the figures of the last reading; None where none were kept, or the file is damaged."""
    content = _content_in(folder)
    return None if content is None else kept_reading(content)


def _content_in(folder: DataFolder) -> bytes | None:
    try:
        with folder.reading.open("rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return None
