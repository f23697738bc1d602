"""Recorded accounts under two policies: which positions and orders are treated otherwise, and what they are worth."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import ZERO
from exitplan.schemas.documents import load_document
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems
from exitplan.workbench.comparing.drafts import Books, DraftChange

_FEWEST_EACH = 100
"""Accounts for which it is worth to start a process."""


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """What changes on one recorded account."""

    file: Path
    drafts: DraftChange


@dataclass(frozen=True, slots=True)
class Recordings:
    """How many recorded accounts were planned, with how many positions, and the accounts where anything changes."""

    files: int = 0
    positions: int = 0
    changes: tuple[RecordingChange, ...] = field(default_factory=tuple)

    @property
    def changed_positions(self) -> int:
        """How many positions are treated otherwise, in all accounts."""
        return sum(len(change.drafts.positions) for change in self.changes)

    @property
    def values(self) -> dict[str, Decimal]:
        """What the positions that are treated otherwise are worth, by the currency of their accounts."""
        sums: dict[str, Decimal] = {}
        for change in self.changes:
            known = [position.value for position in change.drafts.positions if position.value is not None]
            if known:
                quote = change.drafts.quote
                sums[quote] = sums.get(quote, ZERO) + sum(known, ZERO)
        return sums


def compare_recordings(old: Policy, new: Policy, files: Sequence[Path], jobs: int | None = None) -> Recordings:
    """Plan recorded accounts under both policies; each is planned for the moment when it was taken.

    ``jobs`` processes share the work: as many as there are cores, where that is worth it. Raises FileHasProblems for a
    file that is no snapshot.
    """
    wanted = jobs or min(os.cpu_count() or 1, len(files) // _FEWEST_EACH)
    counted = list(_in_processes(old, new, files, wanted) if wanted > 1 else map(_change_of(_books(old, new)), files))
    changes = tuple(change for change, _ in counted if change.drafts.is_change)
    return Recordings(len(files), sum(positions for _, positions in counted), changes)


def _books(old: Policy, new: Policy) -> Books:
    return Books(Rulebook.of(old), Rulebook.of(new))


def _change_of(books: Books) -> Callable[[Path], tuple[RecordingChange, int]]:
    """Return what plans a recorded account under both, and gives what changes, and how many positions there are."""

    def change(file: Path) -> tuple[RecordingChange, int]:
        snapshot = snapshot_from_document(load_document(file, "snapshot"))
        return RecordingChange(file, books.change(snapshot, snapshot.taken_at)), len(snapshot.positions)

    return change


_LOADED: list[Books] = []
"""In a process of its own: the policies that it was started for."""


def _in_processes(old: Policy, new: Policy, files: Sequence[Path], jobs: int) -> Iterator[tuple[RecordingChange, int]]:
    """Share the accounts between processes; the first file with problems ends it, as it does in one process."""
    start, share = multiprocessing.get_context("spawn"), max(len(files) // (4 * jobs), 1)
    with ProcessPoolExecutor(jobs, start, _start, (old, new)) as pool:
        for found in pool.map(_change_or_problems, files, chunksize=share):
            if isinstance(found, _Problems):
                pool.shutdown(wait=False, cancel_futures=True)
                raise FileHasProblems(found.diagnostics)
            yield found


@dataclass(frozen=True, slots=True)
class _Problems:
    """What is wrong with a file, as a process hands it on: its error cannot be."""

    diagnostics: tuple[Diagnostic, ...]


def _start(old: Policy, new: Policy) -> None:
    gc.set_threshold(50_000, 20, 100)  # as in the command itself: plans leave nothing behind that refers to itself
    _LOADED[:] = [_books(old, new)]


def _change_or_problems(file: Path) -> tuple[RecordingChange, int] | _Problems:
    try:
        return _change_of(_LOADED[0])(file)
    except FileHasProblems as error:
        return _Problems(error.diagnostics)
