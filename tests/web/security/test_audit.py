"""What people did is told: who, what, from where and when."""

from __future__ import annotations

import json
import logging
from threading import Event

import pytest

from exitplan.executor.alerting.delivery import DeliveryReport
from exitplan.executor.api import apply
from exitplan.executor.people import acting_as, actor
from exitplan.executor.store.history import past_runs
from tests.web.visit import Desk


def told(desk: Desk) -> list[tuple[str, str | None, str, str | None]]:
    lines = (desk.given.data / "web_audit.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return [(one["event"], one.get("person"), one["path"], one["address"]) for one in entries]


def test_every_act_is_told_with_who_did_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "exitplan"):
        browser = desk.browser("anna", address="192.0.2.7")
        browser.post("/test/approver")
        browser.post("/logout")
    assert told(desk) == [
        ("logged_in", "anna", "/login", "192.0.2.7"),
        ("act", "anna", "/test/approver", "192.0.2.7"),
        ("act", "anna", "/logout", "192.0.2.7"),
    ]
    assert "act method=POST path=/test/approver address=192.0.2.7 person=anna role=approver status=303" in caplog.text
    assert (desk.given.data / "web_audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_is_refused_is_logged_alone(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    browser = desk.browser("vera")
    browser.post("/test/approver")
    desk.browser().log_in("anna", "wrong\u202e")
    assert [event for event, *_ in told(desk)] == ["logged_in"]
    assert "refused problem=RoleTooLow method=POST path=/test/approver" in caplog.text
    assert "log_in_failed method=POST path=/login address=127.0.0.1 person=anna" in caplog.text
    assert "wrong" not in caplog.text


def test_what_looks_is_no_act(desk: Desk) -> None:
    desk.browser("anna").get("/test/look")
    assert [event for event, *_ in told(desk)] == ["logged_in"]


def test_an_act_is_done_even_if_the_audit_cannot_be_kept(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    browser = desk.browser("anna")
    audit = desk.given.data / "web_audit.jsonl"
    audit.unlink()
    audit.mkdir()
    assert browser.post("/test/approver").status_code == 303
    assert desk.done == ["approver by anna"]
    assert "audit_not_kept" in caplog.text


def test_an_admin_sees_what_people_did(desk: Desk) -> None:
    assert "Nobody has done anything yet" not in desk.browser("ada").get("/audit").text
    browser = desk.browser("anna")
    browser.post("/test/approver")
    with (desk.given.data / "web_audit.jsonl").open("ab") as file:
        file.write(b'\xff{\n[]\n{"event": "<b>", "person": {"x": 1}}\nhalf')
    page = desk.browser("ada").get("/audit")
    assert page.status_code == 200
    assert "act <code>/test/approver</code>" in page.text
    assert "&lt;b&gt;" in page.text
    assert page.text.index("&lt;b&gt;") < page.text.index("/test/approver")
    assert browser.get("/audit").status_code == 403


def test_what_an_act_has_raised_is_delivered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered = Event()

    def deliver(*_: object) -> DeliveryReport:
        delivered.set()
        return DeliveryReport()

    monkeypatch.setattr("exitplan.web.delivering.deliver", deliver)
    desk.browser("anna").post("/test/approver")
    assert not delivered.wait(0.05)  # the project names no channels
    (desk.root / "alerts.yaml").write_text("version: 1\nchannels: {desk: {url: env:DESK}}\n")
    desk.browser("anna").post("/test/approver")
    assert delivered.wait(20)


def test_whoever_is_logged_in_is_who_runs_and_halts(desk: Desk) -> None:
    account = desk.account()
    with acting_as("anna"):
        apply(account)
        account.store.halt("odd prices", desk.clock())
    assert past_runs(account)[0]["actor"] == "anna"
    halt = account.store.find_halt()
    assert halt is not None
    assert halt.text.startswith("odd prices (anna, ")
    assert actor({"EXITPLAN_USER": "bob"}) == "bob"
