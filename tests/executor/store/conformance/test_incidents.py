"""Incidents: opened, changed and ended in place, with what people have said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from exitplan.executor.escalation.acknowledging import acknowledge
from exitplan.executor.escalation.climbing import Ack, Incident, Tended
from exitplan.executor.escalation.incidents import open_incidents
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.store.untold import Told
from exitplan.ruleset.errors import DataFolderUnusable, UsageError
from tests.builders import NOW
from tests.executor.store.conformance.conftest import Ground

HOUR = timedelta(hours=1)


def incident(name: str, **parts: object) -> Incident:
    made = Incident(name, "zombie", "zombie_exit_failed", "AAA/USD", NOW, NOW, NOW, reason="failed exits: 1")
    return replace(made, **parts)  # type: ignore[arg-type] # any of its parts


def put(store: AccountStore, *incidents: Incident, before: tuple[Incident, ...] = ()) -> None:
    with store.open_journal():
        pass
    with open_incidents(store) as file, file.changing():
        file.put(Tended(incidents), before, NOW)


def test_there_are_none_where_no_journal_was_begun_and_none_is_begun(store: AccountStore) -> None:
    assert incidents_in(store) == ()
    with pytest.raises(DataFolderUnusable), open_incidents(store):
        pass
    assert not store.has_journal()


def test_they_are_told_the_oldest_first_as_they_were_written(store: AccountStore, again: AccountStore) -> None:
    made = [incident("z"), incident("a", told=("desk", "phone"), told_at=NOW), incident("m", resumed=3)]
    put(store, *made)
    assert incidents_in(again) == tuple(made)
    with open_incidents(again) as file:
        assert (file.count(), file.has_work()) == (3, True)


def test_one_that_goes_on_keeps_its_place_and_the_words_on_it(store: AccountStore) -> None:
    first, second = incident("z"), incident("a", subject="BBB/USD")
    put(store, first, second)
    ack = Ack(0, "ann", NOW, "on it", NOW + HOUR)
    assert acknowledge({"desk": store}, "z", ack) == ("desk", first)
    (known, _) = incidents_in(store)
    put(store, replace(known, step=2, waits_from=NOW + HOUR), before=(known, second))
    (changed, other) = incidents_in(store)
    assert (changed.id, changed.step, changed.waits_from, other) == ("z", 2, NOW + HOUR, second)
    assert changed.ack == replace(ack, number=1)


def test_the_newest_word_of_a_person_counts(store: AccountStore) -> None:
    put(store, incident("z"))
    acknowledge({"desk": store}, "z", Ack(0, "ann", NOW, "on it"))
    acknowledge({"desk": store}, "z", Ack(0, "bob", NOW, "not so", is_undone=True))
    (known,) = incidents_in(store)
    assert known.ack == Ack(2, "bob", NOW, "not so", is_undone=True)
    with pytest.raises(UsageError, match="nobody has acknowledged"):
        acknowledge({"desk": store}, "z", Ack(0, "bob", NOW, "again", is_undone=True))


def test_those_that_are_over_are_told_the_newest_first(store: AccountStore) -> None:
    opened = tuple(incident(name) for name in "abc")
    put(store, *opened)
    ends = {"a": NOW + HOUR, "b": NOW + 2 * HOUR}
    put(store, *(replace(one, ended_at=ends.get(one.id), ended_how="over") for one in opened), before=opened)
    assert [one.id for one in incidents_in(store)] == ["c"]
    assert [one.id for one in incidents_in(store, ended=True)] == ["b", "a"]


def test_what_goes_wrong_in_the_middle_leaves_nothing(store: AccountStore) -> None:
    put(store, incident("z"))
    broken = Told("a.1", "ESCALATION", None, {"reason": object()})
    with pytest.raises(TypeError), open_incidents(store) as file, file.changing():
        file.put(Tended((incident("a"),), (broken,)), (), NOW)
    assert [one.id for one in incidents_in(store)] == ["z"]


def test_a_step_and_what_is_told_of_it_are_one_commit(ground: Ground) -> None:
    store = ground.store_of("desk")
    with store.open_journal():
        pass
    with open_incidents(store) as file, file.changing():
        file.put(Tended((incident("a"),), (Told("a.1", "ESCALATION", "CRITICAL", {}),)), (), NOW)
    with open_incidents(store) as file:
        file.raise_untold(store)
        file.raise_untold(store)
    assert [(alert["alert_id"], alert["severity"]) for alert in ground.alerts(store)] == [("a.1", "CRITICAL")]


def test_since_when_something_is_wrong_is_kept_while_it_is(store: AccountStore) -> None:
    with store.open_journal():
        pass
    a, b = ("not_clean", "desk"), ("unwind_stalled", "AAA/USD")
    with open_incidents(store) as file:
        assert file.first_seen([a], NOW) == {a: NOW}
        assert file.first_seen([a, b], NOW + HOUR) == {a: NOW, b: NOW + HOUR}
        assert file.first_seen([], NOW + HOUR, unread=["not_clean"]) == {a: NOW}
        assert file.first_seen([], NOW + HOUR) == {}
        for is_there in (True, True, False, False):
            file.note("clock_off", NOW, is_there=is_there)
            assert file.is_noted("clock_off") is is_there


def test_incidents_are_of_one_account(store_of: StoreOpener) -> None:
    put(store_of("desk"), incident("a"))
    put(store_of("other"), incident("a", reason="another"))
    assert [one.reason for one in incidents_in(store_of("other"))] == ["another"]
