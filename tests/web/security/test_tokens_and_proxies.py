"""Programs with a token, and people whom a proxy has let in."""

from __future__ import annotations

import pytest

from exitplan.web.security.changing_users import remove_user, revoke_token, set_role
from exitplan.web.security.proxy import SECRET_HEADER, ProxyRule
from exitplan.web.security.roles import Role
from tests.web.visit import Browser, Desk, Program

SECRET = "s" * 40


def test_a_token_reads(desk: Desk) -> None:
    assert desk.program("vera").get("/accounts").status_code == 200


def test_only_the_hash_of_a_token_is_kept(desk: Desk) -> None:
    program = desk.program("vera")
    kept = desk.users.path.read_text()
    assert program.token.split("_")[1] in kept
    assert program.token.split("_", 2)[2] not in kept
    assert desk.users.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer exitplan_x_y",
        "Bearer exitplan__",
        "Basic dmVyYTp4",
        "ä",
        "Bearer _ _",
    ],
)
def test_what_is_no_token_is_refused(desk: Desk, header: str) -> None:
    answer = desk.browser().get("/api/v1/accounts", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="exitplan"'
    assert answer.json()["error"]["type"] == "TokenRefused"


def test_a_token_with_another_secret_is_refused(desk: Desk) -> None:
    good, other = desk.program("vera").token, desk.program("anna").token
    mixed = "_".join([*good.split("_")[:2], other.split("_", 2)[2]])
    assert Program(desk.app, mixed).get("/accounts").status_code == 401


def test_a_token_ends(desk: Desk) -> None:
    program = desk.program("vera", days=2)
    desk.clock.advance(2 * 86_400 - 1)
    assert program.get("/accounts").status_code == 200
    desk.clock.advance(1)
    assert program.get("/accounts").status_code == 401


def test_a_token_ends_with_its_owner_and_when_it_is_taken_back(desk: Desk) -> None:
    of_vera, of_anna = desk.program("vera"), desk.program("anna")
    remove_user(desk.users, "vera")
    revoke_token(desk.users, of_anna.token.split("_")[1])
    assert [one.get("/accounts").status_code for one in (of_vera, of_anna)] == [401, 401]


def test_a_token_may_do_no_more_than_its_owner(desk: Desk) -> None:
    program = desk.program("anna", Role.APPROVER)
    set_role(desk.users, "anna", Role.VIEWER)
    answer = program.post("/halt", {"why": "a test"})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "anna is viewer; this takes operator"


def test_a_session_is_no_token_and_a_token_no_session(desk: Desk) -> None:
    assert desk.browser("ada").get("/api/v1/accounts").status_code == 401
    token = desk.program("ada", Role.ADMIN).token
    assert desk.browser().get("/test/look", headers={"Authorization": f"Bearer {token}"}).status_code == 303


# --- proxies ---


def proxied(desk: Desk, **headers: str) -> int:
    browser = desk.changed(proxy=ProxyRule("X-Forwarded-User", SECRET)).browser()
    return browser.get(
        "/test/look", headers={name.replace("_", "-"): value for name, value in headers.items()}
    ).status_code


def test_a_proxy_names_people(desk: Desk) -> None:
    assert proxied(desk, X_Forwarded_User="anna", X_Exitplan_Proxy=SECRET) == 200


def test_who_is_not_the_proxy_names_nobody(desk: Desk) -> None:
    assert proxied(desk) == 303
    assert proxied(desk, X_Forwarded_User="anna") == 303
    assert proxied(desk, X_Forwarded_User="anna", X_Exitplan_Proxy="s" * 39) == 303
    assert proxied(desk, X_Forwarded_User="", X_Exitplan_Proxy=SECRET) == 303


def test_somebody_who_is_no_user_may_nothing(desk: Desk) -> None:
    assert proxied(desk, X_Forwarded_User="mallory", X_Exitplan_Proxy=SECRET) == 403


def test_a_header_that_comes_twice_names_nobody(desk: Desk) -> None:
    browser = desk.changed(proxy=ProxyRule("X-Forwarded-User", SECRET)).browser()
    twice = [("X-Forwarded-User", "anna"), ("X-Forwarded-User", "ada"), (SECRET_HEADER, SECRET)]
    assert browser.get("/test/look", headers=twice).status_code == 303


def test_through_a_proxy_forms_carry_a_mark_too(desk: Desk) -> None:
    behind = desk.changed(proxy=ProxyRule("X-Forwarded-User", SECRET))
    browser = Browser(behind.app)
    headers = {"X-Forwarded-User": "anna", SECRET_HEADER: SECRET}
    assert browser.post("/test/approver", headers=headers).status_code == 403
    browser.get("/test/look", headers=headers)
    assert browser.post("/test/approver", headers=headers).status_code == 303
    headers["X-Forwarded-User"] = "bob"
    assert browser.post("/test/approver", headers=headers).status_code == 403
    assert behind.done == ["approver by anna"]


def test_where_a_proxy_logs_in_nobody_logs_in_here(desk: Desk) -> None:
    assert desk.changed(proxy=ProxyRule("X-Forwarded-User", SECRET)).browser().get("/login").status_code == 404
