"""Plans that wait for people: asked once, decided by their votes, and used up by the run that carries them out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from exitplan.executor.approvals.book import open_book, requests_of
from exitplan.executor.approvals.request import Request
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.ruleset.errors import NotWaiting, PlanIsStale
from exitplan.ruleset.planning.plan_types import Plan
from tests.builders import NOW, position, snapshot, typed_plan_of
from tests.executor.store.conformance.conftest import Ground
from tests.executor.store.conformance.journals import EMPTY

MOST = Decimal("0.05")
ONE_SALE = typed_plan_of(snapshot(position()))
THE_SAME_LATER = typed_plan_of(snapshot(position()), now=NOW + timedelta(minutes=5))
ANOTHER_SALE = typed_plan_of(snapshot(position("BBB/USD")))


def ask(store: AccountStore, plan: Plan = ONE_SALE, people: int = 1) -> Request:
    with open_book(store) as book:
        return book.ask(plan, ("it is large",), people, NOW).request


def standings(store: AccountStore) -> list[str]:
    return [request.standing for request in requests_of(store)]


def begin(store: AccountStore, plan: Plan) -> None:
    with store.open_journal() as journal:
        journal.begin_run(plan, EMPTY, NOW)


def test_nobody_is_asked_where_there_is_no_journal_and_to_ask_begins_one(store: AccountStore) -> None:
    assert (requests_of(store), store.has_journal()) == ([], False)
    assert not store.may_have_requests()
    ask(store)
    assert store.has_journal()
    assert store.may_have_requests()


def test_what_is_asked_is_read_as_it_was_written(store: AccountStore, again: AccountStore) -> None:
    asked = ask(store, people=2)
    (known,) = requests_of(again)
    assert known == asked
    assert (known.plan.document, known.reasons, known.asked_at) == (ONE_SALE.document, ("it is large",), NOW)


def test_the_same_question_stays_one_with_the_newest_plan(store: AccountStore) -> None:
    first, second = ask(store), ask(store, THE_SAME_LATER)
    assert (first.id, second.plan_id) == (second.id, THE_SAME_LATER.plan_id)
    assert standings(store) == ["waiting"]


def test_another_question_supersedes_it_and_they_are_told_in_their_order(store: AccountStore, ground: Ground) -> None:
    first = ask(store)
    with open_book(store) as book:
        asked = book.ask(ANOTHER_SALE, (), 1, NOW)  # at the very same moment
        book.raise_alerts()
    assert (asked.is_new, asked.replaced) == (True, first.id)
    (old, new) = requests_of(store)
    assert (old.id, old.standing, old.replaced_by) == (first.id, "superseded", asked.request.id)
    assert new == asked.request
    assert [alert["alert_type"] for alert in ground.alerts(store)] == ["APPROVAL_WAITING"] * 2


def test_votes_count_in_their_order_the_last_word_of_each_person(store: AccountStore, again: AccountStore) -> None:
    name = ask(store, people=2).id
    for by, who in ((store, "ann"), (again, "bob"), (store, "ANN")):
        with open_book(by) as book:
            book.approve(name, who, NOW, MOST)
    (request,) = requests_of(store)
    assert [vote.person for vote in request.votes] == ["ann", "bob", "ANN"]
    assert [vote.person for vote in request.approvals(NOW, MOST)] == ["ANN", "bob"]
    assert requests_of(again) == [request]


def test_what_was_rejected_is_not_asked_again_while_that_holds(store: AccountStore) -> None:
    name = ask(store).id
    with open_book(store) as book:
        book.reject(name, "bob", NOW, "not today", NOW + timedelta(hours=1))
        assert book.ask(THE_SAME_LATER, (), 1, NOW).request.id == name
        assert book.rejection_of(THE_SAME_LATER, NOW + timedelta(minutes=59)) is not None
        assert book.rejection_of(THE_SAME_LATER, NOW + timedelta(minutes=61)) is None
        with pytest.raises(NotWaiting, match="rejected by bob: not today"):
            book.approve(name, "ann", NOW, MOST)
        assert book.ask(THE_SAME_LATER, (), 1, NOW + timedelta(hours=2)).is_new


def test_a_run_uses_up_its_approvals_and_withdraws_other_questions(store: AccountStore) -> None:
    ask(store)
    begin(store, ONE_SALE)
    assert standings(store) == ["applied"]
    ask(store, ANOTHER_SALE)
    begin(store, THE_SAME_LATER)
    assert standings(store) == ["applied", "withdrawn"]


def test_a_plan_that_somebody_rejected_meanwhile_is_not_begun(store: AccountStore) -> None:
    name = ask(store).id
    with store.open_journal() as journal:
        with open_book(store) as book:
            book.reject(name, "bob", NOW, "no")
        with pytest.raises(PlanIsStale, match="rejected"):
            journal.begin_run(ONE_SALE, EMPTY, NOW)
        assert (journal.plan_status(ONE_SALE.plan_id), journal.runs(), journal.state()) == ("unknown", [], None)


def test_an_approved_plan_whose_run_was_interrupted_is_found_until_it_ends(store: AccountStore) -> None:
    name = ask(store).id
    with open_book(store) as book:
        book.approve(name, "ann", NOW, MOST)
        assert book.interrupted() is None
        begin(store, ONE_SALE)
        interrupted = book.interrupted()
        assert interrupted is not None
        assert interrupted.id == name
    with store.open_journal() as journal:
        journal.end_plan(ONE_SALE.plan_id, NOW)
    with open_book(store) as book:
        assert book.interrupted() is None


def test_people_vote_while_a_run_is_at_work(store: AccountStore, again: AccountStore) -> None:
    begin(store, ONE_SALE)
    with store.lease(NOW), store.open_journal() as journal:
        journal.claim()
        name = ask(again, ANOTHER_SALE).id
        with open_book(again) as book:
            book.approve(name, "ann", NOW, MOST)
        journal.end_plan(ONE_SALE.plan_id, NOW)  # a vote is no claim


def test_requests_are_of_one_account(store_of: StoreOpener) -> None:
    one, two = ask(store_of("desk")), ask(store_of("other"))
    assert one.id != two.id
    assert requests_of(store_of("other")) == [two]


def test_an_approval_that_is_withdrawn_counts_no_more_until_the_person_approves_again(
    store: AccountStore, again: AccountStore
) -> None:
    name = ask(store).id
    with open_book(store) as book:
        assert book.withdraw_approval("ann", NOW, "gone") is None  # nothing was said yet
        assert book.approve(name, "ann", NOW, MOST).is_approved(NOW, MOST)
        withdrawn = book.withdraw_approval("ANN", NOW, "gone")
    assert withdrawn is not None
    (known,) = requests_of(again)
    assert (known, known.standing, known.approvals(NOW, MOST), known.approvers) == (withdrawn, "waiting", (), ())
    assert [(vote.kind, vote.why) for vote in known.votes] == [("approve", None), ("withdraw", "gone")]
    with open_book(store) as book:
        assert book.withdraw_approval("ann", NOW, "gone") is None
        assert book.approve(name, "ann", NOW, MOST).is_approved(NOW, MOST)
