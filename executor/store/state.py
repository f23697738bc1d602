"""What exitplan remembers of an account between runs, and the file that shows it to people.

The journal holds the truth; the file is exported from it by atomic replace after every cycle. A file that is not what
was exported last was edited by hand: it is refused, never silently overwritten, until somebody takes it in.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import orjson

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.files import write_atomically
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import JournalMark
from exitplan.executor.store.legacy_state import published_state
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.progress import (
    Balance,
    MissingPrice,
    Progress,
    UnwindProgress,
    balance_document,
    balance_from_document,
    progress_document,
    progress_from_document,
)
from exitplan.ruleset.model.snapshot import FORMAT_VERSION
from exitplan.ruleset.model.values import ZERO, parse_time, plain, time_text
from exitplan.ruleset.model.visible import with_escapes
from exitplan.ruleset.planning.checks import AccountState
from exitplan.schemas.documents import load_document, parse_document
from exitplan.schemas.loading.json_loader import load_json

V = TypeVar("V")

_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the protocol has done for an account so far; capital in its quote currency."""

    total_positions_cleaned: int = 0
    zombie_positions_closed: int = 0
    legacy_positions_unwound: int = 0
    stale_orders_cancelled: int = 0
    capital_freed_usd: Decimal = ZERO


_AS_WRITTEN = frozenset({"classified_positions", "escalated", "last_prices"})
"""Parts of a state that are kept as they were written."""
_METRICS = tuple(entry.name for entry in fields(Metrics))
_ENTRIES = {"unwind_progress": "unwinds", "failed_exits": "failed_exits", "escalated": "escalated"}
"""The parts of a state document that outcomes change entry by entry, and what a state has them as."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of an account; positions are named by their key (``BTC/USD``, ``BTC/USD#short``).

    ``escalated`` holds the positions that a person was alerted to, each with its rule, reason and time.
    ``last_prices`` are the last mark prices seen. ``last_balance`` is what the account held at the last run,
    ``pending_balance`` a surprising one that waits for a second reading. ``bound`` is the account at its venue
    that all of this is about, None until the first verification or run.
    """

    account_state: AccountState | None = None
    classified: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unwinds: Mapping[str, UnwindProgress] = field(default_factory=dict)
    failed_exits: Mapping[str, int] = field(default_factory=dict)
    escalated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    last_cleanup_run: datetime | None = None
    last_verified_at: datetime | None = None
    verified_policy: str | None = None
    metrics: Metrics = field(default_factory=Metrics)
    price_missing: Mapping[str, MissingPrice] = field(default_factory=dict)
    last_prices: Mapping[str, Decimal] = field(default_factory=dict)
    last_balance: Balance | None = None
    pending_balance: Balance | None = None
    bound: Identity | None = None

    @property
    def progress(self) -> Progress:
        """The part of the state that plans depend on."""
        return Progress(self.unwinds, self.failed_exits, self.price_missing, self.last_balance)

    def counting(self, **more: int | Decimal) -> State:
        """Return a copy whose metrics are higher by the given amounts."""
        raised = {name: getattr(self.metrics, name) + more.get(name, 0) for name in _METRICS}
        return replace(self, metrics=Metrics(**raised))

    @property
    def unverified(self) -> State:
        """The state without what a verification found: only one that is in the journal opens the gate."""
        return replace(self, account_state=None, last_verified_at=None, verified_policy=None)


def state_to_document(state: State) -> dict[str, Any]:
    """Write a state in its JSON form."""
    return {
        "format_version": FORMAT_VERSION,
        "account_state": None if state.account_state is None else state.account_state.value,
        "classified_positions": dict(sorted(state.classified.items())),
        **progress_document(state.progress),
        **({"pending_balance": balance_document(state.pending_balance)} if state.pending_balance else {}),
        **({"last_prices": _prices_document(state.last_prices)} if state.last_prices else {}),
        "escalated": dict(sorted(state.escalated.items())),
        "last_cleanup_run": _moment(state.last_cleanup_run),
        "last_verified_at": _moment(state.last_verified_at),
        **({"verified_policy": state.verified_policy} if state.verified_policy else {}),
        **({"bound_to": _identity_document(state.bound)} if state.bound else {}),
        "cleanup_metrics": _metrics_document(state.metrics),
    }


def changes_between(before: State, after: State, keys: Collection[str]) -> dict[str, Any]:
    """Write what outcomes of positions have changed in a state, as a settlement of the journal has it."""
    parts = dict[str, Any]()
    changed = [name for name, part in _ENTRIES.items() if getattr(before, part) is not getattr(after, part)]
    if changed:
        written = state_to_document(_about(after, keys))
        parts = {name: {key: written[name].get(key) for key in keys} for name in changed}
    if before.metrics is not after.metrics:
        parts["cleanup_metrics"] = _metrics_document(after.metrics)
    return parts


def _about(state: State, keys: Collection[str]) -> State:
    """Return what outcomes may have changed of a state, for some positions alone."""

    def of(entries: Mapping[str, V]) -> dict[str, V]:
        return {key: entries[key] for key in keys if key in entries}

    return State(
        unwinds=of(state.unwinds),
        failed_exits=of(state.failed_exits),
        escalated=of(state.escalated),
    )


def state_from_document(document: Mapping[str, Any]) -> State:
    """Read a state from its JSON form, which has passed ``state.schema.json``; only ``unwind_progress`` is required."""
    progress = progress_from_document(document)
    known, pending, bound = (document.get(name) for name in ("account_state", "pending_balance", "bound_to"))
    return State(
        account_state=None if known is None else AccountState(known),
        classified=_mapping(document.get("classified_positions")),
        unwinds=progress.unwinds,
        failed_exits=progress.failed_exits,
        escalated=_mapping(document.get("escalated")),
        last_cleanup_run=_time(document.get("last_cleanup_run")),
        last_verified_at=_time(document.get("last_verified_at")),
        verified_policy=document.get("verified_policy"),
        metrics=_metrics(document.get("cleanup_metrics") or {}),
        price_missing=progress.price_missing,
        last_prices={key: Decimal(price) for key, price in _mapping(document.get("last_prices")).items()},
        last_balance=progress.last_balance,
        pending_balance=None if pending is None else balance_from_document(pending),
        bound=None if bound is None else Identity(bound["venue"], bound.get("address"), bound.get("key")),
    )


def _identity_document(identity: Identity) -> dict[str, Any]:
    return {"venue": identity.venue, "address": identity.address, "key": identity.key}


def _prices_document(prices: Mapping[str, Decimal]) -> dict[str, str]:
    return {key: plain(price) for key, price in sorted(prices.items())}


def _metrics_document(metrics: Metrics) -> dict[str, Any]:
    return {
        **{name: getattr(metrics, name) for name in _METRICS},
        "capital_freed_usd": plain(metrics.capital_freed_usd),
    }


def _metrics(document: Mapping[str, Any]) -> Metrics:
    return Metrics(
        total_positions_cleaned=int(document.get("total_positions_cleaned") or 0),
        zombie_positions_closed=int(document.get("zombie_positions_closed") or 0),
        legacy_positions_unwound=int(document.get("legacy_positions_unwound") or 0),
        stale_orders_cancelled=int(document.get("stale_orders_cancelled") or 0),
        capital_freed_usd=Decimal(document.get("capital_freed_usd") or 0),
    )


def load_state(journal: Journal, path: Path) -> State:
    """Return the account's state: the journal's, or that of a state file from before there was a journal.

    Of such a file a verification is not believed. Raises FileIsInvalid where the file was edited since it was exported,
    or by a journal that is not there any more: what that one knows may be an order under way.
    """
    known = _journalled(journal, path)
    return _from_before(path) if known is None else known[0]


def _from_before(path: Path) -> State:
    """Return the state of before there was a journal."""
    return state_from_file(path).unverified if path.exists() else State()


def _journalled(journal: Journal, path: Path) -> tuple[State, bytes] | None:
    """Return the state that the journal holds, with the content of its file; None before the first.

    Raises FileIsInvalid as load_state does.
    """
    ensure_newest(journal, path)
    known = journal.state()
    if known is None:
        return None
    state, content = _written_anew(known, "the journal is damaged: its state", journal.mark())
    current = _sha256_of(path) if path.exists() else None
    if current in {None, journal.exported_sha256()}:
        return state, content
    # A crash may fall between writing the file and noting its hash, so what the journal would write now is no edit
    # either.
    if current != hashlib.sha256(content).hexdigest():
        changed = _difference(content, path)
        raise FileIsInvalid(
            f"{path}: the state was edited by hand since exitplan wrote it:\n{changed}",
            hint="take the edit in with `exitplan state import`, or undo it with `exitplan state export`",
        )
    return state, content


def ensure_journal(folder: DataFolder) -> None:
    """Raise FileIsInvalid where a state file was exported by a journal, and no journal is there."""
    if not folder.journal.exists():
        _ensure_no_other(None, folder.state)


def ensure_newest(journal: Journal, path: Path) -> None:
    """Raise FileIsInvalid where a state file was exported by another journal, or by this one at a later time."""
    _ensure_no_other(journal.mark(), path)


def _ensure_no_other(mark: JournalMark | None, path: Path) -> None:
    """Raise FileIsInvalid where a state file was exported by another journal, or by this one at a later time."""
    told = _mark_of(path)
    if told is None or (mark is not None and mark.follows(told)):
        return
    what = "is not there" if mark is None or not mark.revision else "is an older one, or another"
    raise FileIsInvalid(
        f"the journal that {path} was exported from {what}: orders that it knows of may be under way",
        hint="put the newest journal.db back, with its journal.db-wal; if it is lost, look at the orders at the venue,"
        " then go on from the state file with: exitplan state import",
    )


def _mark_of(path: Path) -> JournalMark | None:
    """Return which journal a state file was exported from; None where it does not tell."""
    try:
        told = orjson.loads(load_json(path).text)["exported_from"]
        return JournalMark(str(told["journal"]), int(told["revision"]))
    except (FileIsInvalid, ValueError, KeyError, TypeError):
        return None  # of an earlier version, written by hand, or broken: whoever reads it says so


def _difference(content: bytes, path: Path) -> str:
    """Show what a hand edit changed, as a diff from the journal's state to the file's."""
    ours = content.decode().splitlines()
    theirs = path.read_bytes().decode(errors="replace").splitlines()
    lines = list(difflib.unified_diff(ours, theirs, "exitplan's", "the file's", n=1, lineterm=""))
    more = [f"... and {len(lines) - _MOST_LINES} lines more"] if len(lines) > _MOST_LINES else []
    shown = [*lines[:_MOST_LINES], *more]
    return "\n".join("  " + "".join(letter for letter in line if letter.isprintable()) for line in shown)


def state_from_file(path: Path) -> State:
    """Read a state file that was written by hand or by another program, the published protocol among them.

    Raises FileIsInvalid for a broken one.
    """
    published = published_state(path)
    told = load_document(path, "state") if published is None else parse_document(published, "state", str(path))
    return understood(
        {name: _readable(part) if name in _AS_WRITTEN else part for name, part in told.items()}, str(path)
    )


def understood(document: Mapping[str, Any], name: str) -> State:
    """Read a state; raises FileIsInvalid where it cannot be made sense of, or written again."""
    return _written_anew(document, name)[0]


def known_state(journal: Journal) -> State | None:
    """Return the state that a journal holds; None before the first run. Raises FileIsInvalid where it is damaged."""
    document = journal.state()
    return None if document is None else understood(document, "the journal is damaged: its state")


def _written_anew(document: Mapping[str, Any], name: str, mark: JournalMark | None = None) -> tuple[State, bytes]:
    """Read a state, and write it as the content of its file; raises FileIsInvalid where either cannot be done."""
    try:
        state = state_from_document(document)
        return state, state_bytes(state, mark)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileIsInvalid(f"{name}: this is not a state that this exitplan understands: {error}") from error


def take_state(journal: Journal, path: Path) -> State:
    """Load the state in order to change it; an export that a crash cut short is made up for first.

    Raises FileIsInvalid where the file was edited since it was exported, DataFolderUnusable.
    """
    known = _journalled(journal, path)
    if known is None:
        return _from_before(path)
    state, content = known
    _export(journal, content, path)
    return state


def export_state(journal: Journal, state: State, path: Path, *, over_edits: bool = False) -> None:
    """Write the state file, which must be the state that the journal holds, and note its hash.

    A file that was edited since the last export is left as it is, unless ``over_edits``: whoever comes next refuses it.
    Raises DataFolderUnusable.
    """
    _export(journal, state_bytes(state, journal.mark()), path, over_edits=over_edits)


def _export(journal: Journal, content: bytes, path: Path, *, over_edits: bool = False) -> None:
    digest = hashlib.sha256(content).hexdigest()
    exported = journal.exported_sha256()
    current = _sha256_of(path) if path.exists() else None
    if current == exported == digest:
        return
    if current not in {None, exported, digest} and exported is not None and not over_edits:
        return
    with journal.exporting(digest):
        write_atomically(path, content)


def state_bytes(state: State, mark: JournalMark | None = None) -> bytes:
    """Write a state as the bytes of its file; ``mark`` is the journal that it is exported from."""
    document = state_to_document(state)
    if mark is not None:
        document["exported_from"] = asdict(mark)
    return with_escapes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _sha256_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise FileIsInvalid(f"{path}: cannot be read: {error.strerror or error}") from error


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever an older file holds
    return value if isinstance(value, dict) else {}


def _readable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value of an older file with its numbers as text, which is how amounts are written here."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _readable(part) for name, part in value.items()}
    return [_readable(part) for part in value] if isinstance(value, list) else value


def _moment(value: datetime | None) -> str | None:
    return None if value is None else time_text(value)


def _time(value: str | None) -> datetime | None:
    return None if value is None else parse_time(value)
