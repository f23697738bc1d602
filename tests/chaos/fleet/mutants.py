"""Take one safety of fleets out at a time, to see that the suite notices."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from exitplan.executor.store.postgres.leases import Lease
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.batch import writing
from exitplan.fleet.batch.batched_store import BatchedStore
from exitplan.fleet.runner.blame import RegistryBlame
from exitplan.fleet.runner.board import Board


@dataclass(frozen=True, slots=True)
class Mutant:
    """A safety that is taken out, the scene in which that must show, and the words of what shows then."""

    safety: str
    scene: str
    shows: str
    install: Callable[[pytest.MonkeyPatch], None]


def _without_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(writing, "_FENCE", "SELECT WHERE %s::text IS NOT NULL AND %s::bigint IS NOT NULL")


def _without_swap(patch: pytest.MonkeyPatch) -> None:
    """Write whatever was found, whoever has written since."""
    compared = re.compile(r"AND [a-z_.(), ]+ IS NOT DISTINCT FROM told\.(writer|revision|mark)\n")
    patch.setattr(writing, "_WRITE", compared.sub("\n", writing._WRITE))


def _without_index(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Board, "take_in_hand", lambda *_: None)


def _without_tries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RegistryBlame, "count_try", lambda *_: False)


def _without_own_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "ensure", lambda _: None)


def _without_halts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PostgresStore, "find_halt", lambda _: None)
    patch.setattr(BatchedStore, "find_halt", lambda _: None)


MUTANTS: Mapping[str, Mutant] = {
    "no fence": Mutant(
        "the shard's lease, checked before its accounts are written", "zombie writes", "s too late", _without_fence
    ),
    "no swap": Mutant(
        "the compare-and-swap of what quiet accounts remember",
        "verified meanwhile",
        "an older answer over a newer one",
        _without_swap,
    ),
    "no index": Mutant("the index of the account in hand", "poisoned account", "nobody set it aside", _without_index),
    "no tries": Mutant(
        "the count of those that died of an account", "poisoned account", "nobody set it aside", _without_tries
    ),
    "no own clock": Mutant(
        "looking at the lease right before a send", "zombie sends", "an order without a lease", _without_own_clock
    ),
    "no halt": Mutant("reading the halts", "halted", "an order under a halt", _without_halts),
}
