"""What every answer carries, and that nothing in it is obeyed."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from exitplan.ruleset.model.visible import UNPRINTABLE, printable_lines
from exitplan.web.rendering import environment
from tests.web.visit import Desk

PATHS = ["/login", "/test/look", "/nothing", "/static/exitplan.css", "/static/nothing", "/api/v1/accounts", "/api/v1/x"]
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e{{7*7}}'


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", [None, "vera"])
def test_every_answer_tells_browsers_what_they_may_do(desk: Desk, path: str, who: str | None) -> None:
    headers = desk.browser(who).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] in {"no-store", "no-cache"}
    assert "strict-transport-security" not in headers


def test_over_tls_browsers_stay_with_it(desk: Desk) -> None:
    answer = desk.changed(is_https=True).browser(scheme="https").get("/login")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost:8800.evil.example", ""])
def test_a_name_that_leads_here_from_elsewhere_is_not_answered(desk: Desk, host: str) -> None:
    answer = desk.browser().get("/login", headers={"Host": host})
    assert answer.status_code == 400
    assert "password" not in answer.text


def test_what_a_venue_or_person_says_is_text(desk: Desk) -> None:
    browser = desk.browser("vera")
    for page in (browser.get("/test/look", params={"say": HOSTILE}), desk.browser().log_in(HOSTILE)):
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "\u202e" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "{{7*7}}" in page.text


def test_who_is_logged_in_stays_so_where_there_is_no_page(desk: Desk) -> None:
    assert "vera" in desk.browser("vera").get("/nothing").text
    assert "Log in" in desk.browser().get("/nothing").text


def test_a_path_is_no_text_of_the_page(desk: Desk) -> None:
    page = desk.browser("vera").get("/nothing/<script>alert(1)</script>")
    assert page.status_code == 404
    assert "<script>alert" not in page.text


class _Reader(HTMLParser):
    """Collects what a browser would show, and the elements and attributes that it would see."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@given(st.text() | st.text("<>&\"'/=a \u202e\x00"))
def test_any_text_stays_text_and_shows_what_it_hides(text: str) -> None:
    reader = _Reader()
    reader.feed(environment().from_string('<p title="{{ x }}">{{ x }}</p>').render(x=text))
    reader.close()
    shown = printable_lines(text)
    assert reader.seen == [("p", [("title", shown)])]
    assert "".join(reader.text) == shown
    assert not UNPRINTABLE.search(shown.replace("\n", ""))


def test_markup_of_ours_stays_markup() -> None:
    assert environment().from_string("{{ x }}").render(x=Markup("<b>")) == "<b>"


@pytest.mark.parametrize(
    "name",
    ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "..%5capp.py", "%2fetc%2fpasswd", "exitplan.css%00", "", "."],
)
def test_no_path_leads_out_of_our_own_files(desk: Desk, name: str) -> None:
    answer = desk.browser().get(f"/static/{name}")
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_our_own_files_are_sent_once(desk: Desk) -> None:
    first = desk.browser().get("/static/exitplan.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    again = desk.browser().get("/static/exitplan.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
