"""Plan what was last seen of accounts under two policies: in processes, since the rule engine may end one."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson

from exitplan.fleet.rollout.forecast import AccountForecast, Tally, Unknown
from exitplan.fleet.snapshots import unpacked
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import EngineDisagreement, FileIsInvalid
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.progress import Progress, progress_from_document
from exitplan.workbench.comparing.drafts import Books

CHUNK = 100
"""Accounts that are handed to a process at once."""
_AHEAD = 3
"""Chunks a process that are under way or wait for it, so that memory does not grow with the fleet."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is kept of an account: its last snapshot and its state, as their tables have them; None where nothing is."""

    account: str
    venue: str
    taken_at: datetime | None
    snapshot: bytes | None
    state: bytes | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Accounts under one policy that would get another, to be planned as of ``now``.

    An account whose last snapshot is older than ``max_age`` is not.
    """

    old: Policy
    new: Policy
    accounts: tuple[Recorded, ...]
    now: datetime
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a chunk: the sums, what changes, and of whom nobody can tell."""

    tally: Tally
    changes: tuple[AccountForecast, ...]
    unknown: tuple[Unknown, ...]


def plan_chunk(chunk: Chunk) -> Answer:
    """Plan the accounts of a chunk under both policies."""
    books, tally = Books(rulebook_of(chunk.old), rulebook_of(chunk.new)), Tally()
    changes: list[AccountForecast] = []
    unknown: list[Unknown] = []
    for recorded in chunk.accounts:
        found = _planned(books, recorded, chunk)
        if isinstance(found, Unknown):
            unknown.append(found)
            tally.unknown[found.reason] += 1
            continue
        tally.add(found.change)
        if found.change.is_change:
            changes.append(found)
    return Answer(tally, tuple(changes), tuple(unknown))


def _planned(books: Books, recorded: Recorded, chunk: Chunk) -> AccountForecast | Unknown:
    account = recorded.account
    if recorded.snapshot is None or recorded.taken_at is None:
        return Unknown(account, "no-snapshot")
    if chunk.now - recorded.taken_at > chunk.max_age:
        return Unknown(account, "too-old")
    try:
        snapshot = unpacked(recorded.snapshot, account)
        change = books.change(snapshot, chunk.now, _progress(recorded))
    except FileIsInvalid as error:
        return Unknown(account, "unreadable", str(error))
    except EngineDisagreement as error:
        return Unknown(account, "engine-failed", str(error))
    return AccountForecast(recorded.venue, chunk.old.sha256, chunk.new.sha256, change)


def _progress(recorded: Recorded) -> Progress:
    """Read an account's progress; what a run that is under way has changed since its last cycle is not in it."""
    if recorded.state is None:
        return Progress()
    try:
        return progress_from_document(orjson.loads(recorded.state))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileIsInvalid(f"the state of {recorded.account} cannot be understood: {error}") from error


def plan_chunks(chunks: Iterable[Chunk], jobs: int | None = None) -> Iterator[Answer]:
    """Plan chunks in ``jobs`` processes, as many as there are cores, and few at a time.

    Where the rule engine ends a process, the accounts that were under way are planned again, each alone, and one that
    ends its process again is told as ``engine-failed``. With 0 jobs it is done in this process.
    """
    if jobs == 0:
        yield from map(plan_chunk, chunks)
        return
    workers, waiting = jobs or os.cpu_count() or 1, iter(chunks)
    while True:
        under_way: deque[tuple[Chunk, Future[Answer]]] = deque()
        try:
            with _pool(workers) as pool:
                yield from _answers(pool, waiting, under_way, workers * _AHEAD)
        except BrokenProcessPool:
            for chunk, _ in under_way:
                yield from _each_alone(chunk)
        else:
            return


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _collect_seldom)


def _collect_seldom() -> None:
    gc.set_threshold(50_000, 20, 100)  # as in the command itself: plans leave nothing behind that refers to itself


def _answers(
    pool: ProcessPoolExecutor, waiting: Iterator[Chunk], under_way: deque[tuple[Chunk, Future[Answer]]], most: int
) -> Iterator[Answer]:
    """Hand chunks out and give the answers in their order; a chunk leaves ``under_way`` only with its answer."""
    for chunk in waiting:
        under_way.append((chunk, Future()))  # first, so that it is not lost where the pool is broken already
        under_way[-1] = (chunk, pool.submit(plan_chunk, chunk))
        if len(under_way) >= most:
            answer = under_way[0][1].result()
            under_way.popleft()
            yield answer
    while under_way:
        answer = under_way[0][1].result()
        under_way.popleft()
        yield answer


def _each_alone(chunk: Chunk) -> Iterator[Answer]:
    pool = _pool(1)
    try:
        for recorded in chunk.accounts:
            try:
                yield pool.submit(plan_chunk, replace(chunk, accounts=(recorded,))).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(1)
                lost = Unknown(recorded.account, "engine-failed", "the rule engine ended its process, twice")
                tally = Tally()
                tally.unknown[lost.reason] += 1
                yield Answer(tally, (), (lost,))
    finally:
        pool.shutdown()
