"""What is approved is what the person saw: a plan that was made anew meanwhile counts at prices like those alone."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Barrier, Thread
from unittest.mock import Mock

import pytest

from exitplan.executor.approvals.book import open_book, requests_of
from exitplan.web.acts.deciding import apply_request, approve_request
from exitplan.web.acts.works import Work
from exitplan.web.security.roles import Role
from tests.web.visit import Browser, Desk, over, set_up


@pytest.fixture
def demo(tmp_path: Path) -> Desk:
    return set_up(tmp_path, options={"file": "../data/paper/main.json", "start_from": "demo"})


def seen_plan(browser: Browser, place: str) -> str:
    shown = re.search(r'name="plan" value="([^"]+)"', browser.get(place).text)
    assert shown is not None
    return shown[1]


def planned_anew(desk: Desk, browser: Browser, place: str) -> str:
    """Have the same planned a minute later; returns the id of the plan that waits now."""
    desk.clock.advance(60)
    assert browser.post("/accounts/main/plan").headers["location"] == place
    return requests_of(desk.account().store)[-1].plan_id


def test_the_same_plan_at_the_same_prices_may_be_made_anew_meanwhile(demo: Desk) -> None:
    browser, other = demo.browser("anna"), demo.browser("olga")
    place = browser.post("/accounts/main/plan").headers["location"]
    seen = seen_plan(browser, place)
    assert planned_anew(demo, other, place) != seen
    assert browser.post(f"{place}/approve", {"plan": seen}).status_code == 303


def test_at_other_prices_nothing_is_approved(demo: Desk) -> None:
    browser, other = demo.browser("anna"), demo.browser("olga")
    place = browser.post("/accounts/main/plan").headers["location"]
    seen = seen_plan(browser, place)
    planned_anew(demo, other, place)
    shown = demo.app.state.desk._shown
    shown[seen] = {key: str(float(price) * 2) for key, price in shown[seen].items()}
    answer = browser.post(f"{place}/approve", {"plan": seen, "then": "apply"})
    assert answer.status_code == 409
    assert "at other prices: nothing was done" in answer.text
    assert not requests_of(demo.account().store)[-1].votes


def test_a_plan_that_nobody_was_shown_is_not_approved(demo: Desk) -> None:
    name = demo.ask()
    program = demo.program("anna", Role.APPROVER)
    assert program.post(f"/requests/{name}/approve", {"plan_id": "another"}).status_code == 409
    plan = program.get(f"/requests/{name}").json()["plan"]["plan_id"]
    assert program.post(f"/requests/{name}/approve", {"plan_id": plan}).json()["approvals"] == 1


def test_two_who_apply_at_once_begin_one_run(demo: Desk) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    desk = demo.app.state.desk
    found = approve_request(desk, desk.request("main", place.rpartition("/")[2]), "anna", "")
    works, together = list[Work](), Barrier(2)

    def apply() -> None:
        together.wait()
        works.append(apply_request(desk, found, "anna", ""))

    threads = [Thread(target=apply) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert works[0] is works[1]
    over(works[0])


def test_who_rejects_while_a_run_is_about_to_begin_is_heard(demo: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    desk = demo.app.state.desk
    found = approve_request(desk, desk.request("main", place.rpartition("/")[2]), "anna", "")
    with monkeypatch.context() as held:
        held.setattr("exitplan.web.acts.works.Thread", Mock)
        work = apply_request(desk, found, "anna", "")
    with open_book(found.store) as book:
        book.reject(found.request.id, "bob", demo.clock(), "no")
    desk.works._carry_out(work, desk.open("main"))
    assert "rejected" in work.result_text
    assert not browser.get("/accounts/main/runs/1").is_success
