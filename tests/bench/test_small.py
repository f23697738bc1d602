"""Small accounts in order: what one takes, counted in calls, and what one that is at rest leaves in memory."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import orjson
import pytest

from bench.small import SIZES, Cycle, calls_of, small_table, time_small
from exitplan.brokers.identity import Identity
from exitplan.brokers.protocol import Broker
from exitplan.executor.accounts.account import Account
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.state import State, state_from_document
from exitplan.ruleset.planning.checks import AccountState
from exitplan.schemas.policies import load_policy, shipped_policy

MOST_CALLS, MOST_MORE = 375, 190
"""A tenth above what an account without a position takes, and what each position adds."""
AT_REST = 5_000
"""Bytes of an account that nothing happens to, in a process that knows its policy."""


def test_an_account_without_a_position_takes_few_calls() -> None:
    assert calls_of(0) <= MOST_CALLS


def test_a_position_of_a_small_account_takes_few_calls_more() -> None:
    assert (calls_of(5) - calls_of(0)) / 5 <= MOST_MORE


@pytest.mark.parametrize("size", SIZES)
def test_a_small_account_is_in_order_and_stays_as_it_was_left(size: int) -> None:
    cycle = Cycle.of(size)
    state = cycle.load()
    _, draft = cycle.decide(cycle.observe(state), state)
    assert (draft.checks.state, draft.actions, draft.warnings) == (AccountState.CLEAN, (), ())
    assert cycle.whole() == cycle.state


def test_the_table_has_a_line_for_each_size() -> None:
    assert len(small_table(time_small([0, 1])).splitlines()) == 4


def test_an_account_at_rest_takes_less_than_five_kilobytes() -> None:
    loaded, kept = load_policy(shipped_policy("default")), Cycle.of(5).state
    cycle = Cycle.of(0)

    def at_rest(number: int) -> tuple[Account, State]:
        name = f"account-{number}"
        account = Account(
            id=name,
            venue="paper",
            quote="USD",
            file=Path("accounts") / name,
            loaded=loaded,
            rulebook=cycle.book,
            broker=cast("Broker", None),
            store=FileStore.of(Path("data"), name),
            clock=lambda: datetime.now(UTC),
            overrides={},
            identity=Identity("paper", "production", name),
        )
        return account, state_from_document(orjson.loads(kept))

    at_rest(0)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        accounts = [at_rest(number) for number in range(1_000)]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken / len(accounts) < AT_REST
