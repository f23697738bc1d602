"""Walk the route table: nobody comes in past the guard, and nobody does what their role may not."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from exitplan.web.app import ROWS
from exitplan.web.routes import Row
from exitplan.web.security.roles import Role
from tests.web.visit import PEOPLE, Desk

OPEN = {("GET", "/login"), ("POST", "/login"), ("GET", "/static/{name}")}
CLOSED = [row for row in ROWS if row.role is not None]
BY_ROLE = {role: name for name, role in PEOPLE.items()}


def address(row: Row) -> str:
    return re.sub(r"\{[^}]+\}", "x", re.sub(r"\{\w+:int\}", "1", row.path))


def name(row: object) -> str:
    return f"{row.method} {row.path}" if isinstance(row, Row) else str(row)


def test_only_the_log_in_and_our_style_are_open() -> None:
    assert {(row.method, row.path) for row in ROWS if row.role is None} == OPEN


def test_the_application_has_no_other_routes_than_those_of_the_table(desk: Desk) -> None:
    routes = {(route.path, *sorted(route.methods or ())) for route in desk.app.routes if isinstance(route, Route)}
    assert len(routes) == len(desk.app.routes)
    rows = {row.path for row in ROWS} | {"/test/look"} | {f"/test/{role.word}" for role in Role}
    assert {path for path, *_ in routes} == rows


@pytest.mark.parametrize("row", CLOSED, ids=name)
def test_who_is_not_logged_in_is_sent_away(desk: Desk, row: Row) -> None:
    answer = desk.browser().ask(row.method, address(row))
    if row.is_for_programs:
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "TokenRefused"
    elif row.method == "GET":
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
    else:
        assert answer.status_code == 401
        assert "nobody is logged in" in answer.text.lower()


@pytest.mark.parametrize("row", [row for row in CLOSED if row.role is not Role.VIEWER], ids=name)
def test_the_role_below_is_not_enough(desk: Desk, row: Row) -> None:
    assert row.role is not None
    below = BY_ROLE[Role(row.role - 1)]
    if row.is_for_programs:
        answer = desk.program(below, Role(row.role - 1)).ask(row.method, address(row).removeprefix("/api/v1"), json={})
        assert answer.json()["error"]["type"] == "RoleTooLow"
    else:
        browser = desk.browser(below)
        answer = browser.post(address(row)) if row.method == "POST" else browser.get(address(row))
        assert f"this takes {row.role.word}" in answer.text
    assert answer.status_code == 403


@pytest.mark.parametrize("row", [row for row in CLOSED if row.method != "GET" and not row.is_for_programs], ids=name)
def test_no_form_is_taken_without_its_mark(desk: Desk, row: Row) -> None:
    answer = desk.browser("ada").post(address(row), {"csrf": "0" * 64})
    assert answer.status_code == 403
    assert "no mark of this session" in answer.text


@pytest.mark.parametrize("row", CLOSED, ids=name)
def test_without_log_in_nothing_can_be_changed(desk: Desk, row: Row) -> None:
    answer = desk.changed(users=None).browser().ask(row.method, address(row))
    may_look = row.role is Role.VIEWER and row.method == "GET"
    assert answer.status_code not in {303, 401, 403} if may_look else answer.status_code == 403


def test_a_route_that_changes_something_is_not_a_get() -> None:
    with pytest.raises(ValueError, match="must change nothing"):
        Row("/x", "GET", ROWS[0].handler, Role.ADMIN, changes=True)


@pytest.mark.parametrize("role", Role, ids=lambda role: role.word)
def test_each_role_may_do_its_own(desk: Desk, role: Role) -> None:
    browser = desk.browser(BY_ROLE[role])
    assert browser.post(f"/test/{role.word}").status_code == 303
    assert desk.done == [f"{role.word} by {BY_ROLE[role]}"]
