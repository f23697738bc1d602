"""The API applies a plan once, narrows it, follows it and reports on it."""

from __future__ import annotations

import pytest

from exitplan.web.security.roles import Role
from tests.web.api.test_api import ensure
from tests.web.visit import Desk, Program, over


@pytest.fixture
def anna(desk: Desk) -> Program:
    return desk.program("anna", Role.APPROVER)


def plan_of(program: Program, request: str) -> str:
    return str(program.get(f"/requests/{request}").json()["plan_id"])


def test_a_plan_is_applied_once_however_often_it_is_asked_for(desk: Desk, anna: Program) -> None:
    name = desk.ask()
    meant = {"plan_id": plan_of(anna, name)}
    refused = anna.post(f"/requests/{name}/apply", meant)
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "PlanIsUnusable")  # nobody has approved
    anna.post(f"/requests/{name}/approve")
    first = ensure("applying", anna.post(f"/requests/{name}/apply", meant).json())
    second = anna.post(f"/requests/{name}/apply", meant).json()
    over(desk.app.state.desk.works.find(first["work"]))
    third = ensure("applying", anna.post(f"/requests/{name}/apply", meant).json())
    assert first["work"] == second["work"] == third["work"]
    told = ensure("applying", desk.program("vera").get(f"/accounts/main/applying/{first['work']}").json())
    assert (told["over"], told["by"], told["plan_id"]) == (True, "anna", meant["plan_id"])
    assert {event["event"] for event in told["events"]} >= {"run_started", "action_done", "run_finished"}
    (run,) = anna.get("/accounts/main/history").json()["runs"]
    assert run["plan_id"] == meant["plan_id"]
    later = desk.changed()  # the server is started anew, and knows of no work
    answer = later.program("anna", Role.APPROVER).post(f"/requests/{name}/apply", meant)
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "NotWaiting")
    assert len(later.program("vera").get("/accounts/main/history").json()["runs"]) == 1


def test_another_plan_than_the_one_that_is_meant_is_not_applied(desk: Desk, anna: Program) -> None:
    name = desk.ask()
    anna.post(f"/requests/{name}/approve")
    for body, status in (({"plan_id": "0" * 64}, 409), ({}, 400), ({"plan_id": 1}, 400)):
        assert anna.post(f"/requests/{name}/apply", body).status_code == status
    assert anna.post("/halt", {"why": "lunch"}).status_code == 200
    halted = anna.post(f"/requests/{name}/apply", {"plan_id": plan_of(anna, name)})
    assert halted.status_code == 409
    assert anna.get("/accounts/main/history").json()["runs"] == []


def test_a_token_that_only_reads_applies_and_narrows_nothing(desk: Desk) -> None:
    name, reads = desk.ask(), desk.program("anna")
    for path, body in (("apply", {"plan_id": plan_of(reads, name)}), ("narrow", {"leave_out": ["ADA/USD"]})):
        answer = reads.post(f"/requests/{name}/{path}", body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "RoleTooLow")


def test_a_live_account_is_named_once_more_to_apply(desk: Desk, anna: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    name = desk.ask()
    anna.post(f"/requests/{name}/approve")
    monkeypatch.setattr("exitplan.web.acts.deciding.is_live", lambda _file: True)
    body = {"plan_id": plan_of(anna, name)}
    assert anna.post(f"/requests/{name}/apply", body).status_code == 400
    begun = anna.post(f"/requests/{name}/apply", {**body, "account": "main"}).json()
    over(desk.app.state.desk.works.find(begun["work"]))


def test_a_plan_is_narrowed_once(desk: Desk, anna: Program) -> None:
    name = desk.ask()
    plan = anna.get(f"/requests/{name}").json()["plan"]
    symbol = next(action["symbol"] for action in plan["actions"] if action["kind"] != "cancel_order")
    near = anna.post(f"/requests/{name}/narrow", {"leave_out": [symbol[:-1]]})
    assert (near.status_code, symbol in near.json()["error"]["hint"]) == (400, True)
    made = ensure("request", anna.post(f"/requests/{name}/narrow", {"leave_out": [symbol]}).json())
    assert (made["standing"], made["request"] != name) == ("waiting", True)
    acts = anna.get(f"/requests/{made['request']}").json()["plan"]["actions"]
    assert symbol not in {action["symbol"] for action in acts}
    again = anna.post(f"/requests/{name}/narrow", {"leave_out": [symbol]})
    assert (again.status_code, again.json()["error"]["type"]) == (409, "NotWaiting")
    everything = sorted({action["symbol"] for action in acts})
    assert anna.post(f"/requests/{made['request']}/narrow", {"leave_out": everything}).status_code == 400
    (waits,) = anna.get("/requests").json()["requests"]
    assert waits["request"] == made["request"]


def test_the_report_of_an_account_is_that_of_the_command_line(desk: Desk, anna: Program) -> None:
    empty = ensure("report", anna.get("/accounts/main/report").json())
    assert (empty["runs"], empty["rules"]) == (0, [])
    name = desk.ask()
    anna.post(f"/requests/{name}/approve")
    begun = anna.post(f"/requests/{name}/apply", {"plan_id": plan_of(anna, name)}).json()
    over(desk.app.state.desk.works.find(begun["work"]))
    told = ensure("report", anna.get("/accounts/main/report?since=12h").json())
    assert (told["runs"], told["account"]) == (1, "main")
    assert told["total"]["orders"] > 0
    assert anna.get("/accounts/main/report?since=yesterday").status_code == 400


def test_a_run_that_is_not_known_here_is_told(anna: Program) -> None:
    assert anna.get("/accounts/main/applying/x").status_code == 404
