"""What outlives the processes of the model: files, the venue, time, and what is under way."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.port import Tables
from tests.chaos.world import World

_FULL = 2
"""The level of SQLite's `synchronous` at which a commit is on the disk."""
_NOT_KEPT = ("alerts.jsonl", "account.yaml", ".lock", ".holder.json")
_LEVELS = "limits"
"""The folder of how much a venue may still be asked: it fills as time goes on, that of the machine."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A request that nobody got an answer to, and that the venue may still take ``until`` a moment of its own time."""

    request: Any
    until: float


@dataclass(frozen=True, slots=True)
class Durable:
    """All that outlives the processes: files, the venue, time, and what is under way."""

    files: Mapping[str, bytes]
    elapsed: float = 0.0
    skew: float = 0.0
    blind_until: float = 0.0
    under_way: tuple[UnderWay, ...] = ()
    committed: tuple[tuple[str, float], ...] = ()
    rows: bytes = b""


@dataclass
class LastingWorld(World):
    """A world that can be put back to any state in which no process was there.

    ``committed`` says when the journal noted that an order would be sent, by client order id. ``unsynced`` is the
    journal before its first commit that is not on the disk: what a power cut leaves.
    """

    elapsed: float = 0.0
    skew: float = 0.0
    blind_until: float = 0.0
    under_way: tuple[UnderWay, ...] = ()
    committed: dict[str, float] = field(default_factory=dict)
    unsynced: Any = None
    is_cut: bool = False

    def begin_journal(self) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with open_journal(self.folder.journal):
            pass

    def keep(self) -> Durable:
        """Keep all that outlives the processes; what was not on the disk does not outlive a power cut."""
        if self.is_cut:
            self.put_journal(self.unsynced)
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.name.endswith(_NOT_KEPT) and path.parent.name != _LEVELS
        }
        return Durable(
            files,
            self.elapsed,
            self.skew,
            self.blind_until,
            self.under_way,
            tuple(sorted(self.committed.items())),
        )

    def restore(self, kept: Durable) -> None:
        """Put everything back as it was kept."""
        for path in self.root.rglob("*"):
            if path.is_file() and path.name != "account.yaml" and str(path.relative_to(self.root)) not in kept.files:
                path.unlink()
        for name, content in kept.files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.elapsed, self.skew = kept.elapsed, kept.skew
        self.blind_until, self.under_way = kept.blind_until, kept.under_way
        self.unsynced, self.is_cut = None, False
        self.committed = dict(kept.committed)

    def put_back(self, kept: Durable) -> None:
        """Put the data folder back as it was kept; what is beside it stays, and so does the venue."""
        for path in self.folder.path.iterdir():
            path.unlink()
        for name, content in kept.files.items():
            if (path := self.root / name).is_relative_to(self.folder.path):
                path.write_bytes(content)

    def fingerprint(self, kept: Durable) -> bytes:
        """Tell two states apart by all that a process could ever see of them."""
        rows = self.journal_content()
        files = sorted((name, content) for name, content in kept.files.items() if "journal.db" not in name)
        return repr((rows, files, kept.elapsed, kept.skew, kept.blind_until, kept.under_way, kept.committed)).encode()

    def standing(self) -> Any:
        """Tell how the account stands, times aside: what every run must come to in the end."""
        document = self.document()
        state = self.state_document()
        unwinds = {key: (entry["cycle"], entry["initial_quantity"]) for key, entry in state["unwind_progress"].items()}
        opened = sorted((entry["symbol"], entry["side"], entry["quantity"]) for entry in document["open_orders"])
        tracked = sorted(self.tracked()) if self.has_tracker() else []
        return self.holdings(), opened, unwinds, tracked, state["account_state"]

    # --- the journal, past exitplan's own reading ---

    def is_synced(self, db: Tables) -> bool:
        """Tell whether a transaction is on the disk when it has ended; what is not goes when the power is cut."""
        (told,) = db.execute("PRAGMA synchronous").fetchone() or (0,)
        return int(str(told)) >= _FULL

    def kept_journal(self) -> Any:
        """Keep the journal alone."""
        return {path: path.read_bytes() for path in self.folder.path.glob("journal.db*")}

    def put_journal(self, kept: Any) -> None:
        """Put the journal back as it was kept."""
        for path in self.folder.path.glob("journal.db*"):
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)

    def ended_plans(self) -> set[str]:
        """The ids of the plans that were applied to their end, read without exitplan."""
        with closing(sqlite3.connect(self.folder.journal)) as journal:
            return {name for (name,) in journal.execute("SELECT plan_id FROM plans WHERE ended_at IS NOT NULL")}
