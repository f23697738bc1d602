"""The API: the documents of the command line, for programs with a token."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from exitplan.executor.api import apply
from exitplan.schemas.shapes.answers import ANSWERS
from exitplan.web.api.openapi import description
from exitplan.web.api.table import ENDPOINTS
from exitplan.web.security.roles import Role
from tests.web.visit import Desk


def ensure(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    schema = ANSWERS[kind]() if kind in ANSWERS else description()["components"]["schemas"][kind]
    Draft7Validator(schema).validate(document)
    assert document["format_version"] == 1
    return document


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("account-list", "/accounts"),
        ("account-list", "/accounts?search=mai&tag=desk&limit=1"),
        ("status", "/accounts/main"),
        ("gate", "/accounts/main/gate?max_age=15m"),
        ("history", "/accounts/main/history"),
        ("run", "/accounts/main/history/1"),
        ("policy-shown", "/accounts/main/policy"),
        ("alerts-shown", "/accounts/main/alerts?severity=warning"),
        ("pending", "/requests?closed=true"),
        ("incidents", "/incidents?ended=true"),
    ],
)
def test_what_is_told_fits_the_schemas_of_the_command_line(desk: Desk, kind: str, path: str) -> None:
    apply(desk.account())
    answer = desk.program("vera").get(path)
    assert answer.status_code == 200, answer.text
    ensure(kind, answer.json())


def test_a_request_is_told_with_its_plan(desk: Desk) -> None:
    name = desk.ask()
    program = desk.program("vera")
    (line,) = ensure("pending", program.get("/requests").json())["requests"]
    assert (line["request"], line["account"]) == (name, "main")
    assert ensure("request", program.get(f"/requests/{name}").json())["plan"]["plan_id"] == line["plan_id"]


def test_accounts_come_a_page_at_a_time_and_a_broken_one_with_its_error(desk: Desk) -> None:
    text = (desk.root / "accounts/main.yaml").read_text()
    for number in range(4):
        (desk.root / f"accounts/a{number}.yaml").write_text(text.replace("id: main", f"id: a{number}"))
    (desk.root / "accounts/b.yaml").write_text("version: 1\nname: b\n")
    program, seen = desk.program("vera"), list[tuple[str, bool]]()
    after: Any = ""
    for _ in range(3):
        page = ensure("account-list", program.get(f"/accounts?limit=2&after={after}").json())
        seen += [(line["account"].rpartition("/")[2], line["error"] is None) for line in page["accounts"]]
        after = page["next"]
    assert after is None
    assert seen == [("b.yaml", False), ("a0", True), ("a1", True), ("a2", True), ("a3", True), ("main", True)]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/accounts/nobody", 404, "NoSuchAccount"),
        ("/accounts/main/history/7", 404, "NoSuchPage"),
        ("/requests/0", 404, "NoSuchPage"),
        ("/nothing", 404, "NoSuchPage"),
        ("/accounts?limit=0", 400, "RequestUnreadable"),
        ("/accounts?limit=99999999999999999999", 400, "RequestUnreadable"),
        ("/accounts?limt=1", 400, "RequestUnreadable"),
        ("/accounts?limit=1&limit=2", 400, "RequestUnreadable"),
        ("/requests?closed=yes", 400, "RequestUnreadable"),
        ("/accounts/main/gate?max_age=0s", 400, "RequestUnreadable"),
        ("/accounts/main/alerts?severity=loud", 400, "RequestUnreadable"),
    ],
)
def test_what_cannot_be_told_is_an_error_in_json(desk: Desk, path: str, status: int, kind: str) -> None:
    answer = desk.program("vera").get(path)
    assert answer.status_code == status
    assert ensure("error", answer.json())["error"]["type"] == kind


# --- doing ---


def test_two_programs_approve(desk: Desk) -> None:
    name = desk.ask(people=2)
    first, second = desk.program("anna", Role.APPROVER), desk.program("bob", Role.APPROVER)
    assert ensure("request", first.post(f"/requests/{name}/approve").json())["approvals"] == 1
    assert first.post(f"/requests/{name}/approve").json()["approvals"] == 1  # one person is one
    assert second.post(f"/requests/{name}/approve").json()["approvals"] == 2


def test_a_rejected_plan_is_approved_no_more(desk: Desk) -> None:
    name, program = desk.ask(), desk.program("anna", Role.APPROVER)
    told = ensure("request", program.post(f"/requests/{name}/reject", {"why": "not today"}).json())
    assert (told["standing"], told["votes"][0]["person"], told["votes"][0]["why"]) == ("rejected", "anna", "not today")
    answer = program.post(f"/requests/{name}/approve")
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "NotWaiting")


def test_a_live_account_is_named_once_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    name, program = desk.ask(), desk.program("anna", Role.APPROVER)
    monkeypatch.setattr("exitplan.web.acts.deciding.is_live", lambda _file: True)
    assert program.post(f"/requests/{name}/approve", {"account": "other"}).status_code == 400
    assert program.post(f"/requests/{name}/approve").status_code == 400
    assert program.post(f"/requests/{name}/approve", {"account": "main"}).status_code == 200


def test_a_halt_names_whose_token_it_was(desk: Desk) -> None:
    program = desk.program("olga", Role.OPERATOR)
    assert ensure("halted", program.post("/accounts/main/halt", {"why": "odd prices"}).json())["halted"]
    halt = desk.account().store.find_halt()
    assert halt is not None
    assert "odd prices" in halt.text
    assert "olga" in halt.text
    assert program.get("/accounts?search=main").json()["accounts"][0]["halt"]["account"] == "main"
    assert program.post("/halt", {"why": "everything"}).json()["changed"]
    assert program.post("/accounts/main/resume").json() == {
        "format_version": 1,
        "account": "main",
        "halted": True,
        "changed": True,  # by the halt of all
    }
    assert program.post("/resume").json()["changed"]
    assert not program.post("/resume").json()["changed"]
    assert desk.account().store.find_halt() is None


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"why": " "}, 400), ({"why": 1}, 400), ({"why": "x" * 501}, 400), ({"why": "x", "y": 1}, 400)],
)
def test_a_body_that_does_not_fit_does_nothing(desk: Desk, body: dict[str, object], status: int) -> None:
    answer = desk.program("olga", Role.OPERATOR).post("/halt", body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "RequestUnreadable")
    assert desk.account().store.find_halt() is None


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b'{"why": "x", "why": 1}', b"null"])
def test_what_is_no_json_object_does_nothing(desk: Desk, content: bytes) -> None:
    program = desk.program("olga", Role.OPERATOR)
    headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
    assert desk.browser().ask("POST", "/api/v1/halt", content=content, headers=headers).status_code == 400
    form = {"data": {"why": "x"}, "headers": {"Authorization": f"Bearer {program.token}"}}
    assert desk.browser().ask("POST", "/api/v1/halt", **form).status_code == 400
    assert desk.account().store.find_halt() is None


def test_an_incident_that_is_not_there_is_taken_by_nobody(desk: Desk) -> None:
    program = desk.program("olga", Role.OPERATOR)
    answer = program.post("/incidents/x1/ack", {"why": "looking", "for": "4h"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NoSuchPage")
    for body in ({}, {"undo": False}, {"undo": True, "for": "4h"}, {"why": "x", "undo": True}):
        assert program.post("/incidents/x1/ack", body).status_code == 400


def test_an_incident_is_taken_and_given_back(desk: Desk) -> None:
    name = desk.trouble()
    program = desk.program("olga", Role.OPERATOR)
    told = ensure("acknowledged", program.post(f"/incidents/{name}/ack", {"why": "looking", "for": "4h"}).json())
    assert (told["account"], told["by"], told["undone"]) == ("main", "olga", False)
    (line,) = ensure("incidents", program.get("/incidents").json())["incidents"]
    assert (line["acknowledged"]["by"], line["acknowledged"]["why"]) == ("olga", "looking")
    assert program.post(f"/incidents/{name}/ack", {"undo": True}).json()["undone"]
    assert program.get("/incidents").json()["incidents"][0]["acknowledged"] is None
    assert program.post(f"/incidents/{name}/ack", {"undo": True}).status_code == 400


# --- the description ---


def test_the_description_names_every_endpoint_once(desk: Desk) -> None:
    told = desk.program("vera").get("/openapi.json").json()
    operations = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations)) == len(ENDPOINTS)
    assert told["openapi"] == "3.1.0"
