"""Read the figures of one account out of its files, changing none of them; its venue is not asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote

from exitplan.executor.metrics.samples import MeasuredAccount, Sample
from exitplan.executor.metrics.totals import Totals, count_alerts, count_journal, split_counts
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.executor.store.gate_mark import find_mark
from exitplan.executor.store.halt import find_halt
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import SCHEMA_VERSION
from exitplan.executor.store.last_reading import LastReading, read_last_reading, values_by_category
from exitplan.executor.store.sqlite_tables import SqliteTables
from exitplan.executor.store.state import State, ensure_journal, known_state
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.values import EXACT, parse_time
from exitplan.ruleset.planning.checks import AccountState

_OLDEST_VERSION = 4
"""Of a journal: earlier ones lack what is read here, and are brought up by the next run."""
_PATIENCE = 2.0
"""Seconds that a journal may be locked; nobody holds it for longer than a commit."""
_WAITING = {
    "waiting_plans": ("requests", "SELECT count(*) FROM requests WHERE standing = 'waiting'"),
    "open_incidents": ("incidents", "SELECT count(*) FROM incidents WHERE ended_at IS NULL"),
}
"""What waits for a person, by the table that has it; a journal from before there was one has none."""


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """The samples of an account, and the totals to go on counting from."""

    samples: tuple[Sample, ...]
    totals: Totals


def read_figures(account: MeasuredAccount, totals: Totals, *, symbols: int = 0) -> AccountFigures:
    """Read an account; ``symbols`` is how many of its positions are told one by one, the largest first.

    Raises what a damaged, locked or foreign file raises: sqlite3.Error, StoreError, OSError, ExitplanError,
    ValueError, TypeError, KeyError, ArithmeticError.
    """
    ensure_journal(account.folder)
    totals = count_alerts(account.folder, totals)
    samples = [*_alert_samples(account, totals)]
    reading = read_last_reading(account.folder)
    if reading is not None:
        samples += _reading_samples(account, reading, symbols)
    if account.folder.journal.exists():
        with _journal(account) as db:
            totals, now = count_journal(db, totals)
            samples += _total_samples(account, now)
            samples += _journal_samples(account, db, Journal(SqliteTables(db)), now, reading, symbols)
    return AccountFigures((*samples, account.sample("account_readable", 1)), totals)


@contextmanager
def _journal(account: MeasuredAccount) -> Iterator[sqlite3.Connection]:
    """Open a journal as of one moment, only to read it; whoever writes is not kept waiting."""
    path = account.folder.journal
    address = f"file:{quote(str(path.absolute()))}?mode=rw"  # to read alone would leave files of SQLite behind
    with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE)) as db:
        db.execute("PRAGMA query_only = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not _OLDEST_VERSION <= version <= SCHEMA_VERSION:
            raise FileIsInvalid(f"{path}: the journal has version {version}, from another version of exitplan")
        db.execute("BEGIN")
        yield db


def _alert_samples(account: MeasuredAccount, totals: Totals) -> Iterator[Sample]:
    """Tell every kind that there is, so that the first alert of it is seen to be one more."""
    known = {f"{kind.name} {kind.severity}": 0 for kind in ALERT_KINDS.values()}
    disagreements = 0
    for kind, severity, count in split_counts({**known, **totals.alerts}):
        yield account.sample("alerts_total", count, kind=kind, severity=severity)
        disagreements += count if kind == "ENGINE_DISAGREEMENT" else 0
    yield account.sample("engine_disagreements_total", disagreements)


def _reading_samples(account: MeasuredAccount, reading: LastReading, symbols: int) -> Iterator[Sample]:
    yield account.sample("reading_timestamp_seconds", reading.at)
    for name, amount in (("equity", reading.equity), ("locked_capital", reading.locked)):
        if amount is not None:
            yield account.money(name, amount)
    counts = ("counted_positions", reading.counted), ("max_positions", reading.cap)
    for name, count in (*counts, ("open_orders", reading.open_orders), ("stale_orders", reading.stale_orders)):
        yield account.sample(name, count)
    for category, (count, value) in values_by_category(reading.positions).items():
        unknown = sum(one.category is category and one.value is None for one in reading.positions)
        yield account.sample("positions", count, category=category.value)
        yield account.sample("positions_without_value", unknown, category=category.value)
        if value is not None:
            yield account.money("positions_value", value, category=category.value)
            if reading.equity is not None and reading.equity > 0:
                share = EXACT.divide(value, reading.equity)
                yield account.sample("positions_equity_ratio", share, category=category.value)
    priced = [(one.value, one) for one in reading.positions if one.value is not None]
    priced.sort(key=lambda pair: (-pair[0], pair[1].symbol))
    for value, one in priced[:symbols]:
        yield account.money("position_value", value, symbol=one.symbol, side=one.side, category=one.category.value)


def _total_samples(account: MeasuredAccount, totals: Totals) -> Iterator[Sample]:
    for exit_code, count in {"0": 0, **totals.runs}.items():
        yield account.sample("runs_total", count, exit_code=exit_code)
    for kind, outcome, count in split_counts(totals.actions):
        yield account.sample("actions_total", count, kind=kind, outcome=outcome)
    yield account.money("exits_planned_value_total", totals.planned)
    yield account.money("exits_proceeds_total", totals.proceeds)
    yield account.sample("exits_without_price_total", totals.untold)


def _journal_samples(
    account: MeasuredAccount,
    db: sqlite3.Connection,
    journal: Journal,
    totals: Totals,
    reading: LastReading | None,
    symbols: int,
) -> Iterator[Sample]:
    newest = db.execute("SELECT started_at, ended_at FROM runs ORDER BY run_id DESC LIMIT 1").fetchone()
    for name, moment in zip(("start", "end"), newest or (), strict=False):
        if moment is not None:
            yield account.sample(f"run_{name}_timestamp_seconds", parse_time(moment))
    waiting = journal.open_plan_ids()
    yield account.sample("open_plans", len(waiting))
    yield account.sample("unknown_orders", sum(len(journal.unresolved(plan)) for plan in waiting))
    for name, (table, asked) in _WAITING.items():
        if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone():
            yield account.sample(name, *db.execute(asked).fetchone())
    state = known_state(journal)
    if state is not None:
        yield from _state_samples(account, state, totals, reading)
        yield from _unwind_samples(account, state, symbols)


def _state_samples(
    account: MeasuredAccount, state: State, totals: Totals, reading: LastReading | None
) -> Iterator[Sample]:
    metrics = state.metrics
    for name in ("positions_cleaned", "zombie_positions_closed", "legacy_positions_unwound", "stale_orders_cancelled"):
        kept = "total_positions_cleaned" if name == "positions_cleaned" else name
        yield account.sample(f"{name}_total", getattr(metrics, kept))
    yield account.money("capital_freed_total", metrics.capital_freed_usd)
    known = state.account_state
    if known is not None:
        known = AccountState.UNKNOWN if find_mark(account.folder) else known
        for one in AccountState:
            yield account.sample("account_state", int(one is known), state=one.value)
    if state.last_verified_at is not None:
        yield account.sample("verified_timestamp_seconds", state.last_verified_at)
    clean = [
        parse_time(totals.clean_at) if totals.clean_at else None,
        None if reading is None else reading.clean_at,
        state.last_verified_at if state.account_state is AccountState.CLEAN else None,
    ]
    if any(clean):
        yield account.sample("clean_timestamp_seconds", max(moment for moment in clean if moment is not None))
    yield account.sample("failed_exits", len(state.failed_exits))
    yield account.sample("escalated_positions", len(state.escalated))


def _unwind_samples(account: MeasuredAccount, state: State, symbols: int) -> Iterator[Sample]:
    unwinds = state.unwinds
    yield account.sample("unwinds", len(unwinds))
    if unwinds:
        left = sum((entry.remaining_pct for entry in unwinds.values()), Decimal(0))
        yield account.sample("unwinds_remaining_ratio", EXACT.divide(left, len(unwinds)))
        yield account.sample("unwinds_oldest_timestamp_seconds", min(entry.started_at for entry in unwinds.values()))
    for key, entry in sorted(unwinds.items())[:symbols]:
        symbol, _, side = key.partition("#")
        labels = {"symbol": symbol, "side": side or "long"}
        yield account.sample("unwind_remaining_ratio", entry.remaining_pct, **labels)
        yield account.sample("unwind_cycles", entry.cycle, **labels)


def always_known(account: MeasuredAccount) -> Iterator[Sample]:
    """Return what can be told of an account whose files cannot be read as well; raises OSError."""
    yield account.sample("account_halted", int(find_halt(account.folder) is not None))
    journal = account.folder.journal
    if journal.exists():
        beside = [journal.with_name(journal.name + suffix) for suffix in ("", "-wal")]
        yield account.sample("journal_size_bytes", sum(path.stat().st_size for path in beside if path.exists()))
