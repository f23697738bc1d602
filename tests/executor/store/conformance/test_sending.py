"""The order protocol: nothing is sent that is not in the journal first, and nothing by two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Intent, Resolution, Settlement
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.ruleset.errors import FileIsInvalid
from tests.builders import NOW
from tests.executor.store.conformance.journals import EMPTY, PLAN, asking, begun, filled, plan_named, statuses

TAKEN = "taken by another run"
_NUMBERS = count()


def test_an_intent_is_sent_once_for_each_attempt(store: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        intent = journal.intents("p1")["a1"]
        journal.begin_sending([asking(intent)], run, NOW)
        with pytest.raises(FileIsInvalid, match=TAKEN):
            journal.begin_sending([asking(intent)], run, NOW)


def test_a_run_that_was_overtaken_can_send_nothing(store: AccountStore) -> None:
    with store.open_journal() as journal:
        old = begun(journal)
        journal.begin_run(PLAN, EMPTY, NOW, is_resumed=True)
        with pytest.raises(FileIsInvalid, match=TAKEN):
            journal.begin_sending([asking(journal.intents("p1")["a1"])], old, NOW)


def test_what_was_about_to_be_sent_is_known_after_a_crash(store: AccountStore, again: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        sent = journal.begin_sending([asking(intent) for intent in journal.intents("p1").values()], run, NOW)
    with again.open_journal() as journal:
        assert list(journal.intents("p1").values()) == sent
        assert {(intent.status, intent.fence, intent.sent_at) for intent in sent} == {("sending", run, NOW)}


def test_of_a_group_all_are_about_to_be_sent_or_none(store: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        first, second = (asking(intent) for intent in journal.intents("p1").values())
        journal.begin_sending([second], run, NOW)
        with pytest.raises(FileIsInvalid, match="a2 was taken by another run"):
            journal.begin_sending([first, second], run, NOW)
        assert statuses(journal) == ["planned", "sending"]


def test_an_outcome_and_the_state_it_changes_are_one_commit(store: AccountStore) -> None:
    with store.open_journal() as journal:
        begun(journal)
        done = [(journal.intents("p1")["a1"], Resolution("done"), NOW)]
        with pytest.raises(TypeError):
            journal.settle(Settlement(done, {"broken": object()}))
        assert (statuses(journal)[0], journal.state()) == ("planned", EMPTY)
        journal.settle(Settlement(done, {"failed_exits": {"AAA/USD": 1}}))
        assert (statuses(journal)[0], journal.state()) == ("done", {**EMPTY, "failed_exits": {"AAA/USD": 1}})


def test_outcomes_and_what_is_sent_after_them_are_one_commit(store: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        first, second = (asking(intent) for intent in journal.intents("p1").values())
        (sent,) = journal.begin_sending([first], run, NOW)
        settled = Settlement([(sent, Resolution("done"), NOW)], {"failed_exits": {"AAA/USD": 1}})
        with pytest.raises(FileIsInvalid, match=TAKEN):
            journal.begin_sending([structs.replace(second, attempt=7)], run, NOW, settled)
        assert (statuses(journal), journal.state()) == (["sending", "planned"], EMPTY)
        journal.begin_sending([second], run, NOW, settled)
        assert (statuses(journal), journal.state()) == (["done", "sending"], {**EMPTY, "failed_exits": {"AAA/USD": 1}})


def test_an_order_that_never_arrived_is_sent_as_a_further_attempt(store: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        (sent,) = journal.begin_sending([asking(journal.intents("p1")["a1"])], run, NOW)
        planned = journal.back_to_planned(sent, "timed out", NOW)
        assert journal.intents("p1")["a1"] == structs.replace(planned, message=None)
        (second,) = journal.begin_sending([asking(planned)], run, NOW + timedelta(seconds=9))
        journal.settle(Settlement([(second, filled("1"), NOW + timedelta(seconds=10))]))
    (told,) = audit_trail(store)
    assert [(order["attempt"], order["outcome"]) for order in told["orders"]] == [(1, "not sent"), (2, "done")]


def test_what_a_venue_fills_is_as_it_was_told_last_and_in_the_order_of_telling(store: AccountStore) -> None:
    with store.open_journal() as journal:
        run = begun(journal)
        first, second = journal.begin_sending([asking(intent) for intent in journal.intents("p1").values()], run, NOW)
        later = NOW + timedelta(microseconds=500_000)
        journal.settle(Settlement([(first, filled("1", None), NOW), (second, filled("2", "7.5", "0.1"), later)]))
        journal.settle(Settlement([(first, filled("3", "100"), NOW + timedelta(seconds=1))]))
        told = [(fill["action_id"], fill["quantity"], fill["average_price"]) for fill in journal.fills("p1")]
        assert told == [("a2", "2", "7.5"), ("a1", "3", "100")]
        assert [(fill.action_id, fill.fee, fill.fee_currency) for fill in journal.fills_since(later)] == [
            ("a2", Decimal("0.1"), "USD"),
            ("a1", None, None),
        ]
        assert [action for _, action, _ in journal.settled_since(NOW + timedelta(seconds=1))] == ["a1"]


def test_an_audit_tells_runs_one_by_one_each_with_what_it_sent(store: AccountStore) -> None:
    with store.open_journal() as journal:
        for name in ("p1", "p2"):
            run = begun(journal, plan_named(name))
            journal.begin_sending([asking(journal.intents(name)["a2"])], run, NOW)
            journal.end_run(run, 0, {}, EMPTY, NOW)
    trail = list(audit_trail(store))
    assert [(entry["run"], entry["plan"]["plan_id"]) for entry in trail] == [(1, "p1"), (2, "p2")]
    assert [len(entry["orders"]) for entry in trail] == [1, 1]


# --- laws ---

KEYS = st.sampled_from("abc")
ENTRIES = st.dictionaries(KEYS, st.none() | st.integers(0, 9))
CHANGES = st.lists(st.fixed_dictionaries({}, optional={"failed_exits": ENTRIES, "cleanup_metrics": st.integers(0, 9)}))
in_one_ground = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example has an account of its own."""


@in_one_ground
@given(start=st.dictionaries(KEYS, st.integers(0, 9)), changes=CHANGES, joined=st.lists(st.booleans(), min_size=20))
def test_changes_add_up_to_the_state_one_by_one_or_joined(
    store_of: StoreOpener, start: dict[str, int], changes: list[dict[str, Any]], joined: list[bool]
) -> None:
    wanted: dict[str, Any] = {"failed_exits": dict(start)}
    with store_of(f"law{next(_NUMBERS)}").open_journal() as journal:
        journal.begin_run(PLAN, wanted, NOW)
        before, waiting, revisions = journal.mark(), Settlement([]), 0
        for change, is_joined in zip(changes, joined, strict=False):
            for key, entry in change.get("failed_exits", {}).items():
                wanted["failed_exits"].pop(key, None)
                wanted["failed_exits"] |= {} if entry is None else {key: entry}
            wanted |= {name: entry for name, entry in change.items() if name != "failed_exits"}
            waiting = waiting.then(Settlement([], change))
            if not is_joined:
                journal.settle(waiting)
                waiting, revisions = Settlement([]), revisions + bool(waiting.changes)
        journal.settle(waiting)
        revisions += bool(waiting.changes)
        assert journal.state() == wanted
        assert journal.mark() == replace(before, revision=before.revision + revisions)
        journal.put_state(EMPTY)
        assert (journal.state(), journal.mark().revision) == (EMPTY, before.revision + revisions + 1)


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "fill", "refuse", "lose", "resume", "reopen"]), st.sampled_from(["a1", "a2"])),
    max_size=14,
)


@in_one_ground
@given(steps=STEPS)
def test_an_intent_moves_as_the_protocol_says_whatever_comes_and_whoever_looks(
    store_of: StoreOpener, steps: Sequence[tuple[str, str]]
) -> None:
    store = store_of(f"law{next(_NUMBERS)}")
    with store.open_journal() as journal:
        run = begun(journal)
    wanted: dict[str, tuple[str, int]] = {"a1": ("planned", 0), "a2": ("planned", 0)}
    for step, action in steps:
        with store.open_journal() as journal:
            if step == "resume":
                run = journal.begin_run(PLAN, EMPTY, NOW, is_resumed=True)
            else:
                wanted[action] = _moved(journal, run, step, journal.intents("p1")[action], wanted[action])
            found = {name: (one.status, one.attempt) for name, one in journal.intents("p1").items()}
            assert found == wanted


def _moved(journal: Journal, run: int, step: str, intent: Intent, known: tuple[str, int]) -> tuple[str, int]:
    """Do one step with an intent; returns its status and attempt after it, by a model of the protocol."""
    status, attempt = known
    if step == "send":
        if status == "planned":
            journal.begin_sending([asking(intent)], run, NOW)
            return "sending", attempt + 1
        with pytest.raises(FileIsInvalid, match=TAKEN):
            journal.begin_sending([asking(intent)], run, NOW)
    elif status == "sending" and step in {"fill", "refuse"}:
        journal.settle(Settlement([(intent, filled("1") if step == "fill" else Resolution("refused"), NOW)]))
        return "done" if step == "fill" else "refused", attempt
    elif status == "sending" and step == "lose":
        journal.back_to_planned(intent, "lost", NOW)
        return "planned", attempt
    return known
