"""What is sent to the dashboard: from our own pages, in one form, of a fitting size; anything else does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from exitplan.web.security.guard import MOST_BYTES
from tests.web.visit import Desk


def test_a_form_of_ours_is_taken(desk: Desk) -> None:
    assert desk.browser("anna").post("/test/approver", headers={"Origin": "http://127.0.0.1:8800"}).status_code == 303
    assert desk.done == ["approver by anna"]


@pytest.mark.parametrize("mark", ["", "0" * 64, "ä"])
def test_a_form_without_its_mark_does_nothing(desk: Desk, mark: str) -> None:
    answer = desk.browser("anna").post("/test/approver", {"csrf": mark})
    assert (answer.status_code, desk.done) == (403, [])
    assert "nothing was done" in answer.text


def test_the_mark_of_somebody_else_is_none(desk: Desk) -> None:
    anna, bob = desk.browser("anna"), desk.browser("bob")
    assert bob.post("/test/approver", {"csrf": anna.csrf}).status_code == 403
    again = desk.browser("anna")
    assert again.post("/test/approver", {"csrf": anna.csrf}).status_code == 403
    assert desk.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:8800"},
        {"Origin": "http://127.0.0.1:8801"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_does_nothing_even_with_its_mark(desk: Desk, headers: dict[str, str]) -> None:
    answer = desk.browser("anna").post("/test/approver", headers=headers)
    assert (answer.status_code, desk.done) == (403, [])


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (413, {"data": {"why": "x" * MOST_BYTES}}),
        (413, {"data": {f"field{number}": "" for number in range(700)}}),
        (400, {"json": {"csrf": "x"}}),
        (400, {"files": {"file": b"x"}}),
        (400, {"content": b"csrf=x"}),
        (403, {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "content": b"\xff\xfe%ff=%00"}),
        (403, {}),
    ],
)
def test_what_is_no_form_of_ours_does_nothing(desk: Desk, status: int, sent: dict[str, Any]) -> None:
    answer = desk.browser("anna").ask("POST", "/test/approver", **sent)
    assert (answer.status_code, desk.done) == (status, [])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_do_nothing(desk: Desk, method: str) -> None:
    answer = desk.browser("anna").ask(method, "/test/approver")
    assert (answer.status_code, desk.done) == (405, [])
    assert "Content-Security-Policy" in answer.headers
