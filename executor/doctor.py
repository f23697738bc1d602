"""Look at all that exitplan needs, before it is needed: the engine, the files of an account, and its venue."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from exitplan.brokers.clock_offset import TOLD, TOLERATED
from exitplan.brokers.inspection import FUTURES, SPOT, TRADE, WITHDRAW, Inspected, Inspection
from exitplan.brokers.live.cache import cache_folder
from exitplan.brokers.live.credentials import read_credentials
from exitplan.brokers.paper.account_file import DEMO
from exitplan.brokers.private_files import ensure_ours, writers_besides_us
from exitplan.brokers.protocol import Capabilities
from exitplan.brokers.registry import PAPER
from exitplan.executor.accounts.account import Account, AccountFile
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.plan import plan_snapshot, read_account
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.group_rows import open_group_run
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.port import AccountStore
from exitplan.executor.store.state import State, load_state
from exitplan.executor.store.tracker import load_records
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.version import VERSION
from exitplan.schemas.policies import load_policy, shipped_policy

LEAST_FREE = 100 * 2**20
"""Bytes that should be free where the journal is."""
_MEGABYTE = 2**20
_SEE_KEY = "check at the venue that it cannot withdraw"
_LESS = "remove that right at the venue"


class Grade(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in a sentence, and what to do about it."""

    check: str
    grade: Grade
    text: str
    hint: str | None = None


def examine_machine() -> list[Finding]:
    """Check what all accounts need: the rule engine, versions, and the folder in which locks are kept."""
    return [*careful("engine", _engine), *careful("versions", _versions), *careful("locks", _locks)]


def examine_account(account: Account, file: AccountFile, *, asks_venue: bool) -> list[Finding]:
    """Check what is kept of an account, and whether its venue answers; nothing is traded."""
    store = account.store
    found = [*careful("halt", lambda: _halt(store))]
    if isinstance(store, FileStore):
        folder = store.folder
        found += careful("data folder", lambda: _folder(folder))
        found += careful("journal", lambda: _journal(folder))
        found += careful("tracker", lambda: _tracker(folder))
    else:
        found += careful("journal", lambda: _journal_of(store))
    if account.venue != PAPER:
        found += careful("credentials", lambda: _credentials(file))
    if asks_venue and all(finding.check != "credentials" or finding.grade is Grade.OK for finding in found):
        found += careful("venue", lambda: examine_venue(account))
    return found


def careful(check: str, run: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Run a check; what it raises is what it found."""
    try:
        return list(run())
    except ExitplanError as problem:
        return [Finding(check, Grade.PROBLEM, str(problem), problem.hint)]
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        return [Finding(check, Grade.PROBLEM, f"{where}{problem.strerror or problem}")]


def _engine() -> Iterator[Finding]:
    """Let the engine decide on the demo account: planning compares its answers with those of the check."""
    planned = plan_snapshot(load_policy(shipped_policy("default")).policy, DEMO)
    count = len(planned.plan.positions)
    yield Finding("engine", Grade.OK, f"the rule engine and its check agree on {count} positions of the demo account")


def _versions() -> Iterator[Finding]:
    parts = [f"exitplan {VERSION}", f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    parts += [f"{name} {metadata.version(name)}" for name in ("ccxt", "durable-rules")]
    yield Finding("versions", Grade.OK, ", ".join(parts))


def _locks() -> Iterator[Finding]:
    folder = cache_folder() / "locks"
    try:
        ensure_ours(folder)
    except OSError as problem:
        hint = "let EXITPLAN_CACHE_DIR name a folder that is yours alone: no live account is traded without it"
        yield Finding("locks", Grade.PROBLEM, f"{folder}: {problem.strerror or problem}", hint)
    else:
        yield Finding("locks", Grade.OK, f"{folder} is ours alone")


def _halt(store: AccountStore) -> Iterator[Finding]:
    halt = store.find_halt()
    if halt is None:
        yield Finding("halt", Grade.OK, "nothing is halted")
    else:
        yield Finding("halt", Grade.WARNING, f"halted by {halt.place}", "end it with: exitplan resume")


def _folder(folder: DataFolder) -> Iterator[Finding]:
    place = next(path for path in (folder.path, *folder.path.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding("data folder", Grade.PROBLEM, f"{place} cannot be written", "let it belong to this user")
        return
    for path in dict.fromkeys((folder.root, folder.path)):
        others = writers_besides_us(path)
        if others is not None:
            yield Finding("data folder", Grade.WARNING, f"{others} can change what is in {path}", f"chmod go-w {path}")
    yield from _readable_by_others(folder)
    free = shutil.disk_usage(place).free
    room = f"{free // _MEGABYTE:,} MB are free"
    if free < LEAST_FREE:
        yield Finding("data folder", Grade.WARNING, f"only {room} at {place}", "make room before a run is cut off")
    else:
        yield Finding("data folder", Grade.OK, f"{folder.path} can be written, {room}")


def _readable_by_others(folder: DataFolder) -> Iterator[Finding]:
    """Tell of files that other users can read or change; what is made is for nobody else."""
    for path in (folder.journal, folder.state, folder.tracker, folder.alerts):
        if path.exists() and path.stat().st_mode & 0o077:
            yield Finding("data folder", Grade.WARNING, f"others can read or change {path}", f"chmod 600 {path}")


def _journal(folder: DataFolder) -> Iterator[Finding]:
    if not folder.journal.exists():
        yield Finding("journal", Grade.OK, "no run was made yet")
        return
    verdict = _integrity(folder.journal)
    if verdict != "ok":
        hint = "nothing is sent with it; put a backup back: docs/safety.md"
        yield Finding("journal", Grade.PROBLEM, f"{folder.journal} is damaged: {verdict}", hint)
        return
    with open_journal(folder.journal) as journal:
        state = load_state(journal, folder.state)
        runs, open_plans = _runs(journal)
    size = folder.journal.stat().st_size
    yield Finding("journal", Grade.OK, f"whole, {size / _MEGABYTE:.1f} MB, runs: {runs}; the state agrees with it")
    yield from open_plans
    yield from _escalated(state)


def _journal_of(store: AccountStore) -> Iterator[Finding]:
    """Look at a journal that is no file."""
    if not store.has_journal():
        yield Finding("journal", Grade.OK, "no run was made yet")
        return
    state = store.read_state()
    with store.open_journal() as journal:
        runs, open_plans = _runs(journal)
    yield Finding("journal", Grade.OK, f"in {store.place}, runs: {runs}")
    yield from open_plans
    yield from _escalated(state)


def _runs(journal: Journal) -> tuple[int, list[Finding]]:
    """Return how many runs there were, and what is open."""
    runs, waiting = len(journal.runs()), journal.open_plan_ids()
    unresolved = sum(len(journal.unresolved(plan)) for plan in waiting)
    if unresolved:
        text = f"the outcome of {unresolved} orders is unknown"
        return runs, [Finding("journal", Grade.PROBLEM, text, "apply the plan again, or see docs/safety.md, Exit 9")]
    group = open_group_run(journal)
    if group is not None:
        return runs, [Finding("journal", Grade.WARNING, group.text, group.hint)]
    if waiting:
        text = f"open plans: {', '.join(waiting)}"
        return runs, [Finding("journal", Grade.WARNING, text, "apply them again, to the end")]
    return runs, []


def _escalated(state: State) -> Iterator[Finding]:
    if state.escalated:
        text = f"escalated: {', '.join(sorted(state.escalated))}"
        yield Finding("journal", Grade.WARNING, text, "a person has to look: exitplan explain SYMBOL")


def _integrity(journal: Path) -> str:
    try:
        with closing(sqlite3.connect(journal, timeout=10)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as problem:
        return str(problem)
    return str(verdict)


def _tracker(folder: DataFolder) -> Iterator[Finding]:
    if not folder.tracker.exists():
        text = f"{folder.tracker} does not exist: every position counts as registered by nobody"
        yield Finding("tracker", Grade.WARNING, text, "take one over with: exitplan state take-tracker FILE")
        return
    yield Finding("tracker", Grade.OK, f"{len(load_records(folder.tracker))} records in {folder.tracker}")


def _credentials(file: AccountFile) -> Iterator[Finding]:
    reference = str(file.block.get("credentials") or "")
    fingerprint = read_credentials(reference, file.path.parent, os.environ).fingerprint()
    yield Finding("credentials", Grade.OK, f"at hand, of the key with the fingerprint {fingerprint}")


def examine_venue(account: Account) -> Iterator[Finding]:
    """Read the account, which also shows whether the key may read it, and look at the clock and the key."""
    snapshot = read_account(account)
    counts = f"{len(snapshot.positions)} positions, {len(snapshot.open_orders)} open orders"
    yield Finding("venue", Grade.OK, f"{account.venue} answers: {counts}")
    yield from _clock(account.broker.capabilities)
    if snapshot.missing:
        unread = ", ".join(part.replace("_", " ") for part in snapshot.missing)
        yield Finding("venue", Grade.PROBLEM, f"what could not be read: {unread}", "look at the rights of the key")
    if account.venue != PAPER and isinstance(account.broker, Inspected):
        yield from _key(account.venue, account.broker.inspect())


def _clock(capabilities: Capabilities) -> Iterator[Finding]:
    """Compare this machine's clock with the venue's, as far as its replies tell the time."""
    offset = capabilities.clock_offset
    if offset is None:
        return
    problem = offset.problem(TOLD)
    if problem is not None:
        is_refused = offset.problem(max(TOLERATED, capabilities.receive_window / 3)) is not None
        hint = (
            "nothing is sent until you set it right, for example with NTP"
            if is_refused
            else "set it, for example with NTP"
        )
        yield Finding("clock", Grade.PROBLEM if is_refused else Grade.WARNING, problem, hint)
    else:
        text = f"this machine's clock and the venue's differ by {offset.furthest:.1f} seconds at most"
        yield Finding("clock", Grade.OK, text)


def _key(venue: str, told: Inspection) -> Iterator[Finding]:
    """Judge what the key may do: to read and to trade is enough."""
    if told.rights is None:
        if told.problem is not None:
            yield Finding("key", Grade.WARNING, f"its rights could not be read: {told.problem}", _SEE_KEY)
        else:
            yield Finding("key", Grade.OK, f"{venue} does not tell its rights", _SEE_KEY)
        return
    rights, unneeded = told.rights, told.rights.unneeded(told.market_types)
    if WITHDRAW in rights.rights:
        hint = "create one at the venue that may only read and trade, and delete this one"
        yield Finding("key", Grade.WARNING, "it may withdraw: whoever has it can take everything", hint)
    if not rights.rights & {TRADE, SPOT, FUTURES}:
        yield Finding("key", Grade.WARNING, "it may not trade: plans can be made but not applied")
    if unneeded:
        yield Finding("key", Grade.WARNING, f"it has rights that exitplan does not need: {', '.join(unneeded)}", _LESS)
    if rights.is_bound is False:
        yield Finding("key", Grade.WARNING, "it can be used from any address", "allow only this machine's address")
    yield Finding("key", Grade.OK, f"it may {', '.join(sorted(rights.rights)) or 'do nothing'}")
