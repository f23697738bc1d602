"""All accounts, those first that need somebody: what is remembered of each, without asking any venue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

from exitplan.executor.accounts.account import AccountFile, BrokenFile
from exitplan.executor.approvals.book import ApprovalBook
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.escalation.incidents import IncidentFile
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.last_reading import LastReading
from exitplan.executor.store.port import AccountStore, StoreError
from exitplan.executor.store.state import State, known_state
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.planning.checks import AccountState

PER_PAGE = 100


class Attention(IntEnum):
    """How much an account needs somebody, the most first."""

    UNREADABLE = 0
    INCIDENT = 1
    UNKNOWN = 2
    WAITS = 3
    HALTED = 4
    CUT_OFF = 5
    NEEDS_CLEANUP = 6
    IN_PROGRESS = 7
    NEVER_VERIFIED = 8
    CLEAN = 9

    @property
    def text(self) -> str:
        """What it is, in few words."""
        return _ATTENTION[self]


_ATTENTION = {
    Attention.UNREADABLE: "cannot be read",
    Attention.INCIDENT: "incident open",
    Attention.UNKNOWN: "unknown",
    Attention.WAITS: "plan waits",
    Attention.HALTED: "halted",
    Attention.CUT_OFF: "run cut off",
    Attention.NEEDS_CLEANUP: "needs cleanup",
    Attention.IN_PROGRESS: "cleanup in progress",
    Attention.NEVER_VERIFIED: "not verified yet",
    Attention.CLEAN: "clean",
}


@dataclass(frozen=True, slots=True)
class AccountRow:
    """What the list says of one account; amounts are in its quote, None where not known.

    ``request`` is the plan that waits, ``missing`` how many people have still to approve it. ``problem`` is why the
    account cannot be read. ``counted`` are the positions that the cap counts. ``incidents`` are those that nobody has
    taken, ``taken`` the others.
    """

    id: str
    venue: str = ""
    quote: str = ""
    policy: str = ""
    tags: tuple[str, ...] = ()
    is_live: bool = False
    state: AccountState | None = None
    equity: Decimal | None = None
    positions: int | None = None
    counted: int | None = None
    cap: int | None = None
    unwinds: int = 0
    escalated: int = 0
    incidents: int = 0
    taken: int = 0
    request: str | None = None
    missing: int = 0
    halt: str | None = None
    open_plans: int = 0
    under_way: bool = False
    last_run: datetime | None = None
    verified_at: datetime | None = None
    problem: str | None = None

    @property
    def attention(self) -> Attention:
        """How much it needs somebody."""
        holds = {
            Attention.UNREADABLE: self.problem is not None,
            Attention.INCIDENT: self.incidents > 0,
            Attention.UNKNOWN: self.state is AccountState.UNKNOWN,
            Attention.WAITS: self.request is not None,
            Attention.HALTED: self.halt is not None,
            Attention.CUT_OFF: self.open_plans > 0 and not self.under_way,
        }
        first = next((attention for attention, is_so in holds.items() if is_so), None)
        return _BY_STATE[self.state] if first is None else first

    @property
    def order(self) -> tuple[int, Decimal, str]:
        """The place in the list: those that need somebody first, of those the ones with the most money."""
        return self.attention, -(self.equity or Decimal(0)), self.id

    def answers(self, words: Iterable[str]) -> bool:
        """Check whether each of the words is part of what the row says."""
        said = " ".join((self.id, self.venue, self.policy, *self.tags, self.attention.text)).casefold()
        return all(word in said for word in words)


_BY_STATE = {
    None: Attention.NEVER_VERIFIED,
    AccountState.UNKNOWN: Attention.UNKNOWN,
    AccountState.NEEDS_CLEANUP: Attention.NEEDS_CLEANUP,
    AccountState.CLEANUP_IN_PROGRESS: Attention.IN_PROGRESS,
    AccountState.CLEAN: Attention.CLEAN,
}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list: its rows, how many fit in all, how many there are of each attention, and where it is."""

    rows: Sequence[AccountRow]
    fitting: int
    total: int
    counts: Sequence[tuple[Attention, int]] = field(default_factory=tuple)
    number: int = 1
    pages: int = 1


def account_page(rows: Sequence[AccountRow], search: str = "", wanted: str = "", number: int = 1) -> Page:
    """Return the part of the sorted rows that fits a search and an attention (by its name), and is on a page."""
    words = search.casefold().split()
    found = [row for row in rows if row.answers(words)] if words else rows
    by_attention: dict[Attention, int] = {}
    attentions = [row.attention for row in found]
    for attention in attentions:
        by_attention[attention] = by_attention.get(attention, 0) + 1
    fitting: Sequence[AccountRow] = found
    if wanted in Attention.__members__:
        fitting = [row for row, attention in zip(found, attentions, strict=True) if attention.name == wanted]
    pages = max(1, -(-len(fitting) // PER_PAGE))
    number = min(max(number, 1), pages)
    start = (number - 1) * PER_PAGE
    return Page(fitting[start : start + PER_PAGE], len(fitting), len(rows), sorted(by_attention.items()), number, pages)


def sort_rows(rows: Iterable[AccountRow]) -> list[AccountRow]:
    """Return rows in the order of the list."""
    return sorted(rows, key=lambda row: row.order)


def broken_row(broken: BrokenFile) -> AccountRow:
    """Return the row of an account file that cannot be used."""
    return AccountRow(broken.id or broken.path.name, problem=str(broken.error))


def account_row(file: AccountFile, store: AccountStore, now: datetime) -> AccountRow:
    """Return the row of an account, of what its store remembers; what keeps it from being read stands in it."""
    try:
        remembered = _remembered(file, store, now)
        reading, halt = store.last_reading(), store.find_halt()
        under_way = store.seems_held() is not None
    except (ExitplanError, StoreError, ValueError, KeyError, TypeError) as problem:
        return unreadable_row(file, str(problem))
    return replace(
        row_of(file, remembered.state, reading),
        incidents=remembered.incidents,
        taken=remembered.taken,
        request=remembered.request,
        missing=remembered.missing,
        halt=None if halt is None else halt.text or "halted",
        open_plans=remembered.open_plans,
        under_way=under_way,
    )


def unreadable_row(file: AccountFile, problem: str) -> AccountRow:
    """Return the row of an account that cannot be read."""
    return AccountRow(file.id, file.venue, is_live=is_live(file), tags=_tags(file), problem=problem)


def row_of(file: AccountFile, state: State, reading: LastReading | None) -> AccountRow:
    """Return the row of an account by its state and last reading: without what waits, is wrong or under way."""
    return AccountRow(
        id=file.id,
        venue=file.venue,
        quote=str(file.block["quote"]),
        policy=file.loaded.policy.name,
        tags=_tags(file),
        is_live=is_live(file),
        state=state.account_state,
        equity=None if reading is None else reading.equity,
        positions=None if reading is None else len(reading.positions),
        counted=None if reading is None else reading.counted,
        cap=None if reading is None else reading.cap,
        unwinds=len(state.unwinds),
        escalated=len(state.escalated),
        last_run=state.last_cleanup_run,
        verified_at=state.last_verified_at,
    )


def is_live(file: AccountFile) -> bool:
    """Tell whether real money may move: at any venue but the paper one."""
    return file.venue != "paper"


@dataclass(frozen=True, slots=True)
class _Remembered:
    state: State
    incidents: int = 0
    taken: int = 0
    request: str | None = None
    missing: int = 0
    open_plans: int = 0


def _remembered(file: AccountFile, store: AccountStore, now: datetime) -> _Remembered:
    """Read what the list needs of a journal at once, unchecked and beside whoever writes in it."""
    if not store.has_journal():
        return _Remembered(State())
    with store.open_tables() as tables:
        journal = Journal(tables)
        state = known_state(journal) or State()
        waiting = ApprovalBook(tables, store).waiting()
        silenced = [incident.is_silenced(now) for incident in IncidentFile(tables).open()]
        return _Remembered(
            state,
            silenced.count(False),
            silenced.count(True),
            None if waiting is None else waiting.id,
            0 if waiting is None else Found(waiting, file, store).missing(now),
            len(journal.open_plan_ids()),
        )


def _tags(file: AccountFile) -> tuple[str, ...]:
    return tuple(sorted(file.tags))
