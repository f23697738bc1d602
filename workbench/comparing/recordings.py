"""Recorded accounts under two policies: which positions and orders are treated otherwise, and what they are worth."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot import Side, Snapshot, snapshot_from_document
from exitplan.ruleset.model.values import ZERO, plain
from exitplan.ruleset.planning.actions import Exit
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.schemas.documents import load_document
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems
from exitplan.workbench.comparing.treatments import Treatment

_FEWEST_EACH = 100
"""Accounts for which it is worth to start a process."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan has for one position: how it is treated, and what is sent, or why nothing is.

    ``sends`` are kind and quantity of each order; ``blocked`` is the reason of an exit that cannot run.
    """

    treatment: Treatment
    sends: tuple[str, ...] = ()
    blocked: str | None = None

    @property
    def means(self) -> tuple[object, ...]:
        """What has to be the same for nothing to have changed."""
        return (self.treatment.means, self.sends, self.blocked)


@dataclass(frozen=True, slots=True)
class PositionChange:
    """A position of a recorded account that is treated otherwise; None where it is money under one of the policies.

    ``value`` is in the account's quote currency, None where nobody can tell it.
    """

    symbol: str
    side: Side
    value: Decimal | None
    before: Planned | None
    after: Planned | None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order that only one of the two policies cancels, by the rule named there."""

    symbol: str
    order_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """What changes on one recorded account; guards are those that refuse the plan."""

    file: Path
    account: str
    quote: str
    positions: tuple[PositionChange, ...] = ()
    orders: tuple[OrderChange, ...] = ()
    guards_before: tuple[str, ...] = ()
    guards_after: tuple[str, ...] = ()

    @property
    def is_change(self) -> bool:
        """Check whether anything changes."""
        return bool(self.positions or self.orders or self.guards_before != self.guards_after)


@dataclass(frozen=True, slots=True)
class Recordings:
    """How many recorded accounts were planned, with how many positions, and the accounts where anything changes."""

    files: int = 0
    positions: int = 0
    changes: tuple[RecordingChange, ...] = field(default_factory=tuple)

    @property
    def changed_positions(self) -> int:
        """How many positions are treated otherwise, in all accounts."""
        return sum(len(change.positions) for change in self.changes)

    @property
    def values(self) -> dict[str, Decimal]:
        """What the positions that are treated otherwise are worth, by the currency of their accounts."""
        sums: dict[str, Decimal] = {}
        for change in self.changes:
            known = [position.value for position in change.positions if position.value is not None]
            if known:
                sums[change.quote] = sums.get(change.quote, ZERO) + sum(known, ZERO)
        return sums


def compare_recordings(old: Policy, new: Policy, files: Sequence[Path], jobs: int | None = None) -> Recordings:
    """Plan recorded accounts under both policies; each is planned for the moment when it was taken.

    ``jobs`` processes share the work: as many as there are cores, where that is worth it. Raises FileHasProblems for a
    file that is no snapshot.
    """
    wanted = jobs or min(os.cpu_count() or 1, len(files) // _FEWEST_EACH)
    counted = list(_in_processes(old, new, files, wanted) if wanted > 1 else map(_Books.of(old, new).change, files))
    changes = tuple(change for change, _ in counted if change.is_change)
    return Recordings(len(files), sum(positions for _, positions in counted), changes)


@dataclass(frozen=True, slots=True)
class _Books:
    """Both policies, loaded into the engine."""

    old: Rulebook
    new: Rulebook

    @classmethod
    def of(cls, old: Policy, new: Policy) -> _Books:
        return cls(Rulebook.of(old), Rulebook.of(new))

    def change(self, file: Path) -> tuple[RecordingChange, int]:
        """Plan an account under both; gives what changes, and how many positions there are."""
        snapshot = snapshot_from_document(load_document(file, "snapshot"))
        given = (PlanInput(book, snapshot, snapshot.taken_at, is_recorded=True) for book in (self.old, self.new))
        return _change(file, snapshot, *map(draft_plan, given)), len(snapshot.positions)


_LOADED: list[_Books] = []
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
    _LOADED[:] = [_Books.of(old, new)]


def _change_or_problems(file: Path) -> tuple[RecordingChange, int] | _Problems:
    try:
        return _LOADED[0].change(file)
    except FileHasProblems as error:
        return _Problems(error.diagnostics)


def _change(file: Path, snapshot: Snapshot, before: Draft, after: Draft) -> RecordingChange:
    return RecordingChange(
        file,
        snapshot.account,
        snapshot.quote,
        tuple(_positions(snapshot, before, after)),
        tuple(_orders(before, after)),
        *(tuple(verdict.name for verdict in draft.guards if not verdict.ok) for draft in (before, after)),
    )


def _positions(snapshot: Snapshot, before: Draft, after: Draft) -> Iterator[PositionChange]:
    old, new = _planned(before), _planned(after)
    values = {decision.key: decision.view.value for draft in (after, before) for decision in draft.decisions}
    for position in snapshot.positions:
        was, becomes = old.get(position.key), new.get(position.key)
        if (was and was.means) != (becomes and becomes.means):
            yield PositionChange(position.symbol, position.side, values.get(position.key), was, becomes)


def _planned(draft: Draft) -> dict[str, Planned]:
    return {
        decision.key: _of_exit(Treatment.of_decision(decision), draft.exits[decision.key])
        for decision in draft.decisions
    }


def _of_exit(treatment: Treatment, exit_: Exit) -> Planned:
    sends = tuple(
        f"{action.kind} {plain(action.quantity)}" for action in exit_.actions if action.kind != "cancel_order"
    )
    return Planned(treatment, sends, exit_.blocked.reason if exit_.blocked else None)


def _orders(before: Draft, after: Draft) -> Iterator[OrderChange]:
    old, new = _cancels(before), _cancels(after)
    for key in sorted({*old, *new}):
        if (key in old) != (key in new):
            yield OrderChange(*key, old.get(key), new.get(key))


def _cancels(draft: Draft) -> dict[tuple[str, str], str]:
    cancels = [action for action in draft.actions if action.order_id is not None]
    return {(action.symbol, str(action.order_id)): action.rule for action in cancels}
