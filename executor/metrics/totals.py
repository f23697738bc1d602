"""Count what has happened to an account since its journal began: runs, actions, sales, alerts.

A journal grows for years, so what can no longer change is counted once: plans and runs that have ended, up to a mark,
and alerts up to a place in their file. The sums are kept beside the journal, and made anew where they are lost.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.apply.proceeds import proceeds_of
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.executor.store.alert_log import AlertLog
from exitplan.executor.store.files import write_atomically
from exitplan.executor.store.journal_values import Resolution
from exitplan.ruleset.errors import DataFolderUnusable
from exitplan.ruleset.model.records import read_record, write_record
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.checks import AccountState

_SETTLED = frozenset({"done", "refused", "skipped"})
_NOT_SENT = "not_sent"
OTHER = "other"
"""What stands for kinds of alerts that this version does not know."""

Counts = Mapping[str, int]
"""Counts by their labels, with a space between them."""


class Totals(Struct, frozen=True, gc=False):
    """What was counted; the first three say of which journal, up to which plan and to which run.

    ``planned`` is what was sold at the marks of its plans, ``proceeds`` what that brought in, without the ``untold``
    fills. ``clean_at`` is the end of the last run that left the account CLEAN, as text.
    """

    journal: str = ""
    plan: int = 0
    run: int = 0
    runs: Counts = field(default_factory=dict)
    clean_at: str | None = None
    actions: Counts = field(default_factory=dict)
    planned: Decimal = ZERO
    proceeds: Decimal = ZERO
    untold: int = 0
    alerts: Counts = field(default_factory=dict)
    alerts_read: int = 0


def count_journal(db: sqlite3.Connection, totals: Totals) -> tuple[Totals, Totals]:
    """Count what a journal has more than the totals.

    Returns the totals with what has ended, to be kept, and those with what is still open besides. Raises sqlite3.Error,
    ValueError, TypeError and ArithmeticError for a damaged journal.
    """
    (journal,) = db.execute("SELECT journal_id FROM origin").fetchone()
    if journal != totals.journal:  # another one, or the first time
        totals = Totals(journal=journal, alerts=totals.alerts, alerts_read=totals.alerts_read)
    totals = _with_runs(db, totals)
    kept = now = totals
    plans = db.execute("SELECT rowid, plan_id, ended_at FROM plans WHERE rowid > ? ORDER BY rowid", (totals.plan,))
    has_open = False
    for number, plan_id, ended_at in plans.fetchall():
        has_open = has_open or ended_at is None
        now = _with_plan(db, now, plan_id, is_over=ended_at is not None)
        if not has_open:
            kept = now = replace(now, plan=number)
    return kept, now


def _with_runs(db: sqlite3.Connection, totals: Totals) -> Totals:
    """Count runs that are over: those that have ended, and those that another one came after."""
    asked = "SELECT run_id, ended_at, exit_code, state FROM runs WHERE run_id > ? ORDER BY run_id"
    rows = db.execute(asked, (totals.run,)).fetchall()
    if rows and rows[-1][1] is None:
        rows.pop()
    runs, clean_at = Counter(totals.runs), totals.clean_at
    for _, ended_at, exit_code, state in rows:
        runs["none" if exit_code is None else str(exit_code)] += 1
        clean_at = ended_at if ended_at and state == AccountState.CLEAN.value else clean_at
    return replace(totals, runs=dict(runs), clean_at=clean_at, run=rows[-1][0] if rows else totals.run)


def _with_plan(db: sqlite3.Connection, totals: Totals, plan_id: str, *, is_over: bool) -> Totals:
    asked = "SELECT number, action_id, status FROM intents WHERE plan_id = ? ORDER BY number"
    intents = db.execute(asked, (plan_id,)).fetchall()
    if not intents:
        return totals
    (text,) = db.execute("SELECT document FROM plans WHERE plan_id = ?", (plan_id,)).fetchone()
    actions = {entry["id"]: entry for entry in orjson.loads(text)["actions"]}
    counted = Counter(totals.actions)
    for _, action_id, status in intents:
        if status in _SETTLED or is_over:
            counted[f"{actions[action_id]['kind']} {status if status in _SETTLED else _NOT_SENT}"] += 1
    totals = replace(totals, actions=dict(counted))
    fills = db.execute("SELECT action_id, quantity, average_price FROM fills WHERE plan_id = ?", (plan_id,))
    for action_id, quantity, price in fills.fetchall():
        totals = _with_fill(totals, actions[action_id], Decimal(quantity), price)
    return totals


def _with_fill(totals: Totals, document: Mapping[str, Any], quantity: Decimal, price: str | None) -> Totals:
    action = read_record(Action, document)
    if not action.reduces:
        return totals
    average = None if price is None else Decimal(price)
    sold = proceeds_of(action, Resolution("done", quantity, average_price=average))
    if sold is None:
        return replace(totals, untold=totals.untold + 1)
    proceeds, planned = sold
    return replace(totals, planned=EXACT.add(totals.planned, planned), proceeds=EXACT.add(totals.proceeds, proceeds))


def count_alerts(folder: DataFolder, totals: Totals) -> Totals:
    """Count the alerts that came since the totals; raises DataFolderUnusable."""
    log = AlertLog(folder.alerts, totals.alerts_read)
    counted = Counter(totals.alerts)
    for alert in log.new():
        kind = alert["alert_type"]
        counted[f"{kind if kind in ALERT_KINDS else OTHER} {alert['severity']}"] += 1
    return replace(totals, alerts=dict(counted), alerts_read=log.offset)


def split_counts(counts: Counts) -> Iterator[tuple[str, str, int]]:
    """Return counts by two labels."""
    for labels, count in counts.items():
        first, _, second = labels.partition(" ")
        yield first, second, count


def read_totals(folder: DataFolder) -> Totals:
    """Return what was counted so far; nothing where it is not there, or damaged."""
    try:
        return read_record(Totals, orjson.loads(folder.totals.read_bytes()))
    except (OSError, ValueError, TypeError, ArithmeticError):
        return Totals()


def keep_totals(folder: DataFolder, totals: Totals) -> None:
    """Keep what was counted; where that cannot be done it is logged, and counted anew the next time."""
    try:
        write_atomically(folder.totals, orjson.dumps(write_record(totals)), is_durable=False)
    except DataFolderUnusable as error:
        note(RUN, "totals_not_kept", level=logging.DEBUG, message=str(error))
