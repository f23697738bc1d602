"""Put a backup back, never behind orders that were sent: what happened since is looked up first.

What was sent since a backup is in the present journal, where that can be read, and at the venue, where it lists past
orders. A person has to know of it before the account goes on from the backup.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext
from pathlib import Path
from typing import Any

from exitplan.brokers.protocol import Found, LookUp, NotFound, OrderReference
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.apply.own_orders import REACH, read_with_past_orders, told_orders
from exitplan.executor.plan import read_account
from exitplan.executor.store.alerts import raise_alert
from exitplan.executor.store.audit import audit_trail, runs_in
from exitplan.executor.store.backup import copied_journal
from exitplan.executor.store.files import ensure_writable, write_atomically
from exitplan.executor.store.gate_mark import RESTORED, mark_gate_closed
from exitplan.executor.store.group_rows import open_group_run
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import open_journal, opened
from exitplan.executor.store.journal_values import JournalMark
from exitplan.executor.store.last_journal import note_journal
from exitplan.executor.store.lease import trading_lease
from exitplan.executor.store.put_back import keep_aside, make_ready, put_in_place
from exitplan.executor.store.state import State, known_state
from exitplan.ruleset.errors import AccountIsAnother, FileIsInvalid, OutcomeUnknown, UsageError
from exitplan.ruleset.model.facts import OUR_ORDER
from exitplan.ruleset.model.values import EXACT, parse_time, plain, time_text

_MOST_ASKED = 100
"""Orders that the venue is asked for by our ids at most, the newest; of others the journal's word is told."""
_MOST_TOLD = 40
_VENUE_ALONE, _NO_LONGER = "known only to the venue", "accepted by a person, or pruned from the journal"
_NO_ORDERS = frozenset({"cancel_order", "adopt"})
"""Kinds of actions after which the venue knows no order of ours."""


@dataclass(frozen=True, slots=True)
class SentSince:
    """An order that was sent after a backup was made, and what became of it, in words.

    Symbol and time are None where only the venue knows of it.
    """

    client_order_id: str
    symbol: str | None
    sent_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: its newest run and how many there are, what was sent since, and where the old files are.

    ``group`` is the one of which a plan was on its way in the account, by either journal; that ends as its next one.
    """

    runs: int
    newest_run_at: datetime | None
    sent_since: tuple[SentSince, ...]
    kept: Path | None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class _Backup:
    """The journal of a backup: which it is, its state, runs and attempts, and what its open plans have not sent."""

    mark: JournalMark
    state: State
    runs: int
    newest_run_at: datetime | None
    attempts: frozenset[tuple[str, int]]
    unsent: frozenset[str]


def restore(account: Account, source: Path, *, accept_orders: bool = False) -> Restored:
    """Put the backup in a folder in the place of an account's journal and state; tracker and alerts where none are.

    The files that were there are copied beside them first. The gate is closed until the next verification. Raises
    OutcomeUnknown where orders were sent since, or that cannot be told, unless a person says with ``accept_orders``
    that they are known; AccountIsAnother for a backup of another account; FileIsInvalid, AccountIsLocked,
    AccountUnreadable, DataFolderUnusable.
    """
    folder, now = account.folder, account.clock()
    backup = _found(account, source)
    ensure_writable(folder.path)
    with localcontext(EXACT), trading_lease(folder.lock, account.identity, account.id, now):
        for left in folder.path.glob(".backup-*"):  # by a restore that was cut off
            shutil.rmtree(left, ignore_errors=True)
        with copied_journal(backup.journal, folder.journal) as copy:
            with open_journal(copy) as journal:
                known = _read(account, journal, copy, backup)
                present, sent, doubt = _sent_since(account, journal, known)
                group = _open_group(journal) or _open_group_in(present)
            if (sent or doubt) and not accept_orders:
                raise _refusal(account, source, sent, doubt)
            make_ready(copy, present, [order.client_order_id for order in sent], now)
            mark_gate_closed(folder, f"{RESTORED}{_as_of(known.newest_run_at)}", now)
            kept = keep_aside(folder, now)
            put_in_place(copy, folder, is_sound=present is not None)
        with open_journal(folder.journal) as journal:
            note_journal(folder, account.identity, journal.mark())
        for path, place in ((backup.tracker, folder.tracker), (backup.alerts, folder.alerts)):
            if path.exists() and not place.exists():
                write_atomically(place, path.read_bytes())
        restored = Restored(known.runs, known.newest_run_at, tuple(sent), kept, group)
        _alert(account, restored, now)
    return restored


def _open_group(journal: Journal) -> str | None:
    row = open_group_run(journal)
    return None if row is None else row.group_name


def _open_group_in(present: Path | None) -> str | None:
    if present is None:
        return None
    with open_journal(present) as journal:
        return _open_group(journal)


def _found(account: Account, source: Path) -> DataFolder:
    """Find the files of an account in a backup; raises UsageError for the data folder itself, else FileIsInvalid."""
    backup = DataFolder.of(source, account.id)
    if not backup.journal.exists() and (source / backup.journal.name).exists():
        backup = DataFolder(source, source)  # the account's own folder was named
    if backup.path.resolve() == account.folder.path.resolve():
        raise UsageError(f"{source} is the data folder that {account.id} uses now", hint="name the folder of a backup")
    if not backup.journal.exists():
        raise FileIsInvalid(f"{backup.journal} does not exist", hint="name a folder that exitplan backup made")
    return backup


def _read(account: Account, journal: Journal, copy: Path, backup: DataFolder) -> _Backup:
    """Read the journal of a backup to its end; raises FileIsInvalid where it is damaged, AccountIsAnother."""
    with closing(sqlite3.connect(copy)) as db:
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise FileIsInvalid(f"{backup.journal} is damaged: {verdict}", hint="nothing was changed; use another backup")
    state = known_state(journal) or State()
    attempts, runs, owner = set[tuple[str, int]](), 0, account.id
    with opened(copy, is_checked=False) as tables:
        for entry in runs_in(account.id, tables):
            runs += 1
            attempts |= {(order["client_order_id"], order["attempt"]) for order in entry["orders"]}
    for plan_id in journal.open_plan_ids():
        owner = str(journal.plan_document(plan_id)["account"]["id"])
    difference = None if state.bound is None else state.bound.difference(account.identity)
    if difference is not None or owner != account.id:
        why = difference or f"it belongs to {owner}"
        raise AccountIsAnother(f"the backup is of another account than {account.id}: {why}", hint="nothing was changed")
    return _Backup(journal.mark(), state, runs, journal.last_run_at(), frozenset(attempts), frozenset(_unsent(journal)))


def _unsent(journal: Journal) -> Iterator[str]:
    for plan_id in journal.open_plan_ids():
        intents = journal.intents(plan_id)
        for action in journal.plan_document(plan_id)["actions"]:
            if intents[action["id"]].status == "planned":
                yield action["client_order_id"]


def _sent_since(
    account: Account, journal: Journal, backup: _Backup
) -> tuple[Path | None, Sequence[SentSince], str | None]:
    """Return the present journal where it can be read, what was sent since the backup, and why that may not be all."""
    orders = _in_present(account, backup)
    present = None if orders is None else account.folder.journal
    held = read_account(account)
    symbols = {
        *(position.symbol for position in held.positions),
        *(order.symbol for order in held.open_orders),
        *(str(order["symbol"]) for order in (orders or {}).values()),
        *(key.partition("#")[0] for key in (*backup.state.classified, *backup.state.last_prices)),
    }
    _, past = read_with_past_orders(account, journal, backup.state, symbols, lambda: held)
    told = told_orders(account, held, past)
    ours = sorted(name for name in told if OUR_ORDER.fullmatch(name))
    unknown = {*journal.unknown_orders(ours), *(backup.unsent & told)} - (orders or {}).keys()
    sent = [*_looked_up(account, list((orders or {}).values()))]
    if present is None:
        sent += [SentSince(name, None, None, _VENUE_ALONE) for name in sorted(unknown)]
        return None, sent, _doubt(account, backup, is_complete=past.is_complete)
    with open_journal(present) as newer:
        alone, follows = set(newer.unknown_orders(sorted(unknown))), newer.mark().follows(backup.mark)
    for name in sorted(unknown):
        sent.append(SentSince(name, None, None, _VENUE_ALONE if name in alone else _NO_LONGER))
    # One that goes on from the backup knows all that was sent since.
    return present, sent, None if follows else _doubt(account, backup, is_complete=past.is_complete)


def _in_present(account: Account, backup: _Backup) -> dict[str, Mapping[str, Any]] | None:
    """Return the orders in the present journal that the backup does not know, by id; None where it cannot be read."""
    if not account.folder.journal.exists():
        return None
    orders: dict[str, Mapping[str, Any]] = {}
    try:
        for entry in audit_trail(account.store):
            for order in entry["orders"]:
                is_new = (order["client_order_id"], order["attempt"]) not in backup.attempts
                if is_new and order["kind"] not in _NO_ORDERS:
                    orders[order["client_order_id"]] = order
    except FileIsInvalid:
        return None
    return orders


def _doubt(account: Account, backup: _Backup, *, is_complete: bool) -> str | None:
    """Return why there may be more orders than the venue has told of; None where it has told of all."""
    if account.broker.capabilities.past_orders is None:
        return f"{account.venue} does not list past orders"
    newest = backup.newest_run_at
    if newest is None or newest < account.clock() - REACH:
        return f"{account.venue} was asked only for the last {REACH.days} days, and the backup is older"
    return None if is_complete else f"{account.venue} listed only the newest of its past orders"


def _looked_up(account: Account, orders: Sequence[Mapping[str, Any]]) -> Iterator[SentSince]:
    """Ask the venue what became of the newest orders that the present journal has; the oldest come first."""
    early, late = orders[:-_MOST_ASKED], orders[-_MOST_ASKED:]
    for order in early:
        yield SentSince(order["client_order_id"], order["symbol"], parse_time(order["sent_at"]), _in_journal(order))
    references = [
        OrderReference(
            symbol=order["symbol"], client_order_id=order["client_order_id"], since=parse_time(order["sent_at"])
        )
        for order in late
    ]
    answers = account.broker.look_up_orders(references) if references else ()
    for order, answer in zip(late, answers, strict=True):
        sent_at = parse_time(order["sent_at"])
        yield SentSince(order["client_order_id"], order["symbol"], sent_at, _outcome(order, answer))


def _outcome(order: Mapping[str, Any], answer: LookUp) -> str:
    if isinstance(answer, Found):
        return f"{answer.report.status} at the venue, {plain(answer.report.filled)} filled"
    return (
        f"{_in_journal(order)}; the venue {'knows no such order' if isinstance(answer, NotFound) else 'does not say'}"
    )


def _in_journal(order: Mapping[str, Any]) -> str:
    return f"{order['outcome'] or 'sending'} in the journal, {order['filled'] or '?'} filled"


def _refusal(account: Account, source: Path, sent: Sequence[SentSince], doubt: str | None) -> OutcomeUnknown:
    lines = [
        f"  {order.client_order_id}  {order.symbol or ''}  {order.outcome}".rstrip() for order in sent[:_MOST_TOLD]
    ]
    lines += [f"  ... and {len(sent) - _MOST_TOLD} more"] if len(sent) > _MOST_TOLD else []
    said = f"since this backup {account.id} has sent {len(sent)} {'order' if len(sent) == 1 else 'orders'}"
    if not sent:
        said = f"it is unknown what {account.id} has sent since this backup"
    return OutcomeUnknown(
        "\n".join([f"{said}{f': {doubt}' if doubt else ':' if lines else ''}", *lines]),
        hint="nothing was changed; look at the orders at the venue. To go on from the backup:"
        f" exitplan restore {source} --accept-orders",
    )


def _as_of(moment: datetime | None) -> str:
    return "" if moment is None else f" whose newest run began at {time_text(moment.replace(microsecond=0))}"


def _alert(account: Account, restored: Restored, now: datetime) -> None:
    newest = restored.newest_run_at
    figures = {"newest_run_at": None if newest is None else time_text(newest), "accepted": len(restored.sent_since)}
    raise_alert(account.folder.alerts, "JOURNAL_RESTORED", account.id, now, figures)
