"""Logging in and out: whose session it is, when it ends, and how often one may try."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest

from exitplan.web.security.changing_users import remove_user, set_password, set_role
from exitplan.web.security.limits import BY_PAIR, LogInLimits
from exitplan.web.security.roles import Role
from exitplan.web.security.sessions import MOST_OF_ONE, Sessions
from tests.web.visit import PASSWORD, Browser, Desk


def is_in(browser: Browser) -> bool:
    return browser.get("/test/look").status_code == 200


def test_somebody_logs_in_and_out(desk: Desk) -> None:
    browser = desk.browser()
    answer = browser.log_in("anna")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert is_in(browser)
    secret = browser.cookies["exitplan"]
    assert browser.post("/logout").headers["location"] == "/login"
    assert not is_in(browser)
    browser.cookies.set("exitplan", secret)  # whoever has kept it has nothing
    assert not is_in(browser)


def test_a_name_is_taken_in_whatever_case(desk: Desk) -> None:
    browser = desk.browser()
    assert browser.log_in("ANNA").status_code == 303
    browser.post("/test/approver")
    assert desk.done == ["approver by anna"]


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "guessed"), ("nobody", PASSWORD), ("", ""), ("anna", "x" * 2000)]
)
def test_a_wrong_name_and_a_wrong_password_read_the_same(desk: Desk, name: str, password: str) -> None:
    browser = desk.browser()
    answer = browser.log_in(name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert password not in answer.text or not password
    assert not is_in(browser)


def test_somebody_whom_a_proxy_lets_in_has_no_password_to_guess(desk: Desk) -> None:
    desk.users.change(lambda users: {**users, "anna": type(users["anna"])("anna", Role.ADMIN, None, desk.clock())})
    assert desk.browser().log_in("anna", "").status_code == 401


def test_a_session_is_always_a_new_one(desk: Desk) -> None:
    browser = desk.browser()
    browser.cookies.set("exitplan", "planted", domain="127.0.0.1", path="/")
    assert browser.log_in("anna").status_code == 303
    first = browser.cookies["exitplan"]
    assert first != "planted"
    browser.log_in("anna")
    assert browser.cookies["exitplan"] != first
    planted = desk.browser()
    planted.cookies.set("exitplan", "planted")
    assert not is_in(planted)


@pytest.mark.parametrize(
    "url", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\n/x", ""]
)
def test_nobody_is_led_elsewhere_after_logging_in(desk: Desk, url: str) -> None:
    assert desk.browser().log_in("anna", next=url).headers["location"] == "/"


def test_who_asked_for_a_page_comes_to_it(desk: Desk) -> None:
    browser = desk.browser()
    asked = browser.get("/test/look?a=b&c=%2F")
    assert asked.headers["location"] == "/login?next=%2Ftest%2Flook%3Fa%3Db%26c%3D%252F"
    assert 'value="/test/look?a=b&amp;c=%2F"' in browser.get(asked.headers["location"]).text
    assert browser.log_in("anna", next="/test/look?a=b&c=%2F").headers["location"] == "/test/look?a=b&c=%2F"


def test_a_session_ends_when_it_is_not_used(desk: Desk) -> None:
    browser = desk.browser("anna")
    for _ in range(3):
        desk.clock.advance(29 * 60)
        assert is_in(browser)
    desk.clock.advance(31 * 60)
    assert not is_in(browser)


def test_a_session_ends_after_half_a_day_however_much_it_is_used(desk: Desk) -> None:
    browser = desk.browser("anna")
    for _ in range(24):
        desk.clock.advance(29 * 60)
        assert is_in(browser)
    desk.clock.advance(25 * 60)
    assert not is_in(browser)


def test_what_was_sent_after_the_session_has_ended_is_not_done(desk: Desk) -> None:
    browser = desk.browser("anna")
    desk.clock.advance(3600)
    answer = browser.post("/test/approver")
    assert (answer.status_code, desk.done) == (401, [])
    assert "The session has ended: nothing was done" in answer.text


def test_another_role_or_password_ends_sessions(desk: Desk) -> None:
    anna, bob, vera = desk.browser("anna"), desk.browser("bob"), desk.browser("vera")
    set_role(desk.users, "anna", Role.VIEWER)
    set_password(desk.users, "bob", "something else altogether")
    remove_user(desk.users, "vera")
    assert [is_in(browser) for browser in (anna, bob, vera)] == [False] * 3


def test_a_broken_file_of_users_lets_nobody_in(desk: Desk) -> None:
    browser = desk.browser("ada")
    desk.users.path.write_text('{"format_version": 1, "users": {"ada": {}}}')
    assert browser.get("/test/look").status_code == 500
    assert browser.post("/test/admin").status_code == 500
    assert desk.done == []


def test_one_person_has_so_many_sessions_at_most(desk: Desk) -> None:
    sessions = Sessions(desk.clock, timedelta(hours=1), timedelta(hours=1))
    user = desk.users.read()["anna"]
    secrets: list[str] = []
    for _ in range(3 + MOST_OF_ONE):
        desk.clock.advance(1)
        secrets.append(sessions.begin(user))
    assert [sessions.use(secret) is not None for secret in secrets] == [False] * 3 + [True] * MOST_OF_ONE


# --- how often one may try ---


def try_often(browser: Browser, name: str, times: int) -> list[int]:
    return [browser.log_in(name, "wrong").status_code for _ in range(times)]


def test_a_password_can_be_tried_five_times(desk: Desk) -> None:
    browser = desk.browser()
    assert try_often(browser, "anna", 6) == [401] * 5 + [429]
    answer = browser.log_in("Anna")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert "try again in 15 minutes" in answer.text
    desk.clock.advance(900)
    assert browser.log_in("anna").status_code == 303


def test_who_tries_elsewhere_locks_nobody_out(desk: Desk) -> None:
    try_often(desk.browser(address="203.0.113.9"), "anna", 6)
    assert desk.browser(address="192.0.2.1").log_in("anna").status_code == 303


def test_an_address_tries_few_names(desk: Desk) -> None:
    browser = desk.browser()
    assert [browser.log_in(f"user{number}", "wrong").status_code for number in range(31)] == [401] * 30 + [429]


def test_a_right_password_counts_for_nothing(desk: Desk) -> None:
    browser = desk.browser()
    for _ in range(3):
        assert try_often(browser, "anna", 4) == [401] * 4
        assert browser.log_in("anna").status_code == 303


# --- the form ---


def test_a_log_in_that_was_not_begun_here_is_refused(desk: Desk) -> None:
    browser, other = desk.browser(), desk.browser()
    other.get("/login")
    fields = {"name": "anna", "password": PASSWORD, "csrf": other.csrf}
    assert browser.post("/login", fields).status_code == 403  # no cookie at all
    browser.get("/login")
    assert browser.post("/login", fields).status_code == 403  # the mark of another browser
    answer = browser.post("/login", {**fields, "csrf": browser.csrf}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not is_in(browser)


def test_the_cookie_is_for_no_script_and_over_tls_for_this_host_alone(desk: Desk) -> None:
    def cookie(browser: Browser) -> str:
        return browser.log_in("anna").headers.get_list("set-cookie")[0]

    plain = cookie(desk.browser())
    assert plain.startswith("exitplan=")
    assert plain.endswith("; HttpOnly; Path=/; SameSite=lax")
    sealed = cookie(desk.changed(is_https=True).browser(scheme="https"))
    assert sealed.startswith("__Host-exitplan=")
    assert sealed.endswith("; HttpOnly; Path=/; SameSite=lax; Secure")


def test_where_nobody_logs_in_there_is_no_such_page(desk: Desk) -> None:
    browser = desk.changed(users=None).browser()
    assert browser.get("/login").status_code == 404
    assert browser.post("/login", {"name": "anna", "password": PASSWORD}).status_code == 404


def test_many_tries_at_once_are_no_more_than_one_after_another(desk: Desk) -> None:
    limits, together, waits = LogInLimits(desk.clock), Barrier(40), list[timedelta | None]()

    def attempt() -> None:
        together.wait()
        waits.append(limits.begin_try("anna", "10.0.0.1"))

    threads = [Thread(target=attempt) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(None) == BY_PAIR.most


def test_of_an_endless_name_no_more_is_remembered_than_of_a_long_one(desk: Desk) -> None:
    limits = LogInLimits(desk.clock)
    limits.begin_try("x" * 60_000, "10.0.0.1")
    assert max(len(part) for key in limits._failures for part in key) <= 100


@pytest.mark.parametrize("broken", [None, "{"])
def test_who_is_not_let_in_learns_of_no_file(desk: Desk, broken: str | None) -> None:
    stranger, program = desk.browser(), desk.program("anna")
    stranger.get("/login")
    if broken is None:
        desk.users.path.unlink()
    else:
        desk.users.path.write_text(broken)
    answers = [stranger.post("/login", {"name": "anna", "password": PASSWORD}), program.get("/accounts")]
    for answer in answers:
        assert answer.status_code == 500
        assert "nobody can be let in now" in answer.text.lower()
        assert "users" not in answer.text.replace("exitplan users", "")
        assert str(desk.root) not in answer.text
