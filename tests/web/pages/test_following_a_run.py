"""A run that is followed: its events from any place on, its end, and its actor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.visit import Browser, Desk, over, set_up


@pytest.fixture
def demo(tmp_path: Path) -> Desk:
    return set_up(tmp_path, options={"file": "../data/paper/main.json", "start_from": "demo"})


def applied(desk: Desk, browser: Browser) -> str:
    """Have a plan made and applied; returns the page of the run, once that is over."""
    place = browser.post("/accounts/main/plan").headers["location"]
    work = str(browser.post(f"{place}/approve", {"then": "apply"}).headers["location"])
    over(desk.app.state.desk.works.find(work.rpartition("/")[2]))
    return work


def test_events_go_on_after_the_last_one_that_was_seen(demo: Desk) -> None:
    browser = demo.browser("anna")
    events = f"{applied(demo, browser)}/events"
    everything = browser.get(events).text
    count = everything.count("event: line")
    rest = browser.get(events, headers={"Last-Event-ID": str(count - 2)}).text
    assert rest.count("event: line") == 2
    assert everything.endswith(rest)
    assert rest.endswith("event: over\ndata: {}\n\n")


def test_a_run_is_that_of_whoever_had_it_applied(demo: Desk) -> None:
    browser = demo.browser("anna")
    page = browser.get(applied(demo, browser)).text
    assert "Everything was done." in page
    assert "by anna" in browser.get("/accounts/main/runs/1").text


def test_a_plan_that_was_applied_is_not_applied_again(demo: Desk) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    run = applied(demo, browser)
    again = browser.post(f"{place}/apply")
    assert (again.status_code, again.headers["location"]) == (303, run)  # the run that there was
    assert browser.post(f"{place}/approve").status_code == 409
    assert browser.get("/accounts/main/runs/2").status_code == 404


def test_a_run_of_another_account_or_server_is_not_found(demo: Desk) -> None:
    browser = demo.browser("anna")
    work = applied(demo, browser)
    assert browser.get(work.replace("/main/", "/other/")).status_code == 404
    assert browser.get(f"{work}0").status_code == 404


def test_a_stream_ends_after_a_while_so_that_it_outlives_no_session(
    demo: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exitplan.web.pages.work._LONGEST", 0.2)
    monkeypatch.setattr("exitplan.web.pages.work._PAUSE", 0.01)
    browser = demo.browser("anna")
    events = f"{applied(demo, browser)}/events"
    demo.app.state.desk.works.find(events.split("/")[4]).is_over = False
    answer = browser.get(events)
    assert "event: over" not in answer.text
    assert not +demo.app.state.desk.streams
    demo.users.change(lambda users: {name: user for name, user in users.items() if name != "anna"})
    assert browser.get(events, headers={"Accept": "text/event-stream"}).status_code == 401


def test_nobody_takes_all_places_by_following(demo: Desk) -> None:
    browser, other = demo.browser("anna"), demo.browser("bob")
    events = f"{applied(demo, browser)}/events"
    demo.app.state.desk.streams["anna"] = 20
    assert browser.get(events).status_code == 429
    assert other.get(events).status_code == 200
