"""Logging in and out."""

from __future__ import annotations

from tests.web.visit import Desk


def test_somebody_logs_in(desk: Desk) -> None:
    browser = desk.browser()
    answer = browser.log_in("anna")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
